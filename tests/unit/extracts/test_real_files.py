"""The CSV reader on real exports that nobody here wrote, cell by cell against Python's own csv module."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from pipelines.extracts.readers.delimited import Dialect, load

REAL = Path(__file__).parents[3].parent / "shared" / "real"
FILES = [(path, ",", 1) for path in sorted(REAL.glob("salesforce/*.csv"))] + [
    (path, ",", 2 if path.read_bytes().startswith(b"\xef\xbb\xbfV1,") else 3)
    for path in sorted(REAL.glob("qualtrics/*.csv"))
]


@pytest.mark.skipif(not FILES, reason="the real exports are not on this machine")
@pytest.mark.parametrize(("path", "delimiter", "header_rows"), FILES, ids=lambda value: getattr(value, "name", None))
def test_every_cell_as_python_reads_it(tmp_path: Path, path: Path, delimiter: str, header_rows: int) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    with duckdb.connect() as connection:
        scanned, table = load(path, Dialect(delimiter, '"', "utf-8", header_rows), connection, tmp_path)
        found = connection.execute(f"SELECT * EXCLUDE (_line) FROM {table} ORDER BY _record").fetchall()
    assert not scanned.rejects
    assert len(scanned.names) == len(rows[0])
    assert found == [
        (number, *(cell or None for cell in row)) for number, row in enumerate(rows[header_rows:], start=1)
    ]
