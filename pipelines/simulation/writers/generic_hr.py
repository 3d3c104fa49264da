"""HR files kept by hand: a headcount CSV with French headers, a tab-separated list of absences, a training workbook."""

from functools import partial

import polars as pl

from pipelines.simulation.people import Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers import positions
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.french_hr import CONTRACTS, POPULATIONS, REASONS
from pipelines.simulation.writers.invented import people
from pipelines.simulation.writers.packed import workbook

KINDS = {
    "sick": "Sick leave",
    "accident": "Work accident",
    "unpaid": "Unpaid leave",
    "other": "Other",
    "paid_leave": "Paid leave",
}


def headcount(seed: int, calendar: Calendar, teams: Teams, staff: Staff) -> Export:
    """Spells, with French headers and codes and ISO dates."""
    table = positions.spells(calendar, teams, staff)
    person = people(stream(seed, "generic_headcount"), len(staff))[table["index"].to_numpy()]
    rows = person.select(
        pl.lit(table["number"]).alias("Matricule"),
        pl.col("last_name").alias("Nom"),
        pl.col("first_name").alias("Prénom"),
        pl.lit(table["unit"]).alias("Unité"),
        pl.lit(table["start"]).alias("Début de situation"),
        pl.lit(table["end"]).alias("Fin de situation"),
        pl.lit(table["manager"]).alias("Matricule responsable"),
        pl.lit(table["population"].replace_strict(POPULATIONS)).alias("Catégorie"),
        pl.lit(table["contract"].replace_strict(CONTRACTS)).alias("Contrat"),
        pl.lit(table["fte"]).alias("ETP"),
        pl.lit(table["hired"]).alias("Date d'embauche"),
        pl.lit(table["left"]).alias("Date de sortie"),
        pl.lit(table["reason"].replace_strict(REASONS)).alias("Motif de sortie"),
    )
    return Export(
        file=f"effectif_{calendar.taken_on}.csv",
        contract="generic_hr.headcount",
        entity="employee",
        rows=rows,
        layout=Layout(),
        damages=(
            Damage("bad_date", "Début de situation", ("31/02/2025", "2025-3"), 0.005),
            Damage("blank_id", "Matricule", ("",), 0.003),
            Damage("unknown_code", "Catégorie", ("Nomade",), 0.003),
        ),
        free_text="Nom",
        in_place=False,
    )


def absences(seed: int, calendar: Calendar, staff: Staff, table: pl.DataFrame) -> Export:
    """Absences, tab-separated, with English headers."""
    known = positions.absences(calendar, staff, table)
    person = people(stream(seed, "generic_absences"), len(staff))[known["index"].to_numpy()]
    rows = person.select(
        pl.lit(known["number"]).alias("Employee number"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Name"),
        pl.lit(known["start"]).alias("First day"),
        pl.lit(known["end"]).alias("Last day"),
        pl.lit(known["kind"].replace_strict(KINDS)).alias("Kind"),
        pl.lit(known["hours"]).alias("Hours"),
    )
    return Export(
        file=f"absences_{calendar.taken_on}.tsv",
        contract="generic_hr.absence",
        entity="absence",
        rows=rows,
        layout=Layout(delimiter="\t"),
        damages=(
            Damage("bad_date", "First day", ("30/02/2025", "soon"), 0.004),
            Damage("wrong_number", "Hours", ("7.5,0", "-7"), 0.004),
            Damage("unknown_code", "Kind", ("Misc",), 0.003),
        ),
        free_text="Name",
    )


def training(seed: int, calendar: Calendar, staff: Staff, events: pl.DataFrame) -> Export:
    """Training, a workbook whose dates and hours are cells of those types; a wrong one is text."""
    known = positions.training(calendar, staff, events)
    person = people(stream(seed, "generic_training"), len(staff))[known["index"].to_numpy()]
    rows = person.select(
        pl.lit(known["number"]).alias("Employee ID"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Name"),
        pl.lit(known["day"]).alias("Training date"),
        pl.lit(known["hours"]).alias("Hours"),
    )
    return Export(
        file=f"training_{calendar.taken_on}.xlsx",
        contract="generic_hr.training_xlsx",
        entity="hr_event",
        rows=rows,
        layout=Layout(),
        damages=(
            Damage("bad_date", "Training date", ("30/02/2025", "in spring"), 0.006),
            Damage("wrong_number", "Hours", ("seven", "7h"), 0.005),
            Damage("blank_id", "Employee ID", ("",), 0.003),
        ),
        free_text="Name",
        separator_share=0.0,
        binary=partial(workbook, sheet="Training", dates=("Training date",), numbers=("Hours",)),
    )
