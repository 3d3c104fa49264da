"""`symmetry deliveries`: the ledger of what has come in, what became of it, and what was refused."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from pipelines.commands.terminal import (
    RUN_FAILED,
    DataOption,
    InboxOption,
    out,
    read_settings,
    tables,
    tell,
    visible,
)
from pipelines.settings import Settings

app = typer.Typer(help="The ledger of deliveries: what has landed, what gave way to a later reading, what was refused.")


@app.callback(invoke_without_command=True)
def deliveries(
    every: Annotated[bool, typer.Option("--all", help="Also those that count no more, and refused ones.")] = False,
    verify: Annotated[bool, typer.Option(help="Read every landed file again and hold it against its receipt.")] = False,
    repair: Annotated[
        bool, typer.Option(help="Remove damaged files whose original is archived, so that the next run lands it anew.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole ledger as one JSON document.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """List the deliveries in force, the earliest landed first; with --all the whole ledger."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.deliveries import read_receipts, refused_deliveries

    if verify or repair:
        _verify(settings, repair=repair)
        return
    receipts = read_receipts(settings.landing_dir)
    refused = refused_deliveries(settings.landing_dir)
    if as_json:
        landed = [{**receipt.model_dump(mode="json"), "outcome": _outcome(receipt)} for receipt in receipts]
        document = {"landed": landed, "refused": [entry.model_dump(mode="json") for entry in refused]}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    shown = [receipt for receipt in receipts if every or receipt.superseded_by is None]
    if not shown and not (every and refused):
        out.print(f"Nothing has landed yet; put extracts in {settings.inbox_dir} and run `symmetry run`.")
        return
    table = Table(box=box.SIMPLE)
    for name in ("delivery", "version"):
        table.add_column(name, no_wrap=True)
    for name in ("file", "contract"):
        table.add_column(name, overflow="fold")
    for name in ("read", "landed", "bad", "twice", "left out"):
        table.add_column(name, justify="right")
    table.add_column("outcome", no_wrap=True)
    for receipt in shown:
        counts = (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates, receipt.filtered)
        table.add_row(
            receipt.delivery_id,
            f"{receipt.version:%Y-%m-%d}" if receipt.named else f"{receipt.version:%Y-%m-%d %H:%M}",
            visible(receipt.file),
            f"{receipt.contract} v{receipt.contract_version}",
            *(f"{count:,}" for count in counts),
            _outcome(receipt),
        )
    tables.print(table)
    if every:
        for entry in refused:
            out.print(f"{entry.at:%Y-%m-%d %H:%M} refused ({entry.reason}): {visible(entry.message)}", markup=False)


def _verify(settings: Settings, *, repair: bool) -> None:
    """Say which landed files are not as they landed; exit code 1 where there are any left."""
    from pipelines.extracts.deliveries import damaged_files
    from pipelines.publication.lock import hold_warehouse

    left = 0
    for damaged in damaged_files(settings.landing_dir):
        receipt = damaged.receipt
        what = "is missing" if damaged.is_missing else "has other bytes than when it landed"
        archived = bool(receipt.original) and (settings.archive_dir / receipt.original).is_file()
        if repair and archived:
            hold_warehouse(settings.warehouse_path.parent)
            damaged.path.unlink(missing_ok=True)
            out.print(f"{damaged.path} {what}; it is removed, and `symmetry run` lands its original anew.")
            continue
        left += 1
        remedy = (
            "`symmetry deliveries --repair` removes it, and the next run lands its original from the archive anew"
            if archived
            else f"its original is not in the archive: put {visible(receipt.file)} into the inbox and run again, or "
            f"take the delivery back: symmetry withdraw {receipt.delivery_id}"
        )
        tell("error", f"{damaged.path} {what} (delivery {receipt.delivery_id}); {remedy}")
    if left:
        raise typer.Exit(RUN_FAILED)
    if not repair:
        out.print("Every landed file is as it landed.")


def _outcome(receipt: Any) -> str:
    from pipelines.extracts.deliveries import WITHDRAWN

    if receipt.superseded_by == WITHDRAWN:
        return "withdrawn"
    if receipt.superseded_by is not None:
        return f"read anew as {receipt.superseded_by}"
    return "in force, cut off" if receipt.cut_off else "in force"
