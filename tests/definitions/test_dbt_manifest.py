"""Rules of the dbt project, over its manifest: what a reader and a reviewer may take for granted of every model.

`dbt parse` writes the manifest into a temporary folder; no warehouse is opened.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipelines.defs.resources import dbt_executable
from pipelines.extracts.entities import ENTITIES, PROVENANCE
from pipelines.extracts.landing import LEDGER_SQL
from pipelines.settings import DBT_PROJECT_DIR

LAYERS = ("staging", "canonical", "indicators", "scorecard")
CONTRACTED = ("canonical", "indicators", "scorecard")
# One spelling that DuckDB and Spark share.
TYPES = {"string", "double", "bigint", "date", "timestamp", "boolean"}
KEY_TESTS = {"unique", "unique_combination"}
# Views that each bring rows of one kind to indicator_people, which sums them and holds the key.
PART = "obs_"
# Views of every landed version of a record: the fact takes the latest and holds the key, of what a run makes anew.
VERSIONS = {"stg_crm__cases", "stg_helpdesk__internal_requests", "stg_survey__answers"}
# A single row has no key.
ONE_ROW = {"parameters_in_force"}

Node = dict[str, Any]


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("manifest")
    parsed = subprocess.run(
        [
            dbt_executable(),
            "parse",
            "--no-partial-parse",
            "--project-dir",
            str(DBT_PROJECT_DIR),
            "--target-path",
            str(folder),
            "--log-path",
            str(folder / "logs"),
        ],
        env={
            **os.environ,
            "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
            "DO_NOT_TRACK": "1",
            "SYMMETRY_WAREHOUSE": str(folder / "warehouse.duckdb"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert parsed.returncode == 0, parsed.stdout + parsed.stderr
    assert "deprecat" not in parsed.stdout.lower(), parsed.stdout
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return manifest


@pytest.fixture(scope="session")
def models(manifest: dict[str, Any]) -> dict[str, Node]:
    found = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    assert len(found) > 30, "the project is not what this test thinks it is"
    return found


@pytest.fixture(scope="session")
def tests_by_node(manifest: dict[str, Any]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node"):
            found.setdefault(node["attached_node"], []).append(node)
    return found


def layer(node: Node) -> str:
    return str(node["fqn"][1])


def test_every_model_is_in_a_layer(models: dict[str, Node]) -> None:
    assert {name: layer(node) for name, node in models.items() if layer(node) not in LAYERS} == {}


def test_every_model_and_column_is_described(models: dict[str, Node]) -> None:
    missing = [name for name, node in models.items() if not node["description"].strip()]
    missing += [
        f"{name}.{column}"
        for name, node in models.items()
        for column, properties in node["columns"].items()
        if not properties["description"].strip()
    ]
    missing += [f"{name} lists no column" for name, node in models.items() if not node["columns"]]
    assert missing == []


def test_every_seed_and_source_is_described(manifest: dict[str, Any]) -> None:
    described = [node for node in manifest["nodes"].values() if node["resource_type"] == "seed"]
    described += manifest["sources"].values()
    missing = [node["name"] for node in described if not node["description"].strip()]
    missing += [
        f"{node['name']}.{column}"
        for node in described
        for column, properties in node["columns"].items()
        if not properties["description"].strip()
    ]
    assert missing == []


def test_every_model_and_seed_is_keyed(manifest: dict[str, Any], tests_by_node: dict[str, list[Node]]) -> None:
    keyless = [
        node["name"]
        for key, node in manifest["nodes"].items()
        if node["resource_type"] in ("model", "seed")
        and not node["name"].startswith(PART)
        and node["name"] not in ONE_ROW | VERSIONS
        and not any((test["test_metadata"] or {}).get("name") in KEY_TESTS for test in tests_by_node.get(key, []))
    ]
    assert keyless == []


def test_every_model_says_its_grain_and_key_at_its_head(models: dict[str, Node]) -> None:
    wanting = [
        name
        for name, node in models.items()
        if not all(word in node["raw_code"].split("select", 1)[0].lower() for word in ("grain", "key"))
        and not node["raw_code"].lstrip().startswith("-- Grain and key")
    ]
    assert wanting == []


def test_only_staging_reads_sources_and_only_staging_reads_nothing_else(models: dict[str, Node]) -> None:
    wrong = []
    for name, node in models.items():
        parents = node["depends_on"]["nodes"]
        from_source = any(parent.startswith("source.") for parent in parents)
        if from_source != (layer(node) == "staging"):
            wrong.append(name)
        if layer(node) == "staging" and any(not parent.startswith("source.") for parent in parents):
            wrong.append(name)
    assert wrong == []


def test_each_landing_and_statistics_table_is_read_by_one_staging_model(
    manifest: dict[str, Any], models: dict[str, Node]
) -> None:
    readers: dict[str, list[str]] = {key: [] for key in manifest["sources"]}
    for name, node in models.items():
        for parent in node["depends_on"]["nodes"]:
            if parent.startswith("source."):
                readers[parent].append(name)
    assert {key: names for key, names in readers.items() if len(names) != 1} == {}


def test_no_layer_reads_a_higher_one(manifest: dict[str, Any], models: dict[str, Node]) -> None:
    wrong = [
        f"{name} reads {manifest['nodes'][parent]['name']}"
        for name, node in models.items()
        for parent in node["depends_on"]["nodes"]
        if parent.startswith("model.") and LAYERS.index(layer(manifest["nodes"][parent])) > LAYERS.index(layer(node))
    ]
    assert wrong == []


def test_parts_are_read_only_where_their_key_is_held(models: dict[str, Node]) -> None:
    names = {node["unique_id"]: name for name, node in models.items()}
    escaped = [
        f"{name} reads {names[parent]}"
        for name, node in models.items()
        for parent in node["depends_on"]["nodes"]
        if names.get(parent, "").startswith(PART)
        and not (name.startswith(PART) or name in ("indicator_people", "indicator_stats"))
    ]
    assert escaped == []


def test_layers_are_built_as_the_house_says(models: dict[str, Node]) -> None:
    for name, node in models.items():
        # Steps on the way to a table of indicators may be views; what is large is made anew for what has changed alone.
        kinds = {
            "staging": ("view",),
            "canonical": ("table", "incremental"),
            "indicators": ("view", "table", "incremental"),
        }.get(layer(node), ("table",))
        assert node["config"]["materialized"] in kinds, name
        assert node["schema"] == layer(node), name
        assert node["config"]["persist_docs"] == {"relation": True, "columns": True}, name
        assert node["meta"]["dagster"]["owners"], name


def test_models_above_staging_hold_a_contract_in_shared_types(models: dict[str, Node]) -> None:
    loose = [
        name
        for name, node in models.items()
        if layer(node) in CONTRACTED and not node["config"]["contract"]["enforced"]
    ]
    assert loose == []
    odd = [
        f"{name}.{column}: {properties['data_type']}"
        for name, node in models.items()
        for column, properties in node["columns"].items()
        if layer(node) in CONTRACTED and properties["data_type"] not in TYPES
    ]
    assert odd == []


def test_every_source_has_its_asset_key(manifest: dict[str, Any]) -> None:
    wrong = [
        key
        for key, source in manifest["sources"].items()
        if source["meta"].get("dagster", {}).get("asset_key") != [source["schema"], source["name"]]
    ]
    assert wrong == []


def test_staging_sources_are_the_landing_entities(manifest: dict[str, Any]) -> None:
    declared = {
        source["name"]: list(source["columns"])
        for source in manifest["sources"].values()
        if source["schema"] == "landing"
    }
    landed = {entity.name: [*entity.names, *(name for name, _ in PROVENANCE)] for entity in ENTITIES.values()}
    ledger = [column.split()[0].strip('"') for column in LEDGER_SQL.split(",")]
    assert declared == landed | {"delivery": ledger}


def test_unit_tests_cover_what_turns_on_dates(manifest: dict[str, Any]) -> None:
    tested = {unit_test["model"] for unit_test in manifest["unit_tests"].values()}
    assert {
        "bridge_unit_ancestor",
        "dim_as_of",
        "dim_client",
        "dim_employee_spell",
        "dim_month",
        "dim_unit_version",
        "fct_absence",
        "fct_case",
        "fct_internal_request",
        "fct_survey_answer",
        "stg_crm__cases",
    } <= tested


def test_model_names_say_their_layer(models: dict[str, Node]) -> None:
    staging = [name for name, node in models.items() if (layer(node) == "staging") != name.startswith("stg_")]
    assert staging == []
    wrong = [
        name
        for name, node in models.items()
        if layer(node) == "staging" and not name.startswith(f"stg_{Path(node['path']).parts[1]}__")
    ]
    assert wrong == []
