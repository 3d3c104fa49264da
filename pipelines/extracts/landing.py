"""From the inbox to the landing: each file matched to its contract, read, conformed, written, receipted.

A delivery is all or nothing: its Parquet files first, its quarantine, its receipt last and atomically, and
only what a live receipt names is ever read back. One bad file never stops the others. Files stay in the
inbox; landing the same file under the same contract again does nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.extracts.contract import Contract
from pipelines.extracts.deliveries import (
    Fingerprint,
    Receipt,
    Refusal,
    fingerprint,
    live_receipts,
    read_receipts,
    shown_name,
    write_receipt,
    write_refusals,
)
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.intake import take_in
from pipelines.extracts.pseudonyms import KeyChangedError, key_check
from pipelines.extracts.readers import DeliveryError
from pipelines.extracts.readers.base import file_literal

_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".download", ".swp", ".lock", "~")


class LandedFileMissingError(FileNotFoundError):
    """A Parquet file that a receipt names is not there; the message names the delivery and the remedy."""


@dataclass
class LandingReport:
    """What one pass over the inbox did.

    `receipts`: new deliveries; `unchanged`: ids that had landed before; `refused`: files that did not land
    and need somebody; `ignored`: names of folders, hidden and temporary files.
    """

    receipts: list[Receipt] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def _silent(_: str) -> None:
    return None


def land_inbox(
    inbox: Path,
    landing_dir: Path,
    quarantine_dir: Path,
    contracts: Sequence[Contract],
    key: bytes,
    *,
    progress: Callable[[str], None] = _silent,
) -> LandingReport:
    """Land every file of the inbox that is new, in the order of their names.

    `key` is the pseudonym key; `progress` gets one readable line per file. Never raises for a bad file (see
    LandingReport.refused); OSError when the landing or quarantine folder cannot be written,
    DamagedReceiptError, and KeyChangedError when what has landed was made with another key.
    """
    report = LandingReport()
    _check_key(live_receipts(landing_dir), key)
    receipts = {receipt.delivery_id: receipt for receipt in read_receipts(landing_dir)}
    files, report.ignored = _candidates(inbox)
    for path in files:
        try:
            contract = _contract_for(path, contracts)
            print_ = fingerprint(path)
            known = {(receipt.sha256, receipt.contract, receipt.version) for receipt in receipts.values()}
            returned = _returned(path, contract, print_, known)
            delivery_id = print_.delivery_id(contract, returned)
            before = receipts.get(delivery_id)
            if before is not None and before.superseded_by is None and _whole(before, landing_dir):
                report.unchanged.append(delivery_id)
                continue
            receipt = _land(path, contract, print_, returned, landing_dir, quarantine_dir, key, receipts)
        except DeliveryError as error:
            report.refused.append(Refusal(file=shown_name(path), reason=error.reason, message=error.message))
            progress(f"{shown_name(path)}: refused ({error.reason}). {error.message}")
            continue
        except OSError as error:
            if not _inside(error, path):
                raise
            message = f"{path.name}: the file cannot be read: {error.strerror or error}. Check its permissions."
            report.refused.append(Refusal(file=path.name, reason="unreadable", message=message))
            progress(message)
            continue
        except Exception as error:
            # Only the type is told: the text of an error may quote the file's data.
            message = (
                f"{path.name}: this file could not be processed ({type(error).__name__}). Nothing of it was landed; "
                "please report this as a fault."
            )
            report.refused.append(Refusal(file=path.name, reason="fault", message=message))
            progress(message)
            continue
        receipts[receipt.delivery_id] = receipt
        report.receipts.append(receipt)
        progress(
            f"{path.name}: {receipt.read} rows read by {receipt.contract}: {receipt.landed} landed, "
            f"{receipt.quarantined} in quarantine, {receipt.duplicates} duplicates, {receipt.filtered} filtered"
        )
    write_refusals(landing_dir, report.refused)
    return report


def _check_key(receipts: Sequence[Receipt], key: bytes) -> None:
    """Raise KeyChangedError when live receipts carry another key's check (older ones carry none)."""
    others = [receipt for receipt in receipts if receipt.key_check not in {"", key_check(key)}]
    if others:
        raise KeyChangedError(
            f"The pseudonym key has changed: {len(others)} {'delivery' if len(others) == 1 else 'deliveries'} in the "
            f"landing (the first of {others[0].file}) had another, so the same person would get two pseudonyms. "
            "Put the former key back, or empty the landing folder so that every file of the inbox is landed again."
        )


