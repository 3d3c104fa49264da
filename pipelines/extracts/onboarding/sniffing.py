"""What a file looks like, by evidence: its format, encoding, separator and header rows, and a sample of its records.

Belongs here: guesses about bytes and layout, each with the reason for it. A landing never guesses (its contract
states); only drafting a contract, and saying which contract a strange file might belong to, do.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from pipelines.extracts.contract import Column, Contract, FileFormat
from pipelines.extracts.readers import DeliveryError, RawTable, read
from pipelines.extracts.readers.text import check_is_text

#: Bytes of a text file that are looked at.
_HEAD = 4 << 20

_DELIMITERS = (",", ";", "\t", "|")

#: A name that no file has: a contract needs a column, and a sample is of all of them.
_NONE = "(no column of this name)"


@dataclass(frozen=True)
class Sniffed:
    """A format, and what it was guessed from: key of the format -> a reason people can check."""

    format: FileFormat
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """The names of a file's columns in order, its first records as text, and how many records it has.

    Nested JSON is flattened to dotted names; blanks are ''.
    """

    names: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    records: int

    def values(self, name: str) -> list[str]:
        """Return the values of a column that are not blank, in order."""
        return [row[name] for row in self.rows if row.get(name)]


def sniff(path: Path, shown: str) -> Sniffed:
    """Return the format that a plain file seems to have.

    Raises DeliveryError: empty_file, or not_the_format for a file of a kind that no reader takes.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"PAR1"):
        return Sniffed(FileFormat(type="parquet"))
    if head.startswith((b"$FL2", b"$FL3")):
        return Sniffed(FileFormat(type="sav"))
    if head.startswith(b"PK\x03\x04"):
        return Sniffed(FileFormat(type="xlsx"), {"sheet": "the first sheet; name another with `sheet:`"})
    encoding, why = guess_encoding(head)
    try:
        check_is_text(path, encoding)
    except DeliveryError as error:
        message = error.message.removeprefix(f"{path.name}: ")
        raise DeliveryError(error.reason, f"{shown}: {message}") from error
    text = _decoded(head, encoding, path.stat().st_size > len(head))
    reasons = {"encoding": why} if why else {}
    kind = _json_kind(text)
    if kind is not None:
        records, told = _records(path, encoding) if kind == "json" else ("", "")
        if told:
            reasons["records"] = told
        return Sniffed(FileFormat.model_validate({"type": kind, "encoding": encoding, "records": records}), reasons)
    return _sniff_delimited(text, encoding, reasons)


def sample_of(path: Path, format_: FileFormat, workdir: Path, shown: str, limit: int = 20_000) -> Sample:
    """Read a file by a format alone, all its columns as text. Raises DeliveryError when it cannot be read so."""
    contract = Contract.model_construct(
        system="sample",
        name="sample",
        version=1,
        format=format_,
        columns=(Column(source=_NONE, field="sample", optional=True),),
        filters=(),
        outputs=(),
        personal=(),
    )
    from pipelines.extracts.intake import open_workspace

    with open_workspace(workdir) as connection:
        try:
            raw = read(path, contract, connection, workdir)
        except DeliveryError as error:
            raise DeliveryError(error.reason, f"{shown}: {error.message.removeprefix(f'{path.name}: ')}") from error
        return sample_from(connection, raw, limit)


def sample_from(connection: duckdb.DuckDBPyConnection, raw: RawTable, limit: int) -> Sample:
    """Return the first `limit` records of a raw table that is in the connection."""
    rows = connection.execute(
        f"""SELECT {raw.row_sql} FROM (SELECT * FROM {raw.table} ORDER BY _record LIMIT {int(limit)})
        ORDER BY _record"""
    ).fetchall()
    names: dict[str, None] = {}
    flat = []
    for (text,) in rows:
        try:
            # Numbers stay the text they are: one of thousands of digits is no number to Python.
            record = dict(_flattened(json.loads(text, parse_int=str, parse_float=str)))
        except (ValueError, RecursionError):
            continue  # nested beyond all reason: the reader has kept it, and a sample can do without
        names |= dict.fromkeys(record)
        flat.append(record)
    return Sample(tuple(names), tuple(flat), raw.records_read)


