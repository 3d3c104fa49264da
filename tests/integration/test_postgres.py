"""The production instance on a real PostgreSQL: what it knows outlives a power cut in the middle of a run.

One story, told once by the fixtures; each test looks at one part of how it ended.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, InstigatorTick, TickStatus
from dagster._core.storage.dagster_run import FINISHED_STATUSES

from pipelines.defs.launcher import DEAD
from pipelines.settings import PROJECT_DIR
from tests.integration.conftest import TINY, Company, write_tiny_company

PATIENCE = 300
RUN_KEY = "dagster/run_key"


def _binaries() -> Path | None:
    """The folder of PostgreSQL's own programs: Debian keeps those of a server off the path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), default=None)


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """A cluster of its own, reached by a socket in its folder, stopped and removed at the end."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="symmetry-postgres-"))
    as_owner: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL refuses to run as root; Debian's package brings the user.
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]

    def call(program: str, *arguments: str) -> None:
        command = [*as_owner, str(binaries / program), *arguments]
        # Output goes to a file: the server would hold a pipe open for as long as it lives.
        with (folder / f"{program}.log").open("w") as log:
            done = subprocess.run(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT, check=False, timeout=60)
        assert done.returncode == 0, (folder / f"{program}.log").read_text()

    data = str(folder / "data")
    try:
        call("initdb", "-D", data, "-U", "symmetry", "--auth=trust", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        call("pg_ctl", "-D", data, "-w", "-l", str(folder / "server.log"), "-o", options, "start")
        call("createdb", "-h", str(folder), "-U", "symmetry", "symmetry_dagster")
        yield f"postgresql://symmetry@/symmetry_dagster?host={folder}"
    finally:
        subprocess.run([*as_owner, str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "stop"], check=False)
        shutil.rmtree(folder)


@dataclass(frozen=True)
class Deployment:
    """A company, its instance on PostgreSQL, and the folder in which a file orders a run."""

    company: Company
    instance: dg.DagsterInstance
    workspace: Path
    orders: Path

    def command(self, program: str, *arguments: str) -> list[str]:
        return [str(Path(sys.executable).with_name(program)), *arguments, "-w", str(self.workspace)]

    @property
    def log(self) -> Path:
        return self.workspace.with_name("daemon.log")

    def runs(self, key: str) -> list[dg.DagsterRun]:
        """The runs of an order, the oldest first."""
        return list(self.instance.get_runs(dg.RunsFilter(tags={RUN_KEY: key}), ascending=True))

    def state(self, name: str) -> InstigatorState:
        [state] = [state for state in self.instance.all_instigator_state() if state.instigator_name == name]
        return state

    def ticks(self, name: str) -> list[InstigatorTick]:
        """Every tick that is over, the oldest first."""
        state = self.state(name)
        ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        return sorted((tick for tick in ticks if tick.status != TickStatus.STARTED), key=lambda tick: tick.timestamp)

    def has_begun(self, run: dg.DagsterRun, step: str) -> bool:
        begun = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_START)
        return any(entry.step_key == step for entry in begun)

    def until(self, said: str, condition: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"not within {PATIENCE} s: {said}\n{self.log.read_text()[-6000:]}"
            time.sleep(0.5)

    @contextmanager
    def daemon(self) -> Iterator[None]:
        """The daemon and all that it starts, until the power is cut: every process at one stroke, none may answer."""
        with self.log.open("ab") as log:
            command = self.command("dagster-daemon", "run")
            daemon = subprocess.Popen(
                command, env=self.company.environment, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield
            finally:
                os.killpg(daemon.pid, signal.SIGKILL)
                daemon.wait()


@pytest.fixture(scope="module")
def deployment(
    new_company: Callable[..., Company], postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    company = new_company("production", contracts_dir=TINY / "contracts", definitions=TINY / "definitions")
    write_tiny_company(company.inbox)
    home = Path(company.environment["SYMMETRY_DAGSTER_HOME"])
    production = yaml.safe_load((PROJECT_DIR / "deploy" / "dagster.production.yaml").read_text(encoding="utf-8"))
    production["run_monitoring"]["poll_interval_seconds"] = 2
    (home / "dagster.yaml").write_text(yaml.safe_dump(production), encoding="utf-8")
    orders = tmp_path_factory.mktemp("orders")
    own = {"DAGSTER_HOME": str(home), "DAGSTER_POSTGRES_URL": postgres_url, "TEST_ORDERS": str(orders)}
    company.environment.update(own)
    workspace = home.with_name("workspace.yaml")
    files = {"symmetry": "postgres_orders.py", "minutes": "postgres_minutes.py"}
    locations = [
        {"python_file": {"relative_path": str(Path(__file__).with_name(file)), "location_name": name}}
        for name, file in files.items()
    ]
    workspace.write_text(yaml.safe_dump({"load_from": locations}), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_POSTGRES_URL", postgres_url)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield Deployment(company, instance, workspace, orders)


@pytest.fixture(scope="module")
def at_power_cut(deployment: Deployment) -> dict[str, object]:
    """Two runs ordered; the power is cut while the first works and the second waits. What the storage said then."""
    with deployment.daemon():
        (deployment.orders / "first").touch()
        switched_on = subprocess.run(
            deployment.command("dagster", "schedule", "start", "every_minute", "-l", "minutes"),
            env=deployment.company.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert switched_on.returncode == 0, switched_on.stdout + switched_on.stderr
        deployment.until("the sensor launches the first run", lambda: deployment.runs("first"))
        [first] = deployment.runs("first")
        deployment.until("the first run is in dbt", lambda: deployment.has_begun(first, "dbt_indicators"))
        (deployment.orders / "second").touch()
        deployment.until("the second run waits", lambda: deployment.state("orders").instigator_data.cursor == "second")
    [first], [second] = deployment.runs("first"), deployment.runs("second")
    return {
        "first": first.status,
        "second": second.status,
        "sensor ticks": [tick.tick_id for tick in deployment.ticks("orders")],
    }


@pytest.fixture(scope="module")
def after(deployment: Deployment, at_power_cut: dict[str, object]) -> Deployment:
    """The daemon is started again, and all that was ordered has come to its end."""
    with deployment.daemon():
        deployment.until("the first run is tried again", lambda: len(deployment.runs("first")) == 2)
        for key in ("second", "first"):
            deployment.until(
                f"the {key} run ends",
                lambda key=key: all(run.status in FINISHED_STATUSES for run in deployment.runs(key)),
            )
        deployment.until("what the schedule launched has ended", lambda: _all_minutes_ended(deployment))
    return deployment


def _minutes(deployment: Deployment) -> dict[str, dg.DagsterRunStatus]:
    return {run.run_id: run.status for run in deployment.instance.get_runs(dg.RunsFilter(job_name="minute"))}


def _all_minutes_ended(deployment: Deployment) -> bool:
    ticked = {run_id for tick in deployment.ticks("every_minute") for run_id in tick.run_ids}
    runs = _minutes(deployment)
    return bool(ticked) and set(runs) == ticked and all(status in FINISHED_STATUSES for status in runs.values())


def test_the_power_is_cut_in_mid_run(at_power_cut: dict[str, object]) -> None:
    assert at_power_cut["first"] is dg.DagsterRunStatus.STARTED
    assert at_power_cut["second"] is dg.DagsterRunStatus.QUEUED


def test_a_run_that_died_is_found_and_said_and_tried_once_more(after: Deployment) -> None:
    dead, again = after.runs("first")
    assert dead.status is dg.DagsterRunStatus.FAILURE
    [failed] = after.instance.all_logs(dead.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert DEAD in failed.message
    assert again.parent_run_id == dead.run_id
    assert again.status is dg.DagsterRunStatus.SUCCESS


def test_the_run_that_waited_goes_on_and_publishes_once(after: Deployment) -> None:
    [second] = after.runs("second")
    assert second.status is dg.DagsterRunStatus.SUCCESS
    assert after.company.query("select count(*) from publications").item() == 1
    n1 = after.company.query("select gap from scorecard where unit_id = 'N1' and period = date '2025-02-01'")
    assert n1.item() == pytest.approx(8)


def test_the_sensor_keeps_its_cursor_its_ticks_and_its_run_keys(
    after: Deployment, at_power_cut: dict[str, object]
) -> None:
    assert after.state("orders").instigator_data.cursor == "second"
    ticks = after.ticks("orders")
    kept = [tick.tick_id for tick in ticks if tick.tick_id in at_power_cut["sensor ticks"]]
    assert kept == at_power_cut["sensor ticks"]
    ordered = [key for tick in ticks for key in tick.run_keys]
    assert ordered == ["first", "second"]


def test_the_schedule_is_still_on_and_launches_each_minute_once(after: Deployment) -> None:
    assert after.state("every_minute").status is InstigatorStatus.RUNNING
    ticks = after.ticks("every_minute")
    minutes = [tick.timestamp for tick in ticks]
    assert len(set(minutes)) == len(minutes) >= 1
    assert all(tick.status is TickStatus.SUCCESS and len(tick.run_ids) == 1 for tick in ticks)
    assert set(_minutes(after)) == {run_id for tick in ticks for run_id in tick.run_ids}
    assert set(_minutes(after).values()) == {dg.DagsterRunStatus.SUCCESS}
