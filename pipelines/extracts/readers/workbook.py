"""An Excel workbook (.xlsx, .xlsm): the rows of one sheet, every cell as text.

The XML of the sheet is read here, as a stream, because what the bulk readers of workbooks print is not what the
cells hold: errors become null, small numbers 0, a duration of 36 hours a day of 1900. Polars with fastexcel then
reads the sheet a second time, by its own parser, and both must find the same number of rows.

What a cell becomes: a number as a computer writes it (whole ones without `.0`), with the contract's decimal mark; a
date or a time as ISO (`2025-03-01`, `2025-03-01 08:30:00`), a time of day or a duration as `H:MM:SS`; `true` or
`false`; an error (`#N/A`) and a formula without a result (`=A1+1`) as it stands, for the conformer to refuse.

So numbers and texts of one column are both in the contract's marks, and a column may mix them. Only columns that
the contract reads as dates or times are `native`: there an ISO text is right beside the contract's own formats.
"""

from __future__ import annotations

import mmap
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

import duckdb
import fastexcel
import polars as pl
import pyarrow as pa

from pipelines.extracts.containers import checked_members
from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import (
    DeliveryError,
    RawTable,
    create_rejects,
    find_columns,
    literal,
    plainly_named,
)
from pipelines.extracts.readers.delimited import joined_names, numbered_names
from pipelines.extracts.readers.text import describe_bytes

#: Most bytes of XML in one workbook: the parts that are not read as a stream are held in memory.
EXPANDED_LIMIT = 2 * 2**30

#: Most cells of the rectangle around a sheet's values (a full sheet of 60 columns): fastexcel makes them all, so
#: one stray cell in the last corner would take 400 GB.
CELLS_LIMIT = 64 * 2**20

#: Rows handed over at a time.
_BATCH = 20_000

_LAST_COLUMN = 16_384

_OLD_OFFICE = b"\xd0\xcf\x11\xe0"

#: Built-in number formats that are dates, times and elapsed times (ECMA-376, part 1, 18.8.30).
_DATES = {14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 59)}
_TIMES = {18, 19, 20, 21, 32, 33, 34, 35, 45, 47}
_ELAPSED = {46}

#: What a number format may hold that is no field of a date: quoted and escaped text, padding, colours, locales.
_FORMAT_NOISE = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_FORMAT_ELAPSED = re.compile(r"\[(h+|m+|s+)\]", re.IGNORECASE)

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")

_WHOLE_DAYS = 2_958_466  # the serial number of 10000-01-01


@dataclass
class _Book:
    """What a workbook says of its sheets: name -> member, those shown, the styles, and where days are counted from."""

    sheets: dict[str, str] = field(default_factory=dict)
    visible: list[str] = field(default_factory=list)
    strings: list[str] = field(default_factory=list)
    #: Of each cell style: "date", "time", "elapsed" or "" (a number or a text).
    styles: list[str] = field(default_factory=list)
    from_1904: bool = False


@dataclass
class _Row:
    """One row that has a value: its number in the sheet, and column (from 0) -> text."""

    number: int
    cells: dict[int, str]


@dataclass
class _Extent:
    """What was met in a sheet, to compare with the second reading; columns count from 0, rows from 1."""

    rows: int = 0
    low: int = _LAST_COLUMN
    high: int = -1
    last_row: int = 0

    @property
    def cells(self) -> int:
        return max(0, self.high - self.low + 1) * self.last_row


