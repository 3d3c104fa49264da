"""A first contract for a file nobody has described yet: what `symmetry sources new` writes.

Belongs here: from the evidence (sniffing, profiling, known names) to the text of a contract in which every guess is
marked `# guess:` and every open decision `# TODO`. No value of a column that may tell of people is ever written.
"""

from __future__ import annotations

import json
import re
import tempfile
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.extracts.containers import Part, parts_of
from pipelines.extracts.contract import ContractError, load_contract
from pipelines.extracts.entities import ENTITIES, Entity, Field
from pipelines.extracts.onboarding.known_names import (
    CODES,
    DIMENSIONS,
    FALLBACK,
    FILE_WORDS,
    NAMES,
    NO_ANSWER,
    SURVEY_META,
    WORD_SCALES,
)
from pipelines.extracts.onboarding.profiling import Kind, Profile, profile, settled
from pipelines.extracts.onboarding.sniffing import Sample, Sniffed, sample_of, sniff
from pipelines.extracts.personal import personal_by_name, words_of

#: Records that a draft is made from.
SAMPLE = 20_000

#: Kinds of values that can fill a field of a landing type.
_FILLS: dict[str, set[Kind]] = {
    "VARCHAR": {"text", "integer", "number", "blank", "date"},
    "DOUBLE": {"number", "integer", "clock", "blank"},
    "BIGINT": {"integer", "blank"},
    "BOOLEAN": {"text", "integer", "blank"},
    "DATE": {"date", "timestamp", "blank"},
    "TIMESTAMP": {"timestamp", "date", "blank"},
}
_BOOLEAN_WORDS = {"true", "false", "1", "0", "yes", "no", "oui", "non", "vrai", "faux", "y", "n", "o", "t", "f"}

#: Fields of free text whose values are listed as codes where they are few.
_LISTED = {"theme", "channel", "segment", "unit_level", "moment", "marker"}

#: What files by which a row says when it was last changed call it, the most telling first.
_CHANGED = (
    *("last modified date", "system modstamp", "updated at", "updated", "last modified", "modified on", "modified at"),
    *("date de modification", "derniere modification", "last updated", "sys updated on"),
)
_QUALTRICS_V = {
    "responseid": "response_id",
    "externaldatareference": "respondent_id",
    "externaldataref": "respondent_id",
    "enddate": "answered_at",
}
_MISSING_CODES = {"-99", "-98", "-999"}
_BLANK_SHARE = 0.02


class DraftError(ValueError):
    """No draft can be made of the file as it was given; the message says why and what to do."""


@dataclass(frozen=True)
class Draft:
    """The text of a contract, and whether it loads as it is.

    `entity`: what it feeds, null where that could not be told; `problem`: what `load_contract` says of it, '' when
    it loads; `reason`: why that entity.
    """

    text: str
    system: str
    name: str
    entity: str | None
    reason: str
    problem: str

    @property
    def loads(self) -> bool:
        """Whether it is a contract already."""
        return not self.problem


def draft_contract(path: Path, *, entity: str | None = None, system: str | None = None) -> Draft:
    """Draft the contract of a file from its own bytes.

    `entity` and `system` are guessed where not given. Raises DraftError (an archive of several files, an unknown
    entity, a system's name that is none), DeliveryError (a file no reader takes) and OSError.
    """
    if entity is not None and entity not in ENTITIES:
        raise DraftError(f"--entity {entity}: there is no such entity; the entities are {', '.join(sorted(ENTITIES))}")
    if system is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", system):
        raise DraftError(f"--system {system}: use lower-case letters, digits and underscores")
    parts = parts_of(path)
    if len(parts) != 1:
        held = ", ".join(part.name for part in parts) or "nothing"
        raise DraftError(f"{path.name}: it holds {len(parts)} files ({held}); unpack the one to draft from")
    [part] = parts
    with tempfile.TemporaryDirectory(prefix="symmetry_draft_") as work:
        workdir = Path(work)
        plain = part.unpacked(workdir)
        sniffed = sniff(plain, part.shown)
        sample = sample_of(plain, sniffed.format, workdir, part.shown, limit=SAMPLE)
        profiles = settled([profile(name, sample.values(name), len(sample.rows)) for name in sample.names])
        evidence = _Evidence(part, sniffed, sample, profiles)
        draft = _draft(evidence, _header_texts(plain, sniffed), entity, system)
        trial = workdir / f"{draft.system}.{draft.name}.yml"
        trial.write_text(draft.text, encoding="utf-8")
        try:
            load_contract(trial)
        except ContractError as error:
            said = str(error).replace(f"{trial}, ", "")
            problem = "\n".join(f"#   {line}" for line in re.sub(r"\bline \d+: ", "", said).splitlines())
            head = f"# This draft does not load yet. Fill in what is marked TODO; what lacks:\n{problem}\n"
            return replace(draft, text=head + draft.text, problem=said)
    return draft


