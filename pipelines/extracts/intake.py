"""One file read by its contract, whole: read, conformed, proven, and its rows written.

Belongs here: what happens between a plain file on disk and the Parquet files of its delivery. Which file, under
which contract, as which version, and the receipt that makes the delivery exist, are landing's business.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.extracts.conformer import Conformed, conform, distinct_sql, landing_selects
from pipelines.extracts.contract import Column, Contract, Filter
from pipelines.extracts.entities import ENTITIES, Entity
from pipelines.extracts.personal import personal_by_name
from pipelines.extracts.pseudonyms import Keys, pseudonyms
from pipelines.extracts.readers import DeliveryError, RawTable, as_the_file_is, read
from pipelines.extracts.readers.base import Attempt, NotPlainError, file_literal, literal
from pipelines.extracts.readers.delimited import read_parts
from pipelines.extracts.readers.json_documents import file_names
from pipelines.extracts.twins import FalseTwinsError

#: How Parquet files are written; level 1 is half the time of level 3.
PARQUET: dict[str, Any] = {"compression": "zstd", "compression_level": 1}

#: Rows of one row group of a Parquet file.
_ROW_GROUP = 131_072

#: Times a file is read, should two different rows have one hash (hardly ever in a lifetime) or lines not be plain.
_ATTEMPTS = 4

#: Seconds between two words on how far a file is.
_TELL_EVERY = 3.0


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
    key: Keys,
    progress: Callable[[str], None] | None = None,
    work: Path | None = None,
) -> Taken:
    """Read one plain file and write its landing and quarantine files (no receipt).

    `shown` is the file's name as people know it; `version` orders the delivery among those of its source.
    `progress` is told the rows so far and the rate, every few seconds. A delimited file is taken in part by part, so
    that memory grows by some tens of bytes a row only; any other is held whole. What is set down on the way goes to a
    folder of its own below `work` (the system's folder for temporary files when None).

    Raises DeliveryError when the file must be refused; then nothing of it is left behind that a receipt names.
    """
    attempt, why = Attempt(), ""
    for _ in range(_ATTEMPTS):
        try:
            with (
                tempfile.TemporaryDirectory(prefix="symmetry_landing_", dir=work) as own,
                open_workspace(Path(own)) as connection,
            ):
                intake = _Intake(connection, contract, key, shown, delivery_id, version, landing_dir, quarantine_dir)
                with intake.files:
                    for raw in _parts(path, contract, connection, Path(own), attempt):
                        intake.take(raw)
                        if progress is not None:
                            intake.tell(progress)
                    return intake.finish()
        except FalseTwinsError:
            attempt = replace(attempt, salt=attempt.salt + 1)
            why = "rows that differ were taken for copies of each other"
        except NotPlainError:
            attempt = replace(attempt, plainly=False)
            why = "its rows were not read as they were counted"
    raise DeliveryError("fault", f"{shown}: {why}, time and again. Nothing was landed; please report this as a fault.")


def _parts(
    path: Path, contract: Contract, connection: duckdb.DuckDBPyConnection, workdir: Path, attempt: Attempt
) -> Iterator[RawTable]:
    """Yield the raw tables of a file, one after the other. Raises DeliveryError, RetryError."""
    contract = as_the_file_is(path, contract)
    if contract.format.type != "csv":
        yield read(path, contract, connection, workdir)
        return
    raw = None
    for raw in read_parts(path, contract, connection, workdir, attempt):
        yield raw
    if raw is not None and raw.part is not None:
        raw.part.twins.verify()


class _Files:
    """The Parquet files of one delivery, written under temporary names; none is left unless all are moved in place."""

    def __init__(self) -> None:
        self._targets: dict[Path, tuple[Path, pq.ParquetWriter]] = {}

    def __enter__(self) -> _Files:
        return self

    def __exit__(self, *_: object) -> None:
        for temporary, writer in self._targets.values():
            writer.close()
            temporary.unlink(missing_ok=True)

    def append(self, target: Path, table: pa.Table, spelt_out: Sequence[str], *, private: bool = False) -> int:
        """Write rows at the end of a file; return how many.

        `spelt_out`: columns whose values hardly repeat, written without a dictionary. `private`: for the owner only.
        """
        if target not in self._targets:
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if private else 0o777)
            temporary = target.with_name(f".{target.stem}.tmp")
            temporary.unlink(missing_ok=True)
            temporary.touch(mode=0o600 if private else 0o666)
            coded = [name for name in table.schema.names if name not in spelt_out]
            writer = pq.ParquetWriter(temporary, table.schema, use_dictionary=coded, write_statistics=coded, **PARQUET)
            self._targets[target] = (temporary, writer)
        self._targets[target][1].write_table(table, row_group_size=_ROW_GROUP)
        return int(table.num_rows)

    def close(self) -> dict[Path, Path]:
        """End the files; return target -> where it is until `move`."""
        for _, writer in self._targets.values():
            writer.close()
        return {target: temporary for target, (temporary, _) in self._targets.items()}

    def move(self) -> None:
        """Move the files to where they belong."""
        for target, (temporary, _) in self._targets.items():
            temporary.replace(target)


class _Intake:
    """The taking in of one file, part after part."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: Contract,
        key: Keys,
        shown: str,
        delivery_id: str,
        version: datetime,
        landing_dir: Path,
        quarantine_dir: Path,
    ) -> None:
        self.files = _Files()
        self._connection = connection
        self._contract = contract
        self._key = key
        self._shown = shown
        self._delivery_id = delivery_id
        self._version = version
        self._landing_dir = landing_dir
        self._quarantine = quarantine_dir / f"{delivery_id}.parquet"
        self._entities = list(dict.fromkeys(output.entity for output in contract.resolved_outputs()))
        self._outputs = dict.fromkeys(self._entities, 0)
        self._distinct: dict[str, str] = {}
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._filter_reasons: Counter[str] = Counter()
        self._personal: dict[str, str] | None = None
        self._cut_off = False
        self._started = self._told = time.monotonic()

    def take(self, raw: RawTable) -> None:
        """Conform one raw table and write its rows. Raises DeliveryError."""
        conformed = conform(self._connection, raw, self._contract)
        _prove(self._shown, raw, conformed)
        for name in self._entities:
            self._write_entity(ENTITIES[name], conformed)
        if conformed.quarantined:
            self._write_quarantine(conformed)
        self._counts["read"] += raw.records_read
        for what in ("landed", "quarantined", "duplicates", "filtered"):
            self._counts[what] += getattr(conformed, what)
        self._reasons.update(conformed.reasons)
        self._filter_reasons.update(conformed.filter_reasons)
        self._cut_off = raw.cut_off
        if self._personal is None:
            self._personal = _personal(self._contract, file_names(self._connection, raw))

    def tell(self, progress: Callable[[str], None]) -> None:
        """Say how far it is, if the last time is long enough ago."""
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY:
            self._told = now
            rows = self._counts["read"]
            progress(f"{self._shown}: {rows:,} rows, {rows / (now - self._started):,.0f} rows/s")

    def finish(self) -> Taken:
        """Write what is known only at the end, put the files in their place, and return the account."""
        for number, (table, name) in enumerate(sorted(self._distinct.items())):
            rows = distinct_sql(ENTITIES[name], table)
            self._append(ENTITIES[name], f"({rows}) AS distinct_rows_{number}")
        written = self.files.close()
        months = _months(self._connection, self._contract, self._landing_files(written))
        self.files.move()
        if self._quarantine not in written:
            self._quarantine.unlink(missing_ok=True)
        return Taken(
            read=self._counts["read"],
            landed=self._counts["landed"],
            quarantined=self._counts["quarantined"],
            duplicates=self._counts["duplicates"],
            filtered=self._counts["filtered"],
            outputs=self._outputs,
            months=months,
            reasons=dict(sorted(self._reasons.items())),
            filter_reasons=dict(sorted(self._filter_reasons.items())),
            personal=self._personal or {},
            cut_off=self._cut_off,
        )

    def _landing_files(self, written: dict[Path, Path]) -> dict[str, Path]:
        return {name: written[self._target(name)] for name in self._entities}

    def _target(self, entity: str) -> Path:
        return self._landing_dir / entity / f"{self._delivery_id}.parquet"

    def _write_entity(self, entity: Entity, conformed: Conformed) -> None:
        """Write the landing rows of one entity; distinct ones are kept, because the next part may repeat them."""
        selects = landing_selects(self._contract, entity, conformed.good, self._version)
        for number, (select, distinct) in enumerate(selects):
            if not distinct:
                self._append(entity, f"({select})")
                continue
            table = f"distinct_{entity.name}_{number}"
            if table in self._distinct:
                self._connection.execute(f"INSERT INTO {table} {select}")
            else:
                self._connection.execute(f"CREATE TABLE {table} AS {select}")
                self._distinct[table] = entity.name

    def _append(self, entity: Entity, rows: str) -> None:
        fields = ", ".join(f'"{column}"' for column in entity.names)
        reader = self._connection.sql(
            f"SELECT {fields}, CAST(_record AS BIGINT) AS _record, _version FROM {rows}"
        ).to_arrow_reader(_ROW_GROUP)
        # By row groups, because memory of that size is used again and again.
        table = None
        for batch in reader:
            table = pa.Table.from_batches([batch])
            self._append_batch(entity, table)
        if table is None:
            self._append_batch(entity, reader.schema.empty_table())

    def _append_batch(self, entity: Entity, table: pa.Table) -> None:
        for number, field in enumerate(entity.fields):
            if field.identity is not None:
                made = pseudonyms(pl.Series(table.column(number)), self._key)
                table = table.set_column(number, field.name, made.to_arrow(compat_level=pl.CompatLevel.oldest()))
        for name, value in (("_system", self._contract.system), ("_delivery_id", self._delivery_id)):
            table = table.append_column(name, _constant(value, table.num_rows))
        spelt_out = [
            field.name for field in entity.fields if field.identity is not None or field.type in {"TIMESTAMP", "DOUBLE"}
        ]
        self._outputs[entity.name] += self.files.append(self._target(entity.name), table, [*spelt_out, "_record"])

    def _write_quarantine(self, conformed: Conformed) -> None:
        """Write the bad rows, whole, readable by the owner only."""
        contract, shown = self._contract, literal(self._shown)
        table = self._connection.sql(
            f"""SELECT {literal(self._delivery_id)} AS delivery_id, {literal(contract.system)} AS system,
            {literal(contract.full_name)} AS contract, {shown} AS file,
            CAST(line AS BIGINT) AS line, CAST(record AS BIGINT) AS record, "column", value, reason,
            {shown} || ', ' || message AS message, row FROM {conformed.quarantine} ORDER BY record"""
        ).to_arrow_table()
        self.files.append(self._quarantine, table, ["line", "record", "message", "row"], private=True)


