"""ServiceNow: the CSV of a list of requests, headed by the names of the fields; local times without offset."""

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Staff
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.helpdesk import requesters

FIRST_NUMBER = 10_001
KINDS = {"irritant": "Irritant", "suggestion": "Suggestion", "hr_request": "HR request", "it_request": "IT request"}
CATEGORIES = {"irritant": "inquiry", "suggestion": "inquiry", "hr_request": "hr", "it_request": "software"}
BAD_TIMES = ("2025-02-30 08:00:00", "06/14/2025 08:30 AM", "UNKNOWN")
_MIX = 0x9E3779B97F4A7C15


def sys_ids(numbers: np.ndarray) -> pl.Series:
    """Thirty-two hexadecimal digits for each whole number, one to one."""
    return pl.Series([f"{(n * _MIX) % 2**64:016x}{n:016x}" for n in numbers.tolist()])


def requests(seed: int, calendar: Calendar, teams: Teams, staff: Staff, table: pl.DataFrame, orphans: int) -> Export:
    """Requests, to the second, with the time of their last change."""
    writer = requesters(seed, teams, staff, table, orphans)
    numbers = np.arange(table.height, dtype=np.int64)
    opened, reply, solved = (table[name].to_numpy() for name in ("opened", "first_reply", "resolved"))

    def clock(seconds: np.ndarray) -> pl.Series:
        return timestamps(calendar, seconds).dt.strftime("%Y-%m-%d %H:%M:%S")

    rows = writer.person.select(
        pl.lit("INC" + pl.Series(numbers + FIRST_NUMBER).cast(pl.String).str.zfill(7)).alias("number"),
        pl.lit(sys_ids(numbers + 1)).alias("sys_id"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("caller_id"),
        pl.lit(writer.number).alias("caller_id.employee_number"),
        pl.lit(writer.team).alias("caller_id.department.id"),
        pl.lit(writer.subject).alias("short_description"),
        pl.lit(table["kind"].replace_strict(CATEGORIES)).alias("category"),
        pl.lit(table["kind"].replace_strict(KINDS)).alias("u_kind"),
        pl.lit(table["theme"]).alias("u_theme"),
        pl.lit(pl.Series(np.where(solved >= 0, "Closed", "In Progress"))).alias("state"),
        pl.lit(clock(opened)).alias("opened_at"),
        pl.lit(clock(reply)).alias("u_first_response_at"),
        pl.lit(clock(solved)).alias("resolved_at"),
        pl.lit(table["reopens"].cast(pl.String)).alias("reopen_count"),
        pl.lit(table["used"].cast(pl.String)).alias("u_implemented"),
        pl.lit(clock(opened)).alias("sys_created_on"),
        pl.lit(clock(np.maximum(np.maximum(opened, reply), solved) + 60)).alias("sys_updated_on"),
    )
    return Export(
        file="servicenow_incident.csv",
        contract="servicenow.request",
        entity="internal_request",
        rows=rows,
        layout=Layout(quote_all=True),
        damages=(
            Damage("bad_date", "opened_at", BAD_TIMES, 0.005),
            Damage("blank_id", "sys_id", ("",), 0.003),
            Damage("unknown_code", "u_kind", ("Misc", "irritnt"), 0.004),
            Damage("bad_boolean", "u_implemented", ("maybe", "2"), 0.002),
        ),
        free_text="short_description",
    )
