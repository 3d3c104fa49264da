"""GLPI, ServiceNow and Jira: small files in the shapes that they write, landed by the shipped contracts."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR
from pipelines.extracts.pseudonyms import pseudonym
from tests.unit.extracts.conftest import KEY, Bench

REQUEST = (
    "request_id, employee_id, unit_id, opened_at, first_reply_at, resolved_at, reopen_count, kind, theme, put_into_use"
)


def ship(bench: Bench, name: str) -> None:
    bench.contract((CONTRACTS_DIR / f"{name}.yml").read_text(encoding="utf-8"), name)


def request(number: str) -> str:
    return pseudonym(number, "request", KEY)


def person(number: str) -> str:
    return pseudonym(number, "employee", KEY)


def test_glpi_with_grouped_numbers_and_a_trailing_semicolon(bench: Bench) -> None:
    ship(bench, "glpi.ticket")
    bench.file(
        "glpi.csv",
        '\ufeff"ID";"Titre";"Date d\'ouverture";"Demandeur - Demandeur";"Demandeur - Numéro administratif";'
        '"Demandeur - Groupe demandeur";"Catégorie";"Date de prise en compte";"Date de résolution";"Thème";'
        '"Mise en œuvre";\r\n'
        '"2 529";"Écran ""bleu""";"2026-01-12 15:45";"Aa Ada";"000123";"EQ-001";"Informatique > Poste > Écran";'
        '"2026-01-12 16:00";"2026-01-13 09:30";"Outils";"";\r\n'
        '"1\u00a0002\u00a0530";"Idée";"12-07-2026 15:45";"Aa Ada";"000124";"EQ-002";"Suggestions";"";"";"";"Oui";\r\n'
        '"12";"Idée";"12-07-2026 15:45:30";"Aa Ada";"";"";"Irritants";"";"";"";"Non";\r\n'
        '"13";"Idée";"12-07-2026 15:45";"Aa Ada";"";"";"Restauration > Menu";"";"";"";"";\r\n'
        '"13 4";"Idée";"12-07-2026 15:45";"Aa Ada";"";"";"Irritants";"";"";"";"";\r\n',
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (5, 3, 2)
    assert bench.rows("internal_request", REQUEST) == [
        (
            *(request("2529"), person("000123"), "EQ-001", datetime(2026, 1, 12, 14, 45)),
            *(datetime(2026, 1, 12, 15), datetime(2026, 1, 13, 8, 30), None, "it_request", "tools", None),
        ),
        (
            *(request("1002530"), person("000124"), "EQ-002", datetime(2026, 7, 12, 13, 45)),
            *(None, None, None, "suggestion", None, True),
        ),
        (
            *(request("12"), None, None, datetime(2026, 7, 12, 13, 45, 30)),
            *(None, None, None, "irritant", None, False),
        ),
    ]
    assert bench.bad('line, "column", reason, value') == [
        (5, "Catégorie", "unknown_code", "Restauration > Menu"),
        (6, "ID", "no_match", "13 4"),
    ]


