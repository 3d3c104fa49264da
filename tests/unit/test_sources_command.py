"""`symmetry sources`: what is printed, the exit codes, and that a look writes nothing."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.extracts.contract import CONTRACTS_DIR
from pipelines.extracts.deliveries import Receipt, write_receipt
from pipelines.extracts.onboarding.contract_schema import schema_text
from pipelines.settings import Settings

CONTRACT = """
system: desk
name: case
version: 1
description: Cases.
owner: team:crm
match: ["desk_cases*.csv"]
cadence: weekly
columns:
  - {source: Ticket, field: case_id, required: true}
  - {source: Opened, field: opened_at, type: timestamp, required: true}
  - {source: Kind, field: kind, required: true, codes: {Complaint: complaint}}
  - {source: Note, field: theme, optional: true}
outputs:
  - {entity: case}
"""
HEADER = "Ticket,Opened,Kind,Client mail\n"
GOOD = "1,2025-02-01 09:00,Complaint,anna@post.example\n"
BAD = "2,2025-02-31 09:00,Complaint,bruno@post.example\n"


@pytest.fixture
def own(workspace: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of contracts in force, beside a company's workspace; the working folder is elsewhere."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    (folder / "desk.case.yml").write_text(CONTRACT, encoding="utf-8")
    monkeypatch.setenv("SYMMETRY_CONTRACTS_DIR", str(folder))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return folder


def symmetry(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["sources", *arguments])


def written(folder: Path, text: str, name: str = "desk_cases.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("rows", "code"), [(GOOD, 0), (GOOD + BAD, 3), ("", 1)], ids=["all good", "some bad", "refused: no row"]
)
def test_check_ends_with_a_code_for_each_outcome(own: Path, tmp_path: Path, rows: str, code: int) -> None:
    assert symmetry("check", written(tmp_path, HEADER + rows)).exit_code == code


def test_check_prints_bad_values_and_no_other(own: Path, tmp_path: Path) -> None:
    done = symmetry("check", written(tmp_path, HEADER + GOOD + BAD))
    assert "2 rows: 1 good, 1 bad, 0 duplicates, 0 filtered" in done.output
    assert "line 3, column Opened: '2025-02-31 09:00' is not a time" in done.output
    assert "50.0% are bad, above the limit of 10.0%: the landing gate would stop the run" in done.output
    assert "Client mail: dropped (its name (e-mail); e-mail in 2 of 2 values)" in done.output
    assert "(absent: Note)" in done.output
    assert "post.example" not in done.output


def test_check_writes_nothing(own: Path, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + GOOD + BAD)
    before = files_below(tmp_path)
    symmetry("check", file)
    symmetry("check", file, "--json")
    symmetry("list")
    assert files_below(tmp_path) == before


def test_check_makes_no_folder(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYMMETRY_DATA_DIR", str(tmp_path / "not_there"))
    assert symmetry("check", written(tmp_path, HEADER + GOOD)).exit_code == 0
    assert not (tmp_path / "not_there").exists()


def test_check_as_json(own: Path, tmp_path: Path) -> None:
    done = symmetry("check", written(tmp_path, HEADER + GOOD + BAD), "--json")
    [one] = json.loads(done.stdout)
    assert done.exit_code == 3
    assert (one["contract"], one["read"], one["good"], one["bad"]) == ("desk.case", 2, 1, 1)
    assert one["reasons"] == {"not_a_timestamp": 1}
    assert [bad["line"] for bad in one["first_bad"]] == [3]
    assert "anna@post.example" not in done.stdout


def test_check_of_a_renamed_column_suggests_the_alias(own: Path, tmp_path: Path) -> None:
    done = symmetry("check", written(tmp_path, HEADER.replace("Opened", "Opened at") + GOOD))
    assert done.exit_code == 1
    assert "Refused (missing_column)" in done.output
    assert "missing: 'Opened'; 'Opened at' is near: a rename? Add it to its aliases" in done.output


def test_check_of_a_strange_name_names_the_contract_that_fits(own: Path, tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + GOOD, "february.csv")
    done = symmetry("check", file)
    assert done.exit_code == 1
    assert "desk.case: claims desk_cases*.csv, not this name; all of its 3 columns are there" in done.output
    assert symmetry("check", file, "--contract", "desk.case").exit_code == 0
    assert symmetry("check", file, "--contract", str(own / "desk.case.yml")).exit_code == 0


def test_check_by_a_draft_does_not_need_the_other_contracts(own: Path, tmp_path: Path) -> None:
    draft = tmp_path / "draft.yml"
    draft.write_text(CONTRACT, encoding="utf-8")
    (own / "broken.yml").write_text("system: [", encoding="utf-8")
    assert symmetry("check", written(tmp_path, HEADER + GOOD), "--contract", str(draft)).exit_code == 0


def test_wrong_use_is_said(own: Path, tmp_path: Path) -> None:
    done = symmetry("check", str(tmp_path / "nowhere.csv"))
    assert (done.exit_code, "nowhere.csv is no file" in done.output) == (2, True)
    done = symmetry("check", written(tmp_path, HEADER + GOOD), "--contract", "desk.cases")
    assert (done.exit_code, "'desk.cases' is neither a contract in force nor" in done.output) == (2, True)


def test_what_would_steer_a_terminal_is_written_out(own: Path, tmp_path: Path) -> None:
    done = symmetry("check", written(tmp_path, HEADER + "1,\x1b[31mred,Complaint,\n"))
    assert "\x1b[31m" not in done.output
    assert "'\\x1b[31mred' is not a time" in done.output


def test_new_prints_a_draft_that_loads(own: Path, tmp_path: Path) -> None:
    rows = "".join(f"{n},2025-02-1{n} 09:00,Complaint,c{n},anna{n}@post.example\n" for n in range(8))
    file = written(tmp_path, "Ticket id,Created at,Type,Client id,Client mail\n" + rows, "acme_tickets.csv")
    done = symmetry("new", file)
    assert done.exit_code == 0
    assert done.stdout.startswith("# Drafted by `symmetry sources new` from acme_tickets.csv: 8 records, 5 columns.\n")
    assert "One row is: case (" in done.stderr
    assert "post.example" not in done.output
    target = tmp_path / "acme.case.yml"
    assert symmetry("new", file, "--out", str(target), "--system", "acme").exit_code == 0
    assert target.read_text(encoding="utf-8") == done.stdout
    assert symmetry("check", file, "--contract", str(target)).exit_code == 0


def test_new_never_writes_over_a_file(own: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.yml"
    target.write_text("mine", encoding="utf-8")
    done = symmetry("new", written(tmp_path, HEADER + GOOD), "--out", str(target))
    assert (done.exit_code, target.read_text(encoding="utf-8")) == (2, "mine")
    assert "mine.yml is there already" in done.output


def test_new_of_what_cannot_be_drafted(own: Path, tmp_path: Path) -> None:
    assert symmetry("new", written(tmp_path, "")).exit_code == 1
    done = symmetry("new", written(tmp_path, HEADER + GOOD), "--entity", "ticket")
    assert (done.exit_code, "there is no such entity" in done.output) == (2, True)


def landed(settings: Settings, days_ago: int) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    counts = {"read": 1, "landed": 1, "quarantined": 0, "duplicates": 0, "filtered": 0}
    receipt = Receipt(
        **counts,
        delivery_id="a" * 16,
        file="desk_cases_1.csv",
        bytes=1,
        sha256="b",
        system="desk",
        contract="desk.case",
        contract_version=1,
        landed_at=now - timedelta(days=days_ago, hours=1),
        version=now - timedelta(days=days_ago, hours=1),
        outputs={},
        months=[],
        reasons={},
        personal={},
    )
    write_receipt(settings.landing_dir, receipt)


def test_list_names_every_contract_and_its_last_delivery(own: Path, workspace: Settings) -> None:
    landed(workspace, days_ago=10)
    states = {state["source"]: state for state in json.loads(symmetry("list", "--json").stdout)}
    assert {"salesforce.case", "french_hr.employee", "desk.case"} <= set(states)
    desk = states["desk.case"]
    assert (desk["feeds"], desk["match"], desk["cadence"]) == (["case"], ["desk_cases*.csv"], "weekly")
    assert (desk["file"], desk["age_days"], desk["overdue_days"]) == ("desk_cases_1.csv", 10, 3)
    assert desk["version"] == desk["landed_at"]
    assert states["salesforce.case"]["landed_at"] is None
    done = symmetry("list")
    assert "overdue by 3 days" in done.output
    assert re.search(r"\d+ contracts in .*; 1 overdue\.", done.output)


def test_list_before_anything_has_landed(own: Path) -> None:
    done = symmetry("list")
    assert done.exit_code == 0
    assert "; 0 overdue." in done.output


def test_schema_is_the_shipped_one() -> None:
    assert symmetry("schema").stdout == schema_text()


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom pipelines.commands import sources\n"
        "heavy = {'duckdb', 'polars', 'pyarrow', 'dagster', 'yaml'} & set(sys.modules)\nprint(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_contract_that_replaces_a_shipped_one_is_said_to(own: Path) -> None:
    shipped = CONTRACTS_DIR / "salesforce.case.yml"
    path = own / "our_cases.yml"
    path.write_text(shipped.read_text(encoding="utf-8").replace("owner: ", "owner: team:ours #", 1), encoding="utf-8")
    listed = symmetry("list").output
    assert f"{path} replaces the shipped salesforce.case." in listed
    assert listed.count("replaces the shipped one") == 1
    states = {state["source"]: state for state in json.loads(symmetry("list", "--json").stdout)}
    assert (states["salesforce.case"]["owner"], states["salesforce.case"]["path"]) == ("team:ours", str(path))
    assert states["salesforce.case"]["replaces"] == str(shipped)
    assert states["desk.case"]["replaces"] is None
