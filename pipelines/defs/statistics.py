"""The statistics stage: the windowed (n, s1, s2) become scores, pairs and indices, each with its error."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
import polars as pl

from pipelines.defs.loggers import say
from pipelines.defs.pictures import counts_table
from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.publication.inputs import settled_definitions
from pipelines.settings import Settings
from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices

OWNER = "team:people-analytics"
TABLES = {
    "indicator_scores": "Value, score and 95 % interval of each indicator by unit, month and population.",
    "pair_scores": "Client face beside collaborator face, and their gap, for each pair of a mirror.",
    "unit_indices": "Client and collaborator index, gap, symmetry index and quadrant of each unit and month.",
}


@dg.multi_asset(
    name="statistics",
    pool=POOL,
    specs=[
        dg.AssetSpec(
            key=["statistics", name],
            deps=[dg.AssetKey(["indicators", "indicator_windows"]), dg.AssetKey(["indicators", "unit_months"])],
            description=description,
            group_name="statistics",
            owners=[OWNER],
            kinds={"polars", "duckdb"},
        )
        for name, description in TABLES.items()
    ],
)
def statistics(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[dg.MaterializeResult]:
    """Score every unit and month, with intervals, and hide what stands for too few people."""
    with trying_again(context):
        frames = _compute(context, workspace.settings())
    for name, frame in frames.items():
        yield dg.MaterializeResult(asset_key=["statistics", name], metadata=_metadata(frame))


def _compute(context: dg.AssetExecutionContext, settings: Settings) -> dict[str, pl.DataFrame]:
    """Score what the windows hold, and write the three tables."""
    company = settled_definitions(settings)
    definitions = Definitions(
        company.indicators, company.goalposts, company.windows, company.mirror_pairs, company.weights
    )
    parameters = Parameters(bar=company.parameters["bar"], coverage=company.parameters["coverage"])
    say(context, "Computing scores, gaps and indices with their intervals")
    with duckdb.connect(str(settings.warehouse_path)) as connection:
        windows = connection.sql("select * from indicators.indicator_windows").pl()
        units = connection.sql("select unit_id, period, unit_level, parent_unit_id from indicators.unit_months").pl()
        scores = indicator_scores(windows, definitions, units, settings.min_respondents)
        pairs = pair_scores(scores, definitions, units)
        indices = unit_indices(pairs, scores, definitions, units, parameters)
        connection.execute("create schema if not exists statistics")
        frames = {"indicator_scores": scores, "pair_scores": pairs, "unit_indices": indices}
        for name, frame in frames.items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"create or replace table statistics.{name} as select * from frame")
            connection.unregister("frame")
    return frames


def _metadata(frame: pl.DataFrame) -> dict[str, Any]:
    statuses = dict(frame.group_by("status").len().sort("status").iter_rows())
    periods = frame["period"].unique().sort()
    return {
        "dagster/row_count": frame.height,
        "rows by status": dg.MetadataValue.md(counts_table("status", statuses)),
        "units": frame["unit_id"].n_unique(),
        "months touched": f"{periods[0]:%Y-%m} to {periods[-1]:%Y-%m} ({len(periods)})" if len(periods) else "none",
    }
