"""From the inbox to the landing: each file matched to its contract, read, conformed, written, receipted.

A delivery is all or nothing: its Parquet files first, its quarantine, its receipt last and atomically, and
only what a live receipt names is ever read back. One bad file never stops the others. Files stay in the
inbox; landing the same file under the same contract again does nothing.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from pipelines.extracts.conformer import Conformed, conform, landing_sql
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
from pipelines.extracts.pseudonyms import KeyChangedError, bind_key, key_check
from pipelines.extracts.readers import DeliveryError, RawTable, read
from pipelines.extracts.readers.base import fetch_row, file_literal, literal

#: Written straight to our own temporary name (so its mode stays ours); level 1 is half the time of level 3.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false"

_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".download", ".swp", ".lock", "~")

#: Source column names that tell of people, to say in the receipt that they were dropped.
_PERSONAL = re.compile(
    r"(^|[^a-z])(first|last|middle|full|user|sur|contact|employee|supplied)?[ _]?(name|nom|prenom|prénom|"
    r"salutation)($|[^a-z])|e-?mail|courriel|phone|t[ée]l[ée]phone|mobile|fax|street|adresse|address|ip_?adr|"
    r"birth|naissance|latitude|longitude|iban|nir\b|ssn",
    re.IGNORECASE,
)


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
    with tempfile.TemporaryDirectory(prefix="symmetry_landing_") as work:
        workdir = Path(work)
        with duckdb.connect(":memory:") as connection:
            # type_pushdown could push a TRY_CAST into a file scan, where it raises instead of giving null.
            connection.execute("SET disabled_optimizers = 'type_pushdown'")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET temp_directory = {literal(str(workdir / 'spill'))}")
            raw = read(path, contract, connection, workdir)
            conformed = conform(connection, raw, contract)
            _prove(path, raw, conformed)
            connection.execute("SET preserve_insertion_order = false")
            bind_key(connection, key)
            outputs, months = _write_entities(connection, contract, conformed, landing_dir, delivery_id, version)
            _write_quarantine(connection, contract, conformed, quarantine_dir, delivery_id, path.name)
            personal = _personal(contract, _file_columns(connection, raw))
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
        read=raw.records_read,
        landed=conformed.landed,
        quarantined=conformed.quarantined,
        duplicates=conformed.duplicates,
        filtered=conformed.filtered,
        outputs=outputs,
        months=months,
        reasons=conformed.reasons,
        filter_reasons=conformed.filter_reasons,
        personal=personal,
    )
    write_receipt(landing_dir, receipt)
    for stale in older:
        if stale.superseded_by is None:
            receipts[stale.delivery_id] = stale.model_copy(update={"superseded_by": delivery_id})
            write_receipt(landing_dir, receipts[stale.delivery_id])
        (quarantine_dir / f"{stale.delivery_id}.parquet").unlink(missing_ok=True)
    return receipt


def _prove(path: Path, raw: RawTable, conformed: Conformed) -> None:
    """Refuse a delivery whose rows are not all accounted for: that would be a fault of ours."""
    parts = (conformed.landed, conformed.quarantined, conformed.duplicates, conformed.filtered)
    if raw.records_read != sum(parts):
        landed, quarantined, duplicates, filtered = parts
        raise DeliveryError(
            "count",
            f"{path.name}: {raw.records_read} rows read, but {landed} landed, {quarantined} in quarantine, "
            f"{duplicates} duplicates and {filtered} filtered make {sum(parts)}. Nothing was landed; please "
            "report this as a fault.",
        )


def _write_entities(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    conformed: Conformed,
    landing_dir: Path,
    delivery_id: str,
    version: datetime,
) -> tuple[dict[str, int], list[str]]:
    """Write one Parquet file per entity; return rows per entity and the months of their events."""
    outputs: dict[str, int] = {}
    months: set[str] = set()
    for name in dict.fromkeys(output.entity for output in contract.resolved_outputs()):
        entity = ENTITIES[name]
        folder = landing_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{delivery_id}.tmp"
        rows = landing_sql(connection, contract, entity, conformed.good)
        fields = ", ".join(f'"{column}"' for column in entity.names)
        connection.execute(
            f"""COPY (SELECT {fields}, {literal(contract.system)} AS _system, {literal(delivery_id)} AS _delivery_id,
                _record, TIMESTAMP {literal(version.isoformat(sep=" "))} AS _version FROM ({rows}))
                TO {literal(str(temporary))} ({_PARQUET})"""
        )
        file = f"read_parquet({file_literal(temporary)})"
        outputs[name] = int(fetch_row(connection, f"SELECT count(*) FROM {file}")[0])
        if entity.event is not None:
            # Distinct quarters of an hour first: no zone's offset is finer, and months of 20M rows cost little.
            moment, few = f'"{entity.event}"', f'"{entity.event}"'
            if entity.field(entity.event).type == "TIMESTAMP":
                few = f"time_bucket(INTERVAL 15 MINUTE, {moment})"
                moment = f"timezone({literal(contract.timezone)}, timezone('UTC', {moment}))"
            months |= {
                month
                for (month,) in connection.execute(
                    f"""SELECT DISTINCT strftime({moment}, '%Y-%m')
                    FROM (SELECT DISTINCT {few} AS "{entity.event}" FROM {file})
                    WHERE "{entity.event}" IS NOT NULL"""
                ).fetchall()
            }
        temporary.replace(folder / f"{delivery_id}.parquet")
    return outputs, sorted(months)


def _write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    contract: Contract,
    conformed: Conformed,
    quarantine_dir: Path,
    delivery_id: str,
    file_name: str,
) -> None:
    """Write the bad rows, whole, readable by the owner only; no file where there is none."""
    target = quarantine_dir / f"{delivery_id}.parquet"
    if conformed.quarantined == 0:
        target.unlink(missing_ok=True)
        return
    quarantine_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = quarantine_dir / f".{delivery_id}.tmp"
    temporary.unlink(missing_ok=True)
    temporary.touch(mode=0o600)
    connection.execute(
        f"""COPY (SELECT {literal(delivery_id)} AS delivery_id, {literal(contract.system)} AS system,
            {literal(contract.full_name)} AS contract, {literal(file_name)} AS file,
            CAST(line AS BIGINT) AS line, CAST(record AS BIGINT) AS record, "column", value, reason,
            {literal(file_name)} || ', ' || message AS message, row FROM {conformed.quarantine} ORDER BY record)
            TO {literal(str(temporary))} ({_PARQUET})"""
    )
    temporary.chmod(0o600)
    temporary.replace(target)


def _file_columns(connection: duckdb.DuckDBPyConnection, raw: RawTable) -> list[str]:
    """Return the names of the file's columns (of the first thousand records of JSON)."""
    rows = connection.execute(
        f"""SELECT DISTINCT key FROM (SELECT unnest(json_keys({raw.row_sql})) AS key FROM
        (SELECT * FROM {raw.table} LIMIT 1000))"""
    ).fetchall()
    return sorted(key for (key,) in rows)


def _personal(contract: Contract, found: Sequence[str]) -> dict[str, str]:
    """Return source column -> what became of it, for columns that identify people or may do so."""
    result: dict[str, str] = {}
    listed = {column.source for column in contract.columns} | {rule.source for rule in contract.filters}
    for name in found:
        if name not in listed and (name in contract.personal or _PERSONAL.search(name)):
            result[name] = "dropped"
    by_field = {column.field: column.source for column in contract.columns}
    for output in contract.resolved_outputs():
        entity = ENTITIES[output.entity]
        for item in output.items():
            for name, reference in item.items():
                if entity.field(name).identity is not None and not reference.startswith("="):
                    result[by_field[reference]] = "pseudonymised"
    return dict(sorted(result.items()))


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
