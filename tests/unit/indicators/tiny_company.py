"""A company small enough to work every figure out by hand, as rows of the canonical model.

Company `c`, sites `s` and `s2`, teams `a` and `b`; team b belongs to site s up to March 2025 and to s2 from April.
Months January to June 2025, all complete: as_of is 30 June.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

Row = dict[str, Any]

FOREVER = date(9999, 12, 31)
ALWAYS = date(1900, 1, 1)
MONTHS = [date(2025, month, 1) for month in range(1, 7)]
TOUCHED = {"proactive_months": "2"}
"""Parameters that differ from the defaults: six months of record are too few for a look-back of twelve."""


def day(text: str) -> date:
    """Day of 2025, written month-day."""
    return date.fromisoformat(f"2025-{text}")


def _month_end(period: date) -> date:
    return (period + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def _unit(unit: str, parent: str | None, level: str, since: date = ALWAYS, until: date = FOREVER) -> Row:
    return {
        "unit_id": unit,
        "unit_name": unit.upper(),
        "parent_unit_id": parent,
        "unit_level": level,
        "valid_from": since,
        "valid_to": until,
    }


def _ancestors() -> list[Row]:
    rows = []
    for period in MONTHS:
        site_of_b = "s" if period < day("04-01") else "s2"
        chains = {"a": ["a", "s", "c"], "b": ["b", site_of_b, "c"], "s": ["s", "c"], "s2": ["s2", "c"], "c": ["c"]}
        for unit, chain in chains.items():
            for distance, ancestor in enumerate(chain):
                rows.append(
                    {
                        "period": period,
                        "unit_id": unit,
                        "ancestor_id": ancestor,
                        "distance": distance,
                        "is_top": ancestor == "c",
                    }
                )
    return rows


def _client(client: str, unit: str, since: date, until: date | None, valid_from: date, valid_to: date) -> Row:
    return {
        "client_id": client,
        "unit_id": unit,
        "client_since": since,
        "client_until": until,
        "valid_from": valid_from,
        "valid_to": valid_to,
    }


def _spell(employee: str, unit: str, population: str, hired: date, start: date, end: date, left: date | None) -> Row:
    return {
        "employee_id": employee,
        "unit_id": unit,
        "population": population,
        "hired_on": hired,
        "spell_start": start,
        "spell_end": end,
        "left_on": left,
        "leave_reason": "voluntary" if left else None,
        "fte": 1.0,
    }


def _opened_and_resolved(opened: date, solved: float | None) -> Row:
    at = datetime(opened.year, opened.month, opened.day, 10)
    resolved = None if solved is None else at + timedelta(hours=solved)
    return {
        "opened_at": at,
        "opened_on": opened,
        "resolved_at": resolved,
        "resolved_on": resolved and resolved.date(),
        "resolution_hours": solved,
    }


def _case(
    case: str,
    client: str,
    unit: str,
    kind: str,
    opened: date,
    reply: float | None,
    solved: float | None,
    reopened: int = 0,
    theme: str | None = None,
) -> Row:
    return {
        "source_system": "crm",
        "case_id": case,
        "client_id": client,
        "unit_id": unit,
        "kind": kind,
        "theme": theme,
        "first_reply_hours": reply,
        "reopen_count": reopened,
        **_opened_and_resolved(opened, solved),
    }


def _request(
    request: str,
    employee: str | None,
    unit: str,
    population: str,
    kind: str,
    opened: date,
    reply: float | None,
    solved: float | None,
    used: bool | None = None,
    reopened: int = 0,
    theme: str | None = None,
) -> Row:
    return {
        "source_system": "helpdesk",
        "request_id": request,
        "employee_id": employee,
        "unit_id": unit,
        "population": population,
        "kind": kind,
        "theme": theme,
        "first_reply_hours": reply,
        "reopen_count": reopened,
        "put_into_use": used,
        **_opened_and_resolved(opened, solved),
    }


def _answer(
    response: str,
    person: str | None,
    side: str,
    unit: str,
    population: str,
    on: date,
    dimension: str,
    score: float,
    moment: str | None = None,
    perspective: str = "own",
    role: str | None = None,
) -> Row:
    return {
        "source_system": "survey",
        "response_id": response,
        "question": f"{dimension}{moment or ''}{perspective}",
        "respondent_id": person,
        "side": side,
        "role": role or side,
        "perspective": perspective,
        "unit_id": unit,
        "population": population,
        "answered_at": datetime(on.year, on.month, on.day, 12),
        "answered_on": on,
        "moment": moment,
        "dimension": dimension,
        "value": score,
        "scale_min": 0.0,
        "scale_max": 100.0,
        "score": score,
    }


def _contact(contact: str, client: str, unit: str, kind: str, on: date) -> Row:
    return {
        "source_system": "crm",
        "contact_id": contact,
        "client_id": client,
        "unit_id": unit,
        "kind": kind,
        "contacted_at": datetime(on.year, on.month, on.day, 15),
        "contacted_on": on,
    }


def _service(audience: str, on: date, available: float, response_time: float | None) -> Row:
    return {
        "wanted_unit_id": "a",
        "unit_id": "a",
        "service": audience,
        "audience": audience,
        "day": on,
        "minutes_expected": 1440.0,
        "minutes_available": available,
        "response_time_ms": response_time,
    }


def _feed(unit: str, population: str, indicator: str, n: float, value: float, sd: float | None) -> Row:
    return {
        "wanted_unit_id": unit,
        "unit_id": unit,
        "period": day("05-01"),
        "population": population,
        "indicator_id": indicator,
        "n": n,
        "value": value,
        "sd": sd,
    }


LONG_AGO = date(2020, 1, 1)

CANONICAL: dict[str, list[Row]] = {
    "dim_as_of": [{"as_of": day("06-30"), "first_day": day("01-01")}],
    "dim_month": [
        {"period": m, "period_end": _month_end(m), "days": _month_end(m).day, "is_complete": True} for m in MONTHS
    ],
    "dim_unit_version": [
        _unit("c", None, "company"),
        _unit("s", "c", "site"),
        _unit("s2", "c", "site"),
        _unit("a", "s", "team"),
        _unit("b", "s", "team", until=day("03-31")),
        _unit("b", "s2", "team", since=day("04-01")),
    ],
    "bridge_unit_ancestor": _ancestors(),
    "dim_client": [
        # c1 is served by a, then by b.
        _client("c1", "a", LONG_AGO, None, ALWAYS, day("03-31")),
        _client("c1", "b", LONG_AGO, None, day("04-01"), FOREVER),
        _client("c2", "a", day("02-15"), day("05-10"), ALWAYS, FOREVER),
        _client("c3", "b", day("03-01"), None, ALWAYS, FOREVER),
    ],
    "fct_case": [
        _case("1", "c1", "a", "request", day("03-10"), 3.0, 100.0, reopened=2),
        _case("2", "c1", "b", "complaint", day("04-01"), 30.0, 100.0, theme="billing"),
        _case("3", "c2", "a", "complaint", day("04-05"), None, None, theme="delivery"),
        # One day old: the reply (24 h) has matured, the resolution (120 h) has not.
        _case("4", "c3", "b", "request", day("06-29"), 2.0, 10.0),
        # Opened on the last known day: nothing has matured, though it is answered already.
        _case("5", "c3", "b", "request", day("06-30"), 1.0, 2.0),
    ],
    "fct_proactive_contact": [
        _contact("1", "c1", "a", "proactive", day("02-10")),
        _contact("2", "c3", "b", "proactive", day("06-05")),
        _contact("3", "c2", "a", "callback", day("04-20")),
        # A day too late for the answer of 15 April, had it been the only one; too early for that of 3 May.
        _contact("4", "c2", "a", "callback", day("04-23")),
        _contact("5", "c1", "b", "callback", day("05-02")),
    ],
    "dim_employee_spell": [
        _spell("e1", "a", "field", LONG_AGO, LONG_AGO, FOREVER, None),
        _spell("e2", "a", "field", LONG_AGO, LONG_AGO, day("04-10"), None),
        _spell("e2", "b", "office", LONG_AGO, day("04-11"), FOREVER, None),
        _spell("e3", "b", "office", day("04-21"), day("04-21"), day("06-15"), day("06-15")),
        _spell("e4", "b", "office", day("01-10"), day("01-10"), day("02-20"), day("02-20")),
        _spell("e5", "a", "field", day("03-01"), day("03-01"), FOREVER, None),
    ],
    "fct_absence": [
        {
            "employee_id": "e1",
            "started_on": day("04-28"),
            "ended_on": day("05-03"),
            "kind": "sick",
            "hours": 42.0,
            "unit_id": "a",
            "population": "field",
        },
        {
            "employee_id": "e3",
            "started_on": day("05-01"),
            "ended_on": day("05-31"),
            "kind": "sick",
            "hours": None,
            "unit_id": "b",
            "population": "office",
        },
        {
            "employee_id": "e5",
            "started_on": day("05-01"),
            "ended_on": day("05-31"),
            "kind": "paid_leave",
            "hours": 150.0,
            "unit_id": "a",
            "population": "field",
        },
    ],
    "fct_hr_event": [
        {
            "employee_id": "e1",
            "event_on": day("01-15"),
            "kind": "interview",
            "hours": None,
            "unit_id": "a",
            "population": "field",
        },
        {
            "employee_id": "e2",
            "event_on": day("04-20"),
            "kind": "training",
            "hours": 7.0,
            "unit_id": "b",
            "population": "office",
        },
    ],
    "fct_internal_request": [
        _request("1", "e1", "a", "field", "irritant", day("05-02"), 10.0, 300.0, reopened=1, theme="tools"),
        _request("2", "e5", "a", "field", "suggestion", day("05-20"), 700.0, None, used=True),
        # Twenty days old: too young for the 30 days of a suggestion, old enough for the 48 hours of a first reply.
        _request("3", "e1", "a", "field", "suggestion", day("06-10"), None, None),
        # From the box on the wall: it counts, but not as a person.
        _request("4", None, "b", "all", "irritant", day("06-01"), 1.0, 10.0),
    ],
    "fct_availability": [
        _service("client", day("06-01"), 1440.0, None),
        _service("client", day("06-02"), 720.0, None),
        _service("collaborator", day("06-01"), 1440.0, 200.0),
        _service("collaborator", day("06-02"), 1440.0, 400.0),
    ],
    "fct_survey_answer": [
        _answer("r1", "c1", "client", "a", "all", day("04-02"), "trust", 75.0),
        _answer("r1", "c1", "client", "a", "all", day("04-02"), "recommendation", 90.0),
        _answer("r1", "c1", "client", "a", "all", day("04-02"), "satisfaction", 75.0),
        _answer("r1", "c1", "client", "a", "all", day("04-02"), "satisfaction", 25.0, moment="complaint"),
        _answer("r2", "c2", "client", "a", "all", day("04-15"), "trust", 25.0),
        _answer("r2", "c2", "client", "a", "all", day("04-15"), "recommendation", 30.0),
        _answer("r3", None, "client", "b", "all", day("04-16"), "trust", 100.0),
        _answer("r4", "c1", "client", "b", "all", day("05-03"), "recommendation", 50.0),
        _answer("r5", "c1", "client", "b", "all", day("06-28"), "recommendation", 0.0),
        _answer("r6", "e1", "collaborator", "a", "field", day("04-10"), "trust", 100.0),
        _answer("r6", "e1", "collaborator", "a", "field", day("04-10"), "recommendation", 100.0),
        _answer("r6", "e1", "collaborator", "a", "field", day("04-10"), "satisfaction", 50.0),
        _answer(
            "r6", "e1", "collaborator", "a", "field", day("04-10"), "satisfaction", 75.0, moment="suggestion_response"
        ),
        _answer("r6", "e1", "collaborator", "a", "field", day("04-10"), "satisfaction", 100.0, perspective="estimate"),
        _answer("r6", "e1", "collaborator", "a", "field", day("04-10"), "practice_recognition", 25.0),
        _answer("r7", "e3", "collaborator", "b", "office", day("05-10"), "trust", 50.0),
        _answer("r7", "e3", "collaborator", "b", "office", day("05-10"), "practice_recognition", 75.0),
        _answer(
            "r7",
            "e3",
            "collaborator",
            "b",
            "office",
            day("05-10"),
            "satisfaction",
            50.0,
            perspective="estimate",
            role="manager",
        ),
    ],
    "fct_indicator_feed": [
        _feed("a", "all", "client_values", 10.0, 70.0, None),
        _feed("a", "all", "collaborator_values", 10.0, 60.0, 10.0),
        _feed("a", "field", "collaborator_values", 4.0, 50.0, 5.0),
        _feed("b", "all", "client_recommendation", 20.0, 40.0, None),
    ],
}
