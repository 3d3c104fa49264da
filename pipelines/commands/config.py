"""`symmetry config`: every setting as it is in force, where it comes from, and what it means. Secrets stay hidden."""

from __future__ import annotations

import json
import textwrap
from typing import Annotated

import typer

from pipelines.commands.terminal import DataOption, InboxOption, arguments, err, out, read_settings, visible


def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    inbox: InboxOption = None,
    data: DataOption = None,
) -> None:
    """Print every setting in force: its value, where that comes from, what it means. Secrets are never printed."""
    settings = read_settings(inbox=inbox, data_dir=data)
    from pipelines.settings import DBT_VARIABLES, Settings
    from pipelines.settings_reference import by_topic, values_in_force
    from pipelines.settings_sources import SETTINGS_FILE, stray_variables

    rows = values_in_force(settings, arguments(inbox=inbox, data_dir=data))
    strays = stray_variables(Settings, DBT_VARIABLES)
    for stray in strays:
        err.print(f"warning: {stray}", markup=False)
    if as_json:
        document = [
            {
                "setting": row.name,
                "value": row.value,
                "origin": {"kind": row.origin.kind, "place": row.origin.place},
                "variable": row.variable,
                "description": row.description,
            }
            for row in rows
        ]
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    by_name = {row.name: row for row in rows}
    for heading, block in by_topic():
        _say(heading)
        for name, _ in block:
            row = by_name[name]
            value = "unset" if row.value is None else row.value if isinstance(row.value, str) else json.dumps(row.value)
            _say(f"  {name} = {visible(value)}   ({visible(str(row.origin))})")
            _say(textwrap.fill(row.description, 106, initial_indent=" " * 6, subsequent_indent=" " * 6))
    file = settings.workspace / SETTINGS_FILE if settings.workspace else None
    _say(f"Settings file: {file}" if file else "No symmetry.toml here or above; `symmetry init DIR` makes a workspace.")


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False)
