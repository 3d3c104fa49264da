"""SWOT by hand on two pairs and six months; shrunken scores, drivers, hidden faces, order of rows."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.statistics.indicators import INDICATOR_SCORES
from pipelines.statistics.swot import SWOT, SwotParameters, swot

MONTHS = [date(2026, month, 1) for month in range(5, 11)]
INDICATORS = ("client_trust", "collaborator_trust", "client_responsiveness", "collaborator_responsiveness")


def scores(series: dict[str, list[float | None]], se: float = 2.0, window: int = 1, **status: str) -> pl.DataFrame:
    """Six months of scores for the indicators named; `status` sets another status for an indicator's months."""
    rows: list[dict[str, Any]] = []
    for indicator, values in series.items():
        for month, value in zip(MONTHS, values, strict=True):
            shown = value is not None and indicator not in status
            rows.append(
                {
                    "unit_id": "team",
                    "period": month,
                    "population": "all",
                    "indicator_id": indicator,
                    "window_months": window,
                    "score": value if shown else None,
                    "score_se": se if shown else None,
                    "status": status.get(indicator, "ok" if shown else "insufficient"),
                }
            )
    return pl.DataFrame(rows, schema_overrides=dict(INDICATOR_SCORES.items()))


def months(unit: str = "team") -> pl.DataFrame:
    return pl.DataFrame({"unit_id": [unit] * 6, "period": MONTHS, "unit_level": ["team"] * 6})


def at_last(frame: pl.DataFrame, pair: str, side: str) -> dict[str, Any]:
    rows = frame.filter(pl.col("period") == MONTHS[-1], pl.col("pair_id") == pair, pl.col("side") == side)
    assert rows.height == 1
    return rows.row(0, named=True)


EXAMPLE: dict[str, list[float | None]] = {
    "client_trust": [70, 71, 70, 71, 70, 71],
    "collaborator_trust": [80, 77, 74, 71, 68, 65],
    "client_responsiveness": [30, 33, 36, 39, 42, 45],
    "collaborator_responsiveness": [50, 50, 50, 50, 50, 50],
}


def test_the_four_by_hand(tiny: Any) -> None:
    """Weights 0.75 (trust) and 0.25 (responsiveness), error 2, one-month windows: the slope's error is
    2/√Σ(t - 2.5)² = 2/√17.5 = 0.478. Client responsiveness: 15 below the bar, 0.25·15 = 3.75; collaborators': 2.5."""
    found = swot(scores(EXAMPLE), tiny.definitions(), months())
    assert dict(found.schema) == SWOT
    assert found.height == 6 * 2 * 2
    strength, threat = at_last(found, "trust", "client"), at_last(found, "trust", "collaborator")
    opportunity = at_last(found, "responsiveness", "client")
    weakness = at_last(found, "responsiveness", "collaborator")
    assert [row["swot"] for row in (strength, threat, opportunity, weakness)] == [
        "strength",
        "threat",
        "opportunity",
        "weakness",
    ]
    assert [row["trend"] for row in (strength, threat, opportunity, weakness)] == ["flat", "falling", "rising", "flat"]
    assert threat["slope"] == pytest.approx(-3)
    assert threat["slope_se"] == pytest.approx(2 / 17.5**0.5)
    assert (strength["shortfall"], strength["priority"], strength["priority_rank"]) == (0, 0, None)
    assert (opportunity["weight"], opportunity["shortfall"]) == (pytest.approx(0.25), pytest.approx(15))
    assert (opportunity["priority"], opportunity["priority_rank"]) == (pytest.approx(3.75), 1)
    assert (weakness["priority"], weakness["priority_rank"]) == (pytest.approx(2.5), 2)


def test_overlapping_windows_make_a_slope_harder_to_tell_from_none(tiny: Any) -> None:
    slow: dict[str, list[float | None]] = {"collaborator_trust": [70, 69.2, 68.4, 67.6, 66.8, 66]}
    alone = at_last(swot(scores(slow), tiny.definitions(), months()), "trust", "collaborator")
    shared = at_last(swot(scores(slow, window=3), tiny.definitions(), months()), "trust", "collaborator")
    assert (alone["trend"], alone["swot"]) == ("falling", "threat")
    assert shared["slope"] == pytest.approx(alone["slope"])
    assert shared["slope_se"] > 1.1 * alone["slope_se"]


