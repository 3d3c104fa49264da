"""Deliveries that must be refused: nothing lands, the others go on, the message says what to do."""

from __future__ import annotations

import gzip
import json
from typing import Any

import duckdb
import pytest

from pipelines.extracts import intake
from pipelines.extracts.readers.base import fetch_row

CONTRACT = """\
system: crm
name: contacts
version: 1
description: Contacts
owner: team:crm
match: ["contacts*"]
format: {encoding: ENCODING}
columns:
  - {source: Id, field: contact_id, required: true}
  - {source: Client, field: client_id, required: true}
  - {source: When, field: contacted_at, type: timestamp, required: true}
  - {source: Kind, field: kind, required: true}
  - {source: Channel, field: channel, optional: true}
outputs: [{entity: proactive_contact}]
"""
HEAD = "Id,Client,When,Kind,Channel\n"
ROW = "1,c1,2026-01-02T10:00:00Z,proactive,téléphone\n"


@pytest.mark.parametrize(
    ("content", "encoding", "reason", "says"),
    [
        (b"", "utf-8", "empty_file", "empty"),
        (b"\xef\xbb\xbf\n", "utf-8", "empty_file", "empty"),
        (HEAD.encode(), "utf-8", "empty_file", "no row"),
        (b"Id,Cleint,When,Kind\n1,c,x,y\n", "utf-8", "missing_column", "'Client' (did you mean 'Cleint'?)"),
        (b"PK\x03\x04" + bytes(100), "utf-8", "not_the_format", "zip archive"),
        (b"%PDF-1.7\n", "utf-8", "not_the_format", "PDF"),
        (gzip.compress(b"Id", mtime=0), "utf-8", "not_the_format", "gzip"),
        (b"<!DOCTYPE html><html>", "utf-8", "not_the_format", "login page"),
        ((HEAD + "1,c1,2026\0-01-02,x,\n").encode(), "utf-8", "not_the_format", "zero byte"),
        ((HEAD + ROW).encode("cp1252"), "utf-8", "encoding", "byte 65 (line 2)"),
        ((HEAD + ROW).encode("cp1252"), "utf-8", "encoding", "Windows-1252"),
        ((HEAD + ROW).encode(), "cp1252", "encoding", "valid UTF-8"),
        ((HEAD + ROW).encode("utf-16"), "utf-8", "encoding", "UTF-16"),
        ((HEAD + ROW).encode(), "utf-16", "encoding", "one-byte"),
        ((HEAD + ROW).replace("é", "\x80").encode("latin-1"), "latin-1", "encoding", "cp1252"),
    ],
)
def test_refused_with_a_clear_message(bench: Any, content: bytes, encoding: str, reason: str, says: str) -> None:
    bench.contract(CONTRACT.replace("ENCODING", encoding))
    bench.file("contacts_bad.csv", content)
    report = bench.land()
    assert not report.receipts
    (refusal,) = report.refused
    assert (refusal.file, refusal.reason) == ("contacts_bad.csv", reason)
    assert says in refusal.message
    assert bench.rows("proactive_contact") == []
    assert (bench.inbox / "contacts_bad.csv").exists()
    assert not list(bench.landing.rglob("*.parquet"))


def test_the_other_files_go_on(bench: Any) -> None:
    bench.contract(CONTRACT.replace("ENCODING", "utf-8"))
    bench.file("contacts_1.csv", b"")
    bench.file("contacts_2.csv", HEAD + ROW)
    bench.file("unknown.csv", "a\n1\n")
    bench.file(".hidden", "x")
    bench.file("contacts.csv.part", "x")
    (bench.inbox / "contacts_folder").mkdir()
    (bench.inbox / "contacts_gone.csv").symlink_to(bench.root / "nowhere")
    report = bench.land()
    assert [receipt.file for receipt in report.receipts] == ["contacts_2.csv"]
    assert {(refusal.file, refusal.reason) for refusal in report.refused} == {
        ("contacts_1.csv", "empty_file"),
        ("unknown.csv", "no_contract"),
        ("contacts_gone.csv", "unreadable"),
    }
    assert report.ignored == [".hidden", "contacts.csv.part", "contacts_folder"]


def test_two_contracts_for_one_file(bench: Any) -> None:
    text = CONTRACT.replace("ENCODING", "utf-8")
    bench.contract(text, "a")
    bench.contract(text.replace("name: contacts", "name: others"), "b")
    bench.file("contacts.csv", HEAD + ROW)
    (refusal,) = bench.land().refused
    assert refusal.reason == "several_contracts"
    assert "crm.contacts, crm.others" in refusal.message


@pytest.mark.parametrize(
    ("kind", "content", "reason", "says"),
    [
        ("json", b"{not json", "not_the_format", "not JSON"),
        ("json", b'{"tickets": {}}', "not_the_format", "array"),
        ("json", b'{"tickets": []}', "empty_file", "empty"),
        ("json", json.dumps({"tickets": [{"Id": 1}]}).encode(), "missing_column", "Client"),
        ("jsonl", b'{"Id": 1}\n', "missing_column", "Client"),
        ("parquet", b"Id,Client\n", "not_the_format", "no Parquet"),
        ("parquet", b"PAR1" + bytes(50), "not_the_format", "damaged"),
    ],
)
def test_other_formats_refused(bench: Any, kind: str, content: bytes, reason: str, says: str) -> None:
    records = "tickets" if kind == "json" else ""
    bench.contract(CONTRACT.replace("{encoding: ENCODING}", f"{{type: {kind}, records: '{records}'}}"))
    bench.file("contacts.x", content)
    (refusal,) = bench.land().refused
    assert refusal.reason == reason
    assert says in refusal.message


def test_a_fault_in_one_file_does_not_stop_the_others(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.contract(CONTRACT.replace("ENCODING", "utf-8"))
    bench.file("contacts_1.csv", HEAD + ROW)
    bench.file("contacts_2.csv", HEAD + ROW.replace("c1", "c2"))
    real = intake.conform

    def failing(connection: Any, raw: Any, contract: Any) -> Any:
        (client,) = fetch_row(connection, f"SELECT c1 FROM {raw.table}")
        if client == "c1":
            raise duckdb.InternalException("a fault")
        return real(connection, raw, contract)

    monkeypatch.setattr(intake, "conform", failing)
    report = bench.land()
    assert [(refusal.file, refusal.reason) for refusal in report.refused] == [("contacts_1.csv", "fault")]
    assert [receipt.file for receipt in report.receipts] == ["contacts_2.csv"]
