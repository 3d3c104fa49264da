"""The monitoring of services: one row per team, service and working day, in ISO forms."""

import polars as pl

from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.packed import parquet


def availability(calendar: Calendar, teams: Teams, days: pl.DataFrame, form: str = "csv") -> Export:
    """Availability of the services that clients meet and of the tools that staff work with.

    `form`: csv, tsv, or parquet with the types that the values have.
    """
    date = pl.Series(calendar.date64(days["day"].to_numpy())).dt.strftime("%Y-%m-%d")
    rows = pl.DataFrame(
        {
            "day": date,
            "unit": pl.Series(teams.ids).gather(days["team"]),
            "service": days["service"],
            "audience": days["audience"].replace_strict({"client": "clients", "collaborator": "staff"}),
            "expected_min": days["expected"].cast(pl.String),
            "available_min": days["available"].cast(pl.String),
            "median_response_ms": days["response_ms"].cast(pl.String),
            "probe": "probe-" + (days["team"] % 7).cast(pl.String),
            "check_id": pl.int_range(1, days.height + 1, eager=True).cast(pl.String),
        }
    )
    return Export(
        file=f"availability.{form}",
        contract="operations.availability" + ("_parquet" if form == "parquet" else ""),
        entity="availability",
        rows=rows,
        layout=Layout(delimiter="\t" if form == "tsv" else ","),
        damages=(
            Damage("bad_date", "day", ("2025-02-30", "n/a"), 0.003),
            Damage("wrong_decimal", "available_min", ("598,4", "5 98"), 0.003),
            Damage("impossible_value", "available_min", ("-12.0", "1e9"), 0.002),
            Damage("blank_id", "unit", ("",), 0.002),
        ),
        free_text="probe",
        duplicate_share=0.003,
        separator_share=0.0 if form == "parquet" else 0.001,
        binary=parquet if form == "parquet" else None,
    )
