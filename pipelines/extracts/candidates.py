"""Which files there are to land: those of the inbox, and originals in the archive that must be read anew.

Belongs here: finding the extracts, matching each to its contract and version, and telling what is no delivery
(yet). Nothing is parsed and nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.extracts.archive import archived
from pipelines.extracts.containers import Part, parts_of
from pipelines.extracts.contract import Contract
from pipelines.extracts.deliveries import Fingerprint, Receipt, Refusal, fingerprint, shown_name
from pipelines.extracts.readers import DeliveryError

_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".download", ".filepart", ".swp", ".lock", "~")


@dataclass(frozen=True)
class Candidate:
    """An extract that is to land, unless it has: where it is, its contract, what its name says of its version.

    `name`: the file name that the contract was found by. `original`: its place in the archive, '' while it is in
    the inbox. `stamp`: size and modification time of the file when it was looked at.
    """

    part: Part
    name: str
    contract: Contract
    print: Fingerprint
    named: datetime | None
    original: str = ""
    stamp: tuple[int, int] = (0, 0)

    @property
    def delivery_id(self) -> str:
        """The id of the delivery that it gives."""
        return self.print.delivery_id(self.contract, self.named)

    def replaces(self, receipt: Receipt, in_force: set[str]) -> bool:
        """Return whether a receipt is of the same content and version, read under another form of the contract.

        `in_force`: full names of all contracts; a receipt of one that is there no more gives way to any.
        """
        if receipt.sha256 != self.print.sha256:
            return False
        same_source = receipt.contract == self.contract.full_name or receipt.contract not in in_force
        return (
            same_source
            and receipt.delivery_id != self.delivery_id
            and self.contract.version_of(receipt.name or receipt.file) == self.named
        )


@dataclass(frozen=True)
class Unfit:
    """A file, or a part of one, that cannot land as it is: what is told, and its content where it was read."""

    refusal: Refusal
    path: Path
    print: Fingerprint | None = None


@dataclass
class Plan:
    """What one look at the inbox and the archive found; `ignored`: names of what is no delivery."""

    candidates: list[Candidate] = field(default_factory=list)
    unfit: list[Unfit] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def stamp_of(path: Path) -> tuple[int, int]:
    """Return the size in bytes and the modification time in nanoseconds of a file."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns


def contract_for(name: str, shown: str, contracts: Sequence[Contract]) -> Contract:
    """Return the one contract that claims a file of that name. Raises DeliveryError when none or several do."""
    matching = [contract for contract in contracts if contract.matches(name)]
    if len(matching) == 1:
        return matching[0]
    if not matching:
        raise DeliveryError(
            "no_contract",
            f"{shown}: no contract claims a file of this name. Add the name to the `match` of its contract, draft one "
            f"with `symmetry sources new`, or take the file out of the inbox.",
        )
    names = ", ".join(contract.full_name for contract in matching)
    raise DeliveryError(
        "several_contracts",
        f"{shown}: several contracts claim a file of this name: {names}. Make their `match` narrower, or rename the "
        "file.",
    )


def find_candidates(
    inbox: Path,
    archive: Path | None,
    receipts: Sequence[Receipt],
    contracts: Sequence[Contract],
    *,
    whole: Callable[[Receipt], bool],
    settle_seconds: float = 0.0,
) -> Plan:
    """Look at the inbox and the archive.

    `receipts`: all there are; `whole`: whether the landed files of one are still there. A file of the inbox that
    was changed less than `settle_seconds` ago is looked at again after that time, and left when it has grown.
    An original is read anew when its receipt is in force and its contract has changed, or its landed files are
    gone, or no receipt knows it. Originals come first, the earliest archived first: they had arrived before.
    """
    plan = Plan()
    known = {receipt.original.split("/")[0] for receipt in receipts if receipt.original}
    # In the order in which they came: of two contents of one name, the later corrects the earlier.
    for path in sorted(archived(archive), key=lambda path: path.stat().st_mtime_ns):
        if path.parent.name not in known:
            _look_at(path, contracts, plan, original=f"{path.parent.name}/{path.name}")
    plan.candidates = [candidate for candidate in plan.candidates if not _taken_back(candidate, receipts)]
    paths, plan.ignored = inbox_files(inbox)
    for path in _settled(paths, settle_seconds, plan):
        _look_at(path, contracts, plan)
    if archive is not None:
        for receipt in receipts:
            if receipt.superseded_by is None and receipt.original:
                _read_anew(receipt, archive, contracts, whole(receipt), plan)
    return plan


def _taken_back(candidate: Candidate, receipts: Sequence[Receipt]) -> bool:
    """Return whether the content had landed as that version and is in force no more: a copy does not bring it back."""
    before = [
        receipt
        for receipt in receipts
        if receipt.sha256 == candidate.print.sha256
        and candidate.contract.version_of(receipt.name or receipt.file) == candidate.named
    ]
    return bool(before) and all(receipt.superseded_by is not None for receipt in before)


