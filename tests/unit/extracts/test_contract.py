from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, ContractError, load_contract, load_contracts
from pipelines.extracts.entities import ENTITIES

GOOD = """\
system: ops
name: availability
version: 1
description: Availability of services
owner: team:ops
match: ["avail*.csv"]
columns:
  - {source: Unit, field: unit_id, required: true}
  - {source: Service, field: service, required: true}
  - {source: For, field: audience, codes: {No: client, Yes: collaborator}, required: true}
  - {source: Day, field: day, type: date, required: true}
  - {source: Due, field: minutes_expected, type: number, required: true}
  - {source: Up, field: minutes_available, type: number, required: true}
"""


def load(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ops.availability.yml"
    path.write_text(text)
    load_contract(path)


def test_default_output_is_the_entity_of_that_name_and_codes_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text(GOOD)
    contract = load_contract(path)
    (output,) = contract.resolved_outputs()
    assert output.entity == "availability"
    assert output.fields["day"] == "day"
    assert contract.columns[2].codes == {"No": "client", "Yes": "collaborator"}
    assert contract.matches("AVAIL_2026.CSV")
    assert not contract.matches("other.csv")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("owner: team:ops", "owner: team:ops\nowners: x", 6, "unknown key"),
        ("owner: team:ops\n", "", 1, "required"),
        ("version: 1", "version: one", 3, "integer"),
        ("name: availability", "name: availability\nname: again", 3, "stands twice"),
        ("field: unit_id", "field: unti_id", 8, "used by no output"),
        ("field: day, type: date", "field: day, type: number", 2, "DATE"),
        ("{No: client", "{No: clients", 2, "codes give clients"),
        ("{No: client, Yes", "{No: client, NO", 10, "capitals"),
        ("type: date, required: true", "type: date, requird: true", 11, "unknown key"),
        ("type: date, required: true", "type: dat, required: true", 11, "text"),
        ("  - {source: Due, field: minutes_expected, type: number, required: true}\n", "", 2, "minutes_expected"),
        ("match:", "timezone: Europe/Pariss\nmatch:", 6, "time zone"),
        ("match:", "format: {encoding: utf-9}\nmatch:", 6, "encoding"),
        ("match:", "format: {decimal: ',', thousands: ','}\nmatch:", 6, "same"),
        ("match:", "outputs: [{entity: availabilty}]\nmatch:", 6, "unknown entity"),
        ("type: date,", "type: date, formats: '%Q',", 11, "strptime"),
        ("{source: Unit,", "{source: Unit, extract: {pattern: '(?=x)'},", 8, "RE2"),
        ("columns:", "columns: [", 8, "not YAML"),
    ],
)
def test_a_bad_contract_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(ContractError, match=says) as error:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert f"ops.availability.yml, line {line}: " in str(error.value)


def test_a_later_folder_replaces_and_two_of_a_name_are_refused(tmp_path: Path) -> None:
    shipped, own = tmp_path / "a", tmp_path / "b"
    for folder in (shipped, own):
        folder.mkdir()
        (folder / "x.yml").write_text(GOOD.replace("version: 1", f"version: {1 + (folder == own)}"))
    assert [contract.version for contract in load_contracts(shipped, own)] == [2]
    (own / "y.yml").write_text(GOOD)
    with pytest.raises(ContractError, match=r"also the name of x\.yml"):
        load_contracts(shipped, own)


def test_shipped_contracts_load_and_no_two_claim_the_other_s_names() -> None:
    contracts = load_contracts(CONTRACTS_DIR)
    assert "nyc_school_survey.school" in {contract.full_name for contract in contracts}
    for contract in contracts:
        assert contract.path.name == f"{contract.full_name}.yml"
        assert contract.description.strip()


def test_every_entity_is_described_and_has_a_key() -> None:
    for entity in ENTITIES.values():
        assert entity.description
        assert all(field.description for field in entity.fields)
        assert any(field.key for field in entity.fields)
        assert entity.event is None or entity.field(entity.event).type in {"DATE", "TIMESTAMP"}
