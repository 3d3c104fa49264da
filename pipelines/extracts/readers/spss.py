"""An SPSS data file (.sav, .zsav): variables as columns, values as text.

System-missing and user-missing values are blank. A number is written as a computer does, dates and times as ISO, times
and durations as `H:MM:SS`; texts lose the blanks that fill them up on the right. `format.labels` gives the labels of
values in the place of their codes, where a value has one. Texts are read in the file's own encoding, unless the
contract states another than UTF-8, the default.

pyreadstat reads in a process of its own (see spss_values.py). The rows are counted here, from the bytes.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from pipelines.extracts.contract import Contract
from pipelines.extracts.readers.base import DeliveryError, RawTable, create_rejects, find_columns, literal
from pipelines.extracts.readers.text import describe_bytes

_SCRIPT = Path(__file__).with_name("spss_values.py")

#: Most bytes of data that a compressed .zsav may expand to while its rows are counted.
EXPANDED_LIMIT = 2 * 2**30

#: Address space of the process that reads: Arrow, pyreadstat and a batch of values, or what a damaged file asks for.
_MEMORY = 6 * 2**30

#: Seconds a file may take: a start, and a quarter of a megabyte a second.
_PATIENCE, _BYTES_A_SECOND = 60, 2**18

#: Names of encodings that iconv spells otherwise than Python.
_ICONV = {"mac-roman": "MACINTOSH", "mac-cyrillic": "MacCyrillic", "euc-jp": "EUC-JP", "latin-1": "ISO-8859-1"}

_HEADER = 176
_VARIABLE, _LABELS, _LABELLED, _DOCUMENT, _EXTENSION, _END = 2, 3, 4, 6, 7, 999
_LAST, _RAW = 252, 253


class _BadFileError(Exception):
    """The bytes are no SPSS data file's; the text says why."""


@dataclass(frozen=True)
class _Layout:
    """Where the data begins, how many eight-byte elements a row has, the rows the header states (-1: it does not)."""

    order: str
    compression: int
    elements: int
    stated: int
    start: int


def read(path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path) -> RawTable:
    """Read an SPSS data file; the count is that of the rows in its bytes. `_line` is null.

    Raises DeliveryError: empty_file, not_the_format (no SPSS file, damaged or cut off), encoding, bomb,
    missing_column, ambiguous_column, count (the proof failed).
    """
    _check_kind(path)
    content = path.read_bytes()
    try:
        layout = _layout(content)
        rows = _count(content, layout, path)
    except (_BadFileError, struct.error, zlib.error) as error:
        raise _damaged(path, str(error)) from error
    if layout.stated not in {-1, rows}:
        raise _damaged(path, f"it states {layout.stated} rows but holds {rows}")
    if rows == 0:
        raise DeliveryError("empty_file", f"{path.name}: the file has variables but no row. Export it again.")
    del content
    target = workdir / "spss.arrow"
    native = set(_convert(path, contract, target, rows))
    with pa.memory_map(str(target)) as source, pa.ipc.open_file(source) as opened:
        table = opened.read_all()
        names = list(json.loads(table.schema.metadata[b"names"]))
        found = find_columns(contract, names, path.name)
        if table.num_rows != rows:
            raise DeliveryError(
                "count",
                f"{path.name}: {rows} rows counted, {table.num_rows} read: the counts do not add up, so nothing was "
                "landed. Please report this file's shape as a fault.",
            )
        connection.register("spss_batch", table)
        connection.execute("CREATE TABLE raw AS SELECT * FROM spss_batch")
        connection.unregister("spss_batch")
    connection.execute("CREATE VIEW numbered AS SELECT rowid + 1 AS _record, CAST(NULL AS BIGINT) AS _line, * FROM raw")
    columns = [f"c{place}" for place in range(len(names))]
    pairs = ", ".join(f"{literal(name)}, {column}" for name, column in zip(names, columns, strict=True))
    return RawTable(
        table="numbered",
        records_read=rows,
        rejects_table=create_rejects(connection, []),
        columns={source: columns[place] for source, place in found.items()},
        identity=tuple(columns),
        row_sql=f"CAST(json_object({pairs}) AS VARCHAR)",
        native=frozenset(column for column, name in zip(columns, names, strict=True) if name in native),
    )


