"""Running expectations on a DuckDB file: what comes back, what a message says, and that the file is let go."""

from __future__ import annotations

import socket
import tempfile
from datetime import date
from pathlib import Path

import duckdb
import pytest

from expectations import gate
from expectations.gate import EXAMPLES, GateError, GateResult, run_gate
from expectations.rules import TableSuite, no_row, one_of, present, rule, unique, within


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a folder with spaces" / "file.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "create table things as select i as id, case when i % 100 = 0 then null else i end as amount, "
            "if(i < 3, 'x|y', 'ok') as kind, date '2025-01-01' + cast(i as int) as day, "
            "i // 2 as half from range(1000) t(i)"
        )
        connection.execute("create schema other; create table other.things as select 1 as id")
    return path


def suite(*expectations: object, columns: tuple[str, ...] = ("id",)) -> TableSuite:
    return TableSuite("things", "things", ("id",), columns, expectations)  # type: ignore[arg-type]


def run(path: Path, *expectations: object) -> GateResult:
    return run_gate(path, [suite(*expectations)], gate="test")


def test_native_expectations_read_duckdb(file: Path) -> None:
    # Each kind fails in Great Expectations' own SQL datasource with "list index out of range".
    result = run(
        file,
        rule("ExpectColumnValuesToNotBeNull", "amount is there", "r", column="amount"),
        unique(["kind"], "r"),
        unique(["kind", "half"], "r"),
        one_of("kind", ["ok"], "r"),
        rule("ExpectColumnValuesToBeBetween", "early", "r", column="day", max_value=date(2025, 12, 31)),
        rule("ExpectColumnMeanToBeBetween", "mean", "r", column="amount", max_value=10),
        rule("ExpectColumnDistinctValuesToEqualSet", "kinds", "r", column="kind", value_set=["ok"]),
        rule("ExpectTableRowCountToBeBetween", "many", "r", min_value=2000),
        no_row("small", "r", where="amount > 990", show=["id", "amount"]),
        within({"amount": (0, 990), "day": (None, date(2025, 12, 31))}, ["id"], "r"),
        present(["amount", "kind"], ["id"], "r"),
    )
    counts = {o.says: o.unexpected_count for o in result.failures}
    assert counts == {
        "amount is there": 10,
        "kind is unique": 1000,
        "(kind, half) is unique": 998,
        "kind is one of ok": 3,
        "early": 635,
        "mean": None,
        "kinds": 1,
        "many": None,
        "small": 9,
        "amount between 0 and 990; day at most 2025-12-31": 635,
        "amount and kind are never null": 10,
    }
    assert not any("could not check" in o.message for o in result.outcomes)


def test_outcome_and_message(file: Path) -> None:
    result = run(file, no_row("amounts are small", "Ask for less.", where="amount > 990", show=["id", "amount"]))
    [shape, outcome] = result.outcomes
    assert shape.success
    assert (outcome.suite, outcome.table, outcome.severity) == ("things", "things", "error")
    assert (outcome.unexpected_count, outcome.unexpected_percent) == (9, pytest.approx(0.9))
    assert outcome.examples_by_key[0] == {"id": 991, "amount": 991}
    assert len(outcome.examples_by_key) == EXAMPLES
    assert outcome.message == (
        "things: amounts are small [unexpected_rows_expectation] does not hold in 9 rows (0.9 % of the table), e.g. "
        "id=991, amount=991; id=992, amount=992; id=993, amount=993; id=994, amount=994; id=995, amount=995. "
        "What to do: Ask for less."
    )
    assert result.message() == (
        "The test gate is closed: 1 of 2 expectations on 1 table failed.\n1. Error: " + outcome.message
    )
    assert result.seconds > 0


