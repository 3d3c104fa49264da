"""The real NYC School Survey 2011, landed by its shipped contract and checked against the file itself."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import duckdb
import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, load_contracts
from pipelines.extracts.landing import LandingReport, create_landing_views, land_inbox

INBOX = Path(__file__).parents[2].parent / "shared" / "real" / "nyc_school_survey_2011"
pytestmark = pytest.mark.skipif(not INBOX.is_dir(), reason="the real NYC files are not on this machine")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LandingReport]:
    root = tmp_path_factory.mktemp("nyc")
    report = land_inbox(INBOX, root / "landing", root / "quarantine", load_contracts(CONTRACTS_DIR), bytes(32))
    return root, report


def schools() -> dict[str, dict[str, str]]:
    """Read the files independently, whole rows only."""
    found = {}
    for path in sorted(INBOX.glob("survey_*.txt")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            names, *rows = csv.reader(file, delimiter="\t")
        found |= {row[0]: dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)}
    return found


def test_510_schools_land_and_the_cut_off_record_is_in_quarantine(landed: tuple[Path, LandingReport]) -> None:
    root, report = landed
    assert not report.refused
    assert {receipt.file: (receipt.read, receipt.landed) for receipt in report.receipts} == {
        "survey_all.txt": (455, 454),
        "survey_d75.txt": (56, 56),
    }
    assert all(receipt.balanced for receipt in report.receipts)
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT file, line, record, reason, message, row FROM read_parquet($1)",
            [str(root / "quarantine" / "*.parquet")],
        ).fetchall()
    ((file, line, record, reason, message, row),) = rows
    assert (file, line, record, reason) == ("survey_all.txt", 456, 455, "field_count")
    assert "668 fields found, 1942 expected" in message
    assert row.startswith('"09X404"')


def test_every_landed_figure_equals_the_file(landed: tuple[Path, LandingReport]) -> None:
    root, _ = landed
    expected = {}
    for school, row in schools().items():
        for side, mark in (("client", "p"), ("collaborator", "t")):
            for topic in ("safety", "communication", "engagement", "academics"):
                value = row[f"{topic[:3]}_{mark}_11"]
                if value not in {"", "NA"}:
                    expected[(school, f"{side}_{topic}")] = (float(row[f"N_{mark}"]), float(value))
    with duckdb.connect() as connection:
        create_landing_views(connection, root / "landing")
        feed = connection.execute(
            "SELECT unit_id, indicator_id, n, value, CAST(period AS VARCHAR), population FROM landing.indicator_feed"
        ).fetchall()
        units = connection.execute(
            "SELECT DISTINCT unit_id, unit_name, parent_unit_id, unit_level FROM landing.unit"
        ).fetchall()
    assert {(unit, indicator): (n, value) for unit, indicator, n, value, *_ in feed} == expected
    assert {tuple(row[4:]) for row in feed} == {("2011-06-01", "all")}
    levels = {unit: level for unit, _, _, level in units}
    assert len(levels) == len(units)
    assert sum(level == "school" for level in levels.values()) == 510
    assert sum(level == "borough" for level in levels.values()) == 5
    parents = {unit: parent for unit, _, parent, _ in units}
    assert all(parent is None or parent in parents for parent in parents.values())
    assert (parents["75K004"], parents["K-75"], parents["K"], parents["NYC"]) == ("K-75", "K", "NYC", None)


def test_receipts_say_where_the_definitions_are(landed: tuple[Path, LandingReport]) -> None:
    root, _ = landed
    for path in (root / "landing" / "_receipts").glob("*.json"):
        receipt = json.loads(path.read_text())
        assert receipt["definitions"] == "nyc_school_survey_2011"
        assert receipt["months"] == ["2011-06"]
