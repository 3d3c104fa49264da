"""Nobody is named: markers in every personal field of every format are found in the quarantine and the archive only.

Every marker holds one of three stems, so a marker cut short, folded to small letters or put into a message is found
as well. Files are searched as bytes (UTF-8, which is cp1252 for the stems, UTF-16, base64) and again by what they
hold once they are decoded: Parquet, DuckDB, SQLite, and whatever was compressed.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import json
import sqlite3
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyreadstat
import pytest
import xlsxwriter

from pipelines.extracts.deliveries import live_receipts
from pipelines.settings import DBT_PROJECT_DIR
from tests.integration.conftest import TINY, Company, write_tiny_company

WORD, NUMBER, ADDRESS = "qzmkvexo", "9041775386", "198.51.100."
STEMS = (WORD, NUMBER, ADDRESS)


# --- the search -------------------------------------------------------------------------------------------


def _forms() -> dict[str, bytes]:
    """Every way in which the bytes of a stem may be written, in small letters."""
    forms = {
        f"{stem} in {encoding}": stem.encode(encoding)
        for stem in STEMS
        for encoding in ("utf-8", "utf-16-le", "utf-16-be")
    }
    for stem in STEMS:
        for place in range(3):
            # Six bits a letter: those that share bits with what stands before or behind the stem are left out.
            whole = base64.b64encode(b"\0" * place + stem.encode())
            letters = slice(-(-place * 8 // 6), (place + len(stem)) * 8 // 6)
            forms[f"{stem} in base64 ({place})"] = whole[letters].lower()
    return forms


FORMS = _forms()


def found_in(content: bytes) -> set[str]:
    """The forms of stems that stand in the bytes."""
    folded = content.lower()
    return {name for name, form in FORMS.items() if form in folded}


def decoded(content: bytes, path: Path | None) -> Iterator[bytes]:
    """What the bytes say once they are decoded, whatever the file is called; nothing for plain text."""
    if content.startswith(b"PAR1") and path is not None:
        with duckdb.connect() as connection:
            yield repr(connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()).encode()
    elif content[8:12] == b"DUCK" and path is not None:
        yield from _tables_of_duckdb(path)
    elif content.startswith(b"SQLite format 3\0") and path is not None:
        yield from _tables_of_sqlite(path)
    elif content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"\x28\xb5\x2f\xfd"):
        with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
            yield stream.read()
    elif content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in archive.namelist():
                yield archive.read(name)
    elif content[:1] == b"\x78":
        try:
            yield zlib.decompress(content)
        except zlib.error:
            return


def _tables_of_duckdb(path: Path) -> Iterator[bytes]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute("SELECT schema_name, table_name FROM duckdb_tables()").fetchall()
        for schema, name in tables:
            yield repr(connection.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall()).encode()
        yield repr(connection.execute("SELECT sql, comment FROM duckdb_views()").fetchall()).encode()


def _tables_of_sqlite(path: Path) -> Iterator[bytes]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f'SELECT * FROM "{name}"'):
                yield repr(row).encode()
                for value in row:
                    if isinstance(value, bytes):
                        yield from decoded(value, None)
    finally:
        connection.close()


def texts_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and all that they say once they are decoded, however deep."""
    content = path.read_bytes()
    yield content
    waiting = list(decoded(content, path))
    while waiting:
        inner = waiting.pop()
        yield inner
        waiting.extend(decoded(inner, None))


def search(path: Path) -> set[str]:
    """The forms of stems that a file holds, as bytes or decoded."""
    return {form for text in texts_of(path) for form in found_in(text)}


