"""What has run and how it ended: Dagster's own storage, and the record of the last `symmetry run`.

Dagster is imported only when its storage is asked, since that takes most of a second. The record says what Dagster
cannot: that the command stopped before a run began, or found nothing new, so that what failed before is over.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.publication.lock import COMPANY_TAG

if TYPE_CHECKING:
    import dagster as dg

#: Jobs that compute and publish the whole: when one succeeds, what failed in these or in landing is over.
WHOLE_JOBS = frozenset({"scorecard", "recompute_months"})
LANDING_JOB = "land"

#: How many of the newest runs are looked at.
NEWEST = 100

#: The error class of a run whose process ended without a word.
NO_WORD = "NoWord"

State = Literal["waiting", "running", "succeeded", "failed", "canceled"]


class Failure(BaseModel):
    """Where a run failed: the step ('' outside any), and the class of the innermost error."""

    model_config = ConfigDict(frozen=True)

    step: str
    error: str


class Run(BaseModel):
    """One run; times are aware, UTC. `failures` is empty unless it failed."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    job: str
    state: State
    started: datetime
    ended: datetime | None = None
    failures: tuple[Failure, ...] = ()


class RunsError(RuntimeError):
    """Dagster's storage, or the record of the last command, cannot be read; the message says what to do."""


@contextlib.contextmanager
def _opened(home: Path, instance: dg.DagsterInstance | None) -> Iterator[dg.DagsterInstance]:
    if instance is not None:
        yield instance
        return
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as own:
        yield own


def company_runs(home: Path, company: Path, instance: dg.DagsterInstance | None = None) -> list[Run]:
    """Return a company's newest runs, the newest first; [] when Dagster's folder is not there.

    Runs that carry no company (started in the UI before runs were tagged) count as this one's.

    Args:
        home: Dagster's instance folder.
        company: the root of the company's data.
        instance: the instance, when the caller has one open.

    Raises:
        RunsError: the storage cannot be read.
    """
    if instance is None and not home.is_dir():
        return []
    try:
        with _opened(home, instance) as opened:
            import dagster as dg

            own = opened.get_run_records(filters=dg.RunsFilter(tags={COMPANY_TAG: str(company)}), limit=NEWEST)
            rest = [
                record
                for record in opened.get_run_records(limit=NEWEST)
                if record.dagster_run.tags.get(COMPANY_TAG) is None
            ]
            records = {record.dagster_run.run_id: record for record in [*own, *rest]}
            newest = sorted(records.values(), key=lambda record: record.create_timestamp, reverse=True)
            return [_run(record, opened) for record in newest]
    except Exception as error:
        # Whatever the storage is (SQLite, PostgreSQL), its driver has errors of its own.
        raise RunsError(
            f"Dagster's storage in {home} cannot be read ({type(error).__name__}); see that its database is up and "
            "that this user may read it"
        ) from error


def _run(record: Any, instance: dg.DagsterInstance) -> Run:
    import dagster as dg

    status = record.dagster_run.status
    states: dict[Any, State] = {
        dg.DagsterRunStatus.SUCCESS: "succeeded",
        dg.DagsterRunStatus.FAILURE: "failed",
        dg.DagsterRunStatus.CANCELED: "canceled",
        dg.DagsterRunStatus.CANCELING: "running",
        dg.DagsterRunStatus.STARTED: "running",
        dg.DagsterRunStatus.STARTING: "running",
    }
    created = record.create_timestamp.astimezone(UTC)
    state = states.get(status, "waiting")
    return Run(
        run_id=record.dagster_run.run_id,
        job=record.dagster_run.job_name,
        state=state,
        started=datetime.fromtimestamp(record.start_time, UTC) if record.start_time else created,
        ended=datetime.fromtimestamp(record.end_time, UTC) if record.end_time else None,
        failures=_failures(instance, record.dagster_run.run_id) if state == "failed" else (),
    )


def _failures(instance: dg.DagsterInstance, run_id: str) -> tuple[Failure, ...]:
    import dagster as dg

    kinds = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE}
    events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=kinds)]
    steps = [event for event in events if event is not None and event.is_step_failure]
    if steps:
        found = [Failure(step=str(e.step_key), error=_innermost(e.step_failure_data.error)) for e in steps]
        return tuple(dict.fromkeys(found))
    whole = next((event for event in events if event is not None), None)
    error = getattr(whole.event_specific_data, "error", None) if whole is not None else None
    return (Failure(step="", error=_innermost(error)),)


def _innermost(error: Any) -> str:
    """The class of the innermost cause: its name alone, since a message may quote data."""
    if error is None:
        return NO_WORD
    while error.cause is not None:
        error = error.cause
    return str(error.cls_name or NO_WORD)


class Stop(BaseModel):
    """`symmetry run` stopped with an error that no run shows, first and last at these moments (aware, UTC)."""

    error: str
    since: datetime
    at: datetime


class CommandRecord(BaseModel):
    """How `symmetry run` ended: when it last ended well, and the error that it stopped with since, if any."""

    well_at: datetime | None = None
    stop: Stop | None = None


def read_command_record(folder: Path) -> CommandRecord:
    """Return the record of the last `symmetry run`, an empty one when there is none.

    Raises:
        RunsError: the record is damaged.
    """
    path = folder / "last_command.json"
    if not path.is_file():
        return CommandRecord()
    try:
        return CommandRecord.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunsError(f"{path} is damaged; delete it, the next `symmetry run` writes it anew") from error


def record_command(folder: Path, now: datetime, *, well: bool, error: str | None = None) -> None:
    """Write down how `symmetry run` ended.

    Args:
        folder: the company's folder of operations; made when it is not there.
        now: aware, UTC.
        well: whether it did all it was asked.
        error: class of the error that stopped it outside a run; None when it ended well, or a run failed.
    """
    try:
        before = read_command_record(folder)
    except RunsError:
        # It is written anew, as its message says.
        before = CommandRecord()
    since = before.stop.since if before.stop is not None and before.stop.error == error else now
    stop = Stop(error=error, since=since, at=now) if error is not None else None
    write_whole(folder / "last_command.json", CommandRecord(well_at=now if well else before.well_at, stop=stop))


def write_whole(path: Path, model: BaseModel) -> None:
    """Write a model as JSON in one atomic step, for the owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(model.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n", "utf-8")
    temporary.replace(path)


def failures_in_force(runs: Iterable[Run], well_at: datetime | None) -> list[tuple[str, Failure, datetime, datetime]]:
    """Return what has failed since each job last succeeded: job, failure, first and last time; the newest first.

    A success of a whole job ends what failed in landing too; a run that was canceled ends nothing. A later
    `symmetry run` that ended well ends all: nothing was left to do.

    Args:
        runs: the newest first.
        well_at: when `symmetry run` last ended well.
    """
    over: set[str] = set()
    found: dict[tuple[str, Failure], tuple[datetime, datetime]] = {}
    for run in runs:
        at = run.ended or run.started
        if run.job in over or (well_at is not None and at <= well_at):
            continue
        if run.state == "succeeded":
            over |= {*WHOLE_JOBS, LANDING_JOB} if run.job in WHOLE_JOBS else {run.job}
        for failure in run.failures:
            _, last = found.get((run.job, failure), (at, at))
            found[run.job, failure] = (at, last)
    return [(job, failure, first, last) for (job, failure), (first, last) in found.items()]
