"""CSV, TSV and the like: scanned for structure, then read in bulk by DuckDB, every value as text.

The scan copies the sound rows to plain UTF-8 files with LF line ends, so that nothing is left that two parsers might
read differently (another encoding, mixed line ends, blank lines, a header over several lines, a row with too few or
too many fields, a stray quote). The bulk parser must return exactly the rows the scan counted. A large file is read
by parts, so that memory does not grow with it.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import duckdb
import numpy as np
import numpy.typing as npt

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import (
    Attempt,
    DeliveryError,
    Part,
    RawTable,
    create_rejects,
    fetch_row,
    file_literal,
    find_columns,
    literal,
    not_counted,
    number_rows,
)
from pipelines.extracts.readers.scanner import MAX_RECORD, Columns, LineTooLongError, Plain, Records, scan
from pipelines.extracts.readers.text import TextSource
from pipelines.extracts.twins import Twins

_LF = 10

#: Bytes of sound rows that are conformed together: some hundred thousand rows. Of fewer, what a part costs whatever its
#: size tells; more take more memory and are no quicker.
PART = 64 * 2**20

#: What a row set aside takes in memory beside its text, in bytes.
_REJECT = 1024


@dataclass
class Dialect:
    """How a delimited file is read.

    `header_rows` first records are no data (0: the file has no header); after the first `skip` of them, the next
    `name_rows` hold the names. A first line `sep=;`, by which Excel is told the delimiter, comes before all of them.
    """

    delimiter: str
    quote: str
    encoding: str
    header_rows: int
    skip: int = 0
    name_rows: int = 1


@dataclass
class Scanned:
    """What a scan found, of a file or of a part of it: the header (in `names` each name once), and the rows.

    `first`: records of the parts before; `records`, `good`: records and sound ones of this part, whose text is at
    `path`, one after the other, each ended by LF; `size`: its bytes;
    `rejected`: bytes of the rows set aside; `steps`: see `base.Part`; `cut_off`, `trimmed`: see RawTable;
    `plain`: whether lines were only counted.
    """

    header: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    first: int = 0
    records: int = 0
    good: int = 0
    rejects: list[dict[str, object]] = field(default_factory=list)
    rejected: int = 0
    steps: list[tuple[int, int, int]] = field(default_factory=list)
    path: Path = Path()
    size: int = 0
    cut_off: bool = False
    trimmed: bool = True
    plain: bool = False


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read a delimited file by its contract, all of it at once.

    Rows with another number of fields than the header, or with quotes that make no sense, go to the rejects.
    Raises DeliveryError: empty_file, not_the_format, encoding, missing_column, count (the proof failed).
    """
    scanned, table = load(path, _dialect(contract), connection, workdir, contract)
    return _raw_table(scanned, table, create_rejects(connection, scanned.rejects), contract, path)


def read_parts(
    path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path, attempt: Attempt
) -> Iterator[RawTable]:
    """Read a delimited file as `read` does, a part of some ten megabytes (PART) after the other.

    The rows of a part are read where they are used: `part.prove` must be told how many that gave, or how it failed.
    The relations of a part are replaced by those of the next. The conformer finds the duplicates among all parts;
    afterwards `part.twins.verify()` must be called. Each raises a RetryError when another attempt is needed.
    """
    dialect = _dialect(contract)
    twins = Twins(dialect.delimiter, dialect.quote, attempt.salt, path.stat().st_size)
    for scanned in _scan(path, dialect, workdir, contract, PART, plainly=attempt.plainly):
        connection.execute("DROP TABLE IF EXISTS rejects")
        rejects = create_rejects(connection, scanned.rejects)
        twins.keep(scanned.path)
        part = Part(path.name, scanned.good, scanned.plain, tuple(scanned.steps), twins)
        yield replace(_raw_table(scanned, f"({_rows_sql(scanned, dialect)})", rejects, contract, path), part=part)