@dataclass(frozen=True)
class _Evidence:
    part: Part
    sniffed: Sniffed
    sample: Sample
    profiles: list[Profile]

    @property
    def usable(self) -> list[Profile]:
        """The columns whose name stands once: another cannot be read, and the readers number it."""
        twice = {name for name in self.sample.names if f"{name}#2" in self.sample.names}
        return [one for one in self.profiles if one.name not in twice and re.sub(r"#\d+$", "", one.name) not in twice]


@dataclass
class _Line:
    """A line `- {...}` of the draft and the comment behind it."""

    keys: list[tuple[str, str]]
    comment: str = ""
    codes: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass
class _Mapping:
    """Field of the entity -> the column that feeds it, or a constant; and how well that fits."""

    entity: Entity
    columns: dict[str, Profile] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    score: float = 0.0


def _header_texts(plain: Path, sniffed: Sniffed) -> dict[str, str]:
    """Return name -> the text in the row after it, of a Qualtrics export: what a V1 or a Q2_1 is."""
    if sniffed.format.type != "csv" or not sniffed.format.skip_rows_after_header:
        return {}
    import csv
    import itertools

    with plain.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = list(itertools.islice(csv.reader(file, delimiter=sniffed.format.delimiter), 2))
    return dict(zip(rows[0], (" ".join(text.split()) for text in rows[1]), strict=False))


def _draft(evidence: _Evidence, texts: dict[str, str], entity: str | None, system: str | None) -> Draft:
    source = system or _system(evidence)
    chosen, reason = (entity, "as --entity says") if entity is not None else _guess_entity(evidence, texts)
    if chosen is None:
        body = _unmapped_body(evidence)
        name = "todo"
    elif chosen == "survey_answer":
        body = _survey_body(evidence, texts)
        name = "survey"
    else:
        body = _entity_body(evidence, _map(evidence, ENTITIES[chosen]))
        name = chosen
    text = _head(evidence, source, name, chosen, reason) + body
    return Draft(text=text, system=source, name=name, entity=chosen, reason=reason, problem="")


# --- what it is ---------------------------------------------------------------------------------------


def _fold(name: str) -> str:
    """Return a name as known_names writes it: words, without what a system adds to its custom fields."""
    bare = re.sub(r"__c$| \[list\]$|^Custom field \((.*)\)$", r"\1", name)
    # LimeSurvey writes the code and the text of a question: `submitdate. Date submitted`.
    return " ".join(words_of(re.sub(r"^[A-Za-z]\w*(\[\w+\])?\. (?=\S)", "", bare)))


def _spellings(name: str) -> list[str]:
    """Return a folded name and what else it amounts to: `Ticket no` is a ticket id, `Opened on` is opened at."""
    fold = _fold(name)
    *others, last = fold.split() or [""]
    same = {"no": "id", "nr": "id", "num": "id", "number": "id", "ref": "id", "on": "at", "datetime": "at"}
    return [fold, " ".join([*others, same[last]])] if last in same and others else [fold]


def _slug(text: str) -> str:
    return "_".join(words_of(text)) or "todo"


def _system(evidence: _Evidence) -> str:
    names = set(evidence.sample.names)
    folded = {_fold(name) for name in names}
    if evidence.sniffed.format.skip_rows_after_header:
        return "qualtrics"
    if any(name.endswith("__c") for name in names) or {"SystemModstamp", "IsDeleted"} & names:
        return "salesforce"
    if any(name.lower().startswith("respondentid") or _fold(name) == "respondent id" for name in names):
        return "surveymonkey"
    if {"answer id", "antwort id", "submitdate", "startlanguage"} & folded or "id. Response ID" in names:
        return "limesurvey"
    if evidence.sniffed.format.records == "Report_Entry":
        return "workday"
    stem = re.sub(r"[\d_.-]+", " ", evidence.part.name.rsplit(".", 1)[0])
    words = [word for word in words_of(stem) if word not in {word for known in FILE_WORDS.values() for word in known}]
    return words[0] if words else "new_system"


