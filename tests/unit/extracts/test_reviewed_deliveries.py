"""What a review of the deliveries found: links, files of others, kills, clocks, copies, corrections of one day."""

import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.extracts import landing
from pipelines.extracts.archive import archive_original, archived, expire
from pipelines.extracts.contract import VersionFrom
from pipelines.extracts.deliveries import Receipt, live_receipts, read_receipts, withdraw, write_receipt
from pipelines.extracts.landing import LandingReport, land_inbox, pending_fingerprint
from tests.unit.extracts.test_order_of_deliveries import BY_DATE as SNAPSHOTS
from tests.unit.extracts.test_order_of_deliveries import landed, read

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
SECOND = CONTRACT.replace("version: 1", "version: 2")
BY_DATE = CONTRACT.replace("timezone: UTC", "timezone: UTC\nversion_from: '_(\\d{8})'")

Land = Callable[..., LandingReport]


@pytest.fixture
def land(bench: Any) -> Land:
    bench.contract(CONTRACT)

    def run(**given: Any) -> LandingReport:
        given = {"archive": bench.root / "archive", **given}
        return land_inbox(bench.inbox, bench.landing, bench.quarantine, bench.contracts(), bench.key, **given)

    return run


def pending(bench: Any) -> str:
    return pending_fingerprint(bench.inbox, bench.landing, bench.contracts(), archive=bench.root / "archive")


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


class Killed(BaseException):
    """Stands for a kill: nothing of ours catches it."""


def killed_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int, *, after: bool = False) -> list[str]:
    """Make the given call of a function (1 is the first) die before it does anything, or after it has.

    Returns a list that gets longer by one at each call.
    """
    real = getattr(owner, name)
    calls: list[str] = []

    def dying(*arguments: Any, **named: Any) -> Any:
        calls.append(name)
        dies = len(calls) == call
        if dies and not after:
            raise Killed
        result = real(*arguments, **named)
        if dies:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dying)
    return calls


# Moving to the archive


@pytest.mark.parametrize("link", ["symbolic", "hard"])
def test_of_a_link_only_the_name_leaves_the_inbox(bench: Any, land: Land, link: str) -> None:
    target = bench.root / "elsewhere.csv"
    target.write_text(HEAD + ROW.format(1))
    target.chmod(0o644)
    os.utime(target, (1_700_000_000, 1_700_000_000))
    bench.inbox.mkdir()
    if link == "symbolic":
        (bench.inbox / "contacts.csv").symlink_to(target)
    else:
        os.link(target, bench.inbox / "contacts.csv")
    assert land().archived == ["contacts.csv"]
    assert list(bench.inbox.iterdir()) == []
    assert (target.stat().st_mode & 0o777, target.stat().st_mtime) == (0o644, 1_700_000_000)
    target.unlink()
    (original,) = archived(bench.root / "archive")
    assert original.read_text() == HEAD + ROW.format(1)
    assert original.stat().st_mode & 0o777 == 0o600


