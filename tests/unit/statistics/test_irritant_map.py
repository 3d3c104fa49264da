"""The irritant map: rates and intervals by hand, the trend against statsmodels, k and its complement."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import stats

from pipelines.statistics.indicators import Definitions
from pipelines.statistics.irritant_map import IRRITANT_MAP, IrritantParameters, irritant_map

MONTHS = [date(2026, month, 1) for month in range(5, 11)]
OCTOBER = MONTHS[-1]


def definitions(tiny: Any, min_n: float = 12, protects: str | None = None) -> Definitions:
    """The tiny company's, with the two rates per 100 a month."""
    given: Definitions = tiny.definitions()
    rates = pl.DataFrame(
        {
            "indicator_id": ["client_irritants", "collaborator_irritants"],
            "side": ["client", "collaborator"],
            "measure": ["complaint_rate", "irritant_rate"],
            "kind": ["rate", "rate"],
            "multiplier": [100.0, 100.0],
            "protects": [protects or "client", protects or "collaborator"],
        }
    )
    return replace(
        given, indicators=rates, windows=rates.select("indicator_id", window_months=3, min_n=pl.lit(float(min_n)))
    )


def row(theme: str, n: float, s1: float, raising: int, **other: Any) -> dict[str, Any]:
    return {
        "unit_id": "team",
        "period": OCTOBER,
        "side": "collaborator",
        "theme": theme,
        "window_months": 3,
        "n": n,
        "s1": float(s1),
        "people_exposed": 20,
        "people_raising": raising,
        "n_in_month": n / 3,
        "s1_in_month": s1 / 3,
    } | other


def run(
    tiny: Any, rows: list[dict[str, Any]], parameters: IrritantParameters | None = None, **given: Any
) -> pl.DataFrame:
    frame = pl.DataFrame(rows)
    units = frame.select("unit_id", "period").unique().with_columns(parent_unit_id=pl.lit(None, dtype=pl.String))
    return irritant_map(frame, definitions(tiny, **given), units, 5)


def statuses(found: pl.DataFrame, period: date = OCTOBER) -> dict[str, str]:
    return dict(found.filter(pl.col("period") == period).select("theme", "status").iter_rows())


def test_rate_and_interval_by_hand(tiny: Any) -> None:
    """Twelve irritants in 60 person-months: 20 per 100 a month; exact limits of a count of 12 are 6.20 and 20.96
    (Garwood 1936), so 10.33 and 34.94. Nine of 60 clients-months: 15, 4.115 to 17.085 events, 6.86 to 28.47."""
    found = run(
        tiny,
        [row("tools", 60, 12, 7), row("tools", 60, 9, 8, side="client"), row("rules", 60, 0, 0)],
    )
    assert dict(found.schema) == IRRITANT_MAP
    client, rules, tools = found.rows(named=True)
    assert (tools["side"], tools["n"], tools["events"], tools["status"]) == ("collaborator", 60, 12, "ok")
    assert tools["rate"] == pytest.approx(20)
    assert (tools["lower"], tools["upper"]) == (pytest.approx(10.33, abs=0.005), pytest.approx(34.94, abs=0.005))
    assert (client["rate"], client["side"]) == (pytest.approx(15), "client")
    assert (client["lower"], client["upper"]) == (pytest.approx(6.86, abs=0.005), pytest.approx(28.47, abs=0.005))
    assert (rules["rate"], rules["lower"], rules["status"]) == (0, 0, "ok")
    assert rules["upper"] == pytest.approx(100 * 3.6889 / 60, abs=1e-3), "no event is no zero error"


def test_a_theme_that_few_raised_is_hidden_and_so_is_one_more(tiny: Any) -> None:
    """The total is published: were `pay` hidden alone, total less shown would give it. `tools` has the fewest (6)."""
    rows = [row("pay", 60, 2, 2), row("tools", 60, 12, 6), row("rules", 60, 14, 9), row("rooms", 60, 0, 0)]
    found = run(tiny, rows)
    assert statuses(found) == {"pay": "suppressed", "tools": "suppressed", "rules": "ok", "rooms": "ok"}
    hidden = found.filter(pl.col("status") == "suppressed").drop("unit_id", "period", "side", "theme", "window_months")
    assert {value for line in hidden.drop("status").rows() for value in line} == {None}
    assert statuses(run(tiny, [r for r in rows if r["theme"] != "pay"])) == {
        "tools": "ok",
        "rules": "ok",
        "rooms": "ok",
    }


def test_one_unit_does_not_hide_another_nor_one_side_the_other(tiny: Any) -> None:
    rows = [
        row("pay", 60, 2, 2),
        row("tools", 60, 12, 6, side="client"),
        row("tools", 60, 12, 6, unit_id="other"),
    ]
    found = run(tiny, rows)
    assert found.filter(pl.col("theme") == "tools")["status"].to_list() == ["ok", "ok"]


