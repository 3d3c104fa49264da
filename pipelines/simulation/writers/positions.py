"""What every HR system tells of people, before it is spelt: spells, absences and training as typed columns."""

import numpy as np
import polars as pl

from pipelines.simulation.people import Staff
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.french_hr import matricules


def iso(calendar: Calendar, days: np.ndarray) -> pl.Series:
    """Days as yyyy-mm-dd; NEVER is null."""
    return pl.Series(calendar.date64(days)).dt.strftime("%Y-%m-%d")


def spells(calendar: Calendar, teams: Teams, staff: Staff, present_on: int | None = None) -> pl.DataFrame:
    """One row per employee and spell, all text or null.

    Columns: index (of the employee), number, start, end, unit, manager (number), population (field, office),
    contract, fte, hired, left, reason. With `present_on`, only the spell that each person employed on that day is
    in, and nothing of what comes later.
    """
    table = staff.spells
    if present_on is not None:
        table = table.filter((pl.col("start") <= present_on) & (pl.col("end") >= present_on))
    who = table["employee"].to_numpy()
    number = matricules(staff)
    population = pl.Series(np.where(staff.field_population, "field", "office"))
    frame = pl.DataFrame(
        {
            "index": who,
            "number": number.gather(who),
            "start": iso(calendar, table["start"].to_numpy()),
            "end": iso(calendar, table["end"].to_numpy()),
            "unit": pl.Series(teams.ids).gather(table["team"]),
            "manager": number.gather(table["manager"].fill_null(0)).set(table["manager"].is_null(), None),
            "population": population.gather(who),
            "contract": pl.Series(staff.contract).gather(who),
            "fte": table["fte"].cast(pl.String),
            "hired": iso(calendar, staff.hired[who]),
            "left": iso(calendar, staff.left[who]),
            "reason": pl.Series(staff.reason, dtype=pl.String).gather(who),
        }
    )
    if present_on is None:
        return frame
    return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in ("end", "left", "reason"))


def absences(calendar: Calendar, staff: Staff, table: pl.DataFrame) -> pl.DataFrame:
    """One row per absence, text: index (of the employee), number, start, end, kind, hours."""
    return pl.DataFrame(
        {
            "index": table["employee"],
            "number": matricules(staff).gather(table["employee"]),
            "start": iso(calendar, table["start"].to_numpy()),
            "end": iso(calendar, table["end"].to_numpy()),
            "kind": table["kind"],
            "hours": table["hours"].cast(pl.String),
        }
    )


def training(calendar: Calendar, staff: Staff, events: pl.DataFrame) -> pl.DataFrame:
    """One row per training among the HR events, text: index (of the employee), number, day, hours."""
    table = events.filter(pl.col("kind") == "training")
    return pl.DataFrame(
        {
            "index": table["employee"],
            "number": matricules(staff).gather(table["employee"]),
            "day": iso(calendar, table["day"].to_numpy()),
            "hours": table["hours"].cast(pl.String),
        }
    )
