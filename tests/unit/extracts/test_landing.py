"""What lands, exactly: types, codes, outputs, pseudonyms, receipts, formats."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.extracts.deliveries import read_receipts
from pipelines.extracts.landing import LandedFileMissingError, create_landing_views, pending_fingerprint
from pipelines.extracts.pseudonyms import pseudonym

HR = """\
system: french_hr
name: absence
version: 1
description: Absences
owner: team:hr
match: ["hr_*.csv"]
format: {delimiter: ";", encoding: cp1252, decimal: ",", thousands: " "}
columns:
  - {source: Matricule, field: employee_id, required: true}
  - {source: Début, field: started_on, type: date, formats: "%d/%m/%Y", required: true}
  - {source: Fin, field: ended_on, type: date, formats: ["%d/%m/%Y", "%d-%m-%Y"], required: true}
  - {source: Motif, field: kind, codes: {Maladie: sick, Accident du travail: accident}, required: true}
  - {source: Heures, field: hours, type: number, min: 0, max: 2000, missing: [n/c]}
outputs: [{entity: absence}]
"""
HR_HEAD = "Matricule;Nom;Début;Fin;Motif;Heures\r\n"


def hr_file(*rows: str) -> bytes:
    return (HR_HEAD + "\r\n".join(rows) + "\r\n").encode("cp1252")


def test_french_export_with_every_kind_of_dirt(bench: Any) -> None:
    bench.contract(HR)
    bench.file(
        "hr_absences.csv",
        hr_file(
            "007;Durand Zoé;01/02/2025;03/02/2025;maladie;14,5",  # line 2
            "008;Durand;01/02/2025;03-02-2025;Maladie;1\u00a0234,5",
            "008;Durand;01/02/2025;03-02-2025;Maladie;1\u00a0234,5",  # exact duplicate
            "009;Durand;31/02/2025;03/02/2025;Maladie;7",
            ";Durand;01/02/2025;03/02/2025;Maladie;7",
            "010;Durand;01/02/2025;03/02/2025;Grippe;7.5",  # two bad columns
            "011;Durand;01/02/25;03/02/2025;Maladie;7",  # two-digit year
            "012;Durand;01/02/2025;03/02/2025;Maladie;9999",
            "013;Du;rand;01/02/2025;03/02/2025;Maladie;7",  # extra separator
            "014;Durand;01/02/2025;03/02/2025;Maladie;N/C",
            '015;"Du\nrand; le ""grand""";01/02/2025;03/02/2025;Maladie;7',  # lines 12 and 13
            "016;Durand;01/02/2025;03/02/2025;Maladie;12 34",
            "017;Durand;01/02/2025",  # cut off
        ),
    )
    report = bench.land()
    (receipt,) = report.receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates) == (13, 4, 8, 1)
    assert receipt.balanced
    assert receipt.months == ["2025-02"]
    assert receipt.personal == {"Matricule": "pseudonymised", "Nom": "dropped"}
    assert bench.bad() == [
        (5, "not_a_date", "31/02/2025"),
        (6, "required", None),
        (7, "unknown_code", "Grippe"),
        (8, "not_a_date", "01/02/25"),
        (9, "out_of_range", "9999"),
        (10, "field_count", None),
        (14, "not_a_number", "12 34"),
        (15, "field_count", None),
    ]
    messages = dict(bench.bad("line, message"))
    assert messages[7].startswith("hr_absences.csv, line 7, column Motif: 'Grippe' is not one of the codes")
    assert messages[7].endswith("Bad columns of the row: Motif, Heures")
    assert "7 fields found, 6 expected" in messages[10]
    (whole,) = [json.loads(row) for line, row in bench.bad("line, row") if line == 7]
    assert whole["Nom"] == "Durand"
    assert whole["Heures"] == "7.5"
    me = pseudonym("007", "employee", bench.key)
    assert bench.rows("absence", "employee_id, started_on, ended_on, kind, hours, _record, _system")[:2] == [
        (me, date(2025, 2, 1), date(2025, 2, 3), "sick", 14.5, 1, "french_hr"),
        (
            pseudonym("008", "employee", bench.key),
            date(2025, 2, 1),
            date(2025, 2, 3),
            "sick",
            1234.5,
            2,
            "french_hr",
        ),
    ]
    assert [row[0] for row in bench.rows("absence", "_record")] == [1, 2, 10, 11]


