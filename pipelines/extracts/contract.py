"""The contract of a source file: what its columns are, and which landing fields they feed.

A contract is one YAML file per system and extract. It is read as text only (no YAML guessing of types, so
`No`, `1e3` or `2025-01-01` stay what was written), unknown or repeated keys are refused, and every error
names the file and the line. See `contracts/` for examples and docs/ for the recipe.
"""

from __future__ import annotations

import codecs
import fnmatch
import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import duckdb
import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pipelines.extracts.entities import BY_SIDE, ENTITIES, Entity, FieldType
from pipelines.extracts.json_names import problem_of
from pipelines.yaml_lines import line_of, read_mapping

#: The contracts that ship with the project.
CONTRACTS_DIR = Path(__file__).parent / "contracts"

ColumnType = Literal["text", "number", "integer", "boolean", "date", "timestamp", "duration"]

#: Field under which the column of `version_from` is read; no entity has a field of that name.
ROW_VERSION = "row_version"

#: Time between two deliveries, in days, that a cadence promises.
CADENCES = {"daily": 1, "weekly": 7, "monthly": 31, "quarterly": 92, "yearly": 366}

#: Days beyond it before a source counts as late: daily exports rest on a weekend or a holiday, others run late.
GRACE_DAYS = {"daily": 3, "weekly": 2, "monthly": 5, "quarterly": 5, "yearly": 5}

#: Landing types that a contract column of a given type may feed.
_FEEDS: dict[str, set[FieldType]] = {
    "text": {"VARCHAR"},
    "number": {"DOUBLE"},
    "integer": {"BIGINT", "DOUBLE", "VARCHAR"},
    "boolean": {"BOOLEAN"},
    "date": {"DATE", "TIMESTAMP"},
    "timestamp": {"TIMESTAMP", "DATE"},
    "duration": {"DOUBLE"},
}

_NAME = re.compile(r"^[a-z][a-z0-9_]*$")


def grace_days(cadence: str, chosen: int | None) -> int:
    """The days of grace of a cadence; `chosen`: the setting, None where it leaves them to the cadence."""
    return GRACE_DAYS[cadence] if chosen is None else chosen


class ContractError(ValueError):
    """A contract that cannot be used; the message names the file, the line and the remedy."""


class _SemanticError(ValueError):
    """A contract whose parts do not fit together; `where` is the path to the culprit in the document."""

    def __init__(self, message: str, *where: str | int) -> None:
        super().__init__(message)
        self.where = where


def _blank_is_none(value: object) -> object:
    return None if value == "" else value


Optional_ = BeforeValidator(_blank_is_none)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise ValueError(f"unknown encoding {name!r}; use a Python codec such as utf-8 or cp1252") from error


def _mark(value: object) -> str:
    text = {"\\t": "\t", "tab": "\t"}.get(str(value), str(value))
    if len(text) != 1 or not text.isascii() or text in '\r\n"\0':
        raise ValueError('the delimiter must be one ASCII character (a tab is written "\\t")')
    return text


