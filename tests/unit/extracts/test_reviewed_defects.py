"""Defects a review found, each held by the case that showed it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.extracts import intake
from pipelines.extracts.contract import ContractError
from pipelines.extracts.deliveries import DamagedReceiptError, read_receipts, read_refusals
from pipelines.extracts.landing import pending_fingerprint
from pipelines.extracts.pseudonyms import KeyChangedError, pseudonym
from pipelines.extracts.readers.base import fetch_row
from tests.unit.extracts.conftest import Bench

CONTRACT = """\
system: crm
name: contacts
version: 1
description: Contacts
owner: team:crm
match: ["contacts*"]
format: {type: FORMAT}
columns:
  - {source: Id, field: contact_id, required: true}
  - {source: Client, field: client_id, required: true}
  - {source: When, field: contacted_at, type: timestamp, required: true}
  - {source: Kind, field: kind, required: true}
  - {source: Channel, field: channel, optional: true}
outputs: [{entity: proactive_contact}]
"""
HEAD = "Id,Client,When,Kind,Channel\n"
ROW = "{},c1,2026-01-02T10:00:00Z,proactive,{}\n"


def contacts(kind: str = "csv") -> str:
    return CONTRACT.replace("FORMAT", kind)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_name_is_no_pattern(bench: Any, kind: str) -> None:
    bench.contract(contacts(kind))
    for name, channel in (("contacts[1].x", "right"), ("contacts1.x", "wrong")):
        path = bench.file(name, HEAD + ROW.format(1, channel))
        if kind == "parquet":
            row = {"Id": "1", "Client": "c", "When": "2026-01-02T10:00:00Z", "Kind": "proactive", "Channel": channel}
            pq.write_table(pa.Table.from_pylist([row]), path)
    report = bench.land()
    assert not report.refused
    landed = {receipt.delivery_id: receipt.file for receipt in report.receipts}
    found = {
        landed[delivery]: channel for delivery, channel in bench.rows("proactive_contact", "_delivery_id, channel")
    }
    assert found == {"contacts[1].x": "right", "contacts1.x": "wrong"}


def test_the_folder_of_the_landing_is_no_pattern(make_bench: Any) -> None:
    root = make_bench().root
    for name, key in (("a1", bytes(32)), ("a[1]", bytes([1] * 32))):
        bench = Bench(root / name, key)
        bench.root.mkdir()
        bench.contract(contacts())
        bench.file("contacts.csv", HEAD + ROW.format(1, "mail"))
        assert bench.land().receipts
        assert bench.rows("proactive_contact", "client_id") == [(pseudonym("c1", "client", key),)]


@pytest.mark.parametrize("word", ["epoch", "infinity", "-infinity"])
@pytest.mark.parametrize(("kind", "formats"), [("timestamp", ""), ("date", ""), ("date", "formats: ['%d/%m/%Y'],")])
def test_a_word_is_no_date(bench: Any, word: str, kind: str, formats: str) -> None:
    bench.contract(contacts().replace("type: timestamp,", f"type: {kind}, {formats}"))
    bench.file("contacts.csv", HEAD + f"1,c1,{word},proactive,mail\n")
    (receipt,) = bench.land().receipts
    assert (receipt.landed, receipt.reasons) == (0, {f"not_a_{kind}": 1})


def test_a_file_without_its_header_does_not_print_its_first_person(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", "Jean Dupont,Wheny,2026-01-02T10:00:00Z,proactive,mail\n" * 2)
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"
    assert "Dupont" not in refusal.message
    assert "Wheny" not in refusal.message
    assert "none of the 5 columns of line 1 has an expected name; has the export lost its header?" in refusal.message


def test_an_export_with_fewer_header_rows_loses_no_response(bench: Any) -> None:
    text = contacts().replace("{type: csv}", "{skip_rows_after_header: 2, skipped_rows_contain: ImportId}")
    bench.contract(text)
    bench.file("contacts_1.csv", HEAD + ROW.format(1, "mail") * 3)
    bench.file("contacts_2.csv", HEAD + 'a,b,"c\nd",e,f\n"{""ImportId"":""_id""}",b,c,d,e\n' + ROW.format(1, "mail"))
    bench.file("contacts_3.csv", HEAD + "a,b,c,d,e\n")
    report = bench.land()
    assert [(refusal.file, refusal.reason) for refusal in report.refused] == [
        ("contacts_1.csv", "header_rows"),
        ("contacts_3.csv", "header_rows"),
    ]
    assert "line 3 should hold 'ImportId'" in report.refused[0].message
    assert "skip_rows_after_header" in report.refused[0].message
    assert [(receipt.file, receipt.landed) for receipt in report.receipts] == [("contacts_2.csv", 1)]


def test_the_text_of_skipped_rows_needs_skipped_rows(bench: Any) -> None:
    bench.contract(contacts().replace("{type: csv}", "{skipped_rows_contain: ImportId}"))
    with pytest.raises(ContractError, match="skip_rows_after_header"):
        bench.contracts()


def test_no_single_file_stops_the_run(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.contract(contacts())
    bench.contract(contacts("json").replace("name: contacts", "name: deep").replace("contacts*", "deep*"), "deep")
    bench.file("contacts_1.csv", HEAD + ROW.format(1, "mail"))
    bench.file("contacts_9.csv", HEAD + ROW.format(9, "mail"))
    bench.file("deep.json", "[" * 100_000 + '"Dupont"' + "]" * 99_999)
    (bench.inbox / "contacts_é.csv".encode("latin-1").decode("utf-8", "surrogateescape")).write_text(HEAD)
    real = intake.conform

    def failing(connection: Any, raw: Any, contract: Any) -> Any:
        if fetch_row(connection, f"SELECT c0 FROM {raw.table}") == ("1",):
            raise KeyError("Jean Dupont")
        return real(connection, raw, contract)

    monkeypatch.setattr(intake, "conform", failing)
    before = pending_fingerprint(bench.inbox, bench.landing, bench.contracts())
    report = bench.land()
    assert {(refusal.file, refusal.reason) for refusal in report.refused} == {
        ("contacts_1.csv", "fault"),
        ("contacts_\\xe9.csv", "file_name"),
        ("deep.json", "not_the_format"),
    }
    assert "KeyError" in next(refusal.message for refusal in report.refused if refusal.reason == "fault")
    assert "Dupont" not in str(report.refused)
    assert [receipt.file for receipt in report.receipts] == ["contacts_9.csv"]
    assert pending_fingerprint(bench.inbox, bench.landing, bench.contracts()) == before
    assert {refusal.file for refusal in read_refusals(bench.landing, bench.inbox)} == {
        refusal.file for refusal in report.refused
    }


ANSWERS = """\
system: qualtrics
name: survey
version: 1
description: Survey
owner: team:cx
match: ["survey*.csv"]
columns:
  - {source: Id, field: response_id, required: true}
  - {source: At, field: ended_at, type: timestamp, required: true}
  - {source: Unit, field: unit}
  - {source: Q1, field: q1, type: integer}
