"""Robustness: the baseline is the published index, variants by hand, draws spread as the published errors say."""

import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics.indicators import indicator_scores
from pipelines.statistics.indices import SIDES, Parameters, pair_scores, unit_indices
from pipelines.statistics.robustness import (
    ROBUSTNESS,
    RobustnessParameters,
    _drawn_side,
    _index,
    _moving_together,
    _panel,
    _side_index,
    robustness,
)
from tests.unit.statistics import companies

Frames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]


def chain(count: int = 30, months: int = 2, seed: int = 5, holes: float = 0.1) -> Frames:
    """Pairs, scores, indices and units of a random company."""
    places, definitions = companies.units(count, months), companies.definitions()
    scores = indicator_scores(companies.windows(places, seed, holes=holes), definitions, places, 5)
    pairs = pair_scores(scores, definitions, places)
    return pairs, scores, unit_indices(pairs, scores, definitions, places, Parameters()), places


def run(frames: Frames, **parameters: float) -> pl.DataFrame:
    pairs, scores, indices, places = frames
    return robustness(pairs, scores, indices, companies.definitions(), places, RobustnessParameters(**parameters))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def frames() -> Frames:
    return chain()


@pytest.fixture(scope="module")
def found(frames: Frames) -> pl.DataFrame:
    return run(frames)


def of(found: pl.DataFrame, variant: str) -> pl.DataFrame:
    return found.filter(pl.col("variant") == variant).drop("variant")


def test_the_baseline_is_the_published_index(frames: Frames, found: pl.DataFrame) -> None:
    indices = frames[2]
    assert dict(found.schema) == ROBUSTNESS
    assert set(indices["status"]) == {"ok", "insufficient", "suppressed"}, "the company must show every case"
    baseline = of(found, "baseline").join(indices, on=["unit_id", "period"], suffix="_published", validate="1:1")
    assert baseline.height == indices.height
    assert baseline["status"].equals(baseline["status_published"])
    assert baseline["symmetry_index"].equals(baseline["symmetry_index_published"])
    first = baseline.filter(pl.col("period") == pl.col("period").min(), pl.col("status") == "ok")
    order = first.sort("symmetry_index", descending=True)
    assert order["rank"].to_list() == list(range(1, order.height + 1))


def test_the_variants_start_from_the_very_same_index(frames: Frames) -> None:
    """With nothing varied, the code that computes the variants gives C, E and the symmetry index of unit_indices."""
    pairs, scores, indices, places = frames
    base = indices.join(places.select("unit_id", "period", "unit_level"), on=["unit_id", "period"])
    panel = _panel(base, pairs, scores, companies.definitions())
    shown = (base["status"] == "ok").to_numpy()
    sides = {side: _side_index(panel, side, panel.pair_weights, panel.mirror_weights)[shown] for side in SIDES}
    for side, index in sides.items():
        assert np.allclose(index, base[f"{side}_index"].drop_nulls().to_numpy(), rtol=0, atol=1e-11)
    index = _index(sides["client"], sides["collaborator"])
    assert np.allclose(index, base["symmetry_index"].drop_nulls().to_numpy(), rtol=0, atol=1e-11)


def test_draws_of_the_estimates_have_the_published_error(frames: Frames) -> None:
    """Under the defined weights a side is drawn with the very error that unit_indices gives it."""
    pairs, scores, indices, places = frames
    base = indices.join(places.select("unit_id", "period", "unit_level"), on=["unit_id", "period"])
    panel = _panel(base, pairs, scores, companies.definitions())
    count = 20_000
    some, over = np.tile(panel.pair_weights, (count, 1)), np.tile(panel.mirror_weights, (count, 1))
    shown = np.flatnonzero((base["status"] == "ok").to_numpy())
    for side in SIDES:
        drawn = _drawn_side(panel, side, shown, some, over, np.random.default_rng(2))
        published = base[f"{side}_index_se"].drop_nulls().to_numpy()
        inside = base[f"{side}_index"].drop_nulls().to_numpy() + 4 * published < 100
        assert drawn.std(axis=0)[inside] / published[inside] == pytest.approx(1.0, abs=0.03)


