"""The irritant map under attack: an attacker of its own, the audit beside it, and the rule by hand."""

from datetime import date

import polars as pl
import pytest

from pipelines.confidentiality.audit import People, Publication, theme_exposures
from pipelines.confidentiality.themes import ROWS, Themes, Told
from pipelines.statistics import irritant_map as statistics
from tests.unit.confidentiality.theme_company import SIDE, Truth, company, definitions, published, recovered

COMPANIES = 40
JANUARY, FEBRUARY = date(2025, 1, 1), date(2025, 2, 1)


def unproven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the last step of the suppression of themes."""
    monkeypatch.setattr(statistics, "_over_all", lambda rows, *_: rows)


def publication(truth: Truth, shown: pl.DataFrame, protects: str = SIDE) -> Publication:
    indicators = definitions().indicators.with_columns(topic=pl.lit(None, dtype=pl.String), protects=pl.lit(protects))
    figures = pl.DataFrame(
        schema={
            "unit_id": pl.String, "period": pl.Date, "population": pl.String, "indicator_id": pl.String,
            "window_months": pl.Int64, "n": pl.Float64, "value": pl.Float64, "status": pl.String,
        }
    )  # fmt: skip
    themes = shown.filter(pl.col("events").is_not_null()).select("unit_id", "period", "side", "theme", "events")
    return Publication(figures, truth.hierarchy, indicators, themes)


def people(truth: Truth) -> People:
    nobody = pl.DataFrame()
    return People(nobody, nobody, truth.rows.with_columns(people="people_raising"), truth.cells)


@pytest.mark.parametrize("block", range(4))
def test_nothing_is_recovered_from_the_published_map(block: int) -> None:
    """And the audit agrees. It knows all that the attacker does, so it lets nothing through that he would find."""
    size = COMPANIES // 4
    for seed in range(block * size, (block + 1) * size):
        truth = company(seed)
        shown = published(truth)
        assert recovered(truth, shown) == [], f"company {seed}"
        assert theme_exposures(publication(truth, shown), [], people(truth), 5) == []


def test_without_the_last_step_the_attacker_succeeds_and_the_audit_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    unproven(monkeypatch)
    broken = 0
    for seed in range(8):
        truth = company(seed)
        shown = published(truth)
        found = {(unit, month, theme) for unit, month, theme in recovered(truth, shown)}
        told = theme_exposures(publication(truth, shown), [], people(truth), 5)
        last = {(one.cells[-1][0], one.cells[-1][2], one.cells[-1][1]) for one in told}
        assert found <= last, f"company {seed}: the audit misses what the attacker has"
        broken += bool(found)
    assert broken >= 4


def rows(*given: tuple[str, date, str, float, int, float, bool]) -> pl.DataFrame:
    """unit, period, theme, events of the two-month window, people raising, events of the month, shown."""
    names = ["unit_id", "period", "theme", "s1", "people", "s1_in_month", "shown"]
    return pl.DataFrame(given, schema=names, orient="row").with_columns(window_months=2).select(list(ROWS))


def themes(frame: pl.DataFrame, *cells: tuple[str, date, str, int]) -> Themes:
    units = frame.select("unit_id", "period").unique().with_columns(parent_unit_id=pl.lit(None, dtype=pl.String))
    return Themes(frame, pl.DataFrame(cells, schema=["unit_id", "period", "theme", "people"], orient="row"), units)


def test_a_theme_that_nobody_raised_tells_the_one_beside_it() -> None:
    """`pay` (two people) is hidden; of the total of eight, six are `tools` and none `rooms`, so two are `pay`."""
    given = rows(
        ("team", JANUARY, "pay", 2, 2, 2, False),
        ("team", JANUARY, "tools", 6, 6, 6, True),
        ("team", JANUARY, "rooms", 0, 0, 0, True),
    )
    found = themes(given, ("team", JANUARY, "pay", 2), ("team", JANUARY, "tools", 6))
    (told,) = found.told(5)
    assert told == Told(2.0, "team", "pay", JANUARY, JANUARY)
    named = found.combination(told)
    assert {(weight, theme) for weight, _, theme, _ in named} == {(1.0, "all"), (-1.0, "tools")}
    found.hide(5)
    assert found.told(5) == []
    assert found.hidden["theme"].to_list() == ["pay", "rooms"]


def test_what_cannot_be_hidden_by_a_nothing_takes_a_figure_with_it() -> None:
    """Two themes only: with `pay` hidden, the total less `tools` is `pay`."""
    given = rows(("team", JANUARY, "pay", 2, 2, 2, False), ("team", JANUARY, "tools", 6, 6, 6, True))
    found = themes(given, ("team", JANUARY, "pay", 2), ("team", JANUARY, "tools", 6))
    found.hide(5)
    assert found.hidden["theme"].to_list() == ["pay", "tools"]


def test_a_side_of_one_theme_tells_nothing_that_its_total_does_not() -> None:
    found = themes(rows(("team", JANUARY, "pay", 2, 2, 2, False)), ("team", JANUARY, "pay", 2))
    assert found.told(5) == []


def test_an_earlier_map_counts_where_it_says_the_same_today() -> None:
    """January showed `rooms` as nothing; February hides it. Whoever kept January has `pay`."""
    frame = rows(
        ("team", JANUARY, "pay", 2, 2, 2, False),
        ("team", JANUARY, "tools", 6, 6, 6, True),
        ("team", JANUARY, "rooms", 0, 0, 0, False),
    ).with_columns(side=pl.lit(SIDE), people_raising="people", events=pl.when("shown").then("s1"))
    cells = pl.DataFrame(
        [("team", JANUARY, "pay", 2, SIDE), ("team", JANUARY, "tools", 6, SIDE)],
        schema=["unit_id", "period", "theme", "people", "side"],
        orient="row",
    )
    units = pl.DataFrame({"unit_id": ["team"], "period": [JANUARY], "parent_unit_id": [None]})
    truth = Truth(frame, cells, units.with_columns(pl.col("parent_unit_id").cast(pl.String)))
    today = publication(truth, frame)
    assert theme_exposures(today, [], people(truth), 5) == []
    kept = publication(truth, frame.with_columns(events=pl.when(pl.col("theme") != "pay").then("s1")))
    (found, *_) = theme_exposures(today, [kept], people(truth), 5)
    assert found.kind == "themes"
    assert found.cells == (("team", "pay", JANUARY),)
    assert str(found).startswith("irritant_map of collaborators: team (pay, 2025-01), 2 people, is ")
    assert str(found).endswith("beside what an earlier publication shows")
    (alone, *_) = theme_exposures(kept, [], people(truth), 5)
    assert not alone.before
    corrected = kept.themes.with_columns(events=pl.col("events") + 1)
    other = Publication(kept.figures, kept.hierarchy, kept.indicators, corrected)
    assert theme_exposures(today, [other], people(truth), 5) == []
    assert theme_exposures(publication(truth, frame, "none"), [kept], people(truth), 5) == []
