"""A large file is taken in part by part: the same rows land as if it were read at once."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.extracts import intake
from pipelines.extracts.contract import load_contract
from pipelines.extracts.readers import delimited
from pipelines.extracts.readers.base import Attempt, DeliveryError, NotPlainError, Part
from pipelines.extracts.twins import Twins, _Texts

CONTRACT = """\
system: ops
name: request
version: 1
description: Requests
owner: team:ops
match: ["requests.csv"]
columns:
  - {source: id, field: request_id, required: true}
  - {source: unit, field: unit_id}
  - {source: opened, field: opened_at, type: timestamp, formats: ["%Y-%m-%dT%H:%M:%S%z"], required: true}
outputs:
  - {entity: internal_request, fields: {request_id: request_id, opened_at: opened_at, kind: "=irritant"}}
  - entity: unit
    distinct: true
    when: unit_id
    fields: {unit_id: unit_id, unit_name: unit_id, unit_level: "=team"}
"""
HEAD = "id,unit,opened\n"


def row(number: int) -> str:
    return f"r{number},T{number % 3},2025-01-{number % 28 + 1:02d}T10:00:00+0000\n"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "PART", 300)
    monkeypatch.setattr("pipelines.extracts.readers.scanner._BLOCK", 100)


@pytest.mark.usefixtures("small_parts")
def test_rows_of_many_parts(bench: Any) -> None:
    lines = [row(number) for number in range(1, 61)]
    lines[40] = row(2)  # a copy of record 2, many parts later
    lines[41] = '"r2",T2,2025-01-03T10:00:00+0000\n'  # the same values, written otherwise
    lines[50] = "r51,T0,2025-02-30T10:00:00+0000\n"
    lines[55] = "r56,T0\n"
    bench.contract(CONTRACT)
    bench.file("requests.csv", HEAD + "".join(lines))
    (receipt,) = bench.land().receipts
    counts = (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates, receipt.filtered)
    assert counts == (60, 56, 2, 2, 0)
    landed = [record for (record,) in bench.rows("internal_request", "_record")]
    assert landed == [number for number in range(1, 61) if number not in {41, 42, 51, 56}]
    assert bench.bad("line, record, reason") == [(52, 51, "not_a_timestamp"), (57, 56, "field_count")]
    assert receipt.reasons == {"field_count": 1, "not_a_timestamp": 1}
    assert bench.rows("unit", "unit_id, _record") == [("T1", 1), ("T2", 2), ("T0", 3)]
    assert receipt.outputs == {"internal_request": 56, "unit": 3}


LINES = st.lists(
    st.one_of(
        st.integers(1, 9).map(row),
        st.sampled_from(
            ["", "r2", "r3,T1", "r4,T1,2025-01-05T10:00:00+0000,more", ",,", '"r2",T2,2025-01-03T10:00:00+0000']
        ).map(lambda text: text + "\n"),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.integers(20, 200))
def test_counted_lines_land_as_lines_looked_at(tmp_path: Path, lines: list[str], block: int) -> None:
    def taken(plainly: bool) -> object:
        work = Path(tempfile.mkdtemp(dir=tmp_path))
        (work / "requests.yml").write_text(CONTRACT)
        (work / "requests.csv").write_text(HEAD + "".join(lines))
        contract = load_contract(work / "requests.yml")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(delimited, "PART", 300)
            patch.setattr("pipelines.extracts.readers.scanner._BLOCK", block)
            patch.setattr(intake, "Attempt", partial(Attempt, plainly=plainly))
            try:
                account: object = intake.take_in(
                    work / "requests.csv",
                    "requests.csv",
                    contract,
                    "d",
                    intake.datetime(2025, 1, 1),
                    work / "l",
                    work / "q",
                    bytes(32),
                )
            except DeliveryError as error:
                account = (error.reason, error.message)
        files = sorted(work.glob("[lq]/**/*.parquet"))
        return account, [(path.name, sorted(map(str, pq.read_table(path).to_pylist()))) for path in files]

    assert taken(True) == taken(False)


@pytest.mark.usefixtures("small_parts")
def test_different_rows_with_one_hash_all_land(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Twins.hash_sql
    salts: list[int] = []

    def weak(self: Twins, columns: tuple[str, ...]) -> str:
        salts.append(self.salt)
        return "CAST(7 AS UBIGINT)" if self.salt == 0 else real(self, columns)

    monkeypatch.setattr(Twins, "hash_sql", weak)
    bench.contract(CONTRACT)
    bench.file("requests.csv", HEAD + row(1) + row(2) + row(1))
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.duplicates) == (3, 2, 1)
    assert set(salts) == {0, 1}


def test_hashes_that_never_tell_rows_apart_refuse_the_file(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Twins, "hash_sql", lambda *_: "CAST(7 AS UBIGINT)")
    bench.contract(CONTRACT)
    bench.file("requests.csv", HEAD + row(1) + row(2))
    report = bench.land()
    assert [refusal.reason for refusal in report.refused] == ["fault"]
    assert "rows that differ were taken for copies" in report.refused[0].message
    assert not list(bench.landing.glob("*/*.parquet"))
    assert not list(bench.landing.glob("*/.*.tmp"))


def test_counts_that_never_agree_are_said_as_such(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(self: Part, read: int | None) -> None:
        raise NotPlainError

    monkeypatch.setattr(Part, "prove", never)
    bench.contract(CONTRACT)
    bench.file("requests.csv", HEAD + row(1))
    (refusal,) = bench.land().refused
    assert refusal.reason == "fault"
    assert "not read as they were counted" in refusal.message
    assert "copies" not in refusal.message


@pytest.mark.parametrize("quote", ["", '"'])
def test_copies_far_apart_are_compared_in_full(bench: Any, monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    """Pieces of a text smaller than a row, so that rows begin and end in different ones."""
    monkeypatch.setattr("pipelines.extracts.twins._PIECE", 17)
    monkeypatch.setattr(delimited, "PART", 300)
    bench.contract(CONTRACT)
    lines = [row(number) for number in range(1, 31)]
    lines[20], lines[25] = row(1), row(2)
    lines[29] = f"{quote}r30{quote},T0,2025-01-03T10:00:00+0000\n"
    compared: list[bytes] = []
    real = _Texts.row

    def spied(self: _Texts, part: int, begin: int, end: int) -> bytes:
        compared.append(real(self, part, begin, end))
        return compared[-1]

    monkeypatch.setattr(_Texts, "row", spied)
    bench.file("requests.csv", HEAD + "".join(lines))
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.duplicates) == (30, 28, 2)
    assert sorted(compared) == sorted(2 * [row(1).strip().encode(), row(2).strip().encode()])


def test_months_are_those_of_the_contract_s_zone(bench: Any) -> None:
    """A day in UTC that lies in two months of the zone counts for both, and one on the edge for its own only."""
    bench.contract(CONTRACT + "timezone: Pacific/Auckland\n")
    moments = ["2025-01-31T10:59:59+0000", "2025-01-31T11:00:00+0000", "2025-03-31T10:59:59+0000"]
    bench.file("requests.csv", HEAD + "".join(f"r{number},T1,{moment}\n" for number, moment in enumerate(moments)))
    (receipt,) = bench.land().receipts
    assert receipt.months == ["2025-01", "2025-02", "2025-03"]


def test_a_code_that_means_nothing_is_known_all_the_same(bench: Any) -> None:
    bench.contract(CONTRACT.replace("field: unit_id}", 'field: unit_id, codes: {T1: T1, None: "", T2: T2}}'))
    opened = "2025-01-05T10:00:00+0000"
    bench.file("requests.csv", HEAD + "".join(f"r{unit},{unit},{opened}\n" for unit in ("T1", "NONE", "t2", "T9", "")))
    (receipt,) = bench.land().receipts
    assert bench.bad("line, reason, value") == [(5, "unknown_code", "T9")]
    assert receipt.landed == 4
    assert bench.rows("unit", "unit_id") == [("T1",), ("T2",)]


def test_a_row_tells_all_that_is_wrong_with_it(bench: Any) -> None:
    bench.contract(CONTRACT)
    bench.file("requests.csv", HEAD + "r1,T1,never\n,T1,2025-02-30T10:00:00+0000\n" + row(3))
    (receipt,) = bench.land().receipts
    assert bench.bad("line, reason, value") == [(2, "not_a_timestamp", "never"), (3, "required", None)]
    messages = [message for (message,) in bench.bad("message")]
    assert "Bad columns of the row" not in messages[0]
    assert messages[1].endswith("Bad columns of the row: id, opened")
    assert receipt.reasons == {"not_a_timestamp": 1, "required": 1}


@pytest.mark.parametrize(
    ("ending", "cut_off"),
    [
        ("r2,T1,2025-01-02T10:00:00+0000", False),
        ("r2,T1", True),
        ("r2,T1\n", False),
        ('r2,T1,"2025-01-0', True),
        ("r2,T1,2025-01-02T10:00:00+0000,more", False),
        ("r2,T1\nr3,T1,2025-01-02T10:00:00+0000", False),
    ],
)
def test_a_file_that_ends_in_the_middle_of_a_row(bench: Any, tmp_path: Any, ending: str, cut_off: bool) -> None:
    bench.contract(CONTRACT)
    path = bench.file("requests.csv", HEAD + row(1) + ending)
    (contract,) = bench.contracts()
    with intake.open_workspace(tmp_path) as connection:
        assert delimited.read(path, contract, connection, tmp_path).cut_off is cut_off


@pytest.mark.usefixtures("small_parts")
def test_progress_tells_rows_and_rate(bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(intake, "_TELL_EVERY", 0.0)
    bench.contract(CONTRACT)
    path = bench.file("requests.csv", HEAD + "".join(row(number) for number in range(1, 61)))
    (contract,) = bench.contracts()
    told: list[str] = []
    version = intake.datetime(2025, 1, 1)
    taken = intake.take_in(
        path, "requests.csv", contract, "d", version, tmp_path / "l", tmp_path / "q", bytes(32), progress=told.append
    )
    assert taken.read == 60
    assert len(told) > 3
    assert told[-1].startswith("requests.csv: 60 rows, ")
    assert told[-1].endswith(" rows/s")
