"""The candidate beside the last publication and the warehouse: what is lost, and sums from the leaves up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from expectations.compared import check_compared
from expectations.gate import GateResult

Change = Callable[[duckdb.DuckDBPyConnection], object]


def publication(file: Path, units: int = 10, n: float = 6.0) -> Path:
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table dim_period as select date '2025-02-01' as period")
        connection.execute(f"create table dim_unit as select 'u' || range as unit_id from range({units})")
        connection.execute("create table scorecard as select unit_id, period from dim_unit, dim_period")
        connection.execute(
            "create table scorecard_indicators as select unit_id, period, 'all' as population, "
            f"'trust' as indicator_id, 2 as window_months, {n}::double as n from scorecard"
        )
    return file


def warehouse(file: Path) -> Path:
    """Each unit has a team: 2 answers in January and 4 in February, in two populations; 9 in December before."""
    months = "(values (date '2024-12-01'), (date '2025-01-01'), (date '2025-02-01')) m(period)"
    answers = (
        "(values (date '2024-12-01', 'all', 9), (date '2025-01-01', 'all', 2), (date '2025-02-01', 'field', 1), "
        "(date '2025-02-01', 'office', 3)) m(period, population, n)"
    )
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema canonical")
        connection.execute("create schema indicators")
        connection.execute(
            "create table canonical.bridge_unit_ancestor as "
            f"select 't' || u as unit_id, 'u' || u as ancestor_id, period from range(10) r(u), {months}"
        )
        connection.execute(
            "create table indicators.indicator_stats as select 't' || u as unit_id, period, population, "
            f"'trust' as indicator_id, n::double as n from range(10) r(u), {answers}"
        )
    return file


def compared(folder: Path, before: int | None = 10, now: int = 10, n: float = 6.0, share: float = 0.2) -> GateResult:
    published = folder / "published.duckdb"
    if before is not None:
        publication(published, before)
    return check_compared(
        publication(folder / "candidate.duckdb", now, n),
        published,
        warehouse(folder / "warehouse.duckdb"),
        max_rows_lost_share=share,
        work=folder / "work" / "compared.duckdb",
    )


def test_nothing_before_and_as_before(tmp_path: Path) -> None:
    for place, before in enumerate((None, 10)):
        (tmp_path / str(place)).mkdir()
        result = compared(tmp_path / str(place), before)
        assert result.success, result.message()
        assert not result.warnings


def test_lost_rows_stop_and_lost_units_are_said(tmp_path: Path) -> None:
    result = compared(tmp_path, now=7)
    assert not result.success
    assert "kind=table, name=scorecard, rows_before=10, rows_now=7" in result.message()
    assert "SYMMETRY_MAX_ROWS_LOST_SHARE=1" in result.message()
    [warning] = result.warnings
    assert "in 3 rows" in warning.message
    assert "kind=unit, name=u7" in warning.message


def test_as_many_as_are_allowed_may_go(tmp_path: Path) -> None:
    assert compared(tmp_path, now=8).success


def test_a_table_that_is_empty_now_stops(tmp_path: Path) -> None:
    result = compared(tmp_path, now=0, share=1)
    assert [failure.says for failure in result.failures] == ["every table of the last publication is still there"]


@pytest.mark.parametrize("n", [5.0, 6.001])
def test_a_figure_that_is_not_the_sum_of_what_is_below_stops(tmp_path: Path, n: float) -> None:
    result = compared(tmp_path, n=n)
    [failure] = result.failures
    assert "is the sum of what is below it" in failure.says
    assert "unit_id=u0, population=all, indicator_id=trust" in failure.message
