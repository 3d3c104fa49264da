"""`symmetry publications` and `symmetry rollback`: what has been published, and going back to it."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from pipelines.commands.terminal import (
    RUN_FAILED,
    DataOption,
    InboxOption,
    load_settings,
    out,
    read_settings,
    tables,
    tell,
)


def publications(
    verify: Annotated[bool, typer.Option(help="Read every byte again and hold it against the manifests.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifests as one JSON document.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """List the publications that are kept, the oldest first. With --verify, exit code 1 where one has changed."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.publication.history import differences, kept_publications

    kept = kept_publications(settings.published_path)
    if as_json:
        document = [{"publication_id": one.publication_id, "in_force": one.in_force, **one.manifest} for one in kept]
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif not kept:
        out.print("Nothing is published yet; run `symmetry run`.")
    else:
        table = Table(box=box.SIMPLE)
        for name in ("publication", "published (UTC)", "last month"):
            table.add_column(name, no_wrap=True)
        for name in ("deliveries", "warnings"):
            table.add_column(name, justify="right")
        table.add_column("", no_wrap=True)
        for one in kept:
            row = one.manifest["publication"]
            table.add_row(
                one.publication_id,
                str(row["published_at"])[:16].replace("T", " "),
                str(row["last_period"])[:7],
                f"{row['deliveries']:,}",
                str(len(str(row["warnings"]).splitlines())),
                "in force" if one.in_force else "",
            )
        tables.print(table)
    changed = [line for one in kept for line in differences(one)] if verify else []
    for line in changed:
        tell("error", line)
    if changed:
        raise typer.Exit(RUN_FAILED)
    if verify and kept and not as_json:
        out.print(f"{len(kept)} publication(s): every byte is as their manifests say.")


def rollback(
    publication_id: Annotated[str, typer.Argument(metavar="ID", help="As `symmetry publications` lists it.")],
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Put a kept publication in force again, with its Parquet, reports and the files of the audiences."""
    settings = load_settings(inbox=inbox, data_dir=data)
    from pipelines.publication.audiences import Audiences, units_of
    from pipelines.publication.history import differences, go_back, kept_publication
    from pipelines.publication.inputs import settled_definitions
    from pipelines.publication.lock import hold_warehouse
    from pipelines.publication.pages import write_audience_pages, write_reports

    hold_warehouse(settings.warehouse_path.parent)
    chosen = kept_publication(settings.published_path, publication_id)
    changed = differences(chosen)
    if changed:
        for line in changed:
            tell("error", line)
        raise typer.Exit(RUN_FAILED)
    if settings.audiences_path is not None:
        # Before anything moves: every unit that an audience sees must be in that publication.
        Audiences(settings.audiences_path).check_units(units_of(chosen.scorecard))
    go_back(settings.published_path, chosen)
    bar = settled_definitions(settings).parameters["bar"]
    write_reports(settings, bar)
    write_audience_pages(settings, bar)
    out.print(f"{publication_id} is in force: {settings.published_path}, Parquet, reports and audiences' files.")
    out.print(
        "A run publishes again once a delivery, a definition or the code is another; `symmetry run --force` does at "
        "once. `symmetry rollback` with a later id goes forward again."
    )
