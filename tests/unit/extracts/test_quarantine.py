"""The quarantine as a workbench: counts, rows, exports, and what a new reading took out of it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipelines.extracts.deliveries import live_receipts, withdraw
from pipelines.extracts.landing import LandingReport, land_inbox
from pipelines.extracts.quarantine import (
    EXPORTED,
    QuarantineError,
    ReasonCount,
    Replayed,
    Wanted,
    export_rows,
    find_rows,
    quarantined,
    replayed,
)
from tests.unit.extracts.conftest import Bench

CASES = """
system: crm
name: case
version: 1
description: Cases.
owner: team:crm
match: ["cases*.csv"]
columns:
  - {source: id, field: case_id, required: true}
  - {source: opened, field: opened_at, type: timestamp, formats: ["%d/%m/%Y"], required: true}
  - {source: reopened, field: reopen_count, type: integer, min: 0}
outputs:
  - {entity: case, fields: {case_id: case_id, opened_at: opened_at, reopen_count: reopen_count, kind: "=request"}}
"""

ACTIONS = """
system: crm
name: action
version: 1
description: Actions, one JSON object a line.
owner: team:crm
match: ["actions*.jsonl"]
format: {type: jsonl}
max_quarantine_share: 0.5
columns:
  - {source: id, field: action_id, required: true}
  - {source: unit, field: unit_id, required: true}
  - {source: marker, field: marker, required: true}
  - {source: on, field: started_on, type: date, required: true}