def _flattened(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in record.items():
        if isinstance(value, dict) and value:
            yield from _flattened(value, f"{prefix}{key}.")
        elif value is None:
            yield prefix + key, ""
        else:
            yield prefix + key, value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- encoding -----------------------------------------------------------------------------------------


def guess_encoding(head: bytes) -> tuple[str, str]:
    """Return the encoding of some bytes, and why ('' where it is certain)."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "" if not head.startswith(codecs.BOM_UTF32_LE) else "the mark of UTF-16 or UTF-32"
    if head.count(b"\0") > len(head) // 4:
        odd = sum(1 for position in range(1, len(head), 2) if head[position] == 0)
        name = "utf-16-le" if odd > head.count(b"\0") // 2 else "utf-16-be"
        return name, "every other byte is zero, and no mark says so"
    body = head.removeprefix(codecs.BOM_UTF8)
    if _is_utf8(body):
        return "utf-8", ""
    marked = "it begins with the mark of UTF-8 and is not UTF-8; " if len(body) < len(head) else ""
    scores = {name: _plausible(body, name) for name in ("cp1252", "mac_roman")}
    best = max(scores, key=lambda name: scores[name])
    told = [_told(body, name) for name in scores]
    if scores["cp1252"] == scores["mac_roman"]:
        return "cp1252", f"{marked}undecided between cp1252 ({told[0]}) and mac_roman ({told[1]}): look at both"
    other = "mac_roman" if best == "cp1252" else "cp1252"
    shown = dict(zip(scores, told, strict=True))
    return best, f"{marked}not UTF-8; as {best} it reads {shown[best]}, as {other} {shown[other]}"


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < _HEAD - 3)
    except UnicodeDecodeError:
        return False
    return True


_COMMON = set("éèêëàâäçîïôöùûüœæñáíóúßÉÈÀÇÊÎÔÖÄÜ")
_BOUNDARY = set("’‘“”–—…«»•°€£©®™\u00a0")


def _plausible(body: bytes, encoding: str) -> int:
    """Return how many of the letters beyond ASCII make sense where they stand, less those that do not."""
    text = body.decode(encoding, errors="replace")
    score = 0
    for found in re.finditer(r"[^\x00-\x7f]", text):
        letter, at = found.group(), found.start()
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if letter == "\ufffd" or ("\x80" <= letter <= "\x9f"):
            score -= 3
        elif letter in _COMMON:
            inside = (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())
            mixed = letter.isupper() and before.islower()
            score += 1 if inside and not mixed else -1
        elif letter in _BOUNDARY:
            score += 1
        else:
            score -= 1
    return score


def _told(body: bytes, encoding: str) -> str:
    """Return the letters beyond ASCII that an encoding gives, the most frequent first; never a whole word."""
    letters = Counter(re.findall(r"[^\x00-\x7f]", body.decode(encoding, errors="replace")))
    return " ".join(letter if letter.isprintable() else f"U+{ord(letter):04X}" for letter, _ in letters.most_common(6))


def _decoded(head: bytes, encoding: str, cut: bool) -> str:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = decoder.decode(head, final=not cut)
    return text.removeprefix("\ufeff")


# --- JSON ---------------------------------------------------------------------------------------------


def _json_kind(text: str) -> str | None:
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return None
    lines = [line for line in start.splitlines()[:3] if line.strip()]
    if start.startswith("{") and lines:
        try:
            whole = isinstance(json.loads(lines[0]), dict)
        except (ValueError, RecursionError):
            whole = False
        if whole and (len(lines) > 1 or not _has_array(lines[0])):
            return "jsonl"
    return "json"


def _has_array(line: str) -> bool:
    return bool(list(_arrays(json.loads(line))))


def _records(path: Path, encoding: str) -> tuple[str, str]:
    """Return where the records of a JSON document are, and what else they might be."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig" if encoding == "utf-8" else encoding))
    except (ValueError, RecursionError):
        return "", ""  # the reader says what is wrong with it
    if isinstance(document, list):
        return "", ""
    found = sorted(_arrays(document), key=lambda pair: -pair[1])
    if not found:
        return "", "no array of objects was found"
    others = ", ".join(place for place, _ in found[1:4])
    return found[0][0], f"the longest array of objects{f'; others: {others}' if others else ''}"