class FileFormat(_Model):
    """How the bytes of the file are laid out; a packed file (.gz, .zst, .zip) is unpacked first.

    `encoding`: the one the text has, or a list of those it may have, of which the first that fits the bytes is
    taken. `delimiter`: likewise, of a list the one that finds the most of the contract's columns in the header.
    (`other_encodings` and `other_delimiters` hold the rest of the lists.) `decimal`: "either" where 0.5 and 0,5 are
    both found.
    `skip_rows_before_header`, `skip_rows_after_header`: rows that are neither names nor data. `header_rows`: 2
    where the names stand in two rows, an upper one whose blanks repeat the name on their left, and a lower one:
    the column is then called `upper [lower]`. `sheet`: the sheet of a workbook (the first when blank). `labels`:
    of an SPSS file, take the labels of the values instead of their codes. `records`: where in a JSON document
    the array of records is (dotted; the whole document when blank).
    """

    type: Literal["csv", "json", "jsonl", "parquet", "xlsx", "sav"] = "csv"
    delimiter: str = ","
    other_delimiters: tuple[str, ...] = ()
    quote: str = '"'
    encoding: str = "utf-8"
    other_encodings: tuple[str, ...] = ()
    decimal: Literal[".", ",", "either"] = "."
    thousands: Literal["", " ", ",", ".", "'"] = ""
    skip_rows_before_header: Annotated[int, Field(ge=0, le=50)] = 0
    header_rows: Annotated[int, Field(ge=1, le=2)] = 1
    skip_rows_after_header: Annotated[int, Field(ge=0, le=20)] = 0
    #: Text that the last skipped row must hold, so that an export without those rows loses no data.
    skipped_rows_contain: str = ""
    sheet: str = ""
    labels: bool = False
    records: str = ""

    @field_validator("delimiter", mode="before")
    @classmethod
    def _delimiter(cls, value: object) -> object:
        return _mark(value)

    @field_validator("other_delimiters", mode="before")
    @classmethod
    def _each_delimiter(cls, value: object) -> object:
        return tuple(_mark(mark) for mark in value) if isinstance(value, (list, tuple)) else value

    @field_validator("quote")
    @classmethod
    def _quote(cls, value: str) -> str:
        if len(value) > 1 or not value.isascii() or value in {"\r", "\n", "\0"}:
            raise ValueError("the quote must be one ASCII character, or '' where the file quotes nothing")
        return value

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        for key, others in (("encoding", "other_encodings"), ("delimiter", "other_delimiters")):
            if isinstance(value.get(key), list) and value[key]:
                value = {**value, key: value[key][0], others: value[key][1:]}
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding(cls, value: str) -> str:
        return _codec(value)

    @field_validator("other_encodings")
    @classmethod
    def _each_encoding(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_codec(name) for name in value)

    @model_validator(mode="after")
    def _marks(self) -> FileFormat:
        if self.decimal == self.thousands:
            raise ValueError("the decimal mark and the thousands mark are the same")
        if self.decimal == "either" and self.thousands:
            raise ValueError("where either decimal mark may stand, thousands cannot be told from decimals")
        if self.quote in {self.delimiter, *self.other_delimiters}:
            raise ValueError("the delimiter and the quote are the same")
        if self.skipped_rows_contain and not self.skip_rows_after_header:
            raise ValueError("skipped_rows_contain goes with skip_rows_after_header: no row is skipped")
        if self.type not in {"csv", "xlsx"} and (
            self.skip_rows_before_header or self.skip_rows_after_header or self.header_rows > 1
        ):
            raise ValueError(f"a {self.type} file has no header rows to skip or to join")
        return self


@lru_cache(maxsize=1024)
def _database_refuses(query: str, text: str) -> str | None:
    """Return why DuckDB refuses a pattern or a date format, or None: what it accepts is what will be used."""
    with duckdb.connect(":memory:") as connection:
        try:
            connection.execute(query, [text]).fetchall()
        except duckdb.Error as error:
            return str(error).splitlines()[0]
    return None


class Extract(_Model):
    """Keep a part of the text: where `pattern` (RE2) is found, `replace` (\\1, \\2...) is the new text."""

    pattern: str
    replace: str = r"\1"

    @field_validator("pattern")
    @classmethod
    def _pattern(cls, value: str) -> str:
        why = _database_refuses("SELECT regexp_matches('x', $1)", value)
        if why is not None:
            raise ValueError(f"not a regular expression (RE2): {why}")
        return value


