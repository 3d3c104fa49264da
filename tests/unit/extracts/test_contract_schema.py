"""The JSON Schema of contracts: complete, described, shipped as generated, and true of every contract."""

import datetime
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipelines.extracts.contract import CONTRACTS_DIR, ContractError, load_contract
from pipelines.extracts.onboarding.contract_schema import DESCRIPTIONS, SCHEMA_PATH, contract_schema, schema_text
from pipelines.settings import PROJECT_DIR

SCHEMA = contract_schema()
MODELS: dict[str, dict[str, Any]] = {"Contract": SCHEMA, **SCHEMA["$defs"]}
CONTRACTS = sorted([*CONTRACTS_DIR.glob("*.yml"), *(PROJECT_DIR / "tests/integration/tiny/contracts").glob("*.yml")])
DOC = PROJECT_DIR / "docs" / "add-a-source.md"


def as_tools_see_it(value: Any) -> Any:
    """What YAML tools make of a document: keys are texts, and so are dates."""
    if isinstance(value, dict):
        return {str(key): as_tools_see_it(child) for key, child in value.items()}
    if isinstance(value, list):
        return [as_tools_see_it(child) for child in value]
    return value.isoformat() if isinstance(value, datetime.date) else value


def problems(text: str) -> list[str]:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [error.message for error in validator.iter_errors(as_tools_see_it(yaml.safe_load(text)))]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_shipped_file_is_the_generated_one() -> None:
    assert SCHEMA_PATH.read_text(encoding="utf-8") == schema_text(), (
        f"make it anew: symmetry sources schema > {SCHEMA_PATH.relative_to(PROJECT_DIR)}"
    )


def test_every_key_is_described_and_every_description_is_of_a_key() -> None:
    described = {name: set(keys) for name, keys in DESCRIPTIONS.items()}
    assert described == {name: set(model["properties"]) for name, model in MODELS.items()}
    for model in MODELS.values():
        assert all(schema["description"] for schema in model["properties"].values())


@pytest.mark.parametrize("model", DESCRIPTIONS)
def test_the_tables_of_the_docs_have_every_key(model: str) -> None:
    text = DOC.read_text(encoding="utf-8")
    for key, description in DESCRIPTIONS[model].items():
        needed = "yes" if key in MODELS[model].get("required", []) else ""
        assert f"| `{key}` | {needed} | {description} |" in text


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_every_contract_is_valid(path: Path) -> None:
    assert problems(path.read_text(encoding="utf-8")) == []


def test_editors_find_the_schema_of_every_shipped_contract() -> None:
    without = [
        path.name
        for path in CONTRACTS_DIR.glob("*.yml")
        if not path.read_text(encoding="utf-8").startswith(f"# yaml-language-server: $schema={SCHEMA_PATH.name}\n")
    ]
    assert without == [], "begin them with the line for editors that the other contracts have"


def test_the_survey_of_the_docs_loads(tmp_path: Path) -> None:
    text = DOC.read_text(encoding="utf-8")
    [survey] = [block for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S) if "survey:" in block]
    path = tmp_path / "contract.yml"
    head = "system: tool\nname: survey\nversion: 1\ndescription: Answers.\nowner: team:hr\nmatch: answers.csv\n"
    path.write_text(head + survey, encoding="utf-8")
    contract = load_contract(path)
    assert problems(head + survey) == []
    assert [output.reversed_items() for output in contract.resolved_outputs()] == [[False, False, True]]


MINIMAL = """
system: desk
name: case
version: 1
description: Cases.
owner: team:crm
match: cases.csv
columns:
  - {source: Id, field: case_id, required: true}
  - {source: 2024, field: reopen_count, type: integer, min: 0, max: 99.5, missing: -99}
  - {source: Opened, field: opened_at, type: timestamp, formats: "%Y-%m-%d", required: true}
  - {source: Kind, field: kind, required: yes, codes: {1: complaint, 2: question, "": request}, default: }
"""


@pytest.mark.parametrize(
    "more",
    [
        "",
        "version_from: '(\\d{8})'",
        "version_from: {column: Changed, type: date}",
        "format: {encoding: [utf-8, cp1252]}",
        "max_quarantine_share: 0.2",
        "max_quarantine_share: '0.2'",
        "personal: [Name]\ncadence: monthly",
    ],
)
def test_numbers_blanks_and_one_for_a_list_are_welcome_as_they_load(tmp_path: Path, more: str) -> None:
    text = MINIMAL + more + "\n"
    assert problems(text) == []
    path = tmp_path / "contract.yml"
    path.write_text(text, encoding="utf-8")
    assert load_contract(path).full_name == "desk.case"


@pytest.mark.parametrize(
    "text",
    [
        MINIMAL.replace("owner:", "ownr:"),
        MINIMAL.replace("version: 1", "version: [1]"),
        MINIMAL.replace("type: integer", "type: int"),
        MINIMAL.replace("required: yes", "required: maybe"),
        MINIMAL + "cadence: hourly\n",
        MINIMAL + "personal: Name\n",
        MINIMAL + "outputs: [{entity: ticket}]\n",
        MINIMAL + "version_from: {sequence: x}\n",
        MINIMAL.replace("match: cases.csv\n", ""),
    ],
)
def test_what_does_not_load_is_underlined(tmp_path: Path, text: str) -> None:
    assert problems(text) != []
    path = tmp_path / "contract.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError):
        load_contract(path)
