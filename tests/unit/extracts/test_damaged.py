"""Landed files that are no more as they landed: found by their hash, and landed anew from the archive."""

from __future__ import annotations

import duckdb
import pytest

from pipelines.extracts import landing
from pipelines.extracts.deliveries import damaged_files, live_receipts, write_receipt
from tests.unit.extracts.conftest import Bench
from tests.unit.extracts.test_forgetting import land
from tests.unit.extracts.test_rotation import CASES


def landed(bench: Bench) -> Bench:
    bench.contract(CASES, "case")
    bench.file("cases.csv", "id,client,opened\nK1,C1,2025-01-02 10:00\nK2,C2,2025-01-03 10:00\n")
    assert len(land(bench).receipts) == 1
    return bench


def test_a_changed_byte_is_found_and_the_original_is_landed_anew(bench: Bench) -> None:
    landed(bench)
    assert damaged_files(bench.landing) == []
    before = bench.rows("case", "case_id, client_id")
    [receipt] = live_receipts(bench.landing)
    path = bench.landing / "case" / f"{receipt.delivery_id}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    [found] = damaged_files(bench.landing)
    assert (found.path, found.is_missing) == (path, False)
    path.unlink()
    [found] = damaged_files(bench.landing)
    assert found.is_missing
    assert len(land(bench).receipts) == 1
    assert damaged_files(bench.landing) == []
    assert bench.rows("case", "case_id, client_id") == before


@pytest.mark.parametrize("error", [MemoryError(), duckdb.OutOfMemoryException("no room")])
def test_too_little_memory_is_said_as_such_and_the_file_waits(
    bench: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.contract(CASES, "case")
    path = bench.file("cases.csv", "id,client,opened\nK1,C1,2025-01-02 10:00\n")

    def fails(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(landing, "take_in", fails)
        [refused] = land(bench).refused
    assert refused.reason == "memory"
    assert "not enough memory to read this file" in refused.message
    assert path.exists()
    assert len(land(bench).receipts) == 1


def test_an_older_receipt_states_no_hash_and_only_a_missing_file_is_told(bench: Bench) -> None:
    landed(bench)
    [receipt] = live_receipts(bench.landing)
    write_receipt(bench.landing, receipt.model_copy(update={"files": {}}))
    path = bench.landing / "case" / f"{receipt.delivery_id}.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    assert damaged_files(bench.landing) == []
    path.unlink()
    assert [one.is_missing for one in damaged_files(bench.landing)] == [True]