def _is_survey(evidence: _Evidence) -> bool:
    folded = {_fold(name) for name in evidence.sample.names}
    qualtrics = bool(evidence.sniffed.format.skip_rows_after_header)
    named = {"respondent id", "answer id", "antwort id", "response id", "id response id"} & folded
    first = _fold(evidence.sample.names[0]) if evidence.sample.names else ""
    form = first in {"timestamp", "horodateur"} and any(len(name.split()) > 3 for name in evidence.sample.names[1:])
    return qualtrics or bool(named) or form or "submitdate" in folded


def _guess_entity(evidence: _Evidence, texts: dict[str, str]) -> tuple[str | None, str]:
    if _is_survey(evidence):
        return "survey_answer", "its columns are those of a survey tool's export"
    words = set(words_of(evidence.part.name.rsplit(".", 1)[0]))
    found = []
    for name, entity in ENTITIES.items():
        if name == "survey_answer":
            continue
        mapping = _map(evidence, entity)
        if mapping.lacking:
            continue
        told = bool(words & set(FILE_WORDS[name]))
        found.append((mapping.score + (4 if told else 0), told, name, mapping))
    found.sort(key=lambda one: -one[0])
    if not found or found[0][0] < 7:
        return None, "the names of its columns do not tell"
    score, told, name, mapping = found[0]
    given = ", ".join(sorted(mapping.columns))
    why = f"its columns give {given}" + (", and the file's name says so" if told else "")
    others = [other[2] for other in found[1:3] if other[0] >= score - 2]
    return name, why + (f"; it might also be: {', '.join(others)}" if others else "")


def _map(evidence: _Evidence, entity: Entity) -> _Mapping:
    """Find a column for each field of the entity, by the known names and what the values are."""
    mapping = _Mapping(entity)
    by_fold: dict[str, list[Profile]] = {}
    for one in evidence.usable:
        for spelt in _spellings(one.name):
            by_fold.setdefault(spelt, []).append(one)
    taken: set[str] = set()
    # What must be there chooses first.
    for field_ in sorted(entity.fields, key=lambda one: (not one.key, not one.required)):
        for synonym in NAMES[entity.name].get(field_.name, ()):
            fitting = [one for one in by_fold.get(synonym, []) if one.name not in taken and _fits(one, field_, mapping)]
            if fitting:
                mapping.columns[field_.name] = fitting[0]
                taken.add(fitting[0].name)
                break
    _share(mapping)
    for field_ in entity.fields:
        column = mapping.columns.get(field_.name)
        if column is not None:
            mapping.score += (2 if field_.required or field_.key else 1) * (0.25 if column.kind == "blank" else 1)
            mapping.score += _codes_known(entity, field_, column)
        elif field_.required:
            _place(mapping, field_)
    return mapping


def _fits(one: Profile, field_: Field, mapping: _Mapping) -> bool:
    if field_.required and one.kind == "blank":
        return False
    if field_.type == "TIMESTAMP" and field_.name != "opened_at" and one.kind in {"integer", "number", "clock"}:
        # A time it took, in the unit that its name says.
        return bool({"time", "minutes", "hours", "duration", "duree"} & set(words_of(one.name)))
    if one.kind not in _FILLS[field_.type]:
        return False
    if field_.type == "BOOLEAN" and one.values and not {value.lower() for value in one.values} & _BOOLEAN_WORDS:
        return False
    if field_.identity is not None:
        return True
    plain = field_.type == "VARCHAR"
    if plain and field_.values:
        return not one.personal and (one.is_list or one.kind == "blank")
    about_people = any(not reason.endswith("(name)") for reason in one.personal)
    if plain and one.personal:
        # The name of a unit is called name too, and is no person's.
        return field_.name == "unit_name" and not about_people
    return True


