"""From which columns each column of a dbt model is made, for the UI: read out of the compiled SQL by dagster-dbt.

dagster-dbt asks the database for the columns of every parent; here they come from the project's own documentation,
which the tests hold against the warehouse, so dbt's connection is left alone. What was found is kept beside dbt's
results, and a model is looked at again only when its SQL or the documented columns change.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator
from dagster_dbt.core.dbt_cli_event import EventHistoryMetadata, _build_column_lineage_metadata

KEPT = "column_lineage.json"

Columns = dict[str, dict[str, Any]]


def column_lineage(
    models: Iterable[str], manifest: Mapping[str, Any], target: Path, translator: DagsterDbtTranslator
) -> dict[str, dict[str, Any]]:
    """Dagster's metadata of column lineage, by dbt's unique id.

    Args:
        models: unique ids; those that are no models, or have not been compiled, are left out.
        manifest: dbt's manifest.
        target: dbt's target folder, with the compiled SQL; `column_lineage.json` is kept there.
        translator: gives the asset key of every node.

    Raises:
        sqlglot.errors.SqlglotError: the SQL of a model cannot be followed; the message names the column.
    """
    relations = _relations(manifest)
    path = target / KEPT
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    found: dict[str, dict[str, Any]] = {}
    for unique_id in models:
        node = manifest["nodes"].get(unique_id, {})
        compiled = target / "compiled" / node.get("package_name", "") / node.get("original_file_path", "")
        if node.get("resource_type") != "model" or not compiled.is_file():
            continue
        sql = compiled.read_text(encoding="utf-8")
        read = {name: columns for name, columns in relations.items() if name in sql}
        own = relations[node["relation_name"]]
        mark = hashlib.sha256(json.dumps([sql, read, own], sort_keys=True).encode()).hexdigest()
        if kept.get(unique_id, {}).get("mark") != mark:
            history = EventHistoryMetadata(columns=own, parents=read)
            made = _build_column_lineage_metadata(history, dict(node), manifest, translator, target, None)
            kept[unique_id] = {"mark": mark, "columns": _plain(made["dagster/column_lineage"])}
        found[unique_id] = {"dagster/column_lineage": _lineage(kept[unique_id]["columns"])}
    path.write_text(json.dumps(kept, sort_keys=True), encoding="utf-8")
    return found


def _relations(manifest: Mapping[str, Any]) -> dict[str, Columns]:
    """Documented columns with their types, by the relation's name as compiled SQL spells it."""
    nodes = [*manifest["nodes"].values(), *manifest["sources"].values()]
    return {
        node["relation_name"]: {
            name: {"data_type": column.get("data_type") or "varchar"} for name, column in node["columns"].items()
        }
        for node in nodes
        if node.get("relation_name")
    }


def _plain(lineage: dg.TableColumnLineage) -> dict[str, list[list[Any]]]:
    return {
        column: sorted([list(dep.asset_key.path), dep.column_name] for dep in deps)
        for column, deps in lineage.deps_by_column.items()
    }


def _lineage(columns: Mapping[str, list[list[Any]]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=dg.AssetKey(key), column_name=name) for key, name in deps]
            for column, deps in columns.items()
        }
    )
