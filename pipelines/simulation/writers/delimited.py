"""Delimited text, rendered column by column: each record is one string, so that dirt can be put in afterwards."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl


@dataclass(frozen=True)
class Layout:
    """How a system writes delimited text.

    `quote_all` quotes every field, else only those that need it. `newline` ends each record. `extra_headers`
    are whole rows written between the header and the first record (Qualtrics has two). `headers`, where there
    are any, are all the rows before the first record as written, instead of the frame's names and those.
    `bom` puts the encoding's byte order mark first.
    """

    delimiter: str = ","
    quote_all: bool = False
    newline: str = "\n"
    encoding: str = "utf-8"
    bom: bool = False
    extra_headers: tuple[tuple[str, ...], ...] = ()
    headers: tuple[tuple[str, ...], ...] = ()


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
    row when filled (surveys); empty means one landing row per row. `unanswered` are the texts of an item that
    count as not filled. `binary`, for a format that is not text, makes the file's bytes of the rows.
    `document`, for JSON, makes the object of a row's filled columns; the objects stand one a line, or in the array
    called `array` of one document. `packing` is what the file is packed in. `further` names, per entity that rows
    feed besides `entity`, a column and its values with which they do.
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
    unanswered: tuple[str, ...] = ()
    binary: Callable[[pl.DataFrame], bytes] | None = None
    document: Callable[[dict[str, str]], dict[str, Any]] | None = None
    array: str = ""
    packing: Literal["", "gz", "zip"] = ""
    further: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def written(self) -> str:
        """Name of the file on disk."""
        return {"": self.file, "gz": f"{self.file}.gz", "zip": f"{Path(self.file).stem}.zip"}[self.packing]

    @property
    def shown(self) -> str:
        """The name under which landing speaks of the file: a member of an archive has both names."""
        return f"{self.written}/{self.file}" if self.packing == "zip" else self.written


def quoted(value: pl.Expr, layout: Layout) -> pl.Expr:
    """Text of one field, quoted as the layout says; null becomes an empty field."""
    text = value.fill_null("")
    always = pl.format('"{}"', text.str.replace_all('"', '""', literal=True))
    if layout.quote_all:
        return always
    needs = text.str.contains(f'[{layout.delimiter}"\r\n]')
    return pl.when(needs).then(always).otherwise(text)


def objects(rows: pl.DataFrame, document: Callable[[dict[str, str]], dict[str, Any]]) -> pl.Series:
    """One JSON object a row, without ends of line."""
    filled = ({name: value for name, value in row.items() if value is not None} for row in rows.iter_rows(named=True))
    return pl.Series([json.dumps(document(row), ensure_ascii=False) for row in filled], dtype=pl.String)


def records(rows: pl.DataFrame, layout: Layout) -> pl.Series:
    """One string per row: its fields joined, without the end of line."""
    fields = [quoted(pl.col(name), layout) for name in rows.columns]
    return rows.select(record=pl.concat_str(fields, separator=layout.delimiter))["record"]


def header(rows: pl.DataFrame, layout: Layout) -> list[str]:
    """The header record, then the extra header rows."""
    written = [*layout.headers] or [(*rows.columns,), *layout.extra_headers]
    wide = pl.DataFrame(written, schema=rows.columns, orient="row")
    return records(wide, layout).to_list()
