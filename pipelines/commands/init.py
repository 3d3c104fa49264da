"""`symmetry init`: a company's own workspace, outside the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.terminal import WRONG_USE, out, stop


def init(
    folder: Annotated[Path, typer.Argument(help="The folder to make.", show_default=False)],
    definitions: Annotated[str, typer.Option(help="The shipped definitions to begin with.")] = "default",
) -> None:
    """Make a company's own workspace: inbox, contracts, definitions to edit, settings. Commands work from inside it."""
    from pipelines.company_workspace import WorkspaceError, make_workspace

    try:
        made = make_workspace(folder, definitions)
    except WorkspaceError as error:
        stop(str(error), WRONG_USE)
    told = [
        f"A workspace is made in {made}:",
        "  symmetry.toml   every setting, with its default and meaning",
        "  inbox/          put extracts here; what has landed moves to data/archive/",
        "  contracts/      contracts of your own systems, and shipped ones you adapt",
        f"  definitions/    indicators, goalposts, weights, labels: a copy of {definitions!r}, to edit",
        "  data/           what the pipeline writes: landing, quarantine, warehouse, published",
        f"Next: cd {made}",
        "  symmetry config     what is in force here, and where it comes from",
        "  symmetry simulate   an example company's extracts, to try it",
        "  symmetry run        the scorecard, from what is in inbox/",
    ]
    out.print("\n".join(told), markup=False, highlight=False)
