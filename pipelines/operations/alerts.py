"""Who is told what: one alert a problem, and one word when it is over, however often the pipeline is looked at.

What each channel has been told stands in a ledger. A tick compares it with what is wrong now and sends the
difference; only what was sent is written down, so what could not be sent is sent by the next tick. The same tick
serves `symmetry run` (cron) and the daemon's sensors; a lock keeps two of them from saying one thing twice.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ValidationError

from pipelines.operations.channels import Channel, SendError, channels
from pipelines.operations.messages import compose
from pipelines.operations.problems import Limits, Problem, problems_of
from pipelines.operations.runs import write_whole
from pipelines.operations.status import Part, Status, gather_status
from pipelines.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

#: Seconds to wait for another tick that is sending.
PATIENCE_SECONDS = 30.0


class Told(BaseModel):
    """A problem that a channel was told of: where it was seen, in which words, and when (aware, UTC)."""

    part: Part
    text: str
    at: datetime


class Undelivered(BaseModel):
    """A channel's last attempts failed: since when, how many, and why (a class of error or a code)."""

    since: datetime
    attempts: int
    error: str


class Ledger(BaseModel):
    """What has been told, by channel and identity of the problem, and the channels that could not be reached."""

    told: dict[str, dict[str, Told]] = {}
    undelivered: dict[str, Undelivered] = {}


@dataclass(frozen=True)
class Outcome:
    """What a tick did by one channel, as one line for a log; `sent`: whether a message went out."""

    channel: str
    sent: bool
    said: str


class LedgerError(RuntimeError):
    """The ledger of alerts cannot be used; the message says what to do."""


def read_ledger(folder: Path) -> Ledger:
    """Return the ledger of alerts, an empty one when nothing was ever told.

    Raises:
        LedgerError: it is damaged.
        OSError: it cannot be read.
    """
    path = folder / "alerts.json"
    if not path.is_file():
        return Ledger()
    try:
        return Ledger.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise LedgerError(f"{path} is damaged; delete it, and what is wrong is told once more") from error


def all_problems(status: Status, settings: Settings) -> list[Problem]:
    """Return what is wrong, the worst first: in the state of the pipeline, and with the channels themselves."""
    found = problems_of(status, Limits.model_validate(settings))
    try:
        ledger = read_ledger(settings.operations_dir)
    except (LedgerError, OSError) as error:
        return [
            *found,
            Problem(
                identity="unreadable alerts",
                part="alerts",
                severity="unknown",
                text=f"What has been told cannot be told ({type(error).__name__}), so no alert is sent.",
                remedy=f"See that {settings.operations_dir.name}/alerts.json can be read; delete it if it is damaged.",
            ),
        ]
    names = [channel.name for channel in channels(settings)]
    return found + [_unreachable(name, ledger.undelivered[name]) for name in names if name in ledger.undelivered]


def _unreachable(channel: str, failed: Undelivered) -> Problem:
    return Problem(
        identity=f"channel {channel}",
        part="alerts",
        severity="warning",
        text=f"Alerts by {channel} cannot be sent ({failed.error}).",
        remedy="Correct its settings, or see that its server is up; what is open is sent by the next tick.",
        since=failed.since,
    )


def news_for(
    channel: str, problems: Sequence[Problem], told: Mapping[str, Told], cannot: set[Part]
) -> tuple[list[Problem], list[str]]:
    """Return what a channel is to be told: problems new to it, and the identities of those that are over.

    Args:
        channel: its name; that it cannot be reached is no news for itself.
        problems: what is wrong now.
        told: what it has been told, by identity.
        cannot: parts that cannot be read now; what was seen in them is not over.
    """
    now = {problem.identity: problem for problem in problems if problem.identity != f"channel {channel}"}
    new = [problem for identity, problem in now.items() if identity not in told]
    over = [identity for identity, one in told.items() if identity not in now and one.part not in cannot]
    return new, over


def tell(settings: Settings, now: datetime, instance: dg.DagsterInstance | None = None) -> list[Outcome]:
    """Tell each channel what is new to it. Never raises: an alert that fails must not fail a run.

    Args:
        settings: the settings in force.
        now: aware, UTC.
        instance: Dagster's instance, when the caller has one open.

    Returns:
        An outcome for each channel that had something to be told, or could not be.
    """
    ways = channels(settings)
    if not ways:
        return []
    try:
        with _alone(settings.operations_dir):
            ledger = read_ledger(settings.operations_dir)
            status = gather_status(settings, now, instance)
            problems = all_problems(status, settings)
            cannot = {one.part for one in status.unreadable}
            return [
                outcome
                for way in ways
                if (outcome := _tell_one(way, problems, cannot, ledger, settings, now)) is not None
            ]
    except (LedgerError, OSError) as error:
        return [Outcome("alerts", False, f"No alert could be sent: {error}")]
    except Exception as error:
        # A fault of ours; its text may quote data, so its class must do.
        return [Outcome("alerts", False, f"No alert could be sent: {type(error).__name__}; please report it")]


def _tell_one(
    way: Channel,
    problems: Sequence[Problem],
    cannot: set[Part],
    ledger: Ledger,
    settings: Settings,
    now: datetime,
) -> Outcome | None:
    told = ledger.told.get(way.name, {})
    new, over = news_for(way.name, problems, told, cannot)
    solved = [told[identity].text for identity in over] if settings.alert_on_solved else []
    still_open = len(told) - len(over)
    outcome = None
    if new or solved:
        name = settings.alerts_name or f"{settings.company_dir.name} on {socket.gethostname()}"
        try:
            way.send(compose(name, new, solved, still_open))
        except SendError as error:
            before = ledger.undelivered.get(way.name, Undelivered(since=now, attempts=0, error=""))
            failed = Undelivered(since=before.since, attempts=before.attempts + 1, error=str(error))
            ledger.undelivered[way.name] = failed
            write_whole(settings.operations_dir / "alerts.json", ledger)
            said = f"An alert by {way.name} could not be sent ({error}); it is kept and sent by the next tick."
            return Outcome(way.name, False, said)
        outcome = Outcome(way.name, True, f"Alert by {way.name}: {len(new)} new, {len(solved)} solved.")
        ledger.undelivered.pop(way.name, None)
    if new or over:
        kept = {identity: one for identity, one in told.items() if identity not in over}
        fresh = {one.identity: Told(part=one.part, text=one.text, at=now) for one in new}
        ledger.told[way.name] = kept | fresh
        write_whole(settings.operations_dir / "alerts.json", ledger)
    return outcome


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock on the ledger. Raises LedgerError when another process keeps it for too long."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".alerts.lock").open("a") as stream:
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise LedgerError("another process is still sending alerts; the next tick tells the rest") from None
                time.sleep(0.2)
        yield
