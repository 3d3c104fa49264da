"""What is wrong, from the state of a company: pure, and worded so that it may leave the machine.

A problem has an identity that stays the same as long as it lasts, however often it is seen: that is what makes one
alert of it and not one a retry.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from pipelines.extracts.contract import CADENCES, grace_days
from pipelines.operations.runs import NO_WORD, failures_in_force
from pipelines.operations.status import Part, Source, Status

#: From the worst. `news` is told once and is nothing that a monitor should be red for.
Severity = Literal["critical", "unknown", "warning", "news"]

WELL, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3


class Problem(BaseModel):
    """One thing that is wrong; no personal data in any of it.

    `identity` is the same while it lasts. `part` is what it was seen in: while that cannot be read, the problem is
    not over. `since`: aware, UTC, where known. `text` is one sentence, `remedy` what to do.
    """

    model_config = ConfigDict(frozen=True)

    identity: str
    part: Part
    severity: Severity
    text: str
    remedy: str
    since: datetime | None = None


class Limits(BaseModel):
    """What is still well: the settings of the same names; `min_free_disk_gb` in 10^9 bytes."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    stale_grace_days: int | None
    publication_max_age_days: int
    slow_run_minutes: int
    min_free_disk_gb: float


def problems_of(status: Status, limits: Limits) -> list[Problem]:
    """Return what is wrong, the worst first, each once."""
    order = ("critical", "unknown", "warning", "news")
    found = [
        *_unreadable(status),
        *_runs(status, limits),
        *_publication(status, limits),
        *_disk(status, limits),
        *_deliveries(status),
        *_sources(status, limits),
        *_ruptures(status),
    ]
    return sorted(found, key=lambda problem: order.index(problem.severity))


def exit_code(problems: list[Problem]) -> int:
    """0 well, 1 a warning, 2 critical, 3 something cannot be told (which outranks a warning, as it may hide worse)."""
    severities = {problem.severity for problem in problems}
    if "critical" in severities:
        return CRITICAL
    if "unknown" in severities:
        return UNKNOWN
    return WARNING if "warning" in severities else WELL


def _unreadable(status: Status) -> Iterator[Problem]:
    seen = set()
    for one in status.unreadable:
        if one.part not in seen:
            seen.add(one.part)
            yield Problem(
                identity=f"unreadable {one.part}",
                part=one.part,
                severity="unknown",
                text=f"The state of the {one.part} cannot be told ({one.error}).",
                remedy="Run `symmetry status` on the machine: it gives the message in full.",
            )


def _runs(status: Status, limits: Limits) -> Iterator[Problem]:
    well_at = status.command.well_at if status.command is not None else None
    for job, failure, first, _ in failures_in_force(status.runs or (), well_at):
        if failure.error == NO_WORD:
            what = "ended without a word (killed, or out of memory)"
        elif failure.error == "DagsterAssetCheckFailedError":
            what = f"was stopped by a check after {failure.step}; the last publication stays as it was"
        else:
            what = f"failed in the step {failure.step}" if failure.step else "failed outside any step"
            what += f" ({failure.error})"
        yield Problem(
            identity=f"run {job} / {failure.step} / {failure.error}",
            part="runs",
            severity="critical",
            text=f"The job {job} {what}.",
            remedy="`symmetry ui` shows the run step by step, with the messages; correct the cause and run again.",
            since=first,
        )
    for run in status.runs or ():
        if run.state in ("running", "waiting") and status.at - run.started > timedelta(minutes=limits.slow_run_minutes):
            verb = "been waiting" if run.state == "waiting" else "been working"
            yield Problem(
                identity=f"slow run {run.run_id}",
                part="runs",
                severity="warning",
                text=f"A run of the job {run.job} has {verb} for more than {limits.slow_run_minutes} minutes.",
                remedy="See in `symmetry ui` whether it moves, and whether the daemon is up. If its process is gone, "
                "the next `symmetry run` closes it.",
                since=run.started,
            )
    stop = status.command.stop if status.command is not None else None
    if stop is not None:
        yield Problem(
            identity=f"command {stop.error}",
            part="command",
            severity="critical",
            text=f"`symmetry run` stopped outside the job ({stop.error}).",
            remedy="Run it by hand: it says why, and what to correct.",
            since=stop.since,
        )