def _check_kind(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(4096)
    if not head:
        raise DeliveryError("empty_file", f"{path.name}: the file is empty. Export it again.")
    if not head.startswith((b"$FL2", b"$FL3")):
        what = describe_bytes(head) or "no SPSS data file"
        raise DeliveryError(
            "not_the_format",
            f"{path.name}: the contract expects an SPSS data file (.sav), but this is {what}. Save it as .sav, or "
            "export it again as the contract states.",
        )


def _damaged(path: Path, why: str) -> DeliveryError:
    return DeliveryError(
        "not_the_format",
        f"{path.name}: damaged SPSS file, or cut off: {why}. Export it again.",
    )


def _convert(path: Path, contract: Contract, target: Path, rows: int) -> list[str]:
    """Let the other process write the values to `target`; return the names of the numeric variables."""
    encoding = contract.format.encoding.replace("_", "-")
    own = encoding in {"utf-8", "utf-8-sig"}
    command = [
        sys.executable,
        "-I",
        str(_SCRIPT),
        str(path),
        str(target),
        "1" if contract.format.labels else "0",
        "" if own else _ICONV.get(encoding, encoding),
        str(_MEMORY),
    ]
    patience = _PATIENCE + max(path.stat().st_size, rows) / _BYTES_A_SECOND
    try:
        done = subprocess.run(command, capture_output=True, timeout=patience, check=False)
    except subprocess.TimeoutExpired as error:
        raise _damaged(path, f"it could not be read in {patience:.0f} seconds") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise _damaged(path, f"its reader ended with code {done.returncode}") from error
    why = answer.get("error")
    if why is None:
        return list(answer["native"])
    if "encoding" in why or "character set" in why:
        stated = "its own encoding" if own else contract.format.encoding
        raise DeliveryError(
            "encoding",
            f"{path.name}: the texts cannot be read in {stated}: {why}. State in the contract the `encoding` the "
            "file has, or export it again as UTF-8.",
        )
    raise _damaged(path, why)


# --- counting rows ----------------------------------------------------------------------------------------


def _layout(content: bytes) -> _Layout:
    """Walk the dictionary of the file to where the data begins."""
    if len(content) < _HEADER:
        raise _BadFileError("its header is cut off")
    order = "<" if struct.unpack_from("<i", content, 64)[0] in {2, 3} else ">"
    compression = _integer(content, 72, order)
    stated = _integer(content, 80, order)
    if _integer(content, 64, order) not in {2, 3} or compression not in {0, 1, 2} or stated < -1:
        raise _BadFileError("its header makes no sense")
    at, elements = _HEADER, 0
    while True:
        kind, at = _integer(content, at, order), at + 4
        if kind == _VARIABLE:
            elements += 1
            has_label, missing = _integer(content, at + 4, order), _integer(content, at + 8, order)
            if abs(missing) > 3:
                raise _BadFileError("a variable has too many missing values")
            at += 28
            if has_label == 1:
                at += 4 + (_length(content, at, order) + 3) // 4 * 4
            at += 8 * abs(missing)
        elif kind == _LABELS:
            count, at = _length(content, at, order), at + 4
            for _ in range(count):
                at += 8
                if at >= len(content):
                    raise _BadFileError("its value labels are cut off")
                at += (content[at] + 8) // 8 * 8
        elif kind == _LABELLED:
            at += 4 + 4 * _length(content, at, order)
        elif kind == _DOCUMENT:
            at += 4 + 80 * _length(content, at, order)
        elif kind == _EXTENSION:
            at += 12 + _length(content, at + 4, order) * _length(content, at + 8, order)
        elif kind == _END:
            break
        else:
            raise _BadFileError(f"an unknown part (number {kind}) in its dictionary")
    if elements == 0:
        raise _BadFileError("it has no variable")
    return _Layout(order, compression, elements, stated, at + 4)


def _integer(content: bytes, at: int, order: str) -> int:
    if at + 4 > len(content):
        raise _BadFileError("its dictionary is cut off")
    return int(struct.unpack_from(f"{order}i", content, at)[0])


def _length(content: bytes, at: int, order: str) -> int:
    length = _integer(content, at, order)
    if not 0 <= length <= len(content):
        raise _BadFileError("a length in its dictionary makes no sense")
    return length


def _count(content: bytes, layout: _Layout, path: Path) -> int:
    """Return the number of rows that the bytes of the data hold."""
    if layout.compression == 0:
        elements, rest = divmod(len(content) - layout.start, 8)
        if rest:
            raise _BadFileError("its last row is cut off")
    elif layout.compression == 1:
        elements = _compressed_elements(memoryview(content)[layout.start :])
    else:
        elements = _compressed_elements(memoryview(_inflated(content, layout, path)))
    rows, rest = divmod(elements, layout.elements)
    if rest:
        raise _BadFileError("its last row is cut off")
    return rows


def _compressed_elements(data: memoryview) -> int:
    """Count the eight-byte elements in data packed by codes: eight codes, then the elements they leave as they are."""
    elements, at, size = 0, 0, len(data)
    while at < size:
        codes = bytes(data[at : at + 8])
        at += 8
        last = codes.find(_LAST)
        if last >= 0:
            codes = codes[:last]
        elements += len(codes) - codes.count(0)
        at += 8 * codes.count(_RAW)
        if last >= 0:
            if size - at > 8:
                raise _BadFileError("there are bytes after its end")
            break
    if at > size:
        raise _BadFileError("its last row is cut off")
    return elements


def _inflated(content: bytes, layout: _Layout, path: Path) -> bytes:
    """Return the data of a .zsav, its blocks unpacked one after the other."""
    _, trailer, size = struct.unpack_from(f"{layout.order}3q", content, layout.start)
    if not 24 <= size <= len(content) or not 0 <= trailer <= len(content) - size:
        raise _BadFileError("the list of its blocks is cut off")
    *_, blocks = struct.unpack_from(f"{layout.order}2q2i", content, trailer)
    if size != 24 + 24 * blocks:
        raise _BadFileError("the list of its blocks makes no sense")
    data = bytearray()
    for block in range(blocks):
        _, start, expanded, packed = struct.unpack_from(f"{layout.order}2q2i", content, trailer + 24 + 24 * block)
        if min(start, expanded, packed) < 0 or start + packed > len(content):
            raise _BadFileError("one of its blocks is cut off")
        if len(data) + expanded > EXPANDED_LIMIT:
            raise DeliveryError(
                "bomb",
                f"{path.name}: it expands to more than {EXPANDED_LIMIT} bytes. Save it as .sav, or in smaller files.",
            )
        inflater = zlib.decompressobj()
        part = inflater.decompress(content[start : start + packed], expanded + 1)
        if len(part) != expanded or not inflater.eof:
            raise _BadFileError("one of its blocks is damaged")
        data += part
    return bytes(data)
