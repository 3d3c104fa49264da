"""The quarantine as a workbench: what lies there and why, the rows themselves, and what a new reading took out.

Belongs here: reading the quarantine. Rows are written there by intake alone. Only deliveries in force count: the rows
of one that was superseded or withdrawn say nothing any more. All of it is people's data, as delivered; nothing here
logs a value.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from pipelines.extracts.candidates import contract_for
from pipelines.extracts.contract import Contract
from pipelines.extracts.deliveries import Fingerprint, Receipt, Refusal, live_receipts, read_receipts
from pipelines.extracts.readers import DeliveryError
from pipelines.extracts.readers.base import file_literal, literal

#: Columns of an export, in order: the delivery and its file; where the row stood; what is wrong; the whole row.
EXPORTED = ("delivery", "file", "line", "record", "column", "value", "reason", "message", "row")


class QuarantineError(ValueError):
    """What was asked of the quarantine cannot be had; the message says what there is."""


@dataclass(frozen=True)
class ReasonCount:
    """Rows of one delivery in quarantine for one reason; the first by its line (null where the format has none)."""

    reason: str
    rows: int
    first_line: int | None
    first_record: int | None


@dataclass(frozen=True)
class Quarantined:
    """A delivery in force that has rows in quarantine.

    `read`, `rows`: source rows; `limit`: the largest share of its rows, 0 to 1, that the landing gate lets through;
    `is_whole`: whether its quarantine file is there with as many rows as its receipt says.
    """

    delivery_id: str
    file: str
    contract: str
    read: int
    rows: int
    limit: float
    reasons: tuple[ReasonCount, ...]
    is_whole: bool

    @property
    def share(self) -> float:
        """Share of the delivery's rows that are in quarantine, 0 to 1."""
        return self.rows / self.read

    @property
    def above_limit(self) -> bool:
        """Whether the landing gate stops at this delivery (one bad row is always let through)."""
        return above_limit(self.rows, self.read, self.limit)


def above_limit(rows: int, read: int, limit: float) -> bool:
    """Whether `rows` bad ones of `read` are more than the landing gate lets through; `limit`: a share, 0 to 1.

    One bad row is always let through: in a file of seven rows it is a bad row, not a bad delivery.
    """
    return rows > max(1, limit * read)


def quarantined(
    landing_dir: Path, quarantine_dir: Path, contracts: Sequence[Contract], max_share: float
) -> list[Quarantined]:
    """Return the deliveries in force with rows in quarantine, the one with most rows first; reasons likewise.

    `max_share`: the limit of contracts that state none. Raises DamagedReceiptError, and QuarantineError when a
    quarantine file cannot be read.
    """
    stated = {contract.full_name: contract.max_quarantine_share for contract in contracts}
    found = []
    for receipt in live_receipts(landing_dir):
        if receipt.quarantined == 0:
            continue
        own = stated.get(receipt.contract)
        counted = _counted(quarantine_dir / f"{receipt.delivery_id}.parquet")
        is_whole = sum(count.rows for count in counted) == receipt.quarantined
        if not is_whole:
            counted = [ReasonCount(reason, rows, None, None) for reason, rows in receipt.reasons.items()]
        found.append(
            Quarantined(
                delivery_id=receipt.delivery_id,
                file=receipt.file,
                contract=receipt.contract,
                read=receipt.read,
                rows=receipt.quarantined,
                limit=max_share if own is None else own,
                reasons=tuple(sorted(counted, key=lambda count: (-count.rows, count.reason))),
                is_whole=is_whole,
            )
        )
    return sorted(found, key=lambda one: (-one.rows, one.file, one.delivery_id))


def _counted(path: Path) -> list[ReasonCount]:
    if not path.is_file():
        return []
    query = f"SELECT reason, count(*), min(line), min(record) FROM {_files([path])} GROUP BY reason"
    with duckdb.connect() as connection:
        return [ReasonCount(*row) for row in _run(connection, query, [], [path])]


@dataclass(frozen=True)
class Wanted:
    """Which rows in quarantine: those that are all of what is given."""

    delivery: str | None = None
    file: str | None = None
    reason: str | None = None
    column: str | None = None

    def given(self) -> dict[str, str]:
        """Column of the quarantine -> the value that is wanted there."""
        asked = {"delivery_id": self.delivery, "file": self.file, "reason": self.reason, "column": self.column}
        return {name: value for name, value in asked.items() if value is not None}