def _share(mapping: _Mapping) -> None:
    """Let one column feed two fields where one of them lacks: the day of hiring begins the first spell."""
    for lacking, giver in (("spell_start", "hired_on"), ("hired_on", "spell_start"), ("contacted_at", "day")):
        if lacking in mapping.entity.names and lacking not in mapping.columns and giver in mapping.columns:
            mapping.columns[lacking] = mapping.columns[giver]


def _place(mapping: _Mapping, field_: Field) -> None:
    """Give a required field without a column a constant that somebody must decide, where a constant can be."""
    known = FALLBACK.get(f"{mapping.entity.name}.{field_.name}")
    if known is not None:
        mapping.constants[field_.name] = known
        mapping.score -= 0.5
    elif field_.type == "VARCHAR" and field_.identity is None and not field_.values:
        mapping.constants[field_.name] = "TODO"
        mapping.score -= 1
    else:
        mapping.lacking.append(field_.name)
        mapping.score -= 3


def _codes_known(entity: Entity, field_: Field, column: Profile) -> float:
    known = CODES.get(f"{entity.name}.{field_.name}")
    if known is None or not column.values or column.personal:
        return 0.0
    return 2.0 if any(_code(value, known) for value in column.values) else -1.0


def _code(value: str, known: dict[str, tuple[str, ...]]) -> str | None:
    words = " ".join(words_of(value))
    for result, meanings in known.items():
        if any(re.search(rf"\b{meaning}", words) for meaning in meanings):
            return result
    return None


# --- how it is written --------------------------------------------------------------------------------


def _scalar(text: str) -> str:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*( [A-Za-z0-9_]+)*", text) and text.lower() not in {"null", "true", "false"}:
        return text
    return json.dumps(text, ensure_ascii=False)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _list(texts: Sequence[str]) -> str:
    return "[" + ", ".join(_scalar(text) for text in texts) + "]"


def _comment(text: str) -> str:
    """Return text as it can stand behind a `#`: on one line."""
    plain = unicodedata.normalize("NFC", " ".join(text.split()))
    return plain if len(plain) <= 160 else plain[:157] + "..."


def _written(line: _Line) -> list[str]:
    comment = f"  # {_comment(line.comment)}" if line.comment else ""
    keys = ", ".join(f"{key}: {value}" for key, value in line.keys)
    if not line.codes:
        return [f"  - {{{keys}}}{comment}"]
    (first, value), *others = line.keys
    rows = [f"  - {first}: {value}{comment}", *(f"    {key}: {value}" for key, value in others), "    codes:"]
    for code, result, note in line.codes:
        behind = f"  # {note}" if note else ""
        off = "# " if note.startswith("rare") else ""
        rows.append(f"      {off}{_scalar(code)}: {_scalar(result)}{behind}")
    return rows


def _head(evidence: _Evidence, system: str, name: str, entity: str | None, reason: str) -> str:
    shown = evidence.part.name
    pattern = re.sub(r"[*?\[\]]", "?", shown)
    pattern = re.sub(r"\d[\d_-]{3,}\d|\d{4,}", "*", pattern)
    stem, dot, suffix = pattern.rpartition(".")
    match = f"{stem.rstrip('*')}*{dot}{suffix}" if dot else pattern
    format_ = evidence.sniffed.format
    stated = {"type": format_.type, **format_.model_dump(exclude_defaults=True)}
    decimal, thousands = _marks(evidence)
    if format_.type in {"csv", "xlsx"}:
        stated |= {"decimal": decimal} if decimal != "." else {}
        stated |= {"thousands": thousands} if thousands else {}
    lines = [
        f"# Drafted by `symmetry sources new` from {_comment(shown)}: {evidence.sample.records} records, "
        f"{len(evidence.sample.names)} columns.",
        "# Every `# guess:` is to be checked, every `# TODO` to be decided; delete the comments as you do.",
        f"system: {_scalar(system)}  # guess: the system the file comes from",
        f"name: {_scalar(name)}" + ("" if entity else "  # TODO: what it is"),
        "version: 1",
        f'description: "TODO: what one row is"  # {"guess: " + entity + ": " + reason if entity else "TODO"}',
        'owner: "team:todo"  # TODO: who is asked when it does not land',
        f"match: [{json.dumps(match, ensure_ascii=False)}]  # guess: the name of this file; claim no other source's",
        "format:",
    ]
    for key, value in stated.items():
        shown_value = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value).lower()
        why = evidence.sniffed.reasons.get(key, "")
        lines.append(f"  {key}: {shown_value}" + (f"  # guess: {_comment(why)}" if why else ""))
    for key, why in evidence.sniffed.reasons.items():
        if key not in stated:
            lines.append(f"  # guess: {key}: {_comment(why)}")
    local = any(one.kind == "timestamp" and not one.zoned for one in evidence.profiles)
    zone = "guess: the times have no offset; where were they written?" if local else "guess: of the days"
    lines.append(f"timezone: Europe/Paris  # {zone}")
    lines += _version(evidence, shown)
    lines.append("delivery: delta  # guess: rows are added and corrected; snapshot: the file is always the whole")
    lines.append("# cadence: monthly  # TODO: how often one is expected (daily, weekly, monthly, quarterly, yearly)")
    # Not the columns that are read: an identity is pseudonymised, and unit_name is no person's.
    return "\n".join(lines) + "\n"