def files_of(folder: Path, *without: Path) -> list[Path]:
    """Every file below a folder, links left out, but for those below the folders in `without`."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and not any(path.is_relative_to(other) for other in without)
    )


def test_the_search_finds_what_is_hidden(tmp_path: Path) -> None:
    rows = pl.DataFrame({"name": [f"Zoé {WORD}"] * 500, "number": [int(NUMBER)] * 500})
    rows.write_parquet(tmp_path / "zstd.parquet", compression="zstd")
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT ? || i AS ip, 9041775386::BIGINT AS n FROM range(5000) r(i)", [ADDRESS]
        )
    connection = sqlite3.connect(tmp_path / "b.db")
    connection.execute("CREATE TABLE t (body BLOB)")
    connection.execute("INSERT INTO t VALUES (?)", [zlib.compress(f"Zoé {WORD.upper()} ".encode() * 50)])
    connection.commit()
    connection.close()
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.gz", gzip.compress(f"{NUMBER} ".encode() * 50))
    with pa.CompressedOutputStream(str(tmp_path / "d.zst"), "zstd") as stream:
        stream.write(f"<td>{WORD}</td>".encode() * 50)
    for place in range(3):
        (tmp_path / f"base64_{place}.txt").write_bytes(
            base64.b64encode(b"x" * place + f"{ADDRESS}7 and {WORD}".encode())
        )
    (tmp_path / "utf16.txt").write_bytes(f"é {WORD.title()}".encode("utf-16"))
    (tmp_path / "cp1252.txt").write_bytes(f"é {WORD}".encode("cp1252"))
    (tmp_path / "nothing.txt").write_text("qzmk 904177538 198.51.10", encoding="utf-8")
    stems = {path.name: {form.split(" ")[0] for form in search(path)} for path in files_of(tmp_path)}
    both = {ADDRESS, WORD}
    assert stems == {
        "zstd.parquet": {WORD, NUMBER}, "a.duckdb": {ADDRESS, NUMBER}, "b.db": {WORD}, "c.zip": {NUMBER},
        "d.zst": {WORD}, "utf16.txt": {WORD}, "cp1252.txt": {WORD}, "nothing.txt": set(),
        "base64_0.txt": both, "base64_1.txt": both, "base64_2.txt": both,
    }  # fmt: skip


# --- a company whose every extract names people -----------------------------------------------------------

PERSONAL = ("name", "email", "phone", "address", "ip", "comment")
UNTIL = "2025-02-11T09:00:00+00:00"

Row = dict[str, object]


@dataclasses.dataclass(frozen=True)
class Source:
    """One extract: the entity it feeds, its identifiers (column -> field), its other columns, its file."""

    name: str
    file: str
    format: str
    entity: str
    ids: dict[str, str]
    event: str
    write: Callable[[Path, list[Row]], None]
    fields: str = ""
    columns: str = ""
    others: Row = dataclasses.field(default_factory=dict)
    outputs: str = ""
    rejected: int = 0
    numeric_ids: bool = False

    def contract(self) -> str:
        """The contract, as YAML. Personal columns are listed or left out by turns: dropped either way."""
        ids = "\n".join(
            f"  - {{source: {source}, field: {field}, required: true}}" for source, field in self.ids.items()
        )
        kind = "date" if self.event.endswith(("_on", "_start", "_since")) else "timestamp"
        inner = self.file.removesuffix(".gz").removesuffix(".zst")
        pattern = inner.replace(".", "*.") if not inner.endswith(".zip") else f"marked_{self.name}*"
        given = ", ".join(f"{field}: {field}" for field in [*self.ids.values(), self.event])
        outputs = self.outputs or f"  - {{entity: {self.entity}, fields: {{{given}{self.fields}}}}}"
        return (
            f"system: marked\nname: {self.name}\nversion: 1\ndescription: Marked.\nowner: team:hr\n"
            f'match: ["{pattern}"]\nmax_quarantine_share: 0.9\nformat: {self.format}\n'
            f"personal: [{', '.join(PERSONAL[::2])}]\ncolumns:\n{ids}\n"
            f"  - {{source: at, field: {self.event}, type: {kind}, required: true}}\n{self.columns}"
            "filters:\n  - {source: state, drop_values: [deleted], reason: deleted}\n"
            f"outputs:\n{outputs}\n"
        )

    def row(self, number: int, **changed: object) -> Row:
        """A row about a person of its own."""
        text = f"{WORD}.{self.name}{number}"
        given: Row = {
            column: int(f"{NUMBER}{place}{number}") if self.numeric_ids else f"{text}-{column}"
            for place, column in enumerate(self.ids)
        }
        day = self.event.endswith(("_on", "_start", "_since"))
        given |= {
            "at": UNTIL[:10] if day else UNTIL,
            "state": "open",
            "name": f"Zoé Ñandú {text}",
            "email": f"{text}@exemple.fr",
            "phone": f"+{NUMBER}{number}",
            "address": f"{number} rue {text}, 75001 Paris",
            "ip": f"{ADDRESS}{number}",
            "comment": f"“{text}” vous écrit; elle a dit: “rappelez-moi au {NUMBER}{number}”",
        }
        return given | self.others | changed

    def rows(self) -> list[Row]:
        """Three good rows, a copy of the first, one to filter, and one whose date is a name."""
        good = [self.row(number) for number in (1, 2, 3)]
        shifted = self.row(5, at=f"Zoé {WORD}.{self.name}5")
        return [*good, dict(good[0]), self.row(4, state="deleted"), shifted]


def delimited(delimiter: str) -> Callable[[Path, list[Row]], None]:
    """A writer of CSV with one row more, of too many fields."""

    def text(rows: list[Row]) -> str:
        quoted = [['"' + str(value).replace('"', '""') + '"' for value in row.values()] for row in rows]
        lines = [delimiter.join(rows[0]), *(delimiter.join(row) for row in quoted)]
        return "\n".join([*lines, delimiter.join([*quoted[0], f'"{WORD} too much"']), ""])

    def write(path: Path, rows: list[Row]) -> None:
        content = text(rows).encode()
        if path.suffix == ".gz":
            content = gzip.compress(content)
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"{path.stem}_inside.csv", content)
            return
        path.write_bytes(content)

    return write


def json_lines(path: Path, rows: list[Row]) -> None:
    """A writer of JSON lines, with one that is no object; compressed where the name says so."""
    content = "\n".join([*(json.dumps(row, ensure_ascii=False) for row in rows), f'["{WORD}", ', ""]).encode()
    if path.suffix == ".zst":
        with pa.CompressedOutputStream(str(path), "zstd") as stream:
            stream.write(content)
    else:
        path.write_bytes(content)


def json_document(path: Path, rows: list[Row]) -> None:
    """A writer of a JSON document whose person is an object of its own, escaped as Python does."""
    nested = [
        {
            **{name: value for name, value in row.items() if name not in PERSONAL},
            "person": {n: row[n] for n in PERSONAL},
        }
        for row in rows
    ]
    path.write_text(json.dumps({"by": f"Zoé {WORD}", "answers": [*nested, f"{WORD} alone"]}), encoding="utf-8")


def parquet(path: Path, rows: list[Row]) -> None:
    """A writer of Parquet, with the columns' own types."""
    pl.DataFrame(rows).write_parquet(path)


