"""dbt reads a company's definitions and never writes them (see dbt_project/macros/noop_statement.sql)."""

from __future__ import annotations

from pathlib import Path

import duckdb


def test_dbt_does_not_touch_the_folder(
    definitions_folder: Path, definitions_before: dict[str, str], warehouse: duckdb.DuckDBPyConnection
) -> None:
    after = {path.name: path.read_text(encoding="utf-8") for path in definitions_folder.glob("*")}
    assert after == definitions_before
    loaded = warehouse.execute("select count(*) from definitions.indicators").fetchone()
    assert loaded == (after["indicators.csv"].count("\n") - 1,)
