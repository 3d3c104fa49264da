"""Each contract in force and what was last delivered under it: what `symmetry sources list` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipelines.extracts.contract import CADENCES, Contract
from pipelines.extracts.deliveries import Receipt


@dataclass(frozen=True)
class SourceState:
    """A contract in force and its last delivery; times are naive UTC, as in the receipts.

    `overdue_days`: whole days beyond what the cadence promises, 0 when in time; null where none is promised, or
    nothing was ever delivered. `path`: the contract's file; `replaces`: the shipped contract it stands in for.
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
    overdue_days: int | None = None


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
            last = max(own, key=lambda receipt: receipt.landed_at)
            late = None
            if contract.cadence is not None:
                late = max(0, (now - last.landed_at).days - CADENCES[contract.cadence])
            state = replace(state, file=last.file, version=last.version, landed_at=last.landed_at, overdue_days=late)
        states.append(state)
    return states
