"""`symmetry status`: the pipeline at a glance, for people and, by its exit code, for a monitor.

Exit codes are a monitor's (Nagios and the like), not those of the other commands: 0 well; 1 a warning (a source is
stale, a delivery above its limit of bad rows, files refused, the publication old, a run long, alerts that cannot be
sent); 2 critical (the last run failed, nothing published, the disk nearly full); 3 something cannot be told, wrong
settings and options too.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.table import Table
from typer.core import TyperCommand

from pipelines.commands.terminal import (
    FILES_REFUSED,
    DataOption,
    InboxOption,
    err,
    out,
    read_settings,
    tables,
    tell,
    visible,
)
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.operations.problems import Limits, Problem
    from pipelines.operations.status import Status

#: A monitor's code for what cannot be told (see `pipelines.operations.problems`, which is heavy to import).
CANNOT_BE_TOLD = 3


class MonitorCommand(TyperCommand):
    """A command whose wrong use does not look critical to a monitor."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options; wrong ones end with CANNOT_BE_TOLD instead of 2."""
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if hasattr(error, "exit_code") and error.exit_code == 2:
                error.exit_code = CANNOT_BE_TOLD
            raise


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Say how the pipeline is. Ends as monitors expect: 0 well, 1 warning, 2 critical, 3 cannot be told.

    These are not the codes of the other commands, where 2 is wrong use and 3 refused files.
    """
    try:
        settings = read_settings(inbox=inbox, data_dir=data)
    except typer.Exit as stopped:
        raise typer.Exit(CANNOT_BE_TOLD) from stopped
    from pipelines.operations.alerts import all_problems
    from pipelines.operations.problems import Limits, exit_code
    from pipelines.operations.status import gather_status

    now = datetime.now(UTC)
    state = gather_status(settings, now)
    problems = all_problems(state, settings)
    code = exit_code(problems)
    if as_json:
        document = {
            "code": code,
            "problems": [problem.model_dump(mode="json") for problem in problems],
            **state.model_dump(mode="json"),
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(state, problems, Limits.model_validate(settings))
    raise typer.Exit(code)


@contextlib.contextmanager
def watched(settings: Settings) -> Iterator[None]:
    """Write down how `symmetry run` ended, whichever way, and tell what is wrong since, where alerts are set."""
    from pipelines.operations.runs import record_command
    from pipelines.publication.lock import WarehouseBusyError

    def now() -> datetime:
        return datetime.now(UTC)

    try:
        yield
    except typer.Exit as ended:
        record_command(settings.operations_dir, now(), well=ended.exit_code in (0, FILES_REFUSED))
        raise
    except WarehouseBusyError:
        # The run that holds the warehouse will say how it ended.
        raise
    except Exception as error:
        record_command(settings.operations_dir, now(), well=False, error=type(error).__name__)
        raise
    else:
        record_command(settings.operations_dir, now(), well=True)
    finally:
        from pipelines.operations import alerts

        for told in alerts.tell(settings, now()):
            tell("info" if told.sent else "warning", told.said)


def _print(state: Status, problems: list[Problem], limits: Limits) -> None:
    cannot = {one.part for one in state.unreadable}
    table = Table(box=box.SIMPLE, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(state, cannot):
        table.add_row(name, visible(text))
    tables.print(table, markup=False)
    if state.sources:
        _print_sources(state, limits)
    for one in state.unreadable:
        err.print(f"{one.part}: {one.message}", markup=False)
    wrong = [problem for problem in problems if problem.severity != "news"]
    for problem in wrong:
        since = f" Since {problem.since:%Y-%m-%d %H:%M} UTC." if problem.since is not None else ""
        out.print(f"{problem.severity.upper()}: {visible(problem.text)}{since}", markup=False, highlight=False)
        out.print(f"  {visible(problem.remedy)}", markup=False, highlight=False)
    if not wrong:
        out.print("All is well.")


def _lines(state: Status, cannot: set[Any]) -> Iterator[tuple[str, str]]:
    unknown = "cannot be told, see below"
    last = state.publication
    if last is not None:
        told = f"{last.published_at:%Y-%m-%d %H:%M} UTC, {last.age_days} day(s) ago; {last.units} units"
        yield "publication", told + (f", to {last.last_period[:7]}" if last.last_period else "")
    else:
        yield "publication", unknown if "publication" in cannot else "none yet"
    bad = state.quarantine
    if bad is not None:
        yield (
            "quarantine",
            f"{bad.rows_quarantined:,} of {bad.rows_read:,} rows, {bad.deliveries} deliveries in force; "
            f"{len(bad.above_limit)} above the limit",
        )
    else:
        yield "quarantine", unknown
    if state.refused is not None:
        yield "refused files", ", ".join(f"{files} ({reason})" for reason, files in state.refused.items()) or "none"
    if "ruptures" in cannot:
        yield "open ruptures", unknown
    elif state.ruptures is None:
        told = "none yet" if last is None else "not in the published file, which an earlier version made"
        yield "open ruptures", told
    else:
        names = ", ".join(dict.fromkeys(rupture.unit_name for rupture in state.ruptures[:10]))
        yield "open ruptures", f"{len(state.ruptures)}" + (f" ({names})" if names else "")
    if state.runs is None:
        yield "runs", unknown
    else:
        going = [run for run in state.runs if run.state in ("running", "waiting")]
        newest = next((run for run in state.runs if run.state not in ("running", "waiting")), None)
        ended = (
            f"last one {newest.state}, {newest.ended or newest.started:%Y-%m-%d %H:%M} UTC" if newest else "none yet"
        )
        yield "runs", f"{len(going)} going on; {ended}"
    if state.disk is not None:
        yield "disk", f"{state.disk.free_bytes / 1e9:.1f} GB free ({state.disk.free_share:.0%})"
    else:
        yield "disk", unknown


def _print_sources(state: Status, limits: Limits) -> None:
    from pipelines.operations.problems import is_stale

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("source", "cadence", "newest version", "landed (UTC)", "age, days", "state"):
        table.add_column(heading, justify="right" if heading == "age, days" else "left")
    for source in state.sources or ():
        stale = is_stale(source, limits.stale_grace_days)
        told = "retired" if source.retired else "stale" if stale else "late" if source.overdue_days else "in time"
        table.add_row(
            source.contract,
            source.cadence or "at any time",
            f"{source.version:%Y-%m-%d}",
            f"{source.landed_at:%Y-%m-%d %H:%M}",
            str(source.age_days),
            told,
        )
    tables.print(table)
