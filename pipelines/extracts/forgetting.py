"""Forgetting a person: their rows leave landing, quarantine and archive, and are left out of what comes later.

Belongs here: the ledger of the forgotten, which holds keyed pseudonyms and never an identifier, and taking rows out.
The order makes it safe to be killed anywhere, as in `rotation`: the new files are built beside the old ones
(`_forgetting/`), a mark says that all are there, then they are moved, as often as it takes. What is built is thrown
away where the mark is missing, and built again: the ledger is written first. The caller holds the warehouse's lock.

Rows whose time is over (retention) leave the landing the same way.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from pipelines.extracts.archive import archived
from pipelines.extracts.deliveries import RECEIPTS, Receipt, landed_hashes, read_receipts, write_receipt
from pipelines.extracts.entities import BY_SIDE, ENTITIES, Entity
from pipelines.extracts.intake import PARQUET, Taken
from pipelines.extracts.pseudonyms import Keys, PseudonymKeys, chain_of, pseudonym, pseudonyms

FORGETTING = "_forgetting"
LEDGER = "_forgotten.json"
FORGOTTEN, EXPIRED = "forgotten", "expired"
"""Filter reasons of source rows that were taken out."""

DOMAINS = ("client", "employee")
#: Fields that name somebody else than the one whom the row is about: they are emptied, the row stays.
_BESIDE = {"employee": ("manager_id",)}
_BUILT = "built.json"
_CHUNK = 1 << 22


class ForgottenPerson(BaseModel):
    """What is kept of a forgetting: when, in which domain, the pseudonym, and how many rows left which source.

    `keys`: how many keys its chain had then; `rows`: by contract, source rows taken out; `originals`: files that left
    the archive; `done_at`: None while it is under way. The pseudonym tells nobody who it was without the key, and lets
    later deliveries leave the person out.
    """

    model_config = ConfigDict(frozen=True)

    domain: str
    pseudonym: str
    keys: int
    asked_at: datetime
    done_at: datetime | None = None
    rows: dict[str, int] = {}
    originals: int = 0

    def now(self, key: Keys) -> str:
        """The pseudonym under all keys there are today: after a rotation the chain is longer."""
        further = chain_of(key)[self.keys :]
        return pseudonym(self.pseudonym, self.domain, PseudonymKeys(further)) if further else self.pseudonym


@dataclass(frozen=True)
class Removed:
    """Source rows by contract, and files of the archive, that left."""

    rows: Mapping[str, int]
    originals: int = 0


def _silent(_: str) -> None:
    return None


def read_ledger(landing_dir: Path) -> list[ForgottenPerson]:
    """Everybody who was forgotten, the earliest first."""
    path = landing_dir / LEDGER
    if not path.is_file():
        return []
    return [ForgottenPerson.model_validate(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def forgotten_now(landing_dir: Path, key: Keys) -> list[str]:
    """The pseudonyms of everybody who was forgotten, as the keys of today make them."""
    return [one.now(key) for one in read_ledger(landing_dir)]


def _write_ledger(landing_dir: Path, people: Sequence[ForgottenPerson]) -> None:
    landing_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(landing_dir / LEDGER, json.dumps([one.model_dump(mode="json") for one in people], indent=2) + "\n")


def forget(
    landing_dir: Path,
    quarantine_dir: Path,
    archive: Path,
    warehouse: Path,
    domain: str,
    identifier: str,
    key: Keys,
    progress: Callable[[str], None] = _silent,
) -> Removed:
    """Take a person out of everything that has landed, and remember to leave them out of what comes.

    Args:
        landing_dir, quarantine_dir, archive, warehouse: where the company's data are; the warehouse file is removed
            and made anew by the next run.
        domain: ``client`` or ``employee``.
        identifier: as the source system writes it. Of a Salesforce id of 18 characters the first 15 count.
        key: the pseudonym key.
        progress: gets a readable line for each step; no line holds the identifier.

    Raises:
        OSError: a file cannot be read or written; the next command goes on where this one stopped.
    """
    text = identifier.strip()
    names = {text} | ({text[:15]} if len(text) == 18 and text.isalnum() else set())
    made = {pseudonym(name, domain, key) for name in names}
    known = read_ledger(landing_dir)
    again = [one.model_copy(update={"done_at": None}) if one.now(key) in made else one for one in known]
    new = [
        ForgottenPerson(domain=domain, pseudonym=one, keys=len(chain_of(key)), asked_at=datetime.now(UTC))
        for one in sorted(made - {one.now(key) for one in known})
    ]
    _write_ledger(landing_dir, [*again, *new])
    originals = [path for path in archived(archive) if _holds(path, names)]
    progress(f"{len(originals)} original(s) in the archive hold the identifier")
    return _take_out(landing_dir, quarantine_dir, archive, warehouse, key, originals, progress)


def finish_forgetting(
    landing_dir: Path,
    quarantine_dir: Path,
    archive: Path,
    warehouse: Path,
    key: Keys,
    progress: Callable[[str], None] = _silent,
) -> str | None:
    """Finish a forgetting that was cut off; return a sentence that says so, None where there was none.

    The identifier is not known any more: of the archive, the originals of deliveries that held the person go.
    """
    _apply(landing_dir, quarantine_dir, archive, warehouse, progress)
    if all(one.done_at for one in read_ledger(landing_dir)):
        return None
    _take_out(landing_dir, quarantine_dir, archive, warehouse, key, [], progress)
    return "An interrupted forgetting is finished."


def expire_rows(
    landing_dir: Path,
    quarantine_dir: Path,
    archive: Path,
    warehouse: Path,
    months: Mapping[str, int],
    today: date,
    progress: Callable[[str], None] = _silent,
) -> Removed:
    """Take rows out of the landing whose events are older than their entity may be kept.

    months: by entity, how many whole months before the present one are kept. Entities without an event have no age.
    """
    if not months:
        return Removed({})
    limits = {}
    for name, count in months.items():
        back = today.year * 12 + today.month - 1 - count
        limits[name] = datetime(back // 12, back % 12 + 1, 1)

    def over(entity: Entity) -> pl.Expr | None:
        if entity.event is None or entity.name not in limits:
            return None
        return pl.col(entity.event).cast(pl.Datetime) < limits[entity.name]

    rows = _build(landing_dir, quarantine_dir, over, lambda _: None, {}, EXPIRED, [], progress)
    if rows:
        _apply(landing_dir, quarantine_dir, archive, warehouse, progress)
    else:
        shutil.rmtree(landing_dir / FORGETTING, ignore_errors=True)
    return Removed(rows)


def leave_out(
    taken: Taken,
    delivery_id: str,
    landing_dir: Path,
    quarantine_dir: Path,
    forgotten: Collection[str],
    key: Keys,
) -> Taken:
    """Take forgotten people out of a delivery that has no receipt yet; return what became of its rows then.

    forgotten: the pseudonyms of the ledger. Its files are replaced in place: nobody reads them before the receipt.
    """
    if not forgotten:
        return taken
    target = landing_dir / FORGETTING / "new"
    shutil.rmtree(target, ignore_errors=True)
    made = _rewrite(delivery_id, taken.outputs, landing_dir, quarantine_dir, target, _people(forgotten),
                    lambda rows: _quarantined_people(rows, forgotten, key), _beside(forgotten))  # fmt: skip
    for built, place in made.moves(landing_dir, quarantine_dir):
        built.replace(place)
    shutil.rmtree(landing_dir / FORGETTING, ignore_errors=True)
    return made.counted(taken, FORGOTTEN)


def discard(delivery_id: str, outputs: Collection[str], landing_dir: Path, quarantine_dir: Path) -> None:
    """Remove the files of a delivery that is refused after they were written."""
    for name in outputs:
        (landing_dir / name / f"{delivery_id}.parquet").unlink(missing_ok=True)
    (quarantine_dir / f"{delivery_id}.parquet").unlink(missing_ok=True)


# Which rows.


def _people(forgotten: Collection[str]) -> Callable[[Entity], pl.Expr | None]:
    """The rows of an entity that are about somebody forgotten."""

    def about(entity: Entity) -> pl.Expr | None:
        beside = _BESIDE.get(entity.name, ())
        named = [field.name for field in entity.fields if field.identity in (*DOMAINS, BY_SIDE)]
        columns = [name for name in named if name not in beside]
        return pl.any_horizontal(pl.col(columns).is_in(list(forgotten))) if columns else None

    return about


def _beside(forgotten: Collection[str]) -> dict[str, Mapping[str, pl.Expr]]:
    """By entity, the columns in which somebody forgotten stands beside the one whom the row is about, emptied."""
    return {
        entity: {
            name: pl.when(pl.col(name).is_in(list(forgotten))).then(None).otherwise(pl.col(name)) for name in columns
        }
        for entity, columns in _BESIDE.items()
    }


def _quarantined_people(rows: pl.DataFrame, forgotten: Collection[str], key: Keys) -> pl.Series:
    """By row in quarantine: is any of its values, as delivered, the identifier of somebody forgotten?"""
    texts = (
        rows.select(
            pl.int_range(pl.len()).alias("at"),
            pl.concat_str(pl.col("row"), pl.col("value"), separator="\n", ignore_nulls=True)
            .str.split(by="\n")
            .alias("text"),
        )
        .explode("text")
        .with_columns(pl.col("text").str.extract_all(r"[^\s\"'{}\[\]:;,|\t]+").alias("word"))
        .explode("word")
        .drop_nulls("word")
    )
    words = texts.select(pl.col("word").unique())
    words = pl.concat([words, words.select(pl.col("word").str.slice(0, 15)).filter(pl.col("word") != "")]).unique()
    found = pl.lit(value=False)
    for domain in DOMAINS:
        made = pseudonyms((domain + ":" + words["word"]), key)
        hits = words.filter(made.is_in(list(forgotten)))["word"].to_list()
        found = found | pl.col("word").is_in(hits) | pl.col("word").str.slice(0, 15).is_in(
            [hit for hit in hits if len(hit) == 15]
        )  # fmt: skip
    held = set(texts.filter(found)["at"].to_list())
    return pl.Series([at in held for at in range(rows.height)], dtype=pl.Boolean)


def _holds(path: Path, names: Collection[str]) -> bool:
    """Whether an original holds one of the identifiers as text, in UTF-8, cp1252 or UTF-16; .gz and .zip are opened."""
    wanted = {name.encode(code) for name in names for code in ("utf-8", "utf-16-le", "utf-16-be")}
    return any(_found(stream, wanted) for stream in _streams(path))


def _streams(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        with gzip.open(path) as stream:
            yield stream  # type: ignore[misc]
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                with packed.open(name) as member:
                    yield member
    else:
        with path.open("rb") as stream:
            yield stream


def _found(stream: IO[bytes], wanted: Collection[bytes]) -> bool:
    longest = max(len(one) for one in wanted)
    tail = b""
    while chunk := stream.read(_CHUNK):
        block = tail + chunk
        if any(one in block for one in wanted):
            return True
        tail = block[-longest:]
    return False


# Taking them out.


@dataclass(frozen=True)
class _Made:
    """What was built of one delivery: rows left by entity, source rows taken out, and the folder."""

    folder: Path
    delivery_id: str
    outputs: dict[str, int]
    gone_landed: int
    gone_quarantined: dict[str, int]
    entities: tuple[str, ...]

    @property
    def gone(self) -> int:
        """Source rows that left."""
        return self.gone_landed + sum(self.gone_quarantined.values())

    @property
    def changed(self) -> bool:
        """Whether any file is another now."""
        return bool(self.entities or self.gone_quarantined)

    def moves(self, landing_dir: Path, quarantine_dir: Path) -> Iterator[tuple[Path, Path]]:
        """Each built file and its place."""
        name = f"{self.delivery_id}.parquet"
        for entity in self.entities:
            yield self.folder / entity / name, landing_dir / entity / name
        if self.gone_quarantined:
            yield self.folder / "_quarantine" / name, quarantine_dir / name

    def counted(self, taken: Taken, reason: str) -> Taken:
        """The counts of the delivery without the rows that left; read stays what was read."""
        if not self.changed:
            return taken
        reasons = {code: count - self.gone_quarantined.get(code, 0) for code, count in taken.reasons.items()}
        filtered = dict(taken.filter_reasons)
        if self.gone:
            filtered[reason] = filtered.get(reason, 0) + self.gone
        return replace(
            taken,
            landed=taken.landed - self.gone_landed,
            quarantined=taken.quarantined - sum(self.gone_quarantined.values()),
            filtered=taken.filtered + self.gone,
            outputs=self.outputs,
            reasons={code: count for code, count in reasons.items() if count},
            filter_reasons=filtered,
        )


def _rewrite(
    delivery_id: str,
    outputs: Mapping[str, int],
    landing_dir: Path,
    quarantine_dir: Path,
    target: Path,
    over: Callable[[Entity], pl.Expr | None],
    over_quarantined: Callable[[pl.DataFrame], pl.Series | None],
    emptied: Mapping[str, Mapping[str, pl.Expr]],
) -> _Made:
    """Build the files of one delivery without the rows; only files that change are built."""
    name = f"{delivery_id}.parquet"
    scans = {entity: landing_dir / entity / name for entity in outputs if (landing_dir / entity / name).is_file()}
    no = pl.lit(value=False)
    conditions = {}
    for entity in scans:
        condition = over(ENTITIES[entity])
        conditions[entity] = no if condition is None else condition.fill_null(value=False)
    records = pl.col("_record").cast(pl.Int64)
    out = {
        entity: pl.scan_parquet(path).filter(conditions[entity]).select(records).collect()["_record"]
        for entity, path in scans.items()
    }
    gone = pl.concat([pl.Series("_record", dtype=pl.Int64), *out.values()]).unique()
    left, changed = dict(outputs), []
    for entity, source in scans.items():
        keep, columns = ~conditions[entity], emptied.get(entity, {})
        if len(gone):
            # A source row that still stands in another entity has not left.
            kept = pl.scan_parquet(source).filter(keep).select(records).collect()["_record"]
            gone = gone.filter(~gone.is_in(kept.implode()))
        beside = [made.is_null() & pl.col(column).is_not_null() for column, made in columns.items()]
        named = bool(beside) and bool(pl.scan_parquet(source).select(pl.any_horizontal(beside).any()).collect().item())
        if named or len(out[entity]):
            left[entity] = _copy(source, target / entity / name, keep, columns)
            changed.append(entity)
    quarantine, reasons = quarantine_dir / name, {}
    if quarantine.is_file():
        held = pl.read_parquet(quarantine)
        found = over_quarantined(held)
        if found is not None and found.any():
            away = held.filter(found)["record"].implode()
            _copy(quarantine, target / "_quarantine" / name, ~pl.col("record").is_in(away), {})
            reasons = dict(held.filter(found)["reason"].value_counts().iter_rows())
    return _Made(target, delivery_id, left, len(gone), reasons, tuple(changed))


def _copy(source: Path, target: Path, keep: pl.Expr, changes: Mapping[str, pl.Expr]) -> int:
    """Write a Parquet file anew, row group by row group, with the same schema; return its rows."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = 0
    with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, **PARQUET) as writer:
        for number in range(file.num_row_groups):
            rows = pl.DataFrame(file.read_row_group(number)).filter(keep).with_columns(**changes)
            writer.write_table(rows.to_arrow().cast(file.schema_arrow))
            count += rows.height
    target.chmod(0o600)
    _sync(target)
    return count