outputs:
  - entity: survey_answer
    fields: {response_id: response_id, side: "=collaborator", role: "=collaborator", perspective: "=own",
             answered_at: ended_at, scale_min: "=1", scale_max: "=5"}
    each: [{question: "=Q1", dimension: "=trust", value: q1}]
  - entity: unit
    when: unit
    distinct: true
    fields: {unit_id: unit, unit_name: unit, unit_level: "=team"}
"""


def test_a_row_that_gives_no_landing_row_is_not_counted_as_landed(bench: Any) -> None:
    bench.contract(ANSWERS)
    rows = ("1,2026-01-02T10:00:00Z,,4", "2,2026-01-02T10:00:00Z,,", "3,2026-01-02T10:00:00Z,T1,", "4,never,,")
    bench.file("survey.csv", "Id,At,Unit,Q1\n" + "\n".join(rows) + "\n")
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.filtered, receipt.quarantined) == (4, 2, 1, 1)
    assert receipt.filter_reasons == {"nothing_to_land": 1}
    assert receipt.outputs == {"survey_answer": 1, "unit": 1}


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("Id,Client,When,Kind,Channel,Client", "'Client' (columns 2, 6)"),
        ("Id,CLIENT,When,Kind,Channel,client ", "'Client' (columns 2, 6)"),
        ("Id,Client,When,Kind,channel,CHANNEL", "'Channel' (columns 5, 6)"),
        ("Id,Client,When,Kind,Channel,CHANNEL", "'Channel' (columns 5, 6)"),
    ],
)
def test_a_column_that_stands_twice_is_refused(bench: Any, header: str, says: str) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", header + "\n" + ROW.format(1, "mail").strip() + ",other\n")
    (refusal,) = bench.land().refused
    assert refusal.reason == "ambiguous_column"
    assert says in refusal.message


def test_a_column_nobody_reads_may_stand_twice(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD.strip() + ",Note,Note\n" + ROW.format(1, "mail").strip() + ",x,y\n")
    assert bench.land().receipts


REQUESTS = """\
system: ops
name: request
version: 1
description: Requests
owner: team:ops
match: ["requests.csv"]
format: {decimal: ","}
columns:
  - {source: id, field: request_id, type: integer, required: true}
  - {source: kind, field: kind, required: true}
  - {source: opened, field: opened_at, type: timestamp, required: true}
  - {source: reopened, field: reopen_count, type: integer}
