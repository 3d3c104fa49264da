"""`symmetry deliveries`: the ledger of what has come in, what became of it, and what was refused."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from pipelines.commands.terminal import DataOption, InboxOption, out, read_settings, tables, visible

app = typer.Typer(help="The ledger of deliveries: what has landed, what gave way to a later reading, what was refused.")


@app.callback(invoke_without_command=True)
def deliveries(
    every: Annotated[bool, typer.Option("--all", help="Also those that count no more, and refused ones.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole ledger as one JSON document.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """List the deliveries in force, the earliest landed first; with --all the whole ledger."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.deliveries import read_receipts, refused_deliveries

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


def _outcome(receipt: Any) -> str:
    from pipelines.extracts.deliveries import WITHDRAWN

    if receipt.superseded_by == WITHDRAWN:
        return "withdrawn"
    if receipt.superseded_by is not None:
        return f"read anew as {receipt.superseded_by}"
    return "in force, cut off" if receipt.cut_off else "in force"