def test_a_file_of_somebody_else_is_copied_and_not_lost(
    bench: Any, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.file("contacts.csv", HEAD + ROW.format(1))

    def refused(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "chmod", refused)
    assert land().archived == ["contacts.csv"]
    assert list(bench.inbox.iterdir()) == []
    (original,) = archived(bench.root / "archive")
    assert (original.name, original.stat().st_mode & 0o777) == ("contacts.csv", 0o600)


@pytest.mark.parametrize("before", [False, True])
def test_an_inbox_that_may_only_be_read_leaves_no_copy_and_is_told(
    bench: Any, land: Land, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    bench.file("contacts.csv", HEAD + ROW.format(1))
    if before:
        land()
        bench.file("contacts.csv", HEAD + ROW.format(1))
    kept = archived(bench.root / "archive")
    replace, unlink = Path.replace, Path.unlink

    def replacing(path: Path, target: Path) -> Path:
        if path.parent == bench.inbox:
            raise OSError(30, "Read-only file system", str(path))
        return replace(path, target)

    def unlinking(path: Path, missing_ok: bool = False) -> None:
        if path.parent == bench.inbox:
            raise OSError(30, "Read-only file system", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "replace", replacing)
    monkeypatch.setattr(Path, "unlink", unlinking)
    said: list[str] = []
    for _ in range(2):
        assert land(progress=said.append).archived == []
        assert (bench.inbox / "contacts.csv").exists()
        assert [path for path in (bench.root / "archive").rglob("*") if path.is_file()] == kept
    assert said[-1] == "contacts.csv: it has landed and stays in the inbox: Read-only file system"


def test_a_full_archive_leaves_no_half_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.csv"
    path.write_text("whole")
    (tmp_path / "link.csv").symlink_to(path)

    def full(_: Any, copy: Any, __: int) -> None:
        copy.write(b"ha")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        archive_original(tmp_path / "link.csv", "a" * 64, tmp_path / "archive")
    assert list((tmp_path / "archive").iterdir()) == []
    assert (tmp_path / "link.csv").read_text() == "whole"


def test_half_a_copy_of_a_killed_run_expires_too(tmp_path: Path) -> None:
    folder = tmp_path / "archive" / ("a" * 64)
    folder.mkdir(parents=True)
    (folder / ".moving").write_text("ha")
    assert expire(tmp_path / "archive", 0, datetime.now(UTC) + timedelta(seconds=1)) == []
    assert list((tmp_path / "archive").iterdir()) == []


def test_an_original_that_was_moved_before_a_kill_is_known_again(
    bench: Any, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.file("contacts.csv", HEAD + ROW.format(1))
    with monkeypatch.context() as patch:
        killed_at(patch, landing, "archive_original", 1, after=True)
        with pytest.raises(Killed):
            land()
    (receipt,) = live_receipts(bench.landing)
    assert receipt.original == ""
    assert land().receipts == []
    assert live_receipts(bench.landing)[0].original == f"{receipt.sha256}/contacts.csv"
    withdraw(bench.landing, receipt.delivery_id)
    assert land().receipts == []


# Copies


def test_a_packed_copy_in_the_archive_does_not_bring_a_withdrawn_delivery_back(bench: Any, land: Land) -> None:
    bench.file("contacts.csv", HEAD + ROW.format(1))
    land()
    bench.file("contacts_packed.csv.gz", gzip.compress((HEAD + ROW.format(1)).encode()))
    land()
    (receipt,) = live_receipts(bench.landing)
    withdraw(bench.landing, receipt.delivery_id)
    before = pending(bench)
    assert land().receipts == []
    assert pending(bench) == before
    bench.contract(SECOND)
    assert land().receipts == []
    assert bench.rows("proactive_contact") == []


def test_a_copy_under_another_name_is_read_anew_once_the_first_is_gone(bench: Any, land: Land) -> None:
    bench.file("contacts.csv", HEAD + ROW.format(1))
    land()
    assert expire(bench.root / "archive", 0, datetime.now(UTC) + timedelta(seconds=1)) == ["contacts.csv"]
    with zipfile.ZipFile(bench.inbox / "export.zip", "w") as file:
        file.writestr("contacts_0.csv", HEAD + ROW.format(2))
        file.writestr("contacts_9.csv", HEAD + ROW.format(1))
    land()
    bench.contract(SECOND)
    assert sorted(receipt.file for receipt in land().receipts) == [
        "export.zip/contacts_0.csv",
        "export.zip/contacts_9.csv",
    ]
    assert bench.rows("proactive_contact", "day(contacted_at)", "1") == [(1,), (2,)]


# Which came first


def corrected(bench: Any, land: Land) -> tuple[Receipt, Receipt]:
    """Land a row, and its correction under the same name, in a contract where arrival decides."""
    bench.file("contacts.csv", HEAD + "1,zz,2026-01-01\n")
    (first,) = land().receipts
    bench.file("contacts.csv", HEAD + "1,aa,2026-01-01\n")
    (second,) = land().receipts
    return first, second


def test_a_lost_landing_file_does_not_make_its_delivery_the_latest(bench: Any, land: Land) -> None:
    first, second = corrected(bench, land)
    (bench.landing / "proactive_contact" / f"{first.delivery_id}.parquet").unlink()
    (again,) = land().receipts
    assert again.version == first.version < second.version


@pytest.mark.parametrize("repeated", [False, True])
def test_an_emptied_landing_keeps_the_order_of_arrival(bench: Any, land: Land, repeated: bool) -> None:
    contents = [HEAD + f"1,client {number},2026-01-01\n" for number in range(4)]
    for content in contents + contents[:2] * repeated:
        bench.file("contacts.csv", content)
        land()
    before = [receipt.sha256 for receipt in sorted(live_receipts(bench.landing), key=lambda one: one.version)]
    shutil.rmtree(bench.landing)
    if repeated:
        bench.file("contacts.csv", contents[0])
    land()
    after = [receipt.sha256 for receipt in sorted(live_receipts(bench.landing), key=lambda one: one.version)]
    assert after == before


def test_a_clock_that_was_set_back_does_not_change_which_came_later(
    bench: Any, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Back(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Back":
            return cls(2020, 1, 1, tzinfo=tz)

    bench.file("contacts.csv", HEAD + "1,zz,2026-01-01\n")
    (first,) = land().receipts
    monkeypatch.setattr(landing, "datetime", Back)
    bench.file("contacts.csv", HEAD + "1,aa,2026-01-01\n")
    (second,) = land().receipts
    assert second.version == first.version + timedelta(microseconds=1)
    bench.contract(SECOND)
    assert len(land().receipts) == 2
    assert len(bench.rows("proactive_contact")) == 2


def test_what_was_taken_back_and_is_delivered_again_is_a_new_arrival(bench: Any, land: Land) -> None:
    first, second = corrected(bench, land)
    withdraw(bench.landing, first.delivery_id)
    bench.contract(SECOND)
    bench.file("contacts.csv", HEAD + "1,zz,2026-01-01\n")
    versions = {receipt.sha256: receipt.version for receipt in land().receipts}
    assert versions[second.sha256] == second.version < versions[first.sha256]


# Corrections of one day


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("clients_20260131.csv", datetime(2026, 1, 31)),
        ("clients_20260131_v2.csv", datetime(2026, 1, 31, microsecond=2000)),
        ("clients_20260131_V10.csv", datetime(2026, 1, 31, microsecond=10_000)),
        ("clients_20260131_v2", datetime(2026, 1, 31, microsecond=2000)),
        ("clients_v2_20260131.csv", datetime(2026, 1, 31)),
        ("clients_20260131_v2_part.csv", datetime(2026, 1, 31)),
    ],
)
def test_the_end_of_a_name_says_that_it_is_a_correction(name: str, expected: datetime) -> None:
    assert VersionFrom(file_date=r"_(\d{8})").of_name(name) == expected


def test_a_correction_of_a_sequence_comes_before_the_next_number() -> None:
    origin = VersionFrom(file_sequence=r"_(\d+)[_.]")
    names = ["clients_9.csv", "clients_9_v2.csv", "clients_10.csv"]
    versions = [origin.of_name(name) for name in names]
    assert versions == sorted(versions, key=str)
    assert len(set(versions)) == 3


@pytest.mark.parametrize("turned", [False, True])
def test_a_correction_of_the_same_day_wins_in_any_order(bench: Any, land: Land, turned: bool) -> None:
    bench.contract(BY_DATE)
    arrivals = [
        ("contacts_20260131.csv", "1,c1,2026-01-05\n"),
        ("contacts_20260131_v2.csv", "1,c1,2026-01-04\n"),
    ]
    for name, row in reversed(arrivals) if turned else arrivals:
        bench.file(name, HEAD + row)
        land()
    assert bench.rows("proactive_contact", "day(contacted_at)", "_version") == [(5,), (4,)]


def test_a_file_that_comes_again_under_its_name_corrects_itself(bench: Any, land: Land) -> None:
    bench.contract(BY_DATE)
    # Contents that would win by themselves, and ones that would not.
    said: list[str] = []
    deliveries = []
    for day in (5, 4, 7, 3):
        bench.file("contacts_20260131.csv", HEAD + f"1,c1,2026-01-0{day}\n")
        said.clear()
        deliveries += land(progress=said.append).receipts
    assert [receipt.version.microsecond for receipt in deliveries] == [0, 1, 2, 3]
    assert "corrects it: its rows replace those of the same keys" in said[0]
    assert f"symmetry withdraw {deliveries[2].delivery_id}" in said[0]
    assert [row["contacted_at"].day for row in read("stg_crm__proactive_contacts", bench.landing)] == [3]
    bench.file("contacts_20260131_v2.csv", HEAD + "1,c1,2026-01-02\n")
    said.clear()
    land(progress=said.append)
    assert "corrects" not in said[0]
    assert [row["contacted_at"].day for row in read("stg_crm__proactive_contacts", bench.landing)] == [2]


def test_corrections_under_one_name_keep_their_order_when_read_anew(bench: Any, land: Land) -> None:
    bench.contract(BY_DATE)
    for day in (5, 4, 7, 3):
        bench.file("contacts_20260131.csv", HEAD + f"1,c1,2026-01-0{day}\n")
        land()
    bench.contract(BY_DATE + "# changed\n")
    assert sorted(receipt.version.microsecond for receipt in land().receipts) == [0, 1, 2, 3]
    assert [row["contacted_at"].day for row in read("stg_crm__proactive_contacts", bench.landing)] == [3]
    shutil.rmtree(bench.landing)
    assert [receipt.version.microsecond for receipt in land().receipts] == [0, 1, 2, 3]
    assert [row["contacted_at"].day for row in read("stg_crm__proactive_contacts", bench.landing)] == [3]


def last_seen(bench: Any, arrivals: list[list[tuple[str, list[tuple[int, str, int]]]]]) -> list[str]:
    _, gone = landed(bench.root / "snapshots", SNAPSHOTS, arrivals)
    return [row["last_seen_on"].isoformat() for row in gone]


def test_the_parts_and_corrections_of_one_day_are_one_snapshot(bench: Any) -> None:
    parts = [("clients_20260101_a.csv", [(1, "a", 1), (2, "a", 1)]), ("clients_20260101_b.csv", [(3, "a", 1)])]
    correction = ("clients_20260101_b_v2.csv", [(3, "b", 1)])
    assert last_seen(bench, [parts, [correction]]) == []
    assert last_seen(bench, [[correction], parts]) == []
    february = ("clients_20260201.csv", [(1, "a", 1), (3, "b", 1)])
    assert last_seen(bench, [[february], [correction], parts]) == ["2026-01-01"]


def test_a_day_of_which_a_part_is_cut_off_proves_nobody_s_absence(bench: Any) -> None:
    january = ("clients_20260101.csv", [(1, "a", 1), (2, "a", 1)])
    february = ("clients_20260201_a.csv", [(1, "a", 1)])
    assert last_seen(bench, [[january, february]]) == ["2026-01-01"]
    folder = bench.root / "snapshots" / "landing"
    whole = next(receipt for receipt in live_receipts(folder) if receipt.name == february[0])
    cut = whole.model_copy(update={"delivery_id": "f" * 16, "sha256": "f" * 64, "outputs": {}, "cut_off": True})
    write_receipt(folder, cut)
    assert read("client_last_seen", folder) == []


# Kills


@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_kill_between_two_receipts_never_counts_a_row_twice(
    bench: Any, land: Land, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    bench.file("contacts.csv", HEAD + ROW.format(1) + "2,c2,never\n")
    land()
    bench.contract(CONTRACT.replace("system: crm", "system: salesforce"))
    before = pending(bench)
    with monkeypatch.context() as patch:
        killed_at(patch, landing, "write_receipt", min(call, 2), after=call == 3)
        with pytest.raises(Killed):
            land()
    assert pending(bench) == before
    land()
    assert pending(bench) == before
    (receipt,) = live_receipts(bench.landing)
    assert receipt.contract == "salesforce.contacts"
    assert len(bench.rows("proactive_contact")) == 1
    assert files_in(bench.quarantine) == [f"{receipt.delivery_id}.parquet"]


@pytest.mark.parametrize(
    ("owner", "name"),
    [(Path, "replace"), (Path, "chmod"), (os, "utime"), (os, "fsync"), (landing, "write_receipt")],
)
@pytest.mark.parametrize("after", [False, True])
def test_the_run_after_a_kill_is_whole(
    make_bench: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool
) -> None:
    died = 0
    for call in range(1, 30):
        bench = make_bench()
        bench.contract(CONTRACT)
        bench.file("contacts_1.csv", HEAD + ROW.format(1) + "2,c2,never\n")
        bench.file("contacts_2.csv.gz", gzip.compress((HEAD + ROW.format(3)).encode()))
        given = (bench.inbox, bench.landing, bench.quarantine, bench.contracts(), bench.key)
        with monkeypatch.context() as patch:
            calls = killed_at(patch, owner, name, call, after=after)
            try:
                land_inbox(*given, archive=bench.root / "archive")
            except Killed:
                died += 1
        land_inbox(*given, archive=bench.root / "archive")
        assert list(bench.inbox.iterdir()) == []
        assert files_in(bench.root / "archive") == ["contacts_1.csv", "contacts_2.csv.gz"]
        receipts = live_receipts(bench.landing)
        assert sorted((one.file, one.read, one.landed, one.quarantined) for one in receipts) == [
            ("contacts_1.csv", 2, 1, 1),
            ("contacts_2.csv.gz", 1, 1, 0),
        ]
        assert all((bench.root / "archive" / one.original).is_file() for one in receipts)
        assert bench.rows("proactive_contact", "day(contacted_at)", "1") == [(1,), (3,)]
        assert bench.bad() == [(3, "not_a_timestamp", "never")]
        if len(calls) < call:
            break
    assert died > 0
    assert len(calls) < call


def test_whole_rows_of_a_delivery_that_never_came_to_be_do_not_stay(
    bench: Any, land: Land, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bench.file("contacts.csv", HEAD + "2,c2,never\n")
    with monkeypatch.context() as patch:
        killed_at(patch, landing, "write_receipt", 1)
        with pytest.raises(Killed):
            land()
    (bench.quarantine / ".0123456789abcdef.tmp").write_text("Jean Dupont")
    assert len(files_in(bench.quarantine)) == 2
    path.unlink()
    land()
    assert files_in(bench.quarantine) == []


# Receipts of before


def as_before(landing_dir: Path, returned: dict[str, str | None]) -> None:
    """Rewrite the receipts as the former version of the project wrote them: other ids, fewer fields."""
    for number, receipt in enumerate(read_receipts(landing_dir)):
        document = json.loads(receipt.model_dump_json())
        for later in ("name", "original", "named", "max_quarantine_share", "cut_off", "key_check"):
            del document[later]
        document |= {"delivery_id": f"{number:016x}", "returned": returned.get(receipt.file)}
        (landing_dir / "_receipts" / f"{receipt.delivery_id}.json").unlink()
        (landing_dir / "_receipts" / f"{number:016x}.json").write_text(json.dumps(document), encoding="utf-8")
        for entity in receipt.outputs:
            folder = landing_dir / entity
            (folder / f"{receipt.delivery_id}.parquet").rename(folder / f"{number:016x}.parquet")


def test_receipts_of_before_are_read_and_their_files_land_once(bench: Any, land: Land) -> None:
    bench.file("contacts_a.csv", HEAD + ROW.format(1))
    bench.file("contacts_b.csv", HEAD + ROW.format(2))
    versions = {receipt.file: receipt.version for receipt in land(keep_originals=True).receipts}
    as_before(bench.landing, {})
    (bench.inbox / "contacts_b.csv").unlink()
    before = pending(bench)
    assert [receipt.file for receipt in land().receipts] == ["contacts_a.csv"]
    assert pending(bench) == before
    assert land().receipts == []
    assert {receipt.file: receipt.version for receipt in live_receipts(bench.landing)} == versions
    assert bench.rows("proactive_contact", "day(contacted_at)", "1") == [(1,), (2,)]


def test_a_content_that_returned_has_one_receipt_a_day_as_before(bench: Any, land: Land) -> None:
    bench.contract(BY_DATE)
    bench.file("contacts_20260101.csv", HEAD + ROW.format(1))
    bench.file("contacts_20260301.csv", HEAD + ROW.format(1))
    land(keep_originals=True)
    as_before(bench.landing, {"contacts_20260301.csv": "2026-03-01T00:00:00"})
    assert len(live_receipts(bench.landing)) == 2
    before = pending(bench)
    assert len(land().receipts) == 2
    assert pending(bench) == before
    assert [receipt.version for receipt in live_receipts(bench.landing)] == [datetime(2026, 1, 1), datetime(2026, 3, 1)]
    assert len(bench.rows("proactive_contact")) == 2
