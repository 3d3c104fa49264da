"""Names and values that are SQL, in every format: text stays text, and each comes out as it went in."""

from __future__ import annotations

import io
import json
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HOSTILE = [
    "'; DROP SCHEMA landing CASCADE; --",
    "\"); COPY (SELECT 1) TO 'stolen.csv'; --",
    "$$; ATTACH 'other.duckdb' AS other; $$",
    "x' UNION SELECT getenv('HOME') --",
    "{{ env_var('HOME') }}{% raw %}",
    "read_csv('/etc/passwd')",
    "?1 $1 :name %s %(a)s {0} \\' \\\" \\x00",
    "/* */ -- ; /*",
]
HEADER = 'it\'s a "name"; DROP TABLE x --'
"""The name of a source column."""


def contract(kind: str, match: str, *, more: str = "") -> str:
    return f"""\
system: hostile
name: units
version: 1
description: Units
owner: team:hr
match: [{json.dumps(match)}]
format: {{type: {kind}{more}}}
columns:
  - {{source: {json.dumps(HEADER)}, field: unit_id, required: true}}
  - {{source: "Na'me", field: unit_name, required: true}}
  - {{source: Level, field: unit_level, codes: {{{json.dumps(HOSTILE[0])}: team}}, required: true}}
outputs: [{{entity: unit}}]
"""


def table(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {HEADER: [f"{text} {at}" for at, text in enumerate(texts)], "Na'me": texts, "Level": HOSTILE[0]}
    )


def written(kind: str, frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    if kind == "csv":
        frame.write_csv(buffer, quote_style="always")
    elif kind == "json":
        buffer.write(json.dumps(frame.to_dicts()).encode())
    elif kind == "xlsx":
        frame.write_excel(buffer)
    else:
        frame.write_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["csv", "json", "xlsx", "parquet"])
def test_sql_in_names_and_values_of_every_format_stays_text(bench: Any, kind: str) -> None:
    name = f'units\'); DROP TABLE x; -- "{kind}".{kind}'
    bench.contract(contract(kind, f"units*.{kind}"))
    frame = table(HOSTILE)
    bench.file(name, written(kind, frame))
    report = bench.land()
    assert [refusal.message for refusal in report.refused] == []
    assert bench.rows("unit", "unit_id, unit_name, unit_level") == [
        (unit, text, "team") for unit, text, _ in frame.iter_rows()
    ]
    assert sorted(path.name for path in bench.root.iterdir()) == ["contracts", "inbox", "landing", "quarantine"]


def test_what_is_set_aside_is_told_as_it_was(bench: Any) -> None:
    """Codes that nobody knows: value, column and message hold the text, whatever it is."""
    bench.contract(contract("csv", "units*.csv"))
    frame = table(HOSTILE).with_columns(Level=pl.Series([f"{text}!" for text in HOSTILE]))
    bench.file("units' --.csv", written("csv", frame))
    bench.land()
    assert bench.bad("value, reason") == [(f"{text}!", "unknown_code") for text in HOSTILE]
    assert all(f"{text}!" in message for text, (message,) in zip(HOSTILE, bench.bad("message"), strict=True))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.sampled_from("'\"`$;-/*\\(){}%?:, a1\t"), min_size=1, max_size=12), min_size=1, max_size=6))
def test_any_mixture_of_marks_comes_out_as_it_went_in(make_bench: Any, texts: list[str]) -> None:
    bench = make_bench()
    texts = [f"x{text}x" for text in texts]
    bench.contract(contract("csv", "units*.csv"))
    bench.file("units.csv", written("csv", table(texts)))
    report = bench.land()
    assert [refusal.message for refusal in report.refused] == []
    assert [name for (name,) in bench.rows("unit", "unit_name")] == texts
