"""What a fault leaves behind: runs killed, disks full, files damaged, clocks set back, and the same figures afterwards.

`python -m benchmarks.faults [--kills 40] [--memory-rows N] [--json FILE]`, as root where disks are to be filled (small
file systems in memory are mounted). A tiny company has published once; more is delivered; then the run on it is
disturbed. After each fault the last publication must be readable and whole, and a run without the fault must publish
what an undisturbed one does: every table equal but the history of publications, and no source row lost or doubled.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks.claims import Claim, report
from benchmarks.run import company_environment

PROJECT = Path(__file__).parents[1]
TINY = PROJECT / "tests" / "integration" / "tiny"
SYMMETRY = str(Path(sys.executable).with_name("symmetry"))
LATER = "number\temployee\topened\tanswered\n" + "".join(
    f"{900 + place}\tstaff-N1-0\t03/02/2025 09:00\t{'03/02/2025 10:00' if place else 'never'}\n" for place in range(12)
)
#: Bytes that the data of a fault leave free on the small file systems, one try each: from none to what a run needs.
ROOM = (0, 200_000, 2_000_000, 6_000_000, 12_000_000)


@dataclass
class Fault:
    """A row of the table: what was done, how often, how often it was survived, rows lost or doubled, what was said."""

    name: str
    tries: int = 0
    survived: int = 0
    lost: int = 0
    messages: set[str] = field(default_factory=set)

    def tried(self, good: bool, lost: int, message: str) -> None:
        """Count one try."""
        self.tries += 1
        self.survived += good and not lost
        self.lost += lost
        if message:
            self.messages.add(message)


class Company:
    """A company's folder, and what a run on it leaves."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.published = self.data / "published" / "scorecard.duckdb"
        self.environment = company_environment(root) | {
            "SYMMETRY_CONTRACTS_DIR": str(TINY / "contracts"),
            "SYMMETRY_DEFINITIONS": str(TINY / "definitions"),
            "COLUMNS": "250",
        }

    def command(
        self, *arguments: str, python: str | None = None, inside: Callable[[], None] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command in a process group of its own; `inside` is called in the new process before it begins."""
        called = [SYMMETRY, *arguments] if python is None else [sys.executable, "-c", python, *arguments]
        return subprocess.Popen(
            called, env=self.environment, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True, preexec_fn=inside,
        )  # fmt: skip

    def run(self, *arguments: str, python: str | None = None) -> tuple[int, str]:
        """Run a command to its end; exit code and what it said."""
        process = self.command(*(arguments or ("run",)), python=python)
        said, _ = process.communicate()
        return process.returncode, said

    def copied(self, root: Path) -> Company:
        """The same company elsewhere, as it is now."""
        shutil.copytree(self.root, root, symlinks=True, dirs_exist_ok=True)
        return Company(root)

    def figures(self) -> str:
        """A hash of every published row but the history of publications."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            names = connection.execute(
                "select table_name from duckdb_tables() where table_name <> 'publications' order by 1"
            ).fetchall()
            rows = [connection.execute(f'select * from "{name}" order by all').fetchall() for (name,) in names]
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def rows_read(self) -> tuple[int, ...]:
        """Source rows read, landed, set aside, twice and left out, of the publication in force; and publications."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            [row] = connection.execute(
                "select rows_read, rows_landed, rows_quarantined, rows_duplicate, rows_filtered from publications "
                "order by rowid desc limit 1"
            ).fetchall()
        return tuple(int(count) for count in row)


@dataclass(frozen=True)
class Bench:
    """The company before the run, and what an undisturbed run makes of it."""

    company: Company
    former: str
    expected: str
    rows: tuple[int, ...]
    seconds: float

    def verdict(self, company: Company) -> tuple[bool, int]:
        """Are the figures those of an undisturbed run; how many source rows are lost or doubled?"""
        return company.figures() == self.expected, sum(
            abs(one - other) for one, other in zip(company.rows_read(), self.rows, strict=True)
        )


def last_line(said: str) -> str:
    """What a person reads last, or the line that names a remedy."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [
        line
        for line in lines
        if any(word in line for word in ("cannot", "full", "is writing", "damaged", "other bytes"))
    ]
    return (told or lines or [""])[-1][:300]