def workbook(path: Path, rows: list[Row]) -> None:
    """A writer of a workbook with a second sheet, a comment and an author that name people too."""
    with xlsxwriter.Workbook(str(path)) as book:
        book.set_properties({"author": f"Zoé {WORD}", "comments": f"{WORD}@exemple.fr"})
        sheet = book.add_worksheet("data")
        for column, name in enumerate(rows[0]):
            sheet.write(0, column, name)
            for number, row in enumerate(rows, start=1):
                sheet.write(number, column, row[name])
        sheet.write_comment(1, 1, f"{WORD} says")
        book.add_worksheet("notes").write(0, 0, f"Zoé {WORD} {NUMBER}")


def spss(path: Path, rows: list[Row]) -> None:
    """A writer of an SPSS file whose labels name people too."""
    import pandas as pd

    labels = {"name": f"Zoé {WORD}", "q": f"{WORD} asked"}
    pyreadstat.write_sav(pd.DataFrame(rows), str(path), file_label=f"by {WORD}", column_labels=labels)


def answers(side: str) -> str:
    """The outputs of a questionnaire of one question."""
    return (
        "  - entity: survey_answer\n"
        "    fields: {response_id: response_id, respondent_id: respondent_id, answered_at: answered_at, "
        f'side: "={side}", role: "={side}", perspective: "=own", unit_id: "=N1"}}\n'
        '    each: [{question: "=Q1", dimension: "=trust", value: q, scale_min: "=1", scale_max: "=5"}]'
    )


