"""Staging and the canonical model, built by dbt from a landing schema of a few rows, with every dbt test in force.

The rows are put straight into tables that have the entities' own schemas, so nothing here waits for an extract.
What turns on a date or a case is a dbt unit test beside the models; this runs those too, and what only a whole build
shows: that the layers fit, that what is wrong is listed, and that a broken hierarchy stops the build.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.defs.resources import dbt_executable
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.landing import LEDGER_SQL
from pipelines.settings import DBT_PROJECT_DIR

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

UNITS = [
    {"unit_id": "co", "unit_name": "Company", "unit_level": "company"},
    {"unit_id": "s1", "unit_name": "North", "parent_unit_id": "co", "unit_level": "site"},
    {"unit_id": "t1", "unit_name": "Team 1", "parent_unit_id": "s1", "unit_level": "team"},
]
ROWS: Rows = {
    "unit": UNITS,
    "client": [{"client_id": "k1", "unit_id": "t1", "client_since": "2020-01-01"}],
    "case": [
        {"case_id": "c1", "client_id": "k1", "opened_at": "2025-01-31 23:30:00", "kind": "complaint"},
        {"case_id": "c2", "unit_id": "t9", "opened_at": "2025-03-05 09:00:00", "kind": "request"},
    ],
    "proactive_contact": [
        {"contact_id": "p1", "client_id": "k9", "contacted_at": "2025-02-01 09:00:00", "kind": "callback"}
    ],
    "employee": [
        {
            "employee_id": "e1",
            "spell_start": "2024-01-01",
            "unit_id": "t1",
            "population": "field",
            "hired_on": "2024-01-01",
        }
    ],
    "absence": [
        {"employee_id": "e1", "started_on": "2025-02-27", "ended_on": "2025-03-02", "kind": "sick", "hours": 14}
    ],
    "hr_event": [{"employee_id": "e1", "event_on": "2025-02-10", "kind": "training", "hours": 7}],
    "internal_request": [
        {"request_id": "r1", "employee_id": "e1", "opened_at": "2025-02-10 09:00:00", "kind": "irritant"}
    ],
    "availability": [
        {
            "unit_id": "s1",
            "service": "crm",
            "audience": "collaborator",
            "day": "2025-02-10",
            "minutes_expected": 600,
            "minutes_available": 590,
        }
    ],
    "survey_answer": [
        {
            "response_id": "a1",
            "question": "q1",
            "respondent_id": "k1",
            "side": "client",
            "role": "client",
            "perspective": "own",
            "answered_at": "2025-02-28 09:00:00",
            "dimension": "trust",
            "value": 4,
            "scale_min": 1,
            "scale_max": 5,
        }
    ],
    "indicator_feed": [
        {
            "unit_id": "t1",
            "period": "2025-02-01",
            "population": "all",
            "indicator_id": "client_reputation",
            "n": 12,
            "value": 80,
        }
    ],
    "action": [{"action_id": "x1", "unit_id": "t1", "marker": "trust", "started_on": "2025-02-01"}],
}


def land(warehouse: Path, rows: Rows) -> None:
    """Make the schema `landing` with every entity's table, and the rows given."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema landing")
        connection.execute(f"create table landing.delivery ({LEDGER_SQL})")
        for entity in ENTITIES.values():
            table = f'landing."{entity.name}"'
            connection.execute(f"create table {table} ({entity.schema_sql()})")
            for number, row in enumerate(rows.get(entity.name, ()), start=1):
                whole = {"_system": "test", "_delivery_id": "d1", "_record": number, "_version": "2025-04-01", **row}
                names = ", ".join(f'"{name}"' for name in whole)
                marks = ", ".join("?" for _ in whole)
                connection.execute(f"insert into {table} ({names}) values ({marks})", list(whole.values()))


