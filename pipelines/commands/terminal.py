"""What the commands share: the consoles they print to, the options they have in common, the settings they load."""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from pipelines.logs import LEVELS, json_line
from pipelines.settings import Settings, SettingsError, effective_settings

out = Console(soft_wrap=True)
# A table narrower than this would cut its figures; a pipe reports 80 columns whatever reads it.
tables = Console(width=max(Console().width, 110))
err = Console(stderr=True, soft_wrap=True, highlight=False)

RUN_FAILED, WRONG_USE, FILES_REFUSED = 1, 2, 3

InboxOption = Annotated[Path | None, typer.Option(help="Folder of extracts to read.")]
#: What `symmetry --workspace` was given, set by the root of the command.
chosen_workspace: ContextVar[Path | None] = ContextVar("chosen_workspace", default=None)

#: The form and the least level of what `tell` says, once settings are loaded.
_logs: ContextVar[tuple[str, str]] = ContextVar("_logs", default=("text", "info"))

DataOption = Annotated[Path | None, typer.Option("--data", help="Root of all that the pipeline writes.")]


def tell(level: str, message: str, shown: str | None = None) -> None:
    """Say on standard error how the command goes, in the form and from the level on that the settings ask for.

    Args:
        level: debug, info, warning or error.
        message: what is logged.
        shown: what a person is shown instead, where that reads better among the lines around it.
    """
    log_format, least = _logs.get()
    if LEVELS[level] < LEVELS[least]:
        return
    if log_format == "json":
        sys.stderr.write(json_line(level, message, at=time.time()) + "\n")
    else:
        err.print(message if shown is None else shown, markup=False)


def stop(message: str, code: int) -> NoReturn:
    """Say why on standard error and end the command with that exit code."""
    tell("error", message)
    raise typer.Exit(code)


def arguments(**given: object) -> dict[str, object]:
    """Return the settings that the command line gives: the options of the command, and the workspace before it."""
    return {name: value for name, value in {"workspace": chosen_workspace.get(), **given}.items() if value is not None}


def read_settings(**given: object) -> Settings:
    """Return the settings in force, what was given on the command line first; nothing is written.

    Ends the command (exit code WRONG_USE) when a setting is wrong; the message names it.
    """
    chosen = arguments(**given)
    try:
        return effective_settings(**chosen)
    except SettingsError as error:
        stop(str(error), WRONG_USE)


def load_settings(**given: object) -> Settings:
    """Return the settings in force, as `read_settings` does; make their folders and hand them to other processes."""
    settings = read_settings(**given)
    _logs.set((settings.log_format, settings.log_level))
    settings.make_folders()
    settings.export_to_processes()
    return settings


def visible(text: str) -> str:
    """Return a text from a file as it may be shown: what would steer the terminal is written out (`\\x1b`)."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