def _marks(evidence: _Evidence) -> tuple[str, str]:
    marks = [one.marks for one in evidence.profiles if one.kind == "number"]
    decimals = [decimal for decimal, _ in marks if decimal != "."]
    thousands = [mark for _, mark in marks if mark]
    decimal = "," if len(decimals) * 2 > len(marks) else "."
    mark = thousands[0] if thousands and thousands[0] != decimal else ""
    return decimal, mark


def _version(evidence: _Evidence, shown: str) -> list[str]:
    dated = re.search(r"(?<!\d)(\d{4}-\d{2}-\d{2}|\d{8})(?!\d)", shown)
    if dated is not None and dated.group().startswith(("19", "20")):
        if "-" in dated.group():
            stated = r"""version_from: {file_date: '(\d{4}-\d{2}-\d{2})', format: "%Y-%m-%d"}"""
        else:
            stated = r"version_from: '(\d{8})'"
        return [f"{stated}  # guess: the date in the file's name says which delivery is the later"]
    by_fold = {_fold(one.name): one for one in evidence.usable}
    for name in _CHANGED:
        one = by_fold.get(name)
        if one is not None and one.kind in {"timestamp", "date"} and one.filled == one.rows:
            forms = f", formats: {_list(one.formats)}" if not one.iso else ""
            kind = f", type: {one.kind}" if one.kind == "date" else ""
            return [
                f"version_from: {{column: {_scalar(one.name)}{kind}{forms}}}"
                "  # guess: it says when a row was last changed"
            ]
    return ["# version_from: TODO: what says which of two deliveries is the later (else it is the order of arrival)"]


# --- an entity ----------------------------------------------------------------------------------------


def _entity_body(evidence: _Evidence, mapping: _Mapping) -> str:
    entity = mapping.entity
    lines: list[_Line] = []
    for field_ in entity.fields:
        column = mapping.columns.get(field_.name)
        if column is not None:
            lines.append(_column(column, field_, entity, mapping))
    read = {one.name for one in mapping.columns.values()}
    text = _personal(evidence, read) + "columns:\n" + "".join(f"{row}\n" for line in lines for row in _written(line))
    for name in mapping.lacking:
        field_ = entity.field(name)
        text += f"  # TODO: {{source: ..., field: {name}, required: true}}  {_comment(field_.description)}\n"
    text += _filters(evidence)
    text += "outputs:\n"
    if mapping.constants:
        text += f"  - entity: {entity.name}\n    fields:\n"
        for field_ in entity.fields:
            if field_.name in mapping.columns:
                text += f"      {field_.name}: {field_.name}\n"
            elif field_.name in mapping.constants:
                allowed = f" one of {', '.join(field_.values)}" if field_.values else " " + _comment(field_.description)
                constant = _scalar("=" + mapping.constants[field_.name])
                text += f"      {field_.name}: {constant}  # TODO: no column tells;{allowed}\n"
    else:
        text += f"  - {{entity: {entity.name}}}\n"
    return text + _left_out(evidence, read)


