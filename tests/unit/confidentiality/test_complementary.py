"""What else is hidden, by hand and by properties. The attack on it is in test_attack."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.confidentiality.complementary import complementary
from pipelines.confidentiality.suppression import row_status
from tests.unit.confidentiality.random_company import SCHEMA, company
from tests.unit.confidentiality.test_attack import recovered

JANUARY = date(2025, 1, 1)
SEEDS = st.integers(1000, 100_000)


def tree(*units: tuple[str, str | None], months: int = 1) -> pl.DataFrame:
    return pl.DataFrame(
        [(unit, date(2025, month, 1), above) for unit, above in units for month in range(1, months + 1)],
        schema={"unit_id": pl.String, "period": pl.Date, "parent_unit_id": pl.String},
        orient="row",
    )


def windows(*rows: tuple[str, int], population: str = "all", period: date = JANUARY, window: int = 1) -> pl.DataFrame:
    made = [
        (unit, period, population, "trust", window, float(people), 1.0, people, "client", 1.0) for unit, people in rows
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row").with_columns(status=row_status(5))


def hidden(frame: pl.DataFrame) -> set[tuple[str, str]]:
    return set(frame.filter(pl.col("status") == "suppressed").select("unit_id", "population").rows())


SITE = tree(("site", None), ("a", "site"), ("b", "site"), ("c", "site"))


def test_the_smallest_sibling_goes_with_a_hidden_team() -> None:
    found = complementary(windows(("site", 38), ("a", 3), ("b", 20), ("c", 15)), SITE, 5)
    assert hidden(found) == {("a", "all"), ("c", "all")}


def test_two_hidden_teams_that_reach_k_together_need_no_third() -> None:
    found = complementary(windows(("site", 22), ("a", 3), ("b", 4), ("c", 15)), SITE, 5)
    assert hidden(found) == {("a", "all"), ("b", "all")}


def test_two_hidden_teams_below_k_together_need_a_third() -> None:
    found = complementary(windows(("site", 19), ("a", 2), ("b", 2), ("c", 15)), SITE, 5)
    assert hidden(found) == {("a", "all"), ("b", "all"), ("c", "all")}


def test_few_people_of_the_site_itself_are_a_group_like_a_team() -> None:
    assert hidden(complementary(windows(("site", 47), ("a", 10), ("b", 20), ("c", 15)), SITE, 5)) == {("a", "all")}
    enough = windows(("site", 50), ("a", 10), ("b", 20), ("c", 15))
    assert hidden(complementary(enough, SITE, 5)) == set(), (
        "five people of the site's own are a group that may be known"
    )


def test_the_only_sibling_goes_however_large_it_is_and_a_part_of_it_with_it() -> None:
    company_of_two = tree(
        ("company", None), ("north", "company"), ("south", "company"), ("n1", "north"), ("n2", "north")
    )
    rows = windows(("company", 34), ("north", 30), ("south", 4), ("n1", 10), ("n2", 20))
    assert hidden(complementary(rows, company_of_two, 5)) == {("south", "all"), ("north", "all"), ("n1", "all")}


def test_a_population_is_not_the_whole_less_the_other() -> None:
    rows = pl.concat(
        [windows(("a", 20)), windows(("a", 17), population="field"), windows(("a", 3), population="office")]
    )
    assert hidden(complementary(rows, tree(("a", None)), 5)) == {("a", "office"), ("a", "field")}


def test_people_without_a_population_count_as_one() -> None:
    rows = pl.concat(
        [windows(("a", 20)), windows(("a", 12), population="field"), windows(("a", 6), population="office")]
    )
    assert hidden(complementary(rows, tree(("a", None)), 5)) == {("a", "office")}


def test_hierarchy_and_populations_close_a_rectangle() -> None:
    """Team a's office is hidden: so is a's field, and b's office; then b's field too, which closes it."""
    two = tree(("site", None), ("a", "site"), ("b", "site"))
    rows = pl.concat(
        [
            windows(("site", 70), ("a", 33), ("b", 37)),
            windows(("site", 50), ("a", 30), ("b", 20), population="field"),
            windows(("site", 20), ("a", 3), ("b", 17), population="office"),
        ]
    )
    everything = {(unit, name) for unit in ("a", "b") for name in ("field", "office")}
    assert hidden(complementary(rows, two, 5)) == everything


def by_month(*people: int, window: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Windows of one team and their cells; everybody answers once."""
    months = [date(2025, month, 1) for month in range(1, len(people) + 1)]
    cells = pl.DataFrame(
        {"unit_id": "a", "period": months, "population": "all", "indicator_id": "trust", "people": list(people)}
    ).filter(pl.col("people") > 0)
    sums = [sum(people[max(0, last + 1 - window) : last + 1]) for last in range(len(people))]
    rows = pl.concat(windows(("a", n), period=month, window=window) for month, n in zip(months, sums, strict=True))
    return rows, cells


