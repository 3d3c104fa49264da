"""What cannot be taken is refused with a message and an exit code, the rest goes on, and nothing is lost.

The steps share one workspace and follow each other, as days do; pytest runs them in the order of the file.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from tests.integration.conftest import TINY, Company, write_tiny_company
from tests.integration.tiny.company import UNITS

REQUESTS_HEADER = "number\temployee\topened\tanswered"
REFUSED = {
    "requests_wrong_column.tsv": (b"number\temployee\topenned\tanswered\n1\tx\t01/02/2025 10:00\t\n", "'opened'"),
    "cases_empty.jsonl": (b"", "empty"),
    "units_other_encoding.csv": ("Code;Libellé;Rattachement;Niveau\nX;É;;Société\n".encode(), "cp1252"),
    "employees_not_parquet.parquet": (b"%PDF-1.7 this is no table\n" * 40, "Parquet"),
    "mystery.csv": (b"a,b\n1,2\n", "no contract claims a file of this name"),
}


@pytest.fixture(scope="module")
def troubled(new_company: Callable[..., Company]) -> Company:
    company = new_company("troubled", contracts_dir=TINY / "contracts", definitions=TINY / "definitions")
    write_tiny_company(company.inbox)
    for name, (content, _) in REFUSED.items():
        (company.inbox / name).write_bytes(content)
    (company.inbox / "units_folder.csv").mkdir()
    rows = [f"{900 + place}\tstaff-N1-0\t03/02/2025 09:00\t03/02/2025 10:00" for place in range(12)]
    rows[4] = "904\tstaff-N1-0\t31/02/2025 09:00\t"
    (company.inbox / "requests_later.tsv").write_text("\n".join([REQUESTS_HEADER, *rows, ""]), encoding="utf-8")
    return company


def test_refused_files_are_named_and_the_rest_is_published(troubled: Company) -> None:
    done = troubled.symmetry("run")
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"{len(REFUSED)} file(s) in {troubled.inbox} are refused and wait there" in done.stderr
    listed = done.stderr[done.stderr.index("are refused and wait there") :]
    for name, (content, said) in REFUSED.items():
        line = next(line for line in listed.splitlines() if line.strip().startswith(f"{name}:"))
        assert said in line
        assert (troubled.inbox / name).read_bytes() == content
    [row] = troubled.query("select * from publications").iter_rows(named=True)
    assert row["deliveries"] == 7
    assert row["rows_quarantined"] == 1
    assert row["rows_read"] == row["rows_landed"] + row["rows_quarantined"] == 88 + 12
    trust = troubled.query(
        "select collaborator_score from scorecard_pairs "
        "where unit_id = 'N2' and period = date '2025-02-01' and pair_id = 'trust'"
    )
    assert trust.item() == pytest.approx(40)


def test_a_bad_row_is_in_quarantine_whole_with_line_column_value_and_reason(troubled: Company) -> None:
    [bad] = pl.read_parquet(troubled.data / "quarantine" / "*.parquet").iter_rows(named=True)
    assert (bad["file"], bad["line"], bad["column"]) == ("requests_later.tsv", 6, "opened")
    assert bad["value"] == "31/02/2025 09:00"
    assert "staff-N1-0" in bad["row"]
    assert "requests_later.tsv" in bad["message"]


def test_refused_files_are_still_named_when_nothing_is_new(troubled: Company) -> None:
    done = troubled.symmetry("run")
    assert done.returncode == 3
    assert "Nothing new since the last publication" in done.stdout
    assert "mystery.csv: " in done.stderr
    assert troubled.query("select count(*) from publications").item() == 1
    for name in REFUSED:
        (troubled.inbox / name).unlink()


def test_the_landing_gate_stops_a_delivery_that_is_mostly_bad(troubled: Company) -> None:
    before = troubled.published.read_bytes()
    rows = [f"{800 + place}\tstaff-N1-0\t{'yesterday' if place % 2 else '03/02/2025 09:00'}\t" for place in range(10)]
    (troubled.inbox / "requests_bad.tsv").write_text("\n".join([REQUESTS_HEADER, *rows, ""]), encoding="utf-8")
    done = troubled.symmetry("run")
    assert done.returncode == 1
    assert "are in quarantine" in done.stderr
    assert "file=requests_bad.tsv, read=10, quarantined=5" in done.stderr
    assert "What to do:" in done.stderr
    assert "landing_gate is closed" in done.stderr
    assert "the last publication is untouched" in done.stderr
    assert troubled.published.read_bytes() == before


def test_a_delivery_that_closed_the_gate_can_be_taken_back(troubled: Company) -> None:
    receipts = (troubled.data / "landing" / "_receipts").glob("*.json")
    known = {json.loads(path.read_text(encoding="utf-8"))["file"]: path.stem for path in receipts}
    unknown = troubled.symmetry("withdraw", "0123456789abcdef")
    assert unknown.returncode == 2
    assert "no delivery in force has the id '0123456789abcdef'" in unknown.stderr
    done = troubled.symmetry("withdraw", known["requests_bad.tsv"])
    assert done.returncode == 0, done.stderr
    assert not (troubled.inbox / "requests_bad.tsv").exists()
    assert troubled.original("requests_bad.tsv").stat().st_mode & 0o777 == 0o600
    again = troubled.symmetry("run")
    assert again.returncode == 0, again.stderr
    newest = troubled.query("select * from publications order by published_at desc limit 1").row(0, named=True)
    assert (newest["deliveries"], newest["rows_read"]) == (7, 100)


def test_going_back_is_not_undone_by_the_next_run(troubled: Company) -> None:
    report = troubled.data / "published" / "report_en.html"
    kept = json.loads(troubled.symmetry("publications", "--json").stdout)
    assert [one["in_force"] for one in kept] == [False, True]
    assert troubled.symmetry("publications", "--verify").returncode == 0
    first, second = (one["publication_id"] for one in kept)
    unknown = troubled.symmetry("rollback", "yesterday")
    assert unknown.returncode == 2
    assert f"kept are: {first}, {second}" in unknown.stderr
    back = troubled.symmetry("rollback", first)
    assert back.returncode == 0, back.stderr
    assert troubled.query("select publication_id from publications").to_series().to_list() == [first]
    assert first in report.read_text(encoding="utf-8")
    again = troubled.symmetry("run")
    assert again.returncode == 0, again.stderr
    assert f"Somebody has gone back from {second}" in again.stdout
    assert troubled.symmetry("rollback", first).returncode == 0
    assert troubled.query("select count(*) from publications").item() == 1
    assert troubled.symmetry("rollback", second).returncode == 0
    assert troubled.query("select count(*) from publications").item() == 2


def test_the_publication_gate_stops_units_that_are_gone(troubled: Company) -> None:
    """The organisation is delivered anew without the site SUD and team N2: half of the scorecard's rows would go."""
    before = {path: path.read_bytes() for path in (troubled.data / "published").rglob("[!.]*") if path.is_file()}
    before = {path: content for path, content in before.items() if ".candidate" not in path.parts}
    receipts = (troubled.data / "landing" / "_receipts").glob("*.json")
    known = {json.loads(path.read_text(encoding="utf-8"))["file"]: path.stem for path in receipts}
    assert troubled.symmetry("withdraw", known["units.csv"]).returncode == 0
    kept = [line for line in UNITS.splitlines() if line.split(";")[0] not in ("SUD", "S1", "N2")]
    assert len(kept) == 4
    (troubled.inbox / "units_fewer.csv").write_bytes(("\n".join(kept) + "\n").encode("cp1252"))
    done = troubled.symmetry("run")
    assert done.returncode == 1
    assert "publication_gate is closed" in done.stderr
    assert "kind=table, name=scorecard, rows_before=" in done.stderr
    assert "SYMMETRY_MAX_ROWS_LOST_SHARE=1" in done.stderr
    assert "the last publication is untouched" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
    [page, *_] = sorted((troubled.data / "data_docs").glob("*-publication/index.html"), reverse=True)
    assert "The publication gate is closed" in page.read_text(encoding="utf-8")
    meant = troubled.symmetry("run", SYMMETRY_MAX_ROWS_LOST_SHARE="1")
    assert meant.returncode == 0, meant.stderr
    warnings = troubled.query("select warnings from publications").to_series().to_list()[-1]
    assert "every month and unit of the last publication is still there, e.g. kind=unit, name=N2" in warnings


