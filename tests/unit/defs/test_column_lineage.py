"""Column lineage: what a model's columns are made of, kept until its SQL changes."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_dbt import DagsterDbtTranslator

from pipelines.defs import column_lineage as module
from pipelines.defs.column_lineage import KEPT, column_lineage

CASES, SUMS = "model.symmetry.cases", "model.symmetry.sums"


def node(name: str, columns: dict[str, str], parents: list[str]) -> dict[str, Any]:
    return {
        "unique_id": f"model.symmetry.{name}",
        "resource_type": "model",
        "name": name,
        "package_name": "symmetry",
        "original_file_path": f"models/{name}.sql",
        "relation_name": f'"w"."main"."{name}"',
        "columns": {column: {"name": column, "data_type": kind} for column, kind in columns.items()},
        "depends_on": {"nodes": parents},
        "config": {"materialized": "table"},
        "fqn": ["symmetry", name],
        "schema": "main",
        "tags": [],
    }


@pytest.fixture
def manifest() -> dict[str, Any]:
    nodes = [
        node("cases", {"unit": "varchar", "n": "bigint"}, []),
        node("sums", {"unit": "varchar", "total": "bigint"}, [CASES]),
    ]
    return {
        "metadata": {"adapter_type": "duckdb"},
        "nodes": {one["unique_id"]: one for one in nodes},
        "sources": {},
        "child_map": {},
    }


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "compiled" / "symmetry" / "models"
    folder.mkdir(parents=True)
    (folder / "sums.sql").write_text(
        'with c as (select * from "w"."main"."cases") select unit, sum(n) as total from c group by unit'
    )
    return tmp_path


def deps(found: dict[str, dict[str, Any]]) -> dict[str, set[tuple[str, str]]]:
    lineage = found[SUMS]["dagster/column_lineage"]
    assert isinstance(lineage, dg.TableColumnLineage)
    return {
        column: {(dep.asset_key.to_user_string(), dep.column_name) for dep in of}
        for column, of in lineage.deps_by_column.items()
    }


def test_each_column_leads_to_those_it_is_made_of(manifest: dict[str, Any], target: Path) -> None:
    found = column_lineage([SUMS, CASES, "seed.symmetry.x"], manifest, target, DagsterDbtTranslator())
    # `cases` has not been compiled here, and a seed has no lineage.
    assert set(found) == {SUMS}
    assert deps(found) == {"unit": {("cases", "unit")}, "total": {("cases", "n")}}


def test_what_was_found_is_kept_until_the_sql_changes(
    manifest: dict[str, Any], target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = column_lineage([SUMS], manifest, target, DagsterDbtTranslator())
    assert (target / KEPT).is_file()
    real = module._build_column_lineage_metadata
    asked: list[Any] = []
    monkeypatch.setattr(module, "_build_column_lineage_metadata", lambda *given: asked.append(given) or real(*given))
    assert deps(column_lineage([SUMS], manifest, target, DagsterDbtTranslator())) == deps(first)
    assert asked == []
    sql = target / "compiled" / "symmetry" / "models" / "sums.sql"
    sql.write_text(sql.read_text().replace("sum(n)", "count(unit)"))
    changed = column_lineage([SUMS], manifest, target, DagsterDbtTranslator())
    assert len(asked) == 1
    assert deps(changed)["total"] == {("cases", "unit")}
