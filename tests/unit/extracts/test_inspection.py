"""What `symmetry sources check` computes: counts, columns, people, and why a file would be refused."""

import gzip
import json
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, Contract, load_contract, load_contracts
from pipelines.extracts.deliveries import Receipt
from pipelines.extracts.onboarding.inspection import (
    BadCell,
    ColumnReading,
    Inspection,
    MissingColumn,
    PersonalColumn,
    UnknownContractError,
    chosen_contract,
    inspect_file,
)
from pipelines.extracts.onboarding.source_states import states_of

CASES = r"""
system: desk
name: case
version: 1
description: Cases.
owner: team:crm
match: ["desk_cases*.csv"]
version_from: '(\d{8})'
cadence: monthly
max_quarantine_share: 0.5
personal: [Remarks]
columns:
  - {source: Ticket, field: case_id, required: true}
  - {source: Customer, aliases: [Client], field: client_id}
  - {source: Team, field: unit_id}
  - {source: Opened, field: opened_at, type: timestamp, formats: ["%d/%m/%Y %H:%M"], required: true}
  - {source: Kind, field: kind, required: true, codes: {Complaint: complaint, Question: question}}
filters:
  - {source: Deleted, drop_values: ["yes"], reason: deleted, optional: true}
outputs:
  - {entity: case}
"""

ROWS = """Ticket,client,Team,Opened,Kind,Deleted,Remarks,Contact,Floor
1,c1,N1,01/02/2025 09:00,Complaint,no,hello,anna@post.example,3
2,c2,N1,13/02/2025 09:00,Question,no,,bruno@post.example,4
2,c2,N1,13/02/2025 09:00,Question,no,,bruno@post.example,4
3,c3,N1,31/02/2025 09:00,Question,no,,,4
4,c4,N1,14/02/2025 09:00,Praise,no,,,4
5,c5,N1,14/02/2025 09:00,Question,yes,,,4
6,c6,N1
"""


def contract(folder: Path, text: str = CASES) -> Contract:
    path = folder / "contract.yml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def inspect(path: Path, *contracts: Contract) -> Inspection:
    [one] = inspect_file(path, contracts)
    return one


@pytest.fixture
def cases(tmp_path: Path) -> Inspection:
    folder = tmp_path / "only"
    folder.mkdir()
    path = folder / "desk_cases_20250228.csv"
    path.write_text(ROWS, encoding="utf-8")
    found = inspect(path, contract(tmp_path))
    assert [file.name for file in folder.iterdir()] == [path.name], "a look leaves nothing beside the file"
    return found


def test_every_row_is_counted_once(cases: Inspection) -> None:
    assert (cases.read, cases.good, cases.bad, cases.duplicates, cases.filtered) == (7, 2, 3, 1, 1)
    assert cases.reasons == {"field_count": 1, "not_a_timestamp": 1, "unknown_code": 1}
    assert cases.filter_reasons == {"deleted": 1}
    assert (cases.contract, cases.version, cases.max_bad_share) == ("desk.case", "2025-02-28 00:00:00", 0.5)
    assert cases.refused is None


def test_the_bad_rows_by_line_column_and_value(cases: Inspection) -> None:
    assert [(bad.line, bad.record, bad.column, bad.value, bad.reason) for bad in cases.first_bad] == [
        (5, 4, "Opened", "31/02/2025 09:00", "not_a_timestamp"),
        (6, 5, "Kind", "Praise", "unknown_code"),
        (8, 7, None, None, "field_count"),
    ]
    assert isinstance(cases.first_bad[0], BadCell)
    assert cases.first_bad[1].message.startswith("line 6, column Kind: 'Praise' is not one of the codes")


def test_only_the_first_ten_bad_rows_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "desk_cases.csv"
    rows = [f"{number},c,N1,never,Question,no,," for number in range(30)]
    path.write_text("\n".join(["Ticket,Customer,Team,Opened,Kind,Deleted,Remarks,Floor", *rows]), encoding="utf-8")
    found = inspect(path, contract(tmp_path))
    assert (found.read, found.bad, len(found.first_bad)) == (30, 30, 10)
    assert [bad.line for bad in found.first_bad] == list(range(2, 12))


