"""Audiences: each sees its subtree and the totals above, of the same bytes as the publication, and nothing else."""

from itertools import combinations
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.confidentiality.audit import Publication, exposures
from pipelines.confidentiality.complementary import complementary
from pipelines.publication.audiences import (
    Audiences,
    AudiencesError,
    are_written,
    mark_written,
    rows_beyond,
    write_audience,
    write_audiences,
)
from pipelines.publication.publish import PUBLICATIONS_COLUMNS
from tests.unit.confidentiality.random_company import company
from tests.unit.confidentiality.test_audit import INDICATORS, people_of

# company ─ north ─ n1, n2; company ─ south ─ s1. In February n2 belongs to the south.
TREE = [
    ("company", None, "2025-01-01"),
    ("north", "company", "2025-01-01"),
    ("south", "company", "2025-01-01"),
    ("n1", "north", "2025-01-01"),
    ("n2", "north", "2025-01-01"),
    ("s1", "south", "2025-01-01"),
    ("company", None, "2025-02-01"),
    ("north", "company", "2025-02-01"),
    ("south", "company", "2025-02-01"),
    ("n1", "north", "2025-02-01"),
    ("n2", "south", "2025-02-01"),
    ("s1", "south", "2025-02-01"),
]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    path = tmp_path / "scorecard.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table scorecard (unit_id varchar, parent_unit_id varchar, period date, gap double)")
        connection.executemany("insert into scorecard values (?, ?, ?, 1.5)", TREE)
        connection.execute("comment on table scorecard is 'One row per unit''s month.'")
        connection.execute("comment on column scorecard.gap is 'Client − collaborator.'")
        connection.execute(
            "create table scorecard_indicators as select unit_id, period, population, 'trust' as indicator_id, 3.5 n "
            "from scorecard cross join (values ('all'), ('office')) as p (population)"
        )
        connection.execute("create table swot as select unit_id, period, 'strength' as swot from scorecard")
        connection.execute("create table ruptures as select unit_id, period as start_period from scorecard")
        connection.execute("create table equity as select unit_id, period, 'field' as population_a from scorecard")
        connection.execute(
            "create table dim_unit as select unit_id, 'Name of ' || unit_id as unit_name, "
            "arg_max(parent_unit_id, period) as parent_unit_id from scorecard group by unit_id"
        )
        connection.execute("create table links as select 'team' as unit_level, 0.2 as slope")
        connection.execute("create table dim_pair as select 'trust' as pair_id")
        connection.execute("create view latest as select max(period) as period from scorecard")
        columns = ", ".join(f"{name} {kind}" for name, (kind, _) in PUBLICATIONS_COLUMNS.items())
        connection.execute(f"create table publications ({columns})")
        connection.execute("insert into publications (publication_id, published_at) values ('p1', '2025-03-01')")
    return path


