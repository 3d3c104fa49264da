"""Each contract in force and what was last delivered under it: what `symmetry sources list` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipelines.extracts.contract import CADENCES, Contract
from pipelines.extracts.deliveries import Receipt


@dataclass(frozen=True)
class SourceState:
    """A contract in force and its last delivery; times are naive UTC, as in the receipts.

    `dated`: until when its newest version brings it up to date; `age_days`: whole days since then; `overdue_days`:
    whole days beyond what the cadence promises, 0 when in time. All null where nothing was ever delivered, the last
    also where no cadence is promised. `path`: the contract's file; `replaces`: the shipped contract it stands in for.
    """

    source: str
    feeds: tuple[str, ...]
    match: tuple[str, ...]
    format: str
    delivery: str
    cadence: str | None
    owner: str
    path: str
    replaces: str | None = None
    file: str | None = None
    version: datetime | None = None
    landed_at: datetime | None = None
    dated: datetime | None = None
    age_days: int | None = None
    overdue_days: int | None = None


def dated(contract: Contract, receipt: Receipt) -> datetime:
    """Return until when a delivery brings its source up to date (naive UTC).

    That is the date in the file's name where its contract reads one there, the end of the month or year where the
    name gives no day; else the moment at which the content first arrived. Landing it again, under a corrected
    contract, makes it no younger.
    """
    stated = contract.version_from
    if receipt.named is None or stated is None:
        return receipt.version
    if stated.file_date is None:
        # A running number says which is later, not when.
        return receipt.landed_at
    if any(part in stated.format for part in ("%d", "%j", "%x", "%c", "%D", "%F")):
        return receipt.version
    months = 1 if any(part in stated.format for part in ("%m", "%b", "%B")) else 12
    first = receipt.version.replace(day=1)
    after = first.year * 12 + first.month - 1 + months
    return first.replace(year=after // 12, month=after % 12 + 1) - timedelta(microseconds=1)


def states_of(contracts: Sequence[Contract], receipts: Sequence[Receipt], now: datetime) -> list[SourceState]:
    """Return the state of every contract, in order. `receipts`: those in force; `now`: naive UTC."""
    states = []
    for contract in contracts:
        own = [receipt for receipt in receipts if receipt.contract == contract.full_name]
        state = SourceState(
            source=contract.full_name,
            feeds=tuple(dict.fromkeys(output.entity for output in contract.resolved_outputs())),
            match=contract.match,
            format=contract.format.type,
            delivery=contract.delivery,
            cadence=contract.cadence,
            owner=contract.owner,
            path=str(contract.path),
            replaces=None if contract.replaces is None else str(contract.replaces),
        )
        if own:
            last = max(own, key=lambda receipt: (dated(contract, receipt), receipt.landed_at))
            age = max(0, (now - dated(contract, last)).days)
            late = None if contract.cadence is None else max(0, age - CADENCES[contract.cadence])
            state = replace(
                state,
                file=last.file,
                version=last.version,
                landed_at=last.landed_at,
                dated=dated(contract, last),
                age_days=age,
                overdue_days=late,
            )
        states.append(state)
    return states
