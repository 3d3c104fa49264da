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
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

#: Bits of a hash that a first look at many rows compares.
_SIEVE = 22


class FalseTwinsError(Exception):
    """Two different rows with one hash."""


@dataclass
class _Text:
    """The rows of one part as text: where its file is, and where each row ends (its line end included), in bytes."""

    path: Path
    ends: npt.NDArray[np.uint32]


class Twins:
    """The rows met so far, part after part.

    `salt` makes the hashes of one attempt differ from those of another. Holds 20 bytes a row, and the files of rows
    that `keep` was given until `verify`.
    """

    def __init__(self, delimiter: str, quote: str, salt: int = 0) -> None:
        self.salt = salt
        self._delimiter, self._quote = delimiter, quote
        self._met: Hashes = np.empty(0, dtype=np.uint64)  # sorted, each once
        self._hashes: list[Hashes] = []
        self._texts: list[_Text] = []
        self._twice: list[Hashes] = []

    def hash_sql(self, columns: tuple[str, ...]) -> str:
        """Return SQL for the hash of a row of VARCHAR columns without empty texts."""
        if self.salt:
            columns = tuple(f"concat({column}, '{self.salt}')" for column in columns)
        return f"hash({', '.join(columns)})"

    def keep(self, path: Path, ends: npt.NDArray[np.uint32]) -> None:
        """Take note of the text of the next part; `ends` as in `_Text`."""
        self._texts.append(_Text(path, ends))

    def later(self, hashes: Hashes) -> Places:
        """Add the rows of the next part; return the indices of those that are copies of an earlier row."""
        self._hashes.append(hashes)
        before = self._met
        met = np.concatenate((before, hashes))
        met.sort()
        again = met[1:] == met[:-1]
        if not again.any():
            self._met = met
            return np.empty(0, dtype=np.int64)
        self._met = met[np.concatenate(([True], ~again))]
        twice = np.unique(met[1:][again])
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
        parts, places, values = [], [], []
        for part, hashes in enumerate(self._hashes):
            here = _places(hashes, twice)
            parts.append(np.full(len(here), part))
            places.append(here)
            values.append(hashes[here])
        hashes = np.concatenate(values)
        order = np.argsort(hashes, kind="stable")
        part_of, place_of = np.concatenate(parts)[order].tolist(), np.concatenate(places)[order].tolist()
        same = np.concatenate(([False], hashes[order][1:] == hashes[order][:-1])).tolist()
        with _Texts(self._texts) as texts:
            previous = b""
            for part, place, twin in zip(part_of, place_of, same, strict=True):
                row = texts.row(part, place)
                if twin and row != previous and self._values(row) != self._values(previous):
                    raise FalseTwinsError
                previous = row

    def _values(self, row: bytes) -> list[str]:
        quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if self._quote else csv.QUOTE_NONE
        text = io.StringIO(row.decode("utf-8"), newline="")
        reader = csv.reader(text, delimiter=self._delimiter, quotechar=self._quote or None, quoting=quoting)
        return next(reader)


class _Texts:
    """The files of the rows, open while they are compared. Not mapped: mapped pages would count as memory."""

    def __init__(self, texts: list[_Text]) -> None:
        self._texts = texts
        self._open: dict[int, int] = {}

    def __enter__(self) -> _Texts:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def row(self, part: int, place: int) -> bytes:
        """Return a row without its line end."""
        text = self._texts[part]
        if part not in self._open:
            self._open[part] = os.open(text.path, os.O_RDONLY)
        begin = int(text.ends[place - 1]) if place else 0
        row = os.pread(self._open[part], int(text.ends[place]) - 1 - begin, begin)
        # DuckDB takes a byte order mark at the beginning of a file for none of its text.
        return row if place else row.removeprefix(codecs.BOM_UTF8)


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
