"""Defects a review found, each held by the case that showed it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.extracts import landing
from pipelines.extracts.contract import ContractError
from pipelines.extracts.deliveries import read_refusals
from pipelines.extracts.landing import pending_fingerprint
from pipelines.extracts.pseudonyms import pseudonym
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
    found = {landed[delivery]: channel for delivery, channel in bench.rows("proactive_contact", "_delivery_id, channel")}
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
    bench.file("deep.json", "[" * 100_000 + '"Dupont"' + "]" * 100_000)
    (bench.inbox / "contacts_é.csv".encode("latin-1").decode("utf-8", "surrogateescape")).write_text(HEAD)
    real = landing.conform

    def failing(connection: Any, raw: Any, contract: Any) -> Any:
        if fetch_row(connection, "SELECT c0 FROM raw") == ("1",):
            raise KeyError("Jean Dupont")
        return real(connection, raw, contract)

    monkeypatch.setattr(landing, "conform", failing)
    before = pending_fingerprint(bench.inbox, bench.landing, bench.contracts())
    report = bench.land()
    assert {(refusal.file, refusal.reason) for refusal in report.refused} == {
        ("contacts_1.csv", "fault"),
        ("contacts_\\xe9.csv", "file_name"),
        ("deep.json", "not_the_format"),
    }
    assert "KeyError" in report.refused[0].message
    assert "Dupont" not in str(report.refused)
    assert [receipt.file for receipt in report.receipts] == ["contacts_9.csv"]
    assert pending_fingerprint(bench.inbox, bench.landing, bench.contracts()) == before
    assert {refusal.file for refusal in read_refusals(bench.landing, bench.inbox)} == {
        refusal.file for refusal in report.refused
    }


