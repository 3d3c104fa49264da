"""Where records begin and end in delimited text, and how many fields each has: numpy over bytes, by chunks.

This is the independent count that every delivery is proven against, and what finds the rows that have no
structure, with their exact line, before the bulk parser sees the file. Rules (RFC 4180): a quote opens only
at the start of a field, closes only before a delimiter or line end, and is doubled inside. A record that
breaks them is set aside up to the end of its first physical line, and reading goes on at the next line, so
one stray quote costs one line and not the rest of the file. LF, CR LF and a lone CR all end a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

#: Longest record, in bytes. A quote left open is given up after this much.
MAX_RECORD = 8 * 2**20

#: Bytes looked at together: small enough for the caches, large enough that calls cost nothing.
_BLOCK = 4 * 2**20

_LF, _CR = 10, 13

#: Blanks of one byte that are trimmed, line ends aside, and the longer ones as UTF-8.
_BLANKS = (ord(" "), ord("\t"))
_LONG_BLANKS = tuple(blank.encode() for blank in "\u00a0\u202f\ufeff")


@dataclass
class Records:
    """The records that end in one chunk, in file order, blank lines included.

    `data`: the bytes; `start`, `end`: slice of each record without its line end; `stop`: index of the byte
    that ends it; `line`: 1-based physical line of its start; `line_count`: physical lines it spans;
    `fields`: number of fields; `stray`: whether its quotes make no sense; `crlf`, `lf`, `cr`: whether such
    line ends occur; `trimmed`: whether it is certain that no value begins or ends with a blank.
    """

    data: Bytes
    start: Ints
    end: Ints
    stop: Ints
    line: Ints
    line_count: Ints
    fields: Ints
    stray: npt.NDArray[np.bool_]
    crlf: bool
    lf: bool
    cr: bool
    trimmed: bool = False

    def text(self, index: int) -> str:
        """Return one record as text."""
        return self.data[self.start[index] : self.end[index]].tobytes().decode("utf-8", errors="replace")


class LineTooLongError(ValueError):
    """A physical line longer than MAX_RECORD; `line` is its 1-based number."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is longer than {MAX_RECORD} bytes")
        self.line = line


@dataclass
class Plain:
    """Lines that are each a record, none blank: `text` of `rows` of them, the first on `line` (1-based).

    None holds a quote or a CR; together they hold the right number of delimiters, which is what was counted. `trimmed`
    as in Records.
    """

    text: bytes
    line: int
    rows: int
    trimmed: bool


@dataclass
class Columns:
    """How many fields a record must have; 0 while that is not known."""

    number: int = 0


def scan(
    chunks: Iterable[bytes], delimiter: str, quote: str, columns: Columns | None = None
) -> Iterator[Records | Plain]:
    """Yield the records of UTF-8 text.

    `delimiter` is one ASCII character; `quote` is one, or '' where nothing is quoted. Once `columns` has a number,
    blocks of plain lines are only counted, and come as Plain; without it every record is looked at. Raises
    LineTooLongError.
    """
    separator = ord(delimiter)
    mark = ord(quote) if quote else -1
    carry = b""
    line = 1
    for chunk in _blocks(chunks):
        data = carry + chunk
        plain = _plain(data, separator, mark, line, columns.number) if columns is not None else None
        if plain is not None:
            carry = data[len(plain.text) :]
            line += plain.rows
            yield plain
            continue
        records, used, lines = _split(data, separator, mark, line, final=False)
        if used == 0 and len(data) > MAX_RECORD:
            records, used, lines = _split(data, separator, mark, line, final=False, give_up=True)
            if used == 0:
                raise LineTooLongError(line)
        carry = data[used:]
        line += lines
        yield records
    if carry:
        ended = carry if carry[-1] in (_LF, _CR) else carry + b"\n"
        records, _, _ = _split(ended, separator, mark, line, final=True, added=len(ended) - len(carry))
        yield records