QUESTION = "  - {source: q, field: q, type: number}\n"
SOURCES = (
    Source("csv", "marked_csv.csv", "{type: csv}", "case", {"number": "case_id", "who": "client_id"}, "opened_at",
           delimited(","), ', unit_id: "=N1", kind: "=request"', rejected=1),
    Source("tsv", "marked_tsv.tsv", '{type: csv, delimiter: "\\t"}', "internal_request",
           {"number": "request_id", "who": "employee_id"}, "opened_at", delimited("\t"),
           ', unit_id: "=N1", kind: "=it_request"', rejected=1),
    Source("json", "marked_json.json", "{type: json, records: answers}", "survey_answer",
           {"response": "response_id", "who": "respondent_id"}, "answered_at", json_document, columns=QUESTION,
           others={"q": 4}, outputs=answers("client"), rejected=1),
    Source("jsonl", "marked_jsonl.jsonl", "{type: jsonl}", "proactive_contact",
           {"number": "contact_id", "who": "client_id"}, "contacted_at", json_lines,
           ', unit_id: "=N1", kind: "=callback"', rejected=1),
    Source("parquet", "marked_parquet.parquet", "{type: parquet}", "employee",
           {"number": "employee_id", "boss": "manager_id"}, "spell_start", parquet,
           ', hired_on: spell_start, unit_id: "=N1", population: "=office"', numeric_ids=True),
    Source("xlsx", "marked_xlsx.xlsx", "{type: xlsx, sheet: data}", "absence", {"who": "employee_id"}, "started_on",
           workbook, ', ended_on: started_on, kind: "=sick"'),
    Source("sav", "marked_sav.sav", "{type: sav}", "survey_answer",
           {"response": "response_id", "who": "respondent_id"}, "answered_at", spss, columns=QUESTION,
           others={"q": 4.0}, outputs=answers("collaborator")),
    Source("gz", "marked_gz.csv.gz", "{type: csv}", "hr_event", {"who": "employee_id"}, "event_on", delimited(","),
           ', kind: "=training"', rejected=1),
    Source("zst", "marked_zst.jsonl.zst", "{type: jsonl}", "client", {"who": "client_id"}, "client_since", json_lines,
           ', unit_id: "=N1"', rejected=1),
    Source("zip", "marked_zip.zip", "{type: csv}", "case", {"number": "case_id", "who": "client_id"}, "opened_at",
           delimited(","), ', unit_id: "=N1", kind: "=complaint"', rejected=1),
)  # fmt: skip


#: A file whose quotes are wrong in some rows: it lands, with those in quarantine.
ODD = "marked_csv_quotes.csv"


def refused_files(inbox: Path, good: dict[str, bytes]) -> list[str]:
    """Write files that cannot be taken, each in another way and each about people; return their names."""
    csv = good["marked_csv.csv"]
    rows = csv.partition(b"\n")[2]
    content = {
        "marked_csv_headerless.csv": rows,
        "marked_csv_cp1252.csv": csv.decode().encode("cp1252"),
        "marked_csv_utf16.csv": csv.decode().encode("utf-16"),
        "marked_csv_nul.csv": b"\0" * 64 + csv,
        "marked_json_cut.json": good["marked_json.json"][:-40],
        "marked_json_text.json": json.dumps(f"Zoé {WORD}").encode(),
        "marked_json_broken.json": good["marked_json.json"].replace(b'"who":', b'"who" ', 1),
        "marked_parquet_no.parquet": b"PAR1" + csv + b"PAR1",
        "marked_parquet_cut.parquet": good["marked_parquet.parquet"][:-300],
        "marked_xlsx_text.xlsx": csv,
        "marked_xlsx_cut.xlsx": good["marked_xlsx.xlsx"][:-500],
        "marked_sav_text.sav": b"$FL2" + csv,
        "marked_sav_cut.sav": good["marked_sav.sav"][:-200],
        "marked_gz_cut.csv.gz": good["marked_gz.csv.gz"][:-20],
        "marked_zst_cut.jsonl.zst": good["marked_zst.jsonl.zst"][:-20],
        "marked_zip_cut.zip": good["marked_zip.zip"][:-60],
        "claimed_by_nobody.csv": csv,
    }
    for name, data in content.items():
        (inbox / name).write_bytes(data)
    return sorted(content)