def test_no_personal_text_in_landing_and_quarantine_for_the_owner_only(bench: Any) -> None:
    bench.contract(HR)
    bench.file("hr_absences.csv", hr_file("X12345;Quidam;01/02/2025;03/02/2025;maladie;1", "X9;Quidam;;;;"))
    bench.land()
    written = b"".join(path.read_bytes() for path in bench.landing.rglob("*") if path.is_file())
    table = str(bench.rows("absence")).encode()
    assert b"Quidam" not in written + table
    assert b"X12345" not in written + table
    (file,) = bench.quarantine.glob("*")
    assert file.stat().st_mode & 0o777 == 0o600


SURVEY = """\
system: qualtrics
name: survey
version: 1
description: Client survey
owner: team:cx
match: ["survey*.csv"]
format: {skip_rows_after_header: 2}
timezone: Europe/Paris
columns:
  - {source: ResponseId, field: response_id, required: true}
  - {source: ExternalReference, field: respondent}
  - {source: EndDate, field: ended_at, type: timestamp, required: true}
  - {source: Unit, field: unit}
  - {source: Q1, field: q1, type: integer}
  - {source: Q2, field: q2, type: integer}
  - {source: Moment, field: moment}
filters:
  - {source: Status, drop_values: [Survey Preview, 1], reason: preview}
outputs:
  - entity: survey_answer
    fields: {response_id: response_id, respondent_id: respondent, side: "=collaborator", role: "=collaborator",
             perspective: "=own", unit_id: unit, answered_at: ended_at, scale_min: "=1", scale_max: "=5"}
    each:
      - {question: "=Q1", dimension: "=trust", moment: "=", value: q1}
      - {question: "=Q2", dimension: "=satisfaction", moment: moment, value: q2, reversed: true}
  - entity: unit
    when: unit
    distinct: true
    fields: {unit_id: unit, unit_name: unit, unit_level: "=team"}
"""


def test_survey_with_three_header_rows_items_and_reversed_scale(bench: Any) -> None:
    bench.contract(SURVEY)
    bench.file(
        "survey.csv",
        "\ufeffStatus,ResponseId,ExternalReference,EndDate,Unit,Q1,Q2,Moment\n"
        '"State","Id","Ref","End","Unit","How far do you\ntrust, all in all?","Q2","M"\n'
        '"{""ImportId"":""status""}",a,b,c,d,e,f,g\n'
        "IP Address,R1,77,2026-03-31 23:30:00,T1,4,2,onboarding\n"
        "Survey Preview,R2,,2026-03-01 10:00:00,T1,4,2,\n"
        "0,R3,,2026-03-01 10:00:00,T1,,5,\n"
        "0,R4,,2026-03-01 10:00:00,,3,,\n"
        "0,R5,,2026-03-01 10:00:00,T2,6,,\n"
        "0,R6,,2026-03-01 10:00:00,T2,3.5,,\n",
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (6, 3, 2, 1)
    assert receipt.filter_reasons == {"preview": 1}
    assert receipt.outputs == {"survey_answer": 4, "unit": 1}
    assert receipt.months == ["2026-03"]
    assert [(reason, value) for _, reason, value in bench.bad()] == [
        ("out_of_range", "6"),
        ("not_a_integer", "3.5"),
    ]
    r1, me = pseudonym("R1", "response", bench.key), pseudonym("77", "employee", bench.key)
    found = bench.rows(
        "survey_answer",
        "response_id, respondent_id, question, moment, value, answered_at, _record",
        "_record, question",
    )
    assert found[:2] == [
        (r1, me, "Q1", None, 4.0, datetime(2026, 3, 31, 21, 30), 1),
        (r1, me, "Q2", "onboarding", 4.0, datetime(2026, 3, 31, 21, 30), 1),
    ]
    assert [row[2:5] for row in found[2:]] == [("Q2", None, 1.0), ("Q1", None, 3.0)]
    assert bench.rows("unit", "unit_id, parent_unit_id, _record") == [("T1", None, 1)]


CRM = """\
system: crm
name: contact
version: 1
description: Contacts
owner: team:crm
match: ["contacts*"]
format: FORMAT
timezone: Europe/Paris
VERSION_FROM
columns:
  - {source: id, field: contact_id, required: true}
  - {source: client.ref, field: client_id, required: true}
  - {source: at, field: contacted_at, type: timestamp, required: true}
  - {source: kind, field: kind, required: true}
outputs: [{entity: proactive_contact}]
"""
ROWS = [
    {"id": 1, "client": {"ref": "é1"}, "at": "2026-01-02T10:00:00.000+0100", "kind": "proactive", "name": "X"},
    {"id": 2, "client": {"ref": "c2"}, "at": "2026-01-02T10:00:00Z", "kind": "callback"},
    {"id": 3, "client": None, "at": "2026-01-02T10:00:00Z", "kind": "callback"},
    {"id": 4, "client": {"ref": "c2"}, "at": "2026-01-02 10:00", "kind": "cold call"},
    {"id": 5, "client": {"ref": "c2"}, "at": "2026-01-02 10:00", "kind": "callback"},
    {"id": 5, "client": {"ref": "c2"}, "at": "2026-01-02 10:00", "kind": "callback"},
]


def crm(form: str, version_from: str = "") -> str:
    return CRM.replace("FORMAT", form).replace("VERSION_FROM", version_from)


def check_crm(bench: Any, extra: int = 0) -> None:
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates) == (6 + extra, 3, 2 + extra, 1)
    assert bench.rows("proactive_contact", "client_id, contacted_at, _record") == [
        (pseudonym("é1", "client", bench.key), datetime(2026, 1, 2, 9), 1),
        (pseudonym("c2", "client", bench.key), datetime(2026, 1, 2, 10), 2),
        (pseudonym("c2", "client", bench.key), datetime(2026, 1, 2, 9), 5),
    ]
    reasons = [row[1] for row in bench.bad("record, reason")]
    assert reasons[:2] == ["required", "not_allowed"]


