"""dbt, in two stages with the statistics between them: definitions to indicators, and results to the scorecard."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DagsterDbtTranslator, dbt_assets

from pipelines.defs.column_lineage import column_lineage
from pipelines.defs.dbt_failures import explain_failures
from pipelines.defs.dbt_run import DbtError, build
from pipelines.defs.loggers import say
from pipelines.defs.resources import POOL, Workspace, dbt_executable
from pipelines.publication.inputs import settled_definitions, settled_inputs
from pipelines.settings import DBT_PROJECT_DIR, effective_settings

TARGET_DIR = DBT_PROJECT_DIR / "target"

# Seconds between two lines of progress while dbt works.
PROGRESS_EVERY = 10
SELECT_INDICATORS = "resource_type:seed symmetry.staging symmetry.canonical symmetry.indicators"
STATISTICS_STAGING = "symmetry.staging.statistics"
SELECT_SCORECARD = f"{STATISTICS_STAGING} symmetry.scorecard"


class Translator(DagsterDbtTranslator):
    """Groups follow the folders of the dbt project; sources keep the asset keys that their own metadata give."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """The layer: definitions, staging, canonical, indicators or scorecard."""
        if dbt_resource_props["resource_type"] == "seed":
            return "definitions"
        if dbt_resource_props["resource_type"] == "model":
            layer = str(dbt_resource_props["fqn"][1])
            # The views over the statistics are read by the scorecard alone; in one group with the views over the
            # landing they would close a circle of groups, and the graph in the UI could not be read from left to right.
            return "scorecard" if STATISTICS_STAGING in ".".join(dbt_resource_props["fqn"]) else layer
        return super().get_group_name(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        """The team that answers for the layer; definitions are the analysts', models the engineers'."""
        return ["team:people-analytics" if dbt_resource_props["resource_type"] == "seed" else "team:data-engineering"]


def _sources() -> Iterator[Path]:
    for folder in ("models", "macros", "seeds", "tests"):
        yield from (path for path in (DBT_PROJECT_DIR / folder).rglob("*") if path.is_file())
    yield DBT_PROJECT_DIR / "dbt_project.yml"
    yield DBT_PROJECT_DIR / "profiles.yml"


@cache
def manifest_path() -> Path:
    """dbt's manifest, parsed anew when a file of the dbt project is younger than it.

    Raises:
        RuntimeError: dbt cannot parse the project; the message carries what dbt says.
    """
    manifest = TARGET_DIR / "manifest.json"
    if manifest.is_file() and manifest.stat().st_mtime >= max(path.stat().st_mtime for path in _sources()):
        return manifest
    effective_settings().export_to_libraries()
    TARGET_DIR.mkdir(parents=True, exist_ok=True)
    # Several processes may load the code location at once: each parses apart, and puts whole files in place.
    with tempfile.TemporaryDirectory(dir=TARGET_DIR, prefix=".parse-") as folder:
        parsed = subprocess.run(
            [dbt_executable(), "parse", "--quiet", "--project-dir", str(DBT_PROJECT_DIR), "--target-path", folder],
            cwd=DBT_PROJECT_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        if parsed.returncode != 0:
            raise RuntimeError(
                f"dbt cannot parse {DBT_PROJECT_DIR}; correct what it names:\n{parsed.stdout}{parsed.stderr}"
            )
        for name in ("partial_parse.msgpack", "manifest.json"):
            Path(folder, name).replace(TARGET_DIR / name)
    return manifest


def _build(context: dg.AssetExecutionContext, workspace: Workspace, message: str) -> Iterator[Any]:
    """Run ``dbt build`` on the selected models; unit tests are the test suite's, not every night's."""
    settings = workspace.settings()
    definitions = settled_definitions(settings)
    settings.export_definitions(definitions.folder)
    say(context, f"{message} (dbt, definitions: {definitions.name})")
    inputs = settled_inputs(settings)
    variables = json.dumps(
        {
            "timezone": settings.timezone,
            "min_respondents": settings.min_respondents,
            "build": inputs.build,
            "months": [f"{month}-01" for month in inputs.months or ()],
        }
    )
    whole = [] if last_build(settings.warehouse_path) == inputs.build else ["--full-refresh"]
    target = settings.warehouse_path.parent / "dbt"
    (target / "run_results.json").unlink(missing_ok=True)
    arguments = ["--exclude-resource-type", "unit_test", "--vars", variables, *whole]
    events = build(context, arguments, target, TARGET_DIR)
    steps = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
    said = time.monotonic()
    built: list[dg.Output] = []
    try:
        for done, event in enumerate(events, 1):
            if isinstance(event, dg.Output):
                built.append(event)
            else:
                yield event
            if time.monotonic() - said > PROGRESS_EVERY:
                said = time.monotonic()
                say(context, f"  {done} of {steps} models and tests done")
    except DbtError as error:
        # What was built before the failure is told all the same.
        yield from _described(context, settings.warehouse_path, target, built)
        raise dg.Failure(explain_failures(target, settings.warehouse_path) or str(error)) from error
    # Rows can be counted only now that dbt has let the file go.
    yield from _described(context, settings.warehouse_path, target, built)


def last_build(warehouse: Path) -> str | None:
    """What the last build of the indicators that ran to its end was built with; None where there was none.

    Args:
        warehouse: the DuckDB file; it need not be there.
    """
    if not warehouse.is_file():
        return None
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        made = connection.execute(
            "select 1 from duckdb_tables() where schema_name = 'indicators' and table_name = 'month_contents_built'"
        ).fetchall()
        builds = (
            connection.execute("select distinct build from indicators.month_contents_built").fetchall() if made else []
        )
    return str(builds[0][0]) if len(builds) == 1 else None


def _described(
    context: dg.AssetExecutionContext, warehouse: Path, target: Path, built: list[dg.Output]
) -> Iterator[dg.Output]:
    """The outputs of dbt: tables with the number of their rows (views have none), models with their column lineage."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        counted = connection.execute(
            "select schema_name, table_name, estimated_size from duckdb_tables() where not internal"
        ).fetchall()
    rows = {(schema, table): size for schema, table, size in counted}
    unique_ids = [str(output.metadata["unique_id"].value) for output in built]
    manifest = json.loads(manifest_path().read_text(encoding="utf-8"))
    lineage = column_lineage(unique_ids, manifest, target, Translator())
    for output, unique_id in zip(built, unique_ids, strict=True):
        key = tuple(context.asset_key_for_output(output.output_name).path)
        count = {"dagster/row_count": rows[key]} if key in rows else {}
        yield output.with_metadata({**output.metadata, **count, **lineage.get(unique_id, {})})


@dbt_assets(
    manifest=manifest_path(),
    select=SELECT_INDICATORS,
    exclude=STATISTICS_STAGING,
    dagster_dbt_translator=Translator(),
    name="dbt_indicators",
    pool=POOL,
)
def dbt_indicators(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[Any]:
    """Definitions, staging, canonical model, and the (n, s1, s2) of every indicator."""
    yield from _build(context, workspace, "Building the canonical model and the indicators")


@dbt_assets(
    manifest=manifest_path(),
    select=SELECT_SCORECARD,
    dagster_dbt_translator=Translator(),
    name="dbt_scorecard",
    pool=POOL,
)
def dbt_scorecard(context: dg.AssetExecutionContext, workspace: Workspace) -> Iterator[Any]:
    """The published marts, from the statistics."""
    yield from _build(context, workspace, "Building the scorecard")
