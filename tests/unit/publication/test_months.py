"""Months are asked for in one way, and only those that the record holds."""

import pytest

from pipelines.publication.months import MonthsError, months_between, parse_months, within_record


@pytest.mark.parametrize(
    ("text", "months"),
    [
        ("2025-01", ["2025-01"]),
        (" 2025-01..2025-03 ", ["2025-01", "2025-02", "2025-03"]),
        ("2024-11..2025-02", ["2024-11", "2024-12", "2025-01", "2025-02"]),
        ("2025-06..2025-06", ["2025-06"]),
    ],
)
def test_a_month_or_a_range_with_both_ends(text: str, months: list[str]) -> None:
    assert parse_months(text) == months


@pytest.mark.parametrize(
    "text", ["", "2025", "2025-13", "2025-00", "2025-1", "2025-01-01", "2025-01...2025-02", "2025-01..", "jan 2025"]
)
def test_any_other_text_is_refused_with_the_way_to_write_it(text: str) -> None:
    with pytest.raises(MonthsError, match=r"write 2025-01 or 2025-01\.\.2025-06"):
        parse_months(text)


def test_a_range_that_ends_before_it_begins_is_told_the_right_way_round() -> None:
    with pytest.raises(MonthsError, match=r"write 2025-01\.\.2025-06"):
        parse_months("2025-06..2025-01")


def test_a_month_without_events_inside_the_record_can_be_asked_for() -> None:
    assert within_record(["2025-02"], ["2025-03", "2025-01"]) == ["2025-02"]


def test_months_outside_the_record_are_named_with_its_ends() -> None:
    with pytest.raises(MonthsError, match="2024-12, 2025-05: outside the record, which goes from 2025-01 to 2025-04"):
        within_record(["2024-12", "2025-01", "2025-05"], ["2025-01", "2025-04"])
    with pytest.raises(MonthsError, match="put extracts in the inbox"):
        within_record(["2025-01"], [])


def test_months_between_covers_years() -> None:
    assert len(months_between("2015-01", "2026-11")) == 143
    assert months_between("2025-02", "2025-01") == []