class _BadSheetError(Exception):
    """The XML is no workbook's; the text says why."""


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read one sheet of a workbook; `_line` is the sheet's row number.

    Rows without a value are no records and are not counted among those to skip. A column without a name is called
    `column_N`, N its place in the sheet.

    Raises DeliveryError: empty_file, not_the_format (no workbook, or damaged), encrypted, bomb, too_large,
    missing_sheet, header_rows, missing_column, ambiguous_column, count (the proof failed).
    """
    _check_kind(path)
    try:
        members = {info.filename: info for info in checked_members(path, EXPANDED_LIMIT)}
        with zipfile.ZipFile(path) as archive:
            _read_through(archive)
            book = _book(archive, members, path)
            sheet = _chosen(book, contract, path)
            extent = _Extent()
            with archive.open(book.sheets[sheet]) as stream:
                rows = _rows(stream, book, "," if contract.format.decimal == "," else ".", extent)
                scanned = _load(rows, contract, connection, path, sheet)
    except DeliveryError as error:
        if error.reason in {"damaged_archive", "archive_method", "archive_path"}:
            raise _damaged(path, error.message.partition(": ")[2]) from error
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, LookupError, NotImplementedError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise _damaged(path, str(error) or "it ends too early") from error
    except (expat.ExpatError, _BadSheetError) as error:
        raise _damaged(path, str(error)) from error
    _prove(path, sheet, extent, workdir)
    columns = [f"c{position}" for position in range(len(scanned.names))]
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in zip(scanned.names, columns, strict=True))
    found = {source: columns[position] for source, position in scanned.found.items()}
    moments = {column.source for column in contract.columns if column.type in {"date", "timestamp"}}
    return RawTable(
        table="numbered",
        records_read=scanned.records,
        rejects_table=create_rejects(connection, []),
        columns=found,
        identity=tuple(columns),
        row_sql=f"CAST(json_object({pairs}) AS VARCHAR)",
        native=frozenset(column for source, column in found.items() if source in moments),
    )


# --- what kind of file it is ------------------------------------------------------------------------------


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
        if not head:
            raise DeliveryError("empty_file", f"{path.name}: the file is empty. Export it again.")
        if head.startswith(b"PK\x03\x04"):
            return
        if head.startswith(_OLD_OFFICE):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                locked = content.find("EncryptedPackage".encode("utf-16-le")) >= 0
            if locked:
                raise DeliveryError(
                    "encrypted",
                    f"{path.name}: the workbook is protected by a password. Save it without one; the inbox itself is "
                    "to be protected.",
                )
    what = describe_bytes(head) or "no workbook"
    raise DeliveryError(
        "not_the_format",
        f"{path.name}: the contract expects an Excel workbook (.xlsx), but this is {what}. Save it as .xlsx (File, "
        "Save as, Excel workbook), or export it again as the contract states.",
    )


def _damaged(path: Path, why: str) -> DeliveryError:
    return DeliveryError(
        "not_the_format",
        f"{path.name}: damaged workbook, or cut off: {why.split('. ')[0]}. Open it in Excel and save it again as "
        ".xlsx, or export it again.",
    )


def _read_through(archive: zipfile.ZipFile) -> None:
    """Unpack every member once, so that sizes and check sums are known to be true before a second parser sees it."""
    for info in archive.infolist():
        size = 0
        with archive.open(info) as stream:
            while chunk := stream.read(1 << 20):
                size += len(chunk)
        if size != info.file_size:
            raise zipfile.BadZipFile(f"{info.filename} states {info.file_size} bytes but holds {size}")


# --- the workbook's own lists -----------------------------------------------------------------------------


def _parse(stream: IO[bytes], start: Callable[[str, dict[str, str]], None], **others: Callable[..., None]) -> None:
    """Run expat over a stream; no document of a workbook declares entities, so a DOCTYPE is refused."""
    parser = _parser(start, **others)
    while chunk := stream.read(1 << 18):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _parser(start: Callable[[str, dict[str, str]], None], **others: Callable[..., None]) -> expat.XMLParserType:
    def refuse(*_: object) -> None:
        raise _BadSheetError("it declares a document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    for name, handler in others.items():
        setattr(parser, name, handler)
    return parser


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _attribute(attributes: dict[str, str], name: str) -> str:
    return next((value for key, value in attributes.items() if _local(key) == name), "")


def _book(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path) -> _Book:
    """Read the lists of a workbook: sheets, shared texts, styles."""
    main = next((name for name in members if name.lower() == "xl/workbook.xml"), None)
    if main is None:
        what = "a binary workbook (.xlsb)" if "xl/workbook.bin" in members else "a zip archive that holds no workbook"
        if "content.xml" in members:
            what = "an OpenDocument file (.ods)"
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: the contract expects an Excel workbook (.xlsx), but this is {what}. Save it as .xlsx.",
        )
    book = _Book()
    listed: list[tuple[str, str, str]] = []
    targets: dict[str, tuple[str, str]] = {}

    def workbook(name: str, attributes: dict[str, str]) -> None:
        match _local(name):
            case "sheet":
                listed.append((attributes.get("name", ""), _attribute(attributes, "id"), attributes.get("state", "")))
            case "workbookPr":
                book.from_1904 = attributes.get("date1904", "") in {"1", "true"}

    def relation(name: str, attributes: dict[str, str]) -> None:
        if _local(name) == "Relationship":
            kind = attributes.get("Type", "").rpartition("/")[2]
            targets[attributes.get("Id", "")] = (kind, _member(attributes.get("Target", "")))

    with archive.open(main) as stream:
        _parse(stream, workbook)
    with archive.open("xl/_rels/workbook.xml.rels") as stream:
        _parse(stream, relation)
    for name, identifier, state in listed:
        kind, member = targets.get(identifier, ("", ""))
        if kind == "worksheet":
            book.sheets[name] = member
            if state in {"", "visible"}:
                book.visible.append(name)
    for kind, member in targets.values():
        if kind == "sharedStrings":
            with archive.open(member) as stream:
                book.strings = _strings(stream)
        elif kind == "styles":
            with archive.open(member) as stream:
                book.styles = _styles(stream)
    return book


def _member(target: str) -> str:
    return target[1:] if target.startswith("/") else f"xl/{target}"


def _chosen(book: _Book, contract: Contract, path: Path) -> str:
    """Return the name of the sheet to read: the contract's, or the first that is shown."""
    wanted = contract.format.sheet
    if not book.sheets:
        raise DeliveryError("empty_file", f"{path.name}: the workbook holds no sheet. Export it again.")
    if not wanted:
        return (book.visible or list(book.sheets))[0]
    for name in book.sheets:
        if name == wanted:
            return name
    for name in book.sheets:
        if name.strip().casefold() == wanted.strip().casefold():
            return name
    raise DeliveryError(
        "missing_sheet",
        f"{path.name}: the contract {contract.full_name} reads the sheet {wanted!r}, which the workbook has not; its "
        f"sheets are {', '.join(repr(name) for name in book.sheets)}. Mend the export, or state `sheet` in the "
        "contract as the export now is.",
    )