def inbox_files(inbox: Path) -> tuple[list[Path], list[str]]:
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


def _settled(paths: Sequence[Path], settle_seconds: float, plan: Plan) -> list[Path]:
    """Return the files that nobody is writing; the others are left for a later run, and said."""
    stamps: dict[Path, tuple[int, int] | None] = {}
    for path in paths:
        try:
            stamps[path] = stamp_of(path)
        except OSError:
            stamps[path] = None  # refused as unreadable when it is read
    young = [stamp[1] for stamp in stamps.values() if stamp and time.time_ns() - stamp[1] < settle_seconds * 1e9]
    if not young:
        return list(paths)
    # A modification time in the future (another machine's clock) must not make us wait for it.
    time.sleep(min(settle_seconds, max(0.0, settle_seconds - (time.time_ns() - max(young)) / 1e9)))
    still: list[Path] = []
    for path, stamp in stamps.items():
        try:
            same = stamp is None or stamp_of(path) == stamp
        except OSError:
            same = True
        if same:
            still.append(path)
        else:
            plan.unfit.append(Unfit(growing(shown_name(path)), path))
    return still


def growing(shown: str) -> Refusal:
    """Return the refusal of a file that changed while it was looked at."""
    return Refusal(
        file=shown,
        reason="still_growing",
        message=f"{shown}: the file is still being written. It is left; run again when it is complete.",
    )


def _look_at(path: Path, contracts: Sequence[Contract], plan: Plan, original: str = "") -> None:
    try:
        if shown_name(path) != path.name:
            raise DeliveryError(
                "file_name",
                f"{shown_name(path)}: the name of the file is not UTF-8 text. Rename it in plain letters.",
            )
        stamp = stamp_of(path)
        parts = parts_of(path)
    except DeliveryError as error:
        refusal = Refusal(file=shown_name(path), reason=error.reason, message=error.message)
        plan.unfit.append(Unfit(refusal, path, _print_of(path)))
        return
    except OSError as error:
        plan.unfit.append(Unfit(_unreadable(shown_name(path), error), path))
        return
    for part in parts:
        print_ = None
        try:
            print_ = _content(part)
            contract, name = _claimed(part, contracts)
            candidate = Candidate(part, name, contract, print_, contract.version_of(name), original, stamp)
        except DeliveryError as error:
            refusal = Refusal(file=part.shown, reason=error.reason, message=error.message)
            plan.unfit.append(Unfit(refusal, path, print_ or _print_of(path)))
        except OSError as error:
            plan.unfit.append(Unfit(_unreadable(part.shown, error), path))
        else:
            plan.candidates.append(candidate)


def _claimed(part: Part, contracts: Sequence[Contract]) -> tuple[Contract, str]:
    """Return the contract of a part and the name it was found by: the part's own, else another it goes by."""
    try:
        return contract_for(part.name, part.shown, contracts), part.name
    except DeliveryError as error:
        for name in part.also if error.reason == "no_contract" else ():
            if any(contract.matches(name) for contract in contracts):
                return contract_for(name, part.shown, contracts), name
        raise


def _content(part: Part) -> Fingerprint:
    with part.open() as stream:
        return fingerprint(stream)


def _print_of(path: Path) -> Fingerprint | None:
    try:
        with path.open("rb") as stream:
            return fingerprint(stream)
    except OSError:
        return None


def _unreadable(shown: str, error: OSError) -> Refusal:
    message = f"{shown}: the file cannot be read: {error.strerror or error}. Check its permissions."
    return Refusal(file=shown, reason="unreadable", message=message)


def _read_anew(receipt: Receipt, archive: Path, contracts: Sequence[Contract], whole: bool, plan: Plan) -> None:
    """Add the original of a receipt in force when what has landed of it is not what it would give now."""
    path = archive / receipt.original
    if not path.is_file():
        return
    name = receipt.name or receipt.file
    try:
        contract = contract_for(name, receipt.file, contracts)
    except DeliveryError:
        return  # nobody claims it any more: what it gave stands
    print_ = Fingerprint(receipt.sha256, receipt.bytes)
    named = contract.version_of(name)
    if whole and print_.delivery_id(contract, named) == receipt.delivery_id:
        return
    try:
        # By its content: a copy may have been archived under another name than the one that landed.
        parts = sorted(parts_of(path), key=lambda part: part.shown != receipt.file)
        part = next(part for part in parts if _content(part) == print_)
    except (DeliveryError, OSError, StopIteration):
        return  # damaged since it was archived: what it gave stands
    plan.candidates.append(Candidate(part, name, contract, print_, named, receipt.original, stamp_of(path)))
