"""`symmetry quarantine` and `symmetry key`, as they are typed."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.extracts.contract import load_contracts
from pipelines.extracts.deliveries import live_receipts
from pipelines.extracts.landing import create_landing_views, land_inbox
from pipelines.extracts.pseudonyms import KeyChangedError, PseudonymKeyError, load_or_create_key, pseudonym
from pipelines.extracts.quarantine import QuarantineError
from pipelines.extracts.rotation import ROTATION
from pipelines.settings import Settings

CASES = """
system: crm
name: case
version: 1
description: Cases.
owner: team:crm
match: ["cases*.csv"]
max_quarantine_share: 0.25
columns:
  - {source: id, field: case_id, required: true}
  - {source: opened, field: opened_at, type: timestamp, formats: ["%d/%m/%Y"], required: true}
outputs:
  - {entity: case, fields: {case_id: case_id, opened_at: opened_at, kind: "=request"}}
"""

FILE = "id,opened\nK1,01/02/2025\nK2,2025-02-02\n,03/02/2025\nK4,\x1b[2Jsoon\n"


@pytest.fixture
def contract(workspace: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The contract's file, in a workspace whose inbox holds one delivery; the environment is put back afterwards."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    path = folder / "crm.case.yml"
    path.write_text(CASES, encoding="utf-8")
    monkeypatch.setenv("SYMMETRY_CONTRACTS_DIR", str(folder))
    monkeypatch.setenv("SYMMETRY_SETTLE_SECONDS", "0")
    kept = dict(os.environ)
    (workspace.inbox_dir / "cases.csv").write_text(FILE, encoding="utf-8")
    yield path
    os.environ.clear()
    os.environ.update(kept)


def land(settings: Settings) -> None:
    key = load_or_create_key(settings.key_path)
    contracts = load_contracts(*Settings().contract_dirs())
    land_inbox(
        settings.inbox_dir, settings.landing_dir, settings.quarantine_dir, contracts, key, archive=settings.archive_dir
    )


def symmetry(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False, env={"COLUMNS": "200"})


def cases(settings: Settings, columns: str = "case_id") -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        create_landing_views(connection, settings.landing_dir)
        return connection.execute(f'SELECT {columns} FROM landing."case" ORDER BY _record').fetchall()


def test_the_summary_counts_and_names_no_value(workspace: Settings, contract: Path) -> None:
    land(workspace)
    done = symmetry("quarantine")
    assert done.exit_code == 0
    assert (
        "3 of 4 rows are in quarantine, from 1 of 1 deliveries; 1 above the limit of the landing gate." in done.output
    )
    assert "75.0%" in done.output
    assert "25.0% (above)" in done.output
    assert "soon" not in done.output
    document = json.loads(symmetry("quarantine", "--json").stdout)
    [receipt] = live_receipts(workspace.landing_dir)
    assert document == {
        "deliveries": [
            {
                "delivery": receipt.delivery_id,
                "file": "cases.csv",
                "contract": "crm.case",
                "rows_read": 4,
                "rows_quarantined": 3,
                "share": 0.75,
                "limit": 0.25,
                "above_limit": True,
                "is_whole": True,
                "reasons": [
                    {"reason": "not_a_timestamp", "rows": 2, "share": 0.5, "first_line": 3, "first_record": 2},
                    {"reason": "required", "rows": 1, "share": 0.25, "first_line": 4, "first_record": 3},
                ],
            }
        ],
        "totals": {
            "deliveries": 1,
            "deliveries_with_quarantine": 1,
            "rows_read": 4,
            "rows_quarantined": 3,
            "above_limit": 1,
        },
    }


def test_an_empty_quarantine_says_so(workspace: Settings, contract: Path) -> None:
    assert "Nothing has landed yet" in symmetry("quarantine").output
    (workspace.inbox_dir / "cases.csv").write_text("id,opened\nK1,01/02/2025\n")
    land(workspace)
    assert "Nothing is in quarantine: every row of the 1 deliveries" in symmetry("quarantine").output
    with pytest.raises(QuarantineError, match="Nothing is in quarantine"):
        symmetry("quarantine", "show")


def test_rows_are_shown_and_cannot_steer_the_terminal(workspace: Settings, contract: Path) -> None:
    land(workspace)
    done = symmetry("quarantine", "show", "--reason", "not_a_timestamp", "--limit", "1")
    assert done.output.splitlines()[1:] == [
        "  line 3, opened: '2025-02-02' [not_a_timestamp]",
        "    line 3, column opened: '2025-02-02' is not a time of the form %d/%m/%Y; correct it at the source, or add "
        "the form",
        "1 of 2 rows; --limit shows more, `symmetry quarantine export` writes all.",
    ]
    whole = symmetry("quarantine", "show", "--column", "opened", "--rows").output
    assert '    {"id":"K2","opened":"2025-02-02"}' in whole.splitlines()
    assert "\x1b" not in whole
    assert r"line 5, opened: '\x1b[2Jsoon'" in whole


def test_an_export_goes_neither_where_extracts_are_read_nor_where_others_read(
    workspace: Settings, contract: Path, tmp_path: Path
) -> None:
    land(workspace)
    for folder in (workspace.inbox_dir, workspace.published_dir):
        done = symmetry("quarantine", "export", str(folder / "bad.csv"))
        assert done.exit_code == 2
        assert "write the rows somewhere else" in done.output
        assert not (folder / "bad.csv").exists()
    target = tmp_path / "bad.csv"
    done = symmetry("quarantine", "export", str(target), "--file", "cases.csv")
    assert done.exit_code == 0
    assert f"3 row(s) written to {target}" in done.output
    assert target.stat().st_mode & 0o777 == 0o600
    with target.open(encoding="utf-8", newline="") as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["3", "4", "5"]
    with pytest.raises(FileExistsError, match="--force"):
        symmetry("quarantine", "export", str(target))
    assert symmetry("quarantine", "export", str(target), "--force", "--reason", "required").exit_code == 0
    assert len(target.read_text(encoding="utf-8").splitlines()) == 2


def test_replay_reads_again_what_the_corrected_contract_can(workspace: Settings, contract: Path) -> None:
    land(workspace)
    [before] = live_receipts(workspace.landing_dir)
    same = symmetry("quarantine", "replay")
    assert same.exit_code == 0
    assert "cases.csv: 3 row(s) stay in quarantine: the contract crm.case has not changed since." in same.output
    assert live_receipts(workspace.landing_dir) == [before]
    contract.write_text(CASES.replace('["%d/%m/%Y"]', '["%d/%m/%Y", "%Y-%m-%d"]'), encoding="utf-8")
    done = symmetry("quarantine", "replay")
    assert done.exit_code == 0
    assert "cases.csv: read again by crm.case: 1 row(s) left quarantine, 2 stay there." in done.output
    assert "Nothing is published yet: `symmetry run` does that." in done.output
    [after] = live_receipts(workspace.landing_dir)
    assert (after.landed, after.quarantined, after.version) == (2, 2, before.version)
    assert len(cases(workspace)) == 2


def test_replay_says_what_is_refused(workspace: Settings, contract: Path) -> None:
    land(workspace)
    contract.write_text(CASES.replace("source: opened", "source: begun"), encoding="utf-8")
    done = symmetry("quarantine", "replay")
    assert done.exit_code == 3
    assert "cases.csv: 3 row(s) stay in quarantine: its original was refused" in done.output
    assert "'begun'" in done.output


def test_rotation_rewrites_every_company_of_the_data_folder(
    workspace: Settings, contract: Path, tmp_path: Path
) -> None:
    land(workspace)
    other_inbox = tmp_path / "other"
    other_inbox.mkdir()
    (other_inbox / "cases.csv").write_text(FILE, encoding="utf-8")
    other = Settings(inbox=other_inbox)
    other.make_folders()
    land(other)
    workspace.warehouse_path.write_bytes(b"former pseudonyms")
    former = load_or_create_key(workspace.key_path)
    assert cases(workspace) == cases(other) == [(pseudonym("K1", "case", former),)]
    done = symmetry("key", "rotate")
    assert done.exit_code == 0
    assert "a chain of 2 now: 2 landed rows of 2 deliveries were rewritten in 2 files." in done.output
    new = load_or_create_key(workspace.key_path)
    assert new.chain[0] == former.chain[0]
    assert not any(link.hex() in done.output for link in new.chain)
    assert cases(workspace) == cases(other) == [(pseudonym("K1", "case", new),)]
    assert cases(workspace) != [(pseudonym("K1", "case", former),)]
    assert not workspace.warehouse_path.exists()


def test_a_key_from_the_environment_is_not_rotated(
    workspace: Settings, contract: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYMMETRY_PSEUDONYM_KEY", "ab" * 32)
    with pytest.raises(PseudonymKeyError, match="take it out of the environment"):
        symmetry("key", "rotate")


def test_a_rotation_that_was_cut_off_is_settled_by_the_next_command(workspace: Settings, contract: Path) -> None:
    land(workspace)
    (workspace.landing_dir / ROTATION).mkdir()
    done = symmetry("quarantine", "replay")
    assert "An interrupted rotation of the pseudonym key is discarded; the key is what it was." in done.output
    assert not (workspace.landing_dir / ROTATION).exists()


def test_another_key_is_said_before_anything_is_read(workspace: Settings, contract: Path) -> None:
    land(workspace)
    workspace.key_path.write_text("ab" * 32)
    with pytest.raises(KeyChangedError, match="Put the former key back"):
        symmetry("quarantine", "replay")
