"""Speed and memory, as ratios in one run: `python -m benchmarks.speed [--json FILE] [--rows N]`.

Every measured piece of work runs in a child process of its own, whose CPU time and peak memory the system accounts
for. A claim is one function that takes the measurements and returns a Claim; add one here, and to CLAIMS.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.claims import Claim, report

#: Rows of the largest landing, and the sizes below it that show how CPU and memory grow.
ROWS = 20_000_000
SIZES = (1_000_000, 5_000_000)

_CONTRACT = Path(__file__).parents[1] / "pipelines" / "extracts" / "contracts" / "salesforce.case.yml"
_TIMES = ("CreatedDate", "First_Response__c", "ClosedDate")


@dataclass(frozen=True)
class Cost:
    """What a piece of work cost: CPU of user and system and elapsed time, in seconds, and peak memory in bytes."""

    cpu: float
    elapsed: float
    peak: int


@dataclass(frozen=True)
class Measured:
    """The landings by number of rows, and DuckDB's typed scan of the largest file (`size` bytes)."""

    landings: dict[int, Cost]
    scan: Cost
    size: int

    @property
    def largest(self) -> int:
        """Rows of the largest landing."""
        return max(self.landings)

    @property
    def smallest(self) -> int:
        """Rows of the smallest landing."""
        return min(self.landings)


# --- claims -------------------------------------------------------------------------------------------


def landing_cpu(measured: Measured) -> Claim:
    """Landing against DuckDB's bare typed scan of the same file, in CPU time."""
    landing = measured.landings[measured.largest]
    ratio = landing.cpu / measured.scan.cpu
    return Claim(
        f"Landing {measured.largest:,} case rows: CPU against DuckDB's bare typed scan of the same file",
        f"{ratio:.2f} x",
        "<= 3 x",
        ratio <= 3,
        f"{measured.size / 1e9:.2f} GB; landing {landing.cpu:.1f} s of CPU in {landing.elapsed:.1f} s, "
        f"scan {measured.scan.cpu:.1f} s in {measured.scan.elapsed:.1f} s",
    )


def landing_memory(measured: Measured) -> Claim:
    """The peak memory of the largest landing."""
    peak = measured.landings[measured.largest].peak
    return Claim(
        f"Landing {measured.largest:,} case rows: peak RSS",
        f"{peak / 1e9:.2f} GB",
        "<= 3 GB",
        peak <= 3e9,
        ", ".join(f"{rows:,} rows: {cost.peak / 1e9:.2f} GB" for rows, cost in sorted(measured.landings.items())),
    )


def landing_growth(measured: Measured) -> Claim:
    """How CPU and memory of a landing grow with its rows: linearly is a ratio of 1 a row, a tenth is noise."""
    few, many = measured.landings[measured.smallest], measured.landings[measured.largest]
    times = measured.largest / measured.smallest
    cpu, peak = many.cpu / few.cpu / times, many.peak / few.peak / times
    return Claim(
        f"Landing from {measured.smallest:,} to {measured.largest:,} rows: growth of CPU and peak RSS a row",
        f"CPU {cpu:.2f} x, RSS {peak:.2f} x",
        "linear (<= 1.1 x a row)",
        max(cpu, peak) <= 1.1,
        ", ".join(
            f"{rows:,} rows: {cost.cpu / rows * 1e6:.2f} us of CPU and {cost.peak / rows:,.0f} bytes a row"
            for rows, cost in sorted(measured.landings.items())
        ),
    )


CLAIMS: tuple[Callable[[Measured], Claim], ...] = (landing_cpu, landing_memory, landing_growth)


# --- work ---------------------------------------------------------------------------------------------


