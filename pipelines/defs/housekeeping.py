"""How long Dagster keeps finished runs: it deletes old ticks by itself (`dagster.yaml`), old runs it does not."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from pipelines.defs.schedules import build_schedule
from pipelines.settings import Settings

HOUSEKEEPING_JOB = "housekeeping"
# At most so many a night, so that the first one on an old storage does not hold the run queue for hours.
RUNS_A_TIME = 500
FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def expire_runs(instance: dg.DagsterInstance, before: datetime) -> list[str]:
    """Delete finished runs that were last updated before a time, with their event logs and captured output.

    The last materialization of an asset goes with its run; the published files, receipts and ledger stay.

    Returns:
        The ids of the runs that are gone, the oldest first.
    """
    filters = dg.RunsFilter(statuses=FINISHED, updated_before=before)
    records = instance.get_run_records(filters, limit=RUNS_A_TIME, order_by="update_timestamp", ascending=True)
    gone = []
    for record in records:
        run_id = record.dagster_run.run_id
        instance.delete_run(run_id)
        _forget_output(instance, run_id)
        gone.append(run_id)
    return gone


def _forget_output(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    folder = Path(instance.storage_directory()) / run_id
    if folder.is_dir():
        shutil.rmtree(folder)


@dg.op(description="Deletes finished runs, their logs and captured output, older than the setting keep_runs_days.")
def delete_old_runs(context: dg.OpExecutionContext) -> int:
    """Delete what is over its time and say how much that was."""
    days = Settings().keep_runs_days
    gone = expire_runs(context.instance, datetime.now(UTC) - timedelta(days=days))
    context.log.info(f"{len(gone)} run(s) older than {days} days are deleted, with their logs")
    return len(gone)


@dg.job(
    name=HOUSEKEEPING_JOB,
    executor_def=dg.in_process_executor,
    description="Deletes finished runs and their logs once their time is over (setting keep_runs_days).",
)
def housekeeping_job() -> None:
    """Delete what Dagster has kept long enough."""
    delete_old_runs()


housekeeping_schedule = build_schedule(
    Settings(),
    "housekeeping_schedule",
    HOUSEKEEPING_JOB,
    "30 4 * * 0",
    "Every Sunday at 4:30: deletes runs and logs whose time is over.",
)