def _strings(stream: IO[bytes]) -> list[str]:
    """Return the shared texts; the parts of a rich text joined, what tells how to pronounce it left out."""
    found: list[str] = []
    parts: list[str] = []
    wanted = [False]
    hidden = [0]

    def start(name: str, _: dict[str, str]) -> None:
        match _local(name):
            case "si":
                parts.clear()
            case "rPh":
                hidden[0] += 1
            case "t":
                wanted[0] = not hidden[0]

    def end(name: str) -> None:
        match _local(name):
            case "si":
                found.append(_unescaped("".join(parts)))
            case "rPh":
                hidden[0] -= 1
            case "t":
                wanted[0] = False

    def text(data: str) -> None:
        if wanted[0]:
            parts.append(data)

    _parse(stream, start, EndElementHandler=end, CharacterDataHandler=text)
    return found


def _styles(stream: IO[bytes]) -> list[str]:
    formats: dict[int, str] = {}
    numbers: list[int] = []
    inside = [False]

    def start(name: str, attributes: dict[str, str]) -> None:
        match _local(name):
            case "numFmt":
                formats[_number_of(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
            case "cellXfs":
                inside[0] = True
            case "xf" if inside[0]:
                numbers.append(_number_of(attributes.get("numFmtId", "0")))

    def end(name: str) -> None:
        if _local(name) == "cellXfs":
            inside[0] = False

    _parse(stream, start, EndElementHandler=end)
    return [_style(number, formats) for number in numbers]


def _style(number: int, formats: dict[int, str]) -> str:
    """Return what the numbers of a format are: "date", "time" (of day), "elapsed", or ""."""
    code = formats.get(number)
    if code is None:
        return "date" if number in _DATES else "time" if number in _TIMES else "elapsed" if number in _ELAPSED else ""
    first = code.split(";")[0]
    if _FORMAT_ELAPSED.search(first):
        return "elapsed"
    fields = set(_FORMAT_NOISE.sub("", first).lower())
    if fields & {"y", "d"} or ("m" in fields and not fields & {"h", "s"}):
        return "" if "general" in first.lower() else "date"
    return "time" if fields & {"h", "s"} and "general" not in first.lower() else ""


def _number_of(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        raise _BadSheetError(f"{text!r} stands where a number must") from None


# --- the sheet --------------------------------------------------------------------------------------------


def _rows(stream: IO[bytes], book: _Book, decimal: str, extent: _Extent) -> Iterator[_Row]:
    """Yield the rows of a sheet that have a value, in their order; tell `extent` what was met.

    The second reading sees neither errors nor formulas without a result: `extent` counts without them.
    """
    ready: list[_Row] = []
    row, column, seen = 0, -1, False
    cells: dict[int, str] = {}
    kind, style = "n", 0
    value: list[str] = []
    formula: list[str] = []
    into: list[str] | None = None
    inside, hidden, has_formula, has_value = False, 0, False, False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal row, column, seen, cells, kind, style, into, inside, hidden, has_formula, has_value
        if ":" in name:
            name = _local(name)
        if name == "c":
            place = attributes.get("r")
            column = _column_of(place) if place else column + 1
            if column >= _LAST_COLUMN:
                raise _BadSheetError(f"a cell lies beyond the last column in row {row}")
            kind = attributes.get("t", "n")
            style = _number_of(attributes.get("s", "0"))
            value.clear()
            formula.clear()
            inside, has_formula, has_value = True, False, False
        elif name == "row":
            number = _number_of(attributes["r"]) if "r" in attributes else row + 1
            if number <= row:
                raise _BadSheetError(f"row {number} comes after row {row}")
            row, column, seen, cells = number, -1, False, {}
        elif inside:
            if name == "v" or (name == "t" and not hidden):
                into, has_value = value, True
            elif name == "f":
                into, has_formula = formula, True
            elif name == "rPh":
                hidden += 1

    def text(data: str) -> None:
        if into is not None:
            into.append(data)

    def end(name: str) -> None:
        nonlocal inside, into, hidden, seen
        if ":" in name:
            name = _local(name)
        if name in {"v", "t", "f"}:
            into = None
        elif name == "rPh":
            hidden -= 1
        elif name == "c" and inside:
            inside = False
            written = "".join(value)
            if written or has_value:
                extent.low, extent.high = min(extent.low, column), max(extent.high, column)
                extent.last_row = row
            if written or kind == "str":
                shown = _shown(written, kind, style, book, decimal)
            elif has_formula:
                shown = "=" + "".join(formula)
            else:
                return
            if shown:
                if column in cells:
                    raise _BadSheetError(f"row {row} states a cell twice")
                cells[column] = shown
                seen = seen or (kind != "e" and bool(written) and bool(shown.strip()))
        elif name == "row" and any(shown.strip() for shown in cells.values()):
            extent.rows += seen
            ready.append(_Row(row, cells))

    parser = _parser(start, EndElementHandler=end, CharacterDataHandler=text)
    while chunk := stream.read(1 << 18):
        parser.Parse(chunk, False)
        yield from ready
        ready.clear()
    parser.Parse(b"", True)
    yield from ready


def _column_of(place: str) -> int:
    """Return the column of a cell's name (`AB12` gives 27)."""
    number = 0
    for letter in place:
        if not ("A" <= letter <= "Z"):
            break
        number = number * 26 + ord(letter) - 64
    if not 1 <= number <= _LAST_COLUMN:
        raise _BadSheetError(f"{place[:20]!r} is no cell")
    return number - 1


def _unescaped(text: str) -> str:
    """Return a text with Excel's `_x000D_` undone, where it stands for a character that a text may hold."""
    if "_x" not in text:
        return text

    def letter(found: re.Match[str]) -> str:
        code = int(found[1], 16)
        return found[0] if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)

    return _ESCAPED.sub(letter, text)


def _shown(written: str, kind: str, style: int, book: _Book, decimal: str) -> str:
    """Return the text of a cell from what the XML holds."""
    match kind:
        case "s":
            place = _number_of(written)
            if not 0 <= place < len(book.strings):
                raise _BadSheetError(f"a cell points at text {place} of {len(book.strings)}")
            return book.strings[place]
        case "inlineStr" | "str":
            return _unescaped(written)
        case "b":
            return "true" if written.strip() in {"1", "true"} else "false"
        case "e":
            return written
        case "d":
            return written.removesuffix("T00:00:00").replace("T", " ")
    if style >= len(book.styles) or not book.styles[style]:
        return _number(written, decimal)
    return _moment(written, book.styles[style], book.from_1904) or _number(written, decimal)


def _number(written: str, decimal: str) -> str:
    """Return a number as a computer writes it; what is none stays as it is."""
    if written.isdigit():
        return written
    try:
        value = float(written)
    except ValueError:
        return written
    if value != value or value in {float("inf"), float("-inf")} or "_" in written:
        return written
    shown = str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return shown.replace(".", decimal) if decimal != "." else shown


def _moment(written: str, style: str, from_1904: bool) -> str | None:
    """Return a serial number of days as a date, a time or a duration; None where it is none that exists."""
    try:
        serial = float(written)
    except ValueError:
        return None
    if not 0 <= serial < _WHOLE_DAYS:
        return None
    days, milliseconds = divmod(round(serial * 86_400_000), 86_400_000)
    if style == "elapsed" or days == 0:
        return _clock(milliseconds + (days * 86_400_000 if style == "elapsed" else 0))
    if from_1904:
        day = date(1904, 1, 1) + timedelta(days=days)
    elif days == 60:
        return None  # 29 February 1900, which Excel counts and no calendar has
    else:
        day = date(1899, 12, 31 if days < 60 else 30) + timedelta(days=days)
    return f"{day.isoformat()} {_clock(milliseconds)}" if milliseconds or style == "time" else day.isoformat()


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}" + (f".{rest:03d}" if rest else "")


# --- the table --------------------------------------------------------------------------------------------


@dataclass
class _Loaded:
    """The rows in the connection: the names of the columns, source -> position, the number of records."""

    names: list[str]
    found: dict[str, int]
    records: int


def _load(
    rows: Iterator[_Row], contract: Contract, connection: duckdb.DuckDBPyConnection, path: Path, sheet: str
) -> _Loaded:
    """Check the header, load the rows below it as VARCHAR, and make the relation `numbered`."""
    stated = contract.format
    where = f"{path.name}, sheet {sheet!r}"
    for _ in range(stated.skip_rows_before_header):
        next(rows, None)
    top = [row for _ in range(stated.header_rows) if (row := next(rows, None)) is not None]
    if len(top) < stated.header_rows:
        raise DeliveryError("empty_file", f"{where}: the sheet holds no row, not even a header. Export it again.")
    header = _header([row.cells for row in top])
    found = find_columns(contract, header, f"{where}, row {top[0].number}")
    _skip(rows, contract, where)
    batches: list[pa.Table] = []
    numbers: list[int] = []
    columns: list[list[str | None]] = [[] for _ in header]
    records = cells = 0

    def flush() -> None:
        arrays = {"_line": pa.array(numbers, pa.int64())}
        arrays |= {f"c{place}": pa.array(column, pa.string()) for place, column in enumerate(columns)}
        batches.append(pa.table(arrays))
        numbers.clear()
        for column in columns:
            column.clear()

    for row in rows:
        if row.cells and max(row.cells) >= len(columns):
            header += [""] * (max(row.cells) + 1 - len(columns))
            columns += [[None] * len(numbers) for _ in range(len(header) - len(columns))]
        for place, column in enumerate(columns):
            column.append(row.cells.get(place))
        numbers.append(row.number)
        records += 1
        cells += len(columns)
        _check_size(cells, where)
        if len(numbers) == _BATCH:
            flush()
    if not records:
        raise DeliveryError("empty_file", f"{where}: there is a header but no row. Export it again.")
    flush()
    table = pa.concat_tables(batches, promote_options="default")
    connection.register("sheet_batch", table)
    connection.execute("CREATE TABLE raw AS SELECT * FROM sheet_batch")
    connection.unregister("sheet_batch")
    connection.execute("CREATE VIEW numbered AS SELECT rowid + 1 AS _record, * FROM raw")
    names = numbered_names([name or f"column_{place}" for place, name in enumerate(header, start=1)])
    return _Loaded(names, found, records)


def _header(rows: list[dict[int, str]]) -> list[str]:
    width = max((max(row, default=-1) + 1 for row in rows), default=0)
    cells = [[row.get(place, "").strip() for place in range(width)] for row in rows]
    names = cells[0] if len(cells) == 1 else joined_names(cells[0], cells[1])
    return [name or f"column_{place}" for place, name in enumerate(names, start=1)]


def _skip(rows: Iterator[_Row], contract: Contract, where: str) -> None:
    """Pass over the rows after the header, and refuse a sheet where they are not what the contract takes them for."""
    stated = contract.format
    last: _Row | None = None
    for _ in range(stated.skip_rows_after_header):
        last = next(rows, None)
    mark = stated.skipped_rows_contain
    if mark and (last is None or not any(mark in shown for shown in last.cells.values())):
        place = f"row {last.number}" if last is not None else "the end of the sheet"
        raise DeliveryError(
            "header_rows",
            f"{where}: {place} should hold {mark!r}, the last of the {stated.skip_rows_after_header} rows after the "
            "header that the contract skips; it does not, so rows of data would be lost. Export it again with all its "
            "header rows, or state `skip_rows_after_header` and `skipped_rows_contain` as the export now is.",
        )


def _prove(path: Path, sheet: str, extent: _Extent, workdir: Path) -> None:
    """Count the rows that have a value a second time, with another parser; refuse when the counts differ."""
    _check_size(extent.cells, f"{path.name}, sheet {sheet!r}")
    frame = _second_reading(plainly_named(path, workdir, "xlsx"), sheet, path)
    filled = pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != "") if frame.width else pl.lit(False)
    rows = int(frame.select(filled.sum()).item()) if frame.height else 0
    if rows != extent.rows:
        raise DeliveryError(
            "count",
            f"{path.name}, sheet {sheet!r}: {extent.rows} rows with a value read, but {rows} counted: the counts do "
            "not add up, so nothing was landed. Please report this file's shape as a fault.",
        )


def _check_size(cells: int, where: str) -> None:
    if cells > CELLS_LIMIT:
        raise DeliveryError(
            "too_large",
            f"{where}: the values lie in a rectangle of more than {CELLS_LIMIT} cells. Clear the stray cells (Ctrl+End "
            "shows the last one), or export as CSV.",
        )


def _second_reading(path: Path, sheet: str, shown: Path) -> pl.DataFrame:
    try:
        reader: Any = fastexcel.read_excel(path)
        frame = reader.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    except BaseException as error:
        # A panic of the parser is no Exception; anything else that is none (a keyboard's interrupt) goes on.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _damaged(shown, str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    return pl.DataFrame(frame)
