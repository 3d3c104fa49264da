"""`symmetry forget`: take a person out of everything, and leave them out of what comes."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.terminal import WRONG_USE, DataOption, InboxOption, err, load_settings, out, stop


def forget(
    client: Annotated[str | None, typer.Option(help="The client's identifier, as the source system writes it.")] = None,
    employee: Annotated[str | None, typer.Option(help="The employee's identifier, as the source writes it.")] = None,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Take a person out of landing, quarantine, archive and warehouse; later deliveries leave them out too."""
    given = [(domain, name) for domain, name in (("client", client), ("employee", employee)) if name and name.strip()]
    if len(given) != 1:
        stop(
            "Give one of --client ID and --employee ID, with the identifier as the source system writes it.", WRONG_USE
        )
    [(domain, identifier)] = given
    settings = load_settings(inbox=inbox, data_dir=data)
    from pipelines.commands.key import now_and_then, settle_rotation
    from pipelines.extracts.forgetting import forget as take_out
    from pipelines.extracts.pseudonyms import load_or_create_key
    from pipelines.publication.lock import hold_warehouse

    hold_warehouse(settings.warehouse_path.parent)
    settle_rotation(settings)
    key = load_or_create_key(settings.key_path, settings.key_from_environment())
    done = take_out(
        settings.landing_dir,
        settings.quarantine_dir,
        settings.archive_dir,
        settings.warehouse_path,
        domain,
        identifier,
        key,
        now_and_then(),
    )
    rows = sum(done.rows.values())
    out.print(
        f"Forgotten: {rows:,} source row(s) of {len(done.rows)} source(s) have left, and {done.originals} original(s) "
        "the archive. What is kept says when and how many, and not who: `landing/_forgotten.json`."
    )
    if not rows and not done.originals:
        err.print(
            "Nothing was found under that identifier: see that it is written as in the export. Should it come, it is "
            "left out."
        )
    out.print("`symmetry run` makes the warehouse anew, audits and publishes without them.")
    waiting = [path.name for path in settings.inbox_dir.iterdir() if not path.name.startswith(".")]
    if waiting:
        out.print(f"Files in {settings.inbox_dir} are left as they are ({len(waiting)}): they land without the person.")
