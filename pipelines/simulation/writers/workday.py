"""Workday custom reports as a service: workers, time off and learning, as CSV or as JSON with `Report_Entry`."""

from typing import Any, Literal

import numpy as np
import polars as pl

from pipelines.simulation.people import Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers import positions
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.invented import people

Form = Literal["csv", "json"]
CATEGORIES = {"field": "Field", "office": "Office"}
TYPES = {"permanent": "Regular", "fixed_term": "Fixed Term", "temporary": "Temporary", "apprentice": "Apprentice"}
REASONS = {
    "voluntary": "Resignation",
    "dismissal": "Dismissal",
    "end_of_contract": "End of Contract",
    "retirement": "Retirement",
    "other": "Other",
}
TIME_OFF = {
    "sick": "Sick Leave",
    "accident": "Work Accident",
    "unpaid": "Unpaid Leave",
    "other": "Family Event",
    "paid_leave": "Annual Leave",
}
BAD_DATES = ("2025-02-30", "03/14/2025", "2025-14-03")


def _entry(row: dict[str, str]) -> dict[str, Any]:
    """A report's entry: every value is text, and the key of a blank field is missing."""
    return dict(row)


def _export(
    calendar: Calendar,
    form: Form,
    report: str,
    contract: str,
    entity: str,
    rows: pl.DataFrame,
    damages: tuple[Damage, ...],
    event: bool,
) -> Export:
    return Export(
        file=f"workday_{report}_{calendar.taken_on}.{form}",
        contract=f"workday.{contract}" + ("_json" if form == "json" else ""),
        entity=entity,
        rows=rows,
        layout=Layout(),
        damages=damages,
        free_text="Worker",
        in_place=event,
        document=_entry if form == "json" else None,
        array="Report_Entry" if form == "json" else "",
    )


def workers(seed: int, calendar: Calendar, teams: Teams, staff: Staff, form: Form) -> Export:
    """Workers and their positions, leavers included. In JSON some dates carry the data centre's offset."""
    rng = stream(seed, "workday_workers")
    table = positions.spells(calendar, teams, staff)
    person = people(rng, len(staff))[table["index"].to_numpy()]
    starts = table["start"]
    if form == "json":
        starts = starts + pl.Series(np.where(np.arange(len(starts)) % 2 == 0, "-08:00", ""))
    rows = person.select(
        Employee_ID=pl.lit(table["number"]),
        Worker=pl.concat_str(["first_name", "last_name"], separator=" "),
        Email=pl.col("email"),
        Supervisory_Organization_ID=pl.lit(table["unit"]),
        Manager_ID=pl.lit(table["manager"]),
        Job_Category=pl.lit(table["population"].replace_strict(CATEGORIES)),
        Employee_Type=pl.lit(table["contract"].replace_strict(TYPES)),
        FTE=pl.lit(table["fte"]),
        Position_Start_Date=pl.lit(starts),
        Position_End_Date=pl.lit(table["end"]),
        Hire_Date=pl.lit(table["hired"]),
        Termination_Date=pl.lit(table["left"]),
        Termination_Reason=pl.lit(table["reason"].replace_strict(REASONS)),
    )
    damages = (
        Damage("bad_date", "Position_Start_Date", BAD_DATES, 0.005),
        Damage("blank_id", "Employee_ID", ("",), 0.003),
        Damage("wrong_decimal", "FTE", ("0,80", "80%"), 0.004),
        Damage("unknown_code", "Employee_Type", ("Regulier ?",), 0.004),
    )
    return _export(calendar, form, "workers", "worker", "employee", rows, damages, event=False)


def absences(seed: int, calendar: Calendar, staff: Staff, table: pl.DataFrame, form: Form) -> Export:
    """Time off and leaves of absence."""
    known = positions.absences(calendar, staff, table)
    person = people(stream(seed, "workday_absences"), len(staff))[known["index"].to_numpy()]
    rows = person.select(
        Employee_ID=pl.lit(known["number"]),
        Worker=pl.concat_str(["first_name", "last_name"], separator=" "),
        Time_Off_Type=pl.lit(known["kind"].replace_strict(TIME_OFF)),
        First_Day=pl.lit(known["start"]),
        Last_Day=pl.lit(known["end"]),
        Total_Hours=pl.lit(known["hours"]),
    )
    damages = (
        Damage("bad_date", "First_Day", BAD_DATES, 0.004),
        Damage("wrong_decimal", "Total_Hours", ("7,5", "1_000"), 0.004),
        Damage("unknown_code", "Time_Off_Type", ("Misc",), 0.003),
        Damage("blank_id", "Employee_ID", ("",), 0.002),
    )
    return _export(calendar, form, "absences", "absence", "absence", rows, damages, event=True)


def learning(seed: int, calendar: Calendar, staff: Staff, events: pl.DataFrame, form: Form) -> Export:
    """Learning records, all of them completed."""
    known = positions.training(calendar, staff, events)
    person = people(stream(seed, "workday_learning"), len(staff))[known["index"].to_numpy()]
    rows = person.select(
        Employee_ID=pl.lit(known["number"]),
        Worker=pl.concat_str(["first_name", "last_name"], separator=" "),
        Completion_Status=pl.lit("Completed"),
        Completion_Date=pl.lit(known["day"]),
        Learning_Hours=pl.lit(known["hours"]),
    )
    damages = (
        Damage("bad_date", "Completion_Date", BAD_DATES, 0.006),
        Damage("wrong_decimal", "Learning_Hours", ("7,0", "seven"), 0.005),
    )
    return _export(calendar, form, "learning", "training", "hr_event", rows, damages, event=True)
