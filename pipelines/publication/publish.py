"""Write, audit, publish.

`write_candidate` builds the file beside the published one; a gate audits it; `publish` puts it in force with one
atomic rename (`history`). A reader keeps the file it has open until it reconnects, and never sees a half-written one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from pipelines.publication import history
from pipelines.publication.files import file_sha256, sync
from pipelines.publication.schema import FORMER, SCHEMA_VERSION, write_former
from pipelines.publication.sources import (
    FRESHNESS,
    FRESHNESS_COLUMNS,
    FRESHNESS_COMMENT,
    SOURCES_COLUMNS,
    SOURCES_COMMENT,
)
from pipelines.statistics.tables import PUBLISHED

# What the drivers that BI tools ship today (1.2 and later) can open, and 2.0 as well.
STORAGE_VERSION = "v1.2.0"

# Table to the columns that order its rows, so that equal inputs give equal files.
PUBLISHED_TABLES = {
    "scorecard": ("period", "unit_id"),
    "scorecard_pairs": ("period", "unit_id", "pair_id"),
    "scorecard_indicators": ("period", "unit_id", "population", "indicator_id"),
    "dim_unit": ("unit_id",),
    "dim_period": ("period",),
    "dim_pair": ("sort_order", "pair_id"),
    "dim_indicator": ("sort_order", "indicator_id"),
}
STATISTICS_TABLES = {name: table.key for name, table in PUBLISHED.items()}

PUBLICATIONS_COMMENT = "History of publications, the newest last: when, from what, and how much was read."
PUBLICATIONS_COLUMNS = {
    "publication_id": ("VARCHAR", "Identifier: UTC time of publication and the start of the inputs' fingerprint."),
    "published_at": ("TIMESTAMP", "When it was published, UTC."),
    "code_version": ("VARCHAR", "Version of the pipeline and, after the plus sign, of its code."),
    "definitions": ("VARCHAR", "Name of the folder of definitions in force."),
    "inputs_fingerprint": ("VARCHAR", "SHA-256 of all that decides the figures; equal inputs publish once."),
    "deliveries": ("BIGINT", "Number of deliveries that the figures come from."),
    "rows_read": ("BIGINT", "Source rows read in those deliveries."),
    "rows_landed": ("BIGINT", "Source rows that landed."),
    "rows_quarantined": ("BIGINT", "Source rows set aside whole in quarantine, with the reason."),
    "rows_duplicate": ("BIGINT", "Source rows left out as exact duplicates within their file."),
    "rows_filtered": ("BIGINT", "Source rows that the contract leaves out, such as survey previews."),
    "first_period": ("DATE", "First month of the scorecard."),
    "last_period": ("DATE", "Last month of the scorecard."),
    "units": ("BIGINT", "Number of organisational units in the scorecard."),
    "schema_version": ("INTEGER", "Version of the published schema: raised when a change would break a reader."),
    "warnings": ("VARCHAR", "What the gates warned of, one warning a line; empty when there was none."),
}
# Publications written before these columns were there are read with these values.
FORMER_VALUES: Mapping[str, Any] = {"schema_version": 1, "warnings": ""}


class PublishedFileError(RuntimeError):
    """The published file is there and cannot be read; the message says what to do."""


class NotAuditedError(RuntimeError):
    """A file was about to be published that the gate has not let through."""


def last_publication(published: Path) -> dict[str, Any] | None:
    """The newest row of `publications`, by column name, or None when nothing is published yet.

    Raises:
        PublishedFileError: the file is there and is not a published scorecard.
    """
    publications = publications_of(published)
    return publications[-1] if publications else None


def publications_of(published: Path) -> list[dict[str, Any]]:
    """Every row of `publications`, by column name, the newest last; none when nothing is published yet.

    Raises:
        PublishedFileError: the file is there and is not a published scorecard.
    """
    if not published.is_file():
        return []
    # In the order in which they were appended: a clock that was set back does not change which is the newest.
    try:
        with duckdb.connect(str(published), read_only=True) as connection:
            cursor = connection.execute("select * from publications order by rowid")
            names = [column[0] for column in cursor.description or []]
            return [{**FORMER_VALUES, **dict(zip(names, row, strict=True))} for row in cursor.fetchall()]
    except duckdb.Error as error:
        raise PublishedFileError(
            f"{published} cannot be read ({str(error).splitlines()[0]}); move it away and run again"
        ) from error


def _every_publication(published: Path) -> list[dict[str, Any]]:
    """The history of the file in force, and after it what was published since and gone back from."""
    found = publications_of(published)
    known = {row["publication_id"] for row in found}
    for kept in history.kept_publications(published):
        if kept.publication_id not in known:
            found.extend(publications_of(kept.scorecard)[-1:])
    return found


def new_publication_id(fingerprint: str, now: datetime) -> str:
    """``20261122T061532Z-1a2b3c4d``: sorts by time, tells the inputs apart."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{fingerprint[:8]}"


