"""Write, audit, publish: comments and types travel, one rename, history kept, and older drivers can read the file."""

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.publication.history import kept_publications
from pipelines.publication.publish import (
    PUBLICATIONS_COLUMNS,
    PUBLISHED_TABLES,
    STATISTICS_TABLES,
    NotAuditedError,
    PublishedFileError,
    last_publication,
    mark_audited,
    new_publication_id,
    note_warnings,
    publish,
    write_candidate,
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        for schema, name, keys in (
            *(("scorecard", *item) for item in PUBLISHED_TABLES.items()),
            *(("statistics", *item) for item in STATISTICS_TABLES.items()),
        ):
            connection.execute(f"create schema if not exists {schema}")
            columns = ", ".join(f"{'date ' if key.endswith('period') else ''}'2026-10-01' as {key}" for key in keys)
            extra = "" if "unit_id" in keys else ", 'a' as unit_id"
            connection.execute(f"create table {schema}.{name} as select {columns}{extra}, 1.5 as figure")
            connection.execute(f"comment on table {schema}.{name} is 'It''s {name}'")
            connection.execute(f"comment on column {schema}.{name}.figure is 'a figure; of {name}'")
    return path


def facts(fingerprint: str) -> dict[str, object]:
    now = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)
    known: dict[str, object] = dict.fromkeys(PUBLICATIONS_COLUMNS, None)
    return known | {
        "publication_id": new_publication_id(fingerprint, now),
        "published_at": now.replace(tzinfo=None),
        "inputs_fingerprint": fingerprint,
    }


def test_warnings_travel_and_a_clock_set_back_keeps_the_newest(warehouse: Path, tmp_path: Path) -> None:
    published = tmp_path / "published" / "scorecard.duckdb"
    candidate = tmp_path / "published" / ".candidate" / "scorecard.duckdb"
    write_candidate(warehouse, candidate, published, facts("first000"))
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, 2)
    with duckdb.connect(str(published)) as connection:
        connection.execute("alter table publications drop column warnings")
    earlier = facts("second00") | {"published_at": datetime(2026, 9, 1, 6, 0)}
    write_candidate(warehouse, candidate, published, earlier)
    note_warnings(candidate, ["HR is stale: 40 days", "two\nlines"])
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, 2)
    newest = last_publication(published)
    assert newest is not None
    assert newest["inputs_fingerprint"] == "second00"
    assert newest["warnings"] == "HR is stale: 40 days\ntwo lines"
    with duckdb.connect(str(published), read_only=True) as connection:
        assert connection.sql("select warnings, schema_version from publications").fetchall()[0] == ("", 1)


def test_publication_id_sorts_by_time_in_utc() -> None:
    assert new_publication_id("0123456789", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "20260102T030405Z-01234567"


def test_comments_rows_and_history_travel(warehouse: Path, tmp_path: Path) -> None:
    published = tmp_path / "published" / "scorecard.duckdb"
    candidate = tmp_path / "published" / ".candidate" / "scorecard.duckdb"
    for fingerprint in ("first000", "second00"):
        rows = write_candidate(warehouse, candidate, published, facts(fingerprint))
        mark_audited(candidate, passed=True)
        kept = publish(candidate, published, {}, 2)
    assert rows == dict.fromkeys((*PUBLISHED_TABLES, *STATISTICS_TABLES), 1) | {"publications": 2, "sources": 0}
    newest = last_publication(published)
    assert newest is not None
    assert newest["inputs_fingerprint"] == "second00"
    assert newest["units"] == 1
    with duckdb.connect(str(published), read_only=True) as connection:
        tables = dict(connection.sql("select table_name, comment from duckdb_tables()").fetchall())
        column = connection.execute(
            "select comment from duckdb_columns() where table_name = 'dim_unit' and column_name = 'figure'"
        ).fetchall()
        undescribed = connection.sql(
            "select column_name from duckdb_columns() where table_name = 'publications' and coalesce(comment, '') = ''"
        ).fetchall()
    assert tables["dim_pair"] == "It's dim_pair"
    assert column == [("a figure; of dim_unit",)]
    assert undescribed == []
    assert not candidate.exists()
    assert {path.stem for path in (kept / "parquet").iterdir()} == set(tables)
    assert pl.read_parquet(published.parent / "parquet" / "publications.parquet").height == 2


def test_a_reader_keeps_its_file_while_another_is_published(warehouse: Path, tmp_path: Path) -> None:
    published, candidate = tmp_path / "scorecard.duckdb", tmp_path / "candidate.duckdb"
    write_candidate(warehouse, candidate, published, facts("aaaaaaaa"))
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, 2)
    script = (
        "import duckdb, sys\n"
        f"connection = duckdb.connect({str(published)!r}, read_only=True)\n"
        "print(connection.execute('select count(*) from publications').fetchall()[0][0], flush=True)\n"
        "sys.stdin.readline()\n"
        "print(connection.execute('select count(*) from publications').fetchall()[0][0], flush=True)\n"
    )
    reader = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    assert reader.stdout.readline().strip() == "1"
    write_candidate(warehouse, candidate, published, facts("bbbbbbbb"))
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, 2)
    answer, _ = reader.communicate("go on\n", timeout=60)
    assert answer.strip() == "1"
    newest = last_publication(published)
    assert newest is not None
    assert newest["inputs_fingerprint"] == "bbbbbbbb"