outputs: [{entity: internal_request}]
"""


def test_big_whole_numbers_stay_whole(bench: Any) -> None:
    bench.contract(REQUESTS)
    good = {"9007199254740993": 9007199254740993, "-9007199254740995": -9007199254740995, "3,0": 3, "1e3": 1000}
    bad = ("9223372036854775808", "9007199254740993,5", "1,5", "1_0", "1.0")
    rows = "".join(f'{i},irritant,2026-01-02T10:00:00Z,"{text}"\n' for i, text in enumerate((*good, *bad)))
    bench.file("requests.csv", "id,kind,opened,reopened\n" + rows)
    (receipt,) = bench.land().receipts
    assert [count for (count,) in bench.rows("internal_request", "reopen_count")] == list(good.values())
    assert receipt.reasons == {"not_a_integer": len(bad)}


def dated() -> str:
    return contacts().replace("columns:", "version_from: '_(\\d{8})'\ncolumns:", 1)


def test_a_snapshot_may_return_to_an_earlier_content(bench: Any) -> None:
    bench.contract(dated())
    for day, channel in (("20260101", "mail"), ("20260201", "phone"), ("20260301", "mail")):
        bench.file(f"contacts_{day}.csv", HEAD + ROW.format(1, channel))
    before = pending_fingerprint(bench.inbox, bench.landing, bench.contracts())
    receipts = bench.land().receipts
    expected = [
        (datetime(2026, 1, 1), "mail"),
        (datetime(2026, 2, 1), "phone"),
        (datetime(2026, 3, 1), "mail"),
    ]
    assert bench.rows("proactive_contact", "_version, channel", "_version") == expected
    assert pending_fingerprint(bench.inbox, bench.landing, bench.contracts()) == before
    again = bench.land()
    assert (again.receipts, again.unchanged) == ([], [receipt.delivery_id for receipt in receipts])
    bench.contract(dated() + "# changed\n")
    before = pending_fingerprint(bench.inbox, bench.landing, bench.contracts())
    assert len(bench.land().receipts) == 3
    assert bench.rows("proactive_contact", "_version, channel", "_version") == expected
    assert sum(receipt.superseded_by is not None for receipt in read_receipts(bench.landing)) == 3
    assert pending_fingerprint(bench.inbox, bench.landing, bench.contracts()) == before
    bench.contract(contacts())
    bench.land()
    assert [channel for (channel,) in bench.rows("proactive_contact", "channel", "channel")] == ["mail", "phone"]


def test_equal_content_of_another_day_is_a_delivery_and_a_copy_of_the_same_day_is_none(bench: Any) -> None:
    bench.contract(dated())
    bench.file("contacts_20260301.csv", HEAD + ROW.format(1, "mail"))
    (first,) = bench.land().receipts
    bench.file("contacts_20260101.csv", HEAD + ROW.format(1, "mail"))
    bench.file("contacts_20260301_copy.csv", HEAD + ROW.format(1, "mail"))
    again = bench.land()
    assert [receipt.version for receipt in again.receipts] == [datetime(2026, 1, 1)]
    assert again.unchanged == [first.delivery_id, first.delivery_id]


def test_a_superseded_delivery_leaves_no_quarantine(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD + ROW.format(1, "mail") + "2,c,never,proactive,mail\n")
    bench.land()
    bench.contract(contacts() + "# changed\n")
    (receipt,) = bench.land().receipts
    assert [path.stem for path in bench.quarantine.iterdir()] == [receipt.delivery_id]


@pytest.mark.parametrize("content", ["", "{}", "{"])
def test_a_damaged_receipt_is_named_with_its_remedy(bench: Any, content: str) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD + ROW.format(1, "mail"))
    bench.land()
    (path,) = (bench.landing / "_receipts").glob("*.json")
    path.write_text(content)
    with pytest.raises(DamagedReceiptError, match="delete it") as error:
        bench.land()
    assert str(path) in str(error.value)
    path.unlink()
    assert len(bench.land().receipts) == 1


def test_another_key_is_noticed(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD + ROW.format(1, "mail"))
    (receipt,) = bench.land().receipts
    assert receipt.key_check == pseudonym("check", "key", bench.key)[:16]
    bench.key = bytes(32)
    with pytest.raises(KeyChangedError, match="1 delivery"):
        bench.land()
    (path,) = (bench.landing / "_receipts").glob("*.json")
    path.write_text(receipt.model_copy(update={"key_check": ""}).model_dump_json())
    assert bench.land().unchanged == [receipt.delivery_id]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_parquet_identifiers_and_moments_of_every_unit(bench: Any, unit: Any, kind: Any, zone: str | None) -> None:
    bench.contract(contacts("parquet").replace("version: 1", "version: 1\ntimezone: UTC"))
    table = pa.table(
        {
            "Id": pa.array(["1", "2", "3"]),
            "Client": pa.array([7, 1234567, 1.5], kind),
            "When": pa.array([datetime(2026, 1, 2, 9)] * 3, pa.timestamp(unit, tz=zone)),
            "Kind": ["proactive"] * 3,
        }
    )
    bench.inbox.mkdir()
    pq.write_table(table, bench.inbox / "contacts.parquet")
    assert not bench.land().refused
    assert bench.rows("proactive_contact", "client_id, contacted_at") == [
        (pseudonym(text, "client", bench.key), datetime(2026, 1, 2, 9)) for text in ("7", "1234567", "1.5")
    ]


def test_an_identity_may_not_land_in_the_clear(bench: Any) -> None:
    clear = "  - {source: Client, field: channel}\n"
    bench.contract(contacts().replace("  - {source: Channel, field: channel, optional: true}\n", clear))
    with pytest.raises(ContractError, match=r"line 13: .*'Client' .*client_id.*channel"):
        bench.contracts()
    coded = clear.replace("field: channel", "field: channel, codes: {c0: test}, default: real")
    bench.contract(contacts().replace("  - {source: Channel, field: channel, optional: true}\n", coded))
    assert bench.contracts()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_first_encoding_of_a_list_that_fits_is_taken(bench: Any, encoding: str) -> None:
    bench.contract(contacts("csv, encoding: [utf-16, utf-8, cp1252]"))
    bench.file("contacts.csv", (HEAD + ROW.format(1, "téléphone")).encode(encoding))
    report = bench.land()
    assert report.refused == []
    assert bench.rows("proactive_contact", "channel") == [("téléphone",)]


def test_where_no_encoding_of_a_list_fits_the_last_is_blamed(bench: Any) -> None:
    bench.contract(contacts("csv, encoding: [utf-16, utf-8]"))
    bench.file("contacts.csv", (HEAD + ROW.format(1, "téléphone")).encode("cp1252"))
    (refusal,) = bench.land().refused
    assert refusal.reason == "encoding"
    assert "is not utf-8" in refusal.message


def test_a_row_of_blanks_is_no_data_and_counted(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD + ROW.format(1, "mail") + ",,,,\n" * 3)
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates) == (4, 1, 0, 2)
    assert receipt.filter_reasons == {"blank_row": 1}


def test_codes_know_a_typographic_apostrophe(bench: Any) -> None:
    channel = "{source: Channel, field: channel"
    assert channel in contacts()
    bench.contract(contacts().replace(channel, channel + """, codes: {"d'accord": agree, "l\u2019autre": other}"""))
    rows = [
        ROW.format(number, word) for number, word in enumerate(["D\u2019accord", "d'accord", "l'autre", "L\u2019AUTRE"])
    ]
    bench.file("contacts.csv", HEAD + "".join(rows))
    bench.land()
    assert bench.bad() == []
    assert [value for (value,) in bench.rows("proactive_contact", "channel")] == ["agree", "agree", "other", "other"]


def test_a_byte_order_mark_before_the_first_row_makes_no_false_twins(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD + "\ufeff" + ROW.format(1, "mail") + ROW.format(1, "mail"))
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.duplicates) == (2, 1, 1)


def test_a_header_longer_than_any_row_may_be_is_refused(bench: Any) -> None:
    bench.contract(contacts())
    bench.file("contacts.csv", HEAD.strip() + "," + "x" * 9_000_000 + "\n" + ROW.format(1, "mail"))
    (refusal,) = bench.land().refused
    assert refusal.reason == "not_the_format"
    assert "the header is longer than" in refusal.message


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_of_several_delimiters_the_one_of_the_header_is_taken(bench: Any, mark: str) -> None:
    bench.contract(contacts('csv, delimiter: [",", ";", "\\t"]'))
    bench.file("contacts.csv", (HEAD + ROW.format(1, "mail")).replace(",", mark))
    bench.land()
    assert bench.rows("proactive_contact", "channel") == [("mail",)]


def test_a_header_that_no_delimiter_divides_is_refused_by_the_first(bench: Any) -> None:
    bench.contract(contacts('csv, delimiter: [",", ";"]'))
    bench.file("contacts.csv", (HEAD + ROW.format(1, "mail")).replace(",", "|"))
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"


def test_either_decimal_mark_but_not_both(bench: Any) -> None:
    bench.contract(HOURS)
    lines = ["1;0,5", "2;0.5", "3;1.234,5", "4;7", "5;1_0", "6;,5"]
    bench.file("absences.csv", "\n".join(["Who;Hours", *lines, ""]))
    bench.land()
    assert [value for (value,) in bench.rows("hr_event", "hours")] == [0.5, 0.5, 7.0, 0.5]
    assert bench.bad() == [(4, "not_a_number", "1.234,5"), (6, "not_a_number", "1_0")]


HOURS = """system: hr
name: hr_event
version: 1
description: Trainings.
owner: team:hr
match: ["absences*.csv"]
format: {type: csv, delimiter: ";", decimal: either}
columns:
  - {source: Who, field: employee_id, required: true}
  - {source: Hours, field: hours, type: number}
outputs:
  - {entity: hr_event, fields: {employee_id: employee_id, event_on: "=2026-01-01", kind: "=training", hours: hours}}
"""


def test_either_decimal_mark_forbids_thousands(bench: Any) -> None:
    bench.contract(HOURS.replace("decimal: either", 'decimal: either, thousands: " "'))
    with pytest.raises(ContractError, match="thousands cannot be told from decimals"):
        bench.contracts()
