"""The scanner against a slow reading of its own rules, on any text and any cut into chunks."""

from __future__ import annotations

import csv
import io
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.extracts.readers.scanner import scan


def line_end(text: str, at: int) -> tuple[int, int] | None:
    """Return (end of the line's text, start of the next) of the line end at `at`, or None."""
    if text.startswith("\r\n", at):
        return at, at + 2
    if text[at] in "\r\n":
        return at, at + 1
    return None


def slow_record(text: str, begin: int, quote: str) -> tuple[int, int, int] | None:
    """Read one record by the letter; return (end, next start, fields), None where quotes make no sense."""
    at, fields, field_start, inside = begin, 1, True, False
    while at < len(text):
        letter = text[at]
        if inside:
            if letter == quote:
                if text[at + 1 : at + 2] == quote:
                    at += 2
                    continue
                if text[at + 1 : at + 2] not in {"", ",", "\r", "\n"}:
                    return None
                inside = False
            at += 1
            continue
        ended = line_end(text, at)
        if ended:
            return ended[0], ended[1], fields
        if quote and letter == quote:
            if not field_start:
                return None
            inside = True
        field_start = letter == ","
        fields += letter == ","
        at += 1
    return None if inside else (at, at, fields)


def slow(text: str, quote: str = '"') -> list[tuple[str, int, int, bool]]:
    """Return (text, line, fields, stray) of every record."""
    found, at, line = [], 0, 1
    while at < len(text):
        record = slow_record(text, at, quote)
        if record is None:
            end = at
            while end < len(text) and line_end(text, end) is None:
                end += 1
            after = line_end(text, end)[1] if end < len(text) else end
            found.append((text[at:end], line, 0, True))
        else:
            end, after, fields = record
            found.append((text[at:end], line, fields, False))
        skipped = text[at:after]
        line += skipped.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        at = after
    return found


def fast(text: str, cuts: list[int], quote: str = '"') -> list[tuple[str, int, int, bool]]:
    data = text.encode()
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    chunks = [data[a:b] for a, b in itertools.pairwise(edges)]
    return [
        (records.text(i), int(records.line[i]), int(records.fields[i]), bool(records.stray[i]))
        for records in scan(chunks, ",", quote)
        for i in range(len(records.start))
    ]


CUTS = st.lists(st.integers(0, 60), max_size=4)


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet='ab",\n\r', max_size=60), CUTS)
def test_scanner_follows_its_rules_on_any_text(text: str, cuts: list[int]) -> None:
    assert fast(text, cuts) == slow(text)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet='ab",\n\r', max_size=60), CUTS)
def test_scanner_without_quoting(text: str, cuts: list[int]) -> None:
    assert fast(text, cuts, "") == slow(text, "")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.lists(st.text(alphabet='aé",\n ;', max_size=6), min_size=2, max_size=3), max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    CUTS,
)
def test_what_a_csv_writer_wrote_is_read_whole(rows: list[list[str]], end: str, cuts: list[int]) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=end).writerows(rows)
    found = fast(buffer.getvalue(), cuts)
    assert [fields for _, _, fields, _ in found] == [len(row) for row in rows]
    assert [next(csv.reader(io.StringIO(text, newline=""))) for text, *_ in found] == rows


def test_one_stray_quote_costs_one_line() -> None:
    rows = ["a,b", '1,"open', '2,"x","y"', "3,z"]
    found = fast("\n".join(rows) + "\n", [])
    assert [(text, stray) for text, _, _, stray in found] == [
        ("a,b", False),
        ('1,"open', True),
        ('2,"x","y"', False),
        ("3,z", False),
    ]
