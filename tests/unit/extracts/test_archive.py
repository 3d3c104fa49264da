"""Originals leave the inbox for the archive, are read anew from there, and are forgotten in time."""

import gzip
import os
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.extracts.archive import archive_original, archived, expire
from pipelines.extracts.deliveries import live_receipts, read_receipts, refused_deliveries, withdraw
from pipelines.extracts.landing import LandingReport, land_inbox, pending_fingerprint

HEAD = "Id,Account,When\n"
ROW = "{0},c{0},2026-01-0{0}\n"
CONTRACT = """system: crm
name: contacts
version: 1
description: Contacts.
owner: team:crm
match: ["contacts*.csv"]
format: {type: csv}
timezone: UTC
columns:
  - {source: Id, field: contact_id, required: true}
  - {source: Account, field: client_id, required: true}
  - {source: When, field: contacted_at, type: timestamp, formats: ["%Y-%m-%d"], required: true}
outputs:
  - entity: proactive_contact
    fields: {contact_id: contact_id, client_id: client_id, contacted_at: contacted_at, kind: "=proactive"}
"""


@pytest.fixture
def land(bench: Any) -> Callable[..., LandingReport]:
    def run(**given: Any) -> LandingReport:
        return land_inbox(
            bench.inbox,
            bench.landing,
            bench.quarantine,
            bench.contracts(),
            bench.key,
            **{"archive": bench.root / "archive", **given},
        )

    return run


def pending(bench: Any) -> str:
    return pending_fingerprint(bench.inbox, bench.landing, bench.contracts(), archive=bench.root / "archive")


def test_what_has_landed_moves_to_the_archive_for_its_owner_only(
    bench: Any, land: Callable[..., LandingReport]
) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    bench.file("mystery.csv", "a,b\n1,2\n")
    before = pending(bench)
    report = land()
    assert pending(bench) == before
    assert report.archived == ["contacts.csv"]
    assert [path.name for path in bench.inbox.iterdir()] == ["mystery.csv"]
    (receipt,) = read_receipts(bench.landing)
    original = bench.root / "archive" / receipt.original
    assert receipt.original == f"{receipt.sha256}/contacts.csv"
    assert original.read_text() == HEAD + ROW.format(1)
    assert original.stat().st_mode & 0o777 == 0o600
    assert original.parent.stat().st_mode & 0o777 == 0o700
    assert land().unchanged == []
    assert land().receipts == []


def test_the_same_bytes_again_leave_the_inbox_and_change_nothing(
    bench: Any, land: Callable[..., LandingReport]
) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    (first,) = land().receipts
    before = pending(bench)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    bench.file("contacts_copy.csv", HEAD + ROW.format(1))
    bench.file("contacts_packed.csv.gz", gzip.compress((HEAD + ROW.format(1)).encode()))
    assert pending(bench) == before
    again = land()
    assert (again.receipts, again.unchanged) == ([], [first.delivery_id] * 3)
    assert list(bench.inbox.iterdir()) == []
    assert len(live_receipts(bench.landing)) == 1


def test_a_changed_contract_reads_the_original_anew(bench: Any, land: Callable[..., LandingReport]) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1) + "2,c2,03/02/2026\n")
    (first,) = land().receipts
    assert (first.landed, first.quarantined) == (1, 1)
    assert bench.bad() == [(3, "not_a_timestamp", "03/02/2026")]
    bench.contract(CONTRACT.replace('["%Y-%m-%d"]', '["%Y-%m-%d", "%d/%m/%Y"]'))
    (second,) = land().receipts
    assert (second.landed, second.quarantined, second.version) == (2, 0, first.version)
    assert bench.bad() == []
    assert [receipt.delivery_id for receipt in live_receipts(bench.landing)] == [second.delivery_id]
    assert bench.rows("proactive_contact", "contacted_at") == [(datetime(2026, 1, 1),), (datetime(2026, 2, 3),)]


def test_a_contract_under_another_name_takes_the_rows_over(bench: Any, land: Callable[..., LandingReport]) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    land()
    bench.contract(CONTRACT.replace("system: crm", "system: salesforce"))
    (renamed,) = land().receipts
    assert renamed.contract == "salesforce.contacts"
    assert bench.rows("proactive_contact", "_system") == [("salesforce",)]