def test_servicenow_export_with_its_own_fields_only(bench: Bench) -> None:
    ship(bench, "servicenow.request")
    bench.file(
        "incident.csv",
        '"number","caller_id","category","opened_at","resolved_at","reopen_count","sys_updated_on","sys_id"\n'
        '"INC0000060","Joe Employee","Inquiry / Help","2016-12-12 15:19:57","2016-12-13 21:43:14","1",'
        '"2016-12-14 02:46:44","1c741bd70b2322007518478d83673af3"\n'
        '"INC0000061","Joe Employee","Catering","2016-12-12 15:19:57","","0","2016-12-14 02:46:44","1c74"\n',
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (2, 1, 1)
    assert bench.rows("internal_request", f"{REQUEST}, _version") == [
        (
            *(request("1c741bd70b2322007518478d83673af3"), person("Joe Employee"), None),
            *(datetime(2016, 12, 12, 14, 19, 57), None, datetime(2016, 12, 13, 20, 43, 14), 1, "it_request"),
            *(None, None, datetime(2016, 12, 14, 1, 46, 44)),
        )
    ]
    assert bench.bad('line, "column", reason, value') == [(3, "u_kind", "unknown_code", "Catering")]


JIRA = (
    "Summary,Issue key,Issue id,Issue Type,Status,Reporter,Reporter Id,Created,Updated,Resolved,Labels,Labels,Labels\n"
)


@pytest.mark.parametrize(
    ("created", "opened"),
    [
        ("12/Jan/26 3:45 PM", datetime(2026, 1, 12, 14, 45)),
        ("2/Jul/26 12:05 AM", datetime(2026, 7, 1, 22, 5)),
        ("12/Jan/2026 3:45 PM", datetime(2026, 1, 12, 14, 45)),
        ("2026-01-12 15:45", datetime(2026, 1, 12, 14, 45)),
    ],
)
def test_jira_dates_and_repeated_columns(bench: Bench, created: str, opened: datetime) -> None:
    ship(bench, "jira.issue")
    bench.file(
        "jira.csv",
        JIRA + f"VPN,SUP-1,1001,Service Request,Done,Ada,557058:a,{created},13/Jan/26 9:00 AM,13/Jan/26 9:00 AM,a,b,\n"
        f"Idea,SUP-2,1002,Improvement,Open,Bo,557058:b,{created},13/Jan/26 9:00 AM,,a,b,c\n"
        f"Epic,SUP-3,1003,Epic,Open,Bo,557058:b,{created},13/Jan/26 9:00 AM,,,,\n"
        "Idea,SUP-4,1004,Improvement,Open,Bo,557058:b,30/Feb/26 9:00 AM,13/Jan/26 9:00 AM,,,,\n",
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (4, 2, 2)
    assert bench.rows("internal_request", f"{REQUEST}, _version") == [
        (
            *(request("SUP-1"), person("557058:a"), None, opened, None, datetime(2026, 1, 13, 8), None),
            *("it_request", None, None, datetime(2026, 1, 13, 8)),
        ),
        (
            *(request("SUP-2"), person("557058:b"), None, opened, None, None, None),
            *("suggestion", None, None, datetime(2026, 1, 13, 8)),
        ),
    ]
    assert bench.bad('line, "column", reason, value') == [
        (4, "Custom field (Request Type)", "unknown_code", "Epic"),
        (5, "Created", "not_a_timestamp", "30/Feb/26 9:00 AM"),
    ]


def test_a_repeated_jira_column_that_is_read_is_refused(bench: Bench) -> None:
    ship(bench, "jira.issue")
    bench.file(
        "jira.csv", "Issue key,Issue Type,Created,Created,Updated\nSUP-1,Bug,12/Jan/26 3:45 PM,,12/Jan/26 3:45 PM\n"
    )
    (refusal,) = bench.land().refused
    assert refusal.reason == "ambiguous_column"
    assert "'Created' (columns 3, 4)" in refusal.message


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_availability_as_text(bench: Bench, form: str) -> None:
    ship(bench, "operations.availability")
    rows = [
        ["unit", "service", "audience", "day", "expected_min", "available_min", "median_response_ms"],
        ["EQ-001", "portal", "clients", "2026-01-05", "600", "598.4", ""],
        ["EQ-001", "crm", "staff", "2026-01-05", "600", "1500", "210.5"],
    ]
    bench.file(f"availability.{form}", "\n".join(("," if form == "csv" else "\t").join(row) for row in rows) + "\n")
    bench.land()
    assert bench.rows("availability", "unit_id, service, audience, minutes_available, response_time_ms") == [
        ("EQ-001", "portal", "client", 598.4, None)
    ]
    assert bench.bad("line, reason, value") == [(3, "out_of_range", "1500")]