def _publication(status: Status, limits: Limits) -> Iterator[Problem]:
    if any(one.part == "publication" for one in status.unreadable):
        return
    if status.publication is None:
        yield Problem(
            identity="no publication",
            part="publication",
            severity="critical",
            text="Nothing has been published.",
            remedy="Put extracts in the inbox and run `symmetry run`.",
        )
    elif status.publication.age_days > limits.publication_max_age_days:
        yield Problem(
            identity="old publication",
            part="publication",
            severity="warning",
            text=f"The last publication is {status.publication.age_days} days old, more than the "
            f"{limits.publication_max_age_days} that are allowed.",
            remedy="See whether the schedule runs and whether the sources deliver (`symmetry sources list`).",
            since=status.publication.published_at,
        )


def _disk(status: Status, limits: Limits) -> Iterator[Problem]:
    if status.disk is not None and status.disk.free_bytes < limits.min_free_disk_gb * 1e9:
        yield Problem(
            identity="disk",
            part="disk",
            severity="critical",
            text=f"{status.disk.free_bytes / 1e9:.1f} GB are free where the data lie, less than the "
            f"{limits.min_free_disk_gb:g} GB that are wanted.",
            remedy="Make room, or keep originals for a shorter time (the setting archive_days).",
        )


def _deliveries(status: Status) -> Iterator[Problem]:
    for one in status.quarantine.above_limit if status.quarantine is not None else ():
        reasons = ", ".join(
            f"{name} {rows:,}" for name, rows in sorted(one.reasons.items(), key=lambda r: (-r[1], r[0]))
        )
        yield Problem(
            identity=f"quarantine {one.delivery_id}",
            part="deliveries",
            severity="warning",
            text=f"{one.rows_quarantined:,} of {one.rows_read:,} rows of the delivery {one.delivery_id} of "
            f"{one.contract} are in quarantine ({reasons}), above the limit of {one.limit:.1%}.",
            remedy=f"`symmetry quarantine show --delivery {one.delivery_id}` shows them. Correct the contract, or "
            f"`symmetry withdraw {one.delivery_id}` and have it delivered again.",
        )
    for reason, files in (status.refused or {}).items():
        yield Problem(
            identity=f"refused {reason}",
            part="deliveries",
            severity="warning",
            text=f"{files} file(s) in the inbox are refused ({reason}).",
            remedy="`symmetry deliveries --all` names them and says why.",
        )


def _sources(status: Status, limits: Limits) -> Iterator[Problem]:
    for source in status.sources or ():
        if is_stale(source, limits.stale_grace_days):
            cadence = source.cadence or ""
            yield Problem(
                identity=f"stale {source.contract}",
                part="sources",
                severity="warning",
                text=f"The source {source.contract} is stale: its newest version is {source.age_days} days old, and "
                f"its cadence is {cadence} ({CADENCES[cadence]} days, and "
                f"{grace_days(cadence, limits.stale_grace_days)} of grace).",
                remedy="Ask its owner (`symmetry sources list` names them). If nothing more is to come, add it to the "
                "setting retired_sources.",
                since=source.version,
            )


def is_stale(source: Source, chosen_grace_days: int | None) -> bool:
    """Whether a source is late beyond its grace. One without a cadence, or retired, never is."""
    if source.retired or source.cadence is None or source.overdue_days is None:
        return False
    return source.overdue_days > grace_days(source.cadence, chosen_grace_days)


def _ruptures(status: Status) -> Iterator[Problem]:
    for rupture in status.ruptures or ():
        where = f"in the pair {rupture.pair_id}" if rupture.pair_id else "as a whole"
        yield Problem(
            # Not its first month: that is estimated anew with each publication, and the rupture is the same.
            identity=f"rupture {rupture.unit_id} / {rupture.pair_id or '*'} / {rupture.side}",
            part="ruptures",
            severity="news",
            text=f"A rupture of symmetry is open in {rupture.unit_name} ({rupture.unit_id}) {where}, side "
            f"{rupture.side}, since {rupture.start_period:%Y-%m}.",
            remedy="See the report, and the table `ruptures` of the published file.",
        )
