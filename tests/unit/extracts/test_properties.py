"""Nothing is lost, whatever the file holds: read = landed + quarantined + duplicates + filtered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.extracts.conformer import _trim_sql

CONTRACT = """\
system: ops
name: request
version: 1
description: Requests
owner: team:ops
match: ["requests.csv"]
format: {decimal: ","}
columns:
  - {source: id, field: request_id, required: true}
  - {source: kind, field: kind, codes: {i: irritant, s: suggestion}, required: true}
  - {source: opened, field: opened_at, type: timestamp, formats: ["%d/%m/%Y"], required: true}
  - {source: reopened, field: reopen_count, type: integer, min: 0}
filters: [{source: note, drop_values: [test], reason: test}]
outputs: [{entity: internal_request}]
"""

CELL = st.one_of(
    st.sampled_from(["", "i", "S", "01/02/2025", "31/02/2025", "3", "-1", "3,0", "1.5", "test", "NaN", "inf", " "]),
    st.text(alphabet='ab;,"\n\r 1é\u00a0', max_size=5),
)
ROW = st.one_of(
    st.tuples(st.sampled_from("123"), st.sampled_from("isx"), st.just("01/02/2025"), CELL, CELL),
    st.lists(CELL, min_size=1, max_size=6).map(tuple),
)


def quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\n\r') else cell


LINE = st.one_of(
    ROW.map(lambda row: ",".join(map(quoted, row))),  # as a writer would
    ROW.map(lambda row: ",".join(row)),  # as a careless one does
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINE, min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_every_row_is_accounted_for(make_bench: Callable[[], Any], lines: list[str], end: str) -> None:
    bench = make_bench()
    bench.contract(CONTRACT)
    bench.file("requests.csv", end.join(["id,kind,opened,reopened,note", *lines]))
    report = bench.land()
    if report.refused:
        assert {refusal.reason for refusal in report.refused} == {"empty_file"}
        assert not "".join(lines).strip("\r\n")
        return
    (receipt,) = report.receipts
    assert receipt.balanced
    assert len(bench.rows("internal_request")) == receipt.landed == receipt.outputs["internal_request"]
    assert len(bench.bad()) == receipt.quarantined == sum(receipt.reasons.values())
    assert sum(receipt.filter_reasons.values()) == receipt.filtered
    assert all(message and row is not None for message, row in bench.bad("message, row"))


@settings(deadline=None)
@given(st.text(alphabet="aé~!\x7f\x1f𝒳\u0301 \t\u00a0\u202f\ufeff", max_size=6))
def test_texts_are_trimmed_of_every_kind_of_blank(text: str) -> None:
    with duckdb.connect() as connection:
        ((trimmed,),) = connection.execute(f"SELECT {_trim_sql('x')} FROM (SELECT $1 AS x)", [text]).fetchall()
    assert trimmed == (text.strip(" \t\u00a0\u202f\ufeff") or None)