def test_drivers_weigh_by_their_share_of_the_mean(tiny: Any) -> None:
    """Shares 0.03 and 0.01, mean 0.02: collaborators' responsiveness counts 1.5 times, 0.25·10·1.5 = 3.75."""
    drivers = pl.DataFrame(
        {"indicator_id": ["collaborator_responsiveness", "collaborator_trust"], "share": [0.03, 0.01]}
    )
    found = swot(scores(EXAMPLE), tiny.definitions(), months(), drivers=drivers)
    weakness, client = (at_last(found, "responsiveness", side) for side in ("collaborator", "client"))
    assert weakness["driver_importance"] == pytest.approx(1.5)
    assert weakness["priority"] == pytest.approx(3.75)
    assert client["driver_importance"] == 1
    assert (weakness["priority_rank"], client["priority_rank"]) == (1, 1), "equal priorities share a rank"
    nothing = swot(scores(EXAMPLE), tiny.definitions(), months(), drivers=drivers.with_columns(share=pl.lit(0.0)))
    assert at_last(nothing, "responsiveness", "collaborator")["driver_importance"] == 1


def test_a_shrunken_score_judges_the_level_and_not_the_trend(tiny: Any) -> None:
    shrunken = pl.DataFrame(
        {
            "unit_id": ["team"],
            "period": [MONTHS[-1]],
            "pair_id": ["trust"],
            "side": ["collaborator"],
            "shrunk_score": [55.0],
            "shrunk_se": [1.5],
        }
    )
    found = swot(scores(EXAMPLE), tiny.definitions(), months(), shrunken=shrunken)
    row, raw = at_last(found, "trust", "collaborator"), at_last(found, "trust", "client")
    assert (row["score"], row["score_se"], row["is_shrunk"]) == (55.0, 1.5, True)
    assert (row["slope"], row["trend"], row["swot"]) == (pytest.approx(-3), "falling", "weakness")
    assert row["priority"] == pytest.approx(0.75 * 5)
    assert raw["is_shrunk"] is False
    hidden = swot(scores(EXAMPLE, collaborator_trust="suppressed"), tiny.definitions(), months(), shrunken=shrunken)
    row = at_last(hidden, "trust", "collaborator")
    assert row["status"] == "suppressed"
    assert {row[name] for name in SWOT if name not in ("unit_id", "period", "pair_id", "side", "status")} == {None}


def test_thin_and_absent_faces_keep_their_rows(tiny: Any) -> None:
    series: dict[str, list[float | None]] = {"client_trust": [None, None, None, None, 70, 40]}
    found = swot(scores(series), tiny.definitions(), months())
    row = at_last(found, "trust", "client")
    assert (row["status"], row["slope"], row["trend"], row["swot"]) == ("ok", None, None, "weakness")
    assert at_last(found, "trust", "collaborator")["status"] == "insufficient"
    assert swot(scores(series), tiny.definitions(), months().clear()).is_empty()
    bare = swot(scores(series).clear(), tiny.definitions(), months())
    assert bare.height == 24
    assert set(bare["status"]) == {"insufficient"}


def test_the_order_of_rows_does_not_matter(tiny: Any) -> None:
    drivers = pl.DataFrame({"indicator_id": ["collaborator_trust"], "share": [0.2]})
    first = swot(scores(EXAMPLE), tiny.definitions(), months(), drivers=drivers)
    shuffled = scores(EXAMPLE).sample(fraction=1, shuffle=True, seed=3)
    assert swot(shuffled, tiny.definitions(), months().reverse(), drivers=drivers).equals(first)


def test_parameters_and_drivers_that_cannot_be_are_refused(tiny: Any) -> None:
    table = pl.DataFrame({"name": ["bar", "trend_months", "trend_p"], "value": [55.0, 4.0, 0.05]})
    assert SwotParameters.from_frame(table) == SwotParameters(55.0, 4, 3, 0.05)
    for name, value in (("bar", 101.0), ("trend_p", 1.0), ("trend_least_months", 7.0)):
        with pytest.raises(ValueError, match=name):
            SwotParameters.from_frame(pl.DataFrame({"name": [name], "value": [value]}))
    for shares, match in (([0.1, 0.2], "more than once"), ([-0.1, 0.1], "negative")):
        ids = ["a", "a"] if match == "more than once" else ["a", "b"]
        drivers = pl.DataFrame({"indicator_id": ids, "share": shares})
        with pytest.raises(ValueError, match=match):
            swot(scores(EXAMPLE), tiny.definitions(), months(), drivers=drivers)
