"""Beliefs: by hand, by role, hidden and thin sides, and calibration of the difference."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.statistics.beliefs import BELIEFS, beliefs
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.intervals import Z
from tests.unit.statistics import companies

SHOWN = {"unit_id", "period", "role", "dimension", "status"}


def definitions(tiny: Any, min_n: float = 1) -> Definitions:
    """The tiny company's, with trust asked of both sides by survey."""
    given: Definitions = tiny.definitions(min_n)
    trust = pl.col("indicator_id").str.ends_with("_trust")
    return replace(
        given,
        indicators=given.indicators.with_columns(
            measure=pl.when(trust).then(pl.lit("survey_mean")).otherwise(pl.lit("case_first_reply")),
            topic=pl.when(trust).then(pl.lit("trust")).otherwise(None),
        ),
    )


def answers(tiny: Any, people: int = 6) -> pl.DataFrame:
    """Clients 50, 75, 75, 100, 100 (mean 80, see test_indices); staff guess 50, 50, 75, 75, 100, 100 (mean 75)."""
    return tiny.windows(  # type: ignore[no-any-return]
        tiny.window("belief.client.trust", 5, 400, 33750),
        tiny.window("belief.collaborator.trust", 6, 450, 36250, people=people),
    )


def test_by_hand(tiny: Any) -> None:
    """The errors are those of the same answers in test_indices: 11.0057 and 10.5362, together 15.2360."""
    found = beliefs(answers(tiny), definitions(tiny), tiny.units("team"), 5)
    assert dict(found.schema) == BELIEFS
    assert found.height == 1
    row = found.row(0, named=True)
    assert (row["role"], row["dimension"], row["status"]) == ("collaborator", "trust", "ok")
    assert (row["estimate"], row["answer"]) == (pytest.approx(75), pytest.approx(80))
    assert row["difference"] == pytest.approx(-5)
    assert (row["estimate_se"], row["answer_se"]) == (
        pytest.approx(10.5362, abs=1e-4),
        pytest.approx(11.0057, abs=1e-4),
    )
    assert row["difference_se"] == pytest.approx(15.2360, abs=1e-4)
    assert row["difference_upper"] == pytest.approx(-5 + Z * 15.2360, abs=1e-3)
    assert (row["estimates"], row["estimating_people"], row["answers"], row["answering_people"]) == (6, 6, 5, 5)


def test_roles_stand_side_by_side_and_every_unit_has_its_rows(tiny: Any) -> None:
    windows = pl.concat([answers(tiny), tiny.windows(tiny.window("belief.manager.trust", 7, 630, 57000))])
    found = beliefs(windows, definitions(tiny), tiny.units("team", "empty"), 5)
    assert found.select("unit_id", "role", "status").rows() == [
        ("empty", "collaborator", "insufficient"),
        ("empty", "manager", "insufficient"),
        ("team", "collaborator", "ok"),
        ("team", "manager", "ok"),
    ]
    manager = found.row(3, named=True)
    assert (manager["estimate"], manager["difference"]) == (pytest.approx(90), pytest.approx(10))
    assert manager["answer"] == found["answer"][2]


@pytest.mark.parametrize("few", ["belief.client.trust", "belief.collaborator.trust"])
def test_either_side_below_k_hides_all(tiny: Any, few: str) -> None:
    windows = answers(tiny).with_columns(
        people=pl.when(pl.col("indicator_id") == few).then(4).otherwise(pl.col("people")).cast(pl.Int64)
    )
    row = beliefs(windows, definitions(tiny), tiny.units("team"), 5).row(0, named=True)
    assert row["status"] == "suppressed"
    assert {value for name, value in row.items() if name not in SHOWN} == {None}


def test_a_thin_side_is_insufficient_by_the_min_n_of_its_survey(tiny: Any) -> None:
    row = beliefs(answers(tiny), definitions(tiny, min_n=6), tiny.units("team"), 5).row(0, named=True)
    assert row["status"] == "insufficient", "five clients answered, six are needed"
    assert row["difference"] is None


def test_estimates_without_clients_and_nothing_at_all(tiny: Any) -> None:
    alone = answers(tiny).filter(pl.col("indicator_id") != "belief.client.trust")
    assert beliefs(alone, definitions(tiny), tiny.units("team"), 5)["status"].to_list() == ["insufficient"]
    nothing = beliefs(tiny.example(), definitions(tiny), tiny.units("team"), 5)
    assert nothing.is_empty()
    assert dict(nothing.schema) == BELIEFS


def test_the_interval_holds_the_truth_in_any_order() -> None:
    """1,000 units; staff think clients 12 points happier than they are; 1 to 5 and 0 to 10, 8 to 60 people a side."""
    rng = np.random.default_rng(4)
    places = companies.units(1000)
    given = companies.definitions()
    rows = []
    for unit, period in places.select("unit_id", "period").iter_rows():
        for role, level, steps in (("client", 55.0, 4), ("manager", 67.0, 10)):
            people = int(rng.integers(8, 60))
            latent = np.clip(level + rng.uniform(-25, 25, people), 0, 100) * steps / 100
            values = (np.floor(latent) + (rng.random(people) < latent - np.floor(latent))) * 100 / steps
            sums = float(values.sum()), float((values**2).sum())
            rows.append((unit, period, "all", f"belief.{role}.trust", 3, float(people), *sums, people, False))
    names = ["unit_id", "period", "population", "indicator_id", "window_months", "n", "s1", "s2", "people"]
    windows = pl.DataFrame(rows, [*names, "conservative"], orient="row")
    found = beliefs(windows, given, places, 5)
    assert set(found["status"]) == {"ok"}
    inside = found.select((pl.col("difference_lower") <= 12) & (pl.col("difference_upper") >= 12)).to_series()
    assert 0.93 <= inside.mean() <= 0.97  # type: ignore[operator]
    assert beliefs(windows.reverse(), given, places.reverse(), 5).equals(found)