@pytest.mark.parametrize("records", ["", "data.tickets"])
def test_json_document(bench: Any, records: str) -> None:
    bench.contract(crm(f"{{type: json, records: '{records}'}}"))
    document = {"data": {"tickets": ROWS}} if records else ROWS
    bench.file("contacts.json", json.dumps(document, ensure_ascii=False))
    check_crm(bench)


def test_json_lines_with_broken_lines(bench: Any) -> None:
    bench.contract(crm("{type: jsonl}"))
    lines = [json.dumps(row) for row in ROWS]
    bench.file("contacts.jsonl", "\ufeff" + "\n".join(lines) + '\n\n{"id": 7,\n[1]\n')
    check_crm(bench, extra=2)
    assert bench.bad()[2:] == [(8, "json", None), (9, "json", None)]
    assert [row for (row,) in bench.bad("row")][2:] == ['{"id": 7,', "[1]"]


def test_parquet_with_typed_columns(bench: Any) -> None:
    bench.contract(
        crm("{type: parquet, decimal: ','}").replace("type: timestamp,", 'type: timestamp, formats: "%d/%m/%Y",')
    )
    moments = [9, 10, 10, 9, 9, 9]
    table = pa.table(
        {
            "id": pa.array([row["id"] for row in ROWS], pa.int32()),
            "client.ref": [(row["client"] or {}).get("ref") for row in ROWS],  # type: ignore[attr-defined]
            "at": pa.array([datetime(2026, 1, 2, hour) for hour in moments], pa.timestamp("us", tz="UTC")),
            "kind": [row["kind"] for row in ROWS],
            "tags": [["a"]] * 6,
        }
    )
    bench.inbox.mkdir()
    pq.write_table(table, bench.inbox / "contacts.parquet")
    check_crm(bench)


