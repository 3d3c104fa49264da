"""SPSS files: the real ones row by row, missing values, labels, dates; rows counted from the bytes; damage refused."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyreadstat
import pytest

from pipelines.extracts.contract import Contract, load_contract
from pipelines.extracts.readers import DeliveryError, RawTable, read, spss, spss_values
from tests.unit.extracts.conftest import Bench

REAL = Path(__file__).parents[3].parent / "shared" / "real" / "spss"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the real SPSS files are not on this machine")

CONTRACT = """
system: panel
name: unit
version: 1
description: answers of a panel
owner: data
match: "*sav"
format: {{type: sav{format}}}
columns:
  - {{source: "{source}", field: unit_id, required: true}}
outputs:
  - {{entity: unit, fields: {{unit_id: unit_id, unit_name: unit_id, unit_level: "=panel"}}}}
"""

PACKED: list[dict[str, bool]] = [{}, {"compress": True}, {"row_compress": True}]


def contract(folder: Path, source: str, form: str = "") -> Contract:
    path = folder / "contract.yml"
    path.write_text(CONTRACT.format(source=source, format=form), encoding="utf-8")
    return load_contract(path)


def rows_of(path: Path, source: str, work: Path, form: str = "") -> tuple[RawTable, list[tuple[Any, ...]]]:
    with duckdb.connect() as connection:
        raw = read(path, contract(work, source, form), connection, work)
        rows = connection.execute(f"SELECT * EXCLUDE (_record, _line) FROM {raw.table} ORDER BY _record").fetchall()
        lines = connection.execute(f"SELECT DISTINCT _line FROM {raw.table}").fetchall()
    assert raw.records_read == len(rows)
    assert lines == [(None,)]
    return raw, rows


def refusal(path: Path, work: Path, source: str = "n", form: str = "") -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        rows_of(path, source, work, form)
    assert path.name in caught.value.message
    return caught.value


@real
@pytest.mark.parametrize(
    ("name", "source", "count", "first", "last"),
    [
        ("hebrews.sav", "ותק_ב", 99, ("33",), ("26",)),
        ("missing_test.sav", "var1", 2, (None,), ("2",)),
        (
            "sample.sav",
            "mychar",
            5,
            ("a", "1.1", "2018-05-06", "2018-05-06 10:10:10", "1", "1", "10:10:10"),
            ("e", "1000.3", None, None, "1", "1", None),
        ),
        (
            "sample_large.sav",
            "mychar",
            485,
            ("a", "1.1", "2018-05-06", "2018-05-06 10:10:10", "1", "1", "10:10:10"),
            ("e", "1000.3", None, None, "1", "1", None),
        ),
        (
            "sample_missing.sav",
            "mychar",
            7,
            ("a", "1.1", "2018-05-06", "2018-05-06 10:10:10", "1", "1", "10:10:10"),
            (None, None, None, None, None, None, None),
        ),
        (
            "simple_alltypes.sav",
            "x",
            6,
            ("1", "2000-01-01", None, "red", "1", "1", "0", "a", "a", "b", "2014-11-01", "2014-10-01"),
            ("9", None, None, "MORE JUNK", "1", "1", "0", "b", "c", "d", "2015-01-02", "2015-01-01"),
        ),
        ("tegulu.sav", "record", 1, ("210", "నేను గతంలో వాడిన బ"), ("210", "నేను గతంలో వాడిన బ")),
    ],
)
def test_the_real_files(
    tmp_path: Path, name: str, source: str, count: int, first: tuple[str, ...], last: tuple[str, ...]
) -> None:
    raw, rows = rows_of(REAL / name, source, tmp_path)
    assert (raw.records_read, rows[0], rows[-1]) == (count, first, last)
    assert raw.columns == {source: "c0"}


@real
def test_user_missing_values_are_blank_and_labels_stand_for_codes(tmp_path: Path) -> None:
    _, codes = rows_of(REAL / "sample_missing.sav", "mychar", tmp_path)
    assert [(row[0], row[1], row[4], row[5]) for row in codes] == [
        ("a", "1.1", "1", "1"),
        ("b", "1.2", "2", "2"),
        ("c", "-1000.3", "1", "3"),
        ("d", "-1.4", "2", "1"),
        ("e", "1000.3", "1", "1"),
        ("Z", None, None, None),
        (None, None, None, None),
    ]
    _, labels = rows_of(REAL / "sample_missing.sav", "mychar", tmp_path, ", labels: true")
    assert [(row[4], row[5]) for row in labels] == [
        ("Male", "low"),
        ("Female", "medium"),
        ("Male", "high"),
        ("Female", "low"),
        ("Male", "low"),
        (None, None),
        (None, None),
    ]
    _, unlabelled = rows_of(REAL / "simple_alltypes.sav", "x", tmp_path, ", labels: true")
    assert [row[0] for row in unlabelled] == ["red", "green", "blue", "4", None, "9"]


def made(path: Path, **options: Any) -> Path:
    frame = pl.DataFrame(
        {"n": [1.0, 2.5, 9.0, None], "s": ["a", "zz  ", "refused", " b"], "é": ["x" * 300, "", "é", "z"]}
    )
    labels: Any = {"n": {1: "One", 9: "Refused"}, "s": {"a": "Alpha"}}
    pyreadstat.write_sav(
        frame,
        path,
        missing_ranges={"n": [{"lo": 8.0, "hi": 10.0}], "s": ["refused"]},
        variable_value_labels=labels,
        **options,
    )
    return path


@pytest.mark.parametrize("options", PACKED)
def test_every_way_of_packing_gives_the_same(tmp_path: Path, options: dict[str, bool]) -> None:
    path = made(tmp_path / "a.sav", **options)
    raw, rows = rows_of(path, "n", tmp_path)
    assert rows == [("1", "a", "x" * 300), ("2.5", "zz", None), (None, None, "é"), (None, " b", "z")]
    assert raw.native == {"c0"}
    assert rows_of(path, "n", tmp_path, ", labels: true")[1][0] == ("One", "Alpha", "x" * 300)


def test_a_file_is_read_in_the_encoding_the_contract_states(tmp_path: Path) -> None:
    path = made(tmp_path / "a.sav")
    assert rows_of(path, "n", tmp_path, ", encoding: mac_roman")[1][2][2] == "√©"
    error = refusal(path, tmp_path, form=", encoding: ascii")
    assert error.reason == "encoding"
    assert "encoding" in error.message


def test_a_panel_lands_by_its_contract(bench: Bench) -> None:
    bench.contract(CONTRACT.format(source="n", format=", labels: true"))
    made(bench.file("panel.sav", b""))
    report = bench.land()
    assert report.refused == []
    (receipt,) = report.receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (4, 2, 2)
    assert bench.rows("unit", "unit_id") == [("One",), ("2.5",)]
    assert bench.bad("record, line, reason, value") == [(3, None, "required", None), (4, None, "required", None)]


@pytest.mark.parametrize(
    ("seconds", "form", "expected"),
    [
        (13_744_944_000.0, "DATE11", "2018-05-06"),
        (13_744_944_000.0, "DATETIME20", "2018-05-06 00:00:00"),
        (13_744_944_000.25, "YMDHMS20", "2018-05-06 00:00:00.250"),
        (13_744_980_610.0, "ADATE10", "2018-05-06 10:10:10"),
        (0.0, "DATE11", "1582-10-14"),
        (130_000.5, "TIME11.2", "36:06:40.500"),
        (59.0, "MTIME5", "00:00:59"),
        (-60.0, "TIME8", "-60"),
        (1e15, "DATE11", "1000000000000000.0"),
        (3e11, "DATE11", "300000000000"),
        (4.0, "WKDAY3", "4"),
        (12.5, "DOLLAR8.2", "12.5"),
    ],
)
def test_seconds_are_printed_by_the_format_of_the_variable(seconds: float, form: str, expected: str) -> None:
    assert spss_values.column_text([seconds, None, float("nan")], form, {}) == [expected, None, None]


def test_a_cut_changed_or_longer_file_is_refused(tmp_path: Path) -> None:
    for options in PACKED:
        whole = made(tmp_path / "whole.sav", **options).read_bytes()
        path = tmp_path / "a.sav"
        cut = [whole[:size] for size in (4, 100, 175, 200, len(whole) // 2, len(whole) - 9, len(whole) - 1)]
        more = [whole + b"garbage after the end", whole[:80] + struct.pack("<i", 3) + whole[84:]]
        for content in [*cut, *([] if "compress" in options else more[:1]), more[1]]:
            path.write_bytes(content)
            assert refusal(path, tmp_path).reason == "not_the_format", (options, len(content))


def test_rows_are_counted_even_where_the_header_does_not_state_them(tmp_path: Path) -> None:
    for options in PACKED:
        path = made(tmp_path / "a.sav", **options)
        whole = path.read_bytes()
        path.write_bytes(whole[:80] + struct.pack("<i", -1) + whole[84:])
        layout = spss._layout(path.read_bytes())
        assert (layout.stated, spss._count(path.read_bytes(), layout, path)) == (-1, 4)
        assert rows_of(path, "n", tmp_path)[0].records_read == 4


def test_a_reader_that_dies_is_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.sav")
    script = tmp_path / "dies.py"
    script.write_text("import os; os.kill(os.getpid(), 11)")
    monkeypatch.setattr(spss, "_SCRIPT", script)
    error = refusal(path, tmp_path)
    assert error.reason == "not_the_format"
    assert "ended with code -11" in error.message


@pytest.mark.parametrize(
    ("content", "reason", "told"),
    [
        (b"", "empty_file", "empty"),
        (b"id,name\n1,2\n", "not_the_format", "no SPSS data file"),
        (b"PK\x03\x04" + bytes(50), "not_the_format", "zip"),
    ],
)
def test_what_is_no_spss_file_is_named(tmp_path: Path, content: bytes, reason: str, told: str) -> None:
    path = tmp_path / "a.sav"
    path.write_bytes(content)
    error = refusal(path, tmp_path)
    assert error.reason == reason
    assert told in error.message


def test_no_row_and_a_missing_variable_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.sav"
    pyreadstat.write_sav(pl.DataFrame({"n": pl.Series([], dtype=pl.Float64)}), path)
    assert refusal(path, tmp_path).reason == "empty_file"
    made(path)
    error = refusal(path, tmp_path, source="number")
    assert error.reason == "missing_column"


def test_a_zsav_that_expands_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.zsav", compress=True)
    monkeypatch.setattr(spss, "EXPANDED_LIMIT", 100)
    assert refusal(path, tmp_path).reason == "bomb"