def _inside(error: OSError, path: Path) -> bool:
    """Return whether the error is about the inbox file itself."""
    return error.filename is not None and Path(str(error.filename)) == path


def _candidates(inbox: Path) -> tuple[list[Path], list[str]]:
    """Return the files of the inbox by name, and the names of what is no delivery."""
    files: list[Path] = []
    ignored: list[str] = []
    for path in sorted(inbox.iterdir()) if inbox.is_dir() else []:
        name = path.name.casefold()
        # A broken link is kept, to be refused as unreadable; a pipe or a device would block the run.
        special = path.exists() and not path.is_file()
        if special or name.startswith((".", "~$")) or name.endswith(_TEMPORARY):
            ignored.append(shown_name(path))
        else:
            files.append(path)
    return files, ignored


def _contract_for(path: Path, contracts: Sequence[Contract]) -> Contract:
    if shown_name(path) != path.name:
        raise DeliveryError(
            "file_name",
            f"{shown_name(path)}: the name of the file is not UTF-8 text. Rename it in plain letters.",
        )
    matching = [contract for contract in contracts if contract.matches(path.name)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise DeliveryError(
            "no_contract",
            f"{path.name}: no contract claims a file of this name. Add the name to the `match` of its "
            "contract, or write one like those in pipelines/extracts/contracts, or take the file out of the inbox.",
        )
    names = ", ".join(contract.full_name for contract in matching)
    raise DeliveryError(
        "several_contracts",
        f"{path.name}: several contracts claim a file of this name: {names}. Make their `match` narrower, or "
        "rename the file.",
    )


def _returned(
    path: Path, contract: Contract, print_: Fingerprint, known: set[tuple[str, str, datetime]]
) -> datetime | None:
    """Return the version in the file name when the same content has landed under an earlier one, else None.

    A snapshot that returns to an earlier content is a delivery of its own, or the one between would stay in force.
    """
    named = contract.version_of(path.name)
    if named is None:
        return None
    earlier = any(
        (sha256, name) == (print_.sha256, contract.full_name) and version < named for sha256, name, version in known
    )
    return named if earlier else None


def _whole(receipt: Receipt, landing_dir: Path) -> bool:
    """Return whether the files of a receipt are still there (someone may have emptied the landing)."""
    return all((landing_dir / entity / f"{receipt.delivery_id}.parquet").exists() for entity in receipt.outputs)


def _land(
    path: Path,
    contract: Contract,
    print_: Fingerprint,
    returned: datetime | None,
    landing_dir: Path,
    quarantine_dir: Path,
    key: bytes,
    receipts: dict[str, Receipt],
) -> Receipt:
    """Read one file and write its delivery; the receipt last. Raises DeliveryError to refuse it."""
    delivery_id = print_.delivery_id(contract, returned)
    older = [
        receipt
        for receipt in receipts.values()
        if receipt.sha256 == print_.sha256
        and receipt.contract == contract.full_name
        and receipt.delivery_id != delivery_id
        and (receipt.returned == returned or contract.version_from is None)
    ]
    landed_at = datetime.now(UTC).replace(tzinfo=None)
    # The same bytes read anew are no later than they were: they keep their place among the deliveries.
    first_seen = min((receipt.version for receipt in older), default=landed_at)
    version = contract.version_of(path.name) or first_seen
    taken = take_in(path, path.name, contract, delivery_id, version, landing_dir, quarantine_dir, key)
    receipt = Receipt(
        delivery_id=delivery_id,
        file=path.name,
        bytes=print_.bytes,
        sha256=print_.sha256,
        system=contract.system,
        contract=contract.full_name,
        contract_version=contract.version,
        delivery=contract.delivery,
        definitions=contract.definitions,
        landed_at=landed_at,
        version=version,
        returned=returned,
        key_check=key_check(key),
        **asdict(taken),
    )
    write_receipt(landing_dir, receipt)
    for stale in older:
        if stale.superseded_by is None:
            receipts[stale.delivery_id] = stale.model_copy(update={"superseded_by": delivery_id})
            write_receipt(landing_dir, receipts[stale.delivery_id])
        (quarantine_dir / f"{stale.delivery_id}.parquet").unlink(missing_ok=True)
    return receipt


def pending_fingerprint(inbox: Path, landing_dir: Path, contracts: Sequence[Contract]) -> str:
    """Return a hash of what a run would work from: the deliveries in the inbox and those that have landed.

    Cheap (each file is hashed, none is parsed). Landing what is in the inbox does not change it; another
    file, a changed contract or an emptied landing does.
    """
    parts: set[str] = set()
    read_anew: set[tuple[str, str, datetime | None]] = set()
    dropped: set[tuple[str, str]] = set()  # a contract without `version_from` has one delivery of a content
    known = {(receipt.sha256, receipt.contract, receipt.version) for receipt in read_receipts(landing_dir)}
    for path in _candidates(inbox)[0]:
        try:
            print_ = fingerprint(path)
        except OSError:
            parts.add(f"unreadable {shown_name(path)}")
            continue
        try:
            contract = _contract_for(path, contracts)
        except DeliveryError as error:
            parts.add(f"{error.reason} {shown_name(path)} {print_.sha256}")
            continue
        returned = _returned(path, contract, print_, known)
        parts.add(print_.delivery_id(contract, returned))
        read_anew.add((print_.sha256, contract.full_name, returned))
        if contract.version_from is None:
            dropped.add((print_.sha256, contract.full_name))
        known.add((print_.sha256, contract.full_name, contract.version_of(path.name) or datetime.max))
    for receipt in live_receipts(landing_dir):
        # What a run would supersede does not count, so the hash is the same before and after that run.
        content = (receipt.sha256, receipt.contract)
        if (*content, receipt.returned) not in read_anew and content not in dropped:
            parts.add(receipt.delivery_id)
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def create_landing_views(connection: duckdb.DuckDBPyConnection, landing_dir: Path) -> None:
    """Make schema `landing` with one view per entity over the Parquet files of live receipts.

    An entity that no delivery feeds gets a view with its columns and no row. The paths are absolute.

    Raises:
        LandedFileMissingError: a delivery in force has lost a file.
    """
    connection.execute("CREATE SCHEMA IF NOT EXISTS landing")
    receipts = live_receipts(landing_dir)
    for receipt in receipts:
        if not _whole(receipt, landing_dir):
            raise LandedFileMissingError(
                f"delivery {receipt.delivery_id} ({receipt.file}) has lost a file in {landing_dir}. Put {receipt.file} "
                f"back in the inbox and run again, or take the delivery back: symmetry withdraw {receipt.delivery_id}"
            )
    for entity in ENTITIES.values():
        files = [
            (landing_dir / entity.name / f"{receipt.delivery_id}.parquet").resolve()
            for receipt in receipts
            if receipt.outputs.get(entity.name)
        ]
        if files:
            listed = ", ".join(file_literal(path) for path in files)
            columns = ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in entity.columns)
            body = f"SELECT {columns} FROM read_parquet([{listed}])"
        else:
            body = entity.empty_select_sql()
        connection.execute(f'CREATE OR REPLACE VIEW landing."{entity.name}" AS {body}')
