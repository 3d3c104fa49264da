"""Headers as systems write them: marks before them, several rows of them, odd blanks in them; the real survey files."""

from __future__ import annotations

import codecs
import csv
from pathlib import Path

import duckdb
import pytest

from pipelines.extracts.contract import Contract, load_contract
from pipelines.extracts.readers import DeliveryError, read
from tests.unit.extracts.conftest import Bench

REAL = Path(__file__).parents[3].parent / "shared" / "real"

CONTRACT = """
system: desk
name: unit
version: 1
description: units
owner: data
match: "*"
format: {format}
columns:
{columns}
outputs:
  - {{entity: unit, fields: {{unit_id: f0, unit_name: f1, unit_level: "=x"}}}}
"""


def contract(folder: Path, form: str, *sources: str) -> Contract:
    path = folder / "contract.yml"
    path.write_text(text(form, *sources), encoding="utf-8")
    return load_contract(path)


def text(form: str, *sources: str) -> str:
    columns = "\n".join(f"  - source: {json_text(source)}\n    field: f{place}" for place, source in enumerate(sources))
    return CONTRACT.format(format=form, columns=columns)


def json_text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def land(bench: Bench, content: bytes | str, form: str = "{}") -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Land a file of the columns Id and Name; return its rows and its refusals."""
    bench.contract(text(form, "Id", "Name"))
    bench.file("units.csv", content)
    report = bench.land()
    assert all(receipt.balanced for receipt in report.receipts)
    rows = bench.rows("unit", "unit_id, unit_name")
    return rows, [(refusal.reason, refusal.message) for refusal in report.refused]


@pytest.mark.parametrize("marks", [1, 2, 3])
@pytest.mark.parametrize("head", ["Id,Name", '"Id",Name'])
def test_byte_order_marks_are_no_part_of_the_first_name(bench: Bench, marks: int, head: str) -> None:
    content = codecs.BOM_UTF8 * marks + f"{head}\nA,été\n".encode()
    assert land(bench, content) == ([("A", "été")], [])


def test_two_marks_of_utf_16(bench: Bench) -> None:
    content = codecs.BOM_UTF16_LE * 2 + "Id,Name\nA,été\n".encode("utf-16-le")
    assert land(bench, content, "{encoding: utf-16}") == ([("A", "été")], [])


def test_a_second_mark_before_json_lines(bench: Bench) -> None:
    content = codecs.BOM_UTF8 * 2 + b'{"Id": "A", "Name": "B"}\n'
    assert land(bench, content, "{type: jsonl}") == ([("A", "B")], [])


@pytest.mark.parametrize(
    ("first", "delimiter"),
    [("sep=;", ";"), ("SEP=;\r", ";"), ('"sep=;"', ";"), ("\ufeffsep=,", ","), ("sep=\t", "\\t"), ("sep=|", "|")],
)
def test_excel_s_first_line_is_no_header(bench: Bench, first: str, delimiter: str) -> None:
    mark = "\t" if delimiter == "\\t" else delimiter
    end = "\r\n" if first.endswith("\r") else "\n"
    lines = [first.rstrip("\r"), f"Id{mark}Name", f"A{mark}B", f"C{mark}D{mark}E"]
    rows, refused = land(bench, end.join(lines) + end, f'{{delimiter: "{delimiter}"}}')
    assert (rows, refused) == ([("A", "B")], [])
    assert bench.bad("line, reason") == [(4, "field_count")]


def test_excel_s_first_line_with_another_delimiter_is_refused(bench: Bench) -> None:
    rows, ((reason, message),) = land(bench, "sep=;\nId;Name\nA;B\n")
    assert (rows, reason) == ([], "delimiter")
    assert message.startswith("units.csv: line 1 states the delimiter ';', but the contract ','.")
    assert '`delimiter: ";"`' in message


def test_only_the_first_line_tells_a_delimiter(bench: Bench) -> None:
    rows, refused = land(bench, 'Id,Name\nA,"sep=;"\n')
    assert (rows, refused) == ([("A", "sep=;")], [])


def test_a_name_over_two_lines_and_with_a_no_break_space_is_found(bench: Bench) -> None:
    bench.contract(text("{delimiter: ';'}", "Employee Id", "Name of the unit"))
    bench.file("units.csv", 'Employee\u00a0 Id ;"Name of\r\nthe\u202funit";"x\ny"\nA;B;C\nD;E\n')
    report = bench.land()
    assert report.refused == []
    assert bench.rows("unit", "unit_id, unit_name") == [("A", "B")]
    assert bench.bad("line, reason") == [(5, "field_count")]


def test_the_line_of_the_header_is_told_when_it_is_not_the_first(bench: Bench) -> None:
    bench.contract(text("{skip_rows_before_header: 1}", "Id", "Name"))
    bench.file("units.csv", "A title\n\nFirst,Second\n1,2\n")
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"
    assert "none of the 2 columns of line 3 has an expected name" in refusal.message


def read_whole(path: Path, read_by: Contract, work: Path) -> tuple[dict[str, str], list[list[str]], list[int]]:
    """Return where the sources are, every row as delivered, and the lines of the rows."""
    with duckdb.connect() as connection:
        raw = read(path, read_by, connection, work)
        assert connection.execute(f"SELECT count(*) FROM {raw.rejects_table}").fetchall() == [(0,)]
        cells = ", ".join(f"coalesce({column}, '')" for column in raw.identity)
        rows = connection.execute(f"SELECT {cells} FROM {raw.table} ORDER BY _record").fetchall()
        lines = connection.execute(f"SELECT _line FROM {raw.table} ORDER BY _record").fetchall()
    assert raw.records_read == len(rows)
    return raw.columns, [list(row) for row in rows], [line for (line,) in lines]


def by_the_csv_module(path: Path, encoding: str, delimiter: str) -> list[list[str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.mark.skipif(not (REAL / "surveymonkey").is_dir(), reason="the real SurveyMonkey files are not on this machine")
@pytest.mark.parametrize(
    ("name", "encoding", "header", "count", "sources", "first", "last"),
    [
        (
            "StarWars.csv",
            "mac_roman",
            2,
            1186,
            {
                "RespondentID": "c0",
                "Have you seen any of the 6 films in the Star Wars franchise? [Response]": "c1",
                "Which of the following Star Wars films have you seen? Please select all that apply. "
                "[Star Wars: Episode IV A New Hope]": "c6",
                "Do you consider yourself to be a fan of the Expanded Universe?åÊ [Response]": "c31",
            },
            ["3292879998", "Yes", "Yes"],
            ["3288372923", "Yes", "No"],
        ),
        (
            "comma-survey.csv",
            "utf-8",
            1,
            1129,
            {"RespondentID": "c0", "In your opinion, which sentence is more gramatically correct?": "c1"},
            ["3292953864", "It's important for a person to be honest, kind and loyal.", "Yes"],
            ["3288375700", "It's important for a person to be honest, kind and loyal.", "Yes"],
        ),
        (
            "steak-risk-survey.csv",
            "utf-8",
            2,
            550,
            {"RespondentID": "c0", "How do you like your steak prepared? [Response]": "c9"},
            ["3237565956", "Lottery B", ""],
            ["3234760413", "Lottery B", "Yes"],
        ),
    ],
)
def test_the_real_surveymonkey_files(
    tmp_path: Path,
    name: str,
    encoding: str,
    header: int,
    count: int,
    sources: dict[str, str],
    first: list[str],
    last: list[str],
) -> None:
    path = REAL / "surveymonkey" / name
    read_by = contract(tmp_path, f"{{encoding: {encoding}, header_rows: {header}}}", *list(sources)[:2])
    more = tuple(read_by.columns[0].model_copy(update={"source": source, "field": source}) for source in sources)
    columns, rows, lines = read_whole(path, read_by.model_copy(update={"columns": more}), tmp_path)
    assert columns == sources
    assert len(rows) == count
    assert (rows[0][:3], rows[-1][:3]) == (first, last)
    assert rows == by_the_csv_module(path, encoding, ",")[header:]
    assert lines == list(range(header + 1, header + 1 + count))


@pytest.mark.skipif(not (REAL / "surveymonkey").is_dir(), reason="the real SurveyMonkey files are not on this machine")
def test_mac_roman_bytes_are_no_utf_8_and_the_message_says_where(tmp_path: Path) -> None:
    read_by = contract(tmp_path, "{header_rows: 2}", "RespondentID", "Gender [Response]")
    with duckdb.connect() as connection, pytest.raises(DeliveryError) as caught:
        read(REAL / "surveymonkey" / "StarWars.csv", read_by, connection, tmp_path)
    assert caught.value.reason == "encoding"
    assert "StarWars.csv: byte 641 (line 1) is not utf-8: 0x8C" in caught.value.message
    assert "State the encoding" in caught.value.message


@pytest.mark.skipif(not (REAL / "limesurvey").is_dir(), reason="the real LimeSurvey files are not on this machine")
@pytest.mark.parametrize(
    ("name", "header", "count", "sources", "first", "last"),
    [
        (
            "pfeiffer_results_english.csv",
            1,
            96,
            {
                "Answer ID": "c0",
                "What is your professional background? [Mechanical engineering]": "c1",
                "What characteristics do you think digital twins have? Indicate your agreement with the following "
                "statements. [ It simulates the associated cyber-physical system (CPS).]": "c8",
            },
            ["1", "No", "No", "Yes", "No", "No", "No", "", ""],
            ["96", "Yes", "No", "No", "No", "No", "No", "", "Rather agree"],
        ),
        (
            "pfeiffer_results_german.csv",
            1,
            96,
            {
                "Antwort ID": "c0",
                "Welchen fachlichen Hintergrund haben Sie? [Maschinenbau]": "c1",
                "Welche Eigenschaften haben für Sie digitale Zwillinge? Geben Sie Ihre Zustimmung zu den folgenden "
                "Aussagen an. [ Er simuliert das zugehörige Cyber-physische System (CPS).]": "c8",
            },
            ["1", "Nein", "Nein", "Ja", "Nein", "Nein", "Nein", "", ""],
            ["96", "Ja", "Nein", "Nein", "Nein", "Nein", "Nein", "", "Stimme eher zu"],
        ),
        (
            "dfuchss_results-survey.csv",
            2,
            45,
            {
                "Welchen fachlichen Hintergrund haben Sie? [Maschinenbau]": "c0",
                "Welchen fachlichen Hintergrund haben Sie? [Sonstiges]": "c6",
                "Wie häufig werden solche informellen Diagramme für die folgenden Zwecke genutzt? "
                "[Documentation]": "c8",
            },
            ["Ja", "Nein", "Ja", "Nein", "Ja", "Nein", "", "eher häufig", "eher häufig"],
            ["Ja", "Nein", "Nein", "Nein", "Nein", "Nein", "", "", "sehr häufig"],
        ),
    ],
)
def test_the_real_limesurvey_files(
    tmp_path: Path,
    name: str,
    header: int,
    count: int,
    sources: dict[str, str],
    first: list[str],
    last: list[str],
) -> None:
    path = REAL / "limesurvey" / name
    read_by = contract(tmp_path, f"{{delimiter: ';', header_rows: {header}}}", *list(sources)[:2])
    more = tuple(read_by.columns[0].model_copy(update={"source": source, "field": source}) for source in sources)
    columns, rows, lines = read_whole(path, read_by.model_copy(update={"columns": more}), tmp_path)
    assert columns == sources
    assert len(rows) == count
    assert (rows[0][:9], rows[-1][:9]) == (first, last)
    assert rows == by_the_csv_module(path, "utf-8-sig", ";")[header:]
    with path.open(encoding="utf-8-sig", newline="") as file:
        texts = file.read().split("\n")
    assert all(
        texts[line - 1].startswith((f"{row[0]};", f'"{row[0]}"', row[0])) for line, row in zip(lines, rows, strict=True)
    )


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"\x1f\x8b\x08\x00", "a gzip archive (it is unpacked when its name ends in .gz)"),
        (b"\x28\xb5\x2f\xfd", "a zstd archive (it is unpacked when its name ends in .zst)"),
        (b"PK\x03\x04", "a zip archive (it is unpacked when its name ends in .zip) or an Excel workbook (.xlsx)"),
        (b"$FL3", "an SPSS data file (.zsav)"),
    ],
)
def test_a_packed_file_under_a_plain_name_is_named_with_the_remedy(bench: Bench, head: bytes, told: str) -> None:
    _, ((reason, message),) = land(bench, head + bytes(range(1, 60)))
    assert reason == "not_the_format"
    assert told in message
