"""Kept publications: one link moves, everything goes with it, a cut at any step leaves the last one readable."""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from pipelines.publication import history
from pipelines.publication.history import (
    PublicationUnknownError,
    differences,
    go_back,
    gone_back_from,
    in_force,
    kept_publication,
    kept_publications,
)
from pipelines.publication.publish import (
    PUBLICATIONS_COLUMNS,
    _every_publication,
    last_publication,
    mark_audited,
    publish,
)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    (tmp_path / "published").mkdir()
    return tmp_path / "published" / "scorecard.duckdb"


def write(file: Path, number: int) -> None:
    """A published file of two tables that carry the number, as `publish` takes it."""
    file.unlink(missing_ok=True)
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in PUBLICATIONS_COLUMNS.items())
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create table publications ({columns})")
        connection.execute(
            "insert into publications (publication_id, published_at, deliveries, warnings, inputs_fingerprint) "
            "values ($id, $at, 7, '', $fingerprint)",
            {
                "id": f"id{number}",
                "at": datetime(2026, 11, 30) - timedelta(days=number),
                "fingerprint": f"fingerprint {number}",
            },
        )
        connection.execute("create table scorecard as select $number as figure", {"number": number})


def release(published: Path, number: int, keep: int = 12) -> Path:
    candidate = published.parent / "candidate.duckdb"
    write(candidate, number)
    mark_audited(candidate, passed=True)
    return publish(candidate, published, {"deliveries": [{"sha256": "ab"}]}, keep)


def seen(published: Path) -> tuple[int, int]:
    """What the DuckDB file and the Parquet copy say."""
    with duckdb.connect(str(published), read_only=True) as connection:
        [(figure,)] = connection.execute("select figure from scorecard").fetchall()
    return int(figure), int(pl.read_parquet(published.parent / "parquet" / "scorecard.parquet").item())


def test_readers_see_the_newest_and_all_are_kept_in_order_of_publication(published: Path) -> None:
    """The clock goes back a day with each of them."""
    for number in (1, 2, 3):
        release(published, number)
        assert seen(published) == (number, number)
        assert in_force(published) == f"id{number}"
    assert [one.publication_id for one in kept_publications(published)] == ["id1", "id2", "id3"]
    manifest = json.loads((published.parent / "in_force" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["number"] == 3
    assert manifest["publication"]["published_at"] == "2026-11-27T00:00:00"
    assert manifest["deliveries"] == [{"sha256": "ab"}]
    assert manifest["tables"]["scorecard"]["columns"] == {"figure": "INTEGER"}
    assert manifest["tables"]["scorecard"]["rows"] == 1
    assert set(manifest["parquet_sha256"]) == {"publications.parquet", "scorecard.parquet"}
    assert [line for one in kept_publications(published) for line in differences(one)] == []


def left(published: Path) -> str | None:
    found = gone_back_from(published)
    return None if found is None else found.publication_id


def test_something_newer_ends_what_going_back_began_and_the_history_stays_whole(published: Path) -> None:
    release(published, 1)
    release(published, 2)
    go_back(published, kept_publication(published, "id1"))
    assert [row["publication_id"] for row in _every_publication(published)] == ["id1", "id2"]
    release(published, 3)
    assert left(published) is None
    assert [one.publication_id for one in kept_publications(published)] == ["id1", "id2", "id3"]


def test_a_stray_file_harms_nothing(published: Path) -> None:
    release(published, 1)
    (history.folder_of(published) / "notes.txt").write_text("mine", encoding="utf-8")
    release(published, 2)
    assert seen(published) == (2, 2)


def test_going_back_and_forward_moves_one_link(published: Path) -> None:
    for number in (1, 2, 3):
        release(published, number)
    go_back(published, kept_publication(published, "id1"))
    assert seen(published) == (1, 1)
    assert left(published) == "id3"
    go_back(published, kept_publication(published, "id2"))
    assert seen(published) == (2, 2)
    assert left(published) == "id3"
    go_back(published, kept_publication(published, "id3"))
    assert seen(published) == (3, 3)
    assert left(published) is None
    with pytest.raises(PublicationUnknownError, match="no publication 'id9' is kept; kept are: id1, id2, id3"):
        kept_publication(published, "id9")


def test_old_ones_go_and_never_the_one_in_force_nor_the_one_before(published: Path) -> None:
    for number in (1, 2, 3, 4):
        release(published, number, keep=2)
    assert [one.publication_id for one in kept_publications(published)] == ["id3", "id4"]
    go_back(published, kept_publication(published, "id3"))
    release(published, 5, keep=2)
    release(published, 6, keep=2)
    assert [one.publication_id for one in kept_publications(published)] == ["id5", "id6"]
    assert seen(published) == (6, 6)


def test_a_changed_byte_and_a_missing_file_are_told(published: Path) -> None:
    folder = release(published, 1)
    (folder / "parquet" / "scorecard.parquet").write_bytes(b"x")
    (folder / "scorecard.duckdb").unlink()
    told = differences(kept_publication(published, "id1"))
    assert len(told) == 2
    assert "scorecard.duckdb is missing; go back to another" in told[0]
    assert "scorecard.parquet has changed since it was published" in told[1]


def test_a_plain_file_of_an_earlier_version_is_kept_and_can_be_gone_back_to(published: Path) -> None:
    write(published, 1)
    former = published.parent / "parquet-id1"
    former.mkdir()
    pl.DataFrame({"figure": [1]}).write_parquet(former / "scorecard.parquet")
    (published.parent / "parquet").symlink_to("parquet-id1")
    release(published, 2)
    assert seen(published) == (2, 2)
    assert former.is_dir()
    go_back(published, kept_publication(published, "id1"))
    assert seen(published) == (1, 1)
    release(published, 3)
    assert not former.exists()
    assert [one.publication_id for one in kept_publications(published)] == ["id1", "id2", "id3"]


@pytest.mark.parametrize("plain", [True, False])
def test_a_run_cut_short_at_any_step_leaves_a_publication_that_can_be_read(
    published: Path, plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call that changes a name on the disk fails in turn, as if the process had been killed there."""
    if plain:
        write(published, 1)
        (published.parent / "parquet").mkdir()
        pl.DataFrame({"figure": [1]}).write_parquet(published.parent / "parquet" / "scorecard.parquet")
        (published.parent / "parquet").rename(published.parent / "parquet-id1")
        (published.parent / "parquet").symlink_to("parquet-id1")
    else:
        release(published, 1)

    class KilledError(Exception):
        pass

    left = 0

    def cut(name: str) -> None:
        original = getattr(os, name)

        def stand_in(*arguments: object, **named: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                raise KilledError
            return original(*arguments, **named)

        monkeypatch.setattr(os, name, stand_in)

    for name in ("rename", "replace", "symlink", "link", "mkdir", "unlink", "fsync"):
        cut(name)
    for step in range(200):
        left = step
        try:
            release(published, 100 + step)
        except KilledError:
            left = 10**6
            figures = seen(published)
            assert figures[0] == figures[1] or (plain and figures == (100 + step, 1))
            newest = last_publication(published)
            assert newest is not None
            assert newest["publication_id"] == f"id{figures[0]}"
        else:
            break
    assert step > 10
    left = 10**6
    assert seen(published) == (100 + step, 100 + step)
    assert not list(history.folder_of(published).glob(".*"))
    assert kept_publication(published, "id1").manifest["number"] == 1
