"""dbt in this process: one command, its results as Dagster events while it works, and the warehouse let go after it.

dbt as a program of its own spends seconds on its imports, on writing each event as JSON and on having it read again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt.asset_utils import get_updated_cli_invocation_params_for_context
from dagster_dbt.core.dbt_cli_event import DbtCoreCliEventMessage

from pipelines.settings import DBT_PROJECT_DIR

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

# The events of dbt that tell what became of a node; there are hundreds of others.
RESULTS = frozenset({"LogSeedResult", "LogModelResult", "LogTestResult"})
PARTIAL_PARSE = "partial_parse.msgpack"


class DbtError(RuntimeError):
    """dbt's command failed; the message carries what dbt says of the command, not of each node."""


def build(context: dg.AssetExecutionContext, arguments: Sequence[str], target: Path, parsed: Path) -> Iterator[Any]:
    """Run `dbt build` on what the step has to make, and yield its outputs and check results as they come.

    Args:
        context: the step, which knows the selected assets and checks.
        arguments: further arguments of `dbt build`.
        target: dbt's target folder, where `run_results.json`, `manifest.json` and `dbt.log` are left.
        parsed: a target folder in which the project was parsed, from which a new `target` starts.

    Raises:
        DbtError: a node failed, or the command could not be run.
    """
    chosen = get_updated_cli_invocation_params_for_context(context, {}, None)  # type: ignore[arg-type]
    command = ["build", *arguments, *chosen.selection_args]
    if chosen.indirect_selection:
        command += ["--indirect-selection", chosen.indirect_selection]
    target.mkdir(parents=True, exist_ok=True)
    if not (target / PARTIAL_PARSE).is_file() and (parsed / PARTIAL_PARSE).is_file():
        shutil.copyfile(parsed / PARTIAL_PARSE, target / PARTIAL_PARSE)
    for event in _invoke(command, target):
        message = DbtCoreCliEventMessage(raw_event=event, event_history_metadata={})
        yield from message.to_default_asset_events(
            manifest=chosen.manifest,
            dagster_dbt_translator=chosen.dagster_dbt_translator,
            context=context,
            target_path=target,
        )


def _invoke(command: list[str], target: Path) -> Iterator[dict[str, Any]]:
    """The result events of a dbt command, in the shape of dbt's JSON log, while it runs in a thread beside."""
    from dbt.cli.main import dbtRunner
    from dbt_common.events.functions import msg_to_dict

    events: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def heard(event: Any) -> None:
        if event.info.name in RESULTS:
            events.put(msg_to_dict(event))

    options = {
        "project_dir": str(DBT_PROJECT_DIR),
        "profiles_dir": str(DBT_PROJECT_DIR),
        "target_path": str(target),
        "log_path": str(target),
        "log_level": "none",
        "log_level_file": "info",
        "quiet": True,
        "use_colors": False,
    }

    def work() -> None:
        # dbt goes to the project's folder and stays there.
        try:
            with contextlib.chdir(os.curdir):
                done.append(dbtRunner(callbacks=[heard]).invoke(command, **options))
            _let_go()
        finally:
            # Whatever happened, who listens must not wait for ever.
            events.put(None)

    done: list[dbtRunnerResult] = []
    # A daemon: a run that is stopped does not wait for dbt.
    thread = threading.Thread(target=work, name="dbt", daemon=True)
    thread.start()
    while (event := events.get()) is not None:
        yield event
    thread.join()
    if not done or not done[0].success:
        said = done[0].exception if done else None
        raise DbtError(str(said or f"dbt {command[0]} failed; see {target / 'dbt.log'}"))


def _let_go() -> None:
    """Close dbt's connection to the warehouse, which its adapter keeps for the next command."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
    DuckDBConnectionManager.close_all_connections()
