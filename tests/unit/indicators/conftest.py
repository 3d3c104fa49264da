"""One dbt run of the indicators over the tiny company, shared by all tests of this folder."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
import yaml

from pipelines.settings import DBT_PROJECT_DIR

sys.path.insert(0, str(Path(__file__).parent))
from tiny_company import CANONICAL, TOUCHED, Row

TYPES = {"string": "VARCHAR"}


class Cell(NamedTuple):
    """One row of indicator_windows."""

    n: float
    s1: float
    s2: float
    people: int | None
    conservative: bool


def _create(connection: duckdb.DuckDBPyConnection, table: str, rows: list[Row]) -> None:
    """Make a canonical table by its contract and fill it; columns that a row does not give are null."""
    properties = yaml.safe_load((DBT_PROJECT_DIR / f"models/canonical/{table}.yml").read_text(encoding="utf-8"))
    columns = {column["name"]: column["data_type"] for column in properties["models"][0]["columns"]}
    unknown = {name for row in rows for name in row} - set(columns)
    assert not unknown, f"{table} has no column {sorted(unknown)}"
    definitions = ", ".join(f"{name} {TYPES.get(kind, kind)}" for name, kind in columns.items())
    connection.execute(f"create table canonical.{table} ({definitions})")
    marks = ", ".join("?" for _ in columns)
    connection.executemany(
        f"insert into canonical.{table} values ({marks})", [[row.get(name) for name in columns] for row in rows]
    )


def _definitions(folder: Path) -> Path:
    """The default definitions with the parameters of the tiny company."""
    folder.mkdir()
    for path in (DBT_PROJECT_DIR / "seeds/default").glob("*.csv"):
        (folder / path.name).write_bytes(path.read_bytes())
    with (folder / "parameters.csv").open(encoding="utf-8", newline="") as stream:
        parameters = dict(csv.reader(stream)) | TOUCHED
    with (folder / "parameters.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows(parameters.items())
    return folder


@pytest.fixture(scope="session")
def definitions_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of definitions that dbt is given, by its absolute path."""
    return _definitions(tmp_path_factory.mktemp("company") / "definitions")


@pytest.fixture(scope="session")
def definitions_before(definitions_folder: Path) -> dict[str, str]:
    """Text of each definition file before dbt has run."""
    return {path.name: path.read_text(encoding="utf-8") for path in definitions_folder.glob("*")}


@pytest.fixture(scope="session")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory, definitions_folder: Path, definitions_before: dict[str, str]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse in which the indicators of the tiny company have been built and every dbt test has passed."""
    folder = tmp_path_factory.mktemp("tiny_company")
    path = folder / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema canonical")
        for table, rows in CANONICAL.items():
            _create(connection, table, rows)
    ran = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            *("build", "--indirect-selection", "cautious"),
            *("--select", "resource_type:seed", "path:models/indicators"),
            *("--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        ],
        cwd=DBT_PROJECT_DIR,
        env=dict(os.environ)
        | {
            "SYMMETRY_WAREHOUSE": str(path),
            "SYMMETRY_DEFINITIONS_DIR": str(definitions_folder),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


Windows = Callable[..., Cell | None]


@pytest.fixture(scope="session")
def window(warehouse: duckdb.DuckDBPyConnection) -> Windows:
    """Look a cell of indicator_windows up; None where there is no row."""

    def find(indicator: str, unit: str, period: str, population: str = "all") -> Cell | None:
        rows = warehouse.execute(
            "select n, s1, s2, people, conservative from indicators.indicator_windows "
            "where indicator_id = ? and unit_id = ? and period = ? and population = ?",
            [indicator, unit, date.fromisoformat(f"2025-{period}-01"), population],
        ).fetchall()
        assert len(rows) <= 1
        return Cell(*rows[0]) if rows else None

    return find
