"""The statistics stage: the windowed (n, s1, s2) become scores, pairs and indices, each with its error."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import duckdb
import polars as pl

from pipelines.defs.resources import Workspace
from pipelines.publication.inputs import definitions_in_force
from pipelines.statistics.indicators import indicator_scores
from pipelines.statistics.indices import pair_scores, unit_indices

OWNER = "team:people-analytics"
TABLES = {
    "indicator_scores": "Value, score and 95 % interval of each indicator by unit, month and population.",
    "pair_scores": "Client face beside collaborator face, and their gap, for each pair of a mirror.",
    "unit_indices": "Client and collaborator index, gap, symmetry index and quadrant of each unit and month.",
}

# Units are asked a row in each month in which they exist, so that a hidden or thin month is a row with a status.
UNITS_SQL = """
select
    members.period,
    members.unit_id,
    versions.unit_level,
    versions.parent_unit_id
from canonical.bridge_unit_ancestor as members
inner join canonical.dim_month as months on members.period = months.period
inner join canonical.dim_unit_version as versions
    on members.unit_id = versions.unit_id
where members.distance = 0
qualify row_number() over (
    partition by members.period, members.unit_id
    order by (versions.valid_from <= months.period_end) desc, versions.valid_from desc
) = 1
"""


@dg.multi_asset(
    name="statistics",
    specs=[
        dg.AssetSpec(
            key=["statistics", name],
            deps=[dg.AssetKey(["indicator_windows"])],
            description=description,
            group_name="statistics",
            owners=[OWNER],
            kinds={"polars", "duckdb"},
        )
        for name, description in TABLES.items()
    ],
    pool="warehouse",
)
def statistics(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[dg.MaterializeResult]:
    """Score every unit and month, with intervals, and hide what stands for too few people."""
    settings = workspace.settings()
    definitions = definitions_in_force(settings)
    context.log.info("Computing scores, gaps and indices with their intervals")
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        windows = connection.sql("select * from indicators.indicator_windows").pl()
        units = connection.sql(UNITS_SQL).pl()
        scores = indicator_scores(windows, definitions, units, settings.min_respondents)
        pairs = pair_scores(scores, definitions, units)
        indices = unit_indices(pairs, scores, definitions, units)
        connection.execute("create schema if not exists statistics")
        frames = {"indicator_scores": scores, "pair_scores": pairs, "unit_indices": indices}
        for name, frame in frames.items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"create or replace table statistics.{name} as select * from frame")
            connection.unregister("frame")
    for name, frame in frames.items():
        yield dg.MaterializeResult(asset_key=["statistics", name], metadata=_metadata(frame))


def _metadata(frame: pl.DataFrame) -> dict[str, object]:
    statuses = dict(frame.group_by("status").len().sort("status").iter_rows())
    periods = frame["period"].unique().sort()
    return {
        "dagster/row_count": frame.height,
        "rows by status": statuses,
        "units": frame["unit_id"].n_unique(),
        "months touched": f"{periods[0]:%Y-%m} to {periods[-1]:%Y-%m} ({len(periods)})" if len(periods) else "none",
    }
