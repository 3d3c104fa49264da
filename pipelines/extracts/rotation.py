"""Another pseudonym key, without the originals: every pseudonym that has landed gets one more link of the chain.

Belongs here: adding a key, rewriting the landed files with it, and finishing or discarding what was cut off on the
way. The order makes it safe to be killed anywhere: the new files are built beside the old ones (`_rotation/` in each
landing folder) and are on the disk before the key file is replaced, in one atomic step, which is the point of no
return. Before it nothing has changed and what was built is thrown away; after it the files are moved and the receipts
say the new key, as often as it takes. The caller holds the lock of every warehouse concerned.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.extracts.deliveries import Receipt, landed_hashes, read_receipts, write_receipt
from pipelines.extracts.entities import BY_SIDE, ENTITIES, Entity, Field
from pipelines.extracts.intake import PARQUET
from pipelines.extracts.pseudonyms import (
    KeyChangedError,
    PseudonymKeyError,
    PseudonymKeys,
    key_check,
    load_or_create_key,
    new_key,
    pseudonyms,
    read_key_file,
    write_key_file,
)

#: Folder of the files being built, inside a landing folder.
ROTATION = "_rotation"

# The first says that everything is built; it takes the second name once the key file is the new one.
_BUILT, _BEGUN = "built.json", "begun.json"


@dataclass(frozen=True)
class Landing:
    """A company's landing folder, and the warehouse made from it, which holds its pseudonyms too."""

    folder: Path
    warehouse: Path


@dataclass(frozen=True)
class Rotation:
    """What a rotation did: `keys` in the chain now, landed `deliveries` rewritten, in how many `files` and `rows`."""

    keys: int
    deliveries: int
    files: int
    rows: int


def _silent(_: str) -> None:
    return None


def rotate_key(
    landings: Sequence[Landing],
    key_path: Path,
    from_environment: str | None = None,
    progress: Callable[[str], None] = _silent,
) -> Rotation:
    """Add a new random key and rewrite every pseudonym in the landings that share the key file.

    `progress` gets one readable line a step; an error it raises stops there. An interrupted rotation is settled
    first. Raises PseudonymKeyError when the key comes from the environment or there is none yet, KeyChangedError
    when something landed with other keys, OSError when a file cannot be read or written; then
    nothing has changed.
    """
    if from_environment is not None and from_environment.strip():
        raise PseudonymKeyError(
            "the pseudonym key comes from the environment (SYMMETRY_PSEUDONYM_KEY), where it cannot be replaced. "
            f"Write it into {key_path} (chmod 600), take it out of the environment and rotate again; the file then "
            "holds one key a line, and the environment takes those lines too."
        )
    if not key_path.exists():
        raise PseudonymKeyError(f"there is no pseudonym key at {key_path} yet: the first run makes one")
    for landing in landings:
        finish_rotation(landing, key_path, progress=progress)
    before = load_or_create_key(key_path)
    text = read_key_file(key_path).rstrip("\n") + "\n" + new_key()
    fresh = _beside(key_path)
    fresh.unlink(missing_ok=True)
    write_key_file(fresh, text)
    try:
        keys = load_or_create_key(fresh)
        built = [_build(landing.folder, keys, len(before.chain), progress) for landing in landings]
    except Exception:
        _discard(landings, key_path)
        raise
    progress("every file is built")
    fresh.replace(key_path)
    _sync(key_path.parent)
    progress("the new key is in force")
    for landing in landings:
        _apply(landing, keys, progress)
    return Rotation(
        keys=len(keys.chain),
        deliveries=sum(len(one.deliveries) for one in built),
        files=sum(one.files for one in built),
        rows=sum(one.rows for one in built),
    )


