"""Jira Service Management: the CSV of a search, dates as 12/Jan/26 3:45 PM, `Labels` over several columns."""

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Staff
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.helpdesk import CATEGORIES, requesters
from pipelines.simulation.writers.salesforce import THEMES

FIRST_ISSUE = 2_001
TYPES = {"irritant": "Incident", "suggestion": "Improvement", "hr_request": "Task", "it_request": "Service Request"}
BAD_TIMES = ("30/Feb/25 8:00 AM", "14/juin/25 8:30 AM", "2025-06-14T08:30")


def issues(seed: int, calendar: Calendar, teams: Teams, staff: Staff, requests: pl.DataFrame, orphans: int) -> Export:
    """Issues, to the minute."""
    writer = requesters(seed, teams, staff, requests, orphans)
    numbers = pl.Series(np.arange(requests.height) + FIRST_ISSUE).cast(pl.String)
    opened, reply, solved = (requests[name].to_numpy() for name in ("opened", "first_reply", "resolved"))

    def minute(seconds: np.ndarray) -> pl.Series:
        return timestamps(calendar, seconds).dt.strftime("%d/%b/%y %-I:%M %p")

    used = requests["used"].cast(pl.String).replace_strict({"true": "Yes", "false": "No"}, default=None)
    label = pl.select(pl.when(pl.lit(requests["reopens"]) > 0).then(pl.lit("reopened"))).to_series()
    rows = writer.person.select(
        pl.lit(writer.subject).alias("Summary"),
        pl.lit("SUP-" + numbers).alias("Issue key"),
        pl.lit("1" + numbers.str.zfill(6)).alias("Issue id"),
        pl.lit(requests["kind"].replace_strict(TYPES)).alias("Issue Type"),
        pl.lit(pl.Series(np.where(solved >= 0, "Done", "In Progress"))).alias("Status"),
        pl.lit("SUP").alias("Project key"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Reporter"),
        pl.lit(minute(opened)).alias("Created"),
        pl.lit(minute(np.maximum(np.maximum(opened, reply), solved) + 60)).alias("Updated"),
        pl.lit(minute(solved)).alias("Resolved"),
        pl.lit("internal").alias("Labels"),
        pl.lit(label).alias("Labels, second"),
        pl.lit(writer.number).alias("Custom field (Employee number)"),
        pl.lit(writer.team).alias("Custom field (Team code)"),
        pl.lit(requests["kind"].replace_strict(CATEGORIES)).alias("Custom field (Request Type)"),
        pl.lit(minute(reply)).alias("Custom field (First response)"),
        pl.lit(requests["reopens"].cast(pl.String)).alias("Custom field (Reopen count)"),
        pl.lit(requests["theme"].replace_strict(THEMES)).alias("Custom field (Theme)"),
        pl.lit(used).alias("Custom field (Implemented)"),
    )
    header = tuple(name.removesuffix(", second") for name in rows.columns)
    return Export(
        file="jira_issues.csv",
        contract="jira.issue",
        entity="internal_request",
        rows=rows,
        layout=Layout(headers=(header,)),
        damages=(
            Damage("bad_date", "Created", BAD_TIMES, 0.005),
            Damage("blank_id", "Issue key", ("",), 0.003),
            Damage("unknown_code", "Custom field (Request Type)", ("Misc", "irritnt"), 0.004),
            Damage("bad_boolean", "Custom field (Implemented)", ("maybe", "2"), 0.002),
        ),
        free_text="Summary",
    )
