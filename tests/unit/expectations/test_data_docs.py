"""Data Docs: pages that load nothing from elsewhere, hold no value of a row, and go when their time is over."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from expectations.data_docs import expire, write_data_docs
from expectations.gate import GateResult, run_gate
from expectations.rules import TableSuite, no_row, one_of

NOW = datetime(2026, 11, 25, 6, 0, tzinfo=UTC)


@pytest.fixture
def result(tmp_path: Path) -> GateResult:
    with duckdb.connect(str(tmp_path / "file.duckdb")) as connection:
        connection.execute("create table answers as select 'k' || range as id, 'Jean Martin' as kind from range(3)")
    suite = TableSuite(
        suite="published.answers",
        table="answers",
        keys=("id",),
        columns=("id", "kind"),
        expectations=(
            one_of("kind", ["a", "b"], "Correct the <source>."),
            no_row("there is no <k9>", "Nothing.", where="id = 'k9'", show=("id",)),
        ),
    )
    return run_gate(tmp_path / "file.duckdb", [suite], gate="publication")


def test_pages_say_what_the_gate_says(result: GateResult, tmp_path: Path) -> None:
    index = write_data_docs(result, tmp_path / "docs", NOW)
    assert index == tmp_path / "docs" / "20261125T060000Z-publication" / "index.html"
    page = (index.parent / "published.answers.html").read_text(encoding="utf-8")
    for text in (index.read_text(encoding="utf-8"), page):
        assert not re.search("https?://", text)
        assert "<source>" not in text
        assert "does not hold in 3 rows" in text
    assert "The publication gate is closed" in index.read_text(encoding="utf-8")
    assert 'href="published.answers.html"' in index.read_text(encoding="utf-8")
    assert "there is no &lt;k9&gt;" in page
    for file in index.parent.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    assert index.parent.stat().st_mode & 0o777 == 0o700


def test_a_page_holds_no_value_that_the_message_does_not(result: GateResult, tmp_path: Path) -> None:
    [failure] = result.failures
    page = (write_data_docs(result, tmp_path, NOW).parent / "published.answers.html").read_text(encoding="utf-8")
    assert page.count("Jean Martin") == failure.message.count("Jean Martin")


def test_pages_go_when_their_time_is_over(result: GateResult, tmp_path: Path) -> None:
    for days in (0, 1, 2):
        write_data_docs(result, tmp_path / "docs", NOW - timedelta(days=days))
    assert expire(tmp_path / "docs", 1, NOW) == 1
    assert len(list((tmp_path / "docs").iterdir())) == 2
    assert expire(tmp_path / "none", 1, NOW) == 0