def finish_rotation(
    landing: Landing,
    key_path: Path,
    from_environment: str | None = None,
    progress: Callable[[str], None] = _silent,
) -> str | None:
    """Finish or discard a rotation that was cut off; return a sentence that says which, None where there was none.

    Also brings up to the present chain what landed under fewer keys of it (a landing restored from a copy). Doing
    it again does nothing. Raises KeyChangedError when the key file was changed before an unfinished rotation.
    """
    folder = landing.folder / ROTATION
    if not folder.exists() and not read_receipts(landing.folder):
        return None
    if not key_path.exists() and not (from_environment or "").strip():
        return None  # landing itself says what to do about a key that is gone
    keys = load_or_create_key(key_path, from_environment)
    done = None
    if folder.exists():
        plan = _plan_of(folder)
        if plan is not None and plan.key_check == key_check(keys):
            _apply(landing, keys, progress)
            done = "An interrupted rotation of the pseudonym key is finished."
        elif (folder / _BEGUN).exists():
            raise KeyChangedError(
                f"the key file was changed before a rotation had ended, and some files of {landing.folder} have the "
                "key it had then. Put that key file back; the next command finishes the rotation."
            )
        else:
            _discard([landing], key_path)
            done = "An interrupted rotation of the pseudonym key is discarded; the key is what it was."
    if any(_lacking(receipt, keys, len(keys.chain)) for receipt in read_receipts(landing.folder)):
        built = _build(landing.folder, keys, len(keys.chain), progress)
        _apply(landing, keys, progress)
        done = f"{len(built.deliveries)} deliveries that landed under fewer keys have the whole chain now."
    return done


def _beside(key_path: Path) -> Path:
    return key_path.with_name(f".{key_path.name}.rotation")


def _discard(landings: Sequence[Landing], key_path: Path) -> None:
    _beside(key_path).unlink(missing_ok=True)
    for landing in landings:
        shutil.rmtree(landing.folder / ROTATION, ignore_errors=True)


@dataclass(frozen=True)
class _Plan:
    """What was built: for which keys, of which deliveries, in how many files and rows."""

    key_check: str
    deliveries: list[str]
    files: int = 0
    rows: int = 0


def _plan_of(folder: Path) -> _Plan | None:
    for name in (_BUILT, _BEGUN):
        if (folder / name).is_file():
            return _Plan(**json.loads((folder / name).read_text(encoding="utf-8")))
    return None


def _links(keys: PseudonymKeys) -> dict[str, int]:
    """Return the check of each beginning of the chain -> how many keys it has."""
    return {key_check(PseudonymKeys(keys.chain[:count])): count for count in range(1, len(keys.chain) + 1)}


def _lacking(receipt: Receipt, keys: PseudonymKeys, unsaid: int) -> tuple[bytes, ...]:
    """Return the keys that the pseudonyms of a delivery lack; none when it has them all or was made with others.

    `unsaid`: how many keys an older receipt, which does not say, is taken to have.
    """
    return keys.chain[_links(keys).get(receipt.key_check, len(keys.chain) if receipt.key_check else unsaid) :]