def write_candidate(
    warehouse: Path,
    candidate: Path,
    published: Path,
    facts: Mapping[str, Any],
    sources: Sequence[Mapping[str, Any]] = (),
) -> dict[str, int]:
    """Build the file that is to be audited, beside the published one.

    Args:
        warehouse: the pipeline's DuckDB file; its schemas `scorecard` and `statistics` hold the tables.
            Nobody else may hold it open.
        candidate: the file to write; an older candidate is replaced.
        published: the file in force, whose history of publications is carried over.
        facts: the new row of `publications`, by column; period and unit figures are taken from the scorecard.
        sources: the rows of `sources`, by column.

    Returns:
        Rows by table.

    Raises:
        duckdb.Error: a mart is missing or the file cannot be written.
    """
    publications = _every_publication(published)
    candidate.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (candidate, candidate.with_name(candidate.name + ".wal"), _audit_mark(candidate)):
        leftover.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{quoted(warehouse)}' as warehouse (read_only)")
        connection.execute("attach ':memory:' as build")
        rows = {name: _copy_table(connection, "scorecard", name, order) for name, order in PUBLISHED_TABLES.items()}
        rows |= {name: _copy_table(connection, "statistics", name, order) for name, order in STATISTICS_TABLES.items()}
        rows["publications"] = _write_publications(connection, publications, facts)
        rows["sources"] = _write_rows(connection, "sources", SOURCES_COMMENT, SOURCES_COLUMNS, sources)
        connection.execute("use build")
        connection.execute(FRESHNESS)
        _comment(connection, "source_freshness", None, FRESHNESS_COMMENT, kind="view")
        for name, words in FRESHNESS_COLUMNS.items():
            _comment(connection, "source_freshness", name, words)
        write_former(connection, FORMER, facts["published_at"].date())
        connection.execute("use memory")
        connection.execute(f"attach '{quoted(candidate)}' as candidate (storage_version '{STORAGE_VERSION}')")
        connection.execute("copy from database build to candidate")
        connection.execute("detach candidate")
    return rows


def quoted(path: Path) -> str:
    """A path as it stands within quotes in SQL: ATTACH and COPY take no parameter."""
    return str(path).replace("'", "''")


def _copy_table(connection: duckdb.DuckDBPyConnection, schema: str, name: str, order: tuple[str, ...]) -> int:
    connection.execute(
        f"create table build.main.{name} as select * from warehouse.{schema}.{name} order by {', '.join(order)}"
    )
    copy_comments(connection, "warehouse", schema, name)
    counted = connection.execute(f"select count(*) from build.main.{name}").fetchall()
    return int(counted[0][0])


def copy_comments(
    connection: duckdb.DuckDBPyConnection, database: str, schema: str, name: str, kind: str = "table"
) -> None:
    """Put the comments of a table (or view) of an attached database, and of its columns, on the one of that name in
    `build`."""
    place = "database_name = $database and schema_name = $schema and table_name = $name"
    comments = connection.execute(
        f"select null, comment from duckdb_{kind}s() where {place.replace('table_name', f'{kind}_name')} "
        f"union all select column_name, comment from duckdb_columns() where {place}",
        {"database": database, "schema": schema, "name": name},
    ).fetchall()
    for column, comment in comments:
        _comment(connection, name, column, comment, kind)


def _comment(
    connection: duckdb.DuckDBPyConnection, table: str, column: str | None, comment: str | None, kind: str = "table"
) -> None:
    # COMMENT ON takes no parameter, so the text is quoted here.
    text = (comment or "").replace("'", "''")
    target = f"{kind} build.main.{table}" if column is None else f'column build.main.{table}."{column}"'
    connection.execute(f"comment on {target} is '{text}'")


def _write_publications(
    connection: duckdb.DuckDBPyConnection, former: list[dict[str, Any]], facts: Mapping[str, Any]
) -> int:
    [(first, last, units)] = connection.execute(
        "select min(period), max(period), count(distinct unit_id) from build.main.scorecard"
    ).fetchall()
    newest = {
        **facts,
        "first_period": first,
        "last_period": last,
        "units": units,
        "schema_version": SCHEMA_VERSION,
        "warnings": "",
    }
    return _write_rows(connection, "publications", PUBLICATIONS_COMMENT, PUBLICATIONS_COLUMNS, [*former, newest])