class Column(_Model):
    """One column read from the source. A source may be listed twice, under different fields.

    `aliases`: other names the column bears (in another language, or an older version of the export); the first
    of `source` and `aliases` that the file has is read. A `duration` is a number of `unit`, or `clock` for
    `[H]H:MM[:SS]`; it gives hours, or with `added_to` the moment that much after that field.
    """

    source: Annotated[str, Field(min_length=1)]
    aliases: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    field: Annotated[str, Field(min_length=1)]
    type: ColumnType = "text"
    required: bool = False
    optional: bool = False
    formats: tuple[str, ...] = ()
    codes: dict[str, str] = {}
    default: Annotated[str | None, Optional_] = None
    extract: Extract | None = None
    min: Annotated[str | None, Optional_] = None
    max: Annotated[str | None, Optional_] = None
    missing: tuple[str, ...] = ()
    blank: Annotated[bool | None, Optional_] = None
    unit: Literal["seconds", "minutes", "hours", "days", "clock"] = "hours"
    added_to: Annotated[str | None, Optional_] = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the column may bear in a file, the preferred one first."""
        return (self.source, *self.aliases)

    @field_validator("formats", "missing", "aliases", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Column:
        if self.required and self.optional:
            raise ValueError("a column is either required or optional, not both")
        if not _NAME.match(self.field):
            raise ValueError(f"field {self.field!r}: use lower-case letters, digits and underscores")
        if self.formats and self.type not in {"date", "timestamp"}:
            raise ValueError("formats are for dates and timestamps only")
        for form in self.formats:
            why = _database_refuses("SELECT try_strptime('x', $1)", form)
            if why is not None or "%" not in form:
                raise ValueError(f"format {form!r} is no strptime format such as %d/%m/%Y: {why or 'no % in it'}")
        if self.type != "duration" and (self.added_to is not None or "unit" in self.model_fields_set):
            raise ValueError("unit and added_to are for durations only")
        if self.blank is not None and self.type != "boolean":
            raise ValueError("blank is for booleans only")
        if self.default is not None and not self.codes:
            raise ValueError("default goes with codes: it is the value of texts that are not among them")
        folded = [code.strip().casefold() for code in self.codes]
        if len(set(folded)) < len(folded):
            raise ValueError("two codes are the same when capitals are ignored")
        for name, bound in (("min", self.min), ("max", self.max)):
            if bound is not None:
                self._check_bound(name, bound)
        return self

    def _check_bound(self, name: str, bound: str) -> None:
        try:
            if self.type in {"number", "integer"}:
                float(bound)
            elif self.type == "date":
                date.fromisoformat(bound)
            elif self.type == "timestamp":
                datetime.fromisoformat(bound)
            else:
                raise ValueError
        except ValueError:
            raise ValueError(f"{name}: {bound!r} does not fit the type {self.type}") from None


class Filter(_Model):
    """Rows that are no data: dropped and counted, never quarantined."""

    source: Annotated[str, Field(min_length=1)]
    aliases: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    drop_values: Annotated[tuple[str, ...], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    optional: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the column may bear in a file, the preferred one first."""
        return (self.source, *self.aliases)

    @field_validator("drop_values", "aliases", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class Output(_Model):
    """One landing entity the source feeds, and how.

    `fields` maps an entity field to a contract field, or to a constant written "=text" ("=" is null).
    `each` gives one landing row per item, with the item's own mappings on top of `fields`; an item whose
    `value` is null gives none. `when` names a contract field without which the output does not apply.
    """

    entity: str
    fields: dict[str, str] = {}
    each: tuple[dict[str, str], ...] = ()
    distinct: bool = False
    when: Annotated[str | None, Optional_] = None

    def items(self) -> list[dict[str, str]]:
        """Return the complete mapping of each landing row that one source row gives (at least one)."""
        if not self.each:
            return [dict(self.fields)]
        return [
            {**self.fields, **{key: value for key, value in item.items() if key != "reversed"}} for item in self.each
        ]

    def reversed_items(self) -> list[bool]:
        """Return, for each item of `items()`, whether its scale is turned round."""
        if not self.each:
            return [False]
        return [item.get("reversed", "false").strip().lower() == "true" for item in self.each]


class VersionFrom(_Model):
    """What says which of two versions of a record is the later: exactly one of the three is stated.

    `file_date`: a pattern over the file's name whose one group is a date of the form `format`; `file_sequence`:
    a pattern whose one group is a number; `column`: the column that says when each row was last changed (of
    `type` timestamp or date by `formats`, or a counting integer).
    """

    file_date: Annotated[str | None, Optional_] = None
    format: str = "%Y%m%d"
    file_sequence: Annotated[str | None, Optional_] = None
    column: Annotated[str | None, Optional_] = None
    type: Literal["timestamp", "date", "integer"] = "timestamp"
    formats: tuple[str, ...] = ()

    @field_validator("formats", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_way(self) -> VersionFrom:
        ways = [self.file_date, self.file_sequence, self.column]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("state exactly one of file_date, file_sequence and column")
        for pattern in ways[:2]:
            if pattern is None:
                continue
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
            if groups != 1:
                raise ValueError("the pattern must have exactly one group, the date (as yyyymmdd) or the number")
        if self.column is None and (self.formats or self.type != "timestamp"):
            raise ValueError("type and formats go with column; the form of a date in the file's name is `format`")
        return self

    def of_name(self, file_name: str) -> datetime | None:
        """Return the version that a file's name states (a number counts as seconds from 1970), or None.

        A name that ends in `_v2` before its suffix is that of a correction: later than the same without, or `_v1`,
        by so many milliseconds, and so earlier than the next date or number.
        """
        pattern = self.file_date or self.file_sequence
        found = re.search(pattern, file_name) if pattern is not None else None
        if found is None:
            return None
        try:
            if self.file_sequence is not None:
                version = SEQUENCE_ORIGIN + timedelta(seconds=int(found.group(1)))
            else:
                version = datetime.strptime(found.group(1), self.format)
            correction = _CORRECTION.search(file_name)
            return version + timedelta(milliseconds=int(correction.group(1)) if correction else 0)
        except (ValueError, OverflowError):
            return None


#: The end of the name of a corrected file, before its suffix.
_CORRECTION = re.compile(r"_v([0-9]{1,3})(?:\.[^.]*)?$", re.IGNORECASE)

#: A sequence number n counts as n seconds after this, so that versions of every kind sort alike.
SEQUENCE_ORIGIN = datetime(1970, 1, 1)


class Scale(_Model):
    """A scale of answers: the lowest and the highest number, and the numbers that answers in words stand for.

    `codes`: words of one language or several -> their number; with codes, a number itself is read only where it is
    among them. `missing`: texts that stand for no answer.
    """

    min: str
    max: str
    type: Literal["integer", "number"] = "integer"
    codes: dict[str, str] = {}
    missing: tuple[str, ...] = ()

    @field_validator("missing", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    def check(self, where: tuple[str, ...]) -> None:
        """Raise _SemanticError, at the part of the scale at `where`, for numbers and codes that do not fit together."""
        low, high = self._number(self.min, (*where, "min")), self._number(self.max, (*where, "max"))
        if low >= high:
            raise _SemanticError(f"min {self.min} must be below max {self.max}", *where, "min")
        missing = {text.strip().casefold() for text in self.missing}
        known: set[str] = set()
        for word, number in self.codes.items():
            place, folded = (*where, "codes", word), word.strip().casefold()
            if not folded:
                raise _SemanticError("a blank answer is no answer and needs no code", *place)
            if folded in known:
                raise _SemanticError(f"the code {word!r} stands twice when capitals are ignored", *place)
            if folded in missing:
                raise _SemanticError(f"{word!r} is a code and is missing; leave one out", *place)
            if not low <= self._number(number, place) <= high:
                raise _SemanticError(
                    f"the code {word!r} stands for {number}, which is not from {self.min} to {self.max}", *place
                )
            known.add(folded)

    def _number(self, text: str, where: tuple[str, ...]) -> float:
        try:
            value = float(int(text)) if self.type == "integer" else float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            kind = "whole number" if self.type == "integer" else "number"
            raise _SemanticError(f"{text!r} is not a {kind}", *where)
        return value


class Question(_Model):
    """One question: the column its answers stand in, the dimension it measures, its scale."""

    source: Annotated[str, Field(min_length=1)]
    aliases: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    question: Annotated[str | None, Optional_] = None
    dimension: Annotated[str, Field(min_length=1)]
    scale: str
    moment: Annotated[str | None, Optional_] = None
    perspective: Annotated[Literal["own", "estimate"] | None, Optional_] = None
    optional: bool = False

    @field_validator("aliases", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @property
    def code(self) -> str:
        """The question's code in the landing: its own, or the name of its column."""
        return self.question or self.source

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the column may bear in a file, the preferred one first."""
        return (self.source, *self.aliases)


def folded_name(name: str) -> str:
    """Return a column's name as files are searched for it: capitals, blanks and the shape of apostrophes count not."""
    return " ".join(unicodedata.normalize("NFKC", name).replace("’", "'").split()).casefold()


class Survey(_Model):
    """A questionnaire: who answers, the scales, the questions, and which items are worded the other way round.

    It stands for the columns and the output it gives (`expanded`); the contract's own columns say the rest
    (response_id, respondent_id, unit_id, answered_at, population, role), by the names of those fields.
    `fields`: what an export does not say but all its answers share, as in an output (`{answered_at: "=2026-03-01"}`).
    """

    side: Literal["client", "collaborator"]
    role: Annotated[Literal["client", "collaborator", "manager"] | None, Optional_] = None
    perspective: Literal["own", "estimate"] = "own"
    fields: dict[str, str] = {}
    scales: Annotated[dict[str, Scale], Field(min_length=1)]
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]
    reversed: tuple[str, ...] = ()

    @field_validator("reversed", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits(self) -> Survey:
        for name, scale in self.scales.items():
            scale.check(("survey", "scales", name))
        codes = [question.code for question in self.questions]
        read: dict[str, str] = {}
        for index, question in enumerate(self.questions):
            if question.scale not in self.scales:
                raise _SemanticError(
                    f"no scale is called {question.scale!r}; the scales are {', '.join(self.scales)}",
                    *("survey", "questions", index, "scale"),
                )
            if question.code in codes[:index]:
                raise _SemanticError(f"the question {question.code!r} stands twice", "survey", "questions", index)
            for name in {folded_name(name) for name in question.names}:
                if name in read:
                    raise _SemanticError(
                        f"the questions {read[name]!r} and {question.code!r} read a column of the same name; one "
                        "answer is counted once, so leave one out",
                        *("survey", "questions", index),
                    )
                read[name] = question.code
        for index, code in enumerate(self.reversed):
            if code not in codes:
                raise _SemanticError(f"reversed: no question is called {code!r}", "survey", "reversed", index)
        return self

    def expanded(
        self, own: Sequence[dict[str, object]], decimal: str = "."
    ) -> tuple[list[dict[str, object]], dict[str, object]]:
        """Return the columns and the output the questionnaire stands for, as a contract would write them.

        `own`: the contract's own columns, as written; `decimal`: the decimal mark of the file's numbers. Raises
        _SemanticError where the columns say what the questionnaire says too.
        """
        given = {str(column.get("field")) for column in own}
        self._stands_apart(own)
        columns: list[dict[str, object]] = []
        each: list[dict[str, str]] = []
        for number, question in enumerate(self.questions, start=1):
            scale = self.scales[question.scale]
            column: dict[str, object] = {
                "source": question.source,
                "aliases": list(question.aliases),
                "field": f"answer_{number}",
                "type": scale.type,
                "min": scale.min,
                "max": scale.max,
                "codes": {word: number.replace(".", decimal) for word, number in scale.codes.items()},
                "missing": list(scale.missing),
                "optional": str(question.optional),
            }
            columns.append(column)
            item = {
                "question": f"={question.code}",
                "dimension": f"={question.dimension}",
                "value": f"answer_{number}",
                "scale_min": f"={scale.min}",
                "scale_max": f"={scale.max}",
                "reversed": str(question.code in self.reversed).lower(),
            }
            if question.moment is not None:
                item["moment"] = f"={question.moment}"
            if question.perspective is not None:
                item["perspective"] = f"={question.perspective}"
            each.append(item)
        said = {"side": f"={self.side}", "perspective": f"={self.perspective}"} | self.fields
        if self.role is not None:
            said["role"] = f"={self.role}"
        entity = ENTITIES["survey_answer"]
        for name in said:
            if name in given:
                where = ("fields", name) if name in self.fields else (name,)
                raise _SemanticError(
                    f"{name} is said by the questionnaire and by a column; leave one out", "survey", *where
                )
        fields = {"role": f"={self.side}"} | {name: name for name in entity.names if name in given} | said
        self._check_fields(entity)
        missing = [field.name for field in entity.fields if field.required and field.name not in {*fields, *each[0]}]
        # A field of another name may be one misspelt: the contract says so at its line.
        if missing and given <= {*entity.names}:
            raise _SemanticError(
                f"{entity.name}.{missing[0]} must not be null but nothing gives it; add a column of that field",
                "survey",
            )
        return columns, {"entity": entity.name, "fields": fields, "each": each}

    def _check_fields(self, entity: Entity) -> None:
        """Refuse shared fields that are no constants of the entity's."""
        for name, reference in self.fields.items():
            where = ("survey", "fields", name)
            if name not in entity.names:
                raise _SemanticError(
                    f"{entity.name} has no field {name!r}; its fields are {', '.join(entity.names)}", *where
                )
            if not reference.startswith("="):
                raise _SemanticError(f'what all answers share is a constant, written "={reference}"', *where)
            _check_reference(entity, name, reference, {}, where)

    def _stands_apart(self, own: Sequence[dict[str, object]]) -> None:
        """Refuse an answer that is read as something else too, and a column by a name the questionnaire gives."""
        taken = {f"answer_{number}" for number in range(1, len(self.questions) + 1)}
        questions = {
            folded_name(name): index for index, question in enumerate(self.questions) for name in question.names
        }
        for position, column in enumerate(own):
            if column.get("field") in taken:
                raise _SemanticError(
                    f"the field {column['field']!r} is a name that the questionnaire gives; choose another",
                    *("columns", position),
                )
            aliases = column.get("aliases", [])
            for name in [column.get("source"), *(aliases if isinstance(aliases, list) else [aliases])]:
                index = questions.get(folded_name(str(name)))
                if index is not None:
                    raise _SemanticError(
                        f"the column {name!r} is read as {column.get('field')!r} and as the answer to "
                        f"{self.questions[index].code!r}; leave one out",
                        *("columns", position),
                    )


class Contract(_Model):
    """A whole contract. Built by `load_contract`, which also sets `path` and `fingerprint`; `load_contracts` sets
    `replaces`, the path of the one of an earlier folder that it stands in for.

    `cadence`: how often a delivery is expected. `max_quarantine_share`: above this share of bad rows (0 to 1) a
    delivery fails the landing gate (the setting's when not stated). `delivery`: a `delta` brings rows, new ones
    and corrected ones; a `snapshot` is the whole of the source on a day, so that what is no longer in it is gone.
    """

    system: str
    name: str
    version: Annotated[int, Field(ge=1)]
    description: Annotated[str, Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    match: Annotated[tuple[str, ...], Field(min_length=1)]
    definitions: Annotated[str | None, Optional_] = None
    format: FileFormat = FileFormat()
    timezone: str = "Europe/Paris"
    version_from: Annotated[VersionFrom | None, Optional_] = None
    delivery: Literal["snapshot", "delta"] = "delta"
    cadence: Annotated[Literal["daily", "weekly", "monthly", "quarterly", "yearly"] | None, Optional_] = None
    max_quarantine_share: Annotated[float | None, Optional_, Field(ge=0, le=1)] = None
    personal: tuple[str, ...] = ()
    columns: Annotated[tuple[Column, ...], Field(min_length=1)]
    survey: Survey | None = None
    filters: tuple[Filter, ...] = ()
    outputs: tuple[Output, ...] = ()

    path: Path = Field(default=Path(), exclude=True)
    fingerprint: str = Field(default="", exclude=True)
    replaces: Path | None = Field(default=None, exclude=True)

    @field_validator("system", "name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.match(value):
            raise ValueError(f"{value!r}: use lower-case letters, digits and underscores")
        return value

    @field_validator("match", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"unknown time zone {value!r}; write it as Europe/Paris") from error
        return value

    @field_validator("version_from", mode="before")
    @classmethod
    def _version_from(cls, value: object) -> object:
        return {"file_date": value} if isinstance(value, str) and value else value

    @property
    def full_name(self) -> str:
        """System and name, as in `salesforce.case`."""
        return f"{self.system}.{self.name}"

    def matches(self, file_name: str) -> bool:
        """Return whether the contract claims a file of that name (globs, capitals ignored)."""
        folded = file_name.casefold()
        return any(fnmatch.fnmatchcase(folded, pattern.casefold()) for pattern in self.match)

    def version_of(self, file_name: str) -> datetime | None:
        """Return the version that the file's name states by `version_from`, or None when it states none."""
        return self.version_from.of_name(file_name) if self.version_from is not None else None

    def resolved_outputs(self) -> tuple[Output, ...]:
        """Return the outputs with their fields filled in where the contract leaves them to the names."""
        outputs = self.outputs or (Output(entity=self.name),)
        own = {column.field for column in self.columns}
        resolved = []
        for output in outputs:
            fields = output.fields
            if not fields and output.entity in ENTITIES:
                fields = {name: name for name in ENTITIES[output.entity].names if name in own}
            resolved.append(output.model_copy(update={"fields": fields}))
        return tuple(resolved)

    @model_validator(mode="after")
    def _hangs_together(self) -> Contract:
        columns: dict[str, Column] = {}
        for index, column in enumerate(self.columns):
            if column.field in columns:
                raise _SemanticError(f"two columns give the field {column.field!r}", "columns", index)
            columns[column.field] = column
            for name in column.names if self.format.type in {"json", "jsonl"} else ():
                if problem_of(name):
                    raise _SemanticError(str(problem_of(name)), "columns", index)
        outputs = [
            (output, ("outputs", index) if self.outputs else ("name",))
            for index, output in enumerate(self.resolved_outputs())
        ]
        used: set[str] = set()
        for output, where in outputs:
            if output.entity not in ENTITIES:
                raise _SemanticError(
                    f"unknown entity {output.entity!r}; the entities are {', '.join(sorted(ENTITIES))}", *where
                )
            used |= {reference for item in output.items() for reference in item.values()} | {output.when or ""}
        for index, column in enumerate(self.columns):
            if column.field not in used and column.field != ROW_VERSION:
                raise _SemanticError(
                    f"the field {column.field!r} is used by no output; remove the column, or name the field "
                    "as the entity does",
                    "columns",
                    index,
                )
        for output, where in outputs:
            _check_output(output, columns, where)
        self._durations_begin_somewhere(columns)
        self._keeps_identities()
        if self.delivery == "snapshot" and (self.version_from is None or self.version_from.file_date is None):
            raise _SemanticError(
                "a snapshot must say of which day it is: state version_from with the date in the file's name, or "
                "`delivery: delta`",
                "delivery",
            )
        return self

    def _durations_begin_somewhere(self, columns: dict[str, Column]) -> None:
        for index, column in enumerate(self.columns):
            if column.added_to is None:
                continue
            start = columns.get(column.added_to)
            if start is None or start.type != "timestamp" or not start.required:
                raise _SemanticError(
                    f"added_to: {column.added_to!r} must be the field of a required timestamp column", "columns", index
                )

    def _keeps_identities(self) -> None:
        """Refuse a source that feeds an identity and also lands as it is (codes give the contract's own words)."""
        hidden: dict[str, str] = {}
        plain: dict[str, tuple[int, str]] = {}
        position = {column.field: index for index, column in enumerate(self.columns)}
        named = {name.casefold() for name in self.personal}
        for output in self.resolved_outputs():
            for item in output.items():
                for name, reference in item.items():
                    if reference.startswith("="):
                        continue
                    index = position[reference]
                    column, field = self.columns[index], ENTITIES[output.entity].field(name)
                    if field.identity is not None:
                        hidden[column.source] = f"{output.entity}.{name}"
                    elif field.type == "VARCHAR" and not column.codes:
                        plain[column.source] = (index, f"{output.entity}.{name}")
                        if not named.isdisjoint(other.casefold() for other in column.names):
                            raise _SemanticError(
                                f"the column {column.source!r} is listed as personal and lands as it is in "
                                f"{output.entity}.{name}; leave one out",
                                "columns",
                                index,
                            )
        for source in hidden.keys() & plain.keys():
            index, name = plain[source]
            raise _SemanticError(
                f"the column {source!r} feeds the identity {hidden[source]}, which is pseudonymised, and {name}, "
                "where it would land as it is; leave one out",
                "columns",
                index,
            )


def _check_output(output: Output, columns: dict[str, Column], where: tuple[str | int, ...]) -> None:
    """Check one output against its entity and the contract's columns."""
    entity = ENTITIES[output.entity]
    if output.when is not None and output.when not in columns:
        raise _SemanticError(f"when: no column gives the field {output.when!r}", *where)
    for index, item in enumerate(output.items()):
        place = (*where, "each", index) if output.each else where
        for name, reference in item.items():
            if name not in entity.names:
                raise _SemanticError(
                    f"{entity.name} has no field {name!r}; its fields are {', '.join(entity.names)}", *place
                )
            _check_reference(entity, name, reference, columns, place)
        for field in entity.fields:
            if field.required and item.get(field.name, "=") == "=":
                raise _SemanticError(f"{entity.name}.{field.name} must not be null but nothing gives it", *place)
        if output.each and output.each[index].get("reversed", "false").strip().lower() not in {"true", "false"}:
            raise _SemanticError("reversed is true or false", *place)
        if output.reversed_items()[index] and "scale_min" not in entity.names:
            raise _SemanticError("reversed is for survey answers only", *place)


def _check_reference(
    entity: Entity, name: str, reference: str, columns: dict[str, Column], where: tuple[str | int, ...]
) -> None:
    field = entity.field(name)
    if reference.startswith("="):
        constant = reference[1:]
        if constant and not _constant_fits(constant, field.type):
            raise _SemanticError(f"{name}: the constant {constant!r} is no {field.type}", *where)
        if constant and field.values and constant not in field.values:
            raise _SemanticError(f"{name}: {constant!r} is not one of {', '.join(field.values)}", *where)
        if constant and field.identity is not None:
            raise _SemanticError(f"{name} is an identity and cannot be a constant", *where)
        return
    if reference not in columns:
        raise _SemanticError(
            f'{name}: no column gives the field {reference!r} (a constant is written "={reference}")', *where
        )
    column = columns[reference]
    allowed = _FEEDS["timestamp" if column.added_to is not None else column.type]
    if field.type not in allowed or (field.identity == BY_SIDE and field.type != "VARCHAR"):
        raise _SemanticError(
            f"{name} is {field.type} but the column {column.source!r} is read as {column.type}", *where
        )
    if field.values and column.codes:
        results = {*column.codes.values(), *([column.default] if column.default is not None else [])} - {""}
        wrong = sorted(results - set(field.values))
        if wrong:
            raise _SemanticError(
                f"{name}: codes give {', '.join(wrong)}, allowed are {', '.join(field.values)}", *where
            )


def _constant_fits(text: str, kind: FieldType) -> bool:
    try:
        match kind:
            case "DOUBLE":
                return math.isfinite(float(text))
            case "BIGINT":
                int(text)
            case "BOOLEAN":
                return text in {"true", "false"}
            case "DATE":
                date.fromisoformat(text)
            case "TIMESTAMP":
                datetime.fromisoformat(text)
            case "VARCHAR":
                pass
    except ValueError:
        return False
    return True


def _problems(
    error: ValidationError, node: yaml.Node, file: Path, written: dict[str, int], within: Sequence[str] = ()
) -> Iterator[str]:
    """Yield one line a problem.

    `written`: how many columns, outputs and questions the file itself has; `within`: the part of the document
    that was looked at.
    """
    for problem in error.errors():
        cause = problem.get("ctx", {}).get("error")
        where: Sequence[str | int] = cause.where if isinstance(cause, _SemanticError) else (*within, *problem["loc"])
        where = _as_written(where, written)
        message = str(cause) if isinstance(cause, ValueError) else problem["msg"]
        if problem["type"] == "extra_forbidden":
            message = "unknown key; check the spelling"
        elif problem["type"] == "missing":
            message = "this key is required"
        path = ".".join(str(step) for step in where)
        yield f"{file}, line {line_of(node, where)}: {path + ': ' if path else ''}{message}"


def _as_written(where: Sequence[str | int], written: dict[str, int]) -> Sequence[str | int]:
    """Return the place in the file of what a questionnaire or `version_from` was expanded to."""
    if len(where) < 2 or where[0] not in written or not isinstance(where[1], int):
        return where
    beyond = where[1] - written[str(where[0])]
    if beyond < 0:
        return where
    if where[0] == "outputs":
        return ("survey", "questions", *where[3:4]) if len(where) > 3 else ("survey",)
    return ("survey", "questions", beyond) if beyond < written["questions"] else ("version_from",)


def _expand(document: dict[str, Any]) -> tuple[dict[str, Any], dict[str, int]]:
    """Write out what `survey` and a `version_from` by column stand for.

    Returns the document, and how many columns, outputs and questions the file itself has. Raises ValidationError
    for a questionnaire that is wrong in itself, and _SemanticError for one that does not fit the contract's columns;
    what is not even of the right shape is left to the contract's model.
    """
    columns, outputs = document.get("columns"), document.get("outputs", [])
    written = {"columns": 0, "outputs": 0, "questions": 0}
    if not isinstance(columns, list) or not isinstance(outputs, list):
        return document, written
    written["columns"], written["outputs"] = len(columns), len(outputs)
    columns, outputs = list(columns), list(outputs)
    if isinstance(document.get("survey"), dict):
        survey = Survey.model_validate(document["survey"])
        own = [column for column in columns if isinstance(column, dict)]
        layout = document.get("format")
        decimal = layout.get("decimal") if isinstance(layout, dict) else None
        more, output = survey.expanded(own, "," if decimal == "," else ".")
        written["questions"] = len(more)
        columns += more
        outputs.append(output)
    origin = document.get("version_from")
    if isinstance(origin, dict) and origin.get("column"):
        column = {key: origin[key] for key in ("type", "formats") if key in origin}
        columns.append(
            {"type": "timestamp", **column, "source": origin["column"], "field": ROW_VERSION, "required": "true"}
        )
    return {**document, "columns": columns, "outputs": outputs}, written


def load_contract(path: Path) -> Contract:
    """Read one contract file.

    Raises ContractError, naming file and line, for text that is not YAML, unknown, missing or repeated keys,
    and parts that do not fit together (a field no entity has, a required field nothing gives...).
    """
    document, node = read_mapping(path, "a contract", "system", ContractError)
    for reserved in ("path", "fingerprint"):
        if reserved in document:
            raise ContractError(f"{path}, line {line_of(node, (reserved,))}: {reserved}: unknown key")
    written = {"columns": 0, "outputs": 0, "questions": 0}
    try:
        expanded, written = _expand(document)
        contract = Contract.model_validate(expanded)
    except _SemanticError as error:
        where = ".".join(str(step) for step in error.where)
        raise ContractError(f"{path}, line {line_of(node, error.where)}: {where}: {error}") from error
    except ValidationError as error:
        within = ("survey",) if error.title == Survey.__name__ else ()
        raise ContractError("\n".join(_problems(error, node, path, written, within))) from error
    return contract.model_copy(update={"path": path, "fingerprint": hashlib.sha256(path.read_bytes()).hexdigest()})


def load_contracts(*directories: Path) -> list[Contract]:
    """Read every `*.yml` contract of the directories, sorted by full name.

    A later directory replaces a contract of the same full name, so a company can adapt a shipped one.
    Raises ContractError listing every bad file at once, or two of the same name in one directory.
    """
    found: dict[str, Contract] = {}
    problems: list[str] = []
    for directory in directories:
        here: dict[str, Contract] = {}
        for path in sorted([*directory.glob("*.yml"), *directory.glob("*.yaml")]):
            try:
                contract = load_contract(path)
            except ContractError as error:
                problems.append(str(error))
                continue
            if contract.full_name in here:
                problems.append(
                    f"{path}, line 1: {contract.full_name} is also the name of "
                    f"{here[contract.full_name].path.name}; give each its own"
                )
            earlier = found.get(contract.full_name)
            here[contract.full_name] = contract.model_copy(update={"replaces": earlier.path}) if earlier else contract
        found |= here
    if problems:
        raise ContractError("\n".join(problems))
    return [found[name] for name in sorted(found)]
