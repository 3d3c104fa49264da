"""CSV, TSV and the like: scanned for structure, then read in bulk by DuckDB, every value as text.

A regular file is read in place. As soon as the scan meets something that two parsers might read
differently (another encoding, mixed line ends, blank lines, a header over several lines, a row with too few
or too many fields, a stray quote), the sound rows are copied to a plain UTF-8 file and that copy is read.
Either way the bulk parser must return exactly the rows the scan counted.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import (
    DeliveryError,
    RawTable,
    create_rejects,
    fetch_row,
    file_literal,
    find_columns,
    literal,
    plainly_named,
)
from pipelines.extracts.readers.scanner import MAX_RECORD, LineTooLongError, Records, scan
from pipelines.extracts.readers.text import TextSource

_LF = 10


class _NeedsCopyError(Exception):
    """The file cannot be read in place; start again, copying the sound rows."""


@dataclass
class Dialect:
    """How a delimited file is read.

    `header_rows` first records are no data (0: the file has no header); after the first `skip` of them, the next
    `name_rows` hold the names.
    """

    delimiter: str
    quote: str
    encoding: str
    header_rows: int
    skip: int = 0
    name_rows: int = 1


@dataclass
class Scanned:
    """What a scan found: the header (in `names` each name once), the good rows, the bad ones, the file to read."""

    header: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    records: int = 0
    good: int = 0
    rejects: list[dict[str, object]] = field(default_factory=list)
    header_lines: int = 0
    crlf: bool = False
    lf: bool = False
    transcoded: bool = False
    #: (index of a good row, its record number - index, its line - index), where either difference changes.
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    path: Path = Path()


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read a delimited file by its contract.

    Rows with another number of fields than the header, or with quotes that make no sense, go to the rejects.
    Raises DeliveryError: empty_file, not_the_format, encoding, missing_column, count (the proof failed).
    """
    stated = contract.format
    before, names = stated.skip_rows_before_header, stated.header_rows
    dialect = Dialect(
        stated.delimiter,
        stated.quote,
        stated.encoding,
        before + names + stated.skip_rows_after_header,
        skip=before,
        name_rows=names,
    )
    scanned, table = load(path, dialect, connection, workdir, contract)
    found = find_columns(contract, scanned.header, path.name)
    columns = [f"c{position}" for position in range(len(scanned.names))]
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in zip(scanned.names, columns, strict=True))
    return RawTable(
        table=table,
        records_read=scanned.records,
        rejects_table=create_rejects(connection, scanned.rejects),
        columns={source: columns[position] for source, position in found.items()},
        identity=tuple(columns),
        row_sql=f"CAST(json_object({pairs}) AS VARCHAR)",
    )


def load(
    path: Path,
    dialect: Dialect,
    connection: duckdb.DuckDBPyConnection,
    workdir: Path,
    contract: Contract | None = None,
) -> tuple[Scanned, str]:
    """Scan a file and load its sound rows; return the scan and the relation (_record, _line, c0, c1...).

    With a contract, the header is checked before the rest of the file is read.
    """
    try:
        scanned = _scan(path, dialect, None, contract)
    except _NeedsCopyError:
        scanned = _scan(path, dialect, workdir, contract)
    if scanned.records == 0:
        raise DeliveryError(
            "empty_file", f"{path.name}: there is a header but no row. Export it again, or take it out of the inbox."
        )
    in_place = scanned.path == path
    file = plainly_named(path, workdir, "txt") if in_place else scanned.path
    count = _bulk_read(file, scanned, dialect, connection)
    if count != scanned.good and in_place:
        scanned = _scan(path, dialect, workdir, contract)
        count = _bulk_read(scanned.path, scanned, dialect, connection)
    if count != scanned.good or scanned.good + len(scanned.rejects) != scanned.records:
        raise DeliveryError(
            "count",
            f"{path.name}: {scanned.records} rows counted, {count} read and {len(scanned.rejects)} set aside: "
            "the counts do not add up, so nothing was landed. Please report this file's shape as a fault.",
        )
    return scanned, _numbered(scanned, connection)