def test_an_emptied_landing_is_filled_from_the_archive(bench: Any, land: Callable[..., LandingReport]) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    land()
    for path in sorted(bench.landing.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (receipt,) = land().receipts
    assert receipt.original == f"{receipt.sha256}/contacts.csv"
    assert len(bench.rows("proactive_contact")) == 1
    (bench.landing / "proactive_contact" / f"{receipt.delivery_id}.parquet").unlink()
    assert len(land().receipts) == 1
    assert len(bench.rows("proactive_contact")) == 1


def test_a_withdrawn_delivery_does_not_come_back_from_the_archive(
    bench: Any, land: Callable[..., LandingReport]
) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    (receipt,) = land().receipts
    withdraw(bench.landing, receipt.delivery_id)
    assert land().receipts == []
    assert bench.rows("proactive_contact") == []
    bench.file("contacts.csv", HEAD + ROW.format(1))
    assert len(land().receipts) == 1


def test_an_archive_file_is_moved_only_when_every_part_of_it_has_landed(
    bench: Any, land: Callable[..., LandingReport]
) -> None:
    bench.contract(CONTRACT)
    bench.inbox.mkdir()
    with zipfile.ZipFile(bench.inbox / "export.zip", "w") as file:
        file.writestr("contacts_1.csv", HEAD + ROW.format(1))
        file.writestr("mystery.csv", "a\n1\n")
    report = land()
    assert [receipt.file for receipt in report.receipts] == ["export.zip/contacts_1.csv"]
    assert [(refusal.file, refusal.reason) for refusal in report.refused] == [("export.zip/mystery.csv", "no_contract")]
    assert (bench.inbox / "export.zip").exists()
    with zipfile.ZipFile(bench.inbox / "export.zip", "w") as file:
        file.writestr("contacts_1.csv", HEAD + ROW.format(1))
        file.writestr("contacts_2.csv", HEAD + ROW.format(2))
    report = land()
    assert [receipt.file for receipt in report.receipts] == ["export.zip/contacts_2.csv"]
    assert report.archived == ["export.zip"]
    bench.contract(CONTRACT.replace("version: 1", "version: 2"))
    assert {receipt.file for receipt in land().receipts} == {"export.zip/contacts_1.csv", "export.zip/contacts_2.csv"}
    assert len(bench.rows("proactive_contact")) == 2


def test_originals_may_stay(bench: Any, land: Callable[..., LandingReport]) -> None:
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    report = land(keep_originals=True)
    assert report.archived == []
    assert (bench.inbox / "contacts.csv").exists()
    assert archived(bench.root / "archive") == []


def test_a_file_that_grows_is_left_for_a_later_run(
    bench: Any, land: Callable[..., LandingReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.contract(CONTRACT)
    path = bench.file("contacts.csv", HEAD + ROW.format(1))
    waited: list[float] = []

    def writing(seconds: float) -> None:
        waited.append(seconds)
        with path.open("a") as file:
            file.write(ROW.format(2))

    monkeypatch.setattr(time, "sleep", writing)
    report = land(settle_seconds=5.0)
    assert 0 < waited[0] <= 5
    assert [(refusal.file, refusal.reason) for refusal in report.refused] == [("contacts.csv", "still_growing")]
    assert path.exists()
    monkeypatch.setattr(time, "sleep", waited.append)
    (receipt,) = land(settle_seconds=5.0).receipts
    assert receipt.landed == 2
    bench.file("contacts_old.csv", HEAD + ROW.format(3))
    os.utime(bench.inbox / "contacts_old.csv", (time.time() - 60, time.time() - 60))
    waited.clear()
    land(settle_seconds=5.0)
    assert waited == []


def test_a_file_written_to_while_it_is_read_is_refused_and_leaves_nothing(
    bench: Any, land: Callable[..., LandingReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.extracts import landing

    bench.contract(CONTRACT)
    path = bench.file("contacts.csv", HEAD + ROW.format(1) + "2,c2,never\n")
    real = landing.take_in

    def slow(*arguments: Any, **named: Any) -> Any:
        taken = real(*arguments, **named)
        with path.open("a") as file:
            file.write(ROW.format(2))
        return taken

    monkeypatch.setattr(landing, "take_in", slow)
    assert [refusal.reason for refusal in land().refused] == ["still_growing"]
    assert read_receipts(bench.landing) == []
    assert bench.bad() == []


def test_refusals_stay_in_the_ledger_once(bench: Any, land: Callable[..., LandingReport]) -> None:
    bench.contract(CONTRACT)
    path = bench.file("contacts.csv", "Id,Account\n1,c1\n")
    land()
    land()
    (entry,) = refused_deliveries(bench.landing)
    assert (entry.file, entry.reason, entry.bytes) == ("contacts.csv", "missing_column", path.stat().st_size)
    path.write_text(HEAD + ROW.format(1))
    land()
    assert len(refused_deliveries(bench.landing)) == 1
    assert len(live_receipts(bench.landing)) == 1


def test_originals_are_forgotten_in_time(tmp_path: Path) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    archive = tmp_path / "archive"
    for number, age in enumerate((89, 91)):
        path = tmp_path / f"file_{number}.csv"
        path.write_text("x")
        place = archive / archive_original(path, f"{number:064x}", archive)
        moment = (now - timedelta(days=age)).timestamp()
        os.utime(place, (moment, moment))
    assert expire(archive, 90, now) == ["file_1.csv"]
    assert [path.name for path in archived(archive)] == ["file_0.csv"]
    assert len(list(archive.iterdir())) == 1


def test_what_a_killed_run_left_on_the_way_is_swept(bench: Any, land: Callable[..., LandingReport]) -> None:
    left = bench.quarantine / ".work" / "999999999_abc"
    left.mkdir(parents=True)
    (left / "unpacked.csv").write_text("Jean Dupont")
    running = bench.quarantine / ".work" / f"{os.getpid()}_abc"
    running.mkdir()
    bench.contract(CONTRACT)
    bench.file("contacts.csv", HEAD + ROW.format(1))
    land()
    assert list((bench.quarantine / ".work").iterdir()) == [running]


def test_a_refused_member_is_named_as_people_know_it(bench: Any, land: Callable[..., LandingReport]) -> None:
    bench.contract(CONTRACT)
    bench.inbox.mkdir()
    with zipfile.ZipFile(bench.inbox / "export.zip", "w") as file:
        file.writestr("contacts_1.csv", "Id,Account\n1,c1\n")
    (refusal,) = land().refused
    assert refusal.message.startswith("export.zip/contacts_1.csv: the contract crm.contacts reads columns")
