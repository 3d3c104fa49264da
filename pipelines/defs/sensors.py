"""What starts runs, or says something, when something happens: a file arrives, a run is stuck, a report is missing."""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg
from dagster import RunRecord

from pipelines.defs.jobs import LANDING_JOB, SCORECARD_JOB, landing_job, scorecard_job
from pipelines.extracts.inbox_watch import Arrival, InboxState, look
from pipelines.publication.lock import COMPANY_TAG
from pipelines.settings import Settings

STUCK_EVERY_SECONDS = 300
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_SETTINGS = Settings()
_STATUS = dg.DefaultSensorStatus.RUNNING if _SETTINGS.automation else dg.DefaultSensorStatus.STOPPED


def skip_reason(arrival: Arrival) -> str:
    """Why a look at the inbox starts no run, in words."""
    if arrival.growing:
        files = ", ".join(arrival.growing[:5])
        files += f" and {len(arrival.growing) - 5} more" if arrival.growing[5:] else ""
        return f"New or changed since the last look, waited for until it stays the same: {files}"
    if arrival.state.files:
        return f"Nothing new: the {len(arrival.state.files)} file(s) in the inbox have been looked at by a run before"
    return "The inbox is empty"


@dg.sensor(
    jobs=[landing_job, scorecard_job],
    minimum_interval_seconds=_SETTINGS.inbox_seconds,
    default_status=_STATUS,
    description="Lands what is dropped in the inbox once it has stopped growing (publishes too, with the setting "
    "publish_on_arrival). The same files start one run only; a refused file starts another when it is corrected.",
)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Look at the inbox once; one run for what has arrived whole since the last look."""
    settings = Settings()
    before = InboxState.model_validate_json(context.cursor) if context.cursor else InboxState()
    arrival = look(settings.inbox_dir, before)
    cursor = arrival.state.model_dump_json()
    if not arrival.arrived:
        return dg.SensorResult(skip_reason=skip_reason(arrival), cursor=cursor)
    request = dg.RunRequest(
        run_key=arrival.key,
        job_name=SCORECARD_JOB if settings.publish_on_arrival else LANDING_JOB,
        tags={COMPANY_TAG: str(settings.company_dir), "symmetry/files": ", ".join(arrival.arrived)[:200]},
    )
    return dg.SensorResult(run_requests=[request], cursor=cursor)


def stuck_runs(records: Sequence[RunRecord], now: datetime, limit_minutes: int) -> list[str]:
    """A sentence for each run that works or waits for longer than it should.

    Args:
        records: runs in progress.
        now: with its time zone.
        limit_minutes: how long a run may take, and may wait.
    """
    sentences = []
    for record in records:
        run = record.dagster_run
        since = datetime.fromtimestamp(record.start_time, UTC) if record.start_time else record.create_timestamp
        since = since if since.tzinfo else since.replace(tzinfo=UTC)
        minutes = int((now - since).total_seconds() // 60)
        if minutes <= limit_minutes:
            continue
        name = f"Run {run.run_id[:8]} of the job {run.job_name}"
        if record.start_time:
            sentences.append(
                f"{name} has been working for {minutes} minutes, longer than {limit_minutes}. Look at its last log "
                "line; if it does not move, terminate it in the UI: the last publication stays as it is and the next "
                "run takes up what is new."
            )
        else:
            sentences.append(
                f"{name} has been waiting for {minutes} minutes, longer than {limit_minutes}. One run goes at a time: "
                "look whether the one before it moves, and whether the daemon is up (Deployment, Daemons)."
            )
    return sentences


@dg.sensor(
    minimum_interval_seconds=STUCK_EVERY_SECONDS,
    default_status=_STATUS,
    description="Says which run works or waits for longer than the setting slow_run_minutes, and what to do.",
)
def stuck_run_sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Look for runs that take too long; it starts none."""
    records = context.instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
    sentences = stuck_runs(records, datetime.now(UTC), Settings().slow_run_minutes)
    for sentence in sentences:
        context.log.warning(sentence)
    return dg.SkipReason(" ".join(sentences) or f"No run is stuck ({len(records)} in progress)")


automation_sensor = dg.AutomationConditionSensorDefinition(
    "automation_sensor",
    target=dg.AssetSelection.all(),
    default_status=_STATUS,
    minimum_interval_seconds=60,
    description="Writes the report again when a scorecard was published and its report was not.",
)
