"""`symmetry sources`: the contracts in force, a look at a file before it lands, a first contract for a new one.

Nothing here lands anything. Of a file's values only those that are bad are printed, never a whole row.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from pipelines.commands.terminal import (
    FILES_REFUSED,
    RUN_FAILED,
    WRONG_USE,
    DataOption,
    InboxOption,
    err,
    out,
    read_settings,
    stop,
    tables,
    visible,
)

if TYPE_CHECKING:
    from pipelines.extracts.contract import Contract
    from pipelines.extracts.onboarding.inspection import ColumnReading, Inspection

app = typer.Typer(no_args_is_help=True, help="Contracts in force, a look at a file before it lands, a new contract.")

FileArgument = Annotated[Path, typer.Argument(help="The file, as the system exported it.", show_default=False)]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

#: What `check` ends with where rows are bad; the same code as for files that `run` refused.
SOME_BAD = FILES_REFUSED


@app.command("list")
def list_sources(as_json: JsonOption = False, inbox: InboxOption = None, data: DataOption = None) -> None:
    """List the contracts in force: what each feeds, its files, its last delivery, and whether one is overdue."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.contract import load_contracts
    from pipelines.extracts.deliveries import live_receipts
    from pipelines.extracts.onboarding.source_states import states_of

    contracts = load_contracts(*settings.contract_dirs())
    states = states_of(contracts, live_receipts(settings.landing_dir), datetime.now(UTC).replace(tzinfo=None))
    if as_json:
        typer.echo(json.dumps([asdict(state) for state in states], indent=2, ensure_ascii=False, default=_plain))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("source and owner", "files", "expected", "last delivery"):
        table.add_column(heading, overflow="fold", no_wrap=heading in {"source and owner", "expected"})
    for state in states:
        last = "none yet"
        if state.landed_at is not None and state.version is not None:
            last = (
                f"{visible(state.file or '')}\n{state.landed_at:%Y-%m-%d %H:%M} UTC, version {state.version:%Y-%m-%d}"
            )
        expected = f"{state.cadence or 'at any time'} ({state.delivery})"
        if state.overdue_days:
            expected += f"\noverdue by {state.overdue_days} days"
        source = f"{state.source}\n{state.owner}" + ("\nreplaces the shipped one" if state.replaces else "")
        feeds = f"{state.format} -> {', '.join(state.feeds)}"
        cells = (source, "\n".join((*state.match, feeds)), expected, last)
        table.add_row(*(escape(cell) for cell in cells))
    tables.print(table)
    overdue = sum(bool(state.overdue_days) for state in states)
    out.print(f"{len(states)} contracts in {_folders(settings.contract_dirs())}; {overdue} overdue.", highlight=False)
    for state in states:
        if state.replaces:
            out.print(f"{state.path} replaces the shipped {state.source}.", markup=False, highlight=False)


