"""Forgetting: a person's rows leave everything, others' rows stay whole, later deliveries leave the person out."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pipelines.extracts.deliveries import read_receipts
from pipelines.extracts.forgetting import (
    FORGETTING,
    Removed,
    expire_rows,
    finish_forgetting,
    forget,
    read_ledger,
)
from pipelines.extracts.landing import LandingReport, land_inbox
from pipelines.extracts.pseudonyms import load_or_create_key, pseudonym, write_key_file
from pipelines.extracts.rotation import Landing, rotate_key
from tests.unit.extracts.conftest import Bench
from tests.unit.extracts.test_rotation import ANSWERS, CASES, UNITS, Killed, key_file

EMPLOYEES = """
system: hr
name: employee
version: 1
description: Employees and whom they report to.
owner: team:hr
match: ["staff*.csv*"]
max_quarantine_share: 1
columns:
  - {source: id, field: employee_id, required: true}
  - {source: boss, field: manager_id}
  - {source: team, field: unit_id, required: true}
  - {source: hired, field: spell_start, type: date, required: true}
outputs:
  - entity: employee
    fields:
      {employee_id: employee_id, manager_id: manager_id, unit_id: unit_id, spell_start: spell_start,
       hired_on: spell_start, population: "=office"}
"""
STAFF = "id,boss,team,hired\nE1,E9,N1,2024-01-01\nE9,,N1,2020-01-01\nE2,E9,N1,2024-02-30\nE9,,N2,someday\n"


def archive_of(bench: Bench) -> Path:
    return bench.root / "archive"


def warehouse_of(bench: Bench) -> Path:
    return bench.root / "warehouse" / "warehouse.duckdb"


def land(bench: Bench, refuse_forgotten: bool = False) -> LandingReport:
    return land_inbox(
        bench.inbox, bench.landing, bench.quarantine, bench.contracts(), bench.key, archive=archive_of(bench),
        refuse_forgotten=refuse_forgotten,
    )  # fmt: skip


@pytest.fixture
def landed(make_bench: Callable[[], Bench]) -> Callable[[], Bench]:
    def make() -> Bench:
        bench = make_bench()
        for name, text in (("case", CASES), ("answers", ANSWERS), ("unit", UNITS), ("employee", EMPLOYEES)):
            bench.contract(text, name)
        bench.file(
            "cases.csv",
            "id,client,opened\nK1,C1,2025-01-02 10:00\nK2,C2,2025-01-03 10:00\nK3,C1,someday\nK4,C2,someday\n",
        )
        bench.file("answers.csv", "id,who,side,at,q\nR1,C1,c,2025-02-01 10:00,4\nR2,C1,e,2025-02-01 10:00,3\n")
        bench.file("staff.csv.gz", gzip.compress(STAFF.encode()))
        bench.file("units.csv", "id,level\nN1,team\n")
        (bench.root / "warehouse").mkdir()
        warehouse_of(bench).write_bytes(b"rows of people")
        assert len(land(bench).receipts) == 4
        return bench

    return make


def take_out(bench: Bench, domain: str, name: str, progress: Callable[[str], None] = lambda _: None) -> Removed:
    return forget(
        bench.landing, bench.quarantine, archive_of(bench), warehouse_of(bench), domain, name, bench.key, progress
    )


def state(bench: Bench) -> dict[str, object]:
    return {
        "cases": bench.rows("case", "client_id, _record"),
        "answers": bench.rows("survey_answer", "respondent_id, value"),
        "staff": bench.rows("employee", "employee_id, manager_id, unit_id"),
        "bad": bench.bad("file, value"),
        "receipts": {
            receipt.file: (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered, receipt.filter_reasons)
            for receipt in read_receipts(bench.landing)
        },
        "archive": sorted(path.name for path in archive_of(bench).glob("*/*")),
    }


def test_a_client_leaves_and_nobody_else(landed: Callable[[], Bench]) -> None:
    bench = landed()
    c2, c1_as_staff = (pseudonym(*who, bench.key) for who in (("C2", "client"), ("C1", "employee")))
    done = take_out(bench, "client", " C1 ")
    assert done == Removed({"crm.case": 2, "forms.answers": 1}, 2)
    found = state(bench)
    assert found["cases"] == [(c2, 2)]
    assert found["answers"] == [(c1_as_staff, 3.0)]
    assert [row for row in found["bad"] if row[0] == "cases.csv"] == [("cases.csv", "someday")]  # type: ignore[attr-defined]
    assert found["receipts"]["cases.csv"] == (4, 1, 1, 2, {"forgotten": 2})  # type: ignore[index]
    assert all(receipt.balanced for receipt in read_receipts(bench.landing))
    assert found["archive"] == ["staff.csv.gz", "units.csv"]
    assert not warehouse_of(bench).exists()
    everything = b"".join(
        path.read_bytes() for path in bench.root.rglob("*") if path.is_file() and "contracts" not in path.parts
    )
    assert b"C1" not in everything
    [kept] = read_ledger(bench.landing)
    assert kept.done_at is not None
    assert (kept.domain, kept.rows, kept.originals) == ("client", {"crm.case": 2, "forms.answers": 1}, 2)
    assert (bench.landing / "_forgotten.json").stat().st_mode & 0o777 == 0o600


def test_an_employee_leaves_and_those_they_manage_stay_without_them(landed: Callable[[], Bench]) -> None:
    bench = landed()
    e1 = pseudonym("E1", "employee", bench.key)
    assert take_out(bench, "employee", "E9") == Removed({"hr.employee": 3}, 1)
    found = state(bench)
    assert found["staff"] == [(e1, None, "N1")]
    # The row of E2, whom E9 manages, cannot be read and cannot be told apart from E9's: it names E9, so it goes.
    assert [row for row in found["bad"] if row[0] == "staff.csv.gz"] == []  # type: ignore[attr-defined]
    assert found["receipts"]["staff.csv.gz"] == (4, 1, 0, 3, {"forgotten": 3})  # type: ignore[index]
    assert "staff.csv.gz" not in found["archive"]  # type: ignore[operator]


def test_what_comes_later_leaves_them_out_or_is_refused(landed: Callable[[], Bench]) -> None:
    bench = landed()
    take_out(bench, "client", "C1")
    bench.file("cases_later.csv", "id,client,opened\nK5,C1,2025-03-02 10:00\nK6,C3,2025-03-02 10:00\nK7,C1,never\n")
    refused = land(bench, refuse_forgotten=True)
    assert [(one.file, one.reason) for one in refused.refused] == [("cases_later.csv", "forgotten")]
    assert "2 row(s) are about somebody who asked to be forgotten" in refused.refused[0].message
    assert len(bench.rows("case")) == 1
    assert not [path for path in bench.landing.rglob("*.parquet") if path.stem not in receipts_of(bench)]
    [receipt] = land(bench).receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (3, 1, 0, 2)
    assert receipt.filter_reasons == {"forgotten": 2}
    assert {client for (client,) in bench.rows("case", "client_id")} == {
        pseudonym(name, "client", bench.key) for name in ("C2", "C3")
    }


def test_they_stay_forgotten_after_the_key_is_rotated(landed: Callable[[], Bench]) -> None:
    bench = landed()
    bench.key = load_or_create_key(key_file(bench), bench.key.hex())  # type: ignore[assignment]
    write_key_file(key_file(bench), bench.key.chain[0].hex() + "\n")  # type: ignore[attr-defined]
    take_out(bench, "client", "C1")
    rotate_key([Landing(bench.landing, warehouse_of(bench))], key_file(bench))
    bench.key = load_or_create_key(key_file(bench))  # type: ignore[assignment]
    bench.file("cases_later.csv", "id,client,opened\nK5,C1,2025-03-02 10:00\nK6,C3,2025-03-02 10:00\n")
    [receipt] = land(bench).receipts
    assert receipt.filter_reasons == {"forgotten": 1}


def receipts_of(bench: Bench) -> set[str]:
    return {receipt.delivery_id for receipt in read_receipts(bench.landing)}


def test_killed_at_any_step_the_next_command_finishes(landed: Callable[[], Bench]) -> None:
    whole = landed()
    steps: list[str] = []
    take_out(whole, "client", "C1", steps.append)
    assert len(steps) >= 8
    for cut in range(len(steps)):
        bench = landed()
        seen = 0

        def kill(_: str) -> None:
            nonlocal seen
            seen += 1
            if seen > cut:  # noqa: B023
                raise Killed

        with pytest.raises(Killed):
            take_out(bench, "client", "C1", kill)
        told = finish_forgetting(bench.landing, bench.quarantine, archive_of(bench), warehouse_of(bench), bench.key)
        assert told == ("An interrupted forgetting is finished." if not _done(bench, cut, steps) else None), cut
        assert state(bench) == state(whole), steps[cut]
        assert not warehouse_of(bench).exists()
        assert not (bench.landing / FORGETTING).exists()
        assert read_ledger(bench.landing)[0].done_at is not None


def _done(bench: Bench, cut: int, steps: list[str]) -> bool:
    """Whether everything was built when it was cut: then it is only put in force, and nothing is left to tell."""
    return cut >= steps.index("the originals have left the archive")


def test_an_unknown_identifier_takes_nothing_and_is_remembered(landed: Callable[[], Bench]) -> None:
    bench = landed()
    before = state(bench)
    assert take_out(bench, "client", "C77") == Removed({}, 0)
    assert state(bench) == before
    assert len(read_ledger(bench.landing)) == 1


def test_rows_whose_time_is_over_leave(landed: Callable[[], Bench]) -> None:
    """Kept for two whole months before April: what happened in January goes, what happened in February stays."""
    bench = landed()

    def expire(months: int) -> Removed:
        return expire_rows(
            bench.landing, bench.quarantine, archive_of(bench), warehouse_of(bench),
            {"case": months, "survey_answer": 2}, date(2025, 4, 15),
        )  # fmt: skip

    assert expire(3) == Removed({}, 0)
    assert warehouse_of(bench).exists()
    assert expire(2) == Removed({"crm.case": 2}, 0)
    assert bench.rows("case") == []
    assert len(bench.rows("survey_answer")) == 2
    [cases] = [receipt for receipt in read_receipts(bench.landing) if receipt.contract == "crm.case"]
    assert (cases.read, cases.landed, cases.quarantined, cases.filter_reasons) == (4, 0, 2, {"expired": 2})
    assert cases.balanced
