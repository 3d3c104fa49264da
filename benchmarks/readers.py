"""Readers while publications replace one another: does any of them fail, or see two versions in one connection?

`python -m benchmarks.readers [--readers 20] [--publications 50] [--json FILE]`. Processes of three kinds read without
pause: DuckDB, SQLAlchemy through duckdb-engine, and the Parquet copy through Polars. Every table of a publication
carries its number, so a reader that finds two numbers, in two tables or in two looks through one connection, has seen a
mixture. Publications are put in force by the function that the pipeline uses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from benchmarks.claims import Claim, report
from pipelines.publication.publish import PUBLICATIONS_COLUMNS, mark_audited, publish

KINDS = ("duckdb", "sqlalchemy", "polars")
TABLES = ("scorecard", "scorecard_pairs", "scorecard_indicators")
ROWS = 20_000
#: Publications that are kept: fewer than are made, so that folders are removed under readers' feet as well.
KEEP = 5


def read(kind: str, published: Path, stop: Path) -> dict[str, object]:
    """Read until the file `stop` is there; return reads, mixtures, the numbers seen and the errors.

    A read is every table twice through one connection (Polars: every file of one publication).
    """
    reads = mixtures = 0
    seen: set[int] = set()
    errors: list[str] = []
    while not stop.exists():
        try:
            numbers = set(_numbers(kind, published))
        except Exception as error:
            # Whatever a reader meets is what is counted here.
            errors.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
            continue
        reads += 1
        mixtures += len(numbers) > 1
        seen |= numbers
    return {"reads": reads, "mixtures": mixtures, "versions": len(seen), "errors": errors[:5], "failed": len(errors)}


def _numbers(kind: str, published: Path) -> Iterator[int]:
    query = "select distinct number from {}"
    if kind == "duckdb":
        with duckdb.connect(str(published), read_only=True) as connection:
            for table in (*TABLES, *TABLES):
                yield from (number for (number,) in connection.execute(query.format(table)).fetchall())
    elif kind == "sqlalchemy":
        import sqlalchemy

        engine = sqlalchemy.create_engine(
            f"duckdb:///{published}", connect_args={"read_only": True}, poolclass=sqlalchemy.NullPool
        )
        with engine.connect() as opened:
            for table in (*TABLES, *TABLES):
                yield from (number for (number,) in opened.execute(sqlalchemy.text(query.format(table))).fetchall())
        engine.dispose()
    else:
        import polars as pl

        folder = (published.parent / "parquet").resolve()
        for table in TABLES:
            yield from pl.read_parquet(folder / f"{table}.parquet")["number"].unique().to_list()


def release(published: Path, number: int) -> None:
    """Publish a file in which every row of every table carries the number."""
    candidate = published.parent / ".candidate.duckdb"
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in PUBLICATIONS_COLUMNS.items())
    with duckdb.connect(str(candidate)) as connection:
        for table in TABLES:
            connection.execute(
                f"create table {table} as select range as unit, $number as number from range($rows)",
                {"number": number, "rows": ROWS},
            )
        connection.execute(f"create table publications ({columns})")
        connection.execute(
            "insert into publications (publication_id, published_at, warnings) values ($id, $at, '')",
            {"id": f"publication-{number:04d}", "at": datetime(2026, 1, 1) + timedelta(hours=number)},
        )
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, KEEP)


def measure(readers: int, publications: int) -> list[Claim]:
    """Let readers read while publications replace one another."""
    with tempfile.TemporaryDirectory() as folder:
        published, stop = Path(folder, "published", "scorecard.duckdb"), Path(folder, "stop")
        published.parent.mkdir()
        release(published, 0)
        command = [sys.executable, "-m", "benchmarks.readers", "--read"]
        running = [
            (kind, subprocess.Popen([*command, kind, str(published), str(stop)], stdout=subprocess.PIPE, text=True))
            for kind in (KINDS[place % len(KINDS)] for place in range(readers))
        ]
        time.sleep(min(10.0, 0.5 * readers))
        started = time.perf_counter()
        for number in range(1, publications + 1):
            release(published, number)
            if sys.stderr.isatty() or number % 10 == 0:
                print(f"{datetime.now(UTC):%H:%M:%S} {number} of {publications} published", file=sys.stderr)
        seconds = time.perf_counter() - started
        time.sleep(2)
        stop.touch()
        found = [(kind, json.loads(process.communicate()[0])) for kind, process in running]
    reads = sum(result["reads"] for _, result in found)
    errors = [f"{kind}: {line}" for kind, result in found for line in result["errors"]]
    failed = sum(result["failed"] for _, result in found)
    mixtures = sum(result["mixtures"] for _, result in found)
    by_kind = ", ".join(
        f"{kind} {sum(result['reads'] for other, result in found if other == kind):,}" for kind in KINDS
    )
    idle = sum(not result["reads"] for _, result in found)
    detail = f"{reads:,} reads ({by_kind}) by {readers} processes, {publications} publications in {seconds:.0f} s"
    return [
        Claim(
            "readers: errors",
            str(failed + idle),
            "0 errors, 20 processes, 50 publications",
            failed + idle == 0 and readers >= 20 and publications >= 50,
            f"{detail}; {'; '.join(errors[:3]) or 'no message'}; {idle} reader(s) read nothing",
        ),
        Claim(
            "readers: two versions in one connection",
            str(mixtures),
            "no mixture of two versions in one connection",
            mixtures == 0 and reads > 0,
            f"a reader saw {max(result['versions'] for _, result in found)} versions at most, one after the other",
        ),
    ]


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readers", type=int, default=20, metavar="N")
    parser.add_argument("--publications", type=int, default=50, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--read", nargs=3, metavar=("KIND", "PUBLISHED", "STOP"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        kind, published, stop = asked.read
        print(json.dumps(read(kind, Path(published), Path(stop))))
        return
    sys.exit(0 if report(measure(asked.readers, asked.publications), asked.json) else 1)


if __name__ == "__main__":
    main()
