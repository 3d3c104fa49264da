"""docs/add-a-source.md, followed word for word: its file, its contract, its commands, and what it prints of them.

The company is the tiny one without its own cases, so the new source alone gives `client_responsiveness`. N1 has eight
cases in February 2025, promised within 24 hours: T-1001 (2.5 h), T-1002 (23 h 40), T-1003, T-1005, T-1006 and T-1008
(18 h 15) are in time, T-1004 (40.5 h) is late and T-1007 unanswered since the 19th: 6 of 8 = 75. N2 has three cases of
three clients that could be read, below k = 5; NORD less N1 would be N2, so N1 is hidden too. NORD is published: with
the two matured cases of N2, both in time, 8 of 10.
"""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from pipelines.extracts.contract import load_contract
from pipelines.extracts.onboarding.drafting import draft_contract
from pipelines.extracts.onboarding.inspection import inspect_file
from pipelines.settings import PROJECT_DIR
from tests.integration.conftest import TINY, Company, write_tiny_company

DOC = PROJECT_DIR / "docs" / "add-a-source.md"
EXTRACT = "northdesk_tickets_20250228.csv"


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page in that language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOC.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command of the page and the lines it says are printed."""

    command: str
    printed: list[str]


def steps() -> list[Step]:
    found: list[Step] = []
    for block in blocks("console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Step(line.removeprefix("$ "), []))
            elif line.strip() not in {"", "..."}:
                found[-1].printed.append(squeezed(line))
    return found


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def company(new_company: Callable[..., Company]) -> Company:
    company = new_company("recipe", contracts_dir="contracts", definitions=TINY / "definitions")
    write_tiny_company(company.inbox)
    (company.inbox / "cases.jsonl").unlink()
    contracts = company.data.parent / "contracts"
    shutil.copytree(TINY / "contracts", contracts)
    (contracts / "tiny.case.yml").unlink()
    [extract] = blocks("csv")
    (company.data.parent / EXTRACT).write_text(extract, encoding="utf-8")
    return company


def run_step(company: Company, step: Step) -> subprocess.CompletedProcess[str]:
    command = shlex.split(step.command)
    programs = {"symmetry": str(Path(sys.executable).with_name("symmetry")), "python": sys.executable}
    command[0] = programs.get(command[0], command[0])
    return subprocess.run(
        command,
        cwd=company.data.parent,
        env=company.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )


def test_the_page_is_true(company: Company) -> None:
    root = company.data.parent
    draft, contract = blocks("yaml")[:2]
    codes = []
    for step in steps():
        if step.command.startswith("export "):
            assert step.command == "export SYMMETRY_CONTRACTS_DIR=contracts"
            # The contract as edited on the page, put where the page puts it.
            (root / "contracts" / "northdesk.case.yml").write_text(contract, encoding="utf-8")
            continue
        done = run_step(company, step)
        codes.append((step.command.removesuffix(EXTRACT).split(" --out")[0], done.returncode))
        said = squeezed(done.stdout + "\n" + done.stderr)
        for line in step.printed:
            assert line in said, f"{step.command}\n{done.stdout}{done.stderr}"
        if step.command.startswith("symmetry sources new"):
            written = (root / "northdesk.case.yml").read_text(encoding="utf-8").splitlines()
            assert [line for line in draft.splitlines() if line not in written] == []
            assert "post.example" not in "\n".join(written)
    assert [code for code in codes if code[0].startswith("symmetry")] == [
        ("symmetry sources check ", 1),
        (f"symmetry sources new {EXTRACT}", 0),
        ("symmetry sources check ", 3),
        ("symmetry run", 0),
        ("symmetry quarantine", 0),
        ("symmetry sources list", 0),
    ]
    assert all(code == 0 for command, code in codes if not command.startswith("symmetry"))


def test_the_published_indicator(company: Company) -> None:
    rows = company.query(
        "select unit_id, n, people, value, score, status from scorecard_indicators "
        "where indicator_id = 'client_responsiveness' and period = date '2025-02-01'"
    )
    found = {row["unit_id"]: row for row in rows.iter_rows(named=True)}
    assert (found["NORD"]["n"], found["NORD"]["people"], found["NORD"]["status"]) == (10, 8, "ok")
    assert found["NORD"]["value"] == found["NORD"]["score"] == 80
    for unit in ("N1", "N2"):
        assert (found[unit]["status"], found[unit]["n"], found[unit]["value"]) == ("suppressed", None, None)


def test_what_landed_names_nobody(company: Company) -> None:
    [landed] = company.data.glob("landing/case/*.parquet")
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT * FROM read_parquet($1)", [str(landed)]).fetchall()
    assert len(rows) == 11
    assert not [value for row in rows for value in row if isinstance(value, str) and "post.example" in value]
    assert not [
        value for row in rows for value in row if isinstance(value, str) and value.startswith(("T-1", "client-"))
    ]


# --- drafts of what the simulated systems export ------------------------------------------------------

ENTITIES = {
    "availability.csv": "availability",
    "helpdesk_requests.csv": "internal_request",
    "hr_absences.csv": "absence",
    "hr_actions.csv": "action",
    "hr_evenements.csv": "hr_event",
    "hr_salaries.csv": "employee",
    "hr_unites.csv": "unit",
    "qualtrics_clients.csv": "survey_answer",
    "qualtrics_collaborateurs.csv": "survey_answer",
    "salesforce_account.csv": "client",
    "salesforce_case.csv": "case",
    "salesforce_task.csv": "proactive_contact",
}


@pytest.fixture(scope="module")
def extracts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from pipelines.simulation.company import simulate

    root = tmp_path_factory.mktemp("simulated")
    simulate(root / "inbox", root / "truth.json", seed=20261101)
    return root / "inbox"


@pytest.mark.parametrize("name", ENTITIES)
def test_a_draft_of_a_simulated_extract_reads_nearly_all_of_it(extracts: Path, tmp_path: Path, name: str) -> None:
    made = draft_contract(extracts / name)
    assert (made.entity, made.problem) == (ENTITIES[name], "")
    path = tmp_path / "drafted.yml"
    path.write_text(made.text, encoding="utf-8")
    [found] = inspect_file(extracts / name, [], load_contract(path))
    assert found.refused is None
    # The simulator plants about one and a half rows in a hundred that no contract can read.
    assert found.good + found.duplicates + found.filtered >= 0.95 * found.read
    assert found.read == found.good + found.bad + found.duplicates + found.filtered
