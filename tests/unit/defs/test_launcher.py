"""Whether a run lives: by its code server, by its company's lock, and dead only when neither knows it."""

from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import WorkerStatus
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import serialize_value

from pipelines.defs.launcher import DEAD, WatchedRunLauncher
from pipelines.publication.lock import COMPANY_TAG, hold_warehouse
from pipelines.settings import Settings

RUN = dg.DagsterRun(job_name="scorecard", run_id="6f1c3f0e-0000-4000-8000-000000000001")


def _launcher(monkeypatch: pytest.MonkeyPatch, current_runs: list[str] | None) -> WatchedRunLauncher:
    """A launcher whose code server executes these runs; None: no code server was ever given the run."""

    def answer() -> str:
        if current_runs == ["unreachable"]:
            raise DagsterUserCodeUnreachableError("gone")
        return serialize_value(GetCurrentRunsResult(current_runs=current_runs or [], serializable_error_info=None))

    client = None if current_runs is None else SimpleNamespace(get_current_runs=answer)
    launcher = WatchedRunLauncher()
    monkeypatch.setattr(launcher, "_get_grpc_client_for_termination", lambda run_id: client)
    return launcher


def test_a_run_lives_while_its_code_server_executes_it(workspace: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = _launcher(monkeypatch, [RUN.run_id])
    assert launcher.supports_check_run_worker_health
    assert launcher.check_run_worker_health(RUN).status is WorkerStatus.RUNNING


@pytest.mark.parametrize("current_runs", [None, [], ["another"], ["unreachable"]])
def test_a_run_is_dead_when_neither_code_server_nor_lock_knows_it(
    workspace: Settings, monkeypatch: pytest.MonkeyPatch, current_runs: list[str] | None
) -> None:
    found = _launcher(monkeypatch, current_runs).check_run_worker_health(RUN)
    assert (found.status, found.msg) == (WorkerStatus.FAILED, DEAD)


@pytest.mark.parametrize("current_runs", [None, [], ["unreachable"]])
def test_a_run_lives_while_the_lock_of_its_company_is_held(
    workspace: Settings, monkeypatch: pytest.MonkeyPatch, current_runs: list[str] | None
) -> None:
    hold_warehouse(workspace.warehouse_path.parent)
    assert _launcher(monkeypatch, current_runs).check_run_worker_health(RUN).status is WorkerStatus.RUNNING


def test_the_lock_asked_for_is_that_of_the_company_that_the_run_names(
    workspace: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hold_warehouse(workspace.warehouse_path.parent)
    another = tmp_path / "data" / "another"
    (another / "warehouse").mkdir(parents=True)
    run = RUN.with_tags({COMPANY_TAG: str(another)})
    launcher = _launcher(monkeypatch, None)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.FAILED
    hold_warehouse(another / "warehouse")
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
