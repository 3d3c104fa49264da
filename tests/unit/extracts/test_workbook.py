"""Workbooks: every kind of cell arrives as text, no row vanishes, and what is no sound workbook is refused."""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import xlsxwriter

from pipelines.extracts.contract import Contract, load_contract
from pipelines.extracts.readers import DeliveryError, RawTable, read
from pipelines.extracts.readers import workbook as module
from tests.unit.extracts.conftest import Bench

CONTRACT = """
system: desk
name: case
version: 1
description: cases of a workbook
owner: data
match: "*.xlsx"
timezone: UTC
format: {{type: xlsx{format}}}
columns:
  - {{source: Id, field: case_id, required: true}}
  - {{source: Opened, field: opened_at, type: timestamp, formats: "%d/%m/%Y", required: true}}
  - {{source: Score, field: reopen_count, type: integer, optional: true}}
outputs:
  - entity: case
    fields: {{case_id: case_id, opened_at: opened_at, reopen_count: reopen_count, kind: "=request"}}
"""


def contract(folder: Path, form: str = "") -> Contract:
    path = folder / "contract.yml"
    path.write_text(CONTRACT.format(format=form), encoding="utf-8")
    return load_contract(path)


def build(path: Path, fill: Callable[[Any, Any], None], **options: object) -> Path:
    """Write a workbook with one sheet, `Data`, filled by `fill(book, sheet)`."""
    with xlsxwriter.Workbook(path, options) as book:
        fill(book, book.add_worksheet("Data"))
    return path


def rows_of(path: Path, read_by: Contract, work: Path) -> tuple[RawTable, list[tuple[Any, ...]]]:
    work.mkdir(exist_ok=True)
    with duckdb.connect() as connection:
        raw = read(path, read_by, connection, work)
        rows = connection.execute(f"SELECT * FROM {raw.table} ORDER BY _record").fetchall()
    assert raw.records_read == len(rows)
    return raw, rows


def refusal(path: Path, read_by: Contract, work: Path) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        rows_of(path, read_by, work)
    assert path.name in caught.value.message
    return caught.value


