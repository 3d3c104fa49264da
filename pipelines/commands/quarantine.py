"""`symmetry quarantine`: what could not be read, why, the rows themselves, and reading them again.

The summary names files, reasons and lines only. Values and rows are people's data: they are shown where they are
asked for, and nowhere logged.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from pipelines.commands.terminal import (
    FILES_REFUSED,
    WRONG_USE,
    DataOption,
    InboxOption,
    err,
    load_settings,
    out,
    read_settings,
    stop,
    tables,
    visible,
)

app = typer.Typer(help="Rows that could not be read: what, why, the rows themselves, and reading them again.")

DeliveryOption = Annotated[str | None, typer.Option(help="Only rows of the delivery with this id.")]
FileOption = Annotated[str | None, typer.Option(help="Only rows of the file of this name.")]
ReasonOption = Annotated[str | None, typer.Option(help="Only rows with this reason code.")]
ColumnOption = Annotated[str | None, typer.Option(help="Only rows whose first bad value is in this column.")]


@app.callback(invoke_without_command=True)
def quarantine(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Say what lies in quarantine: per delivery and reason how many rows, and the first line of them."""
    if context.invoked_subcommand is not None:
        return
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.contract import load_contracts
    from pipelines.extracts.deliveries import live_receipts
    from pipelines.extracts.quarantine import quarantined

    contracts = load_contracts(*settings.contract_dirs())
    found = quarantined(settings.landing_dir, settings.quarantine_dir, contracts, settings.max_quarantine_share)
    live = live_receipts(settings.landing_dir)
    totals = {
        "deliveries": len(live),
        "deliveries_with_quarantine": len(found),
        "rows_read": sum(receipt.read for receipt in live),
        "rows_quarantined": sum(one.rows for one in found),
        "above_limit": sum(one.above_limit for one in found),
    }
    if as_json:
        document = {"deliveries": [_as_dict(one) for one in found], "totals": totals}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if not live:
        out.print("Nothing has landed yet, so nothing is in quarantine.")
        return
    if not found:
        out.print(f"Nothing is in quarantine: every row of the {len(live)} deliveries in force could be read.")
        return
    _print_table(found)
    out.print(
        f"{totals['rows_quarantined']:,} of {totals['rows_read']:,} rows are in quarantine, from {len(found)} of "
        f"{len(live)} deliveries; {totals['above_limit']} above the limit of the landing gate.",
        highlight=False,
    )
    for one in found:
        if not one.is_whole:
            err.print(
                f"{one.file}: the quarantine file of delivery {one.delivery_id} does not hold the rows that its "
                f"receipt counts. Withdraw it (symmetry withdraw {one.delivery_id}) and land its original again.",
                markup=False,
            )
    out.print(
        "Rows: `symmetry quarantine show --file NAME`; after a contract is corrected: `symmetry quarantine replay`"
    )


def _as_dict(one: Any) -> dict[str, object]:
    return {
        "delivery": one.delivery_id,
        "file": one.file,
        "contract": one.contract,
        "rows_read": one.read,
        "rows_quarantined": one.rows,
        "share": one.share,
        "limit": one.limit,
        "above_limit": one.above_limit,
        "is_whole": one.is_whole,
        "reasons": [
            {
                "reason": count.reason,
                "rows": count.rows,
                "share": count.rows / one.read,
                "first_line": count.first_line,
                "first_record": count.first_record,
            }
            for count in one.reasons
        ],
    }