def prepared(root: Path, say: Callable[[str], None]) -> Bench:
    """Publish the tiny company, deliver more, and see what an undisturbed run makes of it."""
    spec = importlib.util.spec_from_file_location("tiny_company", TINY / "company.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    company = Company(root / "company")
    (company.data / "inbox").mkdir(parents=True)
    module.write(company.data / "inbox")
    code, said = company.run()
    if code:
        raise SystemExit(f"the company could not be published at all:\n{said}")
    former = company.figures()
    (company.data / "inbox" / "requests_later.tsv").write_text(LATER, encoding="utf-8")
    undisturbed = company.copied(root / "undisturbed")
    started = time.perf_counter()
    code, said = undisturbed.run()
    seconds = time.perf_counter() - started
    if code:
        raise SystemExit(f"the undisturbed run failed:\n{said}")
    say(f"an undisturbed run takes {seconds:.1f} s")
    return Bench(company, former, undisturbed.figures(), undisturbed.rows_read(), seconds)


def killed(bench: Bench, folder: Path, kills: int, say: Callable[[str], None]) -> tuple[Fault, list[str]]:
    """kill -9 at random moments, a reader beside it; then a run."""
    fault, stages = Fault("kill -9"), []
    chance = random.Random(1)
    for number in range(kills):
        company = bench.company.copied(folder / f"kill{number}")
        # Spread over the run: one moment in each equal part of it.
        moment = bench.seconds * (number + chance.random()) / kills
        process = company.command("run")
        stop = threading.Event()
        seen: list[str] = []

        def read(company: Company = company, stop: threading.Event = stop, seen: list[str] = seen) -> None:
            while not stop.is_set():
                try:
                    seen.append(company.figures())
                except duckdb.Error as error:
                    seen.append(f"unreadable: {error}")
                time.sleep(0.05)

        reader = threading.Thread(target=read)
        reader.start()
        time.sleep(moment)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        seen.append(company.figures())
        stop.set()
        reader.join()
        readable = set(seen) <= {bench.former, bench.expected}
        stages.append(last_line(said))
        code, _ = company.run()
        good, lost = bench.verdict(company)
        fault.tried(readable and code == 0 and good, lost, "" if readable and good else f"killed after: {stages[-1]}")
        shutil.rmtree(company.root)
        say(f"kill {number + 1} of {kills}, after {moment:.1f} s: {stages[-1][:80]}")
    fault.messages.add("; ".join(sorted({stage[:60] for stage in stages if stage})[:6]))
    return fault, stages


@contextlib.contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Callable[[str], None]]:
    """A file system in memory of so many bytes; gives a function that mounts it anew with other options."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def again(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)

    try:
        yield again
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def disk_full(bench: Bench, folder: Path, say: Callable[[str], None]) -> Iterator[Fault]:
    """No room left at one stage after the other; then room, and a run. And a file system that may only be read."""
    held = sum(
        path.stat().st_size for path in bench.company.root.rglob("*") if path.is_file() and not path.is_symlink()
    )
    full, read_only = Fault("disk full"), Fault("read-only directory")
    for place, room in enumerate(ROOM):
        disk = folder / f"disk{place}"
        with small_disk(disk, 400_000_000) as again:
            company = bench.company.copied(disk / "company")
            again(f"size={max(held * 5 // 4, _used(disk)) + room}")
            code, said = company.run()
            good = company.figures() in {bench.former, bench.expected} and (
                code != 0 or company.figures() == bench.expected
            )
            again("size=400m")
            rerun, _ = company.run()
            same, lost = bench.verdict(company)
            full.tried(good and same and rerun == 0, lost, last_line(said) if code else "")
            say(f"disk full with {room:,} bytes of room: exit code {code}")
    yield full
    with small_disk(folder / "read_only", 400_000_000) as again:
        company = bench.company.copied(folder / "read_only" / "company")
        again("ro")
        code, said = company.run()
        good = code != 0 and company.figures() == bench.former
        again("rw")
        rerun, _ = company.run()
        same, lost = bench.verdict(company)
        read_only.tried(good and same and rerun == 0, lost, last_line(said))
    yield read_only


def _used(folder: Path) -> int:
    usage = shutil.disk_usage(folder)
    return usage.used


def damaged(bench: Bench, folder: Path) -> Iterator[Fault]:
    """A warehouse, then a landed file, with other bytes; the commands that mend them."""
    fault = Fault("corrupted warehouse file")
    company = bench.company.copied(folder / "warehouse")
    warehouse = company.data / "warehouse" / "warehouse.duckdb"
    warehouse.write_bytes(b"\0" * 8192 + warehouse.read_bytes()[8192:])
    code, said = company.run()
    rebuilt, _ = company.run("run", "--rebuild")
    same, lost = bench.verdict(company)
    fault.tried(code != 0 and "--rebuild" in said and rebuilt == 0 and same, lost, _told(said, "--rebuild"))
    yield fault
    fault = Fault("corrupted landing file")
    company = bench.company.copied(folder / "landing")
    landed = next((company.data / "landing" / "case").glob("*.parquet"))
    landed.write_bytes(landed.read_bytes()[:-200] + b"\0" * 200)
    code, said = company.run("deliveries", "--verify")
    repaired, _ = company.run("deliveries", "--repair")
    rerun, _ = company.run()
    same, lost = bench.verdict(company)
    good = code == 1 and str(landed) in said and repaired == 0 and rerun == 0 and same
    fault.tried(good, lost, _told(said, "other bytes"))
    yield fault


def _told(said: str, word: str) -> str:
    """The line of what was said that holds a word."""
    return next((line.strip()[:300] for line in said.splitlines() if word in line), last_line(said))


def others(bench: Bench, folder: Path) -> Iterator[Fault]:
    """Clocks, two runs at once, a reader that holds the old file."""
    for days in (-40, 40):
        fault = Fault(f"clock {'set back' if days < 0 else 'ahead'} {abs(days)} days")
        company = bench.company.copied(folder / f"clock{days}")
        code, said = company.run(
            "run",
            python="import sys; from datetime import UTC, datetime, timedelta\n"
            "from dagster._core.test_utils import freeze_time\n"
            f"frozen = freeze_time(datetime.now(UTC) + timedelta(days={days}))\n"
            "frozen.__enter__(); sys.argv[0] = 'symmetry'\n"
            "from pipelines.cli import main; main()",
        )
        again, _ = company.run()
        same, lost = bench.verdict(company)
        fault.tried(code == 0 and again == 0 and same, lost, "" if code == 0 else last_line(said))
        yield fault
    fault = Fault("two runs started at once")
    company = bench.company.copied(folder / "two")
    first, second = company.command("run"), company.command("run")
    outputs = [process.communicate()[0] for process in (first, second)]
    codes = sorted((first.returncode, second.returncode))
    same, lost = bench.verdict(company)
    said = next((output for output in outputs if "is writing" in output), "")
    fault.tried(codes[0] == 0 and same and (codes[1] == 0 or bool(said)), lost, last_line(said))
    yield fault
    fault = Fault("a reader holding the old file")
    company = bench.company.copied(folder / "reader")
    held = duckdb.connect(str(company.published), read_only=True)
    before = held.execute("select count(*) from publications").fetchall()
    code, said = company.run()
    kept = held.execute("select count(*) from publications").fetchall() == before
    held.close()
    same, lost = bench.verdict(company)
    fault.tried(code == 0 and kept and same, lost, "" if code == 0 else last_line(said))
    yield fault


@contextlib.contextmanager
def memory_of(size: int) -> Iterator[Callable[[], None]]:
    """A control group whose processes have so many bytes between them; gives a function that joins it.

    Raises OSError where this process may make none.
    """
    name = f"symmetry_{os.getpid()}"
    old = Path("/sys/fs/cgroup/memory")
    group, limit = (old / name, "memory.limit_in_bytes") if old.is_dir() else (old.parent / name, "memory.max")
    group.mkdir()
    try:
        (group / limit).write_text(str(size), encoding="utf-8")
        yield lambda: _join(group)
    finally:
        # Processes that were killed leave it a moment later.
        time.sleep(1)
        group.rmdir()


def _join(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")


def short_of_memory(rows: int, folder: Path, say: Callable[[str], None]) -> Fault:
    """A run of a company of many cases in a container of 1 GB, then one with all the memory there is.

    The first is survived when it publishes, or says that memory was short and publishes nothing.
    """
    from benchmarks.increment import MONTHS, large, write_month, write_structure

    fault = Fault(f"memory limit of 1 GB, {rows:,} cases")
    company = _unpublished(folder / "memory")
    write_structure(company.data / "inbox", large(rows))
    for month in range(MONTHS):
        write_month(company.data / "inbox", large(rows), month)
    say(f"{rows:,} cases are written")
    undisturbed = _unpublished(folder / "much_memory")
    shutil.copytree(company.data / "inbox", undisturbed.data / "inbox", dirs_exist_ok=True)
    if (ended := undisturbed.run())[0]:
        raise SystemExit(f"the undisturbed run of the large company failed:\n{ended[1]}")
    say("an undisturbed run has published it")
    try:
        with memory_of(1 << 30) as join:
            process = company.command("run", inside=join)
            said, _ = process.communicate()
    except OSError as error:
        fault.messages.add(f"not tried: no control group of memory can be made here ({error})")
        return fault
    say(f"with 1 GB: exit code {process.returncode}")
    told = process.returncode == 0 or ("memory" in said and not company.published.exists())
    code, _ = company.run()
    lost = sum(abs(one - other) for one, other in zip(company.rows_read(), undisturbed.rows_read(), strict=True))
    same = company.figures() == undisturbed.figures()
    message = "published" if process.returncode == 0 else _told(said, "memory")
    fault.tried(process.returncode in (0, 1) and told and code == 0 and same, lost, message)
    return fault


def _unpublished(root: Path) -> Company:
    """A company with the shipped contracts that has not delivered anything."""
    company = Company(root)
    company.environment = company_environment(root)
    (company.data / "inbox").mkdir(parents=True)
    return company


def measure(kills: int, memory_rows: int, say: Callable[[str], None]) -> Iterator[Claim]:
    """One claim a fault."""
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        bench = prepared(folder, say)
        fault, _ = killed(bench, folder, kills, say)
        yield _claim(fault, "40 random moments, spread over the stages; 0 rows lost or doubled")
        faults = [*damaged(bench, folder), *others(bench, folder)]
        if os.geteuid() == 0:
            faults += disk_full(bench, folder, say)
        else:
            for name in ("disk full", "read-only directory"):
                faults.append(Fault(name, messages={"not tried: only root can mount a small file system"}))
        for one in faults:
            yield _claim(one, "survived, 0 lost")
        if memory_rows:
            yield _claim(short_of_memory(memory_rows, folder, say), "survived, 5 million cases")


def _claim(fault: Fault, bar: str) -> Claim:
    return Claim(
        fault.name,
        f"{fault.tries} tries, {fault.survived} survived, {fault.lost} rows lost or doubled",
        bar,
        0 < fault.tries == fault.survived and fault.lost == 0,
        " | ".join(sorted(fault.messages)) or "no message",
    )


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=40, metavar="N")
    parser.add_argument("--memory-rows", type=int, default=5_000_000, metavar="N", help="0: leave it out")
    parser.add_argument("--json", type=Path, metavar="FILE")
    asked = parser.parse_args()

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    sys.exit(0 if report(measure(asked.kills, asked.memory_rows, say), asked.json) else 1)


if __name__ == "__main__":
    main()
