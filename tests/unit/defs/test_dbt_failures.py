"""A failed dbt test is explained with its rows, a failed model with dbt's own words."""

import json
from pathlib import Path

import duckdb

from pipelines.defs.dbt_failures import explain_failures


def write(target: Path, *results: dict[str, object]) -> None:
    nodes = {
        "test.every_parent": {
            "name": "every_parent",
            "original_file_path": "models/unit.yml",
            "attached_node": "model.symmetry.dim_unit",
        },
        "model.symmetry.scores": {"name": "scores", "original_file_path": "models/scores.sql"},
    }
    (target / "run_results.json").write_text(json.dumps({"results": results}), encoding="utf-8")
    (target / "manifest.json").write_text(json.dumps({"nodes": nodes}), encoding="utf-8")


def test_failures_are_told_with_examples(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create table unit as select 'S1' as unit_id, 'ZZZ' as parent_unit_id")
    query = "\n  select unit_id, parent_unit_id from unit where parent_unit_id = 'ZZZ'\n"
    write(
        tmp_path,
        {"unique_id": "test.every_parent", "status": "fail", "failures": 1, "message": "Got 1", "compiled_code": query},
        {"unique_id": "model.symmetry.scores", "status": "error", "message": "Binder Error: no such column"},
        {"unique_id": "test.other", "status": "pass", "message": None},
        {"unique_id": "test.mild", "status": "warn", "message": "Got 2 results"},
    )
    assert explain_failures(tmp_path, warehouse) == (
        "dbt test every_parent on dim_unit failed: 1 row(s), e.g. unit_id=S1, parent_unit_id=ZZZ. The test stands in "
        "models/unit.yml; correct the data or the contract it came by, and run again.\n"
        "dbt could not build scores (models/scores.sql): Binder Error: no such column"
    )


def test_too_little_memory_is_said_with_what_to_do(tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(warehouse)).close()
    message = (
        "Runtime Error in model scores (models/scores.sql)\n  Out of Memory Error: failed to pin block of size "
        "256.0 KiB (285.9 MiB/286.1 MiB used)\n  \n  Possible solutions:\n  * Reducing the number of threads"
    )
    write(tmp_path, {"unique_id": "model.symmetry.scores", "status": "error", "message": message})
    assert explain_failures(tmp_path, warehouse) == (
        "dbt could not build scores (models/scores.sql): there was not enough memory (failed to pin block of size "
        "256.0 KiB (285.9 MiB/286.1 MiB used)). Give the run more: a larger machine or container, or memory_limit in "
        "symmetry.toml where DuckDB may take more of this one."
    )


def test_nothing_to_tell(tmp_path: Path) -> None:
    assert explain_failures(tmp_path, tmp_path / "warehouse.duckdb") is None
    write(tmp_path, {"unique_id": "test.other", "status": "pass", "message": None})
    assert explain_failures(tmp_path, tmp_path / "warehouse.duckdb") is None
