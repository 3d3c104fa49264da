"""From the inbox to the landing: each file matched to its contract, read, conformed, written, receipted.

A delivery is all or nothing: its Parquet files first, its quarantine, its receipt last and atomically, and
only what a live receipt names is ever read back. One bad file never stops the others. What has landed leaves the
inbox for the archive; what has not stays where it is. Landing the same content under the same contract again does
nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from pipelines.extracts.archive import archive_original
from pipelines.extracts.candidates import Candidate, Plan, find_candidates, growing, stamp_of
from pipelines.extracts.contract import Contract
from pipelines.extracts.deliveries import (
    WITHDRAWN,
    Receipt,
    Refusal,
    RefusedDelivery,
    fingerprint,
    landed_hashes,
    live_receipts,
    read_receipts,
    record_refusals,
    shown_name,
    write_receipt,
    write_refusals,
)
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.forgetting import discard, forgotten_now, leave_out
from pipelines.extracts.intake import take_in
from pipelines.extracts.pseudonyms import KeyChangedError, Keys, key_check
from pipelines.extracts.readers import DeliveryError
from pipelines.extracts.readers.base import file_literal

#: Columns of `landing.delivery`, the ledger that the models read.
LEDGER_SQL = """delivery_id VARCHAR, system VARCHAR, contract VARCHAR, contract_version BIGINT, delivery VARCHAR,
    file VARCHAR, version TIMESTAMP, landed_at TIMESTAMP, "read" BIGINT, landed BIGINT, quarantined BIGINT,
    duplicates BIGINT, filtered BIGINT, is_whole BOOLEAN"""


class LandedFileMissingError(FileNotFoundError):
    """A Parquet file that a receipt names is not there; the message names the delivery and the remedy."""


@dataclass
class LandingReport:
    """What one pass over the inbox did.

    `receipts`: new deliveries; `unchanged`: ids that had landed before; `refused`: files that did not land
    and need somebody; `ignored`: names of folders, hidden and temporary files; `archived`: inbox files that were
    moved to the archive.
    """

    receipts: list[Receipt] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    archived: list[str] = field(default_factory=list)


def _silent(_: str) -> None:
    return None


def land_inbox(
    inbox: Path,
    landing_dir: Path,
    quarantine_dir: Path,
    contracts: Sequence[Contract],
    key: Keys,
    *,
    archive: Path | None = None,
    keep_originals: bool = False,
    settle_seconds: float = 0.0,
    refuse_forgotten: bool = False,
    progress: Callable[[str], None] = _silent,
) -> LandingReport:
    """Land every file of the inbox that is new, and every original in the archive whose contract has changed.

    `key` is the pseudonym key; `archive` the folder of originals; with `keep_originals`, or without an archive,
    files stay in the inbox. A file changed less than `settle_seconds` ago is waited for, and left when it grows.
    Somebody who was forgotten is left out of what lands, or with `refuse_forgotten` the file is refused. `progress`
    gets one readable line per file. Never raises for a bad file (see LandingReport.refused); OSError
    when the landing or quarantine folder cannot be written, DamagedReceiptError, and KeyChangedError when what
    has landed was made with another key.
    """
    _check_key(live_receipts(landing_dir), key)
    receipts = {receipt.delivery_id: receipt for receipt in read_receipts(landing_dir)}
    plan = _plan(inbox, archive, landing_dir, contracts, list(receipts.values()), settle_seconds)
    report = LandingReport(ignored=plan.ignored)
    ledger: list[RefusedDelivery] = []
    now = datetime.now(UTC).replace(tzinfo=None)
    failed = {unfit.path for unfit in plan.unfit}
    for unfit in plan.unfit:
        _refuse(report, unfit.refusal, progress)
        content = unfit.print
        ledger.append(_entry(unfit.refusal, now, content.sha256 if content else "", content.bytes if content else 0))
    in_force = {contract.full_name for contract in contracts}
    for candidate in plan.candidates:
        before = receipts.get(candidate.delivery_id)
        if before is not None and before.superseded_by is None and _whole(before, landing_dir):
            report.unchanged.append(candidate.delivery_id)
            # A run that was killed after this delivery's receipt has left those it replaces in force.
            _supersede(candidate, landing_dir, receipts, in_force)
            continue
        try:
            receipt = _land(candidate, landing_dir, quarantine_dir, key, receipts, in_force, refuse_forgotten, progress)
        except DeliveryError as error:
            refusal = Refusal(file=candidate.part.shown, reason=error.reason, message=error.message)
        except OSError as error:
            if not _inside(error, candidate.part.path):
                raise
            shown = candidate.part.shown
            message = f"{shown}: the file cannot be read: {error.strerror or error}. Check its permissions."
            refusal = Refusal(file=shown, reason="unreadable", message=message)
        except (MemoryError, duckdb.OutOfMemoryException):
            shown = candidate.part.shown
            message = (
                f"{shown}: there was not enough memory to read this file. Nothing of it was landed, and it waits in "
                "the inbox: give the run more memory, or split the file, and run again."
            )
            refusal = Refusal(file=shown, reason="memory", message=message)
        except Exception as error:
            # Only the type is told: the text of an error may quote the file's data.
            shown = candidate.part.shown
            message = (
                f"{shown}: this file could not be processed ({type(error).__name__}). Nothing of it was landed; "
                "please report this as a fault."
            )
            refusal = Refusal(file=shown, reason="fault", message=message)
        else:
            receipts[receipt.delivery_id] = receipt
            report.receipts.append(receipt)
            progress(_said(receipt, candidate, receipts))
            continue
        _refuse(report, refusal, progress)
        ledger.append(_entry(refusal, now, candidate.print.sha256, candidate.print.bytes))
        failed.add(candidate.part.path)
    _sweep_quarantine(quarantine_dir, receipts)
    if archive is not None and not keep_originals:
        _archive_landed(plan, failed, archive, landing_dir, receipts, report, progress)
    write_refusals(landing_dir, report.refused)
    record_refusals(landing_dir, ledger)
    return report


def _plan(
    inbox: Path,
    archive: Path | None,
    landing_dir: Path,
    contracts: Sequence[Contract],
    receipts: Sequence[Receipt],
    settle_seconds: float,
) -> Plan:
    return find_candidates(
        inbox,
        archive,
        receipts,
        contracts,
        whole=lambda receipt: _whole(receipt, landing_dir),
        settle_seconds=settle_seconds,
    )


def _refuse(report: LandingReport, refusal: Refusal, progress: Callable[[str], None]) -> None:
    report.refused.append(refusal)
    progress(f"{refusal.file}: refused ({refusal.reason}). {refusal.message}")


def _entry(refusal: Refusal, at: datetime, sha256: str, size: int) -> RefusedDelivery:
    return RefusedDelivery(**refusal.model_dump(), at=at, sha256=sha256, bytes=size)


def _said(receipt: Receipt, candidate: Candidate, receipts: dict[str, Receipt]) -> str:
    line = (
        f"{receipt.file}: {receipt.read} rows read by {receipt.contract}: {receipt.landed} landed, "
        f"{receipt.quarantined} in quarantine, {receipt.duplicates} duplicates, {receipt.filtered} filtered"
    )
    if receipt.cut_off:
        line += "; the file ends in the middle of a row, so rows may be missing: deliver it again, whole"
    origin = candidate.contract.version_from
    beside = any(
        other.contract == receipt.contract and other.superseded_by is None and other.delivery_id != receipt.delivery_id
        for other in receipts.values()
    )
    if beside and origin is not None and origin.column is None and receipt.named is None:
        line += "; its name does not state the version that the contract expects there, so its arrival counts"
    before = [other for other in receipts.values() if _same_place(candidate, other) and other.superseded_by is None]
    if before and receipt.version == max(other.version for other in (receipt, *before)):
        line += (
            f"; it came under the name of delivery {before[-1].delivery_id} and corrects it: its rows replace those of "
            f"the same keys. To forget the others too: symmetry withdraw {before[-1].delivery_id}"
        )
    return line


def _same_place(candidate: Candidate, receipt: Receipt) -> bool:
    """Return whether a delivery has the contract, the name and the version of another content."""
    return (
        candidate.named is not None
        and (receipt.contract, receipt.name, receipt.named)
        == (candidate.contract.full_name, candidate.name, candidate.named)
        and receipt.sha256 != candidate.print.sha256
    )


def _check_key(receipts: Sequence[Receipt], key: Keys) -> None:
    """Raise KeyChangedError when live receipts carry another key's check (older ones carry none)."""
    others = [receipt for receipt in receipts if receipt.key_check not in {"", key_check(key)}]
    if others:
        raise KeyChangedError(
            f"The pseudonym key has changed: {len(others)} {'delivery' if len(others) == 1 else 'deliveries'} in the "
            f"landing (the first of {others[0].file}) had another, so the same person would get two pseudonyms. "
            "Put the former key back, or empty the landing folder so that every original is landed again from the "
            "inbox and the archive."
        )


