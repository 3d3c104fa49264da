"""Open ruptures of symmetry, from the published file, where the version that published it computes them.

The table `ruptures` holds one row an episode (method §5). What is needed of it here are the columns below; a table
that lacks one is said to be unreadable, never taken for empty.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict

TABLE = "ruptures"

#: unit_id; pair_id (null: of the unit as a whole); side that fares better; first month; whether it goes on.
COLUMNS = ("unit_id", "pair_id", "side", "start_period", "is_open")


class RupturesError(RuntimeError):
    """The published ruptures cannot be read; the message says why and what to do."""


class OpenRupture(BaseModel):
    """An episode that goes on: its unit, its pair (None: the unit as a whole), its side and its first month."""

    model_config = ConfigDict(frozen=True)

    unit_id: str
    unit_name: str
    pair_id: str | None
    side: str
    start_period: date


def open_ruptures(published: Path) -> list[OpenRupture] | None:
    """Return the episodes that go on, by unit, pair and start; None when the published file has no such table.

    Raises:
        RupturesError: the file cannot be opened, or its table lacks a column.
    """
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            there = {
                str(name)
                for (name,) in connection.execute(
                    "select column_name from duckdb_columns() where schema_name = 'main' and table_name = $table",
                    {"table": TABLE},
                ).fetchall()
            }
            if not there:
                return None
            if missing := [name for name in COLUMNS if name not in there]:
                raise RupturesError(
                    f"the table {TABLE} of {published} has no column {', '.join(missing)}; publish again "
                    "(symmetry run --force) with the version that this command is of"
                )
            rows = connection.execute(
                "select r.unit_id, coalesce(u.unit_name, r.unit_id), r.pair_id, r.side, r.start_period "
                f"from {TABLE} as r left join dim_unit as u on u.unit_id = r.unit_id "
                "where r.is_open order by 1, r.pair_id nulls first, r.side, r.start_period"
            ).fetchall()
    except duckdb.Error as error:
        raise RupturesError(
            f"{published} cannot be read ({type(error).__name__}); run `symmetry run --force`"
        ) from error
    return [
        OpenRupture(unit_id=unit, unit_name=name, pair_id=pair, side=side, start_period=start)
        for unit, name, pair, side, start in rows
    ]