def _plain(raw: bytes, separator: int, mark: int, line: int, columns: int) -> Plain | None:
    """Return the whole lines of a block that begins at a record's start, or None where a closer look is needed.

    Of several columns, a blank line has too few delimiters; of one, nothing would tell it.
    """
    if columns < 2 or len(raw) > MAX_RECORD or b"\r" in raw or (mark >= 0 and bytes([mark]) in raw):
        return None
    text = raw[: raw.rfind(b"\n") + 1]
    data: Bytes = np.frombuffer(text, dtype=np.uint8)
    rows = int(np.count_nonzero(data == _LF))
    if not rows or int(np.count_nonzero(data == separator)) != rows * (columns - 1):
        return None
    return Plain(text, line, rows, _is_trimmed(text, data, separator, mark))


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut the chunks that are longer than a block."""
    for chunk in chunks:
        for begin in range(0, len(chunk), _BLOCK):
            yield chunk[begin : begin + _BLOCK]


def _split(
    raw: bytes,
    separator: int,
    mark: int,
    line: int,
    *,
    final: bool,
    give_up: bool = False,
    added: int = 0,
) -> tuple[Records, int, int]:
    """Split one block that begins at a record's start; return records, bytes used, line ends used.

    `added`: line ends that we put at the block's end ourselves, so they say nothing about the file.
    """
    data: Bytes = np.frombuffer(raw, dtype=np.uint8)
    size = len(data)
    trimmed = _is_trimmed(raw, data, separator, mark)
    quick = None if give_up or b"\r" in raw else _split_sound(raw, data, separator, mark, final)
    if quick is not None:
        stop, fields, feeds = quick
        start = np.empty_like(stop)
        start[0] = 0
        start[1:] = stop[:-1] + 1
        used = int(stop[-1]) + 1
        if feeds is None:
            first, spans, lines = np.arange(len(stop)), np.ones(len(stop), dtype=np.int64), len(stop)
        else:
            first = np.searchsorted(feeds, start)
            spans = np.searchsorted(feeds, stop) - first + 1
            lines = int(np.searchsorted(feeds, used))
        records = Records(
            data=data,
            start=start,
            end=stop,
            stop=stop,
            line=line + first,
            line_count=spans,
            fields=fields,
            stray=np.zeros(len(stop), dtype=np.bool_),
            crlf=False,
            lf=len(stop) > added,
            cr=False,
            trimmed=trimmed and feeds is None,
        )
        return records, used, lines
    breaks, crlf, lone_cr = _line_ends(raw, data, final)
    delimiters = np.flatnonzero(data == separator)
    parts: list[tuple[Ints, Ints, Ints, bool]] = []  # starts, stops, field counts, stray
    if mark < 0 or bytes([mark]) not in raw:
        used = _take(parts, breaks, delimiters, 0, size)
    else:
        used = _take_quoted(parts, data, breaks, delimiters, separator, mark, final, give_up)
    if parts:
        start = np.concatenate([part[0] for part in parts])
        stop = np.concatenate([part[1] for part in parts])
        fields = np.concatenate([part[2] for part in parts])
        stray = np.concatenate([np.full(len(part[0]), part[3]) for part in parts])
    else:
        start = stop = fields = np.empty(0, dtype=np.int64)
        stray = np.empty(0, dtype=np.bool_)
    real = data[stop[: len(stop) - added]] if added and len(stop) else data[stop]
    if crlf:
        halves = (data[stop] == _LF) & (stop > start) & (data[np.maximum(stop - 1, 0)] == _CR)
        end = stop - halves
        has_crlf = bool(np.any(halves))
        has_lf = bool(np.any((real == _LF) & ~halves[: len(real)]))
    else:
        end, has_crlf = stop, False
        has_lf = bool(np.any(real == _LF)) if lone_cr else len(real) > 0
    first = np.searchsorted(breaks, start)
    records = Records(
        data=data,
        start=start,
        end=end,
        stop=stop,
        line=line + first,
        line_count=np.searchsorted(breaks, stop) - first + 1,
        fields=fields,
        stray=stray,
        crlf=has_crlf,
        lf=has_lf,
        cr=lone_cr and bool(np.any(real == _CR)),
        trimmed=trimmed and len(breaks) == len(stop),
    )
    return records, used, int(np.searchsorted(breaks, used))


def _split_sound(
    raw: bytes, data: Bytes, separator: int, mark: int, final: bool
) -> tuple[Ints, Ints, Ints | None] | None:
    """Split a block without CR whose quotes all make sense; None where it is not so, and `_take_quoted` must look.

    Returns the index of the byte that ends each record, its number of fields, and the positions of all line feeds
    where some stand inside quotes (None: each ends a record). Only the bytes that mean something are looked at.
    """
    special = (data == separator) | (data == _LF)
    quoted = mark >= 0 and bytes([mark]) in raw
    if quoted:
        special |= data == mark
    places = np.flatnonzero(special)
    codes = data[places]
    feeds: Ints | None = None
    if quoted:
        quote = codes == mark
        beside = np.diff(places) == 1
        quotes = np.flatnonzero(quote)
        opening, closing = quotes[0::2], quotes[1::2]
        if len(opening) and opening[0] == 0:
            if places[0] != 0:
                return None
            opening = opening[1:]
        if len(closing) and closing[-1] == len(beside):
            if places[-1] != len(data) - 1:
                return None
            closing = closing[:-1]
        if not (beside[opening - 1].all() and beside[closing].all()):
            return None
        inside = np.bitwise_xor.accumulate(quote.view(np.uint8))
        outside = np.flatnonzero((inside | quote) == 0)
        lines = np.count_nonzero(codes == _LF)
        all_places, all_codes = places, codes
        places, codes = places[outside], codes[outside]
    ends = np.flatnonzero(codes == _LF)
    if not len(ends) or (final and int(places[ends[-1]]) != len(data) - 1):
        return None
    if quoted and lines != len(ends):
        feeds = all_places[all_codes == _LF]
    return places[ends], np.diff(ends, prepend=-1), feeds


def _is_trimmed(raw: bytes, data: Bytes, separator: int, mark: int) -> bool:
    """Return whether surely no value begins or ends with a blank, line ends inside values aside.

    A blank beside a separator, a quote or a line end counts as one, even inside a value.
    """
    if not raw.isascii() and any(blank in raw for blank in _LONG_BLANKS):
        return False
    for blank in _BLANKS:
        if blank == separator or bytes([blank]) not in raw:
            continue
        places = np.flatnonzero(data == blank)
        if places[0] == 0:
            return False
        if places[-1] == len(data) - 1:
            places = places[:-1]  # its record goes on in the next block, where it is looked at whole
        for beside in (data[places - 1], data[places + 1]):
            if np.any((beside == separator) | (beside == mark) | (beside == _LF) | (beside == _CR)):
                return False
    return True


def _line_ends(raw: bytes, data: Bytes, final: bool) -> tuple[Ints, bool, bool]:
    """Return the positions that end a physical line, whether CR LF occurs, whether a lone CR does."""
    feeds = np.flatnonzero(data == _LF)
    if b"\r" not in raw:
        return feeds, False, False
    returns = np.flatnonzero(data == _CR)
    following = np.append(data, np.uint8(_LF if not final else 0))[returns + 1]
    # A CR at the very end of a chunk waits for the next chunk: it may be half of a CR LF.
    lone = returns[following != _LF]
    crlf = len(lone) < len(returns)
    if len(lone):
        feeds = np.sort(np.concatenate([feeds, lone]))
    return feeds, crlf, bool(len(lone))


def _take(parts: list[tuple[Ints, Ints, Ints, bool]], ends: Ints, delimiters: Ints, begin: int, stop: int) -> int:
    """Add the records between `begin` and `stop`, ended by `ends`; return where the last one stopped."""
    here = ends[np.searchsorted(ends, begin) : np.searchsorted(ends, stop)]
    if not len(here):
        return begin
    starts = np.empty_like(here)
    starts[0] = begin
    starts[1:] = here[:-1] + 1
    bounds = np.searchsorted(delimiters, here)
    fields = bounds - np.searchsorted(delimiters, starts) + 1
    parts.append((starts, here, fields, False))
    return int(here[-1]) + 1


def _take_quoted(
    parts: list[tuple[Ints, Ints, Ints, bool]],
    data: Bytes,
    breaks: Ints,
    delimiters: Ints,
    separator: int,
    mark: int,
    final: bool,
    give_up: bool,
) -> int:
    """As `_take`, in text with quotes. The loop runs once per broken record, not per record."""
    size = len(data)
    quotes = np.flatnonzero(data == mark)
    parity = np.cumsum(data == mark, dtype=np.uint8) & 1
    before = data[np.maximum(quotes - 1, 0)]
    after = data[np.minimum(quotes + 1, size - 1)]
    opens = (before == separator) | (before == _LF) | (before == _CR) | (before == mark) | (quotes == 0)
    closes = (after == separator) | (after == _LF) | (after == _CR) | (after == mark) | (quotes == size - 1)
    index = np.arange(len(quotes)) & 1
    # Phase f: the text is outside quotes after a number of quotes of parity f. A broken record may flip it.
    wrong = [np.flatnonzero(np.where(index == phase, ~opens, ~closes)) for phase in (0, 1)]
    outside = [breaks[parity[breaks] == phase] for phase in (0, 1)]
    fields: list[Ints | None] = [None, None]
    position = 0
    while position < size:
        first = int(np.searchsorted(quotes, position))
        phase = first & 1
        split = fields[phase]
        if split is None:
            split = fields[phase] = delimiters[parity[delimiters] == phase]
        nth = int(np.searchsorted(wrong[phase], first))
        if nth < len(wrong[phase]):
            limit = int(quotes[wrong[phase][nth]])
            position = _take(parts, outside[phase], split, position, limit)
        else:
            position = _take(parts, outside[phase], split, position, size)
            if position == size or not (final or (give_up and position == 0)):
                break
        line_end = int(np.searchsorted(breaks, position))
        if line_end == len(breaks):
            break
        stop = int(breaks[line_end])
        parts.append(
            (np.array([position]), np.array([stop]), np.array([0]), True),
        )
        position = stop + 1
    return position