def _arrays(document: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, int]]:
    if not isinstance(document, dict) or depth > 4:
        return
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield prefix + key, len(value)
        elif isinstance(value, dict):
            yield from _arrays(value, f"{prefix}{key}.", depth + 1)


# --- delimited text -----------------------------------------------------------------------------------


def _sniff_delimited(text: str, encoding: str, reasons: dict[str, str]) -> Sniffed:
    quoted = '"' in text
    counted = {mark: _rows(text, mark, '"') for mark in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda mark: _regularity(counted[mark]))
    rows = counted[delimiter]
    stated: dict[str, Any] = {"type": "csv", "delimiter": delimiter, "encoding": encoding}
    if quoted and not re.search(rf'(^|[{re.escape(delimiter)}\n])"', text):
        stated["quote"] = ""
        reasons["quote"] = "quotes stand inside values only, so they enclose none"
    layout, told = _header_layout(rows)
    if _regularity(rows)[0] == 0:
        reasons["delimiter"] = "no separator gives more than one column"
    return Sniffed(FileFormat.model_validate({**stated, **layout}), reasons | told)


def _rows(text: str, delimiter: str, quote: str, limit: int = 200) -> list[list[str]]:
    csv.field_size_limit(1 << 30)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
    rows = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
            if len(rows) >= limit:
                break
    except csv.Error:
        pass
    return rows


def _regularity(rows: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Return the share of rows as wide as most are (0 where that is one column), and that width."""
    widths = Counter(len(row) for row in rows)
    if not widths:
        return 0.0, 0
    width, count = widths.most_common(1)[0]
    return (count / len(rows), width) if width > 1 else (0.0, 1)


def _header_layout(rows: Sequence[Sequence[str]]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the keys of a format that say where the names stand, and why."""
    if len(rows) < 2:
        return {}, {}
    first, second = rows[0], rows[1]
    for after in (1, 2):
        if len(rows) > after and sum("ImportId" in cell for cell in rows[after]) > len(rows[after]) // 2:
            told = "a Qualtrics export: the rows after the names hold texts and import ids"
            layout = {"skip_rows_after_header": after, "skipped_rows_contain": "ImportId"}
            return layout, {"skip_rows_after_header": told}
    if second and second[0] == "ResponseID" and first[0] in {"V1", "ResponseID"}:
        told = "a legacy Qualtrics export: the row after the names holds the texts of the questions"
        return {"skip_rows_after_header": 1, "skipped_rows_contain": "ResponseID"}, {"skip_rows_after_header": told}
    width = max(len(first), len(second))
    gaps = sum(not cell.strip() for cell in first[:width])
    below = sum(bool(cell.strip()) for at, cell in enumerate(second) if at >= len(first) or not first[at].strip())
    lone = [cell.strip() for cell in second if cell.strip()]
    if gaps and below and below * 2 >= gaps and not any(_is_value(cell) for cell in lone):
        told = "the upper row of names has blanks that the lower one fills"
        return {"header_rows": 2}, {"header_rows": told}
    if lone and not second[0].strip() and set(lone) <= {"Response", "Open-Ended Response"}:
        told = "a SurveyMonkey export: a second row of names, `Response`"
        return {"header_rows": 2}, {"header_rows": told}
    return {}, {}


def _is_value(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+]?[\d., ]+|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*", cell))