def _column(column: Profile, field_: Field, entity: Entity, mapping: _Mapping) -> _Line:
    line = _Line([("source", _scalar(column.name)), ("field", field_.name)])
    notes = []
    kind = _type(column, field_)
    if kind != "text":
        line.keys.append(("type", kind))
    if kind == "duration":
        unit = next((one for one in ("seconds", "minutes", "days", "hours") if one in words_of(column.name)), "hours")
        line.keys.append(("unit", "clock" if column.kind == "clock" else unit))
        if field_.type == "TIMESTAMP":
            line.keys.append(("added_to", "opened_at"))
        notes.append("guess: a time it took")
    if kind in {"date", "timestamp"} and column.kind != "blank":
        if not column.iso:
            line.keys.append(("formats", _list(column.formats)))
        if column.other_formats:
            notes.append(
                f"guess: day or month first cannot be told from the sample; {_list(column.other_formats)} fits as well"
            )
    if field_.required or (field_.name == "opened_at"):
        line.keys.append(("required", "true"))
    if column.kind == "blank":
        notes.append("guess: by its name only, the sample has no value")
    elif field_.identity is not None:
        notes.append(f"pseudonymised ({field_.identity})")
    elif field_.key:
        notes.append("guess: part of the key")
    if kind == "text" and column.values and not column.personal:
        line.codes = _codes(column, field_, entity)
        if line.codes:
            notes.append("guess: every code")
    line.comment = "; ".join(notes)
    return line


def _type(column: Profile, field_: Field) -> str:
    match field_.type:
        case "VARCHAR":
            return "text"
        case "BIGINT":
            return "integer"
        case "BOOLEAN":
            return "boolean"
        case "DOUBLE":
            return "duration" if column.kind == "clock" else "number"
        case _ if column.kind in {"integer", "number", "clock"}:
            return "duration"
        case _:
            if column.kind == "blank":
                return "date" if field_.type == "DATE" else "timestamp"
            return column.kind


def _codes(column: Profile, field_: Field, entity: Entity) -> list[tuple[str, str, str]]:
    """Return (code, value, note) for a column of a short list; a note `rare...` writes the line as a comment."""
    if not column.is_list or (not field_.values and field_.name not in _LISTED | {"kind"}):
        return []
    known = CODES.get(f"{entity.name}.{field_.name}", {})
    fallback = FALLBACK.get(f"{entity.name}.{field_.name}", field_.values[0] if field_.values else "")
    codes = []
    seen: set[str] = set()
    for value, count in column.values.most_common():
        if value.casefold() in seen:
            continue
        seen.add(value.casefold())
        note = ""
        if field_.values:
            result = _code(value, known) or (value.lower() if value.lower() in field_.values else None)
            if result is None:
                note = f"TODO: which of {', '.join(field_.values)}?"
                result = fallback
                if fallback == "other" and {"other", "autre", "autres"} & set(words_of(value)):
                    note = ""
                elif count < _BLANK_SHARE * column.filled:
                    note = "rare: a slip at the source, or a code to map?"
        else:
            result = _slug(value)
            if count < _BLANK_SHARE / 10 * column.filled and count < 20:
                note = "rare: a slip at the source, or a code to map?"
        codes.append((value, result, note))
    blanks = column.rows - column.filled
    if field_.values and field_.required and blanks > _BLANK_SHARE * column.rows:
        codes.append(("", fallback, f"TODO: which of {', '.join(field_.values)} is a row without one?"))
    return codes


# --- people, filters, what is left out ----------------------------------------------------------------


def _personal(evidence: _Evidence, read: set[str]) -> str:
    named = [one for one in evidence.usable if one.personal and one.name not in read]
    if not named:
        return "personal: []  # guess: no column looks personal\n"
    text = "personal:  # guess: dropped whatever happens to the rest of the contract\n"
    for one in named:
        text += f"  - {_scalar(one.name)}  # {'; '.join(one.personal)}\n"
    return text