def _constant(text: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int8), [text])


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


def _months(connection: duckdb.DuckDBPyConnection, contract: Contract, files: dict[str, Path]) -> list[str]:
    """Return the calendar months ('YYYY-MM') of the events in the files of the entities."""
    months: set[str] = set()
    for name, path in files.items():
        entity = ENTITIES[name]
        if entity.event is None:
            continue
        # The first and the last moment of each day in UTC: no day has a part in more than two months of any zone.
        moment = "unnest([first, last])"
        if entity.field(entity.event).type == "TIMESTAMP":
            moment = f"timezone({literal(contract.timezone)}, timezone('UTC', {moment}))"
        months |= {
            month
            for (month,) in connection.execute(
                f"""SELECT DISTINCT strftime({moment}, '%Y-%m') FROM (
                    SELECT min("{entity.event}") AS first, max("{entity.event}") AS last
                    FROM read_parquet({file_literal(path)}) WHERE "{entity.event}" IS NOT NULL
                    GROUP BY CAST("{entity.event}" AS DATE))"""
            ).fetchall()
        }
    return sorted(months)


def _personal(contract: Contract, found: Sequence[str]) -> dict[str, str]:
    """Return source column -> what became of it, for columns that identify people or may do so."""
    result: dict[str, str] = {}
    parts: list[Column | Filter] = [*contract.columns, *contract.filters]
    listed = {name.casefold() for part in parts for name in part.names}
    stated = tuple(name.casefold() for name in contract.personal)
    for name in found:
        folded = name.casefold()
        # Of nested values, all below a name that the contract lists are meant.
        meant = any(folded == one or folded.startswith((f"{one}.", f"{one}[")) for one in stated)
        if folded not in listed and (meant or personal_by_name(name) is not None):
            result[name] = "dropped"
    by_field = {column.field: column.source for column in contract.columns}
    for output in contract.resolved_outputs():
        entity = ENTITIES[output.entity]
        for item in output.items():
            for name, reference in item.items():
                if entity.field(name).identity is not None and not reference.startswith("="):
                    result[by_field[reference]] = "pseudonymised"
    return dict(sorted(result.items()))
