"""The code location loads, holds what it held, and everything in it can be understood without the docs."""

import json
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.backfill_policy import BackfillPolicyType

from pipelines.definitions import defs
from pipelines.defs.jobs import LANDING_JOB, MONTHS_JOB, SCORECARD_JOB
from pipelines.defs.months import MONTHS_KEY
from pipelines.settings import PROJECT_DIR

SNAPSHOT = Path(__file__).parent / "code_location.json"
REMEDY = "If the change is meant, write the new snapshot: python -m tests.definitions.test_code_location"


def current() -> dict[str, list[str]]:
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
        "checks": sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys),
        "jobs": sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__")),
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


@pytest.mark.parametrize("part", ["assets", "checks", "jobs", "schedules", "sensors"])
def test_snapshot(part: str) -> None:
    kept = json.loads(SNAPSHOT.read_text(encoding="utf-8"))[part]
    assert current()[part] == kept, REMEDY


def test_every_asset_is_described_grouped_owned_and_of_a_kind() -> None:
    graph = defs.get_repository_def().asset_graph
    wanting = {
        f"{node.key.to_user_string()}: {what}"
        for node in graph.asset_nodes
        for what, there in {
            "description": bool(node.description and node.description.strip()),
            "group": node.group_name not in (None, "default"),
            "owner": bool(node.owners),
            "kind": bool(node.kinds),
        }.items()
        if not there
    }
    assert wanting == set()


def test_lineage_runs_from_an_extract_to_the_publication() -> None:
    graph = defs.get_repository_def().asset_graph
    reached, frontier = set(), {dg.AssetKey(["extracts", "salesforce", "case"])}
    while frontier:
        reached |= frontier
        frontier = {child for key in frontier for child in graph.get(key).child_keys} - reached
    assert dg.AssetKey(["landing", "case"]) in reached
    assert dg.AssetKey(["statistics", "unit_indices"]) in reached
    assert dg.AssetKey(["publication", "scorecard"]) in reached


def test_both_gates_block() -> None:
    graph = defs.get_repository_def().asset_graph
    gates = {key for key in graph.asset_check_keys if key.name in ("landing_gate", "publication_gate")}
    assert len(gates) == 13
    assert all(graph.get(key).blocking for key in gates)


def test_the_job_runs_in_one_process_over_everything() -> None:
    job = defs.resolve_job_def(SCORECARD_JOB)
    assert job.executor_def is dg.in_process_executor
    executable = {node.key for node in defs.get_repository_def().asset_graph.asset_nodes if node.is_executable}
    assert set(job.asset_layer.selected_asset_keys) == executable - {MONTHS_KEY}
    # Assets with and without partitions in one job would be cut into several runs.
    assert job.partitions_def is None


def test_a_range_of_months_is_launched_as_one_run() -> None:
    assert set(defs.resolve_job_def(MONTHS_JOB).asset_layer.selected_asset_keys) == {MONTHS_KEY}
    policy = defs.get_repository_def().asset_graph.get(MONTHS_KEY).backfill_policy
    assert policy is not None
    assert policy.policy_type is BackfillPolicyType.SINGLE_RUN


def test_the_landing_job_lands_and_checks_and_computes_nothing() -> None:
    layer = defs.resolve_job_def(LANDING_JOB).asset_layer
    assert {key.path[0] for key in layer.selected_asset_keys} == {"landing"}
    nodes = {check.name for check in layer.asset_graph.asset_check_keys}
    assert "landing_gate" in nodes


def test_everything_that_starts_by_itself_says_what_it_does() -> None:
    repository = defs.get_repository_def()
    for one in [*repository.schedule_defs, *repository.sensor_defs, *repository.get_all_jobs()]:
        assert one.name.startswith("__") or one.description, one.name


def test_dagster_validates_the_workspace(workspace: object) -> None:
    command = [str(Path(sys.executable).with_name("dagster")), "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(current(), indent=1) + "\n", encoding="utf-8")