def test_a_parent_does_not_give_a_hidden_theme_of_its_unit_away(tiny: Any) -> None:
    """Site less the larger team would be `pay` of the small one, so it is hidden there too."""
    rows = [
        *(row("pay", 120, 9, 8, unit_id="site"), row("tools", 120, 24, 14, unit_id="site")),
        *(row("pay", 60, 2, 2, unit_id="small"), row("tools", 60, 12, 6, unit_id="small")),
        *(row("pay", 60, 7, 6, unit_id="large"), row("tools", 60, 12, 8, unit_id="large")),
    ]
    frame = pl.DataFrame(rows)
    parent = pl.when(pl.col("unit_id") != "site").then(pl.lit("site"))
    units = frame.select("unit_id", "period").unique().with_columns(parent_unit_id=parent)
    found = irritant_map(frame, definitions(tiny), units, 5)
    hidden = found.filter(pl.col("status") == "suppressed").select("unit_id", "theme").rows()
    assert ("small", "pay") in hidden
    shown = {(unit, theme) for unit, theme in found.filter(pl.col("status") == "ok").select("unit_id", "theme").rows()}
    assert not {("site", "pay"), ("large", "pay")} <= shown


def overlapping(raised: dict[str, list[int]], window: int, start: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """theme_windows and cells of one theme: by unit, how many people raised it in each month, once each."""
    months = pl.date_range(start, date(start.year + 9, 1, 1), "1mo", eager=True)
    rows, cells = [], []
    for unit, counts in raised.items():
        for at, count in enumerate(counts):
            people = sum(counts[max(0, at + 1 - window) : at + 1])
            known = {"unit_id": unit, "period": months[at], "window_months": window}
            rows.append(row("tools", 60, people, people, n_in_month=20.0, s1_in_month=float(count)) | known)
            if count:
                cells.append((unit, months[at], "collaborator", "tools", count))
    names = ["unit_id", "period", "side", "theme", "people"]
    return pl.DataFrame(rows), pl.DataFrame(cells, schema=names, orient="row")


def mapped(tiny: Any, rows: pl.DataFrame, cells: pl.DataFrame | None) -> pl.DataFrame:
    units = rows.select("unit_id", "period").with_columns(parent_unit_id=pl.lit(None, dtype=pl.String))
    return irritant_map(rows, definitions(tiny), units, 5, cells=cells)


def test_a_window_that_gives_a_month_of_one_person_away_is_hidden(tiny: Any) -> None:
    """Six people in May, one in June: the window of June less that of May would be that one. July to October, of
    which the differences are of six or seven people, are shown."""
    rows, cells = overlapping({"team": [6, 1, 6, 6, 6, 6]}, 3, MONTHS[0])
    found = mapped(tiny, rows, cells)
    assert dict(found.select(pl.col("period").dt.month(), "status").iter_rows()) == {
        5: "ok",
        6: "suppressed",
        **dict.fromkeys(range(7, 11), "ok"),
    }
    assert set(mapped(tiny, rows, None)["status"]) == {"ok"}


def test_nobody_finds_a_month_of_few_people_in_a_hundred_units(tiny: Any) -> None:
    """An attacker who knows in which months nobody raised the theme, and the sums of all windows that are shown."""
    chance = np.random.default_rng(5)
    raised = {f"unit{i:03d}": [int(x) for x in chance.poisson(chance.choice([0.5, 1, 3]), 30)] for i in range(100)}
    rows, cells = overlapping(raised, 12, date(2024, 1, 1))

    def found_out(shown: pl.DataFrame) -> int:
        lost = 0
        for unit, counts in raised.items():
            there = np.flatnonzero(counts)
            ends = np.flatnonzero((shown.filter(unit_id=unit).sort("period")["status"] == "ok").to_numpy())
            known = np.array([[end - 12 < month <= end for month in there] for end in ends], dtype=float)
            if not known.size:
                continue
            _, size, turned = np.linalg.svd(known)
            free = turned[int((size > 1e-9).sum()) :]
            for place, month in enumerate(there):
                # A month is determined where no solution of the homogeneous system moves it.
                lost += counts[month] < 5 and bool(np.abs(free[:, place]).max(initial=0) < 1e-9)
        return lost

    assert found_out(mapped(tiny, rows, None)) > 100
    assert found_out(mapped(tiny, rows, cells)) == 0


def test_few_exposed_unknown_people_and_what_protects_nobody(tiny: Any) -> None:
    few = [row("tools", 60, 12, 6, people_exposed=4), row("rooms", 60, 0, 0, people_exposed=4)]
    assert set(run(tiny, few)["status"]) == {"suppressed"}
    unknown = [row("tools", 60, 12, 6, people_exposed=None), row("rooms", 60, 8, 0)]
    assert set(run(tiny, unknown)["status"]) == {"suppressed"}
    assert set(run(tiny, few, protects="none")["status"]) == {"ok"}


def test_thin_exposure_is_insufficient(tiny: Any) -> None:
    found = run(tiny, [row("tools", 11.9, 12, 6)])
    assert found["status"].to_list() == ["insufficient"]
    assert found["rate"].to_list() == [None]


def series(events: list[float], exposure: list[float], **other: Any) -> list[dict[str, Any]]:
    return [
        row("tools", 60, 12, 8, period=month, n_in_month=n, s1_in_month=float(y), **other)
        for month, n, y in zip(MONTHS, exposure, events, strict=True)
    ]


def test_the_trend_is_the_score_test_of_a_poisson_regression(tiny: Any) -> None:
    events, exposure = [2.0, 3.0, 4.0, 3.0, 7.0, 9.0], [20.0, 22.0, 18.0, 25.0, 21.0, 20.0]
    found = run(tiny, series(events, exposure)).filter(pl.col("period") == OCTOBER).row(0, named=True)
    time = np.arange(6.0)
    null = sm.GLM(events, np.ones(6), family=sm.families.Poisson(), offset=np.log(exposure)).fit()
    score = ((np.array(events) - null.fittedvalues) * time).sum()
    spread = (null.fittedvalues * time**2).sum() - (null.fittedvalues * time).sum() ** 2 / null.fittedvalues.sum()
    assert found["trend_p"] == round(2 * stats.norm.sf(score / np.sqrt(spread)), 2), "more digits would tell months"
    assert found["trend"] == "rising"
    falling = run(tiny, series(events[::-1], exposure[::-1])).filter(pl.col("period") == OCTOBER)
    assert falling["trend"].to_list() == ["falling"]
    assert falling["trend_p"][0] == pytest.approx(found["trend_p"])


def test_too_little_says_nothing_and_hidden_months_do_not_count(tiny: Any) -> None:
    rare = run(tiny, series([1, 0, 0, 1, 1, 1], [20.0] * 6)).filter(pl.col("period") == OCTOBER)
    assert rare.select("trend", "trend_p").row(0) == (None, None)
    first = run(tiny, series([2, 3, 4, 3, 7, 9], [20.0] * 6))
    assert first["trend"].to_list()[:2] == [None, None], "two months are too few"
    rows = series([50, 3, 4, 3, 7, 9], [20.0] * 6)
    rows[0]["people_raising"] = 2
    hidden = run(tiny, rows).filter(pl.col("period") == OCTOBER)
    without = run(tiny, rows[1:]).filter(pl.col("period") == OCTOBER)
    assert hidden["trend_p"].to_list() == without["trend_p"].to_list()


def test_p_is_right_where_nothing_moves(tiny: Any) -> None:
    """6,000 themes of 5 to 60 events over six months of one rate: one in ten is called rising or falling."""
    rng = np.random.default_rng(3)
    count = 6000
    exposure = rng.uniform(15, 25, (count, 6))
    events = rng.poisson(exposure * rng.uniform(0.05, 0.5, (count, 1)))
    frame = pl.DataFrame(
        {
            "unit_id": np.repeat([f"u{i}" for i in range(count)], 6),
            "period": MONTHS * count,
            "n_in_month": exposure.ravel(),
            "s1_in_month": events.ravel().astype(float),
        }
    ).with_columns(
        side=pl.lit("collaborator"),
        theme=pl.lit("tools"),
        window_months=3,
        n=60.0,
        s1=12.0,
        people_exposed=20,
        people_raising=9,
    )
    units = frame.select("unit_id", "period").with_columns(parent_unit_id=pl.lit(None, dtype=pl.String))
    found = irritant_map(frame, definitions(tiny), units, 5)
    last = found.filter(pl.col("period") == OCTOBER, pl.col("trend").is_not_null())
    assert last.height > 5000
    moved = (last["trend"] != "flat").mean()
    assert isinstance(moved, float)
    assert 0.085 <= moved <= 0.115
    assert irritant_map(frame.reverse(), definitions(tiny), units, 5).equals(found)


def test_nothing_a_missing_rate_and_wrong_parameters(tiny: Any) -> None:
    frame = pl.DataFrame([row("tools", 60, 12, 6)])
    units = frame.select("unit_id", "period").with_columns(parent_unit_id=pl.lit(None, dtype=pl.String))
    empty = irritant_map(frame.clear(), definitions(tiny), units.clear(), 5)
    assert empty.is_empty()
    assert dict(empty.schema) == IRRITANT_MAP
    with pytest.raises(ValueError, match="no indicator of measure 'irritant_rate'"):
        irritant_map(frame, tiny_without_rates(tiny), units, 5)
    with pytest.raises(ValueError, match="never be below 3"):
        irritant_map(frame, definitions(tiny), units, 2)
    assert IrritantParameters.from_frame(pl.DataFrame({"name": ["trend_least_events"], "value": [8.0]})) == (
        IrritantParameters(trend_least_events=8.0)
    )
    with pytest.raises(ValueError, match="trend_p"):
        IrritantParameters.from_frame(pl.DataFrame({"name": ["trend_p"], "value": [0.0]}))


def tiny_without_rates(tiny: Any) -> Definitions:
    given = definitions(tiny)
    return replace(given, indicators=given.indicators.clear())