def test_duckdb_1_5_reads_the_file(warehouse: Path, tmp_path: Path) -> None:
    published, candidate = tmp_path / "scorecard.duckdb", tmp_path / "candidate.duckdb"
    write_candidate(warehouse, candidate, published, facts("aaaaaaaa"))
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, 2)
    cli = Path(sys.executable).with_name("duckdb")
    version = subprocess.run([cli, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.startswith("v1.5")
    query = "select figure from dim_unit; select comment from duckdb_tables() where table_name = 'scorecard'"
    answer = subprocess.run(
        [cli, "-readonly", "-csv", "-noheader", str(published), query], capture_output=True, text=True, check=True
    )
    assert answer.stdout.split("\n")[:2] == ["1.5", '"It\'s scorecard"']


def test_a_file_that_is_no_scorecard_is_named_with_the_remedy(tmp_path: Path) -> None:
    broken = tmp_path / "scorecard.duckdb"
    broken.write_bytes(b"not a database, but long enough to be looked at" * 200)
    with pytest.raises(PublishedFileError, match="move it away and run again"):
        last_publication(broken)


def test_nothing_published_yet(tmp_path: Path) -> None:
    assert last_publication(tmp_path / "scorecard.duckdb") is None


def test_a_failed_write_leaves_the_last_publication(warehouse: Path, tmp_path: Path) -> None:
    published, candidate = tmp_path / "scorecard.duckdb", tmp_path / "candidate.duckdb"
    write_candidate(warehouse, candidate, published, facts("aaaaaaaa"))
    mark_audited(candidate, passed=True)
    publish(candidate, published, {}, 2)
    before = published.read_bytes()
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table scorecard.dim_pair")
    with pytest.raises(duckdb.Error, match="dim_pair"):
        write_candidate(warehouse, candidate, published, facts("bbbbbbbb"))
    assert published.read_bytes() == before


@pytest.mark.parametrize("step", ["rename", "symlink", "fsync"])
def test_a_share_that_is_away_for_a_moment_lets_the_same_candidate_be_published_again(
    warehouse: Path, tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when Dagster tries the step again: the candidate has been looked at, and is still there or in force."""
    published, candidate = tmp_path / "scorecard.duckdb", tmp_path / "candidate.duckdb"
    write_candidate(warehouse, candidate, published, facts("aaaaaaaa"))
    mark_audited(candidate, passed=True)
    original, fails = getattr(os, step), [True]

    def away(*arguments: object, **named: object) -> object:
        # Of fsync the call after the candidate's own, when it has left its place.
        if fails and (step != "fsync" or not candidate.exists()):
            fails.clear()
            raise OSError(errno.ESTALE, "Stale file handle")
        return original(*arguments, **named)

    monkeypatch.setattr(os, step, away)
    with pytest.raises(OSError, match="Stale"):
        publish(candidate, published, {}, 2)
    assert not published.exists()
    kept = publish(candidate, published, {}, 2)
    assert (kept.parent / kept.name / "scorecard.duckdb").samefile(published)
    assert [one.publication_id for one in kept_publications(published)] == [kept.name]
    assert not candidate.exists()


def test_what_the_gate_has_not_let_through_is_not_published(warehouse: Path, tmp_path: Path) -> None:
    published, candidate = tmp_path / "scorecard.duckdb", tmp_path / "candidate.duckdb"
    write_candidate(warehouse, candidate, published, facts("aaaaaaaa"))
    with pytest.raises(NotAuditedError, match="has not passed the publication gate"):
        publish(candidate, published, {}, 2)
    mark_audited(candidate, passed=True)
    with duckdb.connect(str(candidate)) as connection:
        connection.execute("update scorecard set figure = 9.9")
    with pytest.raises(NotAuditedError):
        publish(candidate, published, {}, 2)
    mark_audited(candidate, passed=False)
    with pytest.raises(NotAuditedError):
        publish(candidate, published, {}, 2)
    assert not published.exists()
