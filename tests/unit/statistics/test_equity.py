"""Equity: by hand on two populations, against the indices it borrows its rules from, k, and calibration."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.statistics.equity import EQUITY, equity
from pipelines.statistics.indicators import indicator_scores
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices
from pipelines.statistics.intervals import Z
from tests.unit.statistics import companies


def two_populations(tiny: Any) -> pl.DataFrame:
    """Trust of the tiny company's collaborators: field as in its example, office ten points above; requests too."""
    window = tiny.window
    return tiny.windows(
        *(
            window(indicator, n, s1, s2, population=population)
            for population, n, s1, s2 in (("field", 6, 450, 36250), ("office", 6, 510, 45850))
            for indicator in ("collaborator_trust", "composite.perception.collaborator")
        ),
        window("collaborator_responsiveness", 40, 30, population="field"),
        window("collaborator_responsiveness", 40, 36, population="office"),
    )


def test_by_hand(tiny: Any) -> None:
    """Trust: field 450/6 = 75, office 510/6 = 85, both with s² = 500 and alone in their group, so error 10.5362 (see
    test_indices). Replies 75 % and 90 %, goalposts 50 to 100: 50 and 80. Weights 0.75 and 0.25: field 68.75, office
    83.75, difference -15. Field's error is that of test_indices, 8.57019; office: Wilson of 36/40 has half-width
    9.5636 points, on the score error 9.7590; √((0.75·10.5362)² + (0.25·9.7590)²) = 8.2707."""
    found = equity(
        indicator_scores(two_populations(tiny), tiny.definitions(), tiny.units("team"), 5),
        tiny.definitions(),
        tiny.units("team"),
        Parameters(),
    )
    assert dict(found.schema) == EQUITY
    row = found.row(0, named=True)
    assert found.height == 1
    assert (row["population_a"], row["population_b"], row["status"]) == ("field", "office", "ok")
    assert (row["index_a"], row["index_b"]) == (pytest.approx(68.75), pytest.approx(83.75))
    assert row["difference"] == pytest.approx(-15)
    assert row["index_a_se"] == pytest.approx(8.57019, abs=1e-4)
    p, n, z = 0.9, 40, Z
    wilson = math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n) * 200
    assert row["index_b_se"] == pytest.approx(math.hypot(0.75 * 10.5362, 0.25 * wilson), abs=1e-4)
    assert row["difference_se"] == pytest.approx(math.hypot(row["index_a_se"], row["index_b_se"]))
    assert row["difference_lower"] == pytest.approx(-15 - Z * row["difference_se"])
    assert (row["people_a"], row["people_b"], row["pairs_scored"]) == (6, 6, 2)


def test_only_pairs_that_both_populations_have_are_compared(tiny: Any) -> None:
    windows = two_populations(tiny).filter(
        (pl.col("indicator_id") != "collaborator_responsiveness") | (pl.col("population") == "field")
    )
    found = equity(
        indicator_scores(windows, tiny.definitions(), tiny.units("team"), 5),
        tiny.definitions(),
        tiny.units("team"),
        Parameters(),
    ).row(0, named=True)
    assert (found["index_a"], found["index_b"]) == (pytest.approx(75), pytest.approx(85))
    assert (found["pairs_scored"], found["weight_present"]) == (1, pytest.approx(0.75))


def test_a_population_of_four_hides_the_comparison(tiny: Any) -> None:
    windows = two_populations(tiny).with_columns(
        people=pl.when(pl.col("population") == "office").then(4).otherwise(pl.col("people")).cast(pl.Int64)
    )
    found = equity(
        indicator_scores(windows, tiny.definitions(), tiny.units("team"), 5),
        tiny.definitions(),
        tiny.units("team"),
        Parameters(),
    ).row(0, named=True)
    assert found["status"] == "suppressed"
    shown = {"unit_id", "period", "population_a", "population_b", "status"}
    assert {value for name, value in found.items() if name not in shown} == {None}


def test_one_population_compares_with_nobody(tiny: Any) -> None:
    scores = indicator_scores(tiny.example(), tiny.definitions(), tiny.units("team"), 5)
    found = equity(scores, tiny.definitions(), tiny.units("team"), Parameters())
    assert found.is_empty()
    assert dict(found.schema) == EQUITY


