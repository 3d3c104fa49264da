"""The JSON Schema of a contract, for editors that complete and check YAML while it is written.

Made from the pydantic model, so it cannot know less than the contract does; loosened, because a contract is read as
text (numbers and yes or no are welcome where the model wants text or a number) and may write one where a list is
meant. What only `load_contract` can tell (that parts fit together) is left to it and to `symmetry sources check`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.extracts.contract import CONTRACTS_DIR, Contract
from pipelines.extracts.entities import ENTITIES

#: The shipped file, beside the contracts: `# yaml-language-server: $schema=contract.schema.json`.
SCHEMA_PATH: Path = CONTRACTS_DIR / "contract.schema.json"

#: Model -> key -> what it says. Every key of the model stands here, which a test sees to.
DESCRIPTIONS: dict[str, dict[str, str]] = {
    "Contract": {
        "system": "The system the file comes from: lower-case letters, digits, underscores.",
        "name": "What the extract is, within its system; the entity it feeds, where `outputs` says nothing.",
        "version": "A whole number, raised by one when the contract changes.",
        "description": "What one row is, in a sentence.",
        "owner": "Who is asked when a delivery does not land, as in team:crm.",
        "match": "Names of its files (* and ?), capitals ignored; of a packed file, the inner name.",
        "definitions": "The folder of definitions that belongs to this source, where it is not the company's own.",
        "format": "How the bytes of the file are laid out.",
        "timezone": "Time zone of moments written without an offset, as in Europe/Paris.",
        "version_from": "What says which of two versions is the later: a pattern over the file's name whose group is "
        "a date (yyyymmdd), or a mapping. Without it the order of arrival counts.",
        "delivery": "delta: rows are new or corrected. snapshot: the file is the whole of the source on its day.",
        "cadence": "How often a delivery is expected.",
        "max_quarantine_share": "Above this share of bad rows (0 to 1) the landing gate fails.",
        "personal": "Columns that tell of people: dropped, and refused wherever one would land as it is.",
        "columns": "The columns that are read, and the field each feeds. A column that is not listed is dropped.",
        "survey": "A questionnaire; it stands for the columns and the output of its questions.",
        "filters": "Rows that are no data: dropped and counted, never quarantined.",
        "outputs": "The landing entities the source feeds; without it, the one that `name` names.",
    },
    "FileFormat": {
        "type": "csv (any delimited text), json, jsonl, parquet, xlsx or sav.",
        "delimiter": 'What separates the fields of a csv; a tab is "\\t". Or a list: the one that finds the most '
        "columns in the header is taken.",
        "quote": "What encloses a field of a csv; '' where the file quotes nothing.",
        "encoding": "The encoding of a text file (utf-8, cp1252, mac_roman, utf-16...), or a list of those it may "
        "have: the first that fits the bytes is taken.",
        "decimal": "The decimal mark of numbers in text; either where 0.5 and 0,5 are both found.",
        "thousands": 'What groups thousands; " " is any space, no-break ones too.',
        "skip_rows_before_header": "Rows above the names.",
        "header_rows": "2 where the names stand in two rows: a column is then called `upper [lower]`.",
        "skip_rows_after_header": "Rows below the names that are no data, as in a Qualtrics export.",
        "skipped_rows_contain": "Text that the last skipped row must hold, so that no row of data is ever skipped.",
        "sheet": "The sheet of a workbook; the first when blank.",
        "labels": "Of an SPSS file: take the labels of the values instead of their codes.",
        "records": "Where in a JSON document the array of records is (dotted); blank: the document itself.",
    },
    "Column": {
        "source": "The name of the column in the file; capitals and blanks are ignored. In JSON, dotted for nested.",
        "aliases": "Other names that it bears: another language, an older export. The first that the file has is read.",
        "field": "The field it gives: the entity's own name, or one that `outputs` refers to.",
        "type": "What its text must be.",
        "required": "A row without it is bad.",
        "optional": "The file may come without this column; else such a file is refused.",
        "formats": "strptime forms of a date or timestamp, tried in order; without it ISO 8601.",
        "codes": "Words of the source -> our words. A word that is not listed is bad, unless there is a default.",
        "default": "What a word that is not among the codes becomes.",
        "extract": "Keep a part of the text only.",
        "min": "The lowest value that is not bad.",
        "max": "The highest value that is not bad.",
        "missing": "Words that mean there is no value, such as -99 or N/A.",
        "blank": "What a blank means in a boolean column.",
        "unit": "Of a duration: what one is, or clock for H:MM[:SS].",
        "added_to": "Of a duration: the field of the moment it is added to; without it, it gives hours.",
    },
    "Extract": {
        "pattern": "A regular expression (RE2); a value it is not found in is bad.",
        "replace": "The text that is kept; \\1 is the first group.",
    },
    "Filter": {
        "source": "The column that is looked at.",
        "aliases": "Other names that it bears.",
        "drop_values": "A row with one of these (capitals ignored) is dropped and counted.",
        "reason": "A code for the count, such as preview or deleted.",
        "optional": "The file may come without this column.",
    },
    "Output": {
        "entity": "The landing entity.",
        "fields": 'Its field -> a field of the columns, or a constant written "=text".',
        "each": "One landing row per item, its mappings on top of `fields`; none where its `value` is null.",
        "distinct": "Land equal rows once.",
        "when": "A field without which the output does not apply.",
    },
    "VersionFrom": {
        "file_date": "A pattern over the file's name whose one group is a date.",
        "format": "The strptime form of that date.",
        "file_sequence": "A pattern over the file's name whose one group is a number.",
        "column": "The column that says when the row was last changed, or a number that only grows.",
        "type": "What that column is.",
        "formats": "strptime forms of that column; without it ISO 8601.",
    },
    "Survey": {
        "side": "Whose answers: the client's face of the mirror, or the collaborator's.",
        "role": "Who answers; the side, where nothing is said.",
        "perspective": "own: their own view. estimate: what they think clients feel.",
        "scales": "The scales of the questionnaire, by a name of yours.",
        "questions": "The questions.",
        "fields": 'What the export does not say and all answers share, as in {answered_at: "=2026-03-01"}.',
        "reversed": "Codes of the questions where a high answer is bad; their answers are turned round.",
    },
    "Scale": {
        "min": "The lowest answer.",
        "max": "The highest answer.",
        "type": "Whether answers are whole numbers.",
        "codes": "Answers in words -> the number each stands for.",
        "missing": "Answers that are none.",
    },
    "Question": {
        "source": "The column its answers stand in.",
        "aliases": "Other names of the column: the same questionnaire in another language.",
        "question": "Its code in the landing; the name of the column, where nothing is said.",
        "dimension": "What it measures, as the topic of an indicator says.",
        "scale": "One of the scales.",
        "moment": "The moment of truth it is about.",
        "perspective": "Where it differs from the questionnaire's.",
        "optional": "The file may come without this column.",
    },
}

#: Keys whose list may be written as the one text it would hold.
_ONE_OR_MANY = {"aliases", "drop_values", "formats", "match", "missing", "reversed"}

#: Fields that the loader sets.
_INTERNAL = {"path", "replaces", "fingerprint", "other_encodings", "other_delimiters"}

_Schema = dict[str, Any]


def contract_schema() -> _Schema:
    """Return the JSON Schema (draft 2020-12) of a contract as YAML tools see one."""
    made = Contract.model_json_schema()
    models: dict[str, _Schema] = {"Contract": made, **made["$defs"]}
    for name, model in models.items():
        properties = {key: value for key, value in model["properties"].items() if key not in _INTERNAL}
        model["properties"] = {
            key: _described(
                _one_or_many(value) if key in _ONE_OR_MANY else _loosened(value),
                DESCRIPTIONS.get(name, {}).get(key, ""),
            )
            for key, value in properties.items()
        }
        # The text of a class is for who reads the code; each key says itself what it is for.
        model.pop("description", None)
    made["properties"]["version_from"]["anyOf"].insert(0, {"type": "string"})
    layout = made["$defs"]["FileFormat"]["properties"]
    for key in ("encoding", "delimiter"):
        layout[key] = {
            "description": layout[key]["description"],
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}],
            "default": layout[key]["default"],
        }
    made["$defs"]["Output"]["properties"]["entity"]["enum"] = sorted(ENTITIES)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Contract of a source file",
        "description": "One YAML file per system and extract: columns to canonical fields. See docs/add-a-source.md.",
        **{key: value for key, value in made.items() if key not in {"title", "description"}},
    }


def schema_text() -> str:
    """Return the schema as the shipped file has it."""
    return json.dumps(contract_schema(), indent=2, ensure_ascii=False) + "\n"


def _described(schema: _Schema, description: str) -> _Schema:
    return {"description": description, **{key: value for key, value in schema.items() if key != "title"}}


def _loosened(schema: _Schema) -> _Schema:
    """Return the schema of a value as a YAML tool sees the texts that the model takes."""
    if "$ref" in schema:
        return schema
    if "anyOf" in schema:
        return {**schema, "anyOf": [_loosened(option) for option in schema["anyOf"]]}
    kind = schema.get("type")
    if "enum" in schema or "const" in schema:
        return schema
    if kind == "string":
        return {**schema, "type": ["string", "number", "boolean"]}
    if kind in {"integer", "number"}:
        return {**schema, "type": [kind, "string"]}
    if kind == "boolean":
        return {**schema, "type": ["boolean", "string"], "pattern": "^(true|false|True|False|yes|no)$"}
    if kind == "object":
        values = schema.get("additionalProperties")
        return {**schema, "additionalProperties": _loosened_text(values)} if isinstance(values, dict) else schema
    if kind == "array":
        return {**schema, "items": _loosened(schema["items"])}
    return schema


def _one_or_many(schema: _Schema) -> _Schema:
    """Return the schema of a list that may be written as the one item it would hold."""
    many = _loosened(schema)
    default = {"default": many.pop("default")} if "default" in many else {}
    return {"anyOf": [{key: value for key, value in many.items() if key != "title"}, many["items"]], **default}


def _loosened_text(schema: _Schema) -> _Schema:
    """Return the schema of a mapping's value: a blank one is null to a YAML tool, and '' to us."""
    loose = _loosened(schema)
    if isinstance(loose.get("type"), list) and "string" in loose["type"]:
        return {**loose, "type": [*loose["type"], "null"]}
    return loose
