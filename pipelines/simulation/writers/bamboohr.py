"""BambooHR: the list of employees as it is exported by default, month after month, without those who have left."""

import polars as pl

from pipelines.simulation.people import Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers import positions
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.invented import people
from pipelines.simulation.writers.workday import CATEGORIES

STATUSES = {
    "permanent": "Full-Time",
    "fixed_term": "Fixed-Term",
    "temporary": "Temporary",
    "apprentice": "Intern",
}


def employees(seed: int, calendar: Calendar, teams: Teams, staff: Staff) -> list[Export]:
    """One file per month, of the people employed on its last day, each with the present job."""
    everybody = people(stream(seed, "bamboohr"), len(staff))
    return [_snapshot(calendar, teams, staff, everybody, int(end) - 1) for end in calendar.starts[1:]]


def _snapshot(calendar: Calendar, teams: Teams, staff: Staff, everybody: pl.DataFrame, day: int) -> Export:
    table = positions.spells(calendar, teams, staff, present_on=day)
    number = pl.Series(staff.number).cast(pl.String).str.zfill(6)
    names = pl.DataFrame({"manager": number, "named": everybody["first_name"] + " " + everybody["last_name"]})
    named = table.select("manager").join(names, on="manager", how="left", maintain_order="left")["named"]
    rows = everybody[table["index"].to_numpy()].select(
        pl.lit(table["number"]).alias("Employee #"),
        pl.col("last_name").alias("Last Name"),
        pl.col("first_name").alias("First Name"),
        pl.col("email").alias("Work Email"),
        pl.lit(table["unit"]).alias("Department"),
        pl.lit(table["population"].replace_strict(CATEGORIES)).alias("Population"),
        pl.lit(table["contract"].replace_strict(STATUSES)).alias("Employment Status"),
        pl.lit(table["fte"]).alias("FTE"),
        pl.lit(table["start"]).alias("Job Information: Date"),
        pl.lit(named).alias("Reporting to"),
        pl.lit(table["manager"]).alias("Supervisor #"),
        pl.lit(table["hired"]).alias("Hire Date"),
    )
    return Export(
        file=f"bamboohr_employees_{calendar.iso(day).replace('-', '')}.csv",
        contract="bamboohr.employee",
        entity="employee",
        rows=rows,
        layout=Layout(bom=True),
        damages=(
            Damage("bad_date", "Job Information: Date", ("2025-02-30", "0000-00-00"), 0.003),
            Damage("unknown_code", "Employment Status", ("Full Time?",), 0.003),
        ),
        free_text="Last Name",
        in_place=False,
    )
