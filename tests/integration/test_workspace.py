"""A company's own workspace: made, run, edited (a goalpost, a weight, a contract) and run again, from inside it.

Before, the figures of February are those of `test_tiny_company.py`: N1 C = 75.83 and E = 67.83; N2 is hidden, since the
clients of S1 could be worked out with it.

The edits: the goalposts of client recommendation become 0 to 100 (a score is the NPS itself); trust and recommendation
weigh 0.5 each instead of 0.6 and 0.4; the contract of the collaborators' survey says that trust is asked on 1 to 6, so
an answer is 20·(answer - 1) instead of 25·(answer - 1).

N1, clients: trust 75, recommendation 33.33 instead of 66.67, replies 80 as before;
C = 0.5·(0.5·75 + 0.5·33.33) + 0.5·80 = 67.08.
N1, collaborators: trust 20·3 = 60 instead of 75, recommendation 60 and replies 66.67 as before;
E = 0.5·(0.5·60 + 0.5·60) + 0.5·66.67 = 63.33. The gap falls from 8 to 3.75.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.integration.conftest import TINY, write_tiny_company


@dataclass(frozen=True)
class Workspace:
    """A workspace, what its published scorecard said of February before and after the edits, and the last run's log."""

    folder: Path
    before: dict[str, tuple[float, float]]
    after: dict[str, tuple[float, float]]
    log: str


def symmetry(where: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("SYMMETRY_", "DAGSTER_"))}
    command = [str(Path(sys.executable).with_name("symmetry")), *arguments]
    return subprocess.run(
        command, cwd=where, env=known | {"COLUMNS": "200"}, capture_output=True, text=True, check=False, timeout=600
    )