def _inside(error: OSError, path: Path) -> bool:
    """Return whether the error is about the inbox file itself."""
    return error.filename is not None and Path(str(error.filename)) == path


def _whole(receipt: Receipt, landing_dir: Path) -> bool:
    """Return whether the files of a receipt are still there (someone may have emptied the landing)."""
    return all((landing_dir / entity / f"{receipt.delivery_id}.parquet").exists() for entity in receipt.outputs)


def _land(
    candidate: Candidate,
    landing_dir: Path,
    quarantine_dir: Path,
    key: Keys,
    receipts: dict[str, Receipt],
    in_force: set[str],
    refuse_forgotten: bool,
    progress: Callable[[str], None],
) -> Receipt:
    """Read one extract and write its delivery; the receipt last. Raises DeliveryError to refuse it."""
    part, contract, delivery_id = candidate.part, candidate.contract, candidate.delivery_id
    # Later than whatever has landed, even where the clock was set back.
    last = max((receipt.landed_at for receipt in receipts.values()), default=datetime.min)
    landed_at = max(datetime.now(UTC).replace(tzinfo=None), last + timedelta(microseconds=1))
    version = _first_seen(candidate, receipts, in_force, landed_at)
    with _workdir(quarantine_dir) as work:
        plain = part.unpacked(work)
        try:
            taken = take_in(
                plain, part.shown, contract, delivery_id, version, landing_dir, quarantine_dir, key, progress, work
            )
        except DeliveryError as error:
            # A reader knows the plain file only; people know it by where it came from.
            if error.message.startswith(part.shown):
                raise
            raise DeliveryError(error.reason, part.shown + error.message.removeprefix(plain.name)) from error
    before = taken
    taken = leave_out(taken, delivery_id, landing_dir, quarantine_dir, forgotten_now(landing_dir, key), key)
    if refuse_forgotten and taken != before:
        discard(delivery_id, before.outputs, landing_dir, quarantine_dir)
        raise DeliveryError(
            "forgotten",
            f"{part.shown}: {taken.filtered - before.filtered} row(s) are about somebody who asked to be forgotten. "
            "Have them taken out at the source and delivered again, or set forgotten_people = leave_out",
        )
    if stamp_of(part.path) != candidate.stamp:
        refusal = growing(part.shown)
        raise DeliveryError(refusal.reason, refusal.message)
    receipt = Receipt(
        delivery_id=delivery_id,
        file=part.shown,
        name=candidate.name,
        original=candidate.original,
        bytes=candidate.print.bytes,
        sha256=candidate.print.sha256,
        system=contract.system,
        contract=contract.full_name,
        contract_version=contract.version,
        delivery=contract.delivery,
        definitions=contract.definitions,
        max_quarantine_share=contract.max_quarantine_share,
        landed_at=landed_at,
        version=version,
        named=candidate.named,
        key_check=key_check(key),
        files=landed_hashes(landing_dir, delivery_id, taken.outputs),
        **asdict(taken),
    )
    write_receipt(landing_dir, receipt)
    _supersede(candidate, landing_dir, receipts, in_force)
    return receipt


