"""What went wrong in dbt, said for a person: which test or model, how many rows, which ones, where it is written."""

import json
from pathlib import Path
from typing import Any

import duckdb

EXAMPLES = 5
OUT_OF_MEMORY = "Out of Memory Error"


def explain_failures(target: Path, warehouse: Path) -> str | None:
    """Describe the failed tests and models of dbt's last command.

    Args:
        target: dbt's target folder, with `run_results.json` and `manifest.json`.
        warehouse: the DuckDB file, which dbt must have let go; failed tests are asked again for examples.

    Returns:
        A paragraph for each failure, or None when dbt left no results (it failed before it ran anything).
    """
    results = target / "run_results.json"
    if not results.is_file():
        return None
    failed = [
        result
        for result in json.loads(results.read_text(encoding="utf-8"))["results"]
        if result["status"] in ("fail", "error")
    ]
    if not failed:
        return None
    nodes = json.loads((target / "manifest.json").read_text(encoding="utf-8"))["nodes"]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        paragraphs = [_paragraph(result, nodes.get(result["unique_id"], {}), connection) for result in failed]
    return "\n".join(paragraphs)


def _paragraph(result: dict[str, Any], node: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> str:
    name, path = node.get("name", result["unique_id"]), node.get("original_file_path", "the dbt project")
    if result["status"] == "error":
        message = str(result["message"])
        if OUT_OF_MEMORY in message:
            return (
                f"dbt could not build {name} ({path}): there was not enough memory "
                f"({message.partition(OUT_OF_MEMORY)[2].splitlines()[0].strip(' :')}). Give the run more: a larger "
                "machine or container, or memory_limit in symmetry.toml where DuckDB may take more of this one."
            )
        return f"dbt could not build {name} ({path}): {message}"
    subject = str(node.get("attached_node") or "").rsplit(".", maxsplit=1)[-1]
    about = f" on {subject}" if subject else ""
    examples = "; ".join(_examples(result["compiled_code"], connection))
    return (
        f"dbt test {name}{about} failed: {result['failures']} row(s), e.g. {examples}. "
        f"The test stands in {path}; correct the data or the contract it came by, and run again."
    )


def _examples(query: str, connection: duckdb.DuckDBPyConnection) -> list[str]:
    cursor = connection.execute(f"select * from ({query}) as failing limit {EXAMPLES}")
    names = [column[0] for column in cursor.description or []]
    return [", ".join(f"{name}={value}" for name, value in zip(names, row, strict=True)) for row in cursor.fetchall()]