@app.command()
def check(
    file: FileArgument,
    contract: Annotated[
        str | None, typer.Option(help="Read it by this contract: its name (salesforce.case) or its path.")
    ] = None,
    as_json: JsonOption = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Tell what would become of a file, without landing it. Ends with 0 (all rows good), 1 (refused), 3 (some bad)."""
    settings = read_settings(inbox=inbox, data_dir=data)
    if not file.is_file():
        stop(f"{file} is no file; give the path of an extract.", WRONG_USE)
    from pipelines.extracts.contract import load_contract, load_contracts
    from pipelines.extracts.onboarding.inspection import UnknownContractError, chosen_contract, inspect_file

    chosen: Contract | None = None
    if contract is not None and Path(contract).is_file():
        # By itself: a draft can be looked at while another one does not load yet.
        chosen, contracts = load_contract(Path(contract)), []
    else:
        contracts = load_contracts(*settings.contract_dirs())
        try:
            if contract is not None:
                chosen = chosen_contract(contract, contracts)
        except UnknownContractError as error:
            stop(str(error), WRONG_USE)
    inspections = inspect_file(file, contracts, chosen)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in inspections], indent=2, ensure_ascii=False, default=_plain))
    else:
        for one in inspections:
            _print_inspection(one, settings.max_quarantine_share)
    if any(one.refused is not None for one in inspections):
        raise typer.Exit(RUN_FAILED)
    if any(one.bad for one in inspections):
        raise typer.Exit(SOME_BAD)


@app.command()
def new(
    file: FileArgument,
    entity: Annotated[str | None, typer.Option(help="What one row is (case, employee...). Default: guessed.")] = None,
    system: Annotated[str | None, typer.Option(help="The system's short name. Default: guessed.")] = None,
    out_file: Annotated[Path | None, typer.Option("--out", help="The contract to write. Default: printed.")] = None,
) -> None:
    """Draft a contract from a file. Guesses are marked; no value that may tell of people stands in it."""
    if not file.is_file():
        stop(f"{file} is no file; give the path of an extract.", WRONG_USE)
    if out_file is not None and out_file.exists():
        stop(f"{out_file} is there already; give another name, or take it away first.", WRONG_USE)
    from pipelines.extracts.onboarding.drafting import DraftError, draft_contract
    from pipelines.extracts.readers import DeliveryError

    try:
        draft = draft_contract(file, entity=entity, system=system)
    except DraftError as error:
        stop(str(error), WRONG_USE)
    except DeliveryError as error:
        stop(error.message, RUN_FAILED)
    if out_file is None:
        sys.stdout.write(draft.text)
    else:
        out_file.write_text(draft.text, encoding="utf-8")
        err.print(f"Written: {out_file}", markup=False)
    feeds = f"{draft.entity} ({draft.reason})" if draft.entity else f"not known: {draft.reason}"
    err.print(f"One row is: {feeds}", markup=False)
    if draft.loads:
        where = str(out_file) if out_file is not None else "PATH"
        err.print(
            f"It loads. Go through its marks, then: symmetry sources check {file} --contract {where}", markup=False
        )
    else:
        err.print(f"It does not load yet; fill in what is marked TODO:\n{draft.problem}", markup=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of a contract, for editors that complete and check YAML."""
    from pipelines.extracts.onboarding.contract_schema import schema_text

    sys.stdout.write(schema_text())


def _plain(value: object) -> str:
    """Return a moment as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"no JSON for {type(value).__name__}")


def _folders(paths: Sequence[Path]) -> str:
    return " and ".join(str(path) for path in paths)


# --- printing what `check` found ----------------------------------------------------------------------


def _say(text: str = "") -> None:
    out.print(visible(text) if text else "", markup=False, highlight=False)


def _print_inspection(one: Inspection, limit: float) -> None:
    _say(
        f"{one.shown}"
        + (f" by {one.contract}" + (f", version {one.version}" if one.version else "")) * bool(one.contract)
    )
    if one.refused is not None:
        _say(f"  Refused ({one.refused.reason}): {one.refused.message}")
        _print_fits(one)
        for missing in one.missing:
            advice = f"; {missing.nearest!r} is near: a rename? Add it to its aliases" if missing.nearest else ""
            _say(f"  missing: {missing.source!r}{advice}")
        return
    share = one.bad / one.read
    allowed = limit if one.max_bad_share is None else one.max_bad_share
    _say(
        f"  {one.read:,} rows: {one.good:,} good, {one.bad:,} bad, {one.duplicates:,} duplicates, "
        f"{one.filtered:,} filtered"
    )
    if share > allowed:
        _say(f"  {share:.1%} are bad, above the limit of {allowed:.1%}: the landing gate would stop the run")
    for reason, count in one.reasons.items():
        _say(f"    bad, {reason}: {count:,}")
    for reason, count in one.filter_reasons.items():
        _say(f"    filtered, {reason}: {count:,}")
    if one.cut_off:
        _say("  The file ends in the middle of a row: rows may be missing behind it. Deliver it again, whole.")
    _print_columns(one.columns)
    if one.personal:
        _say("  Columns that tell of people:")
        for column in one.personal:
            warn = "  <- lands as it is: is that meant?" if column.treatment == "kept" else ""
            _say(f"    {column.column}: {column.treatment} ({'; '.join(column.evidence)}){warn}")
    _say(f"  Columns nobody mapped, dropped: {', '.join(one.unmapped) or 'none'}")
    if one.first_bad:
        _say(f"  The first {len(one.first_bad)} bad rows:" if one.bad > len(one.first_bad) else "  The bad rows:")
        for cell in one.first_bad:
            _say(f"    {cell.message}")


def _print_fits(one: Inspection) -> None:
    for fit in one.fits:
        name = "claims the name" if fit.claims else f"claims {', '.join(fit.match)}, not this name"
        if fit.found is None:
            columns = ""
        elif fit.found == fit.wanted:
            columns = f"; all of its {fit.wanted} columns are there: try --contract {fit.contract}"
        else:
            lacks = ", ".join(repr(source) for source in fit.missing[:5]) + (", ..." if len(fit.missing) > 5 else "")
            columns = f"; {fit.found} of its {fit.wanted} columns are there (not {lacks})"
        _say(f"    {fit.contract}: {name}{columns}")


def _print_columns(columns: Sequence[ColumnReading]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("column of the file", "read as", "feeds", "treatment"):
        table.add_column(heading, overflow="fold")
    for column in columns:
        found = column.found if column.found is not None else f"(absent: {column.source})"
        if column.by_alias:
            found = f"{found} (alias of {column.source})"
        moment = column.type in {"date", "timestamp"}
        read_as = " ".join([column.type, *(column.formats or (("ISO 8601",) if moment else ()))])
        treatment = "" if column.treatment in {"filter", "version"} else column.treatment
        feeds = "\n".join(visible(feed) for feed in column.feeds)
        table.add_row(*map(escape, (visible(found), visible(read_as), feeds, visible(treatment))))
    tables.print(table)
