"""HubSpot tickets: the CSV export of a list, sent in a .zip; dates without seconds or offset, delays as HH:mm:ss."""

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Clients
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.salesforce import CASE_TYPES, MOMENTS, THEMES, account_ids, case_writers, elapsed

FIRST_TICKET = 1_480_000_000
SOURCES = {"phone": "Phone", "web": "Form", "email": "Email", "branch": "Other"}
REPLY = "Time to first agent email reply (HH:mm:ss)"
BAD_TIMES = ("2025-02-30 10:15", "15 juin", "(No value)")


def clock(whole: pl.Series) -> pl.Series:
    """Durations in seconds as H:mm:ss, hours beyond 24 included; null stays null."""
    minutes, rest = (whole // 60) % 60, whole % 60
    text = (whole // 3600).cast(pl.String) + ":" + minutes.cast(pl.String).str.zfill(2)
    return text + ":" + rest.cast(pl.String).str.zfill(2)


def tickets(seed: int, calendar: Calendar, teams: Teams, clients: Clients, cases: pl.DataFrame) -> Export:
    """Tickets; those thrown away are moved to a pipeline of their own, which the contract leaves out."""
    _, writer, deleted = case_writers(seed, clients, cases)
    opened, reply = cases["opened"].to_numpy(), cases["first_reply"].to_numpy()

    def minute(column: str) -> pl.Series:
        return timestamps(calendar, cases[column].to_numpy()).dt.strftime("%Y-%m-%d %H:%M")

    rows = writer.select(
        pl.lit(pl.Series(np.arange(cases.height) + FIRST_TICKET).cast(pl.String)).alias("Ticket ID"),
        pl.lit("Demande de rappel, contrat").alias("Ticket name"),
        pl.lit(pl.Series(np.where(deleted, "Test", "Support Pipeline"))).alias("Pipeline"),
        pl.lit(pl.Series(np.where(cases["resolved"] >= 0, "Closed", "Waiting on us"))).alias("Ticket status"),
        pl.lit(minute("opened")).alias("Create date"),
        pl.lit(minute("resolved")).alias("Close date"),
        pl.lit(clock(elapsed(calendar, opened, reply))).alias(REPLY),
        pl.lit(cases["kind"].replace_strict(CASE_TYPES)).alias("Category"),
        pl.lit(cases["theme"].replace_strict(THEMES)).alias("Theme"),
        pl.when(pl.lit(cases["lived"])).then(pl.lit(cases["moment"].replace_strict(MOMENTS))).alias("Moment"),
        pl.lit(cases["channel"].replace_strict(SOURCES)).alias("Source"),
        pl.lit(pl.Series(teams.ids).gather(cases["team"])).alias("HubSpot team"),
        pl.lit(account_ids(clients).gather(cases["client"])).alias("Salesforce Account ID"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Associated Contact"),
        pl.col("email").alias("All associated contact emails"),
    )
    return Export(
        file=f"hubspot-crm-exports-all-tickets-{calendar.iso(calendar.days)}.csv",
        contract="hubspot.ticket",
        entity="case",
        rows=rows,
        layout=Layout(quote_all=True),
        damages=(
            Damage("bad_date", "Create date", BAD_TIMES, 0.004),
            Damage("bad_duration", REPLY, ("2 hours", "1:75:00", "-1:00:00"), 0.003),
            Damage("blank_id", "Ticket ID", ("",), 0.002),
            Damage("unknown_code", "Category", ("???", "Autre"), 0.003),
        ),
        free_text="Ticket name",
        filtered={"not_a_client_ticket": deleted},
        packing="zip",
    )
