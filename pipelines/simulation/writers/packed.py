"""Files that are not plain text: workbooks, Parquet, and what files are packed in. The same rows, the same bytes."""

import gzip
import io
import zipfile
from datetime import UTC, date, datetime

import polars as pl
import xlsxwriter  # type: ignore[import-untyped]

from pipelines.simulation.writers.delimited import Export

#: What a file says of when it was made; the first moment that a .zip can tell.
MADE = datetime(1980, 1, 1, tzinfo=UTC)


def pack(export: Export, content: bytes) -> bytes:
    """Return the bytes of the file on disk, packed as the export says."""
    match export.packing:
        case "gz":
            return gzip.compress(content, mtime=0)
        case "zip":
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                member = zipfile.ZipInfo(export.file, date_time=MADE.timetuple()[:6])
                archive.writestr(member, content, zipfile.ZIP_DEFLATED)
            return buffer.getvalue()
        case _:
            return content


def workbook(rows: pl.DataFrame, *, sheet: str, dates: tuple[str, ...], numbers: tuple[str, ...]) -> bytes:
    """Return an .xlsx of one sheet; texts of `dates` (ISO) and `numbers` become such cells where they are ones."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        book.set_properties({"created": MADE.replace(tzinfo=None)})
        page = book.add_worksheet(sheet)
        for column, name in enumerate(rows.columns):
            page.write_string(0, column, name)
            for row, text in enumerate(rows[name].to_list(), start=1):
                value = _cell(text, name in dates, name in numbers)
                if isinstance(value, date):
                    page.write_datetime(row, column, value)
                elif isinstance(value, float):
                    page.write_number(row, column, value)
                elif value is not None:
                    page.write_string(row, column, value)
    return buffer.getvalue()


def _cell(text: str | None, is_date: bool, is_number: bool) -> str | float | date | None:
    try:
        if text and is_date:
            return date.fromisoformat(text)
        if text and is_number:
            return float(text)
    except ValueError:
        pass
    return text or None


def parquet(rows: pl.DataFrame) -> bytes:
    """Return a Parquet file in which a column has the type that all its texts have: number, date, else text."""
    buffer = io.BytesIO()
    rows.select(_typed(rows[name]) for name in rows.columns).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def _typed(texts: pl.Series) -> pl.Series:
    for kind in (pl.Int64, pl.Float64, pl.Date):
        try:
            return texts.cast(kind) if kind is not pl.Date else texts.str.to_date("%Y-%m-%d")
        except pl.exceptions.PolarsError:
            continue
    return texts