@dataclass(frozen=True)
class QuarantinedRow:
    """A row in quarantine: where it stood, the first value that is wrong with it, why, and the row as delivered."""

    delivery: str
    file: str
    line: int | None
    record: int
    column: str | None
    value: str | None
    reason: str
    message: str
    row: str


def find_rows(landing_dir: Path, quarantine_dir: Path, wanted: Wanted, limit: int) -> tuple[int, list[QuarantinedRow]]:
    """Return how many rows in quarantine are wanted, and the first `limit` of them by file and record.

    Raises QuarantineError when there is none; the message says what could be asked for.
    """
    paths = _paths(landing_dir, quarantine_dir)
    with duckdb.connect() as connection:
        total = _count(connection, paths, wanted)
        rows = _run(connection, f"{_select(paths, wanted)} LIMIT {int(limit)}", list(wanted.given().values()), paths)
    return total, [QuarantinedRow(*row) for row in rows]


def export_rows(
    landing_dir: Path,
    quarantine_dir: Path,
    wanted: Wanted,
    target: Path,
    *,
    overwrite: bool = False,
    exact: bool = False,
) -> int:
    """Write the wanted rows to a CSV file (columns: EXPORTED), mode 0600; return how many.

    UTF-8, comma, every value in quotes, a quote doubled. `row` is the whole row as it is kept: an object of its
    columns in JSON, or the text itself where it could not be told apart. A text that a spreadsheet would run as a
    formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets an apostrophe before it (OWASP, CSV
    injection); with `exact` every value is as delivered, for a program to read.

    Raises QuarantineError when there is no such row, FileExistsError when there is a file and `overwrite` is not
    said, OSError when it cannot be written; a file that was there is then as it was.
    """
    if not overwrite and target.exists():
        raise FileExistsError(f"{target} is there already; give another name, or --force to replace it")
    paths = _paths(landing_dir, quarantine_dir)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    with duckdb.connect() as connection:
        total = _count(connection, paths, wanted)
        # Made by us, so that it is closed to others before the first row is in it.
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            options = "FORMAT csv, HEADER, FORCE_QUOTE *, USE_TMP_FILE false"
            rows = _select(paths, wanted)
            if not exact:
                rows = f"SELECT {', '.join(_disarmed(name) for name in EXPORTED)} FROM ({rows})"
            query = f"COPY ({rows}) TO {literal(str(temporary))} ({options})"
            _run(connection, query, list(wanted.given().values()), paths)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    return total


#: What makes a spreadsheet take a text for a formula when it comes first: =, +, -, @, tab, carriage return.
_FORMULA = "'=', '+', '-', '@', chr(9), chr(13)"


def _disarmed(column: str) -> str:
    """SQL for a column of an export in which no text is a formula; numbers stay as they are."""
    if column in ("line", "record"):
        return f'"{column}"'
    text = f'"{column}"'
    return f"CASE WHEN {text}[1] IN ({_FORMULA}) THEN chr(39) || {text} ELSE {text} END AS {text}"


def _paths(landing_dir: Path, quarantine_dir: Path) -> list[Path]:
    """Return the quarantine files of the deliveries in force. Raises QuarantineError when nothing is there."""
    live = [receipt for receipt in live_receipts(landing_dir) if receipt.quarantined]
    paths = [quarantine_dir / f"{receipt.delivery_id}.parquet" for receipt in live]
    there = [path for path in paths if path.is_file()]
    if not live:
        raise QuarantineError("Nothing is in quarantine: every row of every delivery in force could be read.")
    if not there:
        raise QuarantineError(f"The quarantine files of {len(live)} deliveries in force are not in {quarantine_dir}.")
    return there


def _files(paths: Sequence[Path]) -> str:
    listed = ", ".join(file_literal(path) for path in paths)
    return f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"


