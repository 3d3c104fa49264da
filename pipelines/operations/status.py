"""The state of a company's pipeline, as one typed model: what the command prints and alerts are made from.

It is gathered from receipts, contracts, the published file, Dagster's storage and the disk, each by itself: what
cannot be read is named in `unreadable`, and the rest is still told.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from pipelines.extracts.contract import Contract, ContractError, load_contracts
from pipelines.extracts.deliveries import DamagedReceiptError, Receipt, live_receipts, read_refusals
from pipelines.extracts.onboarding.source_states import states_of
from pipelines.extracts.quarantine import above_limit
from pipelines.operations.runs import CommandRecord, Run, RunsError, company_runs, read_command_record
from pipelines.operations.ruptures import OpenRupture, RupturesError, open_ruptures
from pipelines.publication.publish import PublishedFileError, last_publication
from pipelines.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

Part = Literal["publication", "sources", "deliveries", "ruptures", "runs", "command", "disk", "alerts"]
T = TypeVar("T")


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True)


class Publication(_Fact):
    """The last publication: when (aware, UTC), whole days ago, and its first and last month (YYYY-MM-DD)."""

    publication_id: str
    published_at: datetime
    age_days: int
    last_period: str | None
    units: int


class Source(_Fact):
    """A source that has delivered at least once; times are aware, UTC.

    `age_days`: whole days since its newest version; `overdue_days`: those beyond its cadence, None without one;
    `retired`: nothing more is expected of it.
    """

    contract: str
    cadence: str | None
    version: datetime
    landed_at: datetime
    age_days: int
    overdue_days: int | None
    retired: bool


class Overfull(_Fact):
    """A delivery in force with more rows in quarantine than the landing gate lets through (`limit`: share, 0 to 1)."""

    delivery_id: str
    contract: str
    rows_read: int
    rows_quarantined: int
    limit: float
    reasons: dict[str, int]


class Quarantine(_Fact):
    """Rows of the deliveries in force: read, in quarantine; the deliveries above their limit."""

    deliveries: int
    rows_read: int
    rows_quarantined: int
    above_limit: tuple[Overfull, ...]


class Disk(_Fact):
    """The file system of the data folder, in bytes, and the share of it that is free (0 to 1)."""

    free_bytes: int
    total_bytes: int
    free_share: float


class Unreadable(_Fact):
    """A part that cannot be told, the class of the error, and its message, which stays on this machine."""

    part: Part
    error: str
    message: str


class Status(_Fact):
    """The state of one company's pipeline at one moment (aware, UTC).

    A part that is None and named in `unreadable` could not be read. `publication` None otherwise: nothing has been
    published; `ruptures` None otherwise: the published file has no such table. `refused`: files that wait in the
    inbox, by reason. `runs`: the newest first.
    """

    company: Path
    at: datetime
    publication: Publication | None = None
    sources: tuple[Source, ...] | None = None
    quarantine: Quarantine | None = None
    refused: dict[str, int] | None = None
    ruptures: tuple[OpenRupture, ...] | None = None
    runs: tuple[Run, ...] | None = None
    command: CommandRecord | None = None
    disk: Disk | None = None
    unreadable: tuple[Unreadable, ...] = ()


def gather_status(settings: Settings, now: datetime, instance: dg.DagsterInstance | None = None) -> Status:
    """Gather the state of a company. Nothing is written, and the warehouse is left alone.

    Args:
        settings: the settings in force.
        now: aware, UTC.
        instance: Dagster's instance, when the caller has one open.
    """
    unreadable: list[Unreadable] = []

    def told(part: Part, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except (OSError, ContractError, DamagedReceiptError, PublishedFileError, RupturesError, RunsError) as error:
            unreadable.append(Unreadable(part=part, error=type(error).__name__, message=str(error)))
            return None

    contracts = told("sources", lambda: load_contracts(*settings.contract_dirs()))
    receipts = told("deliveries", lambda: live_receipts(settings.landing_dir))
    known = contracts is not None and receipts is not None
    if receipts is None and contracts is not None:
        unreadable.append(unreadable[-1].model_copy(update={"part": "sources"}))
    if contracts is None and receipts is not None:
        # A contract may state a limit of its own, so without it nothing is above or below.
        unreadable.append(unreadable[-1].model_copy(update={"part": "deliveries"}))
    published = settings.published_path
    publication = told("publication", lambda: _publication(published, now))
    ruptures = told("ruptures", lambda: open_ruptures(published) if published.is_file() else None)
    runs = told("runs", lambda: company_runs(settings.dagster_home, settings.company_dir, instance))
    return Status(
        company=settings.company_dir,
        at=now,
        publication=publication,
        sources=_sources(contracts or [], receipts or [], settings.retired, now) if known else None,
        quarantine=_quarantine(contracts or [], receipts or [], settings.max_quarantine_share) if known else None,
        refused=told("deliveries", lambda: _refused(settings.landing_dir, settings.inbox_dir)),
        ruptures=None if ruptures is None else tuple(ruptures),
        runs=None if runs is None else tuple(runs),
        command=told("command", lambda: read_command_record(settings.operations_dir)),
        disk=told("disk", lambda: _disk(settings.data_dir)),
        unreadable=tuple(unreadable),
    )


def _publication(published: Path, now: datetime) -> Publication | None:
    last = last_publication(published)
    if last is None:
        return None
    at = last["published_at"].replace(tzinfo=UTC)
    return Publication(
        publication_id=last["publication_id"],
        published_at=at,
        age_days=max(0, (now - at).days),
        last_period=None if last["last_period"] is None else last["last_period"].isoformat(),
        units=last["units"],
    )


def _sources(
    contracts: Sequence[Contract], receipts: Sequence[Receipt], retired: Sequence[str], now: datetime
) -> tuple[Source, ...]:
    return tuple(
        Source(
            contract=state.source,
            cadence=state.cadence,
            version=state.version.replace(tzinfo=UTC),
            landed_at=state.landed_at.replace(tzinfo=UTC),
            age_days=state.age_days,
            overdue_days=state.overdue_days,
            retired=state.source in retired,
        )
        for state in states_of(contracts, receipts, now.replace(tzinfo=None))
        if state.version is not None and state.landed_at is not None and state.age_days is not None
    )


def _quarantine(contracts: Sequence[Contract], receipts: Sequence[Receipt], limit: float) -> Quarantine:
    stated = {contract.full_name: contract.max_quarantine_share for contract in contracts}
    overfull = []
    for receipt in receipts:
        own = stated.get(receipt.contract)
        allowed = limit if own is None else own
        if above_limit(receipt.quarantined, receipt.read, allowed):
            overfull.append(
                Overfull(
                    delivery_id=receipt.delivery_id,
                    contract=receipt.contract,
                    rows_read=receipt.read,
                    rows_quarantined=receipt.quarantined,
                    limit=allowed,
                    reasons=receipt.reasons,
                )
            )
    return Quarantine(
        deliveries=len(receipts),
        rows_read=sum(receipt.read for receipt in receipts),
        rows_quarantined=sum(receipt.quarantined for receipt in receipts),
        above_limit=tuple(sorted(overfull, key=lambda one: one.delivery_id)),
    )


def _refused(landing_dir: Path, inbox: Path) -> dict[str, int]:
    counted: dict[str, int] = {}
    for refusal in read_refusals(landing_dir, inbox):
        counted[refusal.reason] = counted.get(refusal.reason, 0) + 1
    return dict(sorted(counted.items()))


def _disk(folder: Path) -> Disk:
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    usage = shutil.disk_usage(there)
    return Disk(free_bytes=usage.free, total_bytes=usage.total, free_share=round(usage.free / usage.total, 4))