def _print_table(found: list[Any]) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("file", "contract", "delivery", "reason"):
        table.add_column(name, overflow="fold")
    for name in ("rows", "share", "limit", "first"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        limit = f"{one.limit:.1%}" + (" (above)" if one.above_limit else "")
        head = (one.file, one.contract, one.delivery_id)
        if len(one.reasons) > 1:
            table.add_row(*map(visible, head), "all", f"{one.rows:,}", f"{one.share:.1%}", limit, "")
            head, limit = ("", "", ""), ""
        for count in one.reasons:
            first = f"record {count.first_record}" if count.first_line is None else f"line {count.first_line}"
            table.add_row(
                *map(visible, head),
                count.reason,
                f"{count.rows:,}",
                f"{count.rows / one.read:.1%}",
                limit,
                first if count.first_record is not None else "",
            )
            head, limit = ("", "", ""), ""
    tables.print(table, markup=False)


@app.command()
def show(
    delivery: DeliveryOption = None,
    file: FileOption = None,
    reason: ReasonOption = None,
    column: ColumnOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show.")] = 20,
    rows: Annotated[bool, typer.Option("--rows", help="Show the whole rows too.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Show rows in quarantine: line, column, value, reason, and what to do."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.quarantine import Wanted, find_rows

    wanted = Wanted(delivery, file, reason, column)
    total, found = find_rows(settings.landing_dir, settings.quarantine_dir, wanted, limit)
    heading = None
    for one in found:
        if heading != (one.file, one.delivery):
            heading = (one.file, one.delivery)
            _say(f"{one.file} (delivery {one.delivery})")
        place = f"record {one.record}" if one.line is None else f"line {one.line}"
        value = "" if one.value is None else f" '{one.value}'"
        _say(f"  {place}, {one.column or 'whole row'}:{value} [{one.reason}]")
        _say(f"    {one.message.removeprefix(f'{one.file}, ')}")
        if rows:
            _say(f"    {one.row}")
    if total > len(found):
        out.print(f"{len(found)} of {total:,} rows; --limit shows more, `symmetry quarantine export` writes all.")


def _say(text: str) -> None:
    out.print(visible(text), markup=False, highlight=False)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The CSV file to write, for the owner only.")],
    delivery: DeliveryOption = None,
    file: FileOption = None,
    reason: ReasonOption = None,
    column: ColumnOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file of that name.")] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Every value as delivered; a spreadsheet may run one as a formula.")
    ] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Write whole rows, as delivered, with what is wrong with each, to a CSV file (mode 0600)."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.quarantine import Wanted, export_rows

    target = target.expanduser().resolve()
    for folder in (settings.inbox_dir, settings.published_dir):
        if target.is_relative_to(folder):
            why = "would be read from there as an extract" if folder == settings.inbox_dir else "is read by others"
            stop(f"{target}: what lies in {folder} {why}; write the rows somewhere else.", WRONG_USE)
    wanted = Wanted(delivery, file, reason, column)
    written = export_rows(settings.landing_dir, settings.quarantine_dir, wanted, target, overwrite=force, exact=exact)
    out.print(f"{written:,} row(s) written to {target}", highlight=False)
    out.print("They are people's data, whole: only you may read the file; delete it when you are done.")


@app.command()
def replay(inbox: InboxOption = None, data: DataOption = None) -> None:
    """Read again what a corrected contract can now read; nothing is published."""
    settings = load_settings(inbox=inbox, data_dir=data)
    from pipelines.commands.key import settle_rotation
    from pipelines.extracts.contract import load_contracts
    from pipelines.extracts.deliveries import live_receipts
    from pipelines.extracts.landing import land_inbox
    from pipelines.extracts.pseudonyms import load_or_create_key
    from pipelines.extracts.quarantine import replayed
    from pipelines.publication.lock import hold_warehouse

    contracts = load_contracts(*settings.contract_dirs())
    hold_warehouse(settings.warehouse_path.parent)
    settle_rotation(settings)
    before = live_receipts(settings.landing_dir)
    report = land_inbox(
        settings.inbox_dir,
        settings.landing_dir,
        settings.quarantine_dir,
        contracts,
        load_or_create_key(settings.key_path, settings.key_from_environment()),
        archive=settings.archive_dir,
        keep_originals=settings.originals_stay,
        settle_seconds=settings.settle_seconds,
        progress=lambda line: err.print(line, markup=False),
    )
    results = replayed(before, settings.landing_dir, settings.archive_dir, contracts, report.refused)
    for one in results:
        if one.kept:
            _say(f"{one.file}: {one.after:,} row(s) stay in quarantine: {one.kept}")
        else:
            came = f"{one.left:,} row(s) left" if one.left >= 0 else f"{-one.left:,} row(s) more came into"
            _say(f"{one.file}: read again by {one.contract}: {came} quarantine, {one.after:,} stay there.")
    if not results:
        out.print("Nothing was in quarantine.")
    if report.receipts:
        out.print(f"{len(report.receipts)} file(s) landed. Nothing is published yet: `symmetry run` does that.")
    if report.refused:
        raise typer.Exit(FILES_REFUSED)
