"""The published schema as a contract: what it is, what would break a reader, and former versions beside it.

`published_schema.json` is what readers rely on. A change that only adds is written down with
`python -m pipelines.publication.schema FILE` (FILE: a published scorecard). One that breaks readers needs a new
`SCHEMA_VERSION`, and an entry in `FORMER` that gives readers the tables as they were for a stated time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

#: Raised when a change would break a reader: a table or column goes or is renamed, a type or a key is another.
SCHEMA_VERSION = 1

WRITTEN_DOWN = Path(__file__).with_name("published_schema.json")


@dataclass(frozen=True)
class Former:
    """A version of the schema that readers may still rely on.

    version: its number; its tables stand as views in the schema `v<version>` of the published file, and in the folder
    of that name among the Parquet files. until: the last day on which they are published. views: by table, the query
    that makes it, as it was, from today's tables.
    """

    version: int
    until: date
    views: Mapping[str, str]

    @property
    def name(self) -> str:
        """The schema that its views stand in."""
        return f"v{self.version}"


#: None so far: version 1 is the first.
FORMER: tuple[Former, ...] = ()


def described(published: Path, keys: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The schema of a published file: version, and by table its key and its columns with their types.

    keys: by table, the columns that tell its rows apart; the table of publications has its own.
    """
    with duckdb.connect(str(published), read_only=True) as connection:
        rows = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() where not internal "
            "and table_name in (select table_name from duckdb_tables()) order by table_name, column_index"
        ).fetchall()
    tables: dict[str, dict[str, Any]] = {}
    for table, column, kind in rows:
        own = tables.setdefault(table, {"key": [*keys.get(table, ())], "columns": {}})
        own["columns"][column] = kind
    return {"version": SCHEMA_VERSION, "tables": tables}


def changes(former: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What has changed between two schemas: what breaks a reader, and what only adds; a line each."""
    breaking, adding = [], []
    for name, table in former["tables"].items():
        other = now["tables"].get(name)
        if other is None:
            breaking.append(f"table {name} is gone")
            continue
        if other["key"] != table["key"]:
            breaking.append(f"table {name} has the key {other['key']}, which was {table['key']}")
        for column, kind in table["columns"].items():
            found = other["columns"].get(column)
            if found is None:
                breaking.append(f"column {name}.{column} is gone")
            elif found != kind:
                breaking.append(f"column {name}.{column} is {found}, which was {kind}")
        adding += [f"column {name}.{column} is new" for column in other["columns"] if column not in table["columns"]]
    adding += [f"table {name} is new" for name in now["tables"] if name not in former["tables"]]
    return breaking, adding


def problem(former: Mapping[str, Any], now: Mapping[str, Any], kept: Sequence[Former] = FORMER) -> str | None:
    """What has to be done before this schema may be published, or None when it is the one that is written down."""
    breaking, adding = changes(former, now)
    if breaking and now["version"] <= former["version"]:
        return (
            "readers would break: " + "; ".join(breaking) + ". Undo it, or raise SCHEMA_VERSION in "
            "pipelines/publication/schema.py and give readers the former tables in FORMER"
        )
    if breaking and not any(one.version == former["version"] for one in kept):
        return f"version {former['version']} has no entry in FORMER; give readers its tables for a stated time"
    if breaking or adding or now["version"] != former["version"]:
        told = "; ".join([*breaking, *adding]) or "another version"
        return f"the schema has changed ({told}); run `python -m pipelines.publication.schema FILE` and commit it"
    return None


def write_former(connection: duckdb.DuckDBPyConnection, former: Sequence[Former], today: date) -> None:
    """Create the views of every former version whose time is not over, in the database in use."""
    for version in former:
        if today <= version.until:
            connection.execute(f"create schema {version.name}")
            for table, query in version.views.items():
                connection.execute(f"create view {version.name}.{table} as {query}")


def main() -> None:
    """Write down the schema of the published file that the command line names."""
    from pipelines.publication.publish import PUBLISHED_TABLES, STATISTICS_TABLES

    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit("Usage: python -m pipelines.publication.schema FILE, with FILE a published scorecard.duckdb")
    schema = described(Path(sys.argv[1]), PUBLISHED_TABLES | STATISTICS_TABLES)
    if WRITTEN_DOWN.is_file():
        former = json.loads(WRITTEN_DOWN.read_text(encoding="utf-8"))
        breaking, _ = changes(former, schema)
        if breaking and not (
            schema["version"] > former["version"] and any(one.version == former["version"] for one in FORMER)
        ):
            sys.exit(f"Nothing is written: {problem(former, schema)}")
    WRITTEN_DOWN.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
    print(f"{WRITTEN_DOWN}: {len(schema['tables'])} tables, version {schema['version']}")


if __name__ == "__main__":
    main()
