"""The internal helpdesk: UTF-8, commas, UTC timestamps without offset, yes/no, e-mail of the requester."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.french_hr import matricules
from pipelines.simulation.writers.invented import people
from pipelines.simulation.writers.salesforce import utc

CATEGORIES = {
    "irritant": "Irritant",
    "suggestion": "Suggestion",
    "hr_request": "HR request",
    "it_request": "IT request",
}
BAD_TIMES = ("2025-02-30 08:00:00", "yesterday", "14/06/2025 08h30")


@dataclass(frozen=True)
class Requesters:
    """Who wrote each request, the same in every tool: employee number, team code, subject, personal columns."""

    number: pl.Series
    team: pl.Series
    subject: pl.Series
    person: pl.DataFrame


def requesters(seed: int, teams: Teams, staff: Staff, requests: pl.DataFrame, orphans: int) -> Requesters:
    """Draw who wrote; `orphans` requests come from people HR does not know and name no team (contractors)."""
    rng = stream(seed, "helpdesk")
    count = requests.height
    orphan = np.zeros(count, dtype=bool)
    orphan[rng.choice(count, orphans, replace=False)] = True
    subject = np.array(
        ["VPN lent le matin", "Formulaire à simplifier", 'Écran "bleu"', "Bulletin de paie, question", "Badge"]
    )[rng.integers(0, 5, count)]
    who = requests["employee"]
    return Requesters(
        number=matricules(staff).gather(who).set(pl.Series(orphan), "EXT-0001"),
        team=pl.Series(teams.ids).gather(requests["team"]).set(pl.Series(orphan), None),
        subject=pl.Series(subject),
        person=people(rng, len(staff))[who.to_numpy()],
    )


def request(seed: int, calendar: Calendar, teams: Teams, staff: Staff, requests: pl.DataFrame, orphans: int) -> Export:
    """Tickets; `orphans` of them come from people HR does not know and name no team (contractors)."""
    writer = requesters(seed, teams, staff, requests, orphans)
    numbers = np.arange(requests.height, dtype=np.int64)

    def clock(column: str) -> pl.Expr:
        text = utc(timestamps(calendar, requests[column].to_numpy()))
        return text.str.slice(0, 19).str.replace("T", " ", literal=True)

    rows = writer.person.select(
        ticket_id=pl.lit("HD-" + pl.Series(numbers + 50_000).cast(pl.String)),
        requester_number=pl.lit(writer.number),
        requester_email=pl.col("email"),
        team_code=pl.lit(writer.team),
        created_at=clock("opened"),
        first_response_at=clock("first_reply"),
        resolved_at=clock("resolved"),
        reopens=pl.lit(requests["reopens"].cast(pl.String)),
        category=pl.lit(requests["kind"].replace_strict(CATEGORIES)),
        theme=pl.lit(requests["theme"]),
        implemented=pl.lit(
            requests["used"].cast(pl.String).replace_strict({"true": "yes", "false": "no"}, default=None)
        ),
        subject=pl.lit(writer.subject),
    )
    return Export(
        file="helpdesk_requests.csv",
        contract="helpdesk.request",
        entity="internal_request",
        rows=rows,
        layout=Layout(),
        damages=(
            Damage("bad_date", "created_at", BAD_TIMES, 0.005),
            Damage("blank_id", "ticket_id", ("",), 0.003),
            Damage("unknown_code", "category", ("Misc", "irritnt"), 0.004),
            Damage("bad_boolean", "implemented", ("maybe", "2"), 0.002),
        ),
        free_text="subject",
        cut_last=True,
    )