def rows(file: Path, query: str) -> set[tuple[Any, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return set(connection.execute(query).fetchall())


def of(published: Path, tmp_path: Path, *units: str) -> Path:
    file = tmp_path / f"{'-'.join(units)}.duckdb"
    write_audience(published, file, units)
    return file


MONTHS = "strftime(period, '%m')"


def test_the_subtree_of_each_month_and_the_totals_above(published: Path, tmp_path: Path) -> None:
    north = of(published, tmp_path, "north")
    full = {("north", "01"), ("n1", "01"), ("n2", "01"), ("north", "02"), ("n1", "02")}
    above = {("company", "01"), ("company", "02")}
    assert rows(north, f"select unit_id, {MONTHS} from scorecard") == full | above
    assert rows(north, f"select unit_id, {MONTHS}, population from scorecard_indicators") == {
        (*one, population) for one in full for population in ("all", "office")
    } | {(*one, "all") for one in above}
    for table in ("swot", "equity"):
        assert rows(north, f"select unit_id, {MONTHS} from {table}") == full
    assert rows(north, "select unit_id, strftime(start_period, '%m') from ruptures") == full
    assert rows(north, "select unit_id from dim_unit") == {("company",), ("north",), ("n1",), ("n2",)}
    assert rows(north, "select count(*) from links") == {(0,)}
    assert rows(north, "select * from dim_pair") == {("trust",)}
    assert rows(north, "select publication_id from publications") == {("p1",)}
    assert rows(north, "select strftime(period, '%m') from latest") == {("02",)}


def test_what_is_about_the_whole_company_is_for_who_sees_it(published: Path, tmp_path: Path) -> None:
    whole = of(published, tmp_path, "company")
    for table in ("scorecard", "swot", "links", "scorecard_indicators"):
        assert rows(whole, f"select count(*) from {table}") == rows(published, f"select count(*) from {table}")


def test_comments_go_with_the_tables(published: Path, tmp_path: Path) -> None:
    north = of(published, tmp_path, "n1")
    assert rows(north, "select comment from duckdb_tables() where table_name = 'scorecard'") == {
        ("One row per unit's month.",)
    }
    assert ("Client − collaborator.",) in rows(north, "select comment from duckdb_columns() where column_name = 'gap'")


def test_no_byte_of_another_unit_is_in_the_file(published: Path, tmp_path: Path) -> None:
    content = of(published, tmp_path, "n1").read_bytes()
    assert b"Name of n1" in content
    for other in (b"Name of s1", b"Name of n2", b"Name of south"):
        assert other in published.read_bytes()
        assert other not in content


def test_a_row_that_is_not_the_publication_s_is_found(published: Path, tmp_path: Path) -> None:
    north = of(published, tmp_path, "north")
    assert rows_beyond(published, north) == {}
    with duckdb.connect(str(north)) as connection:
        connection.execute("update scorecard set gap = 2 where unit_id = 'n1'")
    assert rows_beyond(published, north) == {"scorecard": 2}


@pytest.mark.parametrize("seed", range(6))
def test_any_two_audiences_joined_expose_nothing(seed: int, tmp_path: Path) -> None:
    """The linear audit over each audience and over any two of them side by side, on random companies."""
    truth = company(seed)
    shown = complementary(truth.windows, truth.hierarchy, 5, truth.cells)
    whole = tmp_path / "whole.duckdb"
    with duckdb.connect(str(whole)) as connection:
        connection.register("tree", truth.hierarchy.to_arrow())
        connection.register("figures", shown.to_arrow())
        connection.execute("create table scorecard as select unit_id, period, parent_unit_id from tree")
        connection.execute("create table scorecard_indicators as select * from figures")
        connection.execute("create table dim_unit as select distinct unit_id from tree")
    units = sorted(truth.hierarchy["unit_id"].unique())
    seen = {}
    for unit in units[:: max(1, len(units) // 5)]:
        file = of(whole, tmp_path, unit)
        assert rows_beyond(whole, file) == {}
        with duckdb.connect(str(file), read_only=True) as connection:
            seen[unit] = connection.sql("from scorecard_indicators").pl().cast(dict(shown.schema))
    people = people_of(truth)
    for alone in seen.values():
        assert exposures(Publication(alone, truth.hierarchy, INDICATORS), [], people, 5) == []
    for one, other in combinations(seen, 2):
        joined = pl.concat([seen[one], seen[other]]).unique()
        assert exposures(Publication(joined, truth.hierarchy, INDICATORS), [], people, 5) == []


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "audiences.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_audience_has_a_folder_and_others_go(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "audiences"
    (folder / "former").mkdir(parents=True)
    (folder / "former" / "scorecard.duckdb").write_bytes(b"old")
    path = written(tmp_path, "audiences:\n- name: north\n  units: [north]\n- name: two-teams\n  units: [n1, s1]\n")
    assert not are_written(path, published, folder)
    files = write_audiences(Audiences(path), published, folder)
    mark_written(path, published, folder)
    assert {name: file.relative_to(folder).as_posix() for name, file in files.items()} == {
        "north": "north/scorecard.duckdb",
        "two-teams": "two-teams/scorecard.duckdb",
    }
    assert not (folder / "former").exists()
    assert [path.name for path in (folder / "north").iterdir()] == ["scorecard.duckdb"]
    assert are_written(path, published, folder)
    path.write_text(path.read_text() + "# changed\n")
    assert not are_written(path, published, folder)
    assert not are_written(None, published, folder)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("audiences:\n- name: North!\n  units: [north]\n", "line 2: audiences.0.name: a name is made of small letters"),
        ("audiences:\n- name: north\n", "line 2: audiences.0.units: this key is required"),
        ("audiences:\n- name: north\n  units: []\n", "line 3: audiences.0.units: name at least one unit"),
        ("audiences:\n- name: north\n  unit: [a]\n  units: [a]\n", "line 3: audiences.0.unit: unknown key"),
        ("audiences:\n- {name: a, units: [x]}\n- {name: a, units: [y]}\n", "line 3: a names an audience twice"),
        ("audiences:\n- name: a\n  units:\n  - x\n  - x\n", "line 5: x stands twice"),
        ("audiences:\n- name: a\n  name: b\n", "line 3: the key 'name' stands twice"),
        ("- a\n", "line 1: a list of audiences is a mapping of keys, beginning with `audiences:`"),
        ("audiences: [\n", "not YAML"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(AudiencesError) as error:
        Audiences(written(tmp_path, text))
    assert "audiences.yml" in str(error.value)
    assert told in str(error.value)


def test_a_unit_that_is_not_there_stops_before_anything_is_written(published: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "audiences:\n- name: north\n  units:\n  - north\n  - nroth\n")
    with pytest.raises(AudiencesError, match=r"audiences.yml, line 5: no unit 'nroth' is in the publication"):
        write_audiences(Audiences(path), published, tmp_path / "audiences")
    assert not (tmp_path / "audiences").exists()
