"""What a run costs whatever it computes: CPU of `symmetry run` by stage, of a run with nothing new, of `dagster dev`.

Called by `python -m benchmarks.speed`; alone: `python -m benchmarks.run [--json FILE]`. The run is the real command in
a process of its own, which a thread beside it measures 50 times a second; Dagster's step times and dbt's node times,
read afterwards, say what each slice of CPU was for. Two nodes at once share a slice.
"""

from __future__ import annotations

import argparse
import atexit
import bisect
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, report

PROJECT = Path(__file__).parents[1]
EVERY = 0.02
#: Seconds after which `dagster dev` is given up.
PATIENCE = 180
STEPS = {
    "landing": "landing",
    "landing_gate": "gate 1",
    "statistics": "statistics",
    "publication__candidate": "publication and report",
    "publication_gate": "gate 2",
    "publication__scorecard": "publication and report",
    "publication__report": "publication and report",
}


@dataclass(frozen=True)
class Measured:
    """CPU seconds of a run by stage, of a run with nothing new, and seconds until `dagster dev` answers."""

    stages: dict[str, float]
    nothing_new: float
    answers: float
    answers_cpu: float

    @property
    def run(self) -> float:
        """CPU seconds of the whole run."""
        return sum(self.stages.values())


# --- claims -------------------------------------------------------------------------------------------


def nothing_new(measured: Measured) -> Claim:
    """A run that finds nothing new costs next to nothing."""
    cpu = measured.nothing_new
    return Claim("Run with nothing new", f"{cpu:.1f} s of CPU", "<= 5 s of CPU", cpu <= 5, "symmetry run, once more")


def example_run(measured: Measured) -> Claim:
    """The example company, computed anew, warm."""
    split = ", ".join(f"{stage} {cpu:.1f}" for stage, cpu in measured.stages.items())
    return Claim(
        "symmetry run --force on the example company, warm",
        f"{measured.run:.1f} s of CPU",
        "< 25 s of CPU",
        measured.run < 25,
        f"seconds of CPU: {split}",
    )


def dagster_answers(measured: Measured) -> Claim:
    """`dagster dev`, from its start to a GraphQL answer that lists the scorecard job."""
    return Claim(
        "dagster dev answers with the code location loaded",
        f"{measured.answers:.1f} s",
        "within 30 s",
        measured.answers <= 30,
        f"{measured.answers_cpu:.1f} s of CPU until then, its daemon and code servers included",
    )


CLAIMS: tuple[Callable[[Measured], Claim], ...] = (nothing_new, example_run, dagster_answers)


# --- the run, watched from inside ---------------------------------------------------------------------


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def watched(samples: Path, results: Path, arguments: Sequence[str]) -> None:
    """Be the `symmetry` command, and leave (time, CPU so far) and dbt's node times in `samples` as JSON."""
    curve: list[tuple[float, float]] = []
    found: dict[tuple[int, int], str] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY):
            curve.append((time.time(), _cpu()))
            try:
                stat = results.stat()
                # dbt's second command removes what the first has left.
                if (stat.st_mtime_ns, stat.st_size) not in found:
                    found[stat.st_mtime_ns, stat.st_size] = results.read_text(encoding="utf-8")
            except FileNotFoundError:
                continue

    def write() -> None:
        ended.set()
        curve.append((time.time(), _cpu()))
        samples.write_text(json.dumps({"curve": curve, "nodes": _nodes(found.values())}), encoding="utf-8")

    threading.Thread(target=watch, daemon=True).start()
    atexit.register(write)
    sys.argv = ["symmetry", *arguments]
    from pipelines.cli import main as symmetry

    symmetry()


def _nodes(files: Any) -> list[tuple[str, float, float]]:
    from datetime import datetime

    nodes = []
    for text in files:
        try:
            results = json.loads(text)["results"]
        except json.JSONDecodeError:  # caught half written; the whole file was read after it
            continue
        for result in results:
            times = [
                datetime.fromisoformat(timing[end].replace("Z", "+00:00")).timestamp()
                for timing in result["timing"]
                for end in ("started_at", "completed_at")
            ]
            if times:
                kind = "dbt tests" if result["unique_id"].startswith("test.") else "dbt models"
                nodes.append((kind, min(times), max(times)))
    return nodes


# --- what each slice was for --------------------------------------------------------------------------


