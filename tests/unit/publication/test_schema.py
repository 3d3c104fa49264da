"""The published schema as a contract: what breaks a reader is told, what only adds too, former versions stay beside."""

import copy
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.publication.publish import write_parquet
from pipelines.publication.schema import Former, changes, described, problem, write_former

FORMERLY = {
    "version": 1,
    "tables": {"scorecard": {"key": ["period", "unit_id"], "columns": {"period": "DATE", "unit_id": "VARCHAR"}}},
}


def changed(version: int = 1, **tables: Any) -> dict[str, Any]:
    now = copy.deepcopy(FORMERLY)
    now["version"] = version
    now["tables"].update(tables)  # type: ignore[attr-defined]
    return now


def scorecard(*key: str, **columns: str) -> dict[str, Any]:
    return {"key": [*key], "columns": columns}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (scorecard("period", "unit_id", period="DATE"), "column scorecard.unit_id is gone"),
        (scorecard("period", "unit_id", period="DATE", unit="VARCHAR"), "column scorecard.unit_id is gone"),
        (
            scorecard("period", "unit_id", period="TIMESTAMP", unit_id="VARCHAR"),
            "column scorecard.period is TIMESTAMP, which was DATE",
        ),
        (
            scorecard("unit_id", period="DATE", unit_id="VARCHAR"),
            "table scorecard has the key ['unit_id'], which was ['period', 'unit_id']",
        ),
    ],
)
def test_what_breaks_a_reader_needs_a_new_version_and_the_former_tables(now: dict[str, Any], told: str) -> None:
    said = problem(FORMERLY, changed(scorecard=now))
    assert said is not None
    assert told in said
    assert "raise SCHEMA_VERSION" in said
    raised = problem(FORMERLY, changed(2, scorecard=now))
    assert raised == "version 1 has no entry in FORMER; give readers its tables for a stated time"
    kept = problem(FORMERLY, changed(2, scorecard=now), [Former(1, date(2027, 6, 30), {})])
    assert kept is not None
    assert "run `python -m pipelines.publication.schema FILE`" in kept


def test_a_table_that_goes_breaks_and_one_that_comes_does_not() -> None:
    assert changes(FORMERLY, {"version": 1, "tables": {}}) == (["table scorecard is gone"], [])
    more = changed(signals=scorecard("unit_id", unit_id="VARCHAR"))
    assert changes(FORMERLY, more) == ([], ["table signals is new"])
    said = problem(FORMERLY, more)
    assert said is not None
    assert said.startswith("the schema has changed (table signals is new)")
    assert problem(FORMERLY, FORMERLY) is None


def test_a_former_version_stands_beside_until_its_time_is_over(tmp_path: Path) -> None:
    former = [Former(1, date(2027, 6, 30), {"scores": "select unit_id, figure as value from main.scorecard"})]
    for day, there in ((date(2027, 6, 30), True), (date(2027, 7, 1), False)):
        file = tmp_path / f"{day}.duckdb"
        with duckdb.connect(str(file)) as connection:
            connection.execute("create table scorecard as select 'a' as unit_id, 1.5 as figure")
            write_former(connection, former, day)
        write_parquet(file, tmp_path / "parquet")
        old = tmp_path / "parquet" / "v1" / "scores.parquet"
        assert old.is_file() == there
        if there:
            assert pl.read_parquet(old).rows() == [("a", pl.Series([1.5]).item())]
        assert described(file, {"scorecard": ["unit_id"]})["tables"] == {
            "scorecard": {"key": ["unit_id"], "columns": {"unit_id": "VARCHAR", "figure": "DECIMAL(2,1)"}}
        }
