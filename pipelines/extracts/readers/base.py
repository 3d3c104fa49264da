"""What all readers share: the raw table they hand over, the refusal, and finding the contract's columns."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.extracts.contract import Column, Contract, Filter, folded_name
from pipelines.extracts.twins import RetryError, Twins

#: Columns of the table of rejected rows, in order, with their types.
REJECT_SCHEMA = pa.schema(
    [
        ("_record", pa.int64()),
        ("_line", pa.int64()),
        ("column", pa.string()),
        ("value", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("row", pa.string()),
    ]
)


class DeliveryError(Exception):
    """A delivery that must be refused whole. `reason` is a code; the message is readable, with a remedy."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class Attempt:
    """How a file is read this time: the `salt` of the hashes of its rows, and whether plain lines are only counted."""

    salt: int = 0
    plainly: bool = True


class NotPlainError(RetryError):
    """Lines that were only counted are not what the bulk parser read: they must be looked at one by one."""


@dataclass(frozen=True)
class Part:
    """What is known of the rows of a part of a large file beside their values.

    `file`: the file's name; `rows`: how many were counted; `plain`: whether some of them were only counted; `steps`:
    (index of a row in file order, its record number - index, its line - index), where either difference changes;
    `twins`: the rows of the parts before.
    """

    file: str
    rows: int
    plain: bool
    steps: tuple[tuple[int, int, int], ...]
    twins: Twins

    def record_numbers(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the record numbers of the rows at those indices."""
        if not len(indices):
            return indices
        edges = np.array(self.steps, dtype=np.int64)
        return indices + edges[np.searchsorted(edges[:, 0], indices, side="right") - 1, 1]

    def prove(self, read: int | None) -> None:
        """Compare what the bulk parser read (None: it gave up) with what was counted.

        Raises NotPlainError when another look at the file may tell why they differ, else DeliveryError (count).
        """
        if read == self.rows:
            return
        if self.plain:
            raise NotPlainError
        raise not_counted(self.file, self.rows, read)


@dataclass(frozen=True)
class RawTable:
    """A file as raw text in the connection.

    `table`: relation with `_record` (1-based number in the file, rejected rows counted), `_line` (1-based
    physical line of the row's start, null where the format has none) and VARCHAR columns.
    `records_read`: data records in the file, counted without the parser.
    `rejects_table`: relation with the columns of REJECT_SCHEMA, rows that have no structure.
    `columns`: source column name -> quoted SQL column of `table`, for the columns that the file has (under that
    name or an alias).
    `identity`: SQL columns that together are the whole row (for exact duplicates).
    `row_sql`: SQL expression of the whole row as text, for the quarantine.
    `native`: SQL columns whose text was printed by us from a typed value (so ISO dates, decimal point).
    `cut_off`: whether the file ends in the middle of its last row, so that rows may be missing behind it.
    `trimmed`: whether no value is empty text, or begins or ends with a blank.
    `part`: set where this is a part of a large file, whose duplicates are found among all parts; then `table` has no
    numbers, and its rows are in file order.
    """

    table: str
    records_read: int
    rejects_table: str
    columns: dict[str, str]
    identity: tuple[str, ...]
    row_sql: str
    native: frozenset[str] = field(default_factory=frozenset)
    cut_off: bool = False
    trimmed: bool = False
    part: Part | None = None


def not_counted(file_name: str, counted: int, read: int | None) -> DeliveryError:
    """Return the refusal of a file whose sound rows the bulk parser does not read as counted (None: not at all)."""
    what = "the bulk parser could not read them" if read is None else f"{read} read"
    return DeliveryError(
        "count",
        f"{file_name}: {counted} sound rows counted, {what}: the counts do not add up, so nothing was landed. "
        "Please report this file's shape as a fault.",
    )


def literal(text: str) -> str:
    """Return an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Return an SQL string literal of one file to read: DuckDB takes a path for a pattern."""
    return literal(re.sub(r"[*?\[]", r"[\g<0>]", str(path)))


def plainly_named(path: Path, workdir: Path, suffix: str) -> Path:
    """Return a link to a file under a plain name, so that nothing in its own name (`[1]`, `.gz`) says how to read."""
    link = workdir / f"delivery.{suffix}"
    link.unlink(missing_ok=True)
    link.symlink_to(path.resolve())
    return link


def fetch_row(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    """Run a query that gives one row and return it, with the result fetched to its end.

    A result left half read blocks the connection for `register` (DuckDB 2.0).
    """
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def create_rejects(connection: duckdb.DuckDBPyConnection, rows: Sequence[dict[str, object]]) -> str:
    """Make the table of rejected rows and return its name."""
    batch = pa.Table.from_pylist(list(rows), schema=REJECT_SCHEMA)
    connection.register("rejects_batch", batch)
    connection.execute("CREATE TABLE rejects AS SELECT * FROM rejects_batch")
    connection.unregister("rejects_batch")
    return "rejects"


def number_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    steps: tuple[tuple[int, int, int], ...],
    rows: int,
    name: str,
) -> None:
    """Make the view `name` of a table whose rows are in file order: `_record`, `_line` and its columns.

    `steps` as in Part.
    """
    if len(steps) <= 1:
        _, record_step, line_step = steps[0] if steps else (0, 0, 0)
        numbers = f"rowid + {record_step} AS _record, rowid + {line_step} AS _line"
        connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT {numbers}, * FROM {table}")
        return
    connection.register("numbers_batch", _numbers(steps, rows))
    connection.execute(f"CREATE OR REPLACE TABLE {name}_numbers AS SELECT * FROM numbers_batch")
    connection.unregister("numbers_batch")
    connection.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM {name}_numbers POSITIONAL JOIN {table}")


def number_places(
    connection: duckdb.DuckDBPyConnection, table: str, steps: tuple[tuple[int, int, int], ...], rows: int
) -> str:
    """Return the SELECT of a table whose rows know their `_place` in file order, with `_record` and `_line`.

    `steps` as in Part.
    """
    if len(steps) <= 1:
        _, record_step, line_step = steps[0] if steps else (0, 0, 0)
        return f"SELECT _place + {record_step} AS _record, _place + {line_step} AS _line, * FROM {table}"
    connection.register("numbers_batch", _numbers(steps, rows))
    connection.execute("CREATE OR REPLACE TABLE place_numbers AS SELECT * FROM numbers_batch")
    connection.unregister("numbers_batch")
    return f"SELECT n._record, n._line, t.* FROM {table} AS t JOIN place_numbers AS n ON n.rowid = t._place"


def _numbers(steps: tuple[tuple[int, int, int], ...], rows: int) -> pa.Table:
    """Return record and line number of every row in file order."""
    edges = np.array(steps, dtype=np.int64)
    lengths = np.diff(np.append(edges[:, 0], rows))
    indices = np.arange(rows)
    return pa.table(
        {"_record": indices + np.repeat(edges[:, 1], lengths), "_line": indices + np.repeat(edges[:, 2], lengths)}
    )


def _parts(contract: Contract) -> list[Column | Filter]:
    return [*contract.columns, *contract.filters]


def sources(contract: Contract) -> dict[str, bool]:
    """Return every source column the contract reads -> whether the file must have it."""
    needed: dict[str, bool] = {}
    for part in _parts(contract):
        needed[part.source] = needed.get(part.source, False) or not part.optional
    return needed


def names_of(contract: Contract) -> dict[str, tuple[str, ...]]:
    """Return every source column the contract reads -> the names it may bear, the preferred one first."""
    names: dict[str, dict[str, None]] = {}
    for part in _parts(contract):
        names.setdefault(part.source, {}).update(dict.fromkeys(part.names))
    return {source: tuple(known) for source, known in names.items()}


def known_names(contract: Contract, found: Sequence[str]) -> set[str]:
    """Return the names among those found that a column of the contract may bear, folded."""
    known = {folded_name(name) for names in names_of(contract).values() for name in names}
    return known & {folded_name(name) for name in found}


def find_columns(contract: Contract, found: Sequence[str], file_name: str, line: int = 1) -> dict[str, int]:
    """Return source name -> position in `found` for the contract's columns that the file has.

    Capitals, blanks, line ends, Unicode forms and the shape of apostrophes are ignored, but a name that the contract
    writes in two ways is taken as written. Of a column's names, the first that the file has is read. `line`: the text
    file's line they stand in. Raises DeliveryError:
    ambiguous_column when several columns have a name that is read,
    missing_column, listing what was found and the nearest names, when one that must be there is not.
    """
    wanted = sources(contract)
    folded: dict[str, list[int]] = {}
    for position, name in enumerate(found):
        folded.setdefault(folded_name(name), []).append(position)
    result: dict[str, int] = {}
    missing: list[str] = []
    several: list[str] = []
    known = {name for names in names_of(contract).values() for name in names}
    for source, names in names_of(contract).items():
        needed = wanted[source]
        candidates: list[int] = []
        for name in names:
            candidates = [
                position
                for position in folded.get(folded_name(name), [])
                if found[position] == name or found[position] not in known
            ]
            if candidates:
                break
        if len(candidates) > 1:
            several.append(f"{source!r} (columns {', '.join(str(position + 1) for position in candidates)})")
        elif candidates:
            result[source] = candidates[0]
        elif needed:
            missing.append(source)
    if several:
        raise DeliveryError(
            "ambiguous_column",
            f"{file_name}: the contract {contract.full_name} reads columns whose name stands more than once: "
            f"{'; '.join(several)}. Leave one of each in the export, or give them different names.",
        )
    if missing:
        raise missing_columns(missing, found, file_name, contract, line)
    return result


def _other_delimiter(found: Sequence[str], expected: set[str], contract: Contract) -> str | None:
    """Return the character that divides the first line into two or more of the expected names, if one does.

    A header divided otherwise is one name, or few that are each several.
    """
    for other in (",", ";", "\t", "|"):
        if other != contract.format.delimiter:
            names = {folded_name(name.strip(contract.format.quote)) for text in found for name in text.split(other)}
            if len(expected & names) >= 2:
                return other
    return None


def missing_columns(
    missing: Sequence[str], found: Sequence[str], file_name: str, contract: Contract, line: int = 1
) -> DeliveryError:
    """Return the refusal of a file without columns it must have, with the nearest names as a hint.

    Names that are none of the contract's are not shown where it knows none at all: without a header, the
    first line is a person's data.
    """
    by_fold = {folded_name(name): name for name in found}
    expected = {
        folded_name(part)
        for names in names_of(contract).values()
        for name in names
        for part in (name, name.split(".")[0])
    }
    if found and not expected & set(by_fold):
        csv = contract.format.type == "csv"
        reads = f"The contract {contract.full_name} reads {', '.join(repr(source) for source in missing)}."
        other = _other_delimiter(found, expected, contract) if csv else None
        if other is not None:
            shown = repr(other) if other != "\t" else "tabs"
            stated = repr(contract.format.delimiter) if contract.format.delimiter != "\t" else "tabs"
            return DeliveryError(
                "missing_column",
                f"{file_name}: line {line} is divided by {shown}, the contract states {stated}. State `delimiter: "
                f"{json.dumps(other)}` in the contract (and its `decimal` mark), or export it again. {reads}",
            )
        hint = {
            "csv": "If the names stand lower, state `skip_rows_before_header` in the contract; else mend",
            "xlsx": "If the names stand lower or in another sheet, state `skip_rows_before_header` or `sheet` in the "
            "contract; else mend",
        }.get(contract.format.type, "Mend")
        return DeliveryError(
            "missing_column",
            f"{file_name}: none of the {len(found)} {f'columns of line {line}' if csv else 'columns'} has an expected "
            f"name{'; has the export lost its header?' if csv else '.'} {reads} {hint} the export, or the contract if "
            "the source has changed its names.",
        )
    parts = []
    for source in missing:
        near = difflib.get_close_matches(folded_name(source), list(by_fold), n=1, cutoff=0.6)
        parts.append(f"{source!r}" + (f" (did you mean {by_fold[near[0]]!r}?)" if near else ""))
    shown = ", ".join(found[:40]) + (f", and {len(found) - 40} more" if len(found) > 40 else "")
    return DeliveryError(
        "missing_column",
        f"{file_name}: the contract {contract.full_name} reads columns the file does not have: "
        f"{'; '.join(parts)}. Columns found: {shown or 'none'}. Mend the export, or the contract if the "
        "source has changed its names.",
    )