def test_markdown(file: Path) -> None:
    markdown = run(file, one_of("kind", ["ok"], "Map it.")).as_markdown()
    lines = markdown.splitlines()
    assert lines[0] == "The test gate is closed: 1 of 2 expectations on 1 table failed."
    assert lines[2].startswith("| severity | table | expectation |")
    assert lines[4] == (
        "| error | things | kind is one of ok (expect_column_values_to_be_in_set) | 3 rows (0.3 % of the table) | "
        "id=0, kind=x\\|y; id=1, kind=x\\|y; id=2, kind=x\\|y | Map it. |"
    )
    assert run(file).as_markdown() == "The test gate is open: 1 expectation on 1 table checked."


def test_warning_leaves_the_gate_open(file: Path) -> None:
    result = run(file, no_row("small", "r", where="amount > 990", show=["id"], severity="warning"))
    assert result.success
    assert not result.failures
    assert [o.says for o in result.warnings] == ["small"]
    assert "1. Warning: things: small" in result.message()


def test_tolerated_share(file: Path) -> None:
    for share, success in ((0.009, True), (0.0089, False)):
        result = run(file, no_row("small", "r", where="amount > 990", show=["id"], tolerated_share=share))
        assert result.success == success


def test_braces_in_a_condition_are_meant_as_they_are(file: Path) -> None:
    result = run(file, no_row("digits", "r", where="regexp_full_match(kind, '[a-z|]{3}')", show=["id"]))
    assert result.failures[0].unexpected_count == 3


def test_missing_table_and_columns_close_the_gate(file: Path) -> None:
    result = run_gate(
        file,
        [TableSuite("gone", "gone", (), (), ()), suite(unique(["nope"], "r"), columns=("id", "nope"))],
        gate="test",
    )
    assert [o.message.split(" What")[0] for o in result.failures] == [
        "gone does not exist.",
        "things lacks the columns nope.",
    ]
    assert "It has amount, day, half, id, kind." in result.failures[1].remedy


def test_what_cannot_be_checked_closes_the_gate(file: Path) -> None:
    result = run(file, no_row("sense", "Mend the rule.", where="nope > 1", show=["id"], severity="warning"))
    [failure] = result.failures
    assert "could not check that sense" in failure.message
    assert 'Referenced column "nope" not found' in failure.message
    assert "\n" not in failure.message


def test_schema(file: Path) -> None:
    other = TableSuite("other", "things", ("id",), ("id",), (unique(["id"], "r"),))
    result = run_gate(file, [other], gate="test", schema="other")
    assert result.success
    assert {o.table for o in result.outcomes} == {"other.things"}


def test_file_is_let_go(file: Path) -> None:
    run(file, one_of("kind", ["ok"], "r"), no_row("x", "r", where="nope", show=["id"]))
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table next_step as select 1")
    # And it is read anew: no connection holds on to the file that was there before.
    file.unlink()
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table things as select 1 as id, 'ok' as kind")
    assert run(file, one_of("kind", ["ok"], "r")).success


def test_gate_only_reads(file: Path) -> None:
    before = file.read_bytes()
    run(file, one_of("kind", ["ok"], "r"))
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["file.duckdb"]


def test_missing_held_and_damaged_files(file: Path, tmp_path: Path) -> None:
    with pytest.raises(GateError, match="found no file"):
        run(tmp_path / "none.duckdb")
    with duckdb.connect(str(file)) as connection:
        connection.execute("create table t as select 1")
        with pytest.raises(GateError, match="Close whatever holds the file open for writing"):
            run(file)
    damaged = tmp_path / "damaged.duckdb"
    damaged.write_text("this is not a database")
    with pytest.raises(GateError, match="if the file is damaged"):
        run(damaged)


def test_no_telemetry_no_progress_no_noise_no_leftovers(
    file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a gate must not reach for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(file, one_of("kind", ["ok"], "r"), no_row("x", "r", where="id < 0", show=["id"]))
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err == ""
    assert [path.name for path in tmp_path.iterdir()] == [file.parent.name]
    context = gate._context()
    assert context.config.analytics_enabled is False
    assert context.variables.progress_bars.globally is False
    assert context.variables.progress_bars.metric_calculations is False