def test_errors_move_together_just_as_much_as_their_mirror_says() -> None:
    """Errors 3 and 4, weights 1: independent 5, wholly together 7. Six lies between: (36 - 25)/(49 - 25) = 11/24."""
    errors, weights = np.array([[3.0, 4.0]] * 3), np.ones(2)
    correlation, factor = _moving_together(errors, weights, np.array([6.0, 7.0, 4.0]))
    assert correlation == pytest.approx([11 / 24, 1, 0])
    assert factor == pytest.approx([1, 1, 4 / 5])


def test_variants_by_hand() -> None:
    """One unit in full. Its faces are read back from the pairs and each variant is worked with plain arithmetic."""
    frames = chain(count=3, months=1, seed=11, holes=0.0)
    found, pairs = run(frames), frames[0]
    unit = frames[2].filter(pl.col("status") == "ok")["unit_id"][0]
    rows = {row["pair_id"]: row for row in pairs.filter(pl.col("unit_id") == unit).iter_rows(named=True)}
    got = {
        row["variant"]: row["symmetry_index"] for row in found.filter(pl.col("unit_id") == unit).iter_rows(named=True)
    }
    assert {row["status"] for row in rows.values()} == {"ok"}

    def sides(trust: float, listening: float, first: float, second: float) -> tuple[list[float], list[list[float]]]:
        names = ("trust", "listening", "responsiveness", "resolution")
        scores = [[rows[name][f"{side}_score"] for name in names] for side in SIDES]
        return [trust, listening, first, second], scores

    def index(c: float, e: float, level: float | None = None) -> float:
        return (math.sqrt(c * e) if level is None else level) * (100 - abs(c - e)) / 100

    weights, scores = sides(0.42, 0.18, 0.2, 0.2)
    c, e = (sum(w * s for w, s in zip(weights, own, strict=True)) for own in scores)
    assert got["baseline"] == pytest.approx(index(c, e))
    assert got["level_arithmetic"] == pytest.approx(index(c, e, (c + e) / 2))
    assert got["level_harmonic"] == pytest.approx(index(c, e, 2 * c * e / (c + e)))
    geometric = [math.exp(sum(w * math.log(s) for w, s in zip(weights, own, strict=True))) for own in scores]
    assert got["pairs_geometric"] == pytest.approx(index(*geometric))
    harmonic = [1 / sum(w / s for w, s in zip(weights, own, strict=True)) for own in scores]
    assert got["pairs_harmonic"] == pytest.approx(index(*harmonic))
    equal = [sum(own) / 4 for own in scores]
    assert got["equal_weights"] == pytest.approx(index(*equal))
    weights, scores = sides(0.6, 0.0, 0.2, 0.2)
    left = [sum(w * s for w, s in zip(weights, own, strict=True)) for own in scores]
    assert got["without.listening"] == pytest.approx(index(*left))


def test_the_band_holds_the_rank_and_only_draws_have_one(found: pl.DataFrame) -> None:
    draws = of(found, "draws").filter(pl.col("status") == "ok")
    assert (draws["rank_low"] <= draws["rank"]).all()
    assert (draws["rank"] <= draws["rank_high"]).all()
    assert (draws["rank_high"] > draws["rank_low"]).any()
    others = found.filter(pl.col("variant") != "draws")
    assert others["rank_low"].null_count() == others.height
    hidden = found.filter(pl.col("status") != "ok")
    assert hidden.height > 0
    assert hidden.select("symmetry_index", "rank", "rank_low", "rank_high").null_count().row(0) == (hidden.height,) * 4


