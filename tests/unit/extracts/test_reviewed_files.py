"""Exports as the products write them, which a review found refused, garbled or read as something else."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
import xlsxwriter

from pipelines.extracts.contract import CONTRACTS_DIR
from pipelines.extracts.pseudonyms import pseudonym
from tests.unit.extracts.conftest import KEY, Bench


def ship(bench: Bench, *names: str) -> None:
    for name in names:
        bench.contract((CONTRACTS_DIR / f"{name}.yml").read_text(encoding="utf-8"), name)


# --- contracts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("organization", "unit"),
    [
        ("EQ-001", "EQ-001"),
        ("IT Services (Oliver Reynolds)", "IT Services"),
        ("Sales (Paris) (Logan McNeil)", "Sales (Paris)"),
        ("Sales (Logan McNeil) (Inherited)", "Sales"),
        ("Sales (Logan McNeil (On Leave))", "Sales"),
        ("Sales (Jean-Noël d'Arc)", "Sales"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_manager_in_a_workday_organization_s_name_does_not_land(
    bench: Bench, form: str, organization: str, unit: str
) -> None:
    ship(bench, "workday.worker", "workday.worker_json")
    entry = {"Employee_ID": "21001", "Hire_Date": "2015-01-01-08:00", "Supervisory_Organization": organization}
    if form == "json":
        bench.file("workday_workers_20261101.json", json.dumps({"Report_Entry": [entry]}))
    else:
        bench.file("workday_workers_20261101.csv", f"{','.join(entry)}\n{','.join(entry.values())}\n")
    (receipt,) = bench.land().receipts
    assert (receipt.landed, receipt.quarantined) == (1, 0)
    assert bench.rows("employee", "unit_id, hired_on") == [(unit, date(2015, 1, 1))]


def test_workday_s_path_of_a_termination_is_read_at_its_category(bench: Bench) -> None:
    ship(bench, "workday.worker_json")
    reasons = {
        "Terminate Employee > Voluntary > Career Change": "voluntary",
        "Terminate Employee > Involuntary > Performance": "dismissal",
        "Terminate Employee > Voluntary > Retirement": "retirement",
        "Terminate Employee > Involuntary > End of Contract": "end_of_contract",
        "Voluntary": "voluntary",
        "Retirement": "retirement",
        "": None,
    }
    entries = [
        {
            "Employee_ID": str(number),
            "Hire_Date": "2015-01-01",
            "Supervisory_Organization_ID": "EQ-001",
            "Termination_Date": "2020-01-31",
            "Termination_Reason": reason,
        }
        for number, reason in enumerate([*reasons, "Terminate Employee > Statutory > Other"])
    ]
    bench.file("workday_workers_20261101.json", json.dumps({"Report_Entry": entries}))
    bench.land()
    assert [row[0] for row in bench.rows("employee", "leave_reason")] == list(reasons.values())
    assert bench.bad('record, "column", reason, value') == [
        (8, "Termination_Reason", "unknown_code", "Terminate Employee > Statutory > Other")
    ]


def test_the_status_that_bamboohr_gives_to_leavers(bench: Bench) -> None:
    ship(bench, "bamboohr.employee")
    bench.file(
        "bamboohr_employees_20260131.csv",
        "Employee #,Department,Hire Date,Termination Date,Employment Status\n"
        "7,EQ-001,2020-01-15,0000-00-00,Full Time\n8,EQ-002,2021-01-15,2025-12-31,Terminated\n",
    )
    bench.land()
    assert bench.bad() == []
    assert bench.rows("employee", "contract_type, left_on") == [("permanent", None), (None, date(2025, 12, 31))]


@pytest.mark.parametrize("blank", ["", "-"])
def test_a_zendesk_ticket_without_the_client_s_id_belongs_to_nobody(bench: Bench, blank: str) -> None:
    ship(bench, "zendesk.ticket")
    bench.file(
        "zendesk_tickets_20180601.csv",
        "Id,Requester external id,Group,Created at,Updated at\n"
        f"1,{blank},{blank},2018-05-16 14:46:15 +0200,2018-05-16 14:46:15 +0200\n",
    )
    bench.land()
    assert bench.rows("case", "client_id, unit_id, opened_at") == [(None, None, datetime(2018, 5, 16, 12, 46, 15))]


def test_a_hubspot_ticket_of_two_companies_is_no_client_s(bench: Bench) -> None:
    ship(bench, "hubspot.ticket")
    bench.file(
        "hubspot-crm-exports-all-tickets-2026-11-02.csv",
        "Ticket ID,Create date,Associated Company IDs,Category\n"
        "1,2026-10-01 14:05,9876543210,PRODUCT_ISSUE\n2,2026-10-01 14:05,1;2,\n",
    )
    bench.land()
    assert bench.rows("case", "client_id, kind") == [(pseudonym("9876543210", "client", KEY), "incident")]
    assert bench.bad('line, "column", reason, value') == [(3, "Salesforce Account ID", "no_match", "1;2")]


def test_servicenow_in_windows_1252(bench: Bench) -> None:
    ship(bench, "servicenow.request")
    bench.file(
        "incident.csv",
        '"number","opened_at","category","caller_id.department","sys_updated_on"\n'
        '"INC0010001","2026-10-01 09:15:00","Hardware","Qualité","2026-10-02 10:00:00"\n'.encode("cp1252"),
    )
    bench.land()
    assert bench.rows("internal_request", "unit_id, opened_at") == [("Qualité", datetime(2026, 10, 1, 7, 15))]


@pytest.mark.parametrize("name", ["client_survey", "client_survey_legacy", "collaborator_survey"])
def test_what_qualtrics_takes_for_spam_is_left_out_and_counted(bench: Bench, name: str) -> None:
    ship(bench, f"qualtrics.{name}")
    (contract,) = bench.contracts()
    status = "V7" if "legacy" in name else "Status"
    finished = "V10" if "legacy" in name else "Finished"
    moment = "V9" if "legacy" in name else "EndDate"
    names = [*dict.fromkeys(column.source for column in contract.columns), status, finished]
    lines = [",".join(names), ",".join(["ResponseID", *names[1:]])]
    if "legacy" not in name:
        lines.append(",".join(f'"{{""ImportId"":""{column}""}}"' for column in names))
    for number, (kind, done) in enumerate([("0", "1"), ("8", "1"), ("Spam", "TRUE"), ("12", "1"), ("4", "True")]):
        known = {moment: "2026-03-01 10:05:00", status: kind, finished: done, names[0]: f"R_{number}", "Q1_1": "4"}
        known["Role"] = "Manager"
        lines.append(",".join(known.get(column, "") for column in names))
    bench.file(contract.match[0].replace("*", "_20260301"), "\n".join(lines) + "\n")
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.filter_reasons) == (5, 2, {"spam": 3})


# --- names of columns ------------------------------------------------------------------------------------


def test_a_typographic_apostrophe_in_a_header_is_an_apostrophe(bench: Bench) -> None:
    ship(bench, "french_hr.absence")
    bench.file(
        "hr_absences_20261130.csv",
        "Matricule;Salarié;Date de début;Date de fin;Type d’absence;Nombre d’heures\n"
        "12;Zoé;01/01/2026;03/01/2026;Maladie;7,5\n".encode("cp1252"),
    )
    (receipt,) = bench.land().receipts
    assert receipt.landed == 1
    assert bench.rows("absence", "kind, hours") == [("sick", 7.5)]


def test_another_delimiter_is_named(bench: Bench) -> None:
    ship(bench, "bamboohr.employee")
    bench.file(
        "bamboohr_employees_20261031.csv",
        "Employee #;First Name;Hire Date;Department;Employment Status\n1;Ann;2020-01-01;T1;Full-Time\n",
    )
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"
    assert "line 1 is divided by ';', the contract states ','. State `delimiter: \";\"`" in refusal.message
    assert "Ann" not in refusal.message


def test_a_first_line_without_names_is_not_taken_for_another_delimiter(bench: Bench) -> None:
    ship(bench, "generic_hr.headcount")
    bench.file("headcount_20261031.csv", "1;Ann;2020-01-01;T1;Field;2020-01-01\n")
    (refusal,) = bench.land().refused
    assert "has the export lost its header?" in refusal.message
    assert "If the names stand lower, state `skip_rows_before_header` in the contract" in refusal.message
    assert "Ann" not in refusal.message


# --- physical formats ------------------------------------------------------------------------------------


def test_a_title_above_the_header_of_a_sheet_is_told(bench: Bench) -> None:
    ship(bench, "generic_hr.training_xlsx")
    bench.inbox.mkdir()
    workbook = xlsxwriter.Workbook(str(bench.inbox / "formation_2026.xlsx"))
    sheet = workbook.add_worksheet("Feuil1")
    sheet.merge_range(0, 0, 0, 2, "Formation 2026")
    sheet.write_row(1, 0, ["Matricule", "Date de formation", "Durée (h)"])
    sheet.write_row(2, 0, ["1", "2026-01-05", 7])
    workbook.close()
    (refusal,) = bench.land().refused
    assert refusal.message == (
        "formation_2026.xlsx, sheet 'Feuil1', row 1: none of the 1 columns has an expected name. The contract "
        "generic_hr.training_xlsx reads 'Employee ID', 'Date'. If the names stand lower or in another sheet, state "
        "`skip_rows_before_header` or `sheet` in the contract; else mend the export, or the contract if the source "
        "has changed its names."
    )


def test_days_that_parquet_writes_as_timestamps(bench: Bench) -> None:
    ship(bench, "operations.availability_parquet")
    bench.inbox.mkdir()
    path = str(bench.inbox / "availability_20261029.parquet")
    row = "'{}' AS unit, 'web' AS service, 'staff' AS audience, {} AS day, 600 AS expected_min, 599.5 AS available_min"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        for number, moment in enumerate(
            (
                "TIMESTAMP '2026-10-01 00:00:00'",
                "TIMESTAMP_NS '2026-10-02 00:00:00'",
                "TIMESTAMPTZ '2026-10-03 00:00:00+00'",
                "TIMESTAMPTZ '2026-10-04 08:30:00+00'",
            )
        ):
            select = f"{row.format(f'T{number}', moment)}, NULL::INTEGER AS median_response_ms"
            connection.execute(f"COPY (SELECT {select}) TO '{path.replace('1029', f'102{number}')}' (FORMAT parquet)")
    bench.land()
    assert bench.rows("availability", "unit_id, day", "unit_id") == [
        ("T0", date(2026, 10, 1)),
        ("T1", date(2026, 10, 2)),
        ("T2", date(2026, 10, 3)),
    ]
    assert bench.bad('"column", reason, value') == [("day", "not_a_date", "2026-10-04 08:30:00+00")]


def test_a_cut_off_parquet_file_is_named_without_the_folders_of_the_machine(bench: Bench, tmp_path: Path) -> None:
    ship(bench, "operations.availability_parquet")
    whole = tmp_path / "whole.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS unit) TO '{whole}' (FORMAT parquet)")
    bench.file("availability_20261027.parquet", whole.read_bytes()[:-30])
    (refusal,) = bench.land().refused
    assert refusal.reason == "not_the_format"
    assert refusal.message.startswith("availability_20261027.parquet: damaged Parquet file: ")
    assert refusal.message.endswith(". Export it again.")
    assert str(tmp_path) not in refusal.message


def test_an_array_that_is_the_whole_document_is_told_with_the_remedy(bench: Bench) -> None:
    ship(bench, "zendesk.ticket_json")
    bench.file("zendesk_tickets_1.json", json.dumps([{"id": 1}]))
    bench.file("zendesk_tickets_2.json", json.dumps({"results": [{"id": 1}], "count": 1, "ada@example.org": [1]}))
    report = bench.land()
    assert [refusal.message for refusal in sorted(report.refused, key=lambda refusal: refusal.file)] == [
        "zendesk_tickets_1.json: the contract expects an array at `records: tickets`; there is none. The whole "
        "document is an array: leave `records` out of the contract, or export it again.",
        "zendesk_tickets_2.json: the contract expects an array at `records: tickets`; there is none. There are arrays "
        "at 'results': state one as `records` in the contract, or export it again.",
    ]


def test_a_byte_of_mac_roman_is_not_said_to_be_windows_1252_only(bench: Bench) -> None:
    ship(bench, "bamboohr.employee")
    bench.file("bamboohr_employees_20261031.csv", "Employee #,First Name\n1,Jérôme\n".encode("mac_roman"))
    (refusal,) = bench.land().refused
    assert refusal.message == (
        "bamboohr_employees_20261031.csv: byte 25 (line 2) is not utf-8: 0x8E. That byte is 'Ž' in Windows-1252 "
        "(`cp1252`) and 'é' in Mac Roman (`mac_roman`). State the encoding the file has in the contract, or export it "
        "again."
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "mac_roman"])
def test_surveymonkey_as_exported_and_as_a_macintosh_saves_it(bench: Bench, encoding: str) -> None:
    ship(bench, "surveymonkey.collaborator_survey")
    (contract,) = bench.contracts()
    assert contract.survey is not None
    upper = ["Respondent ID", "Date Modified", "Custom Data 1", "team", "population", "role", "First Name"]
    lower = [""] * len(upper)
    for question in contract.survey.questions:
        name = next(alias for alias in question.aliases)
        above, _, below = name.removesuffix("]").rpartition(" [")
        upper.append(above if above not in upper else "")
        lower.append(below)
    answer = ["10840", "03/01/2026 10:05:00 PM", "7", "É1", "Terrain", "Manager", "Jérôme", "Plutôt d'accord"]
    rows = [upper, lower, answer + [""] * (len(upper) - len(answer))]
    text = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows) + "\n"
    bench.file("surveymonkey_collaborateurs_20260302.csv", text.encode(encoding))
    report = bench.land()
    assert not report.refused
    assert bench.rows("survey_answer", "question, unit_id, value, answered_at") == [
        ("Q1_1", "É1", 4.0, datetime(2026, 3, 1, 21, 5))
    ]
