"""`symmetry key`: the pseudonym key."""

from __future__ import annotations

import time
from collections.abc import Callable

import typer

from pipelines.commands.terminal import DataOption, InboxOption, err, load_settings, out
from pipelines.settings import Settings

app = typer.Typer(no_args_is_help=True, help="The key that identifiers become pseudonyms with.")


@app.callback()
def key() -> None:
    """The key that identifiers become pseudonyms with."""


@app.command()
def rotate(inbox: InboxOption = None, data: DataOption = None) -> None:
    """Add a new key, and bring every pseudonym that has landed up to it. Figures stay as they are."""
    settings = load_settings(inbox=inbox, data_dir=data)
    from pipelines.extracts.rotation import Landing, rotate_key
    from pipelines.publication.lock import hold_warehouse

    landings = []
    # The key file belongs to the data folder, so every company in it changes its pseudonyms at once.
    for company in settings.companies():
        warehouse = company / settings.warehouse_path.relative_to(settings.company_dir)
        folder = company / settings.landing_dir.relative_to(settings.company_dir)
        if folder.is_dir():
            warehouse.parent.mkdir(mode=0o700, exist_ok=True)
            hold_warehouse(warehouse.parent)
            landings.append(Landing(folder, warehouse))
    done = rotate_key(landings, settings.key_path, settings.key_from_environment(), now_and_then())
    out.print(
        f"The pseudonym key is a chain of {done.keys} now: {done.rows:,} landed rows of {done.deliveries} deliveries "
        f"were rewritten in {done.files} files."
    )
    out.print(f"Keep {settings.key_path} safe, all its lines: copies of it made before today link nothing new.")
    if not done.deliveries:
        return
    out.print(
        "The figures published stand. The warehouse, which held the former pseudonyms, is removed; "
        "`symmetry run --force` makes it anew now, the next run with something new will otherwise."
    )


def settle_rotation(settings: Settings) -> None:
    """Finish or discard a rotation of the key that was cut off, before anything reads the landing; say which."""
    from pipelines.extracts.rotation import ROTATION, Landing, finish_rotation
    from pipelines.publication.lock import hold_warehouse

    if not (settings.landing_dir / ROTATION).exists():
        return
    hold_warehouse(settings.warehouse_path.parent)
    landing = Landing(settings.landing_dir, settings.warehouse_path)
    told = finish_rotation(landing, settings.key_path, settings.key_from_environment())
    if told:
        err.print(told, markup=False)


def now_and_then(seconds: float = 1.0) -> Callable[[str], None]:
    """Return a function that prints a line of progress, at most one in so many seconds."""
    last = time.monotonic()

    def say(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            err.print(line, markup=False)
            last = time.monotonic()

    return say