def _build(
    landing_dir: Path,
    quarantine_dir: Path,
    over: Callable[[Entity], pl.Expr | None],
    over_quarantined: Callable[[pl.DataFrame], pl.Series | None],
    emptied: Mapping[str, Mapping[str, pl.Expr]],
    reason: str,
    originals: Sequence[Path],
    progress: Callable[[str], None],
    archive: Path | None = None,
) -> dict[str, int]:
    """Build everything without the rows, the mark last; return the source rows that leave, by contract."""
    target = landing_dir / FORGETTING
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700, parents=True)
    rows: dict[str, int] = {}
    files = {str(path) for path in originals}
    deliveries = []
    for receipt in read_receipts(landing_dir):
        made = _rewrite(
            receipt.delivery_id, receipt.outputs, landing_dir, quarantine_dir, target, over, over_quarantined, emptied
        )
        if not made.changed:
            continue
        taken = made.counted(_taken(receipt), reason)
        changed = receipt.model_copy(
            update={name: getattr(taken, name) for name in _COUNTS}
            | {"files": receipt.files | landed_hashes(target, receipt.delivery_id, receipt.outputs)}
        )
        _write(target / RECEIPTS / f"{receipt.delivery_id}.json", changed.model_dump_json(indent=2) + "\n")
        deliveries.append(receipt.delivery_id)
        rows[receipt.contract] = rows.get(receipt.contract, 0) + made.gone
        if archive is not None and receipt.original:
            files.add(str(archive / receipt.original))
        progress(f"{made.gone} row(s) of delivery {receipt.delivery_id} ({receipt.contract}) are taken out")
    _write(target / _BUILT, json.dumps({"deliveries": deliveries, "rows": rows, "originals": sorted(files)}))
    _sync(target)
    return rows


