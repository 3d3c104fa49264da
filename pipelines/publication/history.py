"""Publications that are kept, and which of them is in force.

Below the folder of what is published:

    history/<publication id>/   scorecard.duckdb, parquet/, manifest.json: one publication, never changed afterwards
    in_force                    a link to one of them; moved in one atomic rename, the only thing that ever changes
    scorecard.duckdb, parquet   links through `in_force`: what readers open
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.publication.files import file_sha256, sync

SCORECARD, PARQUET, MANIFEST = "scorecard.duckdb", "parquet", "manifest.json"
_IN_FORCE = "in_force"
_UNFINISHED = ".unfinished"
_HELD = "gone_back_from"


class PublicationUnknownError(ValueError):
    """No publication of that id is kept; the message says which are."""


@dataclass(frozen=True)
class Kept:
    """A publication on the disk: its id, its folder, what its manifest says, and whether readers see it now."""

    publication_id: str
    folder: Path
    manifest: dict[str, Any]
    in_force: bool

    @property
    def scorecard(self) -> Path:
        """The DuckDB file."""
        return self.folder / SCORECARD


def folder_of(published: Path) -> Path:
    """The folder in which the publications of a published file are kept."""
    return published.parent / "history"


def in_force(published: Path) -> str | None:
    """The id of the publication that readers see; None when there is none, or one that an earlier version wrote."""
    link = published.parent / _IN_FORCE
    return link.readlink().name if link.is_symlink() else None


def kept_publications(published: Path) -> list[Kept]:
    """Every publication that is kept, the oldest first by the time of publication that its manifest states."""
    now = in_force(published)
    found = [
        Kept(folder.name, folder, json.loads((folder / MANIFEST).read_text(encoding="utf-8")), folder.name == now)
        for folder in (folder_of(published).iterdir() if folder_of(published).is_dir() else ())
        if (folder / MANIFEST).is_file() and not folder.name.startswith(".")
    ]
    return sorted(found, key=lambda kept: (kept.manifest["number"], kept.publication_id))


def kept_publication(published: Path, publication_id: str) -> Kept:
    """The kept publication of an id.

    Raises:
        PublicationUnknownError: there is none.
    """
    every = kept_publications(published)
    for kept in every:
        if kept.publication_id == publication_id:
            return kept
    named = ", ".join(kept.publication_id for kept in every) or "none"
    raise PublicationUnknownError(
        f"no publication {publication_id!r} is kept; kept are: {named}. `symmetry publications` lists them"
    )


def manifest_of(
    publication: Mapping[str, Any], origin: Mapping[str, Any], scorecard: Path, parquet: Path
) -> dict[str, Any]:
    """What goes with a publication: its row of `publications`, its origin, every table with columns, rows and hash.

    publication: the newest row of `publications`, by column. origin: deliveries, contracts, settings; JSON values.
    scorecard, parquet: the files it describes.
    """
    with duckdb.connect(str(scorecard), read_only=True) as connection:
        columns = connection.execute(
            "select table_name, column_name, data_type from duckdb_columns() where not internal "
            "and table_name in (select table_name from duckdb_tables()) order by table_name, column_index"
        ).fetchall()
        tables: dict[str, dict[str, Any]] = {}
        for table, column, kind in columns:
            tables.setdefault(table, {"columns": {}})["columns"][column] = kind
        for name, described in tables.items():
            [(rows,)] = connection.execute(f'select count(*) from "{name}"').fetchall()
            described["rows"] = rows
    row = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in publication.items()}
    files = sorted(path for path in parquet.rglob("*.parquet"))
    return {
        "publication": row,
        "scorecard_sha256": file_sha256(scorecard),
        "parquet_sha256": {str(path.relative_to(parquet)): file_sha256(path) for path in files},
        "tables": tables,
        **origin,
    }


def begin(folder: Path) -> Path:
    """An empty folder for a publication that is being written; what a killed run has left there is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    return unfinished