"""

ROWS = [
    "K1,01/02/2025,0",
    'K2,"=cmd|calc, \x1b[31m",0',  # not a date, a formula, and a code that would colour the terminal
    "K3,2025-02-03,1",
    "K4,04/02/2025,-1",
    "K5,05/02/2025",  # a field too few: no row at all
    ",06/02/2025,0",
    "K7,07/02/2025,0",
]


@pytest.fixture
def full(bench: Bench) -> Bench:
    bench.contract(CASES, "case")
    bench.contract(ACTIONS, "action")
    bench.file("cases.csv", "\n".join(["id,opened,reopened", *ROWS, ""]))
    bench.file("actions.jsonl", '{"id":"A1","unit":"N1","marker":"m","on":"2025-01-01"}\n{"id":"A2","unit":"N1"}\n')
    bench.file("cases_good.csv", "id,opened,reopened\nK8,08/02/2025,0\n")
    bench.land()
    return bench


def delivery(bench: Bench, file: str) -> str:
    return next(receipt.delivery_id for receipt in live_receipts(bench.landing) if receipt.file == file)


def test_deliveries_are_counted_by_reason_with_their_first_line_and_limit(full: Bench) -> None:
    cases, actions = quarantined(full.landing, full.quarantine, full.contracts(), 0.1)
    assert (cases.file, cases.contract, cases.read, cases.rows) == ("cases.csv", "crm.case", 7, 5)
    assert cases.delivery_id == delivery(full, "cases.csv")
    assert cases.reasons == (
        ReasonCount("not_a_timestamp", 2, 3, 2),
        ReasonCount("field_count", 1, 6, 5),
        ReasonCount("out_of_range", 1, 5, 4),
        ReasonCount("required", 1, 7, 6),
    )
    assert (cases.share, cases.limit, cases.above_limit, cases.is_whole) == (5 / 7, 0.1, True, True)
    assert (actions.rows, actions.limit, actions.above_limit) == (1, 0.5, False)
    assert actions.reasons[0].first_record == 2


def test_what_is_withdrawn_counts_no_more(full: Bench) -> None:
    withdraw(full.landing, delivery(full, "cases.csv"))
    [left] = quarantined(full.landing, full.quarantine, full.contracts(), 0.1)
    assert left.file == "actions.jsonl"
    total, rows = find_rows(full.landing, full.quarantine, Wanted(), 10)
    assert (total, rows[0].file) == (1, "actions.jsonl")


def test_a_quarantine_file_that_is_gone_is_said_with_the_receipts_counts(full: Bench) -> None:
    (full.quarantine / f"{delivery(full, 'cases.csv')}.parquet").unlink()
    cases, _ = quarantined(full.landing, full.quarantine, full.contracts(), 0.1)
    assert (cases.rows, cases.is_whole) == (5, False)
    assert cases.reasons[0] == ReasonCount("not_a_timestamp", 2, None, None)


def test_rows_are_found_by_file_reason_column_and_delivery(full: Bench) -> None:
    total, rows = find_rows(full.landing, full.quarantine, Wanted(file="cases.csv", reason="not_a_timestamp"), 1)
    [row] = rows
    assert total == 2
    assert (row.line, row.record, row.column, row.value) == (3, 2, "opened", "=cmd|calc, \x1b[31m")
    assert row.message.startswith("cases.csv, line 3, column opened: '=cmd")
    assert '"id":"K2"' in row.row
    assert find_rows(full.landing, full.quarantine, Wanted(column="reopened"), 9)[0] == 1
    assert find_rows(full.landing, full.quarantine, Wanted(delivery=delivery(full, "actions.jsonl")), 9)[0] == 1


def test_what_is_not_there_is_said_with_what_is(full: Bench) -> None:
    with pytest.raises(QuarantineError, match="has the reason 'nope'; there are: field_count, not_a_timestamp, out_of"):
        find_rows(full.landing, full.quarantine, Wanted(reason="nope"), 9)
    with pytest.raises(QuarantineError, match="all of that"):
        find_rows(full.landing, full.quarantine, Wanted(reason="field_count", column="opened"), 9)


def test_an_empty_quarantine_is_said(bench: Bench) -> None:
    bench.contract(CASES, "case")
    bench.file("cases.csv", "id,opened,reopened\nK8,08/02/2025,0\n")
    bench.land()
    assert quarantined(bench.landing, bench.quarantine, bench.contracts(), 0.1) == []
    with pytest.raises(QuarantineError, match="Nothing is in quarantine"):
        find_rows(bench.landing, bench.quarantine, Wanted(), 9)


def test_a_damaged_quarantine_file_is_named(full: Bench) -> None:
    path = full.quarantine / f"{delivery(full, 'cases.csv')}.parquet"
    path.write_bytes(b"no Parquet at all")
    with pytest.raises(QuarantineError, match=f"{path.name}.*symmetry withdraw"):
        quarantined(full.landing, full.quarantine, full.contracts(), 0.1)


def test_an_export_has_every_row_for_the_owner_only_and_no_formula(full: Bench) -> None:
    target = full.root / "bad.csv"
    assert export_rows(full.landing, full.quarantine, Wanted(), target) == 6
    assert target.stat().st_mode & 0o777 == 0o600
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(EXPORTED)
    assert [row["file"] for row in rows] == ["actions.jsonl"] + ["cases.csv"] * 5
    assert rows[0]["row"] == '{"id":"A2","unit":"N1"}'
    assert rows[0]["line"] == "2"
    assert rows[1]["value"] == "'=cmd|calc, \x1b[31m"
    assert "K5,05/02/2025" in rows[4]["row"]
    assert [path.name for path in full.root.iterdir() if path.suffix == ".tmp"] == []
    export_rows(full.landing, full.quarantine, Wanted(), target, overwrite=True, exact=True)
    with target.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file))[1]["value"] == "=cmd|calc, \x1b[31m"


def test_an_export_replaces_nothing_unless_told(full: Bench) -> None:
    target = full.root / "bad.csv"
    target.write_text("mine")
    with pytest.raises(FileExistsError, match="--force"):
        export_rows(full.landing, full.quarantine, Wanted(), target)
    assert target.read_text() == "mine"
    with pytest.raises(QuarantineError):
        export_rows(full.landing, full.quarantine, Wanted(reason="nope"), target, overwrite=True)
    assert target.read_text() == "mine"
    target.chmod(0o644)
    wanted = Wanted(reason="required", column="id")
    assert export_rows(full.landing, full.quarantine, wanted, target, overwrite=True) == 1
    assert target.stat().st_mode & 0o777 == 0o600
    assert len(target.read_text().splitlines()) == 2


def land(bench: Bench, archive: Path) -> LandingReport:
    return land_inbox(
        bench.inbox, bench.landing, bench.quarantine, bench.contracts(), bench.key, archive=archive
    )  # fmt: skip


def test_what_a_corrected_contract_reads_leaves_the_quarantine(bench: Bench) -> None:
    archive = bench.root / "archive"
    bench.contract(CASES, "case")
    bench.contract(ACTIONS, "action")
    bench.file("cases.csv", "\n".join(["id,opened,reopened", *ROWS, ""]))
    bench.file("actions.jsonl", '{"id":"A1","unit":"N1","marker":"m","on":"2025-01-01"}\n{"id":"A2","unit":"N1"}\n')
    land(bench, archive)
    assert list(bench.inbox.iterdir()) == []
    before = live_receipts(bench.landing)
    bench.contract(CASES.replace('["%d/%m/%Y"]', '["%d/%m/%Y", "%Y-%m-%d"]').replace(", min: 0", ""), "case")
    report = land(bench, archive)
    actions, cases = sorted(
        replayed(before, bench.landing, archive, bench.contracts(), report.refused), key=lambda one: one.file
    )
    assert cases == Replayed("cases.csv", "crm.case", delivery(bench, "cases.csv"), before=5, after=3)
    assert (cases.left, cases.kept) == (2, "")
    assert bench.rows("case", "count(*)", "1") == [(4,)]
    assert actions.delivery_id == delivery(bench, "actions.jsonl")
    assert (actions.before, actions.after) == (1, 1)
    assert actions.kept == (
        "the contract crm.action has not changed since. Correct it (action.yml) and replay, or have the rows corrected "
        "at the source and delivered again."
    )


def test_what_cannot_be_read_again_is_said_with_the_remedy(bench: Bench) -> None:
    archive = bench.root / "archive"
    bench.contract(CASES, "case")
    bench.contract(ACTIONS, "action")
    bench.file("cases.csv", "id,opened,reopened\nK1,nothing,0\nK2,01/01/2025,0\n")
    bench.file("actions.jsonl", '{"id":"A1","unit":"N1","marker":"m","on":"2025-01-01"}\n{"id":"A2","unit":"N1"}\n')
    land(bench, archive)
    before = live_receipts(bench.landing)
    for original in archive.glob("*/cases.csv"):
        original.unlink()
    bench.contract(CASES.replace("%d/%m/%Y", "%Y-%m-%d"), "case")
    bench.contract(ACTIONS.replace("actions*", "deeds*"), "action")
    report = land(bench, archive)
    told = {one.file: one for one in replayed(before, bench.landing, archive, bench.contracts(), report.refused)}
    assert told["cases.csv"].kept == (
        "its original is neither in the inbox nor in the archive any more. Have the file delivered again."
    )
    assert told["actions.jsonl"].kept.startswith("actions.jsonl: no contract claims a file of this name.")
    assert [one.left for one in told.values()] == [0, 0]


def test_a_worse_contract_brings_more_into_quarantine(bench: Bench) -> None:
    archive = bench.root / "archive"
    bench.contract(CASES, "case")
    bench.file("cases.csv", "id,opened,reopened\nK1,nothing,0\nK2,01/01/2025,0\n")
    land(bench, archive)
    before = live_receipts(bench.landing)
    bench.contract(CASES.replace("%d/%m/%Y", "%Y-%m-%d"), "case")
    report = land(bench, archive)
    [one] = replayed(before, bench.landing, archive, bench.contracts(), report.refused)
    assert (one.before, one.after, one.left, one.kept) == (1, 2, -1, "")