def _where(wanted: Wanted) -> str:
    conditions = [f'"{name}" = ${number}' for number, name in enumerate(wanted.given(), start=1)]
    return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _select(paths: Sequence[Path], wanted: Wanted) -> str:
    columns = ", ".join("delivery_id AS delivery" if name == "delivery" else f'"{name}"' for name in EXPORTED)
    return f"SELECT {columns} FROM {_files(paths)} {_where(wanted)} ORDER BY file, delivery_id, record"


def _count(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], wanted: Wanted) -> int:
    """Return how many rows are wanted. Raises QuarantineError when none is."""
    given = wanted.given()
    query = f"SELECT count(*) FROM {_files(paths)} {_where(wanted)}"
    total = int(_run(connection, query, list(given.values()), paths)[0][0])
    if total:
        return total
    for name, value in given.items():
        present = [
            str(row[0])
            for row in _run(connection, f'SELECT DISTINCT "{name}" FROM {_files(paths)} ORDER BY 1', [], paths)
            if row[0] is not None
        ]
        if value not in present:
            told = "delivery" if name == "delivery_id" else name
            more = f", and {len(present) - 20} more" if len(present) > 20 else ""
            raise QuarantineError(
                f"No row in quarantine has the {told} {value!r}; there are: {', '.join(present[:20])}{more}"
            )
    raise QuarantineError("No row in quarantine is all of that; ask for less at once.")


def _run(
    connection: duckdb.DuckDBPyConnection, query: str, values: list[str], paths: Sequence[Path]
) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(query, values).fetchall()
    except duckdb.IOException as error:
        raise OSError(str(error).splitlines()[0]) from error
    except duckdb.Error as error:
        names = ", ".join(path.name for path in paths[:3]) + (", ..." if len(paths) > 3 else "")
        raise QuarantineError(
            f"The quarantine cannot be read ({names} in {paths[0].parent}): {type(error).__name__}. If a file is "
            "damaged, withdraw its delivery (symmetry withdraw ID) and land its original again."
        ) from error


@dataclass(frozen=True)
class Replayed:
    """What a new reading made of one delivery with rows in quarantine.

    `before`, `after`: its rows in quarantine; `delivery_id`: the delivery that counts now; `kept`: why it could not
    be read again, with the remedy, '' where it was.
    """

    file: str
    contract: str
    delivery_id: str
    before: int
    after: int
    kept: str = ""

    @property
    def left(self) -> int:
        """Rows that left the quarantine; negative when the contract now refuses more of them."""
        return self.before - self.after


def replayed(
    before: Sequence[Receipt],
    landing_dir: Path,
    archive: Path,
    contracts: Sequence[Contract],
    refused: Sequence[Refusal],
) -> list[Replayed]:
    """Return, for each delivery of `before` that had rows in quarantine, what a pass over its original changed.

    `before`: the receipts in force before the pass; `refused`: what the pass refused.
    """
    now = {receipt.delivery_id: receipt for receipt in read_receipts(landing_dir)}
    messages = {refusal.file: refusal.message for refusal in refused}
    result = []
    for old in before:
        if old.quarantined == 0:
            continue
        new = now.get(old.delivery_id, old)
        while new.superseded_by in now:
            new = now[new.superseded_by]
        kept = "" if new.delivery_id != old.delivery_id else _why_kept(old, archive, contracts, messages)
        result.append(Replayed(old.file, old.contract, new.delivery_id, old.quarantined, new.quarantined, kept))
    return result


def _why_kept(old: Receipt, archive: Path, contracts: Sequence[Contract], refused: Mapping[str, str]) -> str:
    """Return why a delivery was not read again, and what to do."""
    name = old.name or old.file
    try:
        contract = contract_for(name, old.file, contracts)
    except DeliveryError as error:
        return error.message
    if old.file in refused:
        return f"its original was refused: {refused[old.file]}"
    if Fingerprint(old.sha256, old.bytes).delivery_id(contract, contract.version_of(name)) == old.delivery_id:
        return (
            f"the contract {contract.full_name} has not changed since. Correct it ({contract.path.name}) and replay, "
            "or have the rows corrected at the source and delivered again."
        )
    if not old.original or not (archive / old.original).is_file():
        return "its original is neither in the inbox nor in the archive any more. Have the file delivered again."
    return "its original in the archive is damaged. Have the file delivered again."
