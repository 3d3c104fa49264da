"""The statistics stage: the windowed (n, s1, s2) become scores, indices, ruptures and all that rests on them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
import polars as pl
from threadpoolctl import threadpool_limits

from pipelines.defs.loggers import say
from pipelines.defs.pictures import counts_table
from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.publication.inputs import settled_definitions
from pipelines.settings import Settings
from pipelines.statistics.compute import every_table
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.tables import PUBLISHED

OWNER = "team:people-analytics"
READ = (
    *(["indicators", name] for name in ("indicator_windows", "theme_windows", "theme_events", "unit_months")),
    *(["indicators", name] for name in ("indicator_stats", "indicator_people")),
    *(["canonical", name] for name in ("bridge_unit_ancestor", "dim_action")),
)
# Sums of floating-point numbers depend on the order of the rows, and an incremental table has another order on disk
# than the same table made whole: so every frame is read in the order of its key.
_BY_KEY = "order by unit_id, period, population, indicator_id"
_COMPOSITES = "indicator_id like 'composite.%'"
_BELIEFS = "indicator_id like 'belief.%'"
QUERIES = {
    "windows": f"select * from indicators.indicator_windows where not {_BELIEFS} {_BY_KEY}",
    "belief_windows": f"select * from indicators.indicator_windows where {_BELIEFS} {_BY_KEY}",
    "cells": f"select unit_id, period, population, indicator_id, people from indicators.indicator_stats {_BY_KEY}",
    "theme_windows": "select * from indicators.theme_windows order by unit_id, period, side, theme",
    "theme_cells": "select unit_id, period, side, theme, count(distinct person_key) as people "
    "from indicators.theme_events group by unit_id, period, side, theme order by unit_id, period, side, theme",
    # Only what links read: the rows of single people are many, those of composites few.
    "composite_stats": f"select * from indicators.indicator_stats where {_COMPOSITES} {_BY_KEY}",
    "composite_people": "select unit_id, period, indicator_id, person_key from indicators.indicator_people "
    f"where {_COMPOSITES} order by unit_id, period, indicator_id, person_key",
    "ancestors": "select unit_id, period, ancestor_id from canonical.bridge_unit_ancestor "
    "order by unit_id, period, ancestor_id",
    # Two systems may number their actions alike.
    "actions": "select case when count(*) over (partition by action_id) > 1 then source_system || ':' else '' end "
    "|| action_id as action_id, unit_id, marker, started_on, ended_on, kind, owner_role from canonical.dim_action "
    "where unit_id is not null order by source_system, action_id",
    "units": "select unit_id, period, unit_level, parent_unit_id from indicators.unit_months order by unit_id, period",
}
"""One query for each frame of `INPUTS`, and for the cells."""

TABLES = {
    "indicator_scores": "Value, score and 95 % interval of each indicator by unit, month and population.",
    "pair_scores": "Client face beside collaborator face, and their gap, for each pair of a mirror.",
    "unit_indices": "Client and collaborator index, gap, symmetry index and quadrant of each unit and month.",
    "rupture_tests": "Test of every gap against the threshold: p, adjusted p and whether it is a rupture.",
    "shrunk_pairs": "Scores of both faces of every pair, drawn towards the mean of the unit's parent.",
    **{name: table.description for name, table in PUBLISHED.items()},
}


@dg.multi_asset(
    name="statistics",
    pool=POOL,
    specs=[
        dg.AssetSpec(
            key=["statistics", name],
            deps=[dg.AssetKey(name) for name in READ],
            description=description,
            group_name="statistics",
            owners=[OWNER],
            kinds={"polars", "duckdb"},
        )
        for name, description in TABLES.items()
    ],
)
def statistics(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[dg.MaterializeResult]:
    """Compute every figure with its error, and hide what stands for too few people."""
    with trying_again(context):
        metadata = _compute(context, workspace.settings())
    for name, found in metadata.items():
        yield dg.MaterializeResult(asset_key=["statistics", name], metadata=found)


def _compute(context: dg.AssetExecutionContext, settings: Settings) -> dict[str, dict[str, Any]]:
    """Read what the stage works from, compute, write every table as it comes; return their metadata."""
    company = settled_definitions(settings)
    definitions = Definitions(
        company.indicators, company.goalposts, company.windows, company.mirror_pairs, company.weights
    )
    metadata: dict[str, dict[str, Any]] = {}
    with duckdb.connect(str(settings.warehouse_path)) as connection:

        def write(name: str, frame: pl.DataFrame) -> None:
            _write(connection, name, frame)
            metadata[name] = _metadata(frame)

        def read(name: str) -> pl.DataFrame:
            return connection.sql(QUERIES[name]).pl()

        connection.execute("create schema if not exists statistics")
        # Many small matrices: threads that wait for one another would cost more than what they compute.
        with threadpool_limits(1, "blas"):
            every_table(
                read,
                lambda: read("cells"),
                write,
                definitions,
                company.parameters,
                settings.min_respondents,
                lambda what: say(context, f"Computing {what}"),
            )
    return metadata


def _write(connection: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    """Replace a table of the schema `statistics`, with its comments where it is published."""
    connection.register("frame", frame.to_arrow())
    connection.execute(f"create or replace table statistics.{name} as select * from frame")
    connection.unregister("frame")
    if name in PUBLISHED:
        table = PUBLISHED[name]
        _comment(connection, f"table statistics.{name}", table.description)
        for column, words in table.columns.items():
            _comment(connection, f"column statistics.{name}.{column}", words)


def _comment(connection: duckdb.DuckDBPyConnection, what: str, words: str) -> None:
    # COMMENT ON takes no parameter, so the text is quoted here.
    quoted = words.replace("'", "''")
    connection.execute(f"comment on {what} is '{quoted}'")


def _metadata(frame: pl.DataFrame) -> dict[str, Any]:
    """What a person looks for: rows, what is shown and hidden, units, months."""
    found: dict[str, Any] = {"dagster/row_count": frame.height}
    if "status" in frame.columns:
        statuses = dict(frame.group_by("status").len().sort("status").iter_rows())
        found["rows by status"] = dg.MetadataValue.md(counts_table("status", statuses))
    if "unit_id" in frame.columns:
        found["units"] = frame["unit_id"].n_unique()
    month = next((name for name in ("period", "start_period") if name in frame.columns), None)
    if month is not None:
        periods = frame[month].drop_nulls().unique().sort()
        found["months touched"] = (
            f"{periods[0]:%Y-%m} to {periods[-1]:%Y-%m} ({len(periods)})" if len(periods) else "none"
        )
    return found
