"""Months as Dagster partitions: which months the published scorecard holds, and a way to ask for some again."""

import warnings
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb

from pipelines.defs.loggers import failure_text, say
from pipelines.defs.resources import POOL, Workspace
from pipelines.publication.lock import COMPANY_TAG
from pipelines.publication.publish import last_publication
from pipelines.settings import Settings

# The parameter is in beta since 1.5; without it a range would be one run a month.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)

ASKED_BY_TAG = "symmetry/asked_by"
MONTHS_KEY = dg.AssetKey(["publication", "months"])


def month_partitions(settings: Settings) -> dg.MonthlyPartitionsDefinition:
    """Every month from the setting `first_month` to the one that goes on now, as ``YYYY-MM``."""
    return dg.MonthlyPartitionsDefinition(
        start_date=datetime.strptime(settings.first_month, "%Y-%m"),
        timezone=settings.timezone,
        fmt="%Y-%m",
        end_offset=1,
    )


def computed_months(warehouse: Path) -> list[str]:
    """The months, as ``YYYY-MM``, that the last build has computed: new, changed or asked for.

    Args:
        warehouse: the DuckDB file, which nobody may hold open for writing.

    Raises:
        duckdb.Error: the indicators have not been built there.
    """
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        # A month that has left the record was touched too, and has no figure any more.
        found = connection.execute(
            "select strftime(period, '%Y-%m') from indicators.months_touched "
            "semi join canonical.dim_month using (period) order by 1"
        ).fetchall()
    return [month for (month,) in found]


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

    To compute a month or a range again, press Materialize, choose the months and launch: the whole range is computed
    and published by one run of the job `scorecard`, which this run starts and waits for.
    """
    settings = workspace.settings()
    chosen = context.partition_key_range
    done = _compute(context, settings, f"{chosen.start}..{chosen.end}")
    last = last_publication(settings.published_path)
    return dg.MaterializeResult(
        metadata={
            "computed by run": dg.MetadataValue.dagster_run(done),
            "publication": last["publication_id"] if last else "none",
            "months": len(context.partition_keys),
        }
    )


def _compute(context: dg.AssetExecutionContext, settings: Settings, asked: str) -> str:
    """Run the scorecard job for some months, in this process, which holds the warehouse; return the run's id.

    Dagster would cut a job of assets with and without partitions into one run for each kind, so the pipeline itself
    has none, and is told the months by its configuration, as `symmetry run --months` does.
    """
    from pipelines.definitions import defs
    from pipelines.defs.jobs import SCORECARD_JOB

    say(context, f"Starting the job {SCORECARD_JOB} for the months {asked}")
    done = defs.resolve_job_def(SCORECARD_JOB).execute_in_process(
        instance=context.instance,
        run_config={"ops": {"landing": {"config": {"months": asked}}}, "loggers": {"console": {}}},
        tags={COMPANY_TAG: str(settings.company_dir), ASKED_BY_TAG: context.run_id},
        raise_on_error=False,
    )
    if not done.success:
        reasons = [text for event in done.all_events if (text := failure_text(event)) is not None]
        raise dg.Failure(
            f"Nothing was computed for {asked}: {'; '.join(reasons)}. The run {done.run_id} shows it step by step.",
            metadata={"failed run": dg.MetadataValue.dagster_run(done.run_id)},
        )
    return done.run_id
