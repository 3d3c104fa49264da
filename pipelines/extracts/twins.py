"""Exact duplicates in a file too large to hold: rows met before, by a 64-bit hash of each whole row.

A hash that occurs twice makes the later row a duplicate at once; that the two rows are the same in full is looked up
at the end, in the text of the rows. Should two different rows ever have one hash, the file is read again with other
hashes (FalseTwinsError), so that no row is ever taken for another.
"""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

_LF = 10

#: Bytes of a text looked at together.
_PIECE = 2**20

#: Bits of a hash that a first look at many rows compares.
_SIEVE = 22

#: Bits of a hash, at most, that tell rows that surely were not met before.
_MOST_MET = 28


class RetryError(Exception):
    """The file must be read again, in another way."""


class FalseTwinsError(RetryError):
    """Two different rows with one hash."""


class Twins:
    """The rows met so far, part after part.

    `salt` makes the hashes of one attempt differ from those of another; `size`: bytes of the whole file. Holds 8 bytes
    a row and at most 256 MB, and needs the files of rows that `keep` was given until `verify`.
    """

    def __init__(self, delimiter: str, quote: str, salt: int = 0, size: int = 0) -> None:
        self.salt = salt
        self._delimiter, self._quote = delimiter, quote
        # What an earlier row may have set; a byte for eight of the file, so that few rows are looked up in vain.
        self._met = np.zeros(1 << min(max(size // 8, 1).bit_length(), _MOST_MET), dtype=np.bool_)
        self._hashes: list[Hashes] = []
        self._texts: list[Path] = []
        self._twice: list[Hashes] = []

    def hash_sql(self, columns: tuple[str, ...]) -> str:
        """Return SQL for the hash of a row of VARCHAR columns without empty texts."""
        if self.salt:
            columns = tuple(f"concat({column}, '{self.salt}')" for column in columns)
        return f"hash({', '.join(columns)})"

    def keep(self, path: Path) -> None:
        """Take note of the file that holds the rows of the next part as text, each ended by LF."""
        self._texts.append(path)

    def later(self, hashes: Hashes) -> Places:
        """Add the rows of the next part; return the indices of those that are copies of an earlier row."""
        ordered = np.sort(hashes)
        repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        low = (hashes & np.uint64(len(self._met) - 1)).view(np.int64)
        maybe = np.unique(hashes[self._met[low]])
        self._met[low] = True
        before = np.unique(np.concatenate([maybe[:0], *(part[_places(part, maybe)] for part in self._hashes)]))
        self._hashes.append(hashes)
        twice = np.union1d(before, repeated)
        if not len(twice):
            return np.empty(0, dtype=np.int64)
        self._twice.append(twice)
        places = _places(hashes, twice)
        values = hashes[places]
        copies = _within(values, before)
        first = np.unique(values, return_index=True)[1]
        copies[np.setdiff1d(np.arange(len(values)), first)] = True
        return places[copies]

    def verify(self) -> None:
        """Compare in full the rows taken for copies with their originals. Raises FalseTwinsError."""
        if not self._twice:
            return
        twice = np.unique(np.concatenate(self._twice))
        parts, bounds, values = [], [], []
        for part, hashes in enumerate(self._hashes):
            here = _places(hashes, twice)
            if not len(here):
                continue
            edges = np.concatenate(([0], self._ends(self._texts[part])))
            parts.append(np.full(len(here), part))
            bounds.append((edges[here], edges[here + 1]))
            values.append(hashes[here])
        hashes = np.concatenate(values)
        order = np.argsort(hashes, kind="stable")
        begins, ends = (np.concatenate(found)[order].tolist() for found in zip(*bounds, strict=True))
        part_of = np.concatenate(parts)[order].tolist()
        same = np.concatenate(([False], hashes[order][1:] == hashes[order][:-1])).tolist()
        with _Texts(self._texts) as texts:
            previous = b""
            for part, begin, end, twin in zip(part_of, begins, ends, same, strict=True):
                row = texts.row(part, begin, end)
                if twin and row != previous and self._values(row) != self._values(previous):
                    raise FalseTwinsError
                previous = row

    def _ends(self, path: Path) -> Places:
        """Return where each row of a text ends (its line end included), in bytes."""
        from pipelines.extracts.readers.scanner import Records, scan  # the readers import this module

        ends, begin = [], 0
        if not self._quote or not any(self._quote.encode() in piece for piece in _pieces(path)):
            for piece in _pieces(path):
                ends.append(np.flatnonzero(np.frombuffer(piece, dtype=np.uint8) == _LF) + 1 + begin)
                begin += len(piece)
            return np.concatenate(ends)
        for records in scan(_pieces(path), self._delimiter, self._quote):
            assert isinstance(records, Records)
            ends.append(records.stop + 1 + begin)
            begin = int(ends[-1][-1]) if len(ends[-1]) else begin
        return np.concatenate(ends)

    def _values(self, row: bytes) -> list[str]:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._quote else csv.QUOTE_NONE
        text = io.StringIO(row.decode("utf-8"), newline="")
        reader = csv.reader(text, delimiter=self._delimiter, quotechar=self._quote or None, quoting=quoting)
        return next(reader)


def _pieces(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file, as many at a time as the caches hold."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            yield piece


class _Texts:
    """The files of the rows, open while they are compared. Not mapped: mapped pages would count as memory."""

    def __init__(self, texts: list[Path]) -> None:
        self._texts = texts
        self._open: dict[int, int] = {}

    def __enter__(self) -> _Texts:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def row(self, part: int, begin: int, end: int) -> bytes:
        """Return a row without its line end."""
        if part not in self._open:
            self._open[part] = os.open(self._texts[part], os.O_RDONLY)
        row = os.pread(self._open[part], end - 1 - begin, begin)
        # DuckDB takes a byte order mark at the beginning of a file for none of its text.
        return row if begin else row.removeprefix(codecs.BOM_UTF8)


def _within(values: Hashes, known: Hashes) -> npt.NDArray[np.bool_]:
    """Return whether each value is among the sorted known ones."""
    if not len(known):
        return np.zeros(len(values), dtype=np.bool_)
    return known[np.minimum(np.searchsorted(known, values), len(known) - 1)] == values


def _places(hashes: Hashes, wanted: Hashes) -> Places:
    """Return the indices of the hashes that are among the sorted wanted ones."""
    sieve = np.zeros(1 << _SIEVE, dtype=np.bool_)
    low = np.uint64((1 << _SIEVE) - 1)
    sieve[(wanted & low).astype(np.int64)] = True
    places = np.flatnonzero(sieve[(hashes & low).astype(np.int64)])
    return places[_within(hashes[places], wanted)]