def test_same_file_again_does_nothing_and_a_changed_contract_supersedes(bench: Any) -> None:
    bench.contract(crm("{type: jsonl}"))
    bench.file("contacts.jsonl", json.dumps(ROWS[0]) + "\n")
    before = pending_fingerprint(bench.inbox, bench.landing, bench.contracts())
    (first,) = bench.land().receipts
    assert pending_fingerprint(bench.inbox, bench.landing, bench.contracts()) == before
    again = bench.land()
    assert (again.receipts, again.unchanged) == ([], [first.delivery_id])
    bench.contract(crm("{type: jsonl}") + "# changed\n")
    assert pending_fingerprint(bench.inbox, bench.landing, bench.contracts()) != before
    (second,) = bench.land().receipts
    assert second.version == first.version
    assert {receipt.delivery_id: receipt.superseded_by for receipt in read_receipts(bench.landing)} == {
        first.delivery_id: second.delivery_id,
        second.delivery_id: None,
    }
    assert len(bench.rows("proactive_contact")) == 1
    bench.contract(crm("{type: jsonl}"))
    (third,) = bench.land().receipts
    assert third.delivery_id == first.delivery_id
    assert [row[0] for row in bench.rows("proactive_contact", "_delivery_id")] == [first.delivery_id]


def test_a_landed_file_that_is_gone_is_named_with_the_remedy(bench: Any) -> None:
    bench.contract(crm("{type: jsonl}"))
    bench.file("contacts.jsonl", json.dumps(ROWS[0]) + "\n")
    (receipt,) = bench.land().receipts
    (bench.landing / "proactive_contact" / f"{receipt.delivery_id}.parquet").unlink()
    (bench.inbox / "contacts.jsonl").unlink()
    with (
        duckdb.connect() as connection,
        pytest.raises(LandedFileMissingError, match=rf"contacts\.jsonl.*symmetry withdraw {receipt.delivery_id}"),
    ):
        create_landing_views(connection, bench.landing)


def test_version_comes_from_the_file_name(bench: Any) -> None:
    bench.contract(crm("{type: jsonl}", r"version_from: '_(\d{8})'"))
    bench.file("contacts_20260131.jsonl", json.dumps(ROWS[0]) + "\n")
    bench.land()
    assert bench.rows("proactive_contact", "_version") == [(datetime(2026, 1, 31),)]


def test_without_its_receipt_a_delivery_does_not_exist(bench: Any) -> None:
    bench.contract(crm("{type: jsonl}"))
    bench.file("contacts.jsonl", json.dumps(ROWS[0]) + "\n")
    bench.land()
    for receipt in (bench.landing / "_receipts").iterdir():
        receipt.unlink()
    assert bench.rows("proactive_contact") == []
    assert len(bench.land().receipts) == 1
    next((bench.landing / "proactive_contact").glob("*.parquet")).unlink()
    assert len(bench.land().receipts) == 1
    assert len(bench.rows("proactive_contact")) == 1


def test_views_of_an_empty_landing_have_every_column_typed(bench: Any) -> None:
    with duckdb.connect() as connection:
        create_landing_views(connection, bench.landing)
        described = connection.execute('DESCRIBE landing."case"').fetchall()
    assert ("opened_at", "TIMESTAMP") in [row[:2] for row in described]
    assert [row[0] for row in described][-4:] == ["_system", "_delivery_id", "_record", "_version"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_line_ends_and_encodings(bench: Any, end: str, encoding: str) -> None:
    bench.contract(HR.replace("cp1252", encoding))
    text = (
        HR_HEAD.strip() + "\r\n" + '1;"a\r\nb";01/02/2025;03/02/2025;maladie;1\r\n2;é;01/02/2025;03/02/2025;maladie;1'
    )
    bench.file("hr_a.csv", text.replace("\r\n", end).encode(encoding))
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed) == (2, 2)


def test_mixed_line_ends_blank_lines_and_all_rows_bad(bench: Any) -> None:
    bench.contract(HR.replace("cp1252", "utf-8"))
    row = "{};é;01/02/2025;03/02/2025;maladie;1"
    text = "\n" + HR_HEAD.strip() + "\n" + row.format(1) + "\r\n\n\r\n" + row.format(2) + "\r" + row.format(3) + "\n\n"
    bench.file("hr_a.csv", text)
    bench.file("hr_b.csv", HR_HEAD.strip() + "\nfoo\n")
    good, bad = bench.land().receipts
    assert (good.read, good.landed) == (3, 3)
    assert (bad.read, bad.landed, bad.quarantined) == (1, 0, 1)