def _filters(evidence: _Evidence, answered: Profile | None = None) -> str:
    """Return the filters; `answered`: when a survey was answered, blank where it was begun and not sent."""
    text = ""
    if answered is not None and answered.rows - answered.filled > _BLANK_SHARE * answered.rows:
        text += f'  - {{source: {_scalar(answered.name)}, drop_values: [""], reason: not_submitted}}\n'
    for one in evidence.usable:
        folded = _fold(one.name)
        if folded in {"is deleted", "deleted"}:
            text += (
                f'  - {{source: {_scalar(one.name)}, drop_values: ["true", "1"], reason: deleted, optional: true}}\n'
            )
        elif folded == "status" and {"Survey Preview", "1", "Spam"} & set(one.values) and _is_survey(evidence):
            text += f'  - {{source: {_scalar(one.name)}, drop_values: ["1", "Survey Preview"], reason: preview}}\n'
    return f"filters:  # guess: rows that are no data\n{text}" if text else ""


def _left_out(evidence: _Evidence, read: set[str]) -> str:
    left = [one for one in evidence.profiles if one.name not in read and not one.personal]
    if not left:
        return ""
    text = "# Not read, so dropped (name: what its values look like):\n"
    for one in left:
        kind = "no value" if one.kind == "blank" else "a short list" if one.is_list and one.kind == "text" else one.kind
        text += f"#   {_comment(one.name)}: {kind}\n"
    return text


def _unmapped_body(evidence: _Evidence) -> str:
    listed = ", ".join(ENTITIES)
    text = _personal(evidence, set())
    text += (
        "# TODO: say what one row is: `symmetry sources new FILE --entity ENTITY` with one of\n"
        f"#   {listed}\n"
        "# or write the columns here, each with the field of the entity that it feeds:\n"
        "columns: []\n"
        "#   - {source: ..., field: ..., type: text, required: true}\n"
    )
    return text + _left_out(evidence, set())


# --- a survey -----------------------------------------------------------------------------------------


def _survey_body(evidence: _Evidence, texts: dict[str, str]) -> str:
    meta = _survey_fields(evidence, texts)
    entity = ENTITIES["survey_answer"]
    text = ""
    read = {one.name for one in meta.values()}
    scales, questions = _questions(evidence, texts, read)
    text += _personal(evidence, read)
    text += "columns:\n"
    mapping = _Mapping(entity, columns=meta)
    for field_ in entity.fields:
        if field_.name in meta:
            text += "".join(f"{row}\n" for row in _written(_column(meta[field_.name], field_, entity, mapping)))
    if "response_id" not in meta:
        text += (
            "  # TODO: {source: ..., field: response_id, required: true}  no column has the number of the response\n"
        )
    if "unit_id" not in meta:
        text += "  # TODO: {source: ..., field: unit_id}  the unit of the respondent, unless their number tells it\n"
    side = _side(evidence)
    text += "survey:\n"
    text += f"  side: {side or 'client'}  # {'guess: by the names' if side else 'TODO: client or collaborator'}\n"
    if "answered_at" not in meta:
        day = re.search(r"(?<!\d)20\d{2}-\d{2}-\d{2}(?!\d)", evidence.part.name)
        if day is not None:
            text += f'  fields: {{answered_at: "={day.group()}"}}  # guess: no column says when it was answered\n'
        else:
            text += (
                '  # fields: {answered_at: "=2026-03-01"}  # TODO: no column says when it was answered; say it here\n'
            )
    text += "  scales:\n" + ("".join(scales.values()) if scales else "    {}\n")
    if questions:
        text += "  questions:  # guess: those whose answers lie on a scale; the dimension is yours to say\n"
        text += "".join(f"    {row}\n" for row in questions.values())
    else:
        text += "  questions: []  # TODO: no column has answers on a scale that is known\n"
    text += "  reversed: []  # TODO: the questions where a high answer is bad\n"
    return text + _filters(evidence, meta.get("answered_at")) + _left_out(evidence, read | set(questions))


def _survey_fields(evidence: _Evidence, texts: dict[str, str]) -> dict[str, Profile]:
    mapping = _map(evidence, ENTITIES["survey_answer"])
    found = dict(mapping.columns)
    for one in evidence.usable:
        # A legacy export names its columns V1, V2...; the row below says what they are.
        meaning = _QUALTRICS_V.get(texts.get(one.name, "").replace(" ", "").lower())
        if meaning is not None and meaning not in found and one.kind != "blank":
            found[meaning] = one
        if _fold(one.name).startswith("respondentid") and "response_id" not in found:
            found["response_id"] = one
    return found


