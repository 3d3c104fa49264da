"""The readers' benchmark counts: a few readers over a few publications, and a mixture that is planted."""

from pathlib import Path

import duckdb
import pytest

from benchmarks import readers


def test_a_few_readers_over_a_few_publications() -> None:
    errors, mixtures = readers.measure(3, 4)
    assert errors.figure == "0", errors.detail
    assert not errors.met, "three readers are not the twenty of the bar"
    assert mixtures.met, mixtures.detail


@pytest.mark.parametrize("kind", ["duckdb", "sqlalchemy"])
def test_a_mixture_and_an_error_are_counted(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published, stop = tmp_path / "scorecard.duckdb", tmp_path / "stop"
    with duckdb.connect(str(published)) as connection:
        for number, table in enumerate(readers.TABLES):
            connection.execute(f"create table {table} as select {number} as number")
    original = readers._numbers

    def once(kind: str, published: Path) -> list[int]:
        if stop.exists():
            raise AssertionError("a reader goes on after the end")
        found = list(original(kind, published))
        published.unlink()
        monkeypatch.setattr(readers, "_numbers", fails)
        return found

    def fails(kind: str, published: Path) -> list[int]:
        stop.touch()
        return list(original(kind, published))

    monkeypatch.setattr(readers, "_numbers", once)
    found = readers.read(kind, published, stop)
    assert (found["reads"], found["mixtures"], found["failed"]) == (1, 1, 1)
