"""Zendesk and HubSpot: small files in the shapes that these systems write, landed by the shipped contracts."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR
from pipelines.extracts.pseudonyms import pseudonym
from tests.unit.extracts.conftest import KEY, Bench

CASE = "case_id, client_id, unit_id, opened_at, first_reply_at, resolved_at, reopen_count, kind, theme, channel, moment"
ANSWER = (
    "response_id, respondent_id, question, side, role, perspective, unit_id, answered_at, moment, dimension, value, "
    "scale_min, scale_max"
)
#: One Salesforce account in its two forms.
SHORT, LONG = "0015f00000aBcDe", "0015f00000aBcDeAAK"


def ship(bench: Bench, *names: str) -> None:
    for name in names:
        bench.contract((CONTRACTS_DIR / f"{name}.yml").read_text(encoding="utf-8"), name)


def case_of(number: str) -> str:
    return pseudonym(number, "case", KEY)


def client_of(number: str) -> str:
    return pseudonym(number, "client", KEY)


# --- Zendesk, CSV --------------------------------------------------------------------------------------


def test_zendesk_csv_as_a_view_exports_it(bench: Bench) -> None:
    ship(bench, "zendesk.ticket")
    bench.file(
        "zendesk_tickets_20180601.csv",
        "Summation column,Id,Requester,Requester id,Requester external id,Group,Status,Ticket type,Via,Created at,"
        "Updated at,Satisfaction Score,Reopens,First reply time in minutes,Full resolution time in minutes,"
        "Contact reason [list],Theme [list],Moment [list]\n"
        f"1,41,Ada,501,{LONG},EQ-001,Closed,Problem,Mail,2018-05-16 14:46:15 +0200,2018-05-18 09:00:00 +0200,Good,1,"
        "30,1500,Complaint,Billing,Complaint\n"
        f"2,42,Bo,502,{SHORT},EQ-002,Open,-,Phone call (inbound),2018-01-16 14:46:15 +0100,2018-01-16 15:00:00 +0100,"
        "Not Offered,0,-,-,-,-,-\n"
        "3,43,Cy,503,C-77,EQ-002,Solved,Task,Twitter,2018-01-16 14:46,2018-01-17 08:00,Bad,,0,90,,,\n"
        "4,44,Di,504,C-78,EQ-002,Deleted,Task,Mail,2018-01-16 14:46,2018-01-17 08:00,Offered,0,5,9,,,\n"
        "5,45,Ed,505,C-79,EQ-002,Closed,Task,Mail,2018-01-16 14:46,2018-01-17 08:00,Splendid,0,5,9,,,\n"
        "6,46,Fi,506,C-80,EQ-002,Closed,Task,Mail,2018-01-16 14:46,2018-01-17 08:00,Offered,0,-3,9,,,\n",
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filter_reasons) == (6, 3, 2, {"deleted": 1})
    assert receipt.outputs == {"case": 3, "survey_answer": 2}
    opened = datetime(2018, 1, 16, 13, 46, 15)
    assert bench.rows("case", CASE) == [
        (
            case_of("41"),
            client_of(SHORT),
            "EQ-001",
            datetime(2018, 5, 16, 12, 46, 15),
            datetime(2018, 5, 16, 13, 16, 15),
            datetime(2018, 5, 17, 13, 46, 15),
            1,
            "complaint",
            "billing",
            "email",
            "complaint",
        ),
        (case_of("42"), client_of(SHORT), "EQ-002", opened, None, None, 0, "question", None, "phone", None),
        (
            case_of("43"),
            client_of("C-77"),
            "EQ-002",
            datetime(2018, 1, 16, 13, 46),
            datetime(2018, 1, 16, 13, 46),
            datetime(2018, 1, 16, 15, 16),
            None,
            "question",
            None,
            "other",
            None,
        ),
    ]
    who = ("client", "client", "own")
    assert bench.rows("survey_answer", ANSWER) == [
        (
            *(pseudonym("41", "response", KEY), client_of(SHORT), "CSAT", *who, "EQ-001"),
            *(datetime(2018, 5, 18, 7), "complaint", "satisfaction", 1.0, 0.0, 1.0),
        ),
        (
            *(pseudonym("43", "response", KEY), client_of("C-77"), "CSAT", *who, "EQ-002"),
            *(datetime(2018, 1, 17, 7), None, "satisfaction", 0.0, 0.0, 1.0),
        ),
    ]
    assert bench.bad('line, "column", reason, value') == [
        (6, "Satisfaction Score", "unknown_code", "Splendid"),
        (7, "First reply time in minutes", "not_a_duration", "-3"),
    ]


def test_zendesk_csv_with_the_standard_columns_only(bench: Bench) -> None:
    ship(bench, "zendesk.ticket")
    bench.file(
        "zendesk-tickets.csv",
        "Id,Requester id,Group,Status,Created at,Satisfaction Score,Reopens,First reply time in minutes,"
        "Full resolution time in minutes\n"
        "7,90001,Support,Closed,2018-05-16 14:46:15 +0200,Good,0,12,240\n",
    )
    (receipt,) = bench.land().receipts
    assert receipt.outputs == {"case": 1, "survey_answer": 1}
    assert bench.rows("case", CASE) == [
        (
            case_of("7"),
            client_of("90001"),
            "Support",
            datetime(2018, 5, 16, 12, 46, 15),
            datetime(2018, 5, 16, 12, 58, 15),
            datetime(2018, 5, 16, 16, 46, 15),
            0,
            "question",
            None,
            None,
            None,
        )
    ]
    assert bench.rows("survey_answer", "answered_at, value") == [(datetime(2018, 5, 16, 12, 46, 15), 1.0)]


def test_zendesk_csv_without_the_client_is_refused_with_the_nearest_name(bench: Bench) -> None:
    ship(bench, "zendesk.ticket")
    bench.file(
        "zendesk_tickets.csv", "Id,Requester ext id,Group,Created at\n7,90001,Support,2018-05-16 14:46:15 +0200\n"
    )
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"
    assert "did you mean Requester ext id?" in refusal.message.replace("'", "")


# --- Zendesk, JSON -------------------------------------------------------------------------------------

FIELDS = [{"id": 360001, "value": "complaint"}, {"id": 360002, "value": "billing"}, {"id": 360003, "value": None}]
TICKETS = [
    {
        "id": 41,
        "created_at": "2018-05-16T12:46:15Z",
        "updated_at": "2018-05-18T07:00:00Z",
        "via": {"channel": "email", "source": {"from": {"address": "ada@courriel.example"}}},
        "type": "problem",
        "status": "closed",
        "requester_id": 501,
        "group_id": 7,
        "custom_fields": [*FIELDS, {"id": 360004, "value": "EQ-001"}, {"id": 360005, "value": LONG}],
        "metric_set": {
            "reopens": 1,
            "reply_time_in_minutes": {"calendar": 30, "business": 10},
            "full_resolution_time_in_minutes": {"calendar": 1500, "business": None},
        },
        "satisfaction_rating": {"score": "bad"},
    },
    {"id": 42, "created_at": "2018-01-16T13:46:15Z", "updated_at": "2018-01-16T13:46:15Z", "requester_id": 502},
    {
        "id": 43,
        "created_at": "2018-01-16T13:46:15Z",
        "updated_at": "2018-01-17T13:46:15Z",
        "type": "task",
        "group_id": 8,
        "requester_id": 503,
        "custom_fields": [],
        "metric_set": None,
        "satisfaction_rating": {"score": "offered"},
    },
    {
        "id": 44,
        "created_at": "2018-01-16T13:46:15Z",
        "updated_at": "2018-01-17T13:46:15Z",
        "requester_id": 503,
        "satisfaction_rating": {"score": "unoffered"},
        "status": "deleted",
    },
    {"id": 45, "created_at": "16/01/2018", "updated_at": "2018-01-17T13:46:15Z", "requester_id": 503},
]
EXPECTED_CASES = [
    (
        case_of("41"),
        client_of(SHORT),
        "EQ-001",
        datetime(2018, 5, 16, 12, 46, 15),
        datetime(2018, 5, 16, 13, 16, 15),
        datetime(2018, 5, 17, 13, 46, 15),
        1,
        "complaint",
        "billing",
        "email",
        None,
    ),
    (
        *(case_of("42"), client_of("502"), None, datetime(2018, 1, 16, 13, 46, 15)),
        *(None, None, None, "question", None, None, None),
    ),
    (
        *(case_of("43"), client_of("503"), "8", datetime(2018, 1, 16, 13, 46, 15)),
        *(None, None, None, "request", None, None, None),
    ),
]


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_zendesk_json_with_keys_missing_on_some_tickets(bench: Bench, form: str) -> None:
    ship(bench, "zendesk.ticket_json", "zendesk.ticket_jsonl")
    lines = "".join(json.dumps(ticket) + "\n" for ticket in TICKETS)
    bench.file(f"zendesk_tickets.{form}", lines if form == "jsonl" else json.dumps({"tickets": TICKETS, "count": 5}))
    (receipt,) = bench.land().receipts
    assert (receipt.contract, receipt.read, receipt.landed) == (f"zendesk.ticket_{form}", 5, 3)
    assert (receipt.quarantined, receipt.filter_reasons) == (1, {"deleted": 1})
    assert bench.rows("case", CASE) == EXPECTED_CASES
    assert bench.rows("survey_answer", "respondent_id, answered_at, moment, value") == [
        (client_of(SHORT), datetime(2018, 5, 18, 7), None, 0.0)
    ]
    assert bench.bad('record, "column", reason, value') == [(5, "created_at", "not_a_timestamp", "16/01/2018")]


def test_the_later_change_of_a_zendesk_ticket_is_the_later_version(bench: Bench) -> None:
    ship(bench, "zendesk.ticket_jsonl")
    ticket = {"id": 1, "created_at": "2018-01-16T13:46:15Z", "requester_id": 5}
    bench.file("zendesk_tickets_a.jsonl", json.dumps({**ticket, "updated_at": "2018-02-02T00:00:00Z"}) + "\n")
    bench.file("zendesk_tickets_b.jsonl", json.dumps({**ticket, "updated_at": "2018-02-01T00:00:00Z"}) + "\n")
    bench.land()
    assert sorted(bench.rows("case", "_version")) == [(datetime(2018, 2, 1),), (datetime(2018, 2, 2),)]


# --- HubSpot -------------------------------------------------------------------------------------------


def test_hubspot_delays_are_added_to_the_opening(bench: Bench) -> None:
    ship(bench, "hubspot.ticket")
    bench.file(
        "hubspot-crm-exports-all-tickets-2026-01-31.csv",
        "Ticket ID,Ticket name,Create date,Close date,Pipeline,Time to first agent email reply (HH:mm:ss),Category,"
        "HubSpot team,Salesforce Account ID,Source\n"
        f"9001,Facture,2026-01-12 15:45,2026-01-15 09:00,Support Pipeline,49:05:30,Billing issue,EQ-003,{LONG},Email\n"
        "9002,Panne,2026-07-12 15:45,,Support Pipeline,0:00:59,Product issue,EQ-003,,Form\n"
        "9003,Essai,2026-07-12 15:45,,Test,,Product issue,EQ-003,,Form\n"
        "9004,Question,2026-07-12 15:45,,Support Pipeline,1:75:00,,EQ-003,,Form\n"
        "9005,Question,2026-07-12 15:45,,Support Pipeline,,Sales,EQ-003,,Form\n",
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (5, 2, 2)
    assert receipt.filter_reasons == {"not_a_client_ticket": 1}
    assert receipt.version == datetime(2026, 1, 31)
    assert bench.rows("case", CASE) == [
        (
            case_of("9001"),
            client_of(SHORT),
            "EQ-003",
            datetime(2026, 1, 12, 14, 45),
            datetime(2026, 1, 14, 15, 50, 30),
            datetime(2026, 1, 15, 8, 0),
            None,
            "complaint",
            None,
            "email",
            None,
        ),
        (
            case_of("9002"),
            None,
            "EQ-003",
            datetime(2026, 7, 12, 13, 45),
            datetime(2026, 7, 12, 13, 45, 59),
            None,
            None,
            "incident",
            None,
            "web",
            None,
        ),
    ]
    assert bench.bad('line, "column", reason, value') == [
        (5, "Time to first agent email reply (HH:mm:ss)", "not_a_duration", "1:75:00"),
        (6, "Category", "unknown_code", "Sales"),
    ]


def test_hubspot_with_the_standard_columns_only(bench: Bench) -> None:
    ship(bench, "hubspot.ticket")
    bench.file(
        "hubspot_tickets.csv",
        '"Ticket ID","Create date","Close date","Pipeline","Time to first agent email reply (HH:mm:ss)"\n'
        '"9001","2026-01-12 15:45","2026-01-15 09:00","Support Pipeline","2:00:00"\n',
    )
    (receipt,) = bench.land().receipts
    assert receipt.outputs == {"case": 1}
    assert bench.rows("case", "opened_at, first_reply_at, resolved_at, kind, client_id") == [
        (datetime(2026, 1, 12, 14, 45), datetime(2026, 1, 12, 16, 45), datetime(2026, 1, 15, 8), "question", None)
    ]
