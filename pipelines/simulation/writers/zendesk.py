"""Zendesk tickets: the CSV export, and the JSON of the full export (a ticket a line) and of the API (an array).

A ticket's client is the Salesforce account, which the integration keeps as external id (CSV) and in a custom field
(JSON). Delays are whole minutes. Clients rate some of the solved tickets good or bad.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import SECONDS_A_DAY, timestamps
from pipelines.simulation.people import Clients
from pipelines.simulation.planted import Planted
from pipelines.simulation.randomness import logistic, stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.salesforce import (
    CASE_TYPES,
    MOMENTS,
    THEMES,
    account_ids,
    case_writers,
    elapsed,
    zoned,
)

FIRST_TICKET = 35_000
VIA_CSV = {"phone": "Phone call (inbound)", "web": "Web form", "email": "Mail", "branch": "Web service (API)"}
VIA_JSON = {"phone": "voice", "web": "web", "email": "email", "branch": "api"}
TICKET_TYPES = {"complaint": "problem", "incident": "incident", "request": "task", "question": "question"}
REASON, THEME, MOMENT, TEAM, ACCOUNT = 360001, 360002, 360003, 360004, 360005
RATED = ("good", "bad")
BAD_TIMES_CSV = ("2025-02-30 10:15:00 +0100", "16/05/2018 à 14h", "-")
BAD_TIMES_JSON = ("2025-02-30T10:15:00Z", "yesterday", "0000-00-00T00:00:00Z")


@dataclass(frozen=True)
class _Tickets:
    """What both exports tell of the tickets, columns as long as the cases."""

    writer: pl.DataFrame
    deleted: pl.Series
    number: pl.Series
    account: pl.Series
    team: pl.Series
    opened: pl.Series
    updated: pl.Series
    solved: pl.Series
    reply_minutes: pl.Series
    solve_minutes: pl.Series
    rating: pl.Series


def _tickets(
    seed: int, calendar: Calendar, teams: Teams, clients: Clients, planted: Planted, cases: pl.DataFrame
) -> _Tickets:
    _, writer, deleted = case_writers(seed, clients, cases)
    rng = stream(seed, "zendesk")
    opened, reply, solved = (cases[name].to_numpy() for name in ("opened", "first_reply", "resolved"))
    latest = np.maximum(np.maximum(opened, reply), solved)
    changed = latest + rng.integers(600, 4 * SECONDS_A_DAY, cases.height)
    updated = np.minimum(changed, calendar.days * SECONDS_A_DAY - 1)
    mood = planted.client[cases["team"].to_numpy(), calendar.month_of(opened // SECONDS_A_DAY)] - 70.0
    lot = rng.random(cases.height)
    answer = np.where(rng.random(cases.height) < logistic(1.2 + mood / 12.0), "good", "bad")
    rating = np.where(solved < 0, "unoffered", np.where(lot < 0.3, answer, np.where(lot < 0.8, "offered", "unoffered")))
    # A team that has closed is asked about no more.
    closed = updated // SECONDS_A_DAY > teams.closes[cases["team"].to_numpy()]
    rating = np.where(closed, "unoffered", rating)

    def minutes(until: np.ndarray) -> pl.Series:
        return (elapsed(calendar, opened, until) // 60).cast(pl.String)

    return _Tickets(
        writer=writer,
        deleted=deleted,
        number=pl.Series(np.arange(cases.height) + FIRST_TICKET).cast(pl.String),
        account=account_ids(clients).gather(cases["client"]),
        team=pl.Series(teams.ids).gather(cases["team"]),
        opened=timestamps(calendar, opened),
        updated=timestamps(calendar, updated),
        solved=timestamps(calendar, solved),
        reply_minutes=minutes(reply),
        solve_minutes=minutes(solved),
        rating=pl.Series(rating),
    )


def tickets_csv(
    seed: int, calendar: Calendar, teams: Teams, clients: Clients, planted: Planted, cases: pl.DataFrame
) -> Export:
    """The CSV export, with offsets after a space and the columns of a view."""
    made = _tickets(seed, calendar, teams, clients, planted, cases)

    def clock(local: pl.Series) -> pl.Expr:
        return zoned(local).dt.strftime("%Y-%m-%d %H:%M:%S %z")

    scores = {"good": "Good", "bad": "Bad", "offered": "Offered", "unoffered": "Not Offered"}
    status = pl.Series(np.where(made.deleted, "Deleted", np.where(cases["resolved"] >= 0, "Closed", "Open")))
    rows = made.writer.select(
        pl.lit(pl.Series(np.arange(cases.height) + 1).cast(pl.String)).alias("Summation column"),
        pl.lit(made.number).alias("Id"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Requester"),
        pl.lit((cases["client"] + 3_700_000).cast(pl.String)).alias("Requester id"),
        pl.lit(made.account).alias("Requester external id"),
        pl.col("email").alias("Requester email"),
        pl.lit(made.team).alias("Group"),
        pl.lit("Demande, à propos de mon contrat").alias("Subject"),
        pl.lit(status).alias("Status"),
        pl.lit(cases["channel"].replace_strict(VIA_CSV)).alias("Via"),
        pl.lit(cases["kind"].replace_strict(TICKET_TYPES).str.to_titlecase()).alias("Ticket type"),
        clock(made.opened).alias("Created at"),
        clock(made.updated).alias("Updated at"),
        clock(made.solved).alias("Solved at"),
        pl.lit(made.rating.replace_strict(scores)).alias("Satisfaction Score"),
        pl.lit(cases["reopens"].cast(pl.String)).alias("Reopens"),
        pl.lit(made.reply_minutes).alias("First reply time in minutes"),
        pl.lit(made.solve_minutes).alias("Full resolution time in minutes"),
        pl.lit(cases["kind"].replace_strict(CASE_TYPES)).alias("Contact reason [list]"),
        pl.lit(cases["theme"].replace_strict(THEMES)).alias("Theme [list]"),
        pl.when(pl.lit(cases["lived"])).then(pl.lit(cases["moment"].replace_strict(MOMENTS))).alias("Moment [list]"),
    )
    return Export(
        file=f"zendesk_tickets_{calendar.taken_on}.csv",
        contract="zendesk.ticket",
        entity="case",
        rows=rows,
        layout=Layout(quote_all=True),
        damages=(
            Damage("bad_date", "Created at", BAD_TIMES_CSV, 0.004),
            Damage("bad_duration", "Full resolution time in minutes", ("-5", "2 h", "1:30"), 0.002),
            Damage("blank_id", "Id", ("", "  "), 0.002),
            Damage("unknown_code", "Contact reason [list]", ("???", "Autre"), 0.003),
            Damage("bad_number", "Reopens", ("two", "1,5"), 0.002),
        ),
        free_text="Subject",
        filtered={"deleted": made.deleted},
        further={"survey_answer": ("Satisfaction Score", ("Good", "Bad"))},
    )


def tickets_json(
    seed: int, calendar: Calendar, teams: Teams, clients: Clients, planted: Planted, cases: pl.DataFrame
) -> tuple[Export, Export]:
    """The older half as the full export gives it (a ticket a line, packed), the newer as the API does (an array)."""
    made = _tickets(seed, calendar, teams, clients, planted, cases)

    def clock(local: pl.Series) -> pl.Expr:
        return zoned(local).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")

    status = pl.Series(np.where(made.deleted, "deleted", np.where(cases["resolved"] >= 0, "closed", "open")))
    rows = made.writer.select(
        id=pl.lit(made.number),
        requester=pl.concat_str(["first_name", "last_name"], separator=" "),
        email=pl.col("email"),
        requester_id=pl.lit((cases["client"] + 3_700_000).cast(pl.String)),
        account=pl.lit(made.account),
        team=pl.lit(made.team),
        status=pl.lit(status),
        channel=pl.lit(cases["channel"].replace_strict(VIA_JSON)),
        type=pl.lit(cases["kind"].replace_strict(TICKET_TYPES)),
        reason=pl.lit(cases["kind"]),
        theme=pl.lit(cases["theme"]),
        moment=pl.when(pl.lit(cases["lived"])).then(pl.lit(cases["moment"])),
        created_at=clock(made.opened),
        updated_at=clock(made.updated),
        solved_at=clock(made.solved),
        reply_minutes=pl.lit(made.reply_minutes),
        solve_minutes=pl.lit(made.solve_minutes),
        reopens=pl.lit(cases["reopens"].cast(pl.String)),
        rating=pl.lit(made.rating),
    )

    def export(part: slice, form: str) -> Export:
        lines = form == "jsonl"
        return Export(
            file=f"zendesk_tickets_{'export' if lines else 'api'}.{form}",
            contract=f"zendesk.ticket_{form}",
            entity="case",
            rows=rows[part],
            layout=Layout(),
            damages=(
                Damage("bad_date", "created_at", BAD_TIMES_JSON, 0.004),
                Damage("bad_duration", "solve_minutes", ("-5", "2 h"), 0.002),
                Damage("blank_id", "id", ("",), 0.002),
                Damage("unknown_code", "reason", ("???", "autre"), 0.003),
                Damage("bad_number", "reopens", ("two", "1,5"), 0.002),
            ),
            free_text="",
            filtered={"deleted": made.deleted[part]},
            further={"survey_answer": ("rating", RATED)},
            document=_ticket,
            array="" if lines else "tickets",
            packing="gz" if lines else "",
        )

    half = cases.height // 2
    return export(slice(0, half), "jsonl"), export(slice(half, None), "json")


def _whole(text: str | None) -> int | str | None:
    return int(text) if text is not None and text.isdecimal() else text


def _ticket(row: dict[str, str]) -> dict[str, Any]:
    """One ticket as the API writes it; keys of what a ticket has not are missing on some of them, null on others."""
    number = _whole(row["id"])
    chosen = ((REASON, "reason"), (THEME, "theme"), (MOMENT, "moment"), (TEAM, "team"), (ACCOUNT, "account"))
    ticket: dict[str, Any] = {
        "id": number,
        "external_id": None,
        "via": {"channel": row["channel"], "source": {"from": {"name": row["requester"], "address": row["email"]}}},
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "type": row["type"],
        "subject": 'Message "erreur 12" sur le portail',
        "description": "Bonjour,\nmerci de me rappeler.",
        "status": row["status"],
        "requester_id": _whole(row["requester_id"]),
        "custom_fields": [{"id": field, "value": row.get(name)} for field, name in chosen],
    }
    if "reply_minutes" in row or "solve_minutes" in row or row["reopens"] != "0":
        ticket["metric_set"] = {
            "reopens": _whole(row["reopens"]),
            "reply_time_in_minutes": {"calendar": _whole(row.get("reply_minutes")), "business": None},
            "full_resolution_time_in_minutes": {"calendar": _whole(row.get("solve_minutes")), "business": None},
            "solved_at": row.get("solved_at"),
        }
    if row["rating"] != "unoffered" or (isinstance(number, int) and number % 2):
        ticket["satisfaction_rating"] = {"score": row["rating"]}
    return ticket
