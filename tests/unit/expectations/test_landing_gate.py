"""The landing gate passes a good delivery, and each of its expectations can fail."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from expectations.gate import ExpectationOutcome, GateResult
from expectations.landing import check_landing, landing_suites, prepare_landing_tables
from pipelines.extracts.deliveries import Receipt, write_receipt
from pipelines.extracts.entities import ENTITIES, Entity

DELIVERY = "0123456789abcdef"
TODAY = date(2026, 3, 1)
FEW = ("unit", "case", "employee")
HISTORY = ("_sources", "_volumes", "_units_missing", "_answer_shifts")
Folders = tuple[Path, Path, Path]


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    marks = ", ".join("?" for _ in names)
    columns = ", ".join(f'"{name}"' for name in names)
    connection.executemany(f"insert into {table} ({columns}) values ({marks})", [list(row.values()) for row in rows])


def landed_row(entity: Entity, record: int, **changes: Any) -> dict[str, Any]:
    """A plausible row of an entity, with provenance."""
    by_type: dict[str, Any] = {
        "DATE": date(2025, 3, 1),
        "TIMESTAMP": datetime(2025, 3, 1, 10, 30),
        "DOUBLE": 1.0,
        "BIGINT": 1,
        "BOOLEAN": True,
        "VARCHAR": "x",
    }
    row = {
        field.name: field.values[0] if field.values else "a1" * 16 if field.identity else by_type[field.type]
        for field in entity.fields
    }
    if entity.name == "survey_answer":
        row.update(scale_min=0.0, scale_max=5.0, value=3.0)
    row.update(_system="test", _delivery_id=DELIVERY, _record=record, _version=datetime(2025, 4, 1))
    return {**row, **changes}


def receipt(**changes: Any) -> Receipt:
    values: dict[str, Any] = {
        "delivery_id": DELIVERY,
        "file": "everything_20250401.csv",
        "bytes": 1000,
        "sha256": "0" * 64,
        "system": "test",
        "contract": "test.everything",
        "contract_version": 1,
        "landed_at": datetime(2025, 4, 1),
        "version": datetime(2025, 4, 1),
        "read": 204,
        "landed": 200,
        "quarantined": 2,
        "duplicates": 1,
        "filtered": 1,
        "outputs": dict.fromkeys(FEW, 200),
        "months": ["2025-03"],
        "reasons": {"bad_date": 2},
        "personal": {},
    }
    return Receipt(**{**values, **changes})


def make_folders(root: Path, entities: tuple[str, ...]) -> Folders:
    """Warehouse, landing and quarantine of one good delivery that feeds these entities; the others are empty."""
    warehouse, landing_dir, quarantine_dir = root / "w.duckdb", root / "landing", root / "quarantine"
    write_receipt(landing_dir, receipt(outputs=dict.fromkeys(entities, 200)))
    quarantine_dir.mkdir()
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema landing")
        for entity in ENTITIES.values():
            columns = ", ".join(f'"{name}" {kind}' for name, kind in entity.columns)
            connection.execute(f'create table landing."{entity.name}" ({columns})')
            if entity.name in entities:
                insert(connection, f'landing."{entity.name}"', [landed_row(entity, 1)])
                connection.execute(
                    f'insert into landing."{entity.name}" by name '
                    f'select e.* replace (t.record as _record) from landing."{entity.name}" e, range(2, 201) t(record)'
                )
        write_quarantine(connection, quarantine_dir, 2)
    return warehouse, landing_dir, quarantine_dir


@pytest.fixture
def landing_folders(tmp_path: Path) -> Folders:
    return make_folders(tmp_path, FEW)


@pytest.fixture
def all_entities(tmp_path: Path) -> Folders:
    return make_folders(tmp_path, tuple(ENTITIES))


def write_quarantine(connection: duckdb.DuckDBPyConnection, folder: Path, rows: int) -> None:
    connection.execute(
        f"copy (select '{DELIVERY}' as delivery_id, 'bad_date' as reason from range({rows})) "
        f"to '{folder / DELIVERY}.parquet'"
    )


def check(folders: Folders, **changes: Any) -> GateResult:
    return check_landing(*folders, **{"today": TODAY, **changes})


def failed(result: GateResult, table: str, says: str) -> ExpectationOutcome:
    [outcome] = [o for o in result.outcomes if o.table == table and says in o.says and not o.success]
    assert "could not check" not in outcome.message
    return outcome


def add(folders: Folders, entity: str, *rows: dict[str, Any]) -> None:
    """Land more rows than the receipt says: only for tests that look at something else."""
    with duckdb.connect(str(folders[0])) as connection:
        insert(connection, f'landing."{entity}"', list(rows))


def bad_rows(entity: Entity) -> list[dict[str, Any]]:
    """Rows that break every expectation on an entity: one of nulls, one of wrong values, ten of swapped ends."""
    by_type: dict[str, Any] = {
        "DATE": date(1066, 10, 14),
        "TIMESTAMP": datetime(1066, 10, 14),
        "DOUBLE": -5.0,
        "BIGINT": -5,
        "BOOLEAN": False,
        "VARCHAR": "Jean Dupont",
    }
    wrong = {field.name: by_type[field.type] for field in entity.fields}
    swapped: dict[str, Any] = {}
    for first, then in (
        *(("valid_from", "valid_to"), ("client_since", "client_until"), ("spell_start", "spell_end")),
        *(("hired_on", "left_on"), ("started_on", "ended_on"), ("minutes_available", "minutes_expected")),
        *(("opened_at", "first_reply_at"), ("opened_at", "resolved_at")),
    ):
        if first in entity.names and then in entity.names:
            later = 2.0 if first.startswith("minutes") else by_type_later(entity, first)
            swapped[first] = later
    return [
        *(landed_row(entity, 1000 + n, **dict.fromkeys(landed_row(entity, 0))) for n in range(20)),
        landed_row(entity, 2000, **wrong),
        *(landed_row(entity, 3000 + n, **swapped) for n in range(10)),
    ]


def by_type_later(entity: Entity, name: str) -> Any:
    return datetime(2025, 5, 1) if entity.field(name).type == "TIMESTAMP" else date(2025, 5, 1)


def test_good_delivery_passes(all_entities: Folders) -> None:
    result = check(all_entities)
    assert result.success, result.message()
    assert not result.warnings
    assert {o.table for o in result.outcomes} == {
        "landing._receipts",
        "landing._receipt_outputs",
        *(f"landing.{name}" for name in HISTORY),
        *(f"landing.{name}" for name in ENTITIES),
    }
    with duckdb.connect(str(all_entities[0])) as connection:
        connection.execute("create table the_next_step_can_write as select 1")


def test_every_expectation_on_entities_can_fail(all_entities: Folders) -> None:
    for entity in ENTITIES.values():
        add(all_entities, entity.name, *bad_rows(entity))
    result = check(all_entities)
    for suite in landing_suites(today=TODAY):
        if suite.table in ENTITIES:
            for expectation in suite.expectations:
                assert expectation.meta is not None
                outcome = failed(result, f"landing.{suite.table}", expectation.meta["says"])
                assert outcome.unexpected_count
                assert set(outcome.examples_by_key[0]) >= {"_delivery_id", "_record"}
    # What may be a person's name is never repeated: only where it stands.
    for outcome in result.failures:
        if "pseudonyms" in outcome.says:
            assert "Jean Dupont" not in outcome.message


def test_every_expectation_on_deliveries_can_fail(tmp_path: Path) -> None:
    warehouse = tmp_path / "w.duckdb"
    landing_dir, quarantine_dir = tmp_path / "landing", tmp_path / "quarantine"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema landing")
        for entity in ENTITIES.values():
            connection.execute(f'create view landing."{entity.name}" as {entity.empty_select_sql()}')
    nothing = check_landing(warehouse, landing_dir, quarantine_dir)
    assert "put extracts in the inbox" in failed(nothing, "landing._receipts", "at least one delivery").remedy

    write_receipt(landing_dir, receipt(delivery_id="b1", read=300))
    write_receipt(landing_dir, receipt(delivery_id="b2", landed=0, quarantined=202, read=204))
    write_receipt(landing_dir, receipt(delivery_id="b3", landed=150, duplicates=51, read=204))
    write_receipt(landing_dir, receipt(delivery_id="b4", landed=-1))
    write_receipt(landing_dir, receipt(delivery_id="b5", max_quarantine_share=0.001))
    write_receipt(landing_dir, receipt(delivery_id="b6", cut_off=True, max_quarantine_share=0.01))
    write_receipt(landing_dir, receipt(delivery_id="b7", landed=0, quarantined=202, read=204, max_quarantine_share=1))
    result = check_landing(warehouse, landing_dir, quarantine_dir)

    def where(says: str) -> set[str]:
        outcome = failed(result, "landing._receipts", says)
        assert all(example["file"] == "everything_20250401.csv" for example in outcome.examples_by_key)
        return {str(example["delivery_id"]) for example in outcome.examples_by_key}

    assert where("read = landed + quarantined + duplicates + filtered") == {"b1", "b4"}
    assert where("in the quarantine file") == {f"b{number}" for number in range(1, 6)}  # five examples of seven
    assert where("at most 10 % of a delivery's rows (or the contract's own limit), and one row") == {"b2", "b5"}
    assert where("every delivery gives at least one row") == {"b2", "b7"}
    assert where("ends in the middle of a row") == {"b6"}
    assert where("exact duplicates") == {"b3"}
    assert where("at least 0") == {"b4"}
    failed(result, "landing._receipt_outputs", "as many rows as its receipt says")
    # The fourth: the newest delivery gives a row where its source gives two hundred, as a delta.
    assert len(result.warnings) == 4
    # Keys of the table itself: the receipts' file names make them unique, so they are broken by hand.
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("insert into landing._receipts from landing._receipts")
        connection.execute("update landing._receipts set file = null where delivery_id = 'b1'")
    from expectations.gate import run_gate

    again = run_gate(warehouse, landing_suites([]), gate="landing", schema="landing")
    failed(again, "landing._receipts", "delivery_id is unique")
    failed(again, "landing._receipts", "never null")
    says = {
        expectation.meta["says"]
        for suite in landing_suites([])
        for expectation in suite.expectations
        if expectation.meta
    }
    history = {f"landing.{name}" for name in HISTORY}
    found = [o for r in (nothing, result, again) for o in r.outcomes if not o.success and o.table not in history]
    assert says == {o.says for o in found}


def test_quarantine_message_says_which_file_how_many_and_why(landing_folders: Folders) -> None:
    _, landing_dir, quarantine_dir = landing_folders
    write_receipt(landing_dir, receipt(read=302, quarantined=100, reasons={"bad_date": 90, "missing": 10}))
    with duckdb.connect() as connection:
        write_quarantine(connection, quarantine_dir, 100)
    result = check(landing_folders)
    [failure] = result.failures
    assert failure.message.startswith(
        "landing._receipts: at most 10 % of a delivery's rows (or the contract's own limit), and one row in any case, "
        "are in quarantine "
        "[unexpected_rows_expectation] does not hold in 1 row (100 % of the table), e.g. "
        f"delivery_id={DELIVERY}, file=everything_20250401.csv, read=302, "
        "quarantined=100, main_reason=bad_date. What to do: Read the reasons (symmetry quarantine show"
    )
    assert "SYMMETRY_MAX_QUARANTINE_SHARE" in failure.remedy
    assert check(landing_folders, max_quarantine_share=0.4).success


@pytest.mark.parametrize(("quarantined", "passes"), [(1, True), (2, False)])
def test_one_bad_row_of_seven_is_no_bad_delivery(landing_folders: Folders, quarantined: int, passes: bool) -> None:
    _, landing_dir, quarantine_dir = landing_folders
    few = receipt(read=7, landed=7 - quarantined, quarantined=quarantined, duplicates=0, filtered=0)
    write_receipt(landing_dir, few)
    with duckdb.connect() as connection:
        write_quarantine(connection, quarantine_dir, quarantined)
    assert check(landing_folders).success == passes


def test_superseded_delivery_counts_no_more(landing_folders: Folders) -> None:
    _, landing_dir, _ = landing_folders
    write_receipt(landing_dir, receipt(delivery_id="old", quarantined=150, landed=52, superseded_by=DELIVERY))
    assert check(landing_folders).success
    # It still has to add up.
    write_receipt(landing_dir, receipt(delivery_id="old", quarantined=150, landed=50, superseded_by=DELIVERY))
    assert not check(landing_folders).success


def test_rows_without_a_receipt_are_found(landing_folders: Folders) -> None:
    add(landing_folders, "case", landed_row(ENTITIES["case"], 1, _delivery_id="stray"))
    [failure] = check(landing_folders).failures
    assert failure.examples_by_key == ({"delivery_id": "stray", "entity": "case", "rows": 0, "rows_found": 1},)


def test_quarantine_file_that_lacks_rows_is_found(landing_folders: Folders) -> None:
    (landing_folders[2] / f"{DELIVERY}.parquet").unlink()
    [failure] = check(landing_folders).failures
    assert failure.examples_by_key[0]["quarantine_rows"] == 0


@pytest.mark.parametrize(("days", "passes"), [(366, True), (368, False)])
def test_dates_too_far_ahead(landing_folders: Folders, days: int, passes: bool) -> None:
    with duckdb.connect(str(landing_folders[0])) as connection:
        connection.execute(
            "update landing.case set opened_at = ?, first_reply_at = null, resolved_at = null where _record = 7",
            [datetime.combine(TODAY, datetime.min.time()) + timedelta(days=days)],
        )
    result = check(landing_folders)
    assert result.success == passes
    if not passes:
        [failure] = result.failures
        assert failure.examples_by_key == (
            {"_delivery_id": DELIVERY, "_record": 7, "outside": "opened_at=2027-03-04 00:00:00"},
        )


def test_no_end_in_sight_is_no_error(landing_folders: Folders) -> None:
    with duckdb.connect(str(landing_folders[0])) as connection:
        connection.execute("update landing.employee set spell_end = '9999-12-31', hired_on = '1961-01-01'")
        connection.execute("update landing.unit set valid_from = '1900-01-01', valid_to = '9999-12-31'")
    assert check(landing_folders).success


def test_a_few_swapped_times_are_tolerated(landing_folders: Folders) -> None:
    def swap(rows: int) -> GateResult:
        with duckdb.connect(str(landing_folders[0])) as connection:
            connection.execute(f"update landing.case set resolved_at = '2025-02-01' where _record <= {rows}")
        return check(landing_folders)

    assert swap(2).success
    [failure] = swap(3).failures
    assert failure.unexpected_count == 3
    assert failure.unexpected_percent == pytest.approx(1.5)


def test_only_entities_with_rows_are_checked(landing_folders: Folders) -> None:
    warehouse, landing_dir, quarantine_dir = landing_folders
    with duckdb.connect(str(warehouse)) as connection:
        assert prepare_landing_tables(connection, landing_dir, quarantine_dir) == FEW
    assert len({o.table for o in check(landing_folders).outcomes}) == len(FEW) + 2 + len(HISTORY)


def test_rows_that_have_passed_are_not_looked_at_again(landing_folders: Folders) -> None:
    entity = FEW[0]
    table = f"landing.{entity}"

    def looked_at(**changes: Any) -> set[str]:
        return {outcome.table for outcome in check(landing_folders, **{"rules": "r1", **changes}).outcomes}

    assert table in looked_at()
    assert table not in looked_at()
    assert table in looked_at(rules="r2")
    assert table in looked_at(rules="")
    # The same delivery landed anew is another one to the gate.
    write_receipt(landing_folders[1], receipt(outputs=dict.fromkeys(FEW, 200), landed_at=datetime(2025, 4, 9)))
    assert table in looked_at(rules="r2")


def test_rows_that_did_not_pass_are_looked_at_until_they_do(landing_folders: Folders) -> None:
    entity = ENTITIES[FEW[0]]
    table = f"landing.{entity.name}"
    add(landing_folders, entity.name, *bad_rows(entity))
    for _ in range(2):
        result = check(landing_folders, rules="r1")
        assert any(outcome.table == table and not outcome.success for outcome in result.outcomes)
    with duckdb.connect(str(landing_folders[0])) as connection:
        connection.execute(f"delete from {table} where _record >= 1000 or _record is null")
    assert check(landing_folders, rules="r1").success
    assert table not in {outcome.table for outcome in check(landing_folders, rules="r1").outcomes}