@dataclasses.dataclass
class Marked:
    """The company after its runs: what it said, which files it refused."""

    company: Company
    said: dict[str, str]
    refused: list[str]

    @property
    def root(self) -> Path:
        return self.company.data.parent

    @property
    def closed(self) -> tuple[Path, Path]:
        """The two folders in which people are named, and the only two."""
        return self.company.data / "quarantine", self.company.data / "archive"


@pytest.fixture(scope="module")
def marked(new_company: Callable[..., Company], tmp_path_factory: pytest.TempPathFactory) -> Marked:
    contracts = tmp_path_factory.mktemp("contracts")
    for path in (TINY / "contracts").glob("*.yml"):
        (contracts / path.name).write_bytes(path.read_bytes())
    for source in SOURCES:
        (contracts / f"marked.{source.name}.yml").write_text(source.contract(), encoding="utf-8")
    made = new_company("marked", contracts_dir=contracts, definitions=TINY / "definitions", max_quarantine_share=0.9)
    scratch = made.data.parent / "tmp"
    scratch.mkdir()
    company = dataclasses.replace(made, environment=made.environment | {"TMPDIR": str(scratch)})
    write_tiny_company(company.inbox)
    for source in SOURCES:
        source.write(company.inbox / source.file, source.rows())
    good = {source.file: (company.inbox / source.file).read_bytes() for source in SOURCES}
    (company.inbox / ODD).write_bytes(good["marked_csv.csv"].replace(b'"', b'x"', 7))
    refused = refused_files(company.inbox, good)
    said: dict[str, str] = {}

    def tell(what: str, code: int, *arguments: str) -> None:
        done = company.symmetry(*arguments)
        said[what] = done.stdout + done.stderr
        assert done.returncode == code, said[what]

    tell("run", 3, "run")
    tell("summary", 0, "quarantine")
    tell("json", 0, "quarantine", "--json")
    tell("replay", 3, "quarantine", "replay")
    # A file without one good row: the gate closes, and says why.
    csv = SOURCES[0]
    csv.write(company.inbox / "marked_csv_worst.csv", [csv.row(n, at=f"{WORD} {n}") for n in range(6, 26)])
    tell("closed", 1, "run")
    return Marked(company, said, refused)


def test_every_path_of_a_row_was_taken(marked: Marked) -> None:
    """Otherwise nothing would be proved: each extract landed, filtered, set aside and left out rows about people."""
    receipts = {receipt.file.split("/")[0]: receipt for receipt in live_receipts(marked.company.data / "landing")}
    for source in SOURCES:
        receipt = receipts[source.file]
        counts = (receipt.landed, receipt.duplicates, receipt.filtered, receipt.quarantined, receipt.read)
        assert counts == (3, 1, 1, 1 + source.rejected, 6 + source.rejected), source.name
        assert receipt.outputs == {source.entity: 3}
    listed = marked.said["run"].partition("are refused and wait there:")[2]
    assert len(listed.strip().splitlines()) == len(marked.refused)
    for name in marked.refused:
        assert f"\n  {name}" in listed, name
        assert (marked.company.inbox / name).exists()
    assert "landing_gate is closed" in marked.said["closed"]
    assert "file=marked_csv_worst.csv, read=21, quarantined=21" in marked.said["closed"]
    assert (marked.company.published.parent / "report_en.html").is_file()