def split(
    curve: Sequence[tuple[float, float]],
    begun: float,
    steps: Sequence[tuple[str, float, float]],
    nodes: Sequence[tuple[str, float, float]],
) -> dict[str, float]:
    """CPU seconds by stage, which add up to the whole.

    Args:
        curve: (time, CPU seconds so far), in order.
        begun: when the run was known to Dagster; what is before is imports.
        steps: (step key, start, end), in seconds since the epoch.
        nodes: (kind, start, end) of dbt's nodes.
    """
    names = ["imports", "landing", "gate 1", "dbt start and parse", "dbt models", "dbt tests"]
    names += ["dbt end", "statistics", "gate 2", "publication and report", "dagster, between steps"]
    stages = dict.fromkeys(names, 0.0)
    before = 0.0
    nodes = sorted(nodes, key=lambda node: node[1])
    starts = [start for _, start, _ in nodes]
    for moment, cpu in curve:
        slice_, before = cpu - before, cpu
        step = next((step for step in steps if step[1] <= moment <= step[2]), None)
        if moment < begun:
            stages["imports"] += slice_
        elif step is None:
            stages["dagster, between steps"] += slice_
        elif step[0] in STEPS:
            stages[STEPS[step[0]]] += slice_
        else:
            at_work = [kind for kind, _, end in nodes[: bisect.bisect_right(starts, moment)] if end >= moment]
            within = [node for node in nodes if step[1] <= node[1] <= step[2]]
            if not within or moment < within[0][1]:
                at_work = ["dbt start and parse"]
            elif moment > max(end for _, _, end in within):
                at_work = ["dbt end"]
            for kind in at_work or ["dbt tests"]:
                stages[kind] += slice_ / max(len(at_work), 1)
    return stages


def measured_run(root: Path, environment: dict[str, str], *arguments: str) -> dict[str, float]:
    """Run `symmetry run` with those arguments in a process of its own; return its CPU seconds by stage.

    Args:
        root: the folder of the company, as `company_environment` fills it.
        environment: the process's environment.
        arguments: further arguments of `symmetry run`.

    Raises:
        subprocess.CalledProcessError: the run failed; what it says stands above.
    """
    from dagster import DagsterInstance

    samples = root / "samples.json"
    results = root / "data" / "warehouse" / "dbt" / "run_results.json"
    command = [sys.executable, "-m", "benchmarks.run", "--watched", str(samples), str(results)]
    subprocess.run([*command, "run", *arguments], env=environment, check=True, cwd=PROJECT, stdout=subprocess.DEVNULL)
    seen = json.loads(samples.read_text(encoding="utf-8"))
    with DagsterInstance.from_config(str(root / "home")) as instance:
        (record,) = instance.get_run_records(limit=1)
        stats = instance.get_run_step_stats(record.dagster_run.run_id)
        steps = [(stat.step_key, stat.start_time or 0.0, stat.end_time or 0.0) for stat in stats]
    return split(seen["curve"], record.create_timestamp.timestamp(), steps, seen["nodes"])


def company_environment(root: Path) -> dict[str, str]:
    """Make `root`'s folder of Dagster, and return the environment in which a company of its own lives in `root`."""
    home = root / "home"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT / "dagster_home" / "dagster.yaml", home / "dagster.yaml")
    known = {name: value for name, value in os.environ.items() if not name.startswith("SYMMETRY_")}
    own = {"SYMMETRY_DATA_DIR": root / "data", "SYMMETRY_DAGSTER_HOME": home, "DAGSTER_HOME": home}
    return known | {name: str(path) for name, path in own.items()}


# --- the other two ------------------------------------------------------------------------------------


def _child_cpu(command: Sequence[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, cwd=PROJECT, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _measure_dev(environment: dict[str, str]) -> tuple[float, float]:
    """Seconds from the start of `dagster dev` to its answer, and CPU seconds of its processes until then."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-w", str(PROJECT / "workspace.yaml")]
    started = time.monotonic()
    server = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port)],
        env=environment,
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while not _lists_the_job(port):
            if server.poll() is not None or time.monotonic() - started > PATIENCE:
                raise SystemExit(f"dagster dev gave no answer (exit code {server.poll()}); start it by hand and see")
            time.sleep(0.2)
        return time.monotonic() - started, _session_cpu(server.pid)
    finally:
        os.killpg(server.pid, signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _lists_the_job(port: int) -> bool:
    query = "{repositoriesOrError{...on RepositoryConnection{nodes{jobs{name}}}}}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            nodes = json.load(answer)["data"]["repositoriesOrError"].get("nodes", [])
    except (OSError, ValueError):
        return False
    return any(job["name"] == "scorecard" for node in nodes for job in node["jobs"])


def _session_cpu(session: int) -> float:
    """CPU seconds of a session's processes, ended children included, from Linux' /proc."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rsplit(")", maxsplit=1)[1].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[3]) == session:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(root: Path) -> Measured:
    """Simulate the example company under `root`, run it once to warm up, and measure."""
    environment = company_environment(root)
    symmetry = [sys.executable, "-m", "pipelines.cli"]
    for arguments in (["simulate"], ["run"]):
        _child_cpu([*symmetry, *arguments], environment)
    stages = measured_run(root, environment, "--force")
    idle = _child_cpu([*symmetry, "run"], environment)
    return Measured(stages, idle, *_measure_dev(environment))


def claims() -> list[Claim]:
    """Measure on a company of its own, and say what was found."""
    with tempfile.TemporaryDirectory(prefix="symmetry_run_") as folder:
        measured = measure(Path(folder))
    return [claim(measured) for claim in CLAIMS]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print each claim, and write them to the file of --json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    parser.add_argument("--watched", nargs=2, type=Path, help=argparse.SUPPRESS)
    options, rest = parser.parse_known_args(arguments)
    if options.watched is not None:
        samples, results = options.watched
        watched(samples, results, rest)
    report(claims(), options.json)


if __name__ == "__main__":
    main()