def done(where: Path, *arguments: str) -> str:
    result = symmetry(where, *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def indices(folder: Path) -> dict[str, tuple[float, float]]:
    with duckdb.connect(str(folder / "data" / "published" / "scorecard.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select unit_id, client_index, collaborator_index from scorecard "
            "where period = date '2025-02-01' and status = 'ok'"
        ).fetchall()
    return {unit: (client, collaborator) for unit, client, collaborator in rows}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path} holds {old!r} {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("workspaces")
    folder = root / "acme"
    done(root, "init", str(folder))
    shutil.copytree(TINY / "definitions", folder / "definitions", dirs_exist_ok=True)
    shutil.copytree(TINY / "contracts", folder / "contracts", dirs_exist_ok=True)
    write_tiny_company(folder / "inbox")
    done(folder, "run")
    before = indices(folder)
    assert "Nothing new since the last publication" in done(folder / "definitions", "run")
    edit(folder / "definitions" / "goalposts.csv", "client_recommendation,-100,100", "client_recommendation,0,100")
    edit(folder / "definitions" / "weights.csv", "pair,trust,0.6", "pair,trust,0.5")
    edit(folder / "definitions" / "weights.csv", "pair,recommendation,0.4", "pair,recommendation,0.5")
    survey = folder / "contracts" / "tiny.collaborator_survey.yml"
    edit(survey, 'scale_max: "=5"', 'scale_max: "=6"')
    edit(survey, "version: 1", "version: 2")
    (folder / "audiences.yml").write_text("audiences:\n- name: nord\n  units: [NORD]\n", encoding="utf-8")
    edit(folder / "symmetry.toml", '# log_format = "text"', 'log_format = "json"')
    last = symmetry(folder / "definitions", "run")
    assert last.returncode == 0, last.stdout + last.stderr
    return Workspace(folder, before, indices(folder), last.stderr)


def test_the_figures_before_are_those_worked_by_hand(workspace: Workspace) -> None:
    assert workspace.before["N1"] == pytest.approx((75 + 5 / 6, 67 + 5 / 6), abs=1e-9)
    assert "N2" not in workspace.before


def test_the_edits_change_the_figures_as_worked_by_hand(workspace: Workspace) -> None:
    assert workspace.after["N1"] == pytest.approx((67 + 1 / 12, 63 + 1 / 3), abs=1e-9)
    assert "N2" not in workspace.after
    client, collaborator = workspace.after["N1"]
    assert client - collaborator == pytest.approx(3.75, abs=1e-9)


def test_each_edit_is_in_the_published_pairs(workspace: Workspace) -> None:
    with duckdb.connect(str(workspace.folder / "data/published/scorecard.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select indicator_id, value, score from scorecard_indicators "
            "where unit_id = 'N1' and period = date '2025-02-01'"
        ).fetchall()
    found = {name: (value, score) for name, value, score in rows}
    assert found["client_recommendation"] == pytest.approx((100 / 3, 100 / 3)), "the goalpost moves the score alone"
    assert found["collaborator_trust"] == pytest.approx((60, 60)), "the contract moves value and score"
    assert found["collaborator_recommendation"] == pytest.approx((20, 60)), "what was not edited stays"


def test_an_audience_has_its_own_file_and_reports(workspace: Workspace) -> None:
    """NORD's audience sees NORD and its teams, and of ACME the totals; SUD and S1 are nowhere in what it gets."""
    own = workspace.folder / "data/published/audiences/nord"
    with duckdb.connect(str(own / "scorecard.duckdb"), read_only=True) as connection:
        units = connection.execute("select distinct unit_id from scorecard order by 1").fetchall()
        swot = connection.execute("select distinct unit_id from swot order by 1").fetchall()
        comments = connection.execute("select count(*) from duckdb_columns() where comment is null and not internal")
        assert comments.fetchall() == [(0,)]
    assert [unit for (unit,) in units] == ["ACME", "N1", "N2", "NORD"]
    assert [unit for (unit,) in swot] == ["N1", "N2", "NORD"]
    assert sorted(path.name for path in own.iterdir()) == ["report_en.html", "report_fr.html", "scorecard.duckdb"]
    report = (own / "report_fr.html").read_text(encoding="utf-8")
    assert "N1" in report
    assert "S1" not in report
    assert "Nothing new since" in done(workspace.folder, "run")


def test_a_wrong_audience_is_told_before_the_run(workspace: Workspace) -> None:
    audiences = workspace.folder / "audiences.yml"
    right = audiences.read_text(encoding="utf-8")
    audiences.write_text("audiences:\n- name: nord\n", encoding="utf-8")
    try:
        run = symmetry(workspace.folder, "run")
    finally:
        audiences.write_text(right, encoding="utf-8")
    assert run.returncode == 2
    assert "audiences.yml, line 2: audiences.0.units: this key is required" in run.stderr


def test_the_log_is_one_json_object_a_line_and_names_nobody(workspace: Workspace) -> None:
    lines = [json.loads(line) for line in workspace.log.splitlines()]
    assert [line["event"] for line in lines if line["event"]] == ["PIPELINE_START", "PIPELINE_SUCCESS"]
    assert {line["level"] for line in lines} <= {"info", "warning"}
    stages = [line["step"] for line in lines if line["step"]]
    assert stages[0] == "landing"
    assert stages[-1].startswith("publication")
    assert len({line["run"] for line in lines if line["run"]}) == 1
    assert "client-N1" not in workspace.log
    assert "staff-N1" not in workspace.log


def test_nothing_is_written_outside_the_folders_of_the_workspace(workspace: Workspace) -> None:
    """The inbox is the company's own: its files have moved to the archive, and no company is named after it."""
    folder = workspace.folder
    assert [path.name for path in (folder / "inbox").iterdir() if path.is_file()] == [".gitkeep"]
    assert len(list((folder / "data" / "archive").rglob("*answers.json"))) == 2
    assert not (folder / "data" / "inbox").exists()
    assert (folder / "data" / "landing").stat().st_mode & 0o777 == 0o700
    assert {path.name for path in folder.parent.iterdir()} == {"acme"}
    assert list((folder / "dagster_home").glob("history/*")), "the runs are kept in the workspace's own instance"


def test_every_command_works_from_a_folder_inside(workspace: Workspace) -> None:
    inside = workspace.folder / "contracts"
    assert "2 ok, 4 suppressed" in done(inside, "show")
    page = workspace.folder / "page.html"
    assert str(page) in done(inside, "report", "--lang", "fr", "--out", str(page)).replace("\n", "")
    assert f"and {workspace.folder / 'contracts'}" in done(inside, "sources", "list")
    assert "employees.parquet" in done(inside, "deliveries")
    assert "Nothing is in quarantine" in done(inside, "quarantine")
    ledger = json.loads(done(inside, "deliveries", "--json"))["landed"]
    assert {entry["contract"] for entry in ledger} >= {"tiny.case", "tiny.unit"}
    rows = {row["setting"]: row for row in json.loads(done(inside, "config", "--json"))}
    assert rows["definitions"]["value"] == str(workspace.folder / "definitions")
    assert rows["definitions"]["origin"]["kind"] == "symmetry.toml"
    assert "chain of 2" in done(inside, "key", "rotate")
    [cases] = [entry for entry in ledger if entry["contract"] == "tiny.case" and entry["outcome"] == "in force"]
    assert "is withdrawn" in done(inside, "withdraw", cases["delivery_id"])


def test_a_workspace_is_not_made_twice_nor_over_other_files(tmp_path: Path) -> None:
    done(tmp_path, "init", "acme", "--definitions", "nyc_school_survey_2011")
    assert (tmp_path / "acme" / "definitions" / "indicators.csv").is_file()
    again = symmetry(tmp_path, "init", "acme")
    assert again.returncode == 2
    assert f"{tmp_path / 'acme'} is a workspace already: edit its symmetry.toml" in again.stderr
    other = symmetry(tmp_path, "init", "other", "--definitions", "mars")
    assert other.returncode == 2
    assert "no definitions 'mars' ship; choose one of default, nyc_school_survey_2011" in other.stderr
    (tmp_path / "taken" / "definitions").mkdir(parents=True)
    taken = symmetry(tmp_path, "init", "taken")
    assert taken.returncode == 2
    assert "holds definitions already" in taken.stderr
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["definitions"]


def test_a_workspace_is_not_made_in_the_code(tmp_path: Path) -> None:
    code = symmetry(Path(__file__).parents[2], "init", "data/acme")
    assert code.returncode == 2
    assert "lies in the code" in code.stderr


def test_simulate_fills_the_inbox_of_the_workspace(tmp_path: Path) -> None:
    done(tmp_path, "init", "acme")
    done(tmp_path / "acme" / "definitions", "simulate")
    assert len(list((tmp_path / "acme" / "inbox").glob("*.*"))) > 5
    assert (tmp_path / "acme" / "data" / "simulation_truth.json").is_file()