def test_how_each_column_is_read(cases: Inspection) -> None:
    by_source = {column.source: column for column in cases.columns}
    assert by_source["Customer"] == ColumnReading(
        source="Customer",
        found="client",
        by_alias=True,
        type="text",
        formats=(),
        feeds=("case.client_id",),
        treatment="pseudonymised",
        needed=True,
    )
    assert by_source["Opened"].formats == ("%d/%m/%Y %H:%M",)
    assert (by_source["Opened"].type, by_source["Opened"].treatment) == ("timestamp", "kept")
    assert by_source["Deleted"].treatment == "filter"
    assert by_source["Ticket"].by_alias is False


def test_people_by_name_and_by_value_and_columns_nobody_mapped(cases: Inspection) -> None:
    assert cases.personal == (
        PersonalColumn("Ticket", ("it feeds an identity",), "pseudonymised"),
        PersonalColumn("client", ("its name (name)",), "pseudonymised"),
        PersonalColumn("Remarks", ("the contract lists it", "its name (free text)"), "dropped"),
        PersonalColumn("Contact", ("its name (name)", "e-mail in 3 of 3 values"), "dropped"),
    )
    assert cases.unmapped == ("Remarks", "Contact", "Floor")


def test_a_personal_column_that_lands_as_it_is_is_told(tmp_path: Path) -> None:
    text = CASES.replace("outputs:", "").replace("  - {entity: case}", "")
    text = text.replace("filters:", "  - {source: Note, field: theme}\nfilters:")
    path = tmp_path / "desk_cases.csv"
    path.write_text(
        "Ticket,Customer,Team,Opened,Kind,Note\n1,c1,N1,01/02/2025 09:00,Question,FR76 3000 6000 0112 3456 7890 189\n",
        encoding="utf-8",
    )
    found = inspect(path, contract(tmp_path, text))
    assert found.good == 1
    kept = [person for person in found.personal if person.treatment == "kept"]
    assert kept == [PersonalColumn("Note", ("its name (free text)", "IBAN in 1 of 1 values"), "kept")]