def test_the_markers_lie_in_the_quarantine_and_the_archive(marked: Marked) -> None:
    """Where they may be, the same search finds them."""
    quarantine, archive = marked.closed
    holding = [path for path in files_of(quarantine) if search(path)]
    assert len(holding) == len(SOURCES) + 2  # the odd one and the worst
    stems = {form.split(" ")[0] for path in holding for form in search(path)}
    assert stems == set(STEMS)
    names = {path.name for path in files_of(archive) if search(path)}
    assert names == {source.file for source in SOURCES} | {ODD, "marked_csv_worst.csv"}


def leaks(marked: Marked) -> dict[str, set[str]]:
    """File -> forms of stems, of every file that is neither delivered nor closed."""
    searched = files_of(marked.root, marked.company.inbox, *marked.closed)
    assert {".parquet", ".duckdb", ".html", ".json", ".db"} <= {path.suffix for path in searched}
    assert {marked.company.published.resolve(), marked.company.data / "warehouse" / "warehouse.duckdb"} <= set(searched)
    assert any(path.is_relative_to(marked.root / "dagster_home" / "storage") for path in searched)
    return {str(path.relative_to(marked.root)): found for path in searched if (found := search(path))}


def test_nobody_is_named_anywhere_else(marked: Marked) -> None:
    assert leaks(marked) == {}


def test_nobody_is_named_on_the_terminal(marked: Marked) -> None:
    assert {what: found_in(text.encode()) for what, text in marked.said.items()} == {
        what: set() for what in marked.said
    }


def test_nobody_is_named_in_the_logs_of_dbt(marked: Marked) -> None:
    logs = [path for name in ("logs", "target") for path in files_of(DBT_PROJECT_DIR / name)]
    assert {path.name: found for path in logs if (found := found_in(path.read_bytes()))} == {}


def test_nothing_is_left_in_the_temporary_folder(marked: Marked) -> None:
    left = [path.name for path in (marked.root / "tmp").iterdir() if path.name.startswith("symmetry")]
    assert left == []


def test_what_names_people_is_for_the_owner_only(marked: Marked) -> None:
    data = marked.company.data
    for folder in (*marked.closed, data / "landing", data / "warehouse"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    for folder in marked.closed:
        entries = list(folder.rglob("*"))
        assert entries
        for path in entries:
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert stat.S_IMODE((data / "pseudonym.key").stat().st_mode) == 0o600


def figures(company: Company) -> dict[str, bytes]:
    """The bytes of every published Parquet file that says nothing of when and from what it was made."""
    files = (company.data / "published" / "parquet").glob("*.parquet")
    return {path.stem: path.read_bytes() for path in files if path.stem != "publications"}


def test_another_key_changes_every_pseudonym_and_no_byte_of_a_figure(marked: Marked) -> None:
    company = marked.company
    before = figures(company)
    assert len(before) > 15
    worst = next(one for one in live_receipts(company.data / "landing") if one.file == "marked_csv_worst.csv")
    assert company.symmetry("withdraw", worst.delivery_id).returncode == 0
    pseudonyms = f"SELECT case_id, client_id FROM read_parquet('{company.data}/landing/case/*.parquet')"
    with duckdb.connect() as connection:
        former = {text for row in connection.execute(pseudonyms).fetchall() for text in row if text}
    rotated = company.symmetry("key", "rotate")
    assert rotated.returncode == 0, rotated.stderr
    with duckdb.connect() as connection:
        now = {text for row in connection.execute(pseudonyms).fetchall() for text in row if text}
    assert len(now) == len(former) > 30
    assert not now & former
    done = company.symmetry("run", "--force")
    assert done.returncode == 3, done.stderr
    assert figures(company) == before
    kept = {
        path.name
        for path in files_of(company.data, company.inbox)
        if any(old.encode() in text for text in texts_of(path) for old in former)
    }
    assert kept == set()
    assert found_in((rotated.stdout + rotated.stderr + done.stdout + done.stderr).encode()) == set()
    assert leaks(marked) == {}