def write_cases(path: Path, rows: int) -> None:
    """Write a Salesforce Case export of about 105 bytes a row, with exact copies, bad and deleted rows (0.1 % each).

    Half of the copies stand next to their original, the others a million rows later (or less in a small file).
    """
    import duckdb

    far = min(rows // 2, 1_000_000)
    kinds = "['Complaint', 'Request', 'Question', 'Incident']"
    themes = "['Billing', 'Delays', 'Information', 'Equipment', 'Digital tools', 'Organisation']"
    moments = "['Complaint', 'Breakdown', 'Store visit', 'Information request']"
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("CREATE MACRO pick(i, salt, n) AS CAST(hash(i, salt) % n AS BIGINT)")
        connection.execute("CREATE MACRO spelt(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.000+0000')")
        connection.execute(
            f"""COPY (
                SELECT '5003X' || lpad(CAST(i AS VARCHAR), 10, '0') AS "Id",
                    '0013X' || lpad(CAST(pick(i, 1, 800000) AS VARCHAR), 10, '0') AS "AccountId",
                    'T' || pick(i, 2, 400) AS "Team__c", spelt(opened) AS "CreatedDate",
                    CASE WHEN pick(i, 3, 100) < 20 THEN spelt(opened + to_minutes(pick(i, 4, 3000))) END
                        AS "First_Response__c",
                    CASE WHEN pick(i, 5, 1000) = 0 THEN '2024-02-30T10:00:00.000+0000'
                        WHEN pick(i, 5, 1000) < 200 THEN spelt(opened + to_minutes(pick(i, 6, 30000))) END
                        AS "ClosedDate",
                    {kinds}[1 + pick(i, 7, 4)] AS "Type", {themes}[1 + pick(i, 8, 6)] AS "Theme__c",
                    ['Phone', 'Web', 'Email', 'Branch'][1 + pick(i, 9, 4)] AS "Origin",
                    pick(i, 10, 3) AS "Reopen_Count__c",
                    CASE WHEN pick(i, 11, 100) < 20 THEN {moments}[1 + pick(i, 12, 4)] END AS "Moment__c",
                    CASE WHEN pick(i, 13, 1000) = 0 THEN '1' END AS "IsDeleted"
                FROM (SELECT i, TIMESTAMP '2018-01-01' + to_seconds(pick(i, 14, 220000000)) AS opened
                    FROM (SELECT CASE WHEN k % 2000 = 7 THEN k - 1 WHEN k % 2000 = 1007 AND k >= {far} THEN k - {far}
                        ELSE k END AS i FROM range({rows}) AS numbers (k)))
            ) TO '{path}' (FORMAT csv, HEADER, DELIMITER ',')"""
        )


def scan(path: Path) -> None:
    """DuckDB's bare typed scan: every value typed and looked at by an aggregate, rows that do not fit left out."""
    import duckdb

    with path.open(encoding="utf-8") as file:
        names = file.readline().strip().split(",")
    kinds = {name: "TIMESTAMP" if name in _TIMES else "BIGINT" if "Count" in name else "VARCHAR" for name in names}
    aggregates = ", ".join(f'count("{name}"), max("{name}")' for name in names)
    with duckdb.connect() as connection:
        connection.execute(
            f"""SELECT {aggregates} FROM read_csv('{path}', header = true, auto_detect = false, delim = ',',
            quote = '"', escape = '"', columns = {kinds}, ignore_errors = true)"""
        ).fetchall()


def land(path: Path) -> None:
    """The whole landing of the inbox that the file is in, by the shipped contract of Salesforce cases."""
    from pipelines.extracts.contract import load_contract
    from pipelines.extracts.landing import land_inbox

    root = path.parent.with_name("landed")
    contracts = [load_contract(_CONTRACT)]
    report = land_inbox(path.parent, root / "landing", root / "quarantine", contracts, bytes(range(32)), progress=_say)
    if report.refused:
        raise SystemExit(report.refused[0].message)
    (receipt,) = report.receipts
    if not receipt.balanced:
        raise SystemExit(f"{path.name}: rows were lost")


WORK = {work.__name__: work for work in (scan, land)}


# --- measuring ----------------------------------------------------------------------------------------


def cost_of(work: Callable[[Path], None], path: Path) -> Cost:
    """Run one of WORK in a child process and return what it cost. SystemExit when it fails."""
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "benchmarks.speed", "--work", work.__name__, str(path)])
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{work.__name__} of {path.name} failed (exit code {child.returncode})")
    cost = Cost(usage.ru_utime + usage.ru_stime, time.monotonic() - started, usage.ru_maxrss * 1024)
    _say(f"{work.__name__}: {cost.cpu:.1f} s of CPU in {cost.elapsed:.1f} s, {cost.peak / 1e9:.2f} GB at most")
    return cost


def measure(rows: int, root: Path) -> Measured:
    """Measure landings of 1, 5 and 20 million rows (of those up to `rows`, and of `rows`), and the scan."""
    landings: dict[int, Cost] = {}
    for number in sorted({*(size for size in SIZES if size < rows), rows}):
        inbox = root / f"inbox_{number}"
        inbox.mkdir()
        path = inbox / "salesforce_case_20250101.csv"
        write_cases(path, number)
        size = path.stat().st_size
        _say(f"{number:,} rows, {size / 1e9:.2f} GB")
        if number == rows:
            bare = cost_of(scan, path)
        landings[number] = cost_of(land, path)
        shutil.rmtree(root / "landed")
        path.unlink()
    return Measured(landings, bare, size)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print each claim, and write them to the file of --json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the largest landing, and of the company")
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    parser.add_argument("--work", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.work is not None:
        name, path = options.work
        WORK[name](Path(path))
        return
    with tempfile.TemporaryDirectory(prefix="symmetry_speed_") as folder:
        measured = measure(options.rows, Path(folder))
    from benchmarks.increment import claims as increment_claims
    from benchmarks.run import claims as run_claims
    from benchmarks.statistics import claims as statistics_claims

    found = [
        *(claim(measured) for claim in CLAIMS),
        *run_claims(),
        *statistics_claims(),
        *increment_claims(options.rows),
    ]
    report(found, options.json)


if __name__ == "__main__":
    main()
