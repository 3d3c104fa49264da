"""Delimited text, rendered column by column: each record is one string, so that dirt can be put in afterwards."""

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True)
class Layout:
    """How a system writes delimited text.

    `quote_all` quotes every field, else only those that need it. `newline` ends each record. `extra_headers`
    are whole rows written between the header and the first record (Qualtrics has two). `bom` puts the
    encoding's byte order mark first.
    """

    delimiter: str = ","
    quote_all: bool = False
    newline: str = "\n"
    encoding: str = "utf-8"
    bom: bool = False
    extra_headers: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Damage:
    """One kind of bad value: `column` gets one of `values`; one row in 1/`share` has it."""

    kind: str
    column: str
    values: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Export:
    """A file as a system writes it, before it gets dirty.

    `rows` is all text (null = nothing written). `filtered` names a boolean column of `flags` (as long as
    `rows`) per reason for which the contract leaves rows out. `damages` are the bad values this file is
    prone to; `in_place` says whether dirt replaces good rows (events) or comes as further rows (registers,
    where a lost row would take a whole team or person with it). `items` are columns that each give one landing
    row when filled (surveys); empty means one landing row per row.
    """

    file: str
    contract: str
    entity: str
    rows: pl.DataFrame
    layout: Layout
    damages: tuple[Damage, ...]
    free_text: str
    in_place: bool = True
    cut_last: bool = False
    duplicate_share: float = 0.004
    separator_share: float = 0.0015
    filtered: dict[str, pl.Series] = field(default_factory=dict)
    items: tuple[str, ...] = ()


def quoted(value: pl.Expr, layout: Layout) -> pl.Expr:
    """Text of one field, quoted as the layout says; null becomes an empty field."""
    text = value.fill_null("")
    always = pl.format('"{}"', text.str.replace_all('"', '""', literal=True))
    if layout.quote_all:
        return always
    needs = text.str.contains(f'[{layout.delimiter}"\r\n]')
    return pl.when(needs).then(always).otherwise(text)


def records(rows: pl.DataFrame, layout: Layout) -> pl.Series:
    """One string per row: its fields joined, without the end of line."""
    fields = [quoted(pl.col(name), layout) for name in rows.columns]
    return rows.select(record=pl.concat_str(fields, separator=layout.delimiter))["record"]


def header(rows: pl.DataFrame, layout: Layout) -> list[str]:
    """The header record, then the extra header rows."""
    wide = pl.DataFrame([rows.columns, *layout.extra_headers], schema=rows.columns, orient="row")
    return records(wide, layout).to_list()
