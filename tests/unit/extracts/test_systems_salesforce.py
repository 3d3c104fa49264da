"""Salesforce: real Data Loader exports, read in place by contracts derived from the shipped ones, and its ids."""

from __future__ import annotations

import csv
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR
from pipelines.extracts.landing import LandingReport, land_inbox
from pipelines.extracts.pseudonyms import pseudonym
from tests.unit.extracts.conftest import KEY, Bench

CREATED = datetime(2024, 1, 23, 13, 26, 8)


def derived(name: str, changes: dict[str, str], without: tuple[str, ...] = ()) -> str:
    """The shipped contract for an org with other custom fields: some lines changed, some left out."""
    text = (CONTRACTS_DIR / f"salesforce.{name}.yml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not any(f"source: {field}," in line for field in without)]
    text = "\n".join(lines)
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


KINDS = {
    "Customer Feedback": "complaint",
    "Transaction issue": "incident",
    "Fraud Report": "incident",
    "Account inquiry": "question",
    "Billing Inquiry": "question",
    "Account Closure": "request",
    "Service Request": "request",
}
CASE = derived(
    "case",
    {
        "salesforce_case*.csv": "Case.csv",
        "{Complaint: complaint, Request: request, Question: question, Incident: incident}": (
            f"{{{', '.join(f'{code}: {kind}' for code, kind in KINDS.items())}}}"
        ),
    },
    ("First_Response__c", "Reopen_Count__c", "Theme__c", "Moment__c", "Team__c"),
)
ACCOUNT = derived(
    "account",
    {
        "salesforce_account*.csv": "Account.csv",
        "source: Team__c": "source: Branch__c",
        "source: Segment__c": "source: Classification__c",
        "{Individual: individual, Professional: professional, Key account: key_account}": (
            "{Customer: individual, Prospect: professional}"
        ),
        'source: Client_Since__c, field: client_since, type: date, formats: ["%Y-%m-%d"]': (
            "source: CreatedDate, field: client_since, type: timestamp"
        ),
    },
    ("Client_Until__c", "Team_Start__c", "Team_End__c"),
)
TASK = derived(
    "task",
    {
        "salesforce_task*.csv": "Task.csv",
        "source: CompletedDateTime": "source: CreatedDate",
        "{source: Type, field: kind, type: text, codes: {Courtesy call: proactive, Callback: callback}": (
            "{source: Type__c, field: kind, type: text, codes: {Call: proactive, Meeting: proactive}"
        ),
        '{source: Type, drop_values: ["Internal note", "Email"]': (
            "{source: Type__c, drop_values: [Prep, Email, Other]"
        ),
        '["Not Started", "Deferred", "In Progress", "Waiting on someone else"]': "[Deferred]",
    },
    ("Channel__c", "Team__c"),
)


def land(bench: Bench, real: Path, contract: str, file: str) -> LandingReport:
    """Land one real file, where it lies: the folder beside it holds files no contract claims."""
    bench.contract(contract)
    return land_inbox(real / "salesforce", bench.landing, bench.quarantine, bench.contracts(), KEY)


def counts(report: LandingReport) -> tuple[int, int, int, int, int]:
    (receipt,) = report.receipts
    return (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates, receipt.filtered)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_real_cases(bench: Bench, real: Path) -> None:
    report = land(bench, real, CASE, "Case.csv")
    assert counts(report) == (40, 31, 9, 0, 0)
    landed = bench.rows("case", "case_id, client_id, unit_id, opened_at, resolved_at, kind, _record")
    ident = pseudonym("500Ec000009YUY8", "case", KEY)
    assert landed[0] == (ident, None, None, CREATED, CREATED, "incident", 1)
    assert landed[1][1] == pseudonym("001Ec00000GGw3n", "client", KEY)
    assert landed[1][3:] == (CREATED, None, "question", 2)
    known = rows_of(real / "salesforce" / "Case.csv")
    assert (landed[-1][0], landed[-1][6]) == (pseudonym(known[36]["Id"][:15], "case", KEY), 37)
    assert [(row["Type"] in KINDS) for row in known] == [n in {row[6] for row in landed} for n in range(1, 41)]
    assert [row[4] for row in landed] == [
        CREATED if row["IsClosed"] == "1" else None for row in known if row["Type"] in KINDS
    ]
    assert bench.bad('line, "column", reason, value') == [
        (n, "Type", "unknown_code", row["Type"]) for n, row in enumerate(known, start=2) if row["Type"] not in KINDS
    ]


def test_real_accounts(bench: Bench, real: Path) -> None:
    report = land(bench, real, ACCOUNT, "Account.csv")
    assert counts(report) == (22, 20, 2, 0, 0)
    landed = bench.rows("client", "client_id, unit_id, segment, client_since, _record")
    first, last = landed[0], landed[-1]
    assert first[0] == pseudonym("001Ec00000GGw3h", "client", KEY)
    assert (str(first[3]), first[4]) == ("2024-01-22", 2)
    assert last == (
        pseudonym("001Ec00000GGw40", "client", KEY),
        "a00Ec000009WFupIAG",
        "individual",
        datetime(2024, 1, 22).date(),
        21,
    )
    assert [row[2] for row in landed].count("individual") == 13
    assert bench.bad('line, "column", reason') == [(2, "Branch__c", "required"), (23, "Branch__c", "required")]


def test_real_tasks(bench: Bench, real: Path) -> None:
    report = land(bench, real, TASK, "Task.csv")
    known = rows_of(real / "salesforce" / "Task.csv")
    kept = [(i, row) for i, row in enumerate(known, start=1) if row["Type__c"] in {"Call", "Meeting"}]
    whole = [(i, row) for i, row in kept if row["AccountId"]]
    assert counts(report) == (75, len(whole), len(kept) - len(whole), 0, 46)
    assert len(kept) == 29
    landed = bench.rows("proactive_contact", "contact_id, client_id, contacted_at, kind, _record")
    assert landed == [
        (
            pseudonym(row["Id"][:15], "contact", KEY),
            pseudonym(row["AccountId"][:15], "client", KEY),
            datetime(2024, 1, 23, 17, 50, 51),
            "proactive",
            i,
        )
        for i, row in whole
    ]
    assert set(bench.bad('"column", reason')) == {("AccountId", "required")}


def test_shipped_contracts_say_what_a_plain_org_lacks(bench: Bench, real: Path) -> None:
    bench.contract((CONTRACTS_DIR / "salesforce.case.yml").read_text(encoding="utf-8"))
    bench.inbox.mkdir()
    shutil.copyfile(real / "salesforce" / "Case.csv", bench.inbox / "salesforce_case.csv")
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"
    for name in ("First_Response__c", "Reopen_Count__c", "Theme__c", "Moment__c", "Team__c"):
        assert repr(name) in refusal.message


PLAIN_CASE = (
    '"ID","ISDELETED","ACCOUNTID","TEAM__C","CREATEDDATE","FIRST_RESPONSE__C","CLOSEDDATE","REOPEN_COUNT__C","TYPE",'
    '"THEME__C","ORIGIN","MOMENT__C"\n'
)
SHORT, LONG = "0015f00000aBcDe", "0015f00000aBcDeAAK"


def plain_case(case_id: str, deleted: str, account: str, created: str, closed: str = "") -> str:
    return f'"{case_id}","{deleted}","{account}","EQ-001","{created}","","{closed}","0","Question","","Phone",""\n'


def test_both_lengths_of_an_id_give_one_pseudonym_and_capitals_tell(bench: Bench) -> None:
    bench.contract((CONTRACTS_DIR / "salesforce.case.yml").read_text(encoding="utf-8"))
    bench.file(
        "salesforce_case.csv",
        PLAIN_CASE
        + plain_case("5005f00000AAAAA", "", SHORT, "2018-05-16T14:46:15.000+0000")
        + plain_case("5005f00000AAAABAA4", "false", LONG, "2018-05-16T14:46:15.000Z", "2018-05-16T16:46:15Z")
        + plain_case("5005f00000AAAaB", "0", SHORT.upper(), "2018-05-16T16:46:15.250+0200")
        + plain_case("5005f00000AAAAC", "1", SHORT, "2018-05-16T14:46:15.000Z")
        + plain_case("5005f00000AAAAD", "TRUE", SHORT, "2018-05-16T14:46:15.000Z")
        + plain_case("5005f00000AAAAE", "", "0015f00000aBcDeA", "2018-05-16T14:46:15.000Z")
        + plain_case("5005f00000AAA-F", "", SHORT, "2018-05-16T14:46:15.000Z"),
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (7, 3, 2)
    assert receipt.filter_reasons == {"deleted": 2}
    landed = bench.rows("case", "case_id, client_id, opened_at, resolved_at")
    moment = datetime(2018, 5, 16, 14, 46, 15)
    assert landed == [
        (pseudonym("5005f00000AAAAA", "case", KEY), pseudonym(SHORT, "client", KEY), moment, None),
        (
            pseudonym("5005f00000AAAAB", "case", KEY),
            pseudonym(SHORT, "client", KEY),
            moment,
            datetime(2018, 5, 16, 16, 46, 15),
        ),
        (
            pseudonym("5005f00000AAAaB", "case", KEY),
            pseudonym(SHORT.upper(), "client", KEY),
            moment.replace(microsecond=250_000),
            None,
        ),
    ]
    assert bench.bad('line, "column", reason') == [(7, "AccountId", "no_match"), (8, "Id", "no_match")]


def test_a_real_column_of_booleans_reads_one_and_blank(bench: Bench, real: Path) -> None:
    bench.contract(
        """
system: salesforce
name: internal
version: 1
description: Cases of an internal service desk
owner: team:it
match: Case.csv
timezone: UTC
columns:
  - {source: id, field: request_id, required: true}
  - {source: CREATEDDATE, field: opened_at, type: timestamp, required: true}
  - {source: IsClosed, field: put_into_use, type: boolean, blank: false}
outputs:
  - entity: internal_request
    fields: {request_id: request_id, opened_at: opened_at, put_into_use: put_into_use, kind: "=it_request"}
"""
    )
    land_inbox(real / "salesforce", bench.landing, bench.quarantine, bench.contracts(), KEY)
    used = [value for (value,) in bench.rows("internal_request", "put_into_use")]
    assert used == [row["IsClosed"] == "1" for row in rows_of(real / "salesforce" / "Case.csv")]
    assert used.count(True) == 14


@pytest.mark.parametrize("name", ["account", "case", "task"])
def test_every_shipped_contract_reads_an_id_in_one_form(name: str) -> None:
    text = (CONTRACTS_DIR / f"salesforce.{name}.yml").read_text(encoding="utf-8")
    ids = [line for line in text.splitlines() if "source: Id," in line or "source: AccountId," in line]
    assert ids
    assert all("extract" in line for line in ids)