def _build(folder: Path, keys: PseudonymKeys, unsaid: int, progress: Callable[[str], None]) -> _Plan:
    """Write, beside the landed files, those with the whole chain; the plan last. Nothing in force is touched."""
    target = folder / ROTATION
    receipts = read_receipts(folder)
    known = {"", *_links(keys)}
    others = [receipt for receipt in receipts if receipt.superseded_by is None and receipt.key_check not in known]
    if others:
        raise KeyChangedError(
            f"delivery {others[0].delivery_id} ({others[0].file}) in {folder} was made with another pseudonym key than "
            "the one in the key file. Put that key back before you rotate, or take the delivery back: "
            f"symmetry withdraw {others[0].delivery_id}"
        )
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o700, parents=True)
    deliveries: list[str] = []
    files = rows = 0
    for receipt in receipts:
        links = _lacking(receipt, keys, unsaid)
        if not links:
            continue
        for name in receipt.outputs:
            source = folder / name / f"{receipt.delivery_id}.parquet"
            if source.exists() and any(field.identity for field in ENTITIES[name].fields):
                rows += _rewrite(source, target / name, ENTITIES[name], PseudonymKeys(links))
                files += 1
                progress(f"{name} of {receipt.file} ({receipt.delivery_id}) is built")
        deliveries.append(receipt.delivery_id)
    plan = _Plan(key_check(keys), deliveries, files, rows)
    temporary = target / f".{_BUILT}"
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(plan.__dict__, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(target / _BUILT)
    _sync(target)
    return plan


def _rewrite(source: Path, folder: Path, entity: Entity, links: PseudonymKeys) -> int:
    """Write a landed file with the further links; return its rows. Raises OSError when a row were lost."""
    folder.mkdir(exist_ok=True)
    target = folder / source.name
    identities = [field for field in entity.fields if field.identity is not None]
    try:
        with pq.ParquetFile(source) as file, pq.ParquetWriter(target, file.schema_arrow, **PARQUET) as writer:
            for number in range(file.num_row_groups):
                rows = file.read_row_group(number)
                for field in identities:
                    rows = _with_links(rows, field, links)
                writer.write_table(rows)
        before, after = pq.read_metadata(source).num_rows, pq.read_metadata(target).num_rows
    except (OSError, pa.ArrowException) as error:
        first = str(error).splitlines()[0]
        raise OSError(
            f"{source} cannot be rewritten ({first}); the key is unchanged. If the disk is full, make room (as "
            "much again as the landing takes); if the file is damaged, withdraw its delivery and land it again."
        ) from error
    if before != after:
        raise OSError(f"{source} has {before} rows and {after} were written; the key is unchanged. Please report this.")
    _sync(target)
    _sync(folder)
    return after


def _with_links(rows: pa.Table, field: Field, links: PseudonymKeys) -> pa.Table:
    """Return landed rows with the further links of the pseudonyms of one field."""
    place = rows.schema.get_field_index(field.name)
    domain = pl.lit(field.identity)
    if field.identity == BY_SIDE:
        domain = pl.when(pl.col("side") == "client").then(pl.lit("client")).otherwise(pl.lit("employee"))
    frame = pl.DataFrame(rows.select(list({field.name, "side"} & set(rows.schema.names))))
    identified = frame.select(pl.concat_str(domain, pl.lit(":"), pl.col(field.name))).to_series()
    made = pseudonyms(identified, links).to_arrow(compat_level=pl.CompatLevel.oldest())
    return rows.set_column(place, rows.schema.field(place), pa.array(made).cast(rows.schema.field(place).type))


def _apply(landing: Landing, keys: PseudonymKeys, progress: Callable[[str], None]) -> None:
    """Put what was built in force: the files, the receipts, and away with the warehouse that has the old ones."""
    folder = landing.folder / ROTATION
    plan = _plan_of(folder)
    if plan is None:
        return
    if (folder / _BUILT).exists():
        (folder / _BUILT).replace(folder / _BEGUN)
        _sync(folder)
        progress(f"{landing.folder}: the files are being replaced")
    for built in sorted(folder.glob("*/*.parquet")):
        built.replace(landing.folder / built.parent.name / built.name)
        progress(f"{built.parent.name}/{built.name} is replaced")
    for name in ENTITIES:
        if (landing.folder / name).is_dir():
            _sync(landing.folder / name)
    receipts = {receipt.delivery_id: receipt for receipt in read_receipts(landing.folder)}
    for delivery_id in plan.deliveries:
        receipt = receipts.get(delivery_id)
        if receipt is not None and receipt.key_check != plan.key_check:
            write_receipt(
                landing.folder,
                receipt.model_copy(
                    update={
                        "key_check": plan.key_check,
                        "files": landed_hashes(landing.folder, delivery_id, receipt.outputs),
                    }
                ),
            )
            progress(f"the receipt of {receipt.file} ({delivery_id}) says the new key")
    _forget_leftovers(landing.folder, set(receipts))
    if plan.deliveries:
        # It is made anew from the landing by the next run; until then it would keep the former pseudonyms.
        for path in (landing.warehouse, landing.warehouse.with_name(landing.warehouse.name + ".wal")):
            path.unlink(missing_ok=True)
        progress("the warehouse is removed; the next run makes it anew")
    shutil.rmtree(folder)


def _forget_leftovers(folder: Path, deliveries: set[str]) -> None:
    """Delete files that no receipt names (a landing was killed): nobody reads them, and they keep former pseudonyms."""
    for name in ENTITIES:
        for path in (folder / name).glob("*"):
            if path.is_file() and (
                path.suffix == ".tmp" or (path.suffix == ".parquet" and path.stem not in deliveries)
            ):
                path.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
