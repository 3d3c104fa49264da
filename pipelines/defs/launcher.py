"""The run launcher that the instance names (`dagster.yaml`): Dagster's own, and it can tell whether a run is alive.

Dagster's default launcher cannot. A run whose process was killed would be held for running until its longest time is
over, and since one run goes at a time, every later one would wait behind it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value

from pipelines.publication.lock import COMPANY_TAG, is_held
from pipelines.settings import Settings

if TYPE_CHECKING:
    from dagster._grpc.client import DagsterGrpcClient

DEAD = (
    "The process of this run is gone (killed, out of memory, or the machine was restarted). Nothing of it was "
    "published; what had landed stays landed. The next run takes up from there"
)


class WatchedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, asked by run monitoring whether the process of a run still lives.

    A run lives when the code server that was given it knows it, or when the lock on its company's warehouse is held.
    Both are asked, because a code server may be gone while the run it started goes on, and because a run started by
    `symmetry run` has no code server.
    """

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: this is what the class is for."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Running, or failed with the reason."""
        client = self._get_grpc_client_for_termination(run.run_id)
        if (client is not None and _knows(client, run.run_id)) or is_held(_lock_folder(run)):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.FAILED, msg=DEAD)


def _lock_folder(run: dg.DagsterRun) -> Path:
    """The folder of the lock that the run holds while it works: its company's, by the tag or by the settings."""
    settings = Settings()
    company = Path(run.tags.get(COMPANY_TAG, settings.company_dir))
    return company / settings.warehouse_path.parent.relative_to(settings.company_dir)


def _knows(client: "DagsterGrpcClient", run_id: str) -> bool:
    """Whether the code server that was given the run is there and still executes it."""
    try:
        answer = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
    except DagsterUserCodeUnreachableError:
        return False
    return run_id in answer.current_runs