def _side(evidence: _Evidence) -> str | None:
    told = words_of(evidence.part.name) + [word for name in evidence.sample.names for word in words_of(name)[:3]]
    if {"collaborateurs", "collaborateur", "employees", "employee", "staff", "salaries", "collaborator"} & set(told):
        return "collaborator"
    return "client" if {"client", "clients", "customer", "customers"} & set(told) else None


def _questions(evidence: _Evidence, texts: dict[str, str], read: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return scale name -> its line, and column -> the line of its question."""
    found: dict[str, _Scale] = {}
    questions: dict[str, str] = {}
    for one in evidence.usable:
        if one.name in read or one.personal or _fold(one.name) in SURVEY_META or not one.values:
            continue
        if texts.get(one.name, "").replace(" ", "") in {"ResponseSet", "Status", "Finished", "StartDate", "Name"}:
            continue
        scale = _number_scale(one) or _word_scale(one)
        if scale is None:
            continue
        name = scale.name
        if name in found:
            found[name].join(scale)
        else:
            found[name] = scale
        words = " ".join([*words_of(one.name), *words_of(texts.get(one.name, ""))])
        dimension = next(
            (d for d, known in DIMENSIONS.items() if any(re.search(rf"\b{k}", words) for k in known)), None
        )
        note = "guess: the dimension" if dimension else "TODO: the dimension it measures"
        about = texts.get(one.name, "")
        about = f" ({about[:80]})" if about and not personal_by_name(about) else ""
        questions[one.name] = (
            f"- {{source: {_scalar(one.name)}, dimension: {dimension or 'todo'}, scale: {name}}}"
            f"  # {_comment(note + about)}"
        )
    return {name: scale.written() for name, scale in found.items()}, questions


@dataclass
class _Scale:
    """A scale of answers as the columns seen so far use it; `unknown`: words that have no place yet."""

    name: str
    low: int
    high: int
    codes: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def join(self, other: _Scale) -> None:
        """Take over the words of another column's answers."""
        self.codes |= other.codes
        self.missing += [word for word in other.missing if word not in self.missing]
        self.unknown += [word for word in other.unknown if word not in self.unknown]

    def written(self) -> str:
        """Return the line of the contract."""
        keys = [f"min: {self.low}", f"max: {self.high}"]
        if self.codes:
            ordered = sorted(self.codes.items(), key=lambda pair: pair[1])
            keys.append("codes: {" + ", ".join(f"{_quoted(word)}: {place}" for word, place in ordered) + "}")
        if self.missing:
            keys.append(f"missing: {_list(self.missing)}")
        note = "guess: the order of the words" if self.codes else "guess: by the answers in the sample"
        if self.unknown:
            note += f"; TODO: the place of {', '.join(map(repr, self.unknown))}"
        return f"    {self.name}: {{{', '.join(keys)}}}  # {_comment(note)}\n"


def _number_scale(one: Profile) -> _Scale | None:
    if one.kind != "integer":
        return None
    numbers = {int(value): count for value, count in one.values.items() if re.fullmatch(r"[-+]?\d{1,4}", value)}
    missing = sorted(_MISSING_CODES & set(one.values))
    total = sum(numbers.values())
    inside = {n: count for n, count in numbers.items() if 0 <= n <= 10 and count >= _BLANK_SHARE / 10 * total}
    if not inside or sum(inside.values()) < 0.8 * total or set(inside) <= {0, 1}:
        return None
    low, high = (0, 10) if max(inside) > 7 or min(inside) == 0 else (1, 7) if max(inside) > 5 else (1, 5)
    return _Scale(f"from_{low}_to_{high}", low, high, missing=missing)


def _word_scale(one: Profile) -> _Scale | None:
    for name, places in WORD_SCALES.items():
        place_of = {word: place for place, words in enumerate(places, start=1) for word in words}
        known = {value: place_of[value.casefold()] for value in one.values if value.casefold() in place_of}
        if len(set(known.values())) < 2 or sum(one.values[value] for value in known) < 0.5 * one.filled:
            continue
        rest = [value for value in one.values if value not in known]
        if len(rest) > 3:
            continue
        absent = [value for value in rest if NO_ANSWER & set(words_of(value)) or _fold(value) in NO_ANSWER]
        return _Scale(name, 1, len(places), known, absent, [value for value in rest if value not in absent])
    return None
