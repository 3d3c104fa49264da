"""One file read by its contract, whole: read, conformed, proven, and its rows written.

Belongs here: what happens between a plain file on disk and the Parquet files of its delivery. Which file, under
which contract, as which version, and the receipt that makes the delivery exist, are landing's business.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from pipelines.extracts.conformer import Conformed, conform, landing_sql
from pipelines.extracts.contract import Contract
from pipelines.extracts.entities import ENTITIES
from pipelines.extracts.pseudonyms import bind_key
from pipelines.extracts.readers import DeliveryError, RawTable, read
from pipelines.extracts.readers.base import fetch_row, file_literal, literal

#: Written straight to our own temporary name (so its mode stays ours); level 1 is half the time of level 3.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, USE_TMP_FILE false"

#: Source column names that tell of people, to say in the receipt that they were dropped.
_PERSONAL = re.compile(
    r"(^|[^a-z])(first|last|middle|full|user|sur|contact|employee|supplied)?[ _]?(name|nom|prenom|prénom|"
    r"salutation)($|[^a-z])|e-?mail|courriel|phone|t[ée]l[ée]phone|mobile|fax|street|adresse|address|ip_?adr|"
    r"birth|naissance|latitude|longitude|iban|nir\b|ssn",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Taken:
    """What became of one file, in source rows; read = landed + quarantined + duplicates + filtered.

    `outputs`: landing rows per entity; `months`: calendar months ('YYYY-MM') of the events; `reasons`,
    `filter_reasons`: rows per reason code; `personal`: source column -> 'pseudonymised' or 'dropped';
    `cut_off`: whether the file ends in the middle of a row.
    """

    read: int
    landed: int
    quarantined: int
    duplicates: int
    filtered: int
    outputs: dict[str, int]
    months: list[str]
    reasons: dict[str, int]
    filter_reasons: dict[str, int]
    personal: dict[str, str]
    cut_off: bool = False


def open_workspace(workdir: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB of its own for one delivery, that spills to `workdir`."""
    connection = duckdb.connect(":memory:")
    # type_pushdown could push a TRY_CAST into a file scan, where it raises instead of giving null.
    connection.execute("SET disabled_optimizers = 'type_pushdown'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET temp_directory = {literal(str(workdir / 'spill'))}")
    return connection


def take_in(
    path: Path,
    shown: str,
    contract: Contract,
    delivery_id: str,
    version: datetime,
    landing_dir: Path,
    quarantine_dir: Path,
    key: bytes,
) -> Taken:
    """Read one plain file and write its landing and quarantine files (no receipt).

    `shown` is the file's name as people know it; `version` orders the delivery among those of its source.
    Raises DeliveryError when the file must be refused; then nothing of it is left behind that a receipt names.
    """
    with tempfile.TemporaryDirectory(prefix="symmetry_landing_") as work:
        workdir = Path(work)
        with open_workspace(workdir) as connection:
            raw = read(path, contract, connection, workdir)
            conformed = conform(connection, raw, contract)
            _prove(shown, raw, conformed)
            connection.execute("SET preserve_insertion_order = false")
            bind_key(connection, key)
            outputs, months = _write_entities(connection, contract, conformed, landing_dir, delivery_id, version)
            _write_quarantine(connection, contract, conformed, quarantine_dir, delivery_id, shown)
            personal = _personal(contract, _file_columns(connection, raw))
    return Taken(
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
        cut_off=raw.cut_off,
    )


def _prove(shown: str, raw: RawTable, conformed: Conformed) -> None:
    """Refuse a delivery whose rows are not all accounted for: that would be a fault of ours."""
    parts = (conformed.landed, conformed.quarantined, conformed.duplicates, conformed.filtered)
    if raw.records_read != sum(parts):
        landed, quarantined, duplicates, filtered = parts
        raise DeliveryError(
            "count",
            f"{shown}: {raw.records_read} rows read, but {landed} landed, {quarantined} in quarantine, "
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
        rows = landing_sql(connection, contract, entity, conformed.good, version)
        fields = ", ".join(f'"{column}"' for column in entity.names)
        connection.execute(
            f"""COPY (SELECT {fields}, {literal(contract.system)} AS _system, {literal(delivery_id)} AS _delivery_id,
                _record, _version FROM ({rows}))
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
