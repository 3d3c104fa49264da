"""The scorecard on a terminal: the top of the hierarchy and the widest gaps, from the published file alone."""

from __future__ import annotations

from pathlib import Path

import duckdb
from rich import box
from rich.console import Console
from rich.table import Table

COLUMNS = ("unit", "level", "client", "collaborator", "gap", "symmetry\nindex", "quadrant")

SUMMARY_SQL = """
with latest as (
    select * from scorecard
    where period = (select max(period) from scorecard where status = 'ok')
),

shown as (
    select *, 0 as part from latest
    where parent_unit_id is null
        or parent_unit_id in (select unit_id from latest where parent_unit_id is null)
    union all
    (
        select *, 1 as part from latest
        where status = 'ok'
            and parent_unit_id is not null
            and parent_unit_id not in (select unit_id from latest where parent_unit_id is null)
            and (gap_lower > 0 or gap_upper < 0)
        order by abs(gap) desc
        limit $widest
    )
)

select part, period, unit_name, unit_level, status, client_index, client_index_lower, client_index_upper,
    collaborator_index, collaborator_index_lower, collaborator_index_upper, gap, gap_lower, gap_upper,
    symmetry_index, quadrant
from shown
order by part, parent_unit_id is not null, abs(gap) desc nulls last, unit_name
"""


def print_summary(published: Path, console: Console, widest: int = 8) -> None:
    """Print a short table of the last month that has a figure.

    Args:
        published: the published DuckDB file.
        console: where to print.
        widest: how many of the widest gaps below the top two levels to show.
    """
    with duckdb.connect(str(published), read_only=True) as connection:
        rows = connection.execute(SUMMARY_SQL, {"widest": widest}).fetchall()
        counts = dict(
            connection.execute(
                "select status, count(*) from scorecard where period = (select max(period) from scorecard "
                "where status = 'ok') group by all order by all"
            ).fetchall()
        )
    if not rows:
        console.print("No unit has enough answers on both sides yet: every row is suppressed or insufficient.")
        return
    table = Table(
        title=f"Symmetry scorecard, {rows[0][1]:%B %Y} (0 to 100, ± half of the 95 % interval)", box=box.SIMPLE_HEAD
    )
    for column in COLUMNS:
        left = column in ("unit", "level", "quadrant")
        widest_name = 28 if column == "unit" else None
        table.add_column(column, justify="left" if left else "right", no_wrap=True, max_width=widest_name)
    part = 0
    for row in rows:
        if row[0] != part:
            table.add_section()
            part = row[0]
        _, _, name, level, status, *figures, symmetry_index, quadrant = row
        if status == "ok":
            client, collaborator, gap = (_with_error(*figures[start : start + 3]) for start in (0, 3, 6))
            table.add_row(name, level, client, collaborator, gap, f"{symmetry_index:.1f}", quadrant)
        else:
            table.add_row(name, level, *(["·"] * 4), status)
    console.print(table)
    listed = ", ".join(f"{count} {status}" for status, count in counts.items())
    console.print(f"Units in that month: {listed}. Below the line: the widest gaps whose interval excludes 0.")


def _with_error(value: float, lower: float, upper: float) -> str:
    return f"{value:.1f} ±{(upper - lower) / 2:.1f}"
