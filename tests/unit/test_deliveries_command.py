"""`symmetry deliveries` tells the whole ledger."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.extracts.contract import load_contracts
from pipelines.extracts.deliveries import withdraw
from pipelines.extracts.landing import land_inbox

CONTRACT = """system: crm
name: unit
version: 3
description: Units.
owner: team:hr
match: ["units*.csv"]
version_from: '_(\\d{8})'
columns:
  - {source: Id, field: unit_id, required: true}
  - {source: Name, field: unit_name, required: true}
  - {source: Level, field: unit_level, required: true}
"""


@pytest.fixture
def company(tmp_path: Path) -> Path:
    for name in ("inbox", "contracts"):
        (tmp_path / name).mkdir()
    (tmp_path / "contracts" / "unit.yml").write_text(CONTRACT, encoding="utf-8")
    for day, name in (("20260101", "North"), ("20260201", "Nord")):
        (tmp_path / "inbox" / f"units_{day}.csv").write_text(f"Id,Name,Level\nu1,{name},team\n", encoding="utf-8")
    (tmp_path / "inbox" / "mystery.csv").write_text("a\n1\n", encoding="utf-8")
    report = land_inbox(
        tmp_path / "inbox",
        tmp_path / "landing",
        tmp_path / "quarantine",
        load_contracts(tmp_path / "contracts"),
        bytes(range(32)),
    )
    withdraw(tmp_path / "landing", report.receipts[0].delivery_id)
    return tmp_path


def run(company: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    monkeypatch.setenv("SYMMETRY_DAGSTER_HOME", str(company / "dagster_home"))
    done = CliRunner().invoke(app, ["deliveries", "--data", str(company), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_whole_ledger_as_json(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = json.loads(run(company, monkeypatch, "--json"))
    assert [(entry["file"], entry["outcome"], entry["version"]) for entry in ledger["landed"]] == [
        ("units_20260101.csv", "withdrawn", "2026-01-01T00:00:00"),
        ("units_20260201.csv", "in force", "2026-02-01T00:00:00"),
    ]
    assert [(entry["file"], entry["reason"], entry["bytes"]) for entry in ledger["refused"]] == [
        ("mystery.csv", "no_contract", 4)
    ]


def test_the_table_shows_what_is_in_force_and_all_when_asked(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run(company, monkeypatch)
    assert "2026-02-01" in shown
    assert "2026-01-01" not in shown
    assert "in force" in shown
    assert "withdrawn" not in shown
    shown = run(company, monkeypatch, "--all")
    assert "withdrawn" in shown
    assert "refused (no_contract): mystery.csv" in shown.replace("\n", " "), shown
