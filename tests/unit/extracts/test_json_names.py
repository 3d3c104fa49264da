"""JSON: values picked by nested names and out of arrays, names listed, and no document that breaks the reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.extracts.contract import ContractError, load_contract
from pipelines.extracts.json_names import Pick, pick_of, problem_of
from pipelines.extracts.readers import DeliveryError, json_documents, read
from tests.unit.extracts.conftest import Bench

CONTRACT = """
system: zen
name: ticket
version: 1
description: tickets as exported
owner: data
match: "tickets*"
timezone: UTC
format: {format}
columns:
  - {{source: id, field: case_id, required: true}}
  - {{source: created_at, field: opened_at, type: timestamp, required: true}}
  - {{source: requester.id, field: client_id, optional: true}}
  - {{source: metric_set.reopens, field: reopen_count, type: integer, optional: true}}
  - {{source: "custom_fields[id=360001].value", field: unit_id, optional: true}}
  - {{source: satisfaction_rating.score, field: theme, optional: true}}
outputs:
  - entity: case
    fields: {{case_id: case_id, opened_at: opened_at, client_id: client_id, reopen_count: reopen_count,
      unit_id: unit_id, theme: theme, kind: "=request"}}
"""

TICKETS: list[dict[str, Any]] = [
    {
        "id": 1,
        "created_at": "2025-03-01T08:30:00Z",
        "requester": {"id": 9001, "email": "a@example.org", "phones": []},
        "metric_set": {"reopens": 2},
        "custom_fields": [{"id": 1, "value": "no"}, {"id": 360001, "value": "north"}, {"id": 360001, "value": "2nd"}],
        "satisfaction_rating": {"score": "good"},
    },
    {"id": "2", "created_at": "2025-03-01 10:30:00 +0200", "custom_fields": [{"id": "360001", "value": "south"}]},
    {"id": 3, "created_at": "2025-03-01 08:30:00 +0000", "custom_fields": [], "satisfaction_rating": None},
    {"id": 4, "created_at": "2025-03-01T08:30:00.000Z", "custom_fields": [7, None, {"value": "x"}, {"id": 360001}]},
    {"id": 5, "created_at": "2025-03-01T08:30:00Z", "custom_fields": {"id": 360001, "value": "no array"}},
    {"id": 6, "created_at": "2025-03-01T08:30:00Z", "custom_fields[id=360001].value": "flat"},
]

EXPECTED = [
    ("2025-03-01 08:30:00", 2, "north", "good"),
    ("2025-03-01 08:30:00", None, "south", None),
    ("2025-03-01 08:30:00", None, None, None),
    ("2025-03-01 08:30:00", None, None, None),
    ("2025-03-01 08:30:00", None, None, None),
    ("2025-03-01 08:30:00", None, "flat", None),
]


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("{type: json, records: tickets}", json.dumps({"tickets": TICKETS, "count": 6})),
        ("{type: json}", json.dumps(TICKETS, indent=2)),
        ("{type: jsonl}", "\n".join(json.dumps(ticket) for ticket in TICKETS)),
    ],
)
def test_tickets_with_nested_missing_and_picked_values(bench: Bench, form: str, content: str) -> None:
    bench.contract(CONTRACT.format(format=form))
    bench.file("tickets.json", content)
    report = bench.land()
    assert report.refused == []
    assert [(receipt.read, receipt.landed) for receipt in report.receipts] == [(6, 6)]
    assert bench.rows("case", "CAST(opened_at AS VARCHAR), reopen_count, unit_id, theme") == EXPECTED


def test_a_needed_pick_that_no_record_has_is_a_missing_column(bench: Bench) -> None:
    text = CONTRACT.format(format="{type: json}").replace("field: unit_id, optional: true", "field: unit_id")
    bench.contract(text)
    bench.file("tickets.json", json.dumps([{**ticket, "custom_fields": []} for ticket in TICKETS[:5]]))
    (refusal,) = bench.land().refused
    assert refusal.reason == "missing_column"
    assert "'custom_fields[id=360001].value'" in refusal.message


@pytest.mark.parametrize(
    ("name", "pick"),
    [
        ("custom_fields[id=360001].value", Pick("custom_fields", "id", "360001", "value")),
        ("a.b[key = 'x y'].c.d", Pick("a.b", "key", "x y", "c.d")),
        ("tags[name=vip]", Pick("tags", "name", "vip", "")),
        ("Q1[SQ001]", None),
        ("plain.name", None),
    ],
)
def test_the_parts_of_a_name(name: str, pick: Pick | None) -> None:
    assert pick_of(name) == pick
    assert problem_of(name) is None


@pytest.mark.parametrize(
    "name", ["fields[id=].value", "fields[=3].value", "[id=3].value", "fields[id=3", "f[a=1][b=2]"]
)
def test_a_pick_that_makes_no_sense_is_refused_with_the_contract_s_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / "contract.yml"
    text = CONTRACT.format(format="{type: json}")
    path.write_text(text.replace("custom_fields[id=360001].value", name), encoding="utf-8")
    with pytest.raises(ContractError, match=r"line 15: columns\.4: .* picks nothing"):
        load_contract(path)
    path.write_text(text.replace("type: json", "type: csv").replace("360001].value", "].value"), encoding="utf-8")
    assert load_contract(path).columns[4].source == "custom_fields[id=].value"


def test_the_names_of_a_file_go_down_into_objects_and_arrays(tmp_path: Path) -> None:
    record = {
        "id": 1,
        "requester": {"email": "x", "address": {"city": "y"}},
        "comments": [{"author": {"name": "z"}}, {"body": 1}, 5],
        "tags": ["a", "b"],
        "matrix": [[{"k": 1}]],
        "empty": {},
    }
    deep: Any = 1
    for _ in range(2000):
        deep = {"deep": deep}
    with duckdb.connect() as connection:
        texts = [json.dumps(record), '{"huge": ' + "[" * 3000 + "]" * 3000 + ', "other": 1}', '{"nan": NaN}']
        connection.execute("CREATE TABLE fields AS SELECT unnest($1) AS doc", [texts])
        raw = json_documents.RawTable("fields", 3, "rejects", {}, ("doc",), "doc")
        names = json_documents.file_names(connection, raw)
    assert names == [
        "comments[].author.name",
        "comments[].body",
        "empty",
        "huge",
        "id",
        "matrix[][].k",
        "nan",
        "other",
        "requester.address.city",
        "requester.email",
        "tags",
    ]


def land_document(bench: Bench, content: str | bytes, form: str = "{type: json}") -> tuple[list[Any], list[Any]]:
    bench.contract(CONTRACT.format(format=form))
    bench.file("tickets.json", content)
    report = bench.land()
    assert all(receipt.balanced for receipt in report.receipts)
    counts = [(receipt.read, receipt.landed, receipt.quarantined) for receipt in report.receipts]
    return counts, [(refusal.reason, refusal.message) for refusal in report.refused]


ONE = '{"id": 1, "created_at": "2025-03-01T08:30:00Z", "metric_set": {"reopens": %s}}'


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("3", True),
        ("NaN", False),
        ("1e400", False),
        ("123456789012345678901234567890", False),
        ("[" * 5000 + "]" * 5000, False),
        ('{"a":' * 5000 + "1" + "}" * 5000, False),
        ('"x\\u0000y"', False),
        ("1" * 5000, False),
        ('3, "reopens": 4', True),
    ],
)
@pytest.mark.parametrize("form", ["{type: json}", "{type: jsonl}"])
def test_odd_values_are_counted_never_lost(bench: Bench, value: str, good: bool, form: str) -> None:
    content = ONE % value if "jsonl" in form else f"[{ONE % value}]"
    assert land_document(bench, content, form) == ([(1, 1, 0) if good else (1, 0, 1)], [])


def test_half_a_letter_is_one_bad_line_of_lines_and_refuses_a_document_with_its_line(bench: Bench) -> None:
    whole, half = ONE % "3", (ONE % "4").replace("Z", "\\ud83d")
    counts, _ = land_document(bench, f"{whole}\n{half}\n", "{type: jsonl}")
    assert counts == [(2, 1, 1)]
    assert bench.bad("line, reason, row") == [(2, "json", half)]
    bench.file("tickets2.json", "")
    (bench.inbox / "tickets2.json").unlink()
    counts, refused = land_document(bench, f"[{whole},\n{half}]")
    assert counts == []
    assert refused[0][0] == "not_the_format"
    assert r"line 2 holds \ud83d, half of a letter" in refused[0][1]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"id": 1}', "line 1 column 11"),
        (b'[{"id": 1}]\x00', "zero byte"),
        (b'[{"id": 1}] trailing', "Extra data"),
        (b'{"tickets": 1}', "expects an array"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_document_is_refused_with_the_place(bench: Bench, content: bytes, told: str) -> None:
    counts, refused = land_document(bench, content)
    assert counts == []
    ((reason, message),) = refused
    assert reason == "not_the_format"
    assert told in message


def test_a_document_too_large_to_hold_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "contract.yml").write_text(CONTRACT.format(format="{type: json}"), encoding="utf-8")
    path = tmp_path / "tickets.json"
    path.write_text(json.dumps(TICKETS), encoding="utf-8")
    monkeypatch.setattr(json_documents, "DOCUMENT_LIMIT", path.stat().st_size - 1)
    with duckdb.connect() as connection, pytest.raises(DeliveryError, match="JSON lines") as caught:
        read(path, load_contract(tmp_path / "contract.yml"), connection, tmp_path)
    assert caught.value.reason == "too_large"