def test_somebody_is_forgotten_and_the_next_run_publishes_without_them(troubled: Company) -> None:
    cases = f"select count(*) from read_parquet('{troubled.data}/landing/case/*.parquet')"
    with duckdb.connect() as connection:
        [(before,)] = connection.execute(cases).fetchall()
    wrong = troubled.symmetry("forget")
    assert wrong.returncode == 2
    assert "Give one of --client ID and --employee ID" in wrong.stderr
    done = troubled.symmetry("forget", "--client", "client-N1-0")
    assert done.returncode == 0, done.stderr
    assert "client-N1-0" not in done.stdout + done.stderr
    assert not (troubled.data / "warehouse" / "warehouse.duckdb").exists()
    with duckdb.connect() as connection:
        [(after,)] = connection.execute(cases).fetchall()
    assert after < before
    run = troubled.symmetry("run", SYMMETRY_MAX_ROWS_LOST_SHARE="1")
    assert run.returncode == 0, run.stderr
    held = [
        path
        for path in troubled.data.rglob("*")
        if path.is_file() and b"client-N1-0" in path.read_bytes() and "client-N1-0" not in path.name
    ]
    assert held == []


def test_what_is_about_people_is_for_the_owner_alone(troubled: Company) -> None:
    for name in ("landing", "quarantine", "archive", "warehouse", "data_docs", "operations"):
        for path in [troubled.data / name, *(troubled.data / name).rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path
    assert (troubled.data / "pseudonym.key").stat().st_mode & 0o777 == 0o600


def test_a_killed_run_blocks_nobody_and_another_process_is_named(troubled: Company) -> None:
    """The lock ends with its process; while it is held, a second run says who holds it and stops."""
    hold = "import sys; from pathlib import Path; from pipelines.publication.lock import hold_warehouse; "
    hold += "hold_warehouse(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()"
    command = [sys.executable, "-c", hold, str(troubled.data / "warehouse")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    busy = troubled.symmetry("run", "--force")
    assert busy.returncode == 2
    assert f"the process {holder.pid}, since" in busy.stderr
    holder.kill()
    holder.wait()


def test_bad_definitions_are_refused_with_the_line_before_anything_runs(troubled: Company, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(TINY / "definitions", tmp_path / "definitions"))
    goalposts = folder / "goalposts.csv"
    goalposts.write_text(goalposts.read_text(encoding="utf-8").replace("client_trust,0,100", "client_trust,50,50"))
    done = troubled.symmetry("run", "--definitions", str(folder))
    assert done.returncode == 2
    assert "goalposts.csv:2: floor and goal of client_trust are equal (50.0); they must differ" in done.stderr


def test_an_inbox_without_anything_to_land_says_so(new_company: Callable[..., Company]) -> None:
    done = new_company("empty").symmetry("run")
    assert done.returncode == 1
    assert "Nothing has landed" in done.stderr
    assert "symmetry simulate" in done.stderr
