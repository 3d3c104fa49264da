"""Pairs and indices: a tiny company worked by hand, statuses, errors by mirror, invariants."""

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import (
    PAIR_SCORES,
    UNIT_INDICES,
    Parameters,
    pair_scores,
    symmetry_index_se,
    unit_indices,
)
from pipelines.statistics.intervals import Z


def chain(
    windows: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    parameters: Parameters | None = None,
    k: int = 5,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    scores = indicator_scores(windows, definitions, units, k)
    pairs = pair_scores(scores, definitions, units)
    return scores, pairs, unit_indices(pairs, scores, definitions, units, parameters or Parameters())


def only(frame: pl.DataFrame, **equal: Any) -> dict[str, Any]:
    rows = frame.filter(pl.col(name) == value for name, value in equal.items())
    assert rows.height == 1
    return rows.row(0, named=True)


def test_the_tiny_company_by_hand(tiny: Any) -> None:
    """One team, October, mirrors perception (weight 0.75, one pair: trust) and conduct (0.25: responsiveness).

    Trust, answers on 0-100. Clients 50, 75, 75, 100, 100: n 5, Σ 400, Σ² 33750, mean 80, s² = (33750 - 32000)/4
    = 437.5; alone at its level, so pooled = 437.5 and moderated = 437.5. Student on 4 + 4 = 8 degrees 2.306004:
    half-width 2.306004·√(437.5/5) = 21.5707, error /1.959964 = 11.0057. Collaborators 50, 50, 75, 75, 100, 100:
    mean 75, s² = (36250 - 33750)/5 = 500; 9 degrees 2.262157·√(500/6) = 20.6506, error 10.5362.
    Gap 5; downwards the clients' own 21.5707 and the collaborators' 20.6506 upwards, √ of the squares 29.8620;
    upwards the clients' interval ends at 100, so √(20² + 20.6506²) = 28.7480.

    Responsiveness, goalposts 50 to 100. Clients 80/100 = 80 %, score 60; Wilson half-width 7.7731 points, error
    3.96595, on the score 7.93189. Collaborators 30/40 = 75 %, score 50; half-width 13.0034, error 6.63452, on the
    score 13.26904. Wilson's bounds on the score: 42.2342 to 73.3266, and 19.6121 to 71.6258.

    C = 0.75·80 + 0.25·60 = 75; E = 0.75·75 + 0.25·50 = 68.75; gap 6.25.
    Errors: perception from the composite (with one pair it is trust itself); C: √((0.75·11.0057)² +
    (0.25·7.93189)²) = 8.48909; E: √((0.75·10.5362)² + (0.25·13.26904)²) = 8.57019; gap 12.06287.
    Level √(75·68.75) = 71.80703; symmetry 93.75; symmetry index 67.31909.
    C runs from 58.4 to 91.6 and so crosses the bar of 60: borderline. Alone at its level: human sigma 50.
    """
    _, pairs, indices = chain(tiny.example(), tiny.definitions(), tiny.units("team"))
    assert dict(pairs.schema) == PAIR_SCORES
    assert dict(indices.schema) == UNIT_INDICES

    trust = only(pairs, pair_id="trust")
    assert (trust["client_score"], trust["collaborator_score"]) == (pytest.approx(80), pytest.approx(75))
    assert (trust["gap"], trust["status"]) == (pytest.approx(5), "ok")
    assert trust["gap_lower"] == pytest.approx(5 - math.hypot(21.5707, 20.6506), abs=1e-3)
    assert trust["gap_upper"] == pytest.approx(5 + math.hypot(20.0, 20.6506), abs=1e-3)
    assert trust["gap_se"] == pytest.approx((29.8620 + 28.7480) / 2 / Z, abs=1e-4)
    responsiveness = only(pairs, pair_id="responsiveness")
    assert responsiveness["gap"] == pytest.approx(10)
    assert responsiveness["gap_lower"] == pytest.approx(10 - math.hypot(60 - 42.2342, 71.6258 - 50), abs=1e-3)
    assert responsiveness["gap_upper"] == pytest.approx(10 + math.hypot(73.3266 - 60, 50 - 19.6121), abs=1e-3)

    row = only(indices, unit_id="team")
    assert row["status"] == "ok"
    assert (row["weight_present"], row["pairs_scored"]) == (pytest.approx(1), 2)
    assert row["client_index"] == pytest.approx(75)
    assert row["collaborator_index"] == pytest.approx(68.75)
    assert row["client_index_se"] == pytest.approx(8.48909, abs=1e-4)
    assert row["collaborator_index_se"] == pytest.approx(8.57019, abs=1e-4)
    assert row["client_index_lower"] == pytest.approx(75 - Z * 8.48909, abs=1e-3)
    assert row["gap"] == pytest.approx(6.25)
    assert row["gap_se"] == pytest.approx(12.06287, abs=1e-4)
    assert row["level"] == pytest.approx(71.80703, abs=1e-5)
    assert row["symmetry"] == pytest.approx(93.75)
    assert row["symmetry_index"] == pytest.approx(67.31909, abs=1e-5)
    assert row["symmetry_index_lower"] < row["symmetry_index"] < row["symmetry_index_upper"]
    assert row["quadrant"] == "borderline"
    assert row["human_sigma"] == pytest.approx(50)
    assert (row["perception_client"], row["perception_collaborator"]) == (pytest.approx(80), pytest.approx(75))
    assert (row["conduct_client"], row["conduct_collaborator"]) == (pytest.approx(60), pytest.approx(50))
    assert row["journey_client"] is None


def test_without_a_face_the_rest_is_renormalised_and_coverage_decides(tiny: Any) -> None:
    """Without responsiveness 0.75 of the weight is there: enough at 0.6, and C is trust alone; not at 0.8."""
    windows = tiny.example().filter(pl.col("indicator_id") != "collaborator_responsiveness")
    _, pairs, indices = chain(windows, tiny.definitions(), tiny.units("team"))
    missing = only(pairs, pair_id="responsiveness")
    assert (missing["status"], missing["collaborator_status"], missing["client_status"]) == (
        "insufficient",
        "insufficient",
        "ok",
    )
    assert missing["client_score"] == pytest.approx(60)
    assert missing["gap"] is None
    row = only(indices, unit_id="team")
    assert (row["status"], row["weight_present"], row["pairs_scored"]) == ("ok", pytest.approx(0.75), 1)
    assert (row["client_index"], row["collaborator_index"]) == (pytest.approx(80), pytest.approx(75))

    _, _, strict = chain(windows, tiny.definitions(), tiny.units("team"), Parameters(coverage=0.8))
    row = only(strict, unit_id="team")
    assert (row["status"], row["weight_present"], row["pairs_scored"]) == ("insufficient", pytest.approx(0.75), 1)
    rest = {k: v for k, v in row.items() if k not in ("unit_id", "period", "status", "weight_present", "pairs_scored")}
    assert all(value is None for value in rest.values())


def test_coverage_exactly_met_counts_despite_rounding(tiny: Any) -> None:
    _, _, indices = chain(
        tiny.example().filter(pl.col("indicator_id") != "collaborator_responsiveness"),
        tiny.definitions(),
        tiny.units("team"),
        Parameters(coverage=0.75 + 1e-12),
    )
    assert only(indices, unit_id="team")["status"] == "ok"


def test_suppressed_when_hidden_pairs_would_have_sufficed(tiny: Any) -> None:
    few = (pl.col("indicator_id") == "collaborator_trust") | pl.col("indicator_id").str.ends_with(".collaborator")
    windows = tiny.example().with_columns(people=pl.when(few).then(4).otherwise(pl.col("people")).cast(pl.Int64))
    _, pairs, indices = chain(windows, tiny.definitions(), tiny.units("team"))
    pair = only(pairs, pair_id="trust")
    assert (pair["status"], pair["client_status"], pair["collaborator_status"]) == ("suppressed", "ok", "suppressed")
    assert pair["client_score"] == pytest.approx(80)
    assert all(pair[name] is None for name in ("collaborator_score", "gap", "gap_lower", "gap_upper", "gap_se"))
    row = only(indices, unit_id="team")
    assert row["status"] == "suppressed"
    assert all(value is None for name, value in row.items() if name not in ("unit_id", "period", "status"))


def test_every_unit_and_pair_has_its_row_without_any_data(tiny: Any) -> None:
    units = tiny.units("a", "b", "c")
    _, pairs, indices = chain(tiny.windows(), tiny.definitions(), units)
    assert pairs.height == 3 * 2
    assert set(pairs["status"]) == {"insufficient"}
    assert indices["unit_id"].to_list() == ["a", "b", "c"]
    assert indices["status"].to_list() == ["insufficient"] * 3
    assert indices["weight_present"].to_list() == [0.0] * 3
    assert indices["pairs_scored"].to_list() == [0] * 3


def test_perception_without_respondents_adds_errors_and_a_bound_is_never_hidden_by_a_composite(tiny: Any) -> None:
    """Two pairs in perception, 0.5 each, no composite: the error is the plain weighted sum, not the root of
    squares. With a composite but one face resting on a bound: still the sum."""
    base = tiny.definitions()
    definitions = Definitions(
        indicators=base.indicators,
        goalposts=base.goalposts,
        windows=base.windows,
        mirror_pairs=base.mirror_pairs.with_columns(mirror=pl.lit("perception")),
        weights=pl.DataFrame(
            {
                "scope": ["mirror", "pair", "pair"],
                "id": ["perception", "trust", "responsiveness"],
                "weight": [1, 0.5, 0.5],
            },
            strict=False,
        ),
    )
    answers = tiny.example().filter(~pl.col("indicator_id").str.starts_with("composite"))
    scores, _, indices = chain(answers, definitions, tiny.units("team"))
    errors = {row["indicator_id"]: row["score_se"] for row in scores.iter_rows(named=True)}
    linear = 0.5 * errors["client_trust"] + 0.5 * errors["client_responsiveness"]
    row = only(indices, unit_id="team")
    assert row["client_index_se"] == pytest.approx(linear)
    assert (row["client_index"], row["collaborator_index"]) == (pytest.approx(70), pytest.approx(62.5))

    _, _, few = chain(tiny.example(), definitions, tiny.units("team"))
    assert only(few, unit_id="team")["client_index_se"] == pytest.approx(linear), "never above the sum of errors"

    many = tiny.example().with_columns(
        pl.when(pl.col("indicator_id") == "composite.perception.client").then(pl.col(name) * 9).otherwise(pl.col(name))
        for name in ("n", "s1", "s2")
    )
    scores, _, indices = chain(many, definitions, tiny.units("team"))
    own = only(scores, indicator_id="composite.perception.client")["value_se"]
    assert own < linear
    assert only(indices, unit_id="team")["client_index_se"] == pytest.approx(own)

    bound = tiny.example().with_columns(conservative=pl.col("indicator_id") == "client_trust")
    scores, _, indices = chain(bound, definitions, tiny.units("team"))
    errors = {row["indicator_id"]: row["score_se"] for row in scores.iter_rows(named=True)}
    linear = 0.5 * errors["client_trust"] + 0.5 * errors["client_responsiveness"]
    assert only(indices, unit_id="team")["client_index_se"] == pytest.approx(linear)


def test_quadrants_at_the_bar(tiny: Any) -> None:
    """With many answers the intervals are narrow, and each corner has its name."""
    corners = {"virtuous": (80, 80), "client_first": (80, 40), "team_first": (40, 80), "double_deficit": (40, 40)}
    corners["borderline"] = (60, 80)
    windows = tiny.windows(
        *(
            tiny.window(f"{side}_trust", 10_000, 10_000 * score, 10_000 * (score**2 + 100), unit_id=unit)
            for unit, scores in corners.items()
            for side, score in zip(("client", "collaborator"), scores, strict=True)
        )
    )
    _, _, indices = chain(windows, tiny.definitions(), tiny.units(*corners))
    assert indices["quadrant"].to_list() == indices["unit_id"].to_list()
    # Ranks of C: 40, 40, 60, 80, 80 and of E: 40, 40, 80, 80, 80; percentile (rank - 0.5)/5.
    virtuous = only(indices, unit_id="virtuous")
    assert virtuous["human_sigma"] == pytest.approx(math.sqrt((4.5 - 0.5) / 5 * (4 - 0.5) / 5) * 100)


def test_human_sigma_ranks_only_the_scored_of_the_same_level(tiny: Any) -> None:
    windows = tiny.windows(
        *(
            tiny.window(f"{side}_trust", 50, 50 * score, 50 * (score**2 + 100), unit_id=unit)
            for unit, score in {"a": 60, "b": 70, "region": 65}.items()
            for side in ("client", "collaborator")
        )
    )
    units = pl.concat([tiny.units("a", "b", "empty"), tiny.units("region", level="region")])
    _, _, indices = chain(windows, tiny.definitions(), units)
    sigma = dict(indices.select("unit_id", "human_sigma").iter_rows())
    assert sigma == {"a": pytest.approx(25), "b": pytest.approx(75), "region": pytest.approx(50), "empty": None}


def test_delta_method_against_simulation() -> None:
    """Away from the kink the delta method agrees with 200,000 draws; at it, and at zero, it is not too small."""
    draws = np.random.default_rng(7)

    def simulated(client: float, client_se: float, team: float, team_se: float) -> float:
        c = np.clip(draws.normal(client, client_se, 200_000), 0, 100)
        e = np.clip(draws.normal(team, team_se, 200_000), 0, 100)
        return float(np.std(np.sqrt(c * e) * (100 - np.abs(c - e)) / 100))

    def delta(*values: float) -> float:
        return float(symmetry_index_se(*(np.array([value]) for value in values))[0])

    assert delta(75, 2, 55, 3) == pytest.approx(simulated(75, 2, 55, 3), rel=0.02)
    assert delta(50, 1, 70, 2) == pytest.approx(simulated(50, 1, 70, 2), rel=0.02)
    assert delta(70, 2, 70, 3) >= simulated(70, 2, 70, 3)
    assert math.isfinite(delta(0, 2, 50, 2))
    assert delta(0, 2, 50, 2) > 0
    assert delta(0, 2, 0, 2) > 0


def test_parameters_are_read_and_checked() -> None:
    frame = pl.DataFrame({"name": ["bar", "coverage", "callback_days"], "value": [55.0, 0.5, 7.0]})
    assert Parameters.from_frame(frame) == Parameters(bar=55.0, coverage=0.5)
    assert Parameters.from_frame(frame.clear()) == Parameters()
    with pytest.raises(ValueError, match="bar is 120"):
        Parameters.from_frame(pl.DataFrame({"name": ["bar"], "value": [120.0]}))
    with pytest.raises(ValueError, match="coverage is 0"):
        Parameters.from_frame(pl.DataFrame({"name": ["coverage"], "value": [0.0]}))


def test_a_unit_twice_in_a_period_is_refused(tiny: Any) -> None:
    units = pl.concat([tiny.units("team"), tiny.units("team", level="site")])
    with pytest.raises(ValueError, match="'team'"):
        unit_indices(pl.DataFrame(schema=PAIR_SCORES), pl.DataFrame(), tiny.definitions(), units, Parameters())


FACE = st.tuples(st.integers(min_value=1, max_value=200), st.floats(min_value=0, max_value=1))
UNIT = st.fixed_dictionaries(
    {
        name: st.none() | FACE
        for name in ("client_trust", "collaborator_trust", "client_responsiveness", "collaborator_responsiveness")
    }
)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(UNIT, min_size=1, max_size=6), seed=st.integers(min_value=0, max_value=2**31))
def test_invariants(tiny: Any, rows: list[dict[str, tuple[int, float] | None]], seed: int) -> None:
    """gap = C - E, bounds contain values and stay in range, coverage holds, hidden is empty, order is nothing."""

    def sums(indicator: str, n: int, share: float) -> tuple[float, float]:
        yes = round(share * n)
        return (yes * 100, yes * 10_000) if indicator.endswith("trust") else (yes, yes)

    windows = tiny.windows(
        *(
            tiny.window(indicator, face[0], *sums(indicator, *face), unit_id=f"u{at}")
            for at, unit in enumerate(rows)
            for indicator, face in unit.items()
            if face is not None
        )
    )
    units = tiny.units(*(f"u{at}" for at in range(len(rows))))
    definitions, parameters = tiny.definitions(), Parameters()
    scores, pairs, indices = chain(windows, definitions, units, parameters)
    again = chain(windows.sample(fraction=1, shuffle=True, seed=seed), definitions, units.reverse(), parameters)
    assert scores.equals(again[0])
    assert pairs.equals(again[1])
    assert indices.equals(again[2])
    assert indices.height == units.height
    assert pairs.height == units.height * 2

    for frame in (pairs.filter(pl.col("status") == "ok"), indices.filter(pl.col("status") == "ok")):
        suffix = "score" if "pair_id" in frame.columns else "index"
        client, team = frame[f"client_{suffix}"], frame[f"collaborator_{suffix}"]
        assert np.allclose(frame["gap"].to_numpy(), (client - team).to_numpy())
        assert frame["gap"].is_between(frame["gap_lower"], frame["gap_upper"]).all()
        assert (frame["gap_se"] > 0).all()
        for side in ("client", "collaborator"):
            value = frame[f"{side}_{suffix}"]
            assert value.is_between(0, 100).all()
            assert value.is_between(frame[f"{side}_{suffix}_lower"], frame[f"{side}_{suffix}_upper"]).all()
    ok = indices.filter(pl.col("status") == "ok")
    assert (ok["weight_present"] >= parameters.coverage - 1e-9).all()
    for side in ("client", "collaborator"):
        assert (ok[f"{side}_index_se"] > 0).all()
    assert ok["symmetry_index"].is_between(ok["symmetry_index_lower"], ok["symmetry_index_upper"]).all()
    assert ok["symmetry_index"].is_between(0, 100).all()
    numbers = [name for name, dtype in UNIT_INDICES.items() if dtype == pl.Float64 and name != "weight_present"]
    for status in ("suppressed", "insufficient"):
        hidden = indices.filter(pl.col("status") == status).select(*numbers, "quadrant")
        assert sum(hidden.null_count().row(0)) == hidden.height * hidden.width
    assert (
        indices.filter(pl.col("status") == "suppressed")["weight_present"].null_count()
        == (indices["status"] == "suppressed").sum()
    )
    assert (indices.filter(pl.col("status") == "insufficient")["weight_present"] < parameters.coverage).all()