@pytest.mark.parametrize(
    ("people", "window", "statuses"),
    [
        # March less February is the two people of March.
        ((6, 0, 2, 9), 3, ["ok", "ok", "suppressed", "ok"]),
        # February of two people is January and February less January. Then March, nine people, is known from March's
        # window, and April's less March's is the difference of two months.
        ((9, 2, 9, 9), 2, ["ok", "suppressed", "ok", "ok"]),
        # Every month has enough.
        ((6, 5, 7, 9), 3, ["ok"] * 4),
        # March's window less February's is March. From April on no window begins where February's ended but May's,
        # which is nine people.
        ((3, 3, 3, 3, 3, 3), 3, ["suppressed", "ok", "suppressed", "ok", "ok", "ok"]),
    ],
)
def test_windows_that_overlap_do_not_tell_a_few_peoples_month(
    people: tuple[int, ...], window: int, statuses: list[str]
) -> None:
    rows, cells = by_month(*people, window=window)
    found = complementary(rows, tree(("a", None), months=len(people)), 5, cells)
    assert found["status"].to_list() == statuses


def test_indicators_of_the_same_answers_are_hidden_together() -> None:
    rows = windows(("site", 38), ("a", 10), ("b", 20), ("c", 8)).with_columns(answers=pl.lit("departures"))
    few = windows(("site", 31), ("a", 3), ("b", 20), ("c", 8)).with_columns(
        indicator_id=pl.lit("retention"), answers=pl.lit("departures")
    )
    found = complementary(pl.concat([rows, few]), SITE, 5)
    assert hidden(found.filter(pl.col("indicator_id") == "trust")) == {("a", "all"), ("c", "all")}
    assert hidden(found.filter(pl.col("indicator_id") == "retention")) == {("a", "all"), ("c", "all")}


def test_figures_about_nobody_are_left_alone() -> None:
    rows = windows(("site", 22), ("a", 3), ("b", 4), ("c", 15)).with_columns(
        protects=pl.lit("none"), status=pl.lit("ok")
    )
    assert complementary(rows, SITE, 5).equals(rows)


def test_a_hierarchy_in_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="goes round in a circle"):
        complementary(windows(("a", 3), ("b", 9)), tree(("a", "b"), ("b", "a")), 5)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_nothing_hidden_is_shown_and_nothing_else_changes(seed: int) -> None:
    truth = company(seed)
    found = complementary(truth.windows, truth.hierarchy, 5, truth.cells)
    assert found.drop("status").equals(truth.windows.drop("status"))
    was = truth.windows["status"] == "suppressed"
    assert (found["status"].filter(was) == "suppressed").all()
    changed = found["status"] != truth.windows["status"]
    assert (found["status"].filter(changed) == "suppressed").all()


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed: int, shuffle: object) -> None:
    truth = company(seed)
    once = complementary(truth.windows, truth.hierarchy, 5, truth.cells)
    order = list(range(truth.windows.height))
    shuffle.shuffle(order)  # type: ignore[attr-defined]
    mixed = complementary(truth.windows[order], truth.hierarchy.reverse(), 5, truth.cells.reverse())
    assert mixed["status"].to_list() == once["status"][order].to_list()


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_where_every_group_is_large_nothing_is_hidden(seed: int) -> None:
    truth = company(seed, smallest=5, largest=20)
    assert (truth.windows["status"] != "suppressed").all()
    assert complementary(truth.windows, truth.hierarchy, 5, truth.cells).equals(truth.windows)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_a_part_of_what_is_published_is_safe_too(seed: int) -> None:
    """A publication may leave out any rows: less is known then, and never anything new."""
    truth = company(seed)
    once = complementary(truth.windows, truth.hierarchy, 5, truth.cells)
    shown = pl.when(pl.col("population") == "all").then(pl.col("status")).otherwise(pl.lit("suppressed"))
    assert recovered(truth, once.with_columns(status=shown)) == []
