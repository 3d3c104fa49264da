"""The daemon's sensors say what `symmetry run` says: a failed run, once, from Dagster's own record of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest

from pipelines.defs.alerts import NO_CHANNEL, alert_on_failure, alert_on_problems
from pipelines.operations.runs import company_runs
from pipelines.publication.lock import COMPANY_TAG
from pipelines.settings import Settings


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    bodies: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("SYMMETRY_WEBHOOK_URL", f"http://127.0.0.1:{server.server_address[1]}/hook")
    yield bodies
    server.shutdown()
    thread.join()
    server.server_close()


@dg.op
def breaks() -> None:
    try:
        raise LookupError("anna@post.example is not there")
    except LookupError as error:
        raise ValueError("row 7: anna@post.example") from error


@dg.job
def scorecard() -> None:
    breaks()


def fail(instance: dg.DagsterInstance, settings: Settings) -> dg.ExecuteInProcessResult:
    tags = {COMPANY_TAG: str(settings.company_dir)}
    return scorecard.execute_in_process(instance=instance, raise_on_error=False, tags=tags)


def said(result: object) -> str:
    assert isinstance(result, dg.SkipReason)
    return str(result.skip_message)


def test_a_failed_run_is_told_once_by_either_sensor(workspace: Settings, posted: list[str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        failed = fail(instance, workspace)
        [run] = company_runs(workspace.dagster_home, workspace.company_dir, instance)
        assert [(one.step, one.error) for one in run.failures] == [("breaks", "LookupError")]
        context = dg.build_run_status_sensor_context(
            sensor_name="alert_on_failure",
            dagster_instance=instance,
            dagster_run=failed.dagster_run,
            dagster_event=failed.get_run_failure_event(),
        ).for_run_failure()
        alert_on_failure(context)
        assert len(posted) == 1
        assert "The job scorecard failed in the step breaks (LookupError)." in posted[0]
        assert "anna" not in posted[0]
        fail(instance, workspace)
        tick = dg.build_sensor_context(instance)
        assert said(alert_on_problems(tick)) == "Nothing new to tell."
        assert len(posted) == 1


def test_a_run_that_was_found_dead_has_no_error_class(workspace: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(scorecard, tags={COMPANY_TAG: str(workspace.company_dir)})
        instance.report_run_failed(run, "The process of this run ended without a word.")
        another = {COMPANY_TAG: "/of/another"}
        instance.create_run_for_job(scorecard, tags=another)
        [found] = company_runs(workspace.dagster_home, workspace.company_dir, instance)
        assert (found.state, [(one.step, one.error) for one in found.failures]) == ("failed", [("", "NoWord")])


def test_without_a_channel_they_say_what_to_set(workspace: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert said(alert_on_problems(dg.build_sensor_context(instance))) == NO_CHANNEL
    assert not workspace.operations_dir.exists()
