"""Dirt: what goes wrong in real exports, put into the files row by row and counted.

Every dirty row has one fault only, so that it is clear what must become of it: bad values and rows with too
many or too few fields belong in quarantine, further copies of a row are duplicates. In files of events the
faulty row replaces a good one; in registers (units, people, accounts) it comes as a further row, as when
somebody mistypes a row and then enters it again, so that no whole team is lost.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulation.randomness import BoolArray, IntArray, stream
from pipelines.simulation.writers.delimited import Export, header, objects, quoted, records

QUARANTINED = "quarantined"
DUPLICATE = "duplicate"


@dataclass(frozen=True)
class DirtyFile:
    """The bytes of a file and the ledger of what is wrong in it.

    `ledger`: record (1-based, headers not counted), line (1-based, where the record starts; null in a file that is
    not text), kind, column, value, fate (quarantined or duplicate). `filtered` counts rows that the contract leaves
    out, by reason; `landed` and `landing_rows` count source rows and rows of the landing entity that remain.
    """

    content: bytes
    read: int
    ledger: pl.DataFrame
    filtered: dict[str, int]
    landed: int
    landing_rows: int
    further: dict[str, int]


def soil(seed: int, export: Export, dirt: float = 1.0) -> DirtyFile:
    """Render an export with its dirt; `dirt` scales the share of dirty rows (0: none, 1: about two in a hundred).

    At least one row of every kind of fault is put in when `dirt` is above 0.
    """
    rng = stream(seed, f"dirt:{export.file}")
    rows, count = export.rows, export.rows.height
    left_out = np.zeros(count, dtype=bool)
    filtered: dict[str, int] = {}
    for reason, flag in export.filtered.items():
        flags = flag.to_numpy()
        filtered[reason] = int((flags & ~left_out).sum())
        left_out |= flags
    # The first row stays clean, so that people who open the file see a good one; the last one may be cut.
    eligible = np.flatnonzero(~left_out & (np.arange(count) > 0) & (np.arange(count) < count - 1))
    lot = iter(rng.permutation(eligible))

    def take(share: float) -> IntArray:
        wanted = 0 if dirt == 0 or share == 0 else max(1, round(count * share * dirt))
        return np.array([next(lot) for _ in range(wanted)], dtype=np.int64)

    marks: list[tuple[IntArray, str, str, list[str]]] = []
    faulty, base = rows, np.arange(count)
    if not export.in_place:
        picks = [take(damage.share) for damage in export.damages] + [take(export.separator_share)]
        copies = np.concatenate(picks) if picks else np.empty(0, dtype=np.int64)
        faulty = pl.concat([rows, rows[copies]])
        base = np.concatenate([base, copies])
        # From here on the copies are the rows to damage.
        lot = iter(np.arange(count, count + len(copies)))
        left_out = left_out[base]
    for damage in export.damages:
        chosen = take(damage.share)
        picked = rng.integers(0, len(damage.values), len(chosen))
        values = [damage.values[i] for i in picked]
        if len(chosen):
            column = faulty[damage.column].scatter(chosen.tolist(), values)
            faulty = faulty.with_columns(column.alias(damage.column))
        marks.append((chosen, damage.kind, damage.column, values))
    separated = take(export.separator_share)
    text = _with_extra_field(faulty, export, separated)
    broken = "extra_separator" if export.document is None else "broken_object"
    marks.append((separated, broken, export.free_text if export.document is None else "", [""] * len(separated)))
    wrong = np.zeros(faulty.height, dtype=bool)
    for chosen, _, _, _ in marks:
        wrong[chosen] = True

    # Further copies of good rows come somewhere after the first.
    good = np.flatnonzero(~wrong & ~left_out & (np.arange(faulty.height) < count - 1))
    wanted = 0 if dirt == 0 or export.duplicate_share == 0 else max(1, round(count * export.duplicate_share * dirt))
    doubled = rng.choice(good, wanted, replace=False)
    source = np.concatenate([np.arange(faulty.height), doubled])
    position = np.concatenate([base.astype(np.float64), base[doubled] + 0.0])
    later = np.arange(len(source)) >= count
    position[later] += 0.5 + rng.random(int(later.sum())) * min(60.0, count / 4)
    last = count - 1
    position = np.where(later, np.minimum(position, last - 0.5), position)
    order = np.argsort(position, kind="stable")
    placed = text.gather(source[order])
    place_of = np.empty(len(order), dtype=np.int64)
    place_of[order] = np.arange(len(order))

    ledger_rows = [(place_of[chosen], kind, column, values, QUARANTINED) for chosen, kind, column, values in marks]
    copies_at = place_of[faulty.height :]
    ledger_rows.append((copies_at, "exact_duplicate", "", [""] * len(copies_at), DUPLICATE))
    cut = export.cut_last and dirt > 0 and not left_out[last]
    if cut:
        pieces = placed[-1].split(export.layout.delimiter)
        shortened = export.layout.delimiter.join(pieces[: len(pieces) // 2])
        placed = placed.scatter(len(placed) - 1, shortened)
        ledger_rows.append((np.array([len(placed) - 1]), "cut_off", "", [""], QUARANTINED))
    heads = header(rows, export.layout) if export.document is None else []
    ledger = _ledger(ledger_rows, heads, placed)
    content = _encode(heads, placed, export, cut_off=cut)
    if export.binary is not None:
        content = export.binary(faulty[source[order]])
    if export.binary is not None or export.array:
        ledger = ledger.with_columns(line=pl.lit(None, dtype=pl.Int64))
    landed_mask = _landed(len(placed), ledger, left_out[source[order]])
    landed_sources = source[order][landed_mask]
    return DirtyFile(
        content=content,
        read=len(placed),
        ledger=ledger,
        filtered=filtered,
        landed=int(landed_mask.sum()),
        landing_rows=_landing_rows(faulty, export, landed_sources),
        further={
            entity: int(faulty[column][landed_sources].is_in(values).sum())
            for entity, (column, values) in export.further.items()
        },
    )


def _with_extra_field(faulty: pl.DataFrame, export: Export, chosen: IntArray) -> pl.Series:
    """Records of all rows, those chosen with one separator too many after the free text (JSON: cut in the middle)."""
    flags = np.zeros(faulty.height, dtype=bool)
    flags[chosen] = True
    layout = export.layout
    if export.document is not None:
        texts = objects(faulty, export.document)
        # Half an object on a line of its own is a broken line; in a document it would break the whole of it.
        broken = "null" if export.array else texts.str.head(texts.str.len_chars() // 2)
        return pl.select(pl.when(pl.lit(pl.Series(flags))).then(pl.lit(broken)).otherwise(pl.lit(texts))).to_series()
    if not flags.any():
        return records(faulty, layout)
    surplus = layout.delimiter + ('"suite"' if layout.quote_all else "suite")
    fields = []
    for name in faulty.columns:
        piece = quoted(pl.col(name), layout)
        if name == export.free_text:
            piece = piece + pl.when(pl.lit(pl.Series(flags))).then(pl.lit(surplus)).otherwise(pl.lit(""))
        fields.append(piece)
    return faulty.select(record=pl.concat_str(fields, separator=layout.delimiter))["record"]


def _ledger(
    found: list[tuple[IntArray, str, str, list[str], str]], heads: list[str], placed: pl.Series
) -> pl.DataFrame:
    """The ledger, sorted by record, with the physical line on which each record starts."""
    header_lines = sum(1 + head.count("\n") for head in heads)
    breaks = placed.str.count_matches("\n", literal=True).to_numpy().astype(np.int64)
    starts = header_lines + 1 + np.concatenate([[0], np.cumsum(breaks + 1)[:-1]])
    frames = [
        pl.DataFrame(
            {
                "record": places + 1,
                "line": starts[places],
                "kind": [kind] * len(places),
                "column": [column] * len(places),
                "value": values,
                "fate": [fate] * len(places),
            },
            schema={
                "record": pl.Int64,
                "line": pl.Int64,
                "kind": pl.String,
                "column": pl.String,
                "value": pl.String,
                "fate": pl.String,
            },
        )
        for places, kind, column, values, fate in found
    ]
    return pl.concat(frames).sort("record")


def _landed(count: int, ledger: pl.DataFrame, left_out: BoolArray) -> BoolArray:
    """Which placed records land: neither left out by the contract nor in the ledger."""
    mask = ~left_out
    mask[ledger["record"].to_numpy() - 1] = False
    return mask


def _landing_rows(faulty: pl.DataFrame, export: Export, landed: IntArray) -> int:
    """Rows of the landing entity that landed source rows give: one each, or one per answered item."""
    if not export.items:
        return len(landed)
    kept = faulty.select(export.items)[landed]
    filled = pl.all().is_not_null() & ~pl.all().is_in(export.unanswered)
    return int(kept.select(pl.sum_horizontal(filled)).to_series().sum())


def _encode(heads: list[str], placed: pl.Series, export: Export, cut_off: bool) -> bytes:
    """The file's bytes; a cut-off file ends without an end of line."""
    newline = export.layout.newline
    if export.array:
        separator = f",{newline}"
        return f'{{"{export.array}":[{newline}{separator.join(placed.to_list())}{newline}]}}{newline}'.encode()
    text = newline.join([*heads, *placed.to_list()])
    if not cut_off:
        text += newline
    if export.layout.bom:
        text = "\ufeff" + text
    return text.encode(export.layout.encoding)
