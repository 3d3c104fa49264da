"""Audiences: who sees which part of the hierarchy, each with a published file of its own.

`audiences.yml` names them. An audience gets, of the publication and unchanged, every row about a unit of its subtree
in the months in which the unit belongs to it; the scorecard, pair and indicator figures of everybody for the units
above; and what is about no unit (labels, months, history, sources). So all that any number of audiences hold together
is a part of the publication: whatever they could work out side by side, the linear audit has looked for in the whole.

A file is built anew from the rows that may be seen, never by deleting from a copy: what is deleted from a database file
can still be read in its bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipelines.publication.files import sync
from pipelines.publication.publish import STORAGE_VERSION, copy_comments, last_publication, quoted
from pipelines.yaml_lines import line_of, read_mapping

#: Tables whose rows about the units above the subtree are shown, of everybody and not by population.
TOTALS = ("scorecard", "scorecard_pairs", "scorecard_indicators")
#: Tables about all units of a level together: only for who sees a whole company.
WHOLE_COMPANY = ("drivers", "links")
STATE = "audiences.json"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class AudiencesError(ValueError):
    """audiences.yml is wrong, or does not fit the publication; the message names file and line and what to do."""


class Audience(BaseModel):
    """Who sees a part of the company: a name, which is that of its folder, and the units at the top of what it sees."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Slug
    units: Annotated[list[str], Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    audiences: list[Audience]


class Audiences:
    """What audiences.yml says, with the line of each unit for messages."""

    def __init__(self, path: Path) -> None:
        """Read a file.

        Raises:
            AudiencesError: it is not YAML, has unknown or missing keys, or names an audience or a unit twice.
        """
        self._path = path
        mapping, self._node = read_mapping(path, "a list of audiences", "audiences", AudiencesError)
        try:
            self.members: Sequence[Audience] = _File.model_validate(mapping).audiences
        except ValidationError as error:
            raise AudiencesError("\n".join(self._told(problem) for problem in error.errors())) from error
        names: dict[str, int] = {}
        for place, audience in enumerate(self.members):
            if audience.name in names:
                raise AudiencesError(
                    f"{self._at('audiences', place, 'name')}: {audience.name} names an audience twice; give each its "
                    "own name, or list all its units in one"
                )
            names[audience.name] = place
            for number, unit in enumerate(audience.units):
                if unit in audience.units[:number]:
                    raise AudiencesError(
                        f"{self._at('audiences', place, 'units', number)}: {unit} stands twice; take one away"
                    )

    def _at(self, *where: str | int) -> str:
        return f"{self._path}, line {line_of(self._node, where)}"

    def _told(self, problem: Any) -> str:
        message = {
            "missing": "this key is required",
            "extra_forbidden": "unknown key; an audience has `name` and `units`",
            "string_pattern_mismatch": "a name is made of small letters, digits, - and _, since it names a folder",
            "too_short": "name at least one unit",
            "list_type": "write a list, one item a line, each after a dash",
        }.get(problem["type"], problem["msg"])
        where = ".".join(str(step) for step in problem["loc"])
        return f"{self._at(*problem['loc'])}: {where}: {message}"

    def check_units(self, known: Iterable[str]) -> None:
        """See whether every unit is one of the publication's.

        Raises:
            AudiencesError: one is not; the message names it with its line.
        """
        known = set(known)
        unknown = [
            f"{self._at('audiences', place, 'units', number)}: no unit {unit!r} is in the publication; correct it (the "
            "ids stand in dim_unit.unit_id), or take it away"
            for place, audience in enumerate(self.members)
            for number, unit in enumerate(audience.units)
            if unit not in known
        ]
        if unknown:
            raise AudiencesError("\n".join(unknown))


def units_of(published: Path) -> list[str]:
    """The units of a published file."""
    with duckdb.connect(str(published), read_only=True) as connection:
        return [unit for (unit,) in connection.execute("select distinct unit_id from dim_unit").fetchall()]


def write_audiences(audiences: Audiences, published: Path, folder: Path) -> dict[str, Path]:
    """Write the file of every audience from the published one; return them by name.

    Args:
        audiences: who sees what.
        published: the publication in force.
        folder: where each audience has a folder of its own. Folders of audiences that are no more are removed.

    Raises:
        AudiencesError: a unit is not in the publication (nothing has been written then), or a file would hold what is
            not in it (it is left out, and so are those after it).
        duckdb.Error: the published file cannot be read.
    """
    audiences.check_units(units_of(published))
    files = {}
    for audience in audiences.members:
        own = folder / audience.name
        own.mkdir(parents=True, exist_ok=True)
        unfinished = own / ".scorecard.duckdb.tmp"
        unfinished.unlink(missing_ok=True)
        write_audience(published, unfinished, audience.units)
        beyond = rows_beyond(published, unfinished)
        if beyond:
            raise AudiencesError(
                f"the file of {audience.name} would hold rows that the publication does not ({beyond}); nothing of it "
                "is given out. This is a defect of pipelines/publication/audiences.py: report it with this message"
            )
        sync(unfinished)
        files[audience.name] = unfinished.replace(own / "scorecard.duckdb")
        sync(own)
    remove_others(folder, files)
    return files


def remove_others(folder: Path, names: Collection[str]) -> None:
    """Remove the folders of audiences that are not among the names."""
    for other in folder.iterdir() if folder.is_dir() else ():
        if other.is_dir() and other.name not in names:
            shutil.rmtree(other)


def write_audience(published: Path, file: Path, units: Sequence[str]) -> None:
    """Write what an audience sees of a publication into a new file.

    Args:
        published: the publication.
        file: the file to write; it must not be there.
        units: the units at the top of the subtrees that it sees.

    Raises:
        duckdb.Error: the publication cannot be read or the file not be written.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{quoted(published)}' as published (read_only)")
        connection.execute("attach ':memory:' as build")
        connection.execute("create temp table top as select unnest($units) as unit_id", {"units": list(units)})
        _find_visible(connection)
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'published' order by 1"
        ).fetchall():
            order = "order by all" if name != "publications" else "order by rowid"
            connection.execute(
                f"create table build.main.{name} as select t.* from published.main.{name} as t "
                f"where {_seen(connection, name)} {order}"
            )
            copy_comments(connection, "published", "main", name)
        connection.execute("use build")
        for schema, name, view in connection.execute(
            "select schema_name, view_name, sql from duckdb_views() where database_name = 'published' and not internal"
        ).fetchall():
            connection.execute(f"create schema if not exists {schema}")
            connection.execute(view)
            if schema == "main":
                copy_comments(connection, "published", "main", name, "view")
        connection.execute(f"attach '{quoted(file)}' as audience (storage_version '{STORAGE_VERSION}')")
        connection.execute("copy from database build to audience")
        connection.execute("use memory")
        connection.execute("detach audience")


def _find_visible(connection: duckdb.DuckDBPyConnection) -> None:
    """The tables `below` and `above`: unit and month of what is seen in full, and of what is seen in total."""
    connection.execute(
        """create temp table below as
        with recursive found as (
            select unit_id, period from published.main.scorecard where unit_id in (select unit_id from top)
            union
            select child.unit_id, child.period from published.main.scorecard as child
            inner join found on child.parent_unit_id = found.unit_id and child.period = found.period
        )
        select unit_id, period from found"""
    )
    connection.execute(
        """create temp table above as
        with recursive found as (
            select parent_unit_id as unit_id, period from published.main.scorecard
            where unit_id in (select unit_id from top) and parent_unit_id is not null
            union
            select own.parent_unit_id, own.period from published.main.scorecard as own
            inner join found on own.unit_id = found.unit_id and own.period = found.period
            where own.parent_unit_id is not null
        )
        select unit_id, period from found"""
    )


def _seen(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The condition under which a row `t` of a published table is the audience's to see."""
    columns = {
        column
        for (column,) in connection.execute(
            "select column_name from duckdb_columns() where database_name = 'published' and table_name = $table",
            {"table": table},
        ).fetchall()
    }
    if table in WHOLE_COMPANY:
        return (
            "exists (select 1 from published.main.scorecard as s where s.parent_unit_id is null "
            "and s.unit_id in (select unit_id from top))"
        )
    if "unit_id" not in columns:
        return "true"
    month = next((name for name in ("period", "start_period") if name in columns), None)
    if month is None:
        return "t.unit_id in (select unit_id from below union all select unit_id from above)"
    seen = f"(t.unit_id, t.{month}) in (select (unit_id, period) from below)"
    if table in TOTALS:
        everybody = " and t.population = 'all'" if "population" in columns else ""
        seen = f"({seen} or ((t.unit_id, t.{month}) in (select (unit_id, period) from above){everybody}))"
    return seen


def rows_beyond(published: Path, file: Path) -> dict[str, int]:
    """By table, how many rows of an audience's file are not rows of the publication, unchanged; only tables with some.

    While there are none, whatever several audiences could work out together can be worked out from the publication,
    where the linear audit has found nothing.

    Raises:
        duckdb.Error: one of them cannot be read.
    """
    with duckdb.connect() as connection:
        connection.execute(f"attach '{quoted(published)}' as published (read_only)")
        connection.execute(f"attach '{quoted(file)}' as audience (read_only)")
        names = [
            name
            for (name,) in connection.execute(
                "select table_name from duckdb_tables() where database_name = 'audience' order by 1"
            ).fetchall()
        ]
        beyond = {}
        for name in names:
            [(count,)] = connection.execute(
                f"select count(*) from (from audience.main.{name} except all from published.main.{name})"
            ).fetchall()
            if count:
                beyond[name] = int(count)
    return beyond


def mark_written(path: Path | None, published: Path, folder: Path) -> None:
    """Put down of which audiences.yml and of which publication the files in the folder are."""
    if path is None and not folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STATE).write_text(json.dumps(_state(path, published)), encoding="utf-8")


def are_written(path: Path | None, published: Path, folder: Path) -> bool:
    """Whether the files in the folder are those of this audiences.yml (None: there is none) and this publication."""
    state = folder / STATE
    if path is None and not state.is_file():
        return True
    return state.is_file() and json.loads(state.read_text(encoding="utf-8")) == _state(path, published)


def _state(path: Path | None, published: Path) -> dict[str, str | None]:
    newest = last_publication(published)
    return {
        "audiences": None if path is None else hashlib.sha256(path.read_bytes()).hexdigest(),
        "publication_id": None if newest is None else str(newest["publication_id"]),
    }
