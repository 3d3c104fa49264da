"""Dagster's daemon for some hours of a frozen calendar: `python calendar_hours.py FROM TO [--die-in-sensor]`.

Run by `test_calendar.py` in a process of its own, because what is tried is what happens when that process dies. Every
half hour it looks for due schedules, lets the sensors look, and takes the queued runs, which work in this process.
FROM and TO are times with an offset, both in it. `plan.json` in Dagster's home says what is dropped in the inbox when.
With `--die-in-sensor` the process kills itself as soon as the inbox sensor has ordered a run, before it has noted so.
With `--fresh` as TO, the lateness of the sources is printed as JSON, at FROM and at each time that follows.
"""

import json
import logging
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.freshness import FreshnessDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._daemon.sensor import execute_sensor_iteration
from dagster._scheduler.scheduler import launch_scheduled_runs

from pipelines.settings import Settings

STEP = timedelta(minutes=30)
LOGGER = logging.getLogger("calendar")


def half_hour(workspace: WorkspaceProcessContext, now: datetime, times: dict[str, Any], crash: dict[str, Any]) -> None:
    list(launch_scheduled_runs(workspace, LOGGER, now, times))
    list(execute_sensor_iteration(workspace, LOGGER, None, None, debug_crash_flags=crash))
    list(QueuedRunCoordinatorDaemon(interval_seconds=5).run_iteration(workspace))


def drop(now: datetime, plan: dict[str, list[dict[str, str]]]) -> None:
    for file in plan.get(now.isoformat(), []):
        target = Settings().inbox_dir / file["name"]
        with target.open("ab" if file.get("append") else "wb") as stream:
            stream.write(Path(file["source"]).read_bytes()[int(file.get("from", 0)) : int(file.get("to", 1 << 30))])


def lateness(workspace: WorkspaceProcessContext, instance: dg.DagsterInstance) -> dict[str, str]:
    list(FreshnessDaemon().run_iteration(workspace))
    keys = [dg.AssetKey(["extracts", "tiny", name]) for name in ("request", "case")]
    return {
        key.path[-1]: record.freshness_state.value for key, record in instance.get_freshness_state_records(keys).items()
    }


def main(first: str, last: str, *options: str) -> None:
    Settings().export_to_processes()
    home = Settings().dagster_home
    plan = json.loads((home / "plan.json").read_text())
    target = LoadableTargetOrigin(executable_path=sys.executable, module_name="pipelines.definitions", attribute="defs")
    load = InProcessTestWorkspaceLoadTarget(InProcessCodeLocationOrigin(target, location_name="symmetry"))
    crash = {"inbox_sensor": {"RUN_LAUNCHED": signal.SIGKILL}} if "--die-in-sensor" in options else {}
    now = datetime.fromisoformat(first).astimezone(UTC)
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, load) as workspace:
        if last == "--fresh":
            states = []
            for at in (first, *options):
                with freeze_time(datetime.fromisoformat(at).astimezone(UTC)):
                    states.append(lateness(workspace, instance))
            print(json.dumps(states))
            return
        times: dict[str, Any] = {}
        while now <= datetime.fromisoformat(last):
            drop(now, plan)
            with freeze_time(now):
                half_hour(workspace, now, times, crash)
            now += STEP


if __name__ == "__main__":
    main(*sys.argv[1:])