def first_names(path: Path, contract: Contract) -> list[str]:
    """Return the names in the header as the contract reads it, [] where the file has none. Raises DeliveryError."""
    dialect = _dialect(contract)
    header: list[str] = []
    try:
        for records in scan(TextSource(path, dialect.encoding).chunks(), dialect.delimiter, dialect.quote):
            assert isinstance(records, Records)
            for index in np.flatnonzero(records.end > records.start)[: dialect.header_rows + 1]:
                text = records.text(int(index))
                if header or re.fullmatch(r'"?sep=(.)"?', text, re.IGNORECASE) is None:
                    header.append(text)
            if len(header) >= dialect.skip + dialect.name_rows:
                return _header(header[dialect.skip : dialect.skip + dialect.name_rows], dialect, path)
    except LineTooLongError:
        return []
    return []


def _dialect(contract: Contract) -> Dialect:
    stated = contract.format
    before, names = stated.skip_rows_before_header, stated.header_rows
    return Dialect(
        stated.delimiter,
        stated.quote,
        stated.encoding,
        before + names + stated.skip_rows_after_header,
        skip=before,
        name_rows=names,
    )


def _raw_table(scanned: Scanned, table: str, rejects: str, contract: Contract, path: Path) -> RawTable:
    found = find_columns(contract, scanned.header, path.name)
    columns = [f"c{position}" for position in range(len(scanned.names))]
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in zip(scanned.names, columns, strict=True))
    return RawTable(
        table=table,
        records_read=scanned.records,
        rejects_table=rejects,
        columns={source: columns[position] for source, position in found.items()},
        identity=tuple(columns),
        row_sql=f"CAST(json_object({pairs}) AS VARCHAR)",
        cut_off=scanned.cut_off,
        trimmed=scanned.trimmed,
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
    (scanned,) = _scan(path, dialect, workdir, contract, None)
    return scanned, _loaded(scanned, dialect, connection, path)


def _loaded(scanned: Scanned, dialect: Dialect, connection: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Load the rows of a scan, proven by their number; return the relation."""
    count = _bulk_read(scanned, dialect, connection)
    if count != scanned.good:
        raise not_counted(path.name, scanned.good, count)
    number_rows(connection, "raw", tuple(scanned.steps), scanned.good, "numbered")
    return "numbered"


def _scan(
    path: Path, dialect: Dialect, workdir: Path, contract: Contract | None, part: int | None, *, plainly: bool = False
) -> Iterator[Scanned]:
    """Scan the file, copying the sound rows to `workdir`; yield it whole, or by parts of that many bytes.

    `plainly`: whether lines without a quote may be only counted (see `scanner.Plain`).
    """
    result = Scanned(names=["c0"] if dialect.header_rows == 0 else [], path=workdir / "sound_rows_0.txt")
    header: list[str] = []
    header_end = 0
    ending = _Ending()
    target = result.path.open("wb")
    try:
        chunks = ending.watch(TextSource(path, dialect.encoding).chunks())
        columns = Columns()
        for records in scan(chunks, dialect.delimiter, dialect.quote, columns if plainly else None):
            filled = _filled(records)
            while isinstance(records, Records) and len(filled) and len(header) < dialect.header_rows:
                index = int(filled[0])
                header_end = int(records.line[index] + records.line_count[index] - 1)
                filled = filled[1:]
                if not header and header_end == 1 and _states_delimiter(records.text(index), dialect, path):
                    continue
                header.append(records.text(index))
                if len(header) == dialect.skip + dialect.name_rows:
                    result.header = _header(header[dialect.skip :], dialect, path)
                    result.names = numbered_names(result.header)
                    if contract is not None:
                        _check_columns(contract, result.header, path, dialect, int(records.line[index]))
                if len(header) == dialect.header_rows and contract is not None:
                    _check_skipped(contract, header[-1], int(records.line[index]), path)
            if (
                part is not None
                and (isinstance(records, Plain) or len(filled))
                and (result.size >= part or result.rejected >= part)
            ):
                target.close()
                yield result
                result = _next(result)
                target = result.path.open("wb")
            if isinstance(records, Plain):
                _count(records, result, target)
                continue
            if len(header) == dialect.header_rows:
                columns.number = len(result.names)
            _sort_out(records, filled, result, dialect, target)
    except LineTooLongError as error:
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: line {error.line} is longer than {MAX_RECORD} bytes; this is not a file of rows as "
            "the contract states. Check the format and the delimiter.",
        ) from error
    finally:
        target.close()
    if not header and dialect.header_rows:
        raise DeliveryError("empty_file", f"{path.name}: the file holds no row, not even a header.")
    if contract is not None and dialect.skip + dialect.name_rows < len(header) < dialect.header_rows:
        _check_skipped(contract, "", header_end + 1, path)
    if result.first + result.records == 0:
        raise DeliveryError(
            "empty_file", f"{path.name}: there is a header but no row. Export it again, or take it out of the inbox."
        )
    result.cut_off = result.cut_off and ending.open
    yield result


def _filled(records: Records | Plain) -> npt.NDArray[np.int64]:
    """Return the indices of the records that are no blank line; none of plain lines, which are only counted."""
    if isinstance(records, Plain):
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(records.end > records.start)


def _next(before: Scanned) -> Scanned:
    """Return the part that follows one."""
    number = int(before.path.stem.rpartition("_")[2]) + 1
    return Scanned(
        header=before.header,
        names=before.names,
        first=before.first + before.records,
        path=before.path.with_name(f"sound_rows_{number}.txt"),
    )


class _Ending:
    """Whether a text ends without a line end."""

    def __init__(self) -> None:
        self.open = False

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass the chunks on."""
        for chunk in chunks:
            self.open = chunk[-1:] not in {b"\n", b"\r"}
            yield chunk


def _states_delimiter(text: str, dialect: Dialect, path: Path) -> bool:
    """Return whether the first line is Excel's `sep=;`, which is no header; refuse another mark than the contract's."""
    stated = re.fullmatch(r'"?sep=(.)"?', text, re.IGNORECASE)
    if stated is None:
        return False
    if stated[1] != dialect.delimiter:
        raise DeliveryError(
            "delimiter",
            f"{path.name}: line 1 states the delimiter {stated[1]!r}, but the contract {dialect.delimiter!r}. State "
            f"`delimiter: {json.dumps(stated[1])}` in the contract, or export it again as the contract states.",
        )
    return True


def _check_columns(contract: Contract, names: list[str], path: Path, dialect: Dialect, line: int) -> None:
    """Raise DeliveryError when a column is missing; the encoding is blamed first, where it garbled the header."""
    try:
        find_columns(contract, names, path.name, line)
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


def _count(lines: Plain, result: Scanned, target: BinaryIO) -> None:
    """Number and copy a block of plain lines."""
    step = (result.first + result.records + 1 - result.good, lines.line - result.good)
    if not result.steps or result.steps[-1][1:] != step:
        result.steps.append((result.good, *step))
    target.write(lines.text)
    result.size += len(lines.text)
    result.records += lines.rows
    result.good += lines.rows
    result.cut_off = False
    result.trimmed &= lines.trimmed
    result.plain = True


def _sort_out(
    records: Records,
    filled: npt.NDArray[np.int64],
    result: Scanned,
    dialect: Dialect,
    target: BinaryIO,
) -> None:
    """Tell sound rows from broken ones in one block, number them, and copy the sound ones."""
    if not len(filled):
        return
    expected = len(result.names)
    too_long = records.end[filled] - records.start[filled] > MAX_RECORD
    sound = (records.fields[filled] == expected) & ~records.stray[filled] & ~too_long
    all_sound = bool(sound.all())
    numbers = result.first + result.records + 1 + np.arange(len(filled))
    for nth in np.flatnonzero(~sound):
        index = int(filled[nth])
        result.rejects.append(_reject(records, index, int(numbers[nth]), expected, bool(too_long[nth]), dialect))
        result.rejected += int(records.end[index] - records.start[index]) + _REJECT
    last = int(filled[-1])
    result.cut_off = bool(records.stray[last]) or int(records.fields[last]) < expected
    good = filled if all_sound else filled[sound]
    if len(good):
        indices = result.good + np.arange(len(good))
        _add_steps(result, indices, (numbers if all_sound else numbers[sound]) - indices, records.line[good] - indices)
        text = _text(records, good)
        target.write(text)
        result.size += len(text)
        result.trimmed &= records.trimmed
    result.records += len(filled)
    result.good += len(good)


def _add_steps(
    result: Scanned,
    indices: npt.NDArray[np.int64],
    record_step: npt.NDArray[np.int64],
    line_step: npt.NDArray[np.int64],
) -> None:
    """Take note of where the numbers of the rows do not simply go on."""
    changes = np.flatnonzero((np.diff(record_step) != 0) | (np.diff(line_step) != 0)) + 1
    if not result.steps or (int(record_step[0]), int(line_step[0])) != result.steps[-1][1:]:
        changes = np.concatenate([np.zeros(1, dtype=np.int64), changes])
    result.steps.extend(
        zip(indices[changes].tolist(), record_step[changes].tolist(), line_step[changes].tolist(), strict=True)
    )


def _text(records: Records, good: npt.NDArray[np.int64]) -> bytes:
    """Return the text of the good records, each ended by LF."""
    first, last = int(good[0]), int(good[-1])
    begin, end = int(records.start[first]), int(records.stop[last]) + 1
    if len(good) == last - first + 1 and not records.cr:
        text = records.data[begin:end].tobytes()
        if not records.crlf:
            return text
        if not records.lf and text.count(b"\r\n") == len(good):
            return text.replace(b"\r\n", b"\n")
    size = len(records.data)
    change = np.zeros(size + 1, dtype=np.int8)
    change[records.start[good]] += 1
    change[records.end[good]] -= 1
    keep = np.cumsum(change[:-1], dtype=np.int8).astype(np.bool_)
    keep[records.stop[good]] = True
    data = records.data.copy()
    data[records.stop[good]] = _LF
    return data[keep].tobytes()


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
    if any(len(row) > MAX_RECORD for row in rows):
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: the header is longer than {MAX_RECORD} bytes; this is not a file of rows as the contract "
            "states. Check the format, the delimiter and the quotes.",
        )
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


def numbered_names(header: list[str]) -> list[str]:
    """Return the column names, each once: a repeated name is numbered `name#2`."""
    names: list[str] = []
    seen: dict[str, int] = {}
    for name in header:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _bulk_read(scanned: Scanned, dialect: Dialect, connection: duckdb.DuckDBPyConnection) -> int | None:
    """Load the sound rows as VARCHAR in file order; return how many the parser saw (None: it gave up)."""
    try:
        connection.execute(f"CREATE OR REPLACE TABLE raw AS {_rows_sql(scanned, dialect)}")
    except duckdb.Error:
        return None
    return int(fetch_row(connection, "SELECT count(*) FROM raw")[0])


def _rows_sql(scanned: Scanned, dialect: Dialect) -> str:
    """Return the SELECT of the sound rows of a scan, every value as VARCHAR, blank ones as null."""
    if scanned.good == 0:
        nothing = ", ".join(f"CAST(NULL AS VARCHAR) AS c{position}" for position in range(len(scanned.names)))
        return f"SELECT {nothing} WHERE false"
    columns = ", ".join(f"'c{position}': 'VARCHAR'" for position in range(len(scanned.names)))
    quote = literal(dialect.quote)
    return f"""SELECT * FROM read_csv({file_literal(scanned.path)}, hive_partitioning=false,
        auto_detect=false, header=false, skip=0, columns={{{columns}}},
        delim={literal(dialect.delimiter)}, quote={quote}, escape={quote}, new_line='\\n',
        comment='', strict_mode=true, null_padding=false, ignore_errors=false, nullstr='', allow_quoted_nulls=true,
        max_line_size={2 * MAX_RECORD}, buffer_size={4 * MAX_RECORD}, encoding='utf-8')"""
