"""Months as Dagster partitions: which months the published scorecard holds, and a way to ask for some again."""

import warnings
from datetime import datetime

import dagster as dg

from pipelines.defs.resources import POOL, Workspace
from pipelines.defs.retries import trying_again
from pipelines.publication.months import months_between
from pipelines.publication.publish import last_publication
from pipelines.settings import Settings

# The parameter is in beta since 1.5; without it a range would be one run a month.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

MONTHS_KEY = dg.AssetKey(["publication", "months"])


def month_partitions(settings: Settings) -> dg.MonthlyPartitionsDefinition:
    """Every month from the setting `first_month` to the one that goes on now, as ``YYYY-MM``."""
    return dg.MonthlyPartitionsDefinition(
        start_date=datetime.combine(settings.first_month, datetime.min.time()),
        timezone=settings.timezone,
        fmt="%Y-%m",
        end_offset=1,
    )


def asked_in_run(run: dg.DagsterRun) -> str | None:
    """The month or range that a run was launched for in the UI, as `parse_months` reads it; None for any other run."""
    tags = run.tags
    if "dagster/asset_partition_range_start" in tags:
        return f"{tags['dagster/asset_partition_range_start']}..{tags['dagster/asset_partition_range_end']}"
    return tags.get("dagster/partition")


def computed_months(settings: Settings, asked: list[str] | None) -> list[str]:
    """The months that the run in progress has computed: those asked for, or all that are published."""
    last = last_publication(settings.published_path)
    if asked is not None or last is None or last["first_period"] is None:
        return asked or []
    return months_between(f"{last['first_period']:%Y-%m}", f"{last['last_period']:%Y-%m}")


@dg.asset(
    key=MONTHS_KEY,
    deps=[dg.AssetKey(["publication", "scorecard"])],
    group_name="publication",
    owners=["team:data-engineering"],
    kinds={"duckdb"},
    partitions_def=month_partitions(Settings()),
    pool=POOL,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def months(context: dg.AssetExecutionContext, workspace: Workspace) -> dg.MaterializeResult:
    """Which months the published scorecard holds, and when each was last computed.

    To compute a month or a range again, open the job `recompute_months`, press "Materialize all", choose the months and
    launch them as a single run. This asset alone computes nothing.
    """
    keys = context.job_def.asset_layer.selected_asset_keys
    if dg.AssetKey(["landing", "case"]) not in keys:
        raise dg.Failure(
            "This asset says which months were computed and computes none itself. To compute months again, open the "
            "job recompute_months, press Materialize all, choose the months and launch them as a single run; or say "
            "symmetry run --months 2025-01..2025-06"
        )
    with trying_again(context):
        last = last_publication(workspace.settings().published_path)
    if last is None:
        raise dg.Failure("Nothing is published yet, so no month is computed; launch the job scorecard first")
    return dg.MaterializeResult(metadata={"publication": last["publication_id"], "months": len(context.partition_keys)})