_COUNTS = ("landed", "quarantined", "filtered", "outputs", "reasons", "filter_reasons")


def _taken(receipt: Receipt) -> Taken:
    return Taken(
        receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates, receipt.filtered, receipt.outputs,
        receipt.months, receipt.reasons, receipt.filter_reasons, receipt.personal, receipt.cut_off,
    )  # fmt: skip


def _take_out(
    landing_dir: Path,
    quarantine_dir: Path,
    archive: Path,
    warehouse: Path,
    key: Keys,
    originals: Sequence[Path],
    progress: Callable[[str], None],
) -> Removed:
    forgotten = forgotten_now(landing_dir, key)
    _build(
        landing_dir,
        quarantine_dir,
        _people(forgotten),
        lambda rows: _quarantined_people(rows, forgotten, key),
        _beside(forgotten),
        FORGOTTEN,
        originals,
        progress,
        archive,
    )
    return _apply(landing_dir, quarantine_dir, archive, warehouse, progress)


def _apply(
    landing_dir: Path, quarantine_dir: Path, archive: Path, warehouse: Path, progress: Callable[[str], None]
) -> Removed:
    """Put in force what was built; where the mark is missing, throw it away."""
    folder = landing_dir / FORGETTING
    if not (folder / _BUILT).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        return Removed({})
    plan = json.loads((folder / _BUILT).read_text(encoding="utf-8"))
    for original in plan["originals"]:
        path = Path(original)
        path.unlink(missing_ok=True)
        if path.parent != archive and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    progress("the originals have left the archive")
    for built in sorted(folder.glob("*/*.parquet")):
        place = quarantine_dir if built.parent.name == "_quarantine" else landing_dir / built.parent.name
        built.replace(place / built.name)
        progress(f"{built.parent.name}/{built.name} is replaced")
    for built in sorted((folder / RECEIPTS).glob("*.json")):
        write_receipt(landing_dir, Receipt.model_validate_json(built.read_bytes()))
    # It is made anew from the landing by the next run; until then it would keep the rows, and freed blocks their bytes.
    for path in (warehouse, warehouse.with_name(warehouse.name + ".wal"), warehouse.with_name("compared.duckdb")):
        path.unlink(missing_ok=True)
    now = datetime.now(UTC)
    done = {"done_at": now, "rows": plan["rows"], "originals": len(plan["originals"])}
    people = [one if one.done_at else one.model_copy(update=done) for one in read_ledger(landing_dir)]
    if people:
        _write_ledger(landing_dir, people)
    shutil.rmtree(folder)
    progress("the warehouse is removed; the next run makes it anew")
    return Removed(plan["rows"], len(plan["originals"]))


def _write(path: Path, text: str) -> None:
    """Write a file for the owner only, in one atomic step, and wait until it is on the disk."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