def test_a_name_that_no_contract_claims_gets_the_nearest_contracts(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text("Ticket,Customer,Team,Opened\n1,c,N1,x\n", encoding="utf-8")
    found = inspect(path, contract(tmp_path))
    assert found.refused is not None
    assert found.refused.reason == "no_contract"
    [fit] = found.fits
    assert (fit.contract, fit.claims, fit.found, fit.wanted) == ("desk.case", False, 4, 5)
    assert fit.missing == ("Kind",)
    assert (found.read, found.contract) == (0, None)


def test_a_name_that_two_contracts_claim(tmp_path: Path) -> None:
    path = tmp_path / "desk_cases.csv"
    path.write_text(ROWS, encoding="utf-8")
    one = contract(tmp_path)
    found = inspect(path, one, one.model_copy(update={"name": "other"}))
    assert found.refused is not None
    assert found.refused.reason == "several_contracts"
    assert [(fit.contract, fit.claims) for fit in found.fits] == [("desk.case", True), ("desk.other", True)]


def test_a_missing_column_is_suggested_as_a_rename(tmp_path: Path) -> None:
    path = tmp_path / "desk_cases.csv"
    path.write_text("Ticket,Customer,Team,Openned,Kind\n1,c,N1,01/02/2025 09:00,Question\n", encoding="utf-8")
    found = inspect(path, contract(tmp_path))
    assert found.refused is not None
    assert found.refused.reason == "missing_column"
    assert "desk_cases.csv" in found.refused.message
    assert found.missing == (MissingColumn("Opened", ("Opened",), "Openned"),)


def test_of_a_file_without_its_header_nothing_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "desk_cases.csv"
    path.write_text("T-1,opened by anna@post.example,N1\nT-2,bruno@post.example,N1\n", encoding="utf-8")
    found = inspect(path, contract(tmp_path))
    assert found.refused is not None
    assert "@" not in found.refused.message
    assert [missing.nearest for missing in found.missing] == [None] * 5


def test_packed_files_are_looked_into_part_by_part(tmp_path: Path) -> None:
    packed = tmp_path / "desk_cases_20250228.csv.gz"
    packed.write_bytes(gzip.compress(ROWS.encode()))
    found = inspect(packed, contract(tmp_path))
    assert (found.contract, found.read, found.good) == ("desk.case", 7, 2)
    archive = tmp_path / "export.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("desk_cases.csv", ROWS)
        file.writestr("readme.csv", "a,b\n1,2\n")
    first, second = inspect_file(archive, [contract(tmp_path)])
    assert (first.shown, first.read) == ("export.zip/desk_cases.csv", 7)
    assert second.refused is not None
    assert (second.shown, second.refused.reason) == ("export.zip/readme.csv", "no_contract")


def test_a_refusal_of_a_packed_file_names_what_people_know(tmp_path: Path) -> None:
    packed = tmp_path / "desk_cases.csv.gz"
    packed.write_bytes(gzip.compress(b"Ticket,Customer\n1,2\n"))
    found = inspect(packed, contract(tmp_path))
    assert found.refused is not None
    assert found.refused.message.startswith("desk_cases.csv")


def test_nested_json_by_dotted_names(tmp_path: Path) -> None:
    text = CASES.replace('match: ["desk_cases*.csv"]', "match: cases*.json\nformat: {type: json, records: data}")
    text = text.replace("source: Customer, aliases: [Client]", "source: customer.id")
    path = tmp_path / "cases.json"
    record = {
        "Ticket": "1",
        "customer": {"id": "c1", "mail": "anna@post.example"},
        "Team": "N1",
        "Opened": "01/02/2025 09:00",
        "Kind": "Question",
    }
    path.write_text(json.dumps({"data": [record]}), encoding="utf-8")
    found = inspect(path, contract(tmp_path, text))
    assert (found.read, found.good) == (1, 1)
    assert {column.source: column.found for column in found.columns}["customer.id"] == "customer.id"
    assert found.unmapped == ("customer.mail",)
    assert (
        PersonalColumn("customer.mail", ("its name (e-mail)", "e-mail in 1 of 1 values"), "dropped") in found.personal
    )


def test_a_contract_is_chosen_by_name(tmp_path: Path) -> None:
    one = contract(tmp_path)
    assert chosen_contract("desk.case", [one]) is one
    with pytest.raises(UnknownContractError, match=r"desk\.cases.*in force are: desk\.case"):
        chosen_contract("desk.cases", [one])


def test_the_given_contract_reads_a_file_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "strange.csv"
    path.write_text(ROWS, encoding="utf-8")
    [found] = inspect_file(path, [], contract(tmp_path))
    assert (found.contract, found.read, found.good, found.version) == ("desk.case", 7, 2, None)


def test_a_real_file(real: Path) -> None:
    [found] = inspect_file(real / "nyc_school_survey_2011" / "survey_all.txt", load_contracts(CONTRACTS_DIR))
    assert found.contract == "nyc_school_survey.school"
    assert (found.read, found.good, found.bad) == (455, 454, 1)
    assert [(bad.line, bad.reason) for bad in found.first_bad] == [(456, "field_count")]


# --- the sources and their deliveries -----------------------------------------------------------------


def receipt(contract_name: str, landed_at: datetime, file: str) -> Receipt:
    counts = {"read": 1, "landed": 1, "quarantined": 0, "duplicates": 0, "filtered": 0}
    return Receipt(
        **counts,
        delivery_id=file,
        file=file,
        bytes=1,
        sha256=file,
        system="desk",
        contract=contract_name,
        contract_version=1,
        landed_at=landed_at,
        version=landed_at,
        outputs={},
        months=[],
        reasons={},
        personal={},
    )


@pytest.mark.parametrize(
    ("now", "overdue"),
    [
        (datetime(2025, 3, 5), 0),
        (datetime(2025, 3, 8, 12), 0),
        (datetime(2025, 3, 9, 12), 1),
        (datetime(2025, 4, 9), 31),
    ],
)
def test_a_delivery_is_overdue_a_month_and_a_day_after_the_last(tmp_path: Path, now: datetime, overdue: int) -> None:
    given = [
        receipt("desk.case", datetime(2025, 1, 2), "old.csv"),
        receipt("desk.case", datetime(2025, 2, 5, 12), "last.csv"),
        receipt("other.case", datetime(2025, 3, 1), "other.csv"),
    ]
    [state] = states_of([contract(tmp_path)], given, now)
    assert (state.source, state.feeds, state.file, state.overdue_days) == ("desk.case", ("case",), "last.csv", overdue)


def test_what_was_never_delivered_or_promises_nothing_is_not_overdue(tmp_path: Path) -> None:
    promised = contract(tmp_path)
    free = contract(tmp_path, CASES.replace("cadence: monthly\n", ""))
    given = [receipt("desk.case", datetime(2020, 1, 1), "old.csv")]
    [never], [old] = (states_of([promised], [], datetime(2025, 3, 5)), states_of([free], given, datetime(2025, 3, 5)))
    assert (never.file, never.landed_at, never.overdue_days) == (None, None, None)
    assert (old.file, old.overdue_days) == ("old.csv", None)