def test_three_populations_make_three_comparisons_by_the_rules_of_the_indices() -> None:
    places, definitions = companies.units(12, 2), companies.definitions()
    windows = companies.windows(places, 3, ("field", "office", "remote"), holes=0.05)
    scores = indicator_scores(windows, definitions, places, 5)
    found = equity(scores, definitions, places, Parameters())
    assert found.height == places.height * 3
    assert set(found.select("population_a", "population_b").unique().rows()) == {
        ("field", "office"),
        ("field", "remote"),
        ("office", "remote"),
    }
    # With the faces of both populations in place of the two sides, the indices themselves must say the same.
    office = windows.filter(pl.col("population") == "office", pl.col("indicator_id").str.contains("collaborator"))
    field = windows.filter(pl.col("population") == "field", pl.col("indicator_id").str.contains("collaborator"))
    as_clients = field.with_columns(pl.col("indicator_id").str.replace("collaborator", "client"))
    both = pl.concat([as_clients, office]).with_columns(population=pl.lit("all"))
    swapped = indicator_scores(both, definitions, places, 5)
    indices = unit_indices(pair_scores(swapped, definitions, places), swapped, definitions, places, Parameters())
    joined = found.filter(pl.col("population_a") == "field", pl.col("population_b") == "office").join(
        indices, on=["unit_id", "period"], suffix="_of"
    )
    assert joined["status"].equals(joined["status_of"])
    assert (joined["status"] == "ok").sum() > 10
    for mine, theirs in (("index_a", "client_index"), ("index_b", "collaborator_index"), ("difference", "gap")):
        for end in ("", "_lower", "_upper", "_se"):
            left, right = (joined[name + end].drop_nulls().to_numpy() for name in (mine, theirs))
            assert np.allclose(left, right, rtol=0, atol=1e-9)


def test_the_order_of_rows_and_other_definitions_do_not_matter() -> None:
    places, definitions = companies.units(6), companies.definitions()
    scores = indicator_scores(companies.windows(places, 9, ("all", "field", "office")), definitions, places, 5)
    first = equity(scores, definitions, places, Parameters())
    assert equity(scores.reverse(), definitions, places.reverse(), Parameters()).equals(first)
    scaled = replace(definitions, weights=definitions.weights.with_columns(pl.col("weight") * 3))
    second = equity(scores, scaled, places, Parameters())
    assert second["difference"].to_list() == pytest.approx(first["difference"].to_list(), nan_ok=True)


def test_the_interval_of_the_difference_holds_the_truth() -> None:
    """1,000 units whose field staff truly feel 8 points less; three questions of one person correlate by 0.4."""
    rng = np.random.default_rng(12)
    places, definitions = companies.units(1000), companies.definitions()
    rows = []
    for unit, period in places.select("unit_id", "period").iter_rows():
        for population, level in (("field", 54.0), ("office", 62.0)):
            people = int(rng.integers(10, 80))
            latent = level + rng.normal(0, np.sqrt(0.4) * 18, people) + rng.normal(0, np.sqrt(0.6) * 18, (2, people))
            # Dithered rounding to the five answers keeps the expectation.
            steps = np.clip(latent / 25, 0, 4)
            answers = 25 * (np.floor(steps) + (rng.random((2, people)) < steps - np.floor(steps)))
            whole = 0.7 * answers[0] + 0.3 * answers[1]
            for name, values in (
                ("collaborator_trust", answers[0]),
                ("collaborator_listening", answers[1]),
                ("composite.perception.collaborator", whole),
            ):
                sums = float(values.sum()), float((values**2).sum())
                rows.append((unit, period, population, name, 3, float(people), *sums, people, False))
    names = ["unit_id", "period", "population", "indicator_id", "window_months", "n", "s1", "s2", "people"]
    scores = indicator_scores(pl.DataFrame(rows, [*names, "conservative"], orient="row"), definitions, places, 5)
    found = equity(scores, definitions, places, Parameters(coverage=0.6))
    assert set(found["status"]) == {"ok"}
    truth = _expected(54.0) - _expected(62.0)
    inside = found.select((pl.col("difference_lower") <= truth) & (pl.col("difference_upper") >= truth)).to_series()
    assert 0.93 <= inside.mean() <= 0.97  # type: ignore[operator]


def _expected(level: float) -> float:
    """Expected answer: the latent clipped to 0-100, by numerical integration."""
    grid = np.linspace(-6, 6, 20_001)
    density = np.exp(-(grid**2) / 2)
    return float(np.sum(np.clip(level + 18 * grid, 0, 100) * density) / density.sum())
