"""A delivery against its source's history: volumes, freshness, units, answers; each rule holds and can fail."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from expectations.gate import ExpectationOutcome, GateResult
from expectations.landing import check_landing
from pipelines.extracts.deliveries import write_receipt
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.onboarding.source_states import SourceState
from tests.unit.expectations.test_landing_gate import insert, landed_row, receipt

FIRST = datetime(2025, 1, 1)


class Source:
    """A source that has delivered once a month: so many rows, about these units."""

    def __init__(self, folder: Path, delivery: str, rows: list[int], units: list[int] | None = None) -> None:
        self.folder = folder
        (folder / "quarantine").mkdir(parents=True)
        with duckdb.connect(str(folder / "w.duckdb")) as connection:
            connection.execute("create schema landing")
            for entity in ENTITIES.values():
                columns = ", ".join(f'"{name}" {kind}' for name, kind in entity.columns)
                connection.execute(f'create table landing."{entity.name}" ({columns})')
            for month, count in enumerate(rows):
                known: dict[str, Any] = {
                    "delivery_id": f"d{month}",
                    "file": f"cases_{month}.csv",
                    "contract": "crm.case",
                    "delivery": delivery,
                    "version": FIRST + timedelta(days=31 * month),
                    "landed_at": FIRST + timedelta(days=31 * month),
                }
                given = receipt(
                    **known, landed=count, read=count, quarantined=0, duplicates=0, filtered=0, outputs={"case": count}
                )
                write_receipt(folder / "landing", given)
                row = landed_row(ENTITIES["case"], 0, _delivery_id=f"d{month}")
                insert(connection, "landing.case", [row])
                connection.execute(
                    "insert into landing.case by name select c.* replace (t.record as _record, "
                    f"'u' || (t.record % {(units or [5] * len(rows))[month]}) as unit_id, "
                    "md5(t.record::varchar) as case_id) "
                    f"from (from landing.case where _delivery_id = 'd{month}') c, range(1, {count + 1}) t(record)"
                )
                connection.execute(f"delete from landing.case where _delivery_id = 'd{month}' and _record = 0")

    def checked(self, **given: Any) -> GateResult:
        return check_landing(
            self.folder / "w.duckdb",
            self.folder / "landing",
            self.folder / "quarantine",
            today=date(2026, 3, 1),
            **given,
        )


def about(result: GateResult, table: str) -> list[ExpectationOutcome]:
    return [one for one in result.outcomes if one.table == f"landing.{table}" and not one.success]


@pytest.mark.parametrize(
    ("delivery", "newest", "severities"),
    [
        ("snapshot", 100, []),
        ("snapshot", 80, []),
        ("snapshot", 79, ["warning"]),
        ("snapshot", 151, ["warning"]),
        ("snapshot", 49, ["error", "warning"]),
        ("delta", 49, []),
        ("delta", 9, ["warning"]),
        ("delta", 1001, ["warning"]),
    ],
)
def test_volume_against_the_median_of_earlier_deliveries(
    tmp_path: Path, delivery: str, newest: int, severities: list[str]
) -> None:
    source = Source(tmp_path, delivery, [90, 100, 110, newest])
    result = source.checked()
    found = about(result, "_volumes")
    assert [one.severity for one in found] == severities
    assert result.success == ("error" not in severities)
    for one in found:
        assert "delivery_id=d3, file=cases_3.csv" in one.message
        assert f"rows={newest}, usual=100" in one.message
        assert "`accepted_deliveries`" in one.message
        assert "cases_3.csv" not in one.told_to_readers
    assert about(source.checked(accepted=["d3"]), "_volumes") == []


def test_three_earlier_deliveries_make_a_history(tmp_path: Path) -> None:
    assert about(Source(tmp_path, "snapshot", [100, 100, 3]).checked(), "_volumes") == []


def test_units_that_lack_are_named(tmp_path: Path) -> None:
    """Of ten units of the delivery before, eight are in the newest, then seven."""
    assert about(Source(tmp_path / "a", "snapshot", [100] * 4, [10, 10, 10, 8]).checked(), "_units_missing") == []
    source = Source(tmp_path / "b", "snapshot", [100] * 4, [10, 10, 10, 7])
    [found] = about(source.checked(), "_units_missing")
    assert found.severity == "warning"
    assert "units_before=10, units_missing=3, one_of_them=u7" in found.message
    assert about(source.checked(accepted=["d3"]), "_units_missing") == []


def state(age: int, overdue: int, cadence: str | None = "monthly") -> SourceState:
    return SourceState("crm.case", ("case",), ("*",), "csv", "delta", cadence, "crm", "x.yml", None,
                       age_days=age, overdue_days=overdue)  # fmt: skip


def test_a_stale_source_is_a_warning_with_its_age(tmp_path: Path) -> None:
    source = Source(tmp_path, "delta", [100])
    [found] = about(source.checked(sources=[state(37, 6)]), "_sources")
    assert found.severity == "warning"
    assert "source=crm.case, cadence=monthly, age_days=37" in found.message
    assert about(source.checked(sources=[state(36, 5)]), "_sources") == []
    assert about(source.checked(sources=[state(36, 5)], grace=4), "_sources") != []
    assert about(source.checked(sources=[state(900, 0, None)]), "_sources") == []


def answers(folder: Path, last_month: list[int], before: list[int]) -> GateResult:
    """Answers 1 to 5, so many of each, in December and in the months before."""
    source = Source(folder, "delta", [1])
    row = landed_row(ENTITIES["survey_answer"], 0, _delivery_id="d0", scale_min=1.0, scale_max=5.0)
    with duckdb.connect(str(folder / "w.duckdb")) as connection:
        insert(connection, "landing.survey_answer", [row])
        for month, counts in ((datetime(2025, 12, 5), last_month), (datetime(2025, 6, 5), before)):
            for value, count in enumerate(counts, start=1):
                connection.execute(
                    "insert into landing.survey_answer by name select a.* replace ($value as value, "
                    "$month as answered_at, t.record as _record) "
                    "from (from landing.survey_answer where _record = 0) a, range(1, $count + 1) t(record)",
                    {"value": value, "month": month, "count": count},
                )
        connection.execute("delete from landing.survey_answer where _record = 0")
    return source.checked()


def test_the_stability_index_is_the_formula(tmp_path: Path) -> None:
    now, before = [100, 100, 100, 100, 100], [20, 40, 100, 160, 180]
    [found] = about(answers(tmp_path, now, before), "_answer_shifts")
    p, q = (np.array(now) + 0.5) / 502.5, (np.array(before) + 0.5) / 502.5
    index = float(((p - q) * np.log(p / q)).sum())
    assert 0.25 < index < 0.6
    assert f"answers=500, answers_before=500, stability_index={index:.4f}".rstrip("0") in found.message
    assert found.severity == "warning"


def test_turned_answers_are_said_and_alike_ones_and_few_are_not(tmp_path: Path) -> None:
    usual = [10, 20, 40, 80, 100]
    assert about(answers(tmp_path / "alike", [12, 18, 44, 76, 100], usual), "_answer_shifts") == []
    assert about(answers(tmp_path / "turned", usual[::-1], usual), "_answer_shifts") != []
    assert about(answers(tmp_path / "few", [40, 20, 10, 5, 5], usual), "_answer_shifts") == []
