"""A run that takes too long is said in words; a look at the inbox that starts nothing says why."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from pipelines.defs.housekeeping import expire_runs
from pipelines.defs.sensors import IN_PROGRESS, skip_reason, stuck_runs
from pipelines.extracts.inbox_watch import Arrival, InboxState, Seen


@pytest.mark.parametrize(
    ("status", "said"),
    [(dg.DagsterRunStatus.STARTING, "has been waiting for 90 minutes"), (dg.DagsterRunStatus.SUCCESS, None)],
)
def test_a_run_that_waits_too_long_is_said(status: dg.DagsterRunStatus, said: str | None) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        create_run_for_test(instance, job_name="scorecard", status=status)
        records = instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
        now = datetime.now(UTC)
        assert stuck_runs(records, now, limit_minutes=60) == []
        late = stuck_runs(records, now + timedelta(minutes=90, seconds=5), limit_minutes=60)
    if said is None:
        assert late == []
    else:
        [sentence] = late
        assert said in sentence
        assert "daemon is up" in sentence


def test_a_run_that_works_too_long_is_said_with_what_to_do() -> None:
    @dg.op
    def ask(context: dg.OpExecutionContext) -> list[str]:
        records = context.instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS))
        return stuck_runs(records, datetime.now(UTC) + timedelta(hours=2), limit_minutes=60)

    @dg.job
    def slow() -> None:
        ask()

    [sentence] = slow.execute_in_process().output_for_node("ask")
    assert "of the job slow has been working for 120 minutes" in sentence or "119 minutes" in sentence
    assert "terminate it in the UI" in sentence


def test_why_nothing_starts() -> None:
    seen = InboxState(files={"a.csv": Seen(size=1, modified=1, settled=True, sha256="x")})
    assert skip_reason(Arrival(InboxState())) == "The inbox is empty"
    assert "1 file(s)" in skip_reason(Arrival(seen))
    many = [f"{number}.csv" for number in range(7)]
    assert skip_reason(Arrival(seen, growing=many)).endswith("4.csv and 2 more")


def test_finished_runs_are_deleted_after_their_time_and_running_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.local_temp() as instance:
        done = create_run_for_test(instance, status=dg.DagsterRunStatus.SUCCESS)
        running = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED)
        instance.report_engine_event("a line", done)
        assert expire_runs(instance, datetime.now(UTC) - timedelta(days=1)) == []
        assert expire_runs(instance, datetime.now(UTC) + timedelta(days=1)) == [done.run_id]
        assert [run.run_id for run in instance.get_runs()] == [running.run_id]
        assert instance.all_logs(done.run_id) == []