def build(folder: Path, parsed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `dbt build` on staging and canonical against the warehouse of the folder; `parsed` keeps dbt's parse."""
    return subprocess.run(
        [
            dbt_executable(),
            "build",
            "--project-dir",
            str(DBT_PROJECT_DIR),
            "--target-path",
            str(parsed),
            "--log-path",
            str(folder / "logs"),
            "--select",
            "path:models/staging path:models/canonical",
            # Tests that also read a later layer are not of this build.
            "--indirect-selection",
            "cautious",
            *arguments,
        ],
        env={
            **os.environ,
            "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
            "DO_NOT_TRACK": "1",
            "SYMMETRY_WAREHOUSE": str(folder / "warehouse.duckdb"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("target")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, parsed: Path) -> Path:
    folder = tmp_path_factory.mktemp("canonical")
    land(folder / "warehouse.duckdb", ROWS)
    result = build(folder, parsed, "--exclude", "path:models/staging/statistics")
    assert result.returncode == 0, result.stdout
    return folder


def test_months_run_from_the_first_to_the_last_event(built: Path) -> None:
    months = query(built, "select strftime(period, '%Y-%m'), is_complete from canonical.dim_month order by 1")
    assert months == [("2025-02", True), ("2025-03", False)]


def test_what_has_no_unit_is_listed_with_its_reason(built: Path) -> None:
    assert query(built, "select * from canonical.unattributed order by entity") == [
        ("case", "c2", "unknown_unit", 1),
        ("proactive_contact", "p1", "no_unit", 1),
    ]


def test_every_row_of_landing_is_in_the_facts(built: Path) -> None:
    for entity, table in {
        "case": "fct_case",
        "proactive_contact": "fct_proactive_contact",
        "absence": "fct_absence",
        "hr_event": "fct_hr_event",
        "internal_request": "fct_internal_request",
        "availability": "fct_availability",
        "survey_answer": "fct_survey_answer",
        "indicator_feed": "fct_indicator_feed",
        "action": "dim_action",
        "client": "dim_client",
        "employee": "dim_employee_spell",
    }.items():
        assert query(built, f"select count(*) from canonical.{table}") == [(len(ROWS[entity]),)], table


def test_comments_reach_the_warehouse(built: Path) -> None:
    bare = query(
        built,
        """
        select table_name, column_name from duckdb_columns()
        where schema_name in ('staging', 'canonical') and coalesce(comment, '') = ''
        """,
    )
    assert bare == []


@pytest.mark.parametrize(
    ("wrong_units", "test", "failures"),
    [
        pytest.param([("t2", "lost", "team")], "every_parent_is_a_unit", 1, id="missing parent"),
        pytest.param([("a", "b", "team"), ("b", "a", "site")], "every_unit_reaches_the_top", 2, id="circle"),
    ],
)
def test_a_broken_hierarchy_stops_the_build(
    tmp_path: Path, parsed: Path, wrong_units: list[tuple[str, str, str]], test: str, failures: int
) -> None:
    wrong = [
        {"unit_id": unit, "unit_name": unit, "parent_unit_id": parent, "unit_level": level}
        for unit, parent, level in wrong_units
    ]
    land(tmp_path / "warehouse.duckdb", {**ROWS, "unit": [*UNITS, *wrong]})
    result = build(
        tmp_path,
        parsed,
        "--exclude",
        "path:models/staging/statistics test_type:unit test_name:not_null test_name:all_present "
        "test_name:accepted_values",
    )
    assert result.returncode != 0
    said = re.search(rf"Failure in test {test} .*?Got (\d+) result", result.stdout, flags=re.DOTALL)
    assert said, result.stdout
    assert int(said[1]) == failures


def test_nothing_landed_yet_is_not_an_error(tmp_path: Path, parsed: Path) -> None:
    land(tmp_path / "warehouse.duckdb", {})
    result = build(tmp_path, parsed, "--exclude", "path:models/staging/statistics test_type:unit")
    assert result.returncode == 0, result.stdout
    assert query(tmp_path, "select count(*) from canonical.dim_month") == [(0,)]