def finish(unfinished: Path, folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Write the manifest, wait for the disk, and give the folder its name in one rename.

    Raises:
        FileExistsError: a publication of that name is kept already.
    """
    if folder.exists():
        raise FileExistsError(f"{folder} is there already: two publications within a second; run again")
    numbers = [json.loads(path.read_text(encoding="utf-8"))["number"] for path in folder.parent.glob(f"*/{MANIFEST}")]
    numbered = {"number": max(numbers, default=0) + 1, **manifest}
    (unfinished / MANIFEST).write_text(json.dumps(numbered, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for path in (unfinished / MANIFEST, unfinished):
        sync(path)
    unfinished.rename(folder)
    sync(folder.parent)
    return folder


def put_in_force(published: Path, folder: Path) -> None:
    """Let readers see the publication in this folder from now on: one atomic rename of one link.

    Raises:
        OSError: the link cannot be moved; what was in force stays.
    """
    base = published.parent
    _link(base / _IN_FORCE, os.path.relpath(folder, base))
    for name, target in ((published.name, SCORECARD), (PARQUET, PARQUET)):
        at = base / name
        if not at.is_symlink() or at.readlink() != Path(_IN_FORCE, target):
            _link(at, f"{_IN_FORCE}/{target}")
    sync(base)


def _link(path: Path, target: str) -> None:
    temporary = path.with_name(f".{path.name}-link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(path)


def adopt_plain_file(
    published: Path, publication: Mapping[str, Any] | None, write_parquet: Callable[[Path, Path], None]
) -> None:
    """Keep a published file that an earlier version wrote in place, so that it can be gone back to.

    Readers find it where it is until the next publication is in force. Nothing is done where `published` is a link.
    """
    if published.is_symlink():
        # Those beside the plain file, one publication later, when nobody reads them any more.
        for old in published.parent.glob("parquet-*"):
            shutil.rmtree(old)
    if publication is None or published.is_symlink():
        return
    folder = folder_of(published)
    unfinished = begin(folder)
    os.link(published, unfinished / SCORECARD)
    write_parquet(published, unfinished / PARQUET)
    manifest = manifest_of(publication, {}, published, unfinished / PARQUET)
    kept = folder / str(publication["publication_id"])
    if not kept.exists():
        finish(unfinished, kept, manifest)


def remove_old(published: Path, keep: int, spared: str | None) -> None:
    """Remove all but the newest `keep` publications; the one in force and the `spared` one stay.

    spared: the id of the publication before, which a reader may still be going through.
    """
    for old in kept_publications(published)[:-keep]:
        if not old.in_force and old.publication_id != spared:
            # Without its manifest it is no publication any more, should the removal be cut short.
            (old.folder / MANIFEST).unlink()
            shutil.rmtree(old.folder)
    for orphan in folder_of(published).iterdir():
        if orphan.is_dir() and not (orphan / MANIFEST).is_file():
            shutil.rmtree(orphan)


def differences(kept: Kept) -> list[str]:
    """What is no more as the manifest says, a line each; empty where every byte is. The manifest vouches for all but
    itself."""
    stated = {SCORECARD: kept.manifest["scorecard_sha256"]} | {
        f"{PARQUET}/{name}": sha256 for name, sha256 in kept.manifest["parquet_sha256"].items()
    }
    told = []
    for name, sha256 in stated.items():
        file = kept.folder / name
        if not file.is_file():
            told.append(f"{file} is missing; go back to another publication, or run `symmetry run --force`")
        elif file_sha256(file) != sha256:
            told.append(f"{file} has changed since it was published; run `symmetry run --force` for a new one")
    return told


def go_back(published: Path, kept: Kept) -> None:
    """Put a kept publication in force again, and hold what was left behind until something in it has changed.

    Going back holds the newest publication that was left; going forward to it, or beyond, holds nothing any more.

    Raises:
        OSError: the folder cannot be written; what was in force stays.
    """
    held = published.parent / _HELD
    every = {one.publication_id: one.manifest["number"] for one in kept_publications(published)}
    left = max(
        (name for name in (in_force(published), _held(published)) if name in every),
        key=lambda name: every[name],
        default=None,
    )
    if left is not None and kept.manifest["number"] < every[left]:
        held.write_text(left, encoding="utf-8")
        sync(held)
        put_in_force(published, kept.folder)
    else:
        put_in_force(published, kept.folder)
        held.unlink(missing_ok=True)


def let_go(published: Path) -> None:
    """Hold nothing any more: something newer is published."""
    (published.parent / _HELD).unlink(missing_ok=True)


def _held(published: Path) -> str | None:
    path = published.parent / _HELD
    return path.read_text(encoding="utf-8").strip() if path.is_file() else None


def gone_back_from(published: Path) -> Kept | None:
    """The kept publication that somebody has gone back from, and whose inputs are not to be published again as such."""
    name = _held(published)
    if name is None or name == in_force(published):
        return None
    return next((one for one in kept_publications(published) if one.publication_id == name), None)
