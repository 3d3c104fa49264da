"""The values of an SPSS data file as text, written to an Arrow file: run as a script, in a process of its own.

The C library under pyreadstat can die of a damaged file (a segmentation fault, or all the memory): then only this
process dies, and the reader says that the file is damaged. It imports nothing of the project, so it starts quickly.

    python spss_values.py FILE TARGET LABELS ENCODING MEMORY

LABELS is 1 for the labels of values in the place of their codes, else 0; ENCODING is a name that iconv knows, or ''
for the file's own; MEMORY is the most bytes of address space to take. Prints one line of JSON: {"native": [names of
numeric variables]}, or {"error": why}.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyreadstat

#: Day 0 of SPSS dates, which are seconds.
_ORIGIN = date(1582, 10, 14)
_LAST_SECOND = (date.max - _ORIGIN).days * 86_400

_DAYS = {"DATE", "ADATE", "EDATE", "JDATE", "SDATE", "QYR", "MOYR", "WKYR"}
_MOMENTS = {"DATETIME", "YMDHMS"}
_CLOCKS = {"TIME", "DTIME", "MTIME"}

#: Values read at a time.
_BATCH = 2_000_000


def number_text(value: float) -> str:
    """Return a number as a computer writes it, whole ones without `.0`."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def moment_text(value: float, kind: str) -> str:
    """Return seconds as an ISO date, an ISO time or `H:MM:SS`, by the SPSS format; a number where they are none."""
    milliseconds = round(value * 1000) if abs(value) < 1e15 else -1
    days, rest = divmod(milliseconds, 86_400_000)
    if milliseconds < 0 or (kind not in _CLOCKS and value > _LAST_SECOND):
        return number_text(value)
    hours, inside = divmod(milliseconds if kind in _CLOCKS else rest, 3_600_000)
    minutes, inside = divmod(inside, 60_000)
    seconds, fraction = divmod(inside, 1000)
    clock = f"{hours:02d}:{minutes:02d}:{seconds:02d}" + (f".{fraction:03d}" if fraction else "")
    if kind in _CLOCKS:
        return clock
    day = (_ORIGIN + timedelta(days=days)).isoformat()
    return f"{day} {clock}" if rest or kind in _MOMENTS else day


def column_text(values: Sequence[object], spss_format: str, labels: Mapping[Any, str]) -> list[str | None]:
    """Return the values of one variable as text; missing ones and blank texts are None."""
    found = re.match(r"[A-Z]+", spss_format.upper())
    kind = found[0] if found else ""
    moments = kind in _DAYS | _MOMENTS | _CLOCKS
    texts: list[str | None] = []
    for value in values:
        if value is None or value != value:
            texts.append(None)
        elif value in labels:
            texts.append(labels[value].strip() or None)
        elif isinstance(value, str):
            texts.append(value.rstrip() or None)
        elif isinstance(value, (int, float)):
            texts.append(moment_text(float(value), kind) if moments else number_text(float(value)))
        else:
            raise TypeError(type(value).__name__)
    return texts


def convert(path: str, target: str, labels: bool, encoding: str | None) -> list[str]:
    """Write every variable as text to an Arrow file; return the names of the numeric ones."""
    _, meta = pyreadstat.read_sav(path, metadataonly=True, encoding=encoding, output_format="dict")
    names = list(meta.column_names)
    schema = pa.schema([pa.field(f"c{place}", pa.string()) for place in range(len(names))])
    schema = schema.with_metadata({"names": json.dumps(names)})
    size = max(1, _BATCH // max(1, len(names)))
    offset = 0
    with pa.OSFile(target, "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        while names:
            data, _ = pyreadstat.read_sav(
                path,
                encoding=encoding,
                output_format="dict",
                disable_datetime_conversion=True,
                row_offset=offset,
                row_limit=size,
            )
            columns = [
                column_text(
                    data[name],
                    meta.original_variable_types[name] or "",
                    meta.variable_value_labels.get(name, {}) if labels else {},
                )
                for name in names
            ]
            writer.write_table(pa.table([pa.array(column, pa.string()) for column in columns], schema=schema))
            rows = len(columns[0])
            offset += rows
            if rows < size:
                break
    return [name for name in names if meta.readstat_variable_types[name] != "string"]


def main() -> None:
    """Run as a script; see the module's docstring."""
    path, target, labels, encoding, memory = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer: dict[str, object] = {"native": convert(path, target, labels == "1", encoding or None)}
    except Exception as error:
        # The first line only, and never a value: the messages of the library tell of the format.
        answer = {"error": (str(error) or type(error).__name__).splitlines()[0]}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