def test_a_clear_order_has_a_narrow_band() -> None:
    """Twenty-five answers a side leave ranks open; of units 15 points apart on thousands of answers, none moves."""
    places, definitions = companies.units(4), companies.definitions()
    rows = []
    for place, unit in enumerate(places["unit_id"]):
        for side in SIDES:
            for pair in companies.PAIRS:
                n, score = 10_000.0, 40.0 + 15.0 * place
                done = n * score / 100.0
                s1, s2 = (done, done) if companies.PAIRS[pair] == "conduct" else (n * score, n * (score**2 + 400.0))
                rows.append((unit, places["period"][0], "all", f"{side}_{pair}", 3, n, s1, s2, 10_000, False))
    names = ["unit_id", "period", "population", "indicator_id", "window_months", "n", "s1", "s2", "people"]
    windows = pl.DataFrame(rows, schema=[*names, "conservative"], orient="row")
    scores = indicator_scores(windows, definitions, places, 5)
    pairs = pair_scores(scores, definitions, places)
    indices = unit_indices(pairs, scores, definitions, places, Parameters())
    draws = of(robustness(pairs, scores, indices, definitions, places), "draws").sort("unit_id")
    assert draws["rank"].to_list() == draws["rank_low"].to_list() == draws["rank_high"].to_list() == [4, 3, 2, 1]


def test_the_same_inputs_give_the_same_bytes_in_any_order(frames: Frames, found: pl.DataFrame) -> None:
    shuffled = tuple(frame.sample(fraction=1, shuffle=True, seed=8) for frame in frames)
    assert run(shuffled).equals(found)  # type: ignore[arg-type]
    other = run(frames, robustness_seed=1)
    assert not other.equals(found)
    assert of(other, "without.trust").equals(of(found, "without.trust"))


def test_without_a_pair_a_unit_may_fall_below_its_coverage(frames: Frames, found: pl.DataFrame) -> None:
    thin = of(found, "without.trust").join(of(found, "baseline"), on=["unit_id", "period"], suffix="_base")
    fallen = thin.filter(pl.col("status") == "insufficient", pl.col("status_base") == "ok")
    assert fallen.height > 0
    pairs = frames[0].filter(pl.col("status") == "ok")
    for unit, period in fallen.select("unit_id", "period").iter_rows():
        scored = pairs.filter(pl.col("unit_id") == unit, pl.col("period") == period)["pair_id"].to_list()
        present = 0.6 * ("listening" in scored) + 0.2 * ("responsiveness" in scored) + 0.2 * ("resolution" in scored)
        assert present < 0.6 - 1e-9


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10_000))
def test_scaling_all_weights_changes_nothing(seed: int) -> None:
    pairs, scores, indices, places = chain(count=6, months=1, seed=seed)
    definitions = companies.definitions()
    doubled = companies.definitions().weights.with_columns(pl.col("weight") * 2)
    other = type(definitions)(
        definitions.indicators, definitions.goalposts, definitions.windows, definitions.mirror_pairs, doubled
    )
    few = RobustnessParameters(robustness_draws=100)
    first, second = (robustness(pairs, scores, indices, given, places, few) for given in (definitions, other))
    assert first.drop("symmetry_index").equals(second.drop("symmetry_index"))
    assert first["symmetry_index"].to_list() == pytest.approx(second["symmetry_index"].to_list(), nan_ok=True)


def test_nothing_in_nothing_out_and_mismatched_frames_are_refused(frames: Frames) -> None:
    pairs, scores, indices, places = frames
    empty = robustness(pairs.clear(), scores.clear(), indices.clear(), companies.definitions(), places.clear())
    assert empty.is_empty()
    assert dict(empty.schema) == ROBUSTNESS
    with pytest.raises(ValueError, match="differ in their units"):
        robustness(pairs, scores, indices.head(5), companies.definitions(), places)


def test_parameters() -> None:
    table = pl.DataFrame({"name": ["robustness_draws", "robustness_weights"], "value": [200.0, 0.1]})
    assert RobustnessParameters.from_frame(table) == RobustnessParameters(0.6, 200, 0.1, 0)
    for name, value in (("robustness_draws", 20.0), ("robustness_weights", 1.0), ("coverage", 0.0)):
        with pytest.raises(ValueError, match=re.escape(name)):
            RobustnessParameters.from_frame(pl.DataFrame({"name": [name], "value": [value]}))