def _first_seen(
    candidate: Candidate, receipts: dict[str, Receipt], in_force: set[str], landed_at: datetime
) -> datetime:
    """Return the version of a delivery.

    It is what the file's name states, where it does; of contents that came under one and the same name, each is
    later than those before it by a microsecond. Else it is when the content first arrived: read anew it is no later
    than it was; taken back, it arrives again.
    """
    own = receipts.get(candidate.delivery_id)
    older = [receipt for receipt in receipts.values() if candidate.replaces(receipt, in_force)]
    before = [receipt.version for receipt in [*older, *([own] if own else [])] if receipt.superseded_by != WITHDRAWN]
    if candidate.named is not None:
        known = [version for version in before if version - candidate.named < timedelta(milliseconds=1)]
        others = [receipt.version for receipt in receipts.values() if _same_place(candidate, receipt)]
        fresh = max((version + timedelta(microseconds=1) for version in others), default=candidate.named)
        return min(known, default=max(fresh, candidate.named))
    if not before and candidate.original:
        # The landing was emptied; the originals keep their order.
        return datetime(1970, 1, 1) + timedelta(microseconds=candidate.stamp[1] // 1000)
    return min(before, default=landed_at)


def _supersede(candidate: Candidate, landing_dir: Path, receipts: dict[str, Receipt], in_force: set[str]) -> None:
    """Say in the receipts that a delivery replaces that it does."""
    for stale in [receipt for receipt in receipts.values() if candidate.replaces(receipt, in_force)]:
        if stale.superseded_by is None:
            receipts[stale.delivery_id] = stale.model_copy(update={"superseded_by": candidate.delivery_id})
            write_receipt(landing_dir, receipts[stale.delivery_id])


def _sweep_quarantine(quarantine_dir: Path, receipts: dict[str, Receipt]) -> None:
    """Forget whole rows of what is no delivery in force: superseded, taken back, changed while read, or killed."""
    in_force = {receipt.delivery_id for receipt in receipts.values() if receipt.superseded_by is None}
    for path in quarantine_dir.glob("*"):
        # Names without a suffix of ours are somebody else's.
        if (path.suffix == ".parquet" and path.stem not in in_force) or (
            path.suffix == ".tmp" and path.name.startswith(".")
        ):
            path.unlink()


@contextmanager
def _workdir(quarantine_dir: Path) -> Iterator[Path]:
    """Give a folder for whole rows on their way, closed to others; what a killed run left there is swept first."""
    root = quarantine_dir / ".work"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in root.iterdir():
        if not _is_running(left.name.split("_")[0]):
            shutil.rmtree(left, ignore_errors=True)
    try:
        with tempfile.TemporaryDirectory(prefix=f"{os.getpid()}_", dir=root) as work:
            yield Path(work)
    finally:
        if not any(root.iterdir()):
            root.rmdir()


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _archive_landed(
    plan: Plan,
    failed: set[Path],
    archive: Path,
    landing_dir: Path,
    receipts: dict[str, Receipt],
    report: LandingReport,
    progress: Callable[[str], None],
) -> None:
    """Move each inbox file of which every part has landed, and write the places of originals into the receipts."""
    by_path: dict[Path, list[Candidate]] = {}
    for candidate in plan.candidates:
        if not candidate.original and candidate.part.path not in failed:
            by_path.setdefault(candidate.part.path, []).append(candidate)
    for path, candidates in by_path.items():
        try:
            if stamp_of(path) != candidates[0].stamp:
                continue  # it has been written to since: the next run looks at it
            content = candidates[0].print
            if candidates[0].part.packed:
                with path.open("rb") as stream:
                    content = fingerprint(stream)
            original = archive_original(path, content.sha256, archive)
        except OSError as error:
            # Landing it again does nothing.
            progress(f"{shown_name(path)}: it has landed and stays in the inbox: {error.strerror or error}")
            continue
        report.archived.append(shown_name(path))
        for candidate in candidates:
            _note_original(candidate.delivery_id, original, archive, landing_dir, receipts)
    for candidate in plan.candidates:
        if candidate.original and candidate.delivery_id in receipts:
            # A run that was killed after the move has not written it.
            _note_original(candidate.delivery_id, candidate.original, archive, landing_dir, receipts)


def _note_original(
    delivery_id: str, original: str, archive: Path, landing_dir: Path, receipts: dict[str, Receipt]
) -> None:
    """Write the place of an original into a receipt that names none, or one whose time is over."""
    receipt = receipts[delivery_id]
    if not receipt.original or not (archive / receipt.original).is_file():
        receipts[delivery_id] = receipt.model_copy(update={"original": original})
        write_receipt(landing_dir, receipts[delivery_id])


def pending_fingerprint(
    inbox: Path, landing_dir: Path, contracts: Sequence[Contract], *, archive: Path | None = None
) -> str:
    """Return a hash of what a run would work from: the deliveries there are to land and those that have landed.

    Cheap (each file of the inbox is hashed, none is parsed). Landing what is in the inbox does not change it;
    another file, a changed contract or an emptied landing does.
    """
    receipts = read_receipts(landing_dir)
    plan = _plan(inbox, archive, landing_dir, contracts, receipts, 0.0)
    in_force = {contract.full_name for contract in contracts}
    parts = {candidate.delivery_id for candidate in plan.candidates}
    for unfit in plan.unfit:
        parts.add(f"{unfit.refusal.reason} {unfit.refusal.file} {unfit.print.sha256 if unfit.print else ''}")
    for receipt in live_receipts(landing_dir):
        # What a run would supersede does not count, so the hash is the same before and after that run.
        if not any(candidate.replaces(receipt, in_force) for candidate in plan.candidates):
            parts.add(receipt.delivery_id)
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def create_landing_views(connection: duckdb.DuckDBPyConnection, landing_dir: Path) -> None:
    """Make schema `landing` with one view per entity over the Parquet files of live receipts, and their ledger.

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
    _create_ledger(connection, receipts)
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


def _create_ledger(connection: duckdb.DuckDBPyConnection, receipts: Sequence[Receipt]) -> None:
    """Make the table `landing.delivery`: one row for each delivery in force, key `delivery_id`."""
    connection.execute(f"CREATE OR REPLACE TABLE landing.delivery ({LEDGER_SQL})")
    rows = [
        (
            receipt.delivery_id,
            receipt.system,
            receipt.contract,
            receipt.contract_version,
            receipt.delivery,
            receipt.file,
            receipt.version,
            receipt.landed_at,
            receipt.read,
            receipt.landed,
            receipt.quarantined,
            receipt.duplicates,
            receipt.filtered,
            not receipt.cut_off,
        )
        for receipt in receipts
    ]
    if rows:
        marks = ", ".join("?" for _ in rows[0])
        connection.executemany(f"INSERT INTO landing.delivery VALUES ({marks})", rows)
