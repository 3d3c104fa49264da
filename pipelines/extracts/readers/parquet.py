"""Parquet: every value printed as text (ISO dates, decimal point), so the conformer treats it as any other."""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import (
    DeliveryError,
    RawTable,
    create_rejects,
    file_literal,
    find_columns,
    literal,
    plainly_named,
)
from pipelines.extracts.readers.text import describe_bytes


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read a Parquet file; the count is the one its own footer states.

    Timestamps with a zone are printed in UTC with their offset; lists and structs as JSON. `_line` is null.
    Raises DeliveryError: empty_file, not_the_format, missing_column.
    """
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise DeliveryError("empty_file", f"{path.name}: the file is empty.")
    if not head.startswith(b"PAR1"):
        what = describe_bytes(head) or "no Parquet file"
        raise DeliveryError("not_the_format", f"{path.name}: the contract expects Parquet, but this is {what}.")
    link = file_literal(plainly_named(path, workdir, "parquet"))
    scan = f"read_parquet({link}, binary_as_string=true, hive_partitioning=false)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
        counted = connection.execute(f"SELECT num_rows FROM parquet_file_metadata({link})").fetchall()
        names = [str(row[0]) for row in described]
        found = find_columns(contract, names, path.name)
        columns = [f"c{position}" for position in range(len(names))]
        days = {found[column.source] for column in contract.columns if column.type == "date" and column.source in found}
        picks = ", ".join(
            f"{_printed(_quoted(name), str(row[1]), position in days)} AS {column}"
            for position, (name, row, column) in enumerate(zip(names, described, columns, strict=True))
        )
        if int(counted[0][0]) == 0:
            raise DeliveryError("empty_file", f"{path.name}: the file has columns but no row.")
        connection.execute(f"CREATE TABLE raw AS SELECT {picks} FROM {scan}")
    except duckdb.Error as error:
        first = str(error).splitlines()[0].replace(str(workdir / "delivery.parquet"), path.name)
        raise DeliveryError(
            "not_the_format", f"{path.name}: damaged Parquet file: {first}. Export it again."
        ) from error
    connection.execute("CREATE VIEW numbered AS SELECT rowid + 1 AS _record, CAST(NULL AS BIGINT) AS _line, * FROM raw")
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in zip(names, columns, strict=True))
    native = frozenset(column for column, row in zip(columns, described, strict=True) if str(row[1]) != "VARCHAR")
    return RawTable(
        table="numbered",
        records_read=int(counted[0][0]),
        rejects_table=create_rejects(connection, []),
        columns={source: columns[position] for source, position in found.items()},
        identity=tuple(columns),
        row_sql=f"CAST(json_object({pairs}) AS VARCHAR)",
        native=native,
    )


def _printed(value: str, kind: str, day: bool) -> str:
    """Return SQL for the text of a value of that DuckDB type; `day`: the contract reads a date there."""
    if day and kind == "TIMESTAMP WITH TIME ZONE":
        # Data frames have no days: they write midnights of UTC. Which day another moment is of depends on the place.
        moment = f"({value} AT TIME ZONE 'UTC')"
        return (
            f"CASE WHEN {moment} = date_trunc('day', {moment}) THEN CAST(CAST({moment} AS DATE) AS VARCHAR) "
            f"ELSE CAST({value} AS VARCHAR) END"
        )
    if kind.startswith(("STRUCT", "MAP", "UNION")) or kind.endswith("]"):
        return f"CAST(to_json({value}) AS VARCHAR)"
    if kind in {"FLOAT", "DOUBLE"}:
        # Whole numbers without `.0`: a column of identifiers with a null is often written as floats.
        whole = f"{value} = floor({value}) AND abs({value}) < 9007199254740992"
        return f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE CAST({value} AS VARCHAR) END"
    if kind == "TIMESTAMP_NS":
        return f"CAST(CAST({value} AS TIMESTAMP) AS VARCHAR)"
    return f"CAST({value} AS VARCHAR)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
