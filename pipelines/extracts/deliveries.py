"""The ledger of deliveries: a delivery exists if and only if its receipt exists.

Belongs here: the receipt, reading and writing it atomically, the fingerprint of a file and the id of a
delivery. The rows themselves are landing's business.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.extracts.contract import Contract

#: Folder of the receipts inside the landing folder.
RECEIPTS = "_receipts"

#: What the last pass over the inbox refused.
REFUSED = "_refused.json"

#: Every refusal there ever was, one JSON object a line.
REFUSED_LEDGER = "_refused_ledger.jsonl"

_CHUNK = 1 << 22


class DamagedReceiptError(ValueError):
    """A receipt that cannot be read; the message names the file and the remedy."""


class Receipt(BaseModel):
    """What one delivery brought, proven: read = landed + quarantined + duplicates + filtered (source rows).

    `outputs` counts landing rows per entity (one source row may give several). `version` orders deliveries
    of one source (naive, UTC); `named` is the version that the file's name states, if it does. `name` is the file
    name that the contract was found by, `file` what people are told (`export.zip/cases.csv`); `original` is the
    file's place in the archive, '' where it was left in the inbox. `cut_off`: the file ends in the middle of a
    row. `max_quarantine_share` is the contract's own limit, if it states one. `sha256` and `bytes` are of the
    content, unpacked. `key_check` tells the pseudonym key from others ('' in older receipts). `months` are the
    calendar months ('YYYY-MM', in the contract's time zone) of the landed events.
    `personal` says, per source column, 'pseudonymised' or 'dropped'. `files`: by entity, the SHA-256 of the landed
    Parquet file ({} in older receipts).
    """

    model_config = ConfigDict(extra="ignore")

    delivery_id: str
    file: str
    name: str = ""
    original: str = ""
    bytes: int
    sha256: str
    system: str
    contract: str
    contract_version: int
    delivery: str = "delta"
    definitions: str | None = None
    max_quarantine_share: float | None = None
    landed_at: datetime
    version: datetime
    named: datetime | None = None
    key_check: str = ""
    read: int
    landed: int
    quarantined: int
    duplicates: int
    filtered: int
    outputs: dict[str, int]
    months: list[str]
    reasons: dict[str, int]
    filter_reasons: dict[str, int] = {}
    personal: dict[str, str]
    cut_off: bool = False
    files: dict[str, str] = {}
    superseded_by: str | None = None

    @property
    def balanced(self) -> bool:
        """Whether every row read is accounted for, exactly once."""
        return self.read == self.landed + self.quarantined + self.duplicates + self.filtered


@dataclass(frozen=True)
class Fingerprint:
    """SHA-256 of some content (hex) and its size in bytes."""

    sha256: str
    bytes: int

    def delivery_id(self, contract: Contract, named: datetime | None = None) -> str:
        """Return the id of this content read under that contract as that version: 16 hex characters."""
        parts = [self.sha256, contract.full_name, contract.fingerprint, named.isoformat() if named else ""]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def fingerprint(stream: BinaryIO) -> Fingerprint:
    """Hash a stream by chunks (constant memory). OSError when it cannot be read."""
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return Fingerprint(digest.hexdigest(), size)


def read_receipts(landing_dir: Path) -> list[Receipt]:
    """Return every receipt, superseded ones too, oldest landing first; [] when there is none.

    Raises DamagedReceiptError for a file that is no receipt.
    """
    receipts = []
    for path in sorted((landing_dir / RECEIPTS).glob("*.json")):
        try:
            receipts.append(Receipt.model_validate_json(path.read_bytes()))
        except ValidationError as error:
            raise DamagedReceiptError(
                f"{path}: this receipt is damaged. Please delete it; its file will be landed again from the inbox."
            ) from error
    return sorted(receipts, key=lambda receipt: (receipt.landed_at, receipt.delivery_id))


def live_receipts(landing_dir: Path) -> list[Receipt]:
    """Return the receipts whose rows count: those that no later landing supersedes.

    Of two live ones of the same content, contract and version (a run was cut between two receipts) the later counts.
    """
    live = {
        (receipt.sha256, receipt.contract, receipt.version): receipt
        for receipt in read_receipts(landing_dir)
        if receipt.superseded_by is None
    }
    return list(live.values())


def write_receipt(landing_dir: Path, receipt: Receipt) -> Path:
    """Write a receipt in one atomic step and return its path."""
    folder = landing_dir / RECEIPTS
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{receipt.delivery_id}.json"
    temporary = folder / f".{receipt.delivery_id}.json.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(receipt.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


def landed_hashes(landing_dir: Path, delivery_id: str, entities: Iterable[str]) -> dict[str, str]:
    """By entity, the SHA-256 (hex) of the landed file of a delivery; of those that are there."""
    found = {}
    for entity in entities:
        path = landing_dir / entity / f"{delivery_id}.parquet"
        if path.is_file():
            with path.open("rb") as stream:
                found[entity] = fingerprint(stream).sha256
    return found


@dataclass(frozen=True)
class Damaged:
    """A landed file that is missing or has other bytes than when it landed."""

    receipt: Receipt
    path: Path
    is_missing: bool


def damaged_files(landing_dir: Path) -> list[Damaged]:
    """Every file of a delivery in force that is not as it landed. Reads all of them; older receipts state no hash."""
    found = []
    for receipt in live_receipts(landing_dir):
        now = landed_hashes(landing_dir, receipt.delivery_id, receipt.outputs)
        for entity in receipt.outputs:
            path = landing_dir / entity / f"{receipt.delivery_id}.parquet"
            if entity not in now or now[entity] != receipt.files.get(entity, now[entity]):
                found.append(Damaged(receipt, path, entity not in now))
    return found


def shown_name(path: Path) -> str:
    """Return the name of a file as it can be written: bytes that are no UTF-8 as `\\xe9`."""
    return os.fsencode(path.name).decode("utf-8", "backslashreplace")


class Refusal(BaseModel):
    """A file that did not land: its name, the reason's code, and a message with the remedy."""

    model_config = ConfigDict(frozen=True)

    file: str
    reason: str
    message: str


def write_refusals(landing_dir: Path, refusals: list[Refusal]) -> None:
    """Keep what the last pass over the inbox refused, so that a later command can still say it."""
    folder = landing_dir / RECEIPTS
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".refused.tmp"
    temporary.write_text(json.dumps([refusal.model_dump() for refusal in refusals], indent=2), encoding="utf-8")
    temporary.replace(landing_dir / REFUSED)


def read_refusals(landing_dir: Path, inbox: Path) -> list[Refusal]:
    """Return what the last pass refused and still lies in the inbox."""
    path = landing_dir / REFUSED
    if not path.is_file():
        return []
    refusals = [Refusal.model_validate(item) for item in json.loads(path.read_text(encoding="utf-8"))]
    here = {shown_name(file) for file in inbox.iterdir()} if inbox.is_dir() else set()
    return [refusal for refusal in refusals if refusal.file in here or refusal.file.split("/")[0] in here]


class RefusedDelivery(Refusal):
    """A refusal as the ledger keeps it: when it was first said (naive, UTC), and of which content where known."""

    at: datetime
    sha256: str = ""
    bytes: int = 0


def record_refusals(landing_dir: Path, refused: Sequence[RefusedDelivery]) -> None:
    """Add refusals to the ledger; what stands there already (same file, content and reason) is not said twice."""
    if not refused:
        return
    known = {(entry.file, entry.sha256, entry.reason) for entry in refused_deliveries(landing_dir)}
    new = [entry for entry in refused if (entry.file, entry.sha256, entry.reason) not in known]
    if not new:
        return
    (landing_dir / RECEIPTS).mkdir(parents=True, exist_ok=True)
    with (landing_dir / REFUSED_LEDGER).open("a", encoding="utf-8") as file:
        file.writelines(entry.model_dump_json() + "\n" for entry in new)
        file.flush()
        os.fsync(file.fileno())


def refused_deliveries(landing_dir: Path) -> list[RefusedDelivery]:
    """Return every refusal of the ledger, the oldest first.

    Raises DamagedReceiptError when the ledger cannot be read.
    """
    path = landing_dir / REFUSED_LEDGER
    if not path.is_file():
        return []
    try:
        # A run that was killed while writing leaves half a line, which says nothing.
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        return [RefusedDelivery.model_validate_json(line) for line in lines if line.endswith("\n")]
    except ValidationError as error:
        raise DamagedReceiptError(f"{path}: this ledger is damaged. Please move it away; it is begun anew.") from error


#: What stands in `superseded_by` of a delivery that was taken back by hand.
WITHDRAWN = "withdrawn"


class DeliveryUnknownError(ValueError):
    """No delivery in force has that id; the message lists those there are."""


def withdraw(landing_dir: Path, delivery_id: str) -> str:
    """Take a delivery back, so that its rows count no more; return the name of its file.

    Its receipt stays, marked, so that what was once landed can still be found.

    Raises:
        DeliveryUnknownError: no delivery in force has that id.
    """
    live = {receipt.delivery_id: receipt for receipt in live_receipts(landing_dir)}
    if delivery_id not in live:
        listed = "; ".join(f"{receipt.delivery_id} ({receipt.file})" for receipt in live.values()) or "none"
        raise DeliveryUnknownError(f"no delivery in force has the id {delivery_id!r}; in force are: {listed}")
    receipt = live[delivery_id].model_copy(update={"superseded_by": WITHDRAWN})
    write_receipt(landing_dir, receipt)
    return receipt.file