def _write_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    comment: str,
    columns: Mapping[str, tuple[str, str]],
    rows: Sequence[Mapping[str, Any]],
) -> int:
    """A table of `build` with its comments; columns: by name, type and comment."""
    listed = ", ".join(f"{name} {kind}" for name, (kind, _) in columns.items())
    connection.execute(f"create table build.main.{table} ({listed})")
    _comment(connection, table, None, comment)
    for name, (_, words) in columns.items():
        _comment(connection, table, name, words)
    if rows:
        marks = ", ".join(f"${name}" for name in columns)
        wanted = [{name: row[name] for name in columns} for row in rows]
        connection.executemany(f"insert into build.main.{table} values ({marks})", wanted)
    return len(rows)


def note_warnings(candidate: Path, warnings: Sequence[str]) -> None:
    """Let warnings travel with the publication: one a line in the newest row of `publications`.

    To be called before the gate has looked at the candidate, since it changes the file's bytes.

    Raises:
        duckdb.Error: the candidate is not there or cannot be written.
    """
    with duckdb.connect(str(candidate)) as connection:
        connection.execute(
            "update publications set warnings = $text where rowid = (select max(rowid) from publications)",
            {"text": "\n".join(warning.replace("\n", " ") for warning in warnings)},
        )


def _audit_mark(candidate: Path) -> Path:
    return candidate.with_name(candidate.name + ".audited")


def mark_audited(candidate: Path, passed: bool) -> None:
    """Say of exactly these bytes that the gate let them through, or take back what was said before."""
    mark = _audit_mark(candidate)
    mark.unlink(missing_ok=True)
    if passed:
        mark.write_text(file_sha256(candidate), encoding="utf-8")


def publish(candidate: Path, published: Path, origin: Mapping[str, Any], keep: int) -> Path:
    """Put an audited candidate in force, with its Parquet copy and its manifest.

    All three are written into a folder of their own (`history.Kept`), and one link is moved to it in one atomic
    rename: DuckDB file, Parquet and manifest change in the same instant. Readers keep what they have open.

    Args:
        candidate: the audited file; it is moved away.
        published: where readers look, in the same file system.
        origin: what the manifest says of deliveries, contracts and settings.
        keep: how many publications are kept, at least; the one in force and the one before it always are.

    Returns:
        The folder of the publication.

    Raises:
        NotAuditedError: the gate has not let exactly these bytes through.
        PublishedFileError: the candidate has no publication in it.
        OSError: a folder cannot be written; the last publication is then untouched, and the candidate is where it was.
    """
    mark = _audit_mark(candidate)
    if not candidate.is_file() or not mark.is_file() or mark.read_text(encoding="utf-8") != file_sha256(candidate):
        raise NotAuditedError(
            f"{candidate} has not passed the publication gate as it is now, so it is not published; run the whole job"
        )
    newest = last_publication(candidate)
    if newest is None:
        raise PublishedFileError(f"{candidate} has no publication in it; run the job again")
    before = last_publication(published)
    history.adopt_plain_file(published, before, write_parquet)
    folder = history.folder_of(published)
    unfinished = history.begin(folder)
    write_parquet(candidate, unfinished / history.PARQUET)
    manifest = history.manifest_of(newest, origin, candidate, unfinished / history.PARQUET)
    sync(candidate)
    kept = folder / str(newest["publication_id"])
    candidate.replace(unfinished / history.SCORECARD)
    try:
        history.finish(unfinished, kept, manifest)
        history.put_in_force(published, kept)
    except OSError:
        if history.in_force(published) != kept.name:
            # It stays what the gate has let through, so that the step can be tried again.
            written = unfinished if unfinished.exists() else kept
            (written / history.SCORECARD).replace(candidate)
            shutil.rmtree(written)
        raise
    mark.unlink()
    history.let_go(published)
    history.remove_old(published, keep, spared=None if before is None else str(before["publication_id"]))
    return kept


def write_parquet(source: Path, folder: Path) -> None:
    """Write every table of a published file as Parquet into a new folder, and wait until it is on the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with duckdb.connect(str(source), read_only=True) as connection:
        names = connection.execute("select table_name from duckdb_tables() order by 1").fetchall()
        for (name,) in names:
            connection.execute(f"copy {name} to '{quoted(folder / name)}.parquet' (format parquet)")
        # Those of former versions; a view of the schema in force is worked out by whoever reads the tables.
        views = connection.execute(
            "select schema_name, view_name from duckdb_views() "
            "where not internal and schema_name <> 'main' order by all"
        ).fetchall()
        for schema, name in views:
            (folder / schema).mkdir(exist_ok=True)
            target = quoted(folder / schema / name)
            connection.execute(f"copy (from {schema}.{name}) to '{target}.parquet' (format parquet)")
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)
