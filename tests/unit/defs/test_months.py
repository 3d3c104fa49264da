"""Which months a run has computed is read from what it has built."""

from pathlib import Path

import duckdb

from pipelines.defs.months import computed_months


def test_months_that_were_computed_and_are_still_of_the_record(tmp_path: Path) -> None:
    warehouse = tmp_path / "w.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        for schema in ("canonical", "indicators"):
            connection.execute(f"create schema {schema}")
        connection.execute(
            "create table canonical.dim_month as select date '2025-01-01' + to_months(n) as period "
            "from (select cast(n as integer) as n from range(4) as numbers (n))"
        )
        connection.execute("create table indicators.months_touched (period date)")
        connection.execute(
            "insert into indicators.months_touched values ('2025-03-01'), ('2024-06-01'), ('2025-01-01')"
        )
    assert computed_months(warehouse) == ["2025-01", "2025-03"]