def _scan(path: Path, dialect: Dialect, workdir: Path | None, contract: Contract | None) -> Scanned:
    """Scan the file; with a workdir also copy the sound rows there as plain UTF-8 with LF line ends."""
    source = TextSource(path, dialect.encoding)
    result = Scanned(path=path if workdir is None else workdir / "sound_rows.txt")
    header: list[str] = []
    target = result.path.open("wb") if workdir is not None else None
    blank_before = False
    if dialect.header_rows == 0:
        result.names = ["c0"]
    try:
        for records in scan(source.chunks(), dialect.delimiter, dialect.quote):
            result.crlf |= records.crlf
            result.lf |= records.lf
            filled = np.flatnonzero(records.end > records.start)
            if target is None:
                blanks = len(filled) < len(records.end)
                ahead = blank_before or (blanks and len(filled) and int(filled[-1]) >= len(filled))
                if ahead and (len(filled) or len(result.names) == 1):
                    raise _NeedsCopyError
                blank_before |= blanks
            while len(filled) and len(header) < dialect.header_rows:
                index = int(filled[0])
                header.append(records.text(index))
                result.header_lines = int(records.line[index] + records.line_count[index] - 1)
                if target is None and (records.line_count[index] > 1 or records.stray[index]):
                    raise _NeedsCopyError
                filled = filled[1:]
                if len(header) == dialect.skip + dialect.name_rows:
                    result.header = _header(header[dialect.skip :], dialect, path)
                    result.names = _names(result.header)
                    if contract is not None:
                        _check_columns(contract, result.header, path, dialect)
                if len(header) == dialect.header_rows and contract is not None:
                    _check_skipped(contract, header[-1], int(records.line[index]), path)
            _sort_out(records, filled, result, dialect, target)
            if target is None and (source.transcoded or records.cr or (result.crlf and result.lf)):
                raise _NeedsCopyError
    except LineTooLongError as error:
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: line {error.line} is longer than {MAX_RECORD} bytes; this is not a file of rows as "
            "the contract states. Check the format and the delimiter.",
        ) from error
    finally:
        if target is not None:
            target.close()
    if not header and dialect.header_rows:
        raise DeliveryError("empty_file", f"{path.name}: the file holds no row, not even a header.")
    if contract is not None and dialect.skip + dialect.name_rows < len(header) < dialect.header_rows:
        _check_skipped(contract, "", result.header_lines + 1, path)
    if target is not None:
        result.crlf, result.header_lines = False, 0
    return result


def _check_columns(contract: Contract, names: list[str], path: Path, dialect: Dialect) -> None:
    """Raise DeliveryError when a column is missing; the encoding is blamed first, where it garbled the header."""
    try:
        find_columns(contract, names, path.name)
    except DeliveryError:
        for _ in TextSource(path, dialect.encoding).chunks():
            pass
        raise


def _check_skipped(contract: Contract, last: str, line: int, path: Path) -> None:
    """Refuse a file whose skipped rows are not what the contract takes them for: they may be data."""
    mark = contract.format.skipped_rows_contain
    if mark and mark not in last:
        raise DeliveryError(
            "header_rows",
            f"{path.name}: line {line} should hold {mark!r}, the last of the "
            f"{contract.format.skip_rows_after_header} rows after the header that the contract skips; it does not, "
            "so rows of data would be lost. Export it again with all its header rows, or state "
            "`skip_rows_after_header` and `skipped_rows_contain` in the contract as the export now is.",
        )


def _sort_out(
    records: Records,
    filled: npt.NDArray[np.int64],
    result: Scanned,
    dialect: Dialect,
    target: BinaryIO | None,
) -> None:
    """Tell sound rows from broken ones in one chunk, number them, and copy the sound ones."""
    if not len(filled):
        return
    expected = len(result.names)
    too_long = records.end[filled] - records.start[filled] > MAX_RECORD
    sound = (records.fields[filled] == expected) & ~records.stray[filled] & ~too_long
    if target is None and not sound.all():
        raise _NeedsCopyError
    numbers = result.records + 1 + np.arange(len(filled))
    for nth in np.flatnonzero(~sound):
        index = int(filled[nth])
        result.rejects.append(_reject(records, index, int(numbers[nth]), expected, bool(too_long[nth]), dialect))
    good = filled[sound]
    indices = result.good + np.arange(len(good))
    record_step = numbers[sound] - indices
    line_step = records.line[good] - indices
    last = result.steps[-1][1:] if result.steps else (None, None)
    if len(good):
        changes = np.flatnonzero((np.diff(record_step) != 0) | (np.diff(line_step) != 0)) + 1
        if (int(record_step[0]), int(line_step[0])) != last:
            changes = np.concatenate([np.zeros(1, dtype=np.int64), changes])
        result.steps.extend(
            zip(
                indices[changes].tolist(),
                record_step[changes].tolist(),
                line_step[changes].tolist(),
                strict=True,
            )
        )
        if target is not None:
            _copy(records, good, target)
    result.records += len(filled)
    result.good += len(good)


def _copy(records: Records, good: npt.NDArray[np.int64], target: BinaryIO) -> None:
    """Write the good records, each ended by LF."""
    size = len(records.data)
    change = np.zeros(size + 1, dtype=np.int8)
    change[records.start[good]] += 1
    change[records.end[good]] -= 1
    keep = np.cumsum(change[:-1], dtype=np.int8).astype(np.bool_)
    keep[records.stop[good]] = True
    data = records.data.copy()
    data[records.stop[good]] = _LF
    target.write(data[keep].tobytes())