def edited(path: Path, member: str, change: Callable[[bytes], bytes]) -> Path:
    """Rewrite one member of a workbook in place."""
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    assert change(contents[member]) != contents[member]
    contents[member] = change(contents[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


SHEET = "xl/worksheets/sheet1.xml"
HEADER = ("Id", "Opened", "Score")


def plain(book: Any, sheet: Any) -> None:
    sheet.write_row(0, 0, HEADER)
    sheet.write_row(1, 0, ["A1", "01/02/2025", 1])
    sheet.write_row(2, 0, ["A2", "02/02/2025", 2.5])


def test_every_kind_of_cell_is_text(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        forms = {
            name: book.add_format({"num_format": code})
            for name, code in {
                "day": "dd/mm/yyyy",
                "moment": "[$-40C]d mmm yyyy hh:mm:ss.000",
                "clock": "hh:mm",
                "elapsed": "[h]:mm:ss",
                "money": '#,##0.00\\ "days"',
                "month": "mmmm",
            }.items()
        }
        sheet.write_row(0, 0, [*HEADER, "Any"])
        cells = [
            (sheet.write_number, 7.0, None),
            (sheet.write_number, 0.1 + 0.2, None),
            (sheet.write_number, 1.23456789012e-12, None),
            (sheet.write_number, 1e300, None),
            (sheet.write_number, -12345678901234, None),
            (sheet.write_number, 45000.5, forms["money"]),
            (sheet.write_datetime, date(2025, 3, 1), forms["day"]),
            (sheet.write_datetime, datetime(2025, 3, 1, 8, 30, 5, 250_000), forms["moment"]),
            (sheet.write_datetime, date(2025, 3, 1), forms["month"]),
            (sheet.write_datetime, time(10, 11), forms["clock"]),
            (sheet.write_number, 1.5, forms["elapsed"]),
            (sheet.write_number, 1.5, forms["clock"]),
            (sheet.write_number, 60, forms["day"]),
            (sheet.write_number, 59, forms["day"]),
            (sheet.write_number, -3, forms["day"]),
            (sheet.write_number, 3e6, forms["day"]),
            (sheet.write_boolean, True, None),
            (sheet.write_boolean, False, None),
            (sheet.write_string, "  été\u00a0\nsecond line ", None),
            (sheet.write_string, "007", None),
            (sheet.write_string, "n/a", None),
        ]
        for number, (write, value, form) in enumerate(cells, start=1):
            sheet.write_string(number, 0, "x")
            write(number, 3, value, *([form] if form else []))
        row = len(cells) + 1
        for value in ("#N/A", "#REF!", "#DIV/0!", "#NAME?"):
            sheet.write_string(row, 0, "x")
            sheet.write_formula(row, 3, "=A1", None, value)
            row += 1
        sheet.write_string(row, 0, "x")
        sheet.write_formula(row, 3, '=""', None, "")
        sheet.write_string(row + 1, 0, "x")
        sheet.write_rich_string(row + 1, 3, forms["day"], "rich ", forms["clock"], "text")

    path = build(tmp_path / "cells.xlsx", fill)
    _, rows = rows_of(path, contract(tmp_path), tmp_path / "work")
    assert [row[5] for row in rows] == [
        "7",
        "0.3",
        "1.23456789012e-12",
        "1e+300",
        "-12345678901234",
        "45000.5",
        "2025-03-01",
        "2025-03-01 08:30:05.250",
        "2025-03-01",
        "10:11:00",
        "36:00:00",
        "1900-01-01 12:00:00",
        "60",
        "1900-02-28",
        "-3",
        "3000000",
        "true",
        "false",
        "  été\u00a0\nsecond line ",
        "007",
        "n/a",
        "#N/A",
        "#REF!",
        "#DIV/0!",
        "#NAME?",
        '=""',
        "rich text",
    ]
    assert [row[1] for row in rows] == list(range(2, 29))
    assert [row[0] for row in rows] == list(range(1, 28))


def test_a_column_of_dates_and_texts_lands_whole_and_an_error_is_quarantined(bench: Bench) -> None:
    def fill(book: Any, sheet: Any) -> None:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, HEADER)
        for row, (opened, score) in enumerate(
            [(date(2025, 2, 1), 1), ("02/02/2025", "2,0"), (date(2025, 2, 3), 3.5), ("soon", 4), (None, 5)], start=1
        ):
            sheet.write_number(row, 0, row)
            if isinstance(opened, date):
                sheet.write_datetime(row, 1, opened, day)
            else:
                sheet.write(row, 1, opened)
            sheet.write(row, 2, score)
        sheet.write_row(6, 0, ["6", "06/02/2025"])
        sheet.write_formula(6, 2, "=NA()", None, "#N/A")

    bench.contract(CONTRACT.format(format=', decimal: ","'))
    bench.inbox.mkdir()
    build(bench.inbox / "cases.xlsx", fill)
    report = bench.land()
    assert report.refused == []
    (receipt,) = report.receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (6, 2, 4)
    assert bench.rows("case", "CAST(opened_at AS VARCHAR), reopen_count") == [
        ("2025-02-01 00:00:00", 1),
        ("2025-02-02 00:00:00", 2),
    ]
    assert bench.bad() == [
        (4, "not_a_integer", "3,5"),
        (5, "not_a_timestamp", "soon"),
        (6, "required", None),
        (7, "not_a_integer", "#N/A"),
    ]


def test_blank_rows_and_columns_are_no_records_and_the_line_is_the_sheet_s(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.merge_range(1, 2, 1, 4, "A title over three columns")
        sheet.write_row(3, 2, ["Id", "Opened\n(day)", "Score", "", "Score"])
        sheet.write_row(5, 2, ["A", "01/02/2025", 1])
        sheet.write_row(6, 2, [" ", "\u00a0"])
        sheet.write_row(9, 2, ["B", "01/02/2025", 2, "", 7])
        sheet.write_blank(5000, 90, None, book.add_format({"bold": True}))
        sheet.write_string(12, 8, "a note")

    path = build(tmp_path / "offset.xlsx", fill)
    stated = contract(tmp_path, ", skip_rows_before_header: 1")
    stated = stated.model_copy(
        update={"columns": tuple(c.model_copy(update={"aliases": ("Opened (day)",)}) for c in stated.columns[:2])}
    )
    raw, rows = rows_of(path, stated, tmp_path / "work")
    assert raw.columns == {"Id": "c2", "Opened": "c3"}
    assert rows == [
        (1, 6, None, None, "A", "01/02/2025", "1", None, None, None, None),
        (2, 10, None, None, "B", "01/02/2025", "2", None, "7", None, None),
        (3, 13, *[None] * 8, "a note"),
    ]


def test_names_in_two_rows_and_rows_to_skip(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["Id", "Opened", "Score"])
        sheet.merge_range(0, 2, 0, 3, "Score")
        sheet.write_row(1, 2, ["first", "second"])
        sheet.write_row(2, 0, ["text", "day", "number (units)"])
        sheet.write_row(3, 0, ["A", "01/02/2025", 1, 2])

    path = build(tmp_path / "two.xlsx", fill)
    stated = contract(tmp_path, ", header_rows: 2, skip_rows_after_header: 1, skipped_rows_contain: units")
    column = stated.columns[2].model_copy(update={"source": "Score [second]"})
    stated = stated.model_copy(update={"columns": (*stated.columns[:2], column)})
    raw, rows = rows_of(path, stated, tmp_path / "work")
    assert (raw.columns["Score [second]"], rows) == ("c3", [(1, 4, "A", "01/02/2025", "1", "2")])
    wrong = contract(tmp_path, ", skip_rows_after_header: 1, skipped_rows_contain: units")
    error = refusal(path, wrong, tmp_path / "work")
    assert error.reason == "header_rows"
    assert "sheet 'Data': row 2 should hold 'units'" in error.message


def test_the_sheet_is_chosen_by_name_or_is_the_first_shown(tmp_path: Path) -> None:
    path = tmp_path / "sheets.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Cover").hide()
        chart = book.add_chartsheet("Chart")
        drawn = book.add_chart({"type": "bar"})
        drawn.add_series({"values": "=Extract!$C$2:$C$3"})
        chart.set_chart(drawn)
        for name, offset in (("Extract", 0), ("Été 2024", 10)):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, HEADER)
            sheet.write_row(1, 0, [f"A{offset}", "01/02/2025", offset])
        book.worksheets()[1].activate()
    for form, expected in (("", "A0"), (", sheet: Extract", "A0"), (", sheet: été 2024", "A10")):
        _, rows = rows_of(path, contract(tmp_path, form), tmp_path / "work")
        assert [row[2] for row in rows] == [expected]
    error = refusal(path, contract(tmp_path, ", sheet: Cases"), tmp_path / "work")
    assert error.reason == "missing_sheet"
    assert "'Cover', 'Extract', 'Été 2024'" in error.message


def test_days_counted_from_1904(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        sheet.write_string(1, 0, "A")
        sheet.write_datetime(1, 1, datetime(2025, 3, 1, 12), book.add_format({"num_format": "dd/mm/yyyy hh:mm"}))

    path = build(tmp_path / "mac.xlsx", fill, date_1904=True)
    assert rows_of(path, contract(tmp_path), tmp_path / "work")[1] == [(1, 2, "A", "2025-03-01 12:00:00", None)]


def test_ten_thousands_of_rows_and_one_that_is_wider(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, HEADER)
        for row in range(1, 45_001):
            sheet.write_row(row, 0, [f"A{row}", "01/02/2025", row, *(["", "", "wide"] if row == 30_000 else [])])

    path = build(tmp_path / "long.xlsx", fill, constant_memory=True)
    raw, rows = rows_of(path, contract(tmp_path), tmp_path / "work")
    assert raw.records_read == 45_000
    assert (rows[0][:5], rows[-1][:5]) == (
        (1, 2, "A1", "01/02/2025", "1"),
        (45_000, 45_001, "A45000", "01/02/2025", "45000"),
    )
    assert [row[1] for row in rows if row[7]] == [30_001]


def test_what_other_programs_write_is_read_alike(tmp_path: Path) -> None:
    path = build(tmp_path / "a.xlsx", plain)
    expected = rows_of(path, contract(tmp_path), tmp_path / "work")[1]
    assert expected == [(1, 2, "A1", "01/02/2025", "1"), (2, 3, "A2", "02/02/2025", "2.5")]

    def prefixed(xml: bytes) -> bytes:
        xml = re.sub(rb"<(/?)(\w+)", rb"<\1x:\2", xml)
        return xml.replace(b"xmlns=", b"xmlns:x=")

    for change in (prefixed, lambda xml: re.sub(rb' r="[A-Z]*\d+"', b"", xml)):
        edited(build(path, plain), SHEET, change)
        assert rows_of(path, contract(tmp_path), tmp_path / "work")[1] == expected
    inline = b'<c r="A2" t="inlineStr"><is><r><t>A</t></r><r><t>_x0031_</t></r><rPh><t>no</t></rPh></is></c>'
    edited(build(path, plain), SHEET, lambda xml: re.sub(rb'<c r="A2".*?</c>', inline, xml))
    assert rows_of(path, contract(tmp_path), tmp_path / "work")[1] == expected
    day = b'<c r="B2" t="d"><v>2025-02-01T00:00:00</v></c>'
    edited(build(path, plain), SHEET, lambda xml: re.sub(rb'<c r="B2".*?</c>', day, xml))
    assert rows_of(path, contract(tmp_path), tmp_path / "work")[1][0][3] == "2025-02-01"


def test_a_formula_nobody_has_worked_out_does_not_vanish(tmp_path: Path) -> None:
    bare = b'<c r="C2"><f>SUM(A1:A2)</f></c>'
    path = edited(build(tmp_path / "a.xlsx", plain), SHEET, lambda xml: re.sub(rb'<c r="C2".*?</c>', bare, xml))
    assert [row[4] for row in rows_of(path, contract(tmp_path), tmp_path / "work")[1]] == ["=SUM(A1:A2)", "2.5"]


def test_the_two_readings_must_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build(tmp_path / "a.xlsx", plain)
    second = module._second_reading
    monkeypatch.setattr(module, "_second_reading", lambda *given: second(*given).head(2))
    error = refusal(path, contract(tmp_path), tmp_path / "work")
    assert error.reason == "count"
    assert "3 rows with a value read, but 2 counted" in error.message


@pytest.mark.parametrize(
    ("name", "content", "reason", "told"),
    [
        ("empty.xlsx", b"", "empty_file", "empty"),
        ("text.xlsx", b"Id,Opened\nA,B\n", "not_the_format", "no workbook"),
        ("page.xlsx", b"<html><body>Sign in", "not_the_format", "HTML"),
        ("old.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "not_the_format", "old Microsoft Office file"),
        (
            "locked.xlsx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9000) + "EncryptedPackage".encode("utf-16-le"),
            "encrypted",
            "password",
        ),
    ],
)
def test_what_is_no_workbook_is_named(tmp_path: Path, name: str, content: bytes, reason: str, told: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    error = refusal(path, contract(tmp_path), tmp_path / "work")
    assert error.reason == reason
    assert told in error.message


@pytest.mark.parametrize(
    ("member", "told"), [("a.csv", "no workbook"), ("xl/workbook.bin", "xlsb"), ("content.xml", "ods")]
)
def test_another_zip_is_named(tmp_path: Path, member: str, told: str) -> None:
    path = tmp_path / "a.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, "x")
    error = refusal(path, contract(tmp_path), tmp_path / "work")
    assert error.reason == "not_the_format"
    assert told in error.message


def test_a_damaged_workbook_is_refused_wherever_it_is_cut_or_changed(tmp_path: Path) -> None:
    whole = build(tmp_path / "whole.xlsx", plain).read_bytes()
    path = tmp_path / "a.xlsx"
    for size in (10, 100, len(whole) // 3, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert refusal(path, contract(tmp_path), tmp_path / "work").reason == "not_the_format", size
    changes: list[tuple[str, Callable[[bytes], bytes]]] = [
        (SHEET, lambda xml: xml[: len(xml) // 2]),
        (SHEET, lambda xml: xml.replace(b't="s"><v>0<', b't="s"><v>99<')),
        (SHEET, lambda xml: xml.replace(b'r="A2"', b'r="XFE2"')),
        (SHEET, lambda xml: xml.replace(b'r="A2"', b'r="B2"')),
        (SHEET, lambda xml: xml.replace(b'<row r="3"', b'<row r="2"')),
        (SHEET, lambda xml: xml.replace(b'<row r="3"', b'<row r="x"')),
        (SHEET, lambda xml: xml.replace(b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet', 1)),
        ("xl/sharedStrings.xml", lambda xml: xml[:-20]),
        ("xl/workbook.xml", lambda xml: b"\0" + xml),
        ("xl/_rels/workbook.xml.rels", lambda xml: xml.replace(b"sheet1.xml", b"sheet9.xml")),
    ]
    for number, (member, change) in enumerate(changes):
        edited(build(path, plain), member, change)
        assert refusal(path, contract(tmp_path), tmp_path / "work").reason == "not_the_format", number
    lying = bytearray(whole)
    at = whole.index(SHEET.encode(), whole.index(b"PK\x01\x02")) - 46
    lying[at + 24 : at + 28] = struct.pack("<L", 100)
    path.write_bytes(bytes(lying))
    assert refusal(path, contract(tmp_path), tmp_path / "work").reason == "not_the_format"


def test_empty_sheets_and_missing_columns_are_told_with_sheet_and_row(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    build(path, lambda book, sheet: None)
    assert refusal(path, contract(tmp_path), tmp_path / "work").reason == "empty_file"
    build(path, lambda book, sheet: sheet.write_row(0, 0, HEADER))
    assert refusal(path, contract(tmp_path), tmp_path / "work").reason == "empty_file"

    def misspelt(book: Any, sheet: Any) -> None:
        sheet.write_row(2, 0, ["Id", "Opend"])
        sheet.write_row(3, 0, ["A", "x"])

    build(path, misspelt)
    error = refusal(path, contract(tmp_path), tmp_path / "work")
    assert error.reason == "missing_column"
    assert "sheet 'Data', row 3" in error.message
    assert "did you mean 'Opend'?" in error.message


def test_one_stray_cell_in_the_last_corner_takes_no_memory(tmp_path: Path) -> None:
    def fill(book: Any, sheet: Any) -> None:
        plain(book, sheet)
        sheet.write_string(1_048_575, 16_383, "stray")

    path = build(tmp_path / "stray.xlsx", fill)
    error = refusal(path, contract(tmp_path), tmp_path / "work")
    assert error.reason == "too_large"
    assert "Ctrl+End" in error.message


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build(tmp_path / "a.xlsx", plain)
    monkeypatch.setattr(module, "EXPANDED_LIMIT", 1000)
    assert refusal(path, contract(tmp_path), tmp_path / "work").reason == "bomb"