def _reject(
    records: Records, index: int, number: int, expected: int, too_long: bool, dialect: Dialect
) -> dict[str, object]:
    fields = int(records.fields[index])
    line = int(records.line[index])
    if records.stray[index]:
        reason = "quote"
        message = (
            f"line {line}: a quote opens or closes inside a field, or is never closed, so the row cannot be "
            "split; double quotes inside a field, or state `quote: ''` where the file quotes nothing"
        )
    elif too_long:
        reason = "too_long"
        message = f"line {line}: the row is longer than {MAX_RECORD} bytes; look for a quote left open"
    else:
        reason = "field_count"
        kind = "cut off or short" if fields < expected else "too long: an extra separator, or text not quoted"
        message = (
            f"line {line}: {fields} fields found, {expected} expected; the row is {kind}; mend it at the "
            "source and deliver the file again"
        )
    return {
        "_record": number,
        "_line": line,
        "column": None,
        "value": None,
        "reason": reason,
        "message": message,
        "row": records.text(index),
    }


def _header(rows: list[str], dialect: Dialect, path: Path) -> list[str]:
    """Return the column names as the header's row or two rows have them: trimmed, blanks named by position."""
    cells = [_cells(row, dialect) for row in rows]
    if not cells[0]:
        raise DeliveryError("empty_file", f"{path.name}: the file has no header.")
    names = cells[0] if len(cells) == 1 else joined_names(cells[0], cells[1])
    return [name or f"column_{position}" for position, name in enumerate(names, start=1)]


def joined_names(upper: list[str], lower: list[str]) -> list[str]:
    """Return the names of columns whose header stands in two rows.

    A blank in the upper row repeats the name on its left; the lower row's name follows in brackets:
    `["Id", "Seen", ""]` over `["", "A", "B"]` gives `["Id", "Seen [A]", "Seen [B]"]`.
    """
    names, left = [], ""
    width = max(len(upper), len(lower))
    for top, below in zip(upper + [""] * (width - len(upper)), lower + [""] * (width - len(lower)), strict=True):
        left = top or left
        names.append(f"{left} [{below}]" if left and below else left if top else below)
    return names


def _cells(row: str, dialect: Dialect) -> list[str]:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE
    csv.field_size_limit(MAX_RECORD)
    rows = list(
        csv.reader(
            io.StringIO(row, newline=""),
            delimiter=dialect.delimiter,
            quotechar=dialect.quote or None,
            quoting=quoting,
        )
    )
    return [cell.strip() for cell in rows[0]] if rows else []


def _names(header: list[str]) -> list[str]:
    """Return the column names, each once: a repeated name is numbered `name#2`."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for name in header:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _bulk_read(file: Path, scanned: Scanned, dialect: Dialect, connection: duckdb.DuckDBPyConnection) -> int:
    """Load the sound rows as VARCHAR in file order; return how many the parser saw (-1: it gave up)."""
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(scanned.names)))
    connection.execute("DROP TABLE IF EXISTS raw")
    if scanned.good == 0:
        body = ", ".join(f"c{position} VARCHAR" for position in range(len(scanned.names)))
        connection.execute(f"CREATE TABLE raw ({body})")
        return 0
    quote = literal(dialect.quote)
    newline = "\\r\\n" if scanned.crlf else "\\n"
    try:
        connection.execute(
            f"""CREATE TABLE raw AS SELECT * FROM read_csv({file_literal(file)}, hive_partitioning=false,
                auto_detect=false, header=false, skip={scanned.header_lines}, columns={{{columns}}},
                delim={literal(dialect.delimiter)}, quote={quote}, escape={quote}, new_line='{newline}',
                comment='', strict_mode=true, null_padding=false, ignore_errors=false, nullstr='',
                max_line_size={2 * MAX_RECORD}, buffer_size={4 * MAX_RECORD}, encoding='utf-8')"""
        )
    except duckdb.Error:
        return -1
    return int(fetch_row(connection, "SELECT count(*) FROM raw")[0])


def _numbered(scanned: Scanned, connection: duckdb.DuckDBPyConnection) -> str:
    """Make the relation of raw rows with their record and line numbers; return its name.

    The table is in file order, so rowid is the index of the good row; the numbers follow from the steps.
    """
    if len(scanned.steps) <= 1:
        _, record_step, line_step = scanned.steps[0] if scanned.steps else (0, 0, 0)
        connection.execute(
            f"""CREATE VIEW numbered AS SELECT rowid + {record_step} AS _record, rowid + {line_step} AS _line, *
            FROM raw"""
        )
        return "numbered"
    steps = np.array(scanned.steps, dtype=np.int64)
    lengths = np.diff(np.append(steps[:, 0], scanned.good))
    indices = np.arange(scanned.good)
    numbers = pa.table(
        {
            "_record": indices + np.repeat(steps[:, 1], lengths),
            "_line": indices + np.repeat(steps[:, 2], lengths),
        }
    )
    connection.register("numbers_batch", numbers)
    connection.execute("CREATE TABLE numbers AS SELECT * FROM numbers_batch")
    connection.unregister("numbers_batch")
    connection.execute("CREATE VIEW numbered AS SELECT * FROM numbers POSITIONAL JOIN raw")
    return "numbered"
