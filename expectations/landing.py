"""The first door: what has landed, before any model reads it.

The conformer has already looked at every row and set the bad ones aside. This gate looks at what it cannot see: do the
deliveries' own counts add up and match what is on disk, is too much in quarantine, does each entity as a whole look as
it should. A failure here closes the gate: no model is built on what came in.

Bounds here are of plausibility, wide on purpose (a date before 1990 or a year ahead, more hours than a year has). What
a certain source may contain is said in its contract (``min``, ``max``, ``codes``, ``missing``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from expectations.gate import GateResult, run_gate
from expectations.history import history_suites, prepare_history
from expectations.rules import TableSuite, no_row, one_of, present, rule, unique, within
from pipelines.extracts.deliveries import read_receipts
from pipelines.extracts.entities import ENTITIES, PROVENANCE, Entity

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

    from pipelines.extracts.onboarding.source_states import SourceState

GATE = "landing"
SCHEMA = "landing"

RECEIPTS = "_receipts"
"""Table of deliveries: a row for each receipt, with the rows counted in its quarantine file."""

OUTPUTS = "_receipt_outputs"
"""Table of what each delivery that counts gave to each entity: rows by its receipt, rows found."""

PASSED = "_passed"
"""Table of what need not be looked at again: a delivery, the rows it gave to an entity, and the rules it passed by."""

MAX_QUARANTINE_SHARE = 0.10
"""Share of a delivery's rows, 0 to 1, above which quarantine closes the gate."""

FIRST_PLAUSIBLE_DAY = date(1990, 1, 1)
"""Events before this day are taken for typing errors (2011 read as 1911): one of them would stretch every series."""

HORIZON_DAYS = 366
"""Events later than this many days from today are taken for typing errors, for the same reason."""

SWAPPED_SHARE = 0.01
"""Share of rows whose start and end may stand in the wrong order: systems do that, but seldom."""

UNATTRIBUTED_SHARE = 0.05
"""Share of rows that may name neither a unit nor a person through whom the unit is found."""

DUPLICATES_SHARE = 0.10
"""Share of exact duplicates in a delivery above which a warning asks whether the file was written twice."""

_ROW = ("_delivery_id", "_record")

_RECEIPT_COLUMNS: tuple[tuple[str, str], ...] = (
    ("delivery_id", "VARCHAR"),
    ("file", "VARCHAR"),
    ("contract", "VARCHAR"),
    ("landed_at", "TIMESTAMP"),
    ("read", "BIGINT"),
    ("landed", "BIGINT"),
    ("quarantined", "BIGINT"),
    ("duplicates", "BIGINT"),
    ("filtered", "BIGINT"),
    ("main_reason", "VARCHAR"),
    ("is_live", "BOOLEAN"),
    ("max_quarantine_share", "DOUBLE"),
    ("is_whole", "BOOLEAN"),
)

# Lowest and highest plausible value; None leaves an end open. Hours: an absence lasts a year at most, a training a
# season. Minutes of a day: 25 hours on the day the clocks go back.
_RANGES: dict[str, dict[str, tuple[float | None, float | None]]] = {
    "case": {"reopen_count": (0, 1000)},
    "employee": {"fte": (0, 1.5)},
    "absence": {"hours": (0, 8784)},
    "hr_event": {"hours": (0, 2000)},
    "internal_request": {"reopen_count": (0, 1000)},
    "availability": {"minutes_expected": (0, 1500), "minutes_available": (0, 1500), "response_time_ms": (0, None)},
    "indicator_feed": {"n": (0, None), "sd": (0, None)},
}

# Pairs (first, then): where both are there, the first is not after the second.
_ORDERED: dict[str, tuple[tuple[str, str], ...]] = {
    "unit": (("valid_from", "valid_to"),),
    "client": (("client_since", "client_until"), ("valid_from", "valid_to")),
    "case": (("opened_at", "first_reply_at"), ("opened_at", "resolved_at")),
    "employee": (("spell_start", "spell_end"), ("hired_on", "left_on")),
    "absence": (("started_on", "ended_on"),),
    "internal_request": (("opened_at", "first_reply_at"), ("opened_at", "resolved_at")),
    "availability": (("minutes_available", "minutes_expected"),),
    "action": (("started_on", "ended_on"),),
}

# Days that say when somebody or something began, which may lie long back, or until when it is planned to last.
_LONG_DATES: dict[str, frozenset[str]] = {
    "unit": frozenset({"valid_from", "valid_to"}),
    "client": frozenset({"client_since", "client_until", "valid_from", "valid_to"}),
    "employee": frozenset({"spell_start", "spell_end", "hired_on", "left_on"}),
    "absence": frozenset({"ended_on"}),
    "action": frozenset({"started_on", "ended_on"}),
}

# Entities whose rows find their unit either by naming it or through a person.
_ATTRIBUTED: dict[str, str] = {
    "case": "client_id",
    "internal_request": "employee_id",
    "survey_answer": "respondent_id",
}


def check_landing(
    warehouse: Path,
    landing_dir: Path,
    quarantine_dir: Path,
    *,
    max_quarantine_share: float = MAX_QUARANTINE_SHARE,
    today: date | None = None,
    rules: str = "",
    sources: Sequence[SourceState] = (),
    grace: int | None = None,
    accepted: Collection[str] = (),
) -> GateResult:
    """Run the landing gate.

    Every delivery's counts are looked at each time, its rows until they have passed: what has landed does not change.

    Args:
        warehouse: the DuckDB file with the landing views; nobody else may hold it open.
        landing_dir: where receipts are.
        quarantine_dir: where quarantined rows are.
        max_quarantine_share: largest share of a delivery's rows that may be in quarantine, 0 to 1.
        today: the day from which "too far ahead" is counted; the clock's day by default.
        rules: which rules these are (the version of the code). Rows that have passed by the same ones are left out;
            without it, all are looked at and nothing is written down.
        sources: the state of each contract, for freshness.
        grace: days beyond its cadence before a source is stale; None leaves them to the cadence.
        accepted: ids of deliveries whose volume and units somebody has found right.

    Raises:
        GateError: the warehouse is not there or cannot be opened for reading.
        duckdb.Error: the warehouse cannot be opened for writing, or a landing view is broken.
    """
    with duckdb.connect(str(warehouse)) as connection:
        entities = _look_at_what_is_new(
            connection, prepare_landing_tables(connection, landing_dir, quarantine_dir), rules
        )
        prepare_history(connection, SCHEMA, read_receipts(landing_dir), sources, grace, accepted)
    suites = [
        *landing_suites(entities, max_quarantine_share=max_quarantine_share, today=today),
        *history_suites(),
    ]
    result = run_gate(warehouse, suites, gate=GATE, schema=SCHEMA)
    if rules:
        with duckdb.connect(str(warehouse)) as connection:
            _note_what_has_passed(connection, result, entities, rules)
    return result


def _new(entity: str) -> str:
    return f"_new_{entity}"


def _look_at_what_is_new(
    connection: duckdb.DuckDBPyConnection, entities: Collection[str], rules: str
) -> tuple[str, ...]:
    """Make a view of the rows of each entity that have not passed yet; return the entities that have such rows."""
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{PASSED} "
        "(delivery_id VARCHAR, landed_at TIMESTAMP, entity VARCHAR, rules VARCHAR)"
    )
    found = []
    for name in entities:
        # A delivery without a receipt has no hour of landing, and never passes.
        new = connection.execute(
            f"SELECT o.delivery_id FROM {SCHEMA}.{OUTPUTS} AS o LEFT JOIN {SCHEMA}.{RECEIPTS} AS r USING (delivery_id) "
            f"ANTI JOIN (SELECT * FROM {SCHEMA}.{PASSED} WHERE entity = $entity AND rules = $rules) AS p "
            "ON o.delivery_id = p.delivery_id AND r.landed_at = p.landed_at "
            "WHERE o.entity = $entity AND o.rows_found > 0 ORDER BY o.delivery_id",
            {"entity": name, "rules": rules},
        ).fetchall()
        if new:
            # Spelt out, so that DuckDB opens the files of these deliveries only; a row of no delivery is always new.
            named = [delivery for (delivery,) in new if delivery is not None]
            listed = ", ".join("'" + delivery.replace("'", "''") + "'" for delivery in named)
            condition = "_delivery_id IS NULL" + (f" OR _delivery_id IN ({listed})" if named else "")
            [(deliveries,)] = connection.execute(
                f"SELECT count(*) FROM {SCHEMA}.{OUTPUTS} WHERE entity = $entity AND rows_found > 0", {"entity": name}
            ).fetchall()
            if deliveries == len(new):
                # Every row would be compared with the list for nothing.
                condition = "true"
            connection.execute(
                f'CREATE OR REPLACE VIEW {SCHEMA}.{_new(name)} AS SELECT * FROM {SCHEMA}."{name}" WHERE {condition}'
            )
            found.append(name)
    return tuple(found)


def _note_what_has_passed(
    connection: duckdb.DuckDBPyConnection, result: GateResult, entities: Collection[str], rules: str
) -> None:
    """Write down the deliveries of each entity of which every expectation holds; a warning is said at every run."""
    connection.execute(f"DELETE FROM {SCHEMA}.{PASSED} WHERE rules <> $rules", {"rules": rules})
    failed = {outcome.table for outcome in result.outcomes if not outcome.success}
    for name in entities:
        if f"{SCHEMA}.{name}" not in failed:
            connection.execute(
                f"INSERT INTO {SCHEMA}.{PASSED} SELECT DISTINCT n._delivery_id, r.landed_at, $entity, $rules "
                f"FROM (SELECT DISTINCT _delivery_id FROM {SCHEMA}.{_new(name)}) AS n "
                f"JOIN {SCHEMA}.{RECEIPTS} AS r ON n._delivery_id = r.delivery_id",
                {"entity": name, "rules": rules},
            )


def prepare_landing_tables(
    connection: duckdb.DuckDBPyConnection, landing_dir: Path, quarantine_dir: Path
) -> tuple[str, ...]:
    """Put the receipts beside the landing views, as tables that expectations can read.

    Replaces ``landing._receipts`` (key ``delivery_id``; counts as the receipt states them, in source rows; ``is_live``
    is false where a later landing supersedes; ``quarantine_rows`` as counted in the quarantine file) and
    ``landing._receipt_outputs`` (key ``delivery_id``, ``entity``; ``rows`` as the receipt states, ``rows_found`` as
    counted in the landing view; only deliveries that count, and any delivery found in a view without a receipt).

    Args:
        connection: the warehouse, open for writing; the landing views are there already.
        landing_dir: where ``_receipts`` is.
        quarantine_dir: where ``<delivery_id>.parquet`` are; need not exist.

    Returns:
        Entities with at least one landed row, in the order of the entities.

    Raises:
        pydantic.ValidationError: a receipt is not one.
        duckdb.Error: a landing view is missing or broken, or a quarantine file is no Parquet.
    """
    receipts = read_receipts(landing_dir)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    columns = ", ".join(f'"{name}" {kind}' for name, kind in _RECEIPT_COLUMNS)
    connection.execute(f"CREATE OR REPLACE TABLE {SCHEMA}.{RECEIPTS} ({columns}, quarantine_rows BIGINT)")
    connection.execute(
        f"CREATE OR REPLACE TABLE {SCHEMA}.{OUTPUTS} (delivery_id VARCHAR, entity VARCHAR, rows BIGINT, "
        "rows_found BIGINT)"
    )
    if receipts:
        marks = ", ".join("?" for _ in _RECEIPT_COLUMNS)
        connection.executemany(
            f"INSERT INTO {SCHEMA}.{RECEIPTS} VALUES ({marks}, 0)",
            [
                (
                    receipt.delivery_id,
                    receipt.file,
                    receipt.contract,
                    _naive_utc(receipt.landed_at),
                    receipt.read,
                    receipt.landed,
                    receipt.quarantined,
                    receipt.duplicates,
                    receipt.filtered,
                    max(receipt.reasons, key=lambda code: receipt.reasons[code], default=None),
                    receipt.superseded_by is None,
                    receipt.max_quarantine_share,
                    not receipt.cut_off,
                )
                for receipt in receipts
            ],
        )
    promised = [
        (receipt.delivery_id, entity, rows)
        for receipt in receipts
        if receipt.superseded_by is None
        for entity, rows in receipt.outputs.items()
    ]
    if promised:
        connection.executemany(f"INSERT INTO {SCHEMA}.{OUTPUTS} VALUES (?, ?, ?, 0)", promised)
    _count_quarantine(connection, quarantine_dir)
    _count_landed(connection)
    found = connection.execute(f"SELECT DISTINCT entity FROM {SCHEMA}.{OUTPUTS} WHERE rows_found > 0").fetchall()
    with_rows = {entity for (entity,) in found}
    return tuple(name for name in ENTITIES if name in with_rows)


def landing_suites(
    entities: Collection[str] | None = None,
    *,
    max_quarantine_share: float = MAX_QUARANTINE_SHARE,
    today: date | None = None,
) -> list[TableSuite]:
    """The suites of the landing gate: deliveries, what they gave to each entity, and one suite an entity.

    Args:
        entities: the entities to check, all by default. A source that feeds only some leaves the others empty, which
            costs time and proves nothing.
        max_quarantine_share: largest share of a delivery's rows that may be in quarantine, 0 to 1.
        today: the day from which "too far ahead" is counted; the clock's day by default.
    """
    latest = (today or datetime.now(UTC).date()) + timedelta(days=HORIZON_DAYS)
    chosen = [entity for name, entity in ENTITIES.items() if entities is None or name in entities]
    return [
        _deliveries_suite(max_quarantine_share),
        _outputs_suite(),
        *(_entity_suite(entity, latest) for entity in chosen),
    ]


def _naive_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _count_quarantine(connection: duckdb.DuckDBPyConnection, quarantine_dir: Path) -> None:
    if not any(quarantine_dir.glob("*.parquet")):
        return
    # Rows are counted from the files' footers: nothing of what is in quarantine is read.
    connection.execute(
        f"UPDATE {SCHEMA}.{RECEIPTS} SET quarantine_rows = counted.num_rows FROM ("
        "SELECT parse_filename(file_name, true) AS delivery_id, num_rows FROM parquet_file_metadata($files)"
        f") AS counted WHERE counted.delivery_id = {RECEIPTS}.delivery_id",
        {"files": str(quarantine_dir / "*.parquet")},
    )


def _count_landed(connection: duckdb.DuckDBPyConnection) -> None:
    counts = " UNION ALL ".join(
        f"SELECT _delivery_id AS delivery_id, '{name}' AS entity, count(*) AS rows_found "
        f'FROM {SCHEMA}."{name}" GROUP BY _delivery_id'
        for name in ENTITIES
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {SCHEMA}.{OUTPUTS} AS "
        f"SELECT delivery_id, entity, coalesce(o.rows, 0) AS rows, coalesce(c.rows_found, 0) AS rows_found "
        f"FROM {SCHEMA}.{OUTPUTS} AS o FULL JOIN ({counts}) AS c USING (delivery_id, entity) "
        "ORDER BY entity, delivery_id"
    )


def _deliveries_suite(max_quarantine_share: float) -> TableSuite:
    counts = ["read", "landed", "quarantined", "duplicates", "filtered"]
    key = ("delivery_id", "file")
    percent = f"{100 * max_quarantine_share:g} %"
    rewrite = (
        "The landed files do not match the receipt, so do not trust them: remove this delivery's receipt and Parquet "
        "files from the landing folder and run again with the source file in the inbox. If it comes back, it is a "
        "defect of landing: keep the source file and report it."
    )
    return TableSuite(
        suite="landing.deliveries",
        table=RECEIPTS,
        keys=key,
        columns=(*(name for name, _ in _RECEIPT_COLUMNS), "quarantine_rows"),
        expectations=(
            rule(
                "ExpectTableRowCountToBeBetween",
                "there is at least one delivery",
                "Nothing has landed: put extracts in the inbox whose names fit a contract; the landing step's log "
                "lists every file it left alone and why.",
                min_value=1,
            ),
            unique(["delivery_id"], rewrite),
            present([*key, "contract", *counts], key, rewrite),
            within(dict.fromkeys(counts, (0, None)), key, rewrite),
            no_row(
                "read = landed + quarantined + duplicates + filtered",
                rewrite,
                where="read <> landed + quarantined + duplicates + filtered",
                show=[*key, *counts],
            ),
            no_row(
                "every quarantined row is in the quarantine file",
                rewrite,
                where="is_live AND quarantined <> quarantine_rows",
                show=[*key, "quarantined", "quarantine_rows"],
            ),
            no_row(
                f"at most {percent} of a delivery's rows (or the contract's own limit), and one row in any case, "
                "are in quarantine",
                "Read the reasons (symmetry quarantine show --delivery DELIVERY_ID; `main_reason` here is the most "
                "frequent one). If the source changed, change its contract, and the file lands again under it; if the "
                "file is wrong, take the delivery back (symmetry withdraw DELIVERY_ID) and have it delivered again; if "
                "that share is normal for this source, state max_quarantine_share in its contract (the limit for all "
                "is SYMMETRY_MAX_QUARANTINE_SHARE).",
                # One bad row in a file of seven is a bad row, not a bad delivery.
                where="is_live AND quarantined > greatest(1, "
                f"coalesce(max_quarantine_share, {max_quarantine_share!r}) * read)",
                show=[*key, "read", "quarantined", "main_reason"],
            ),
            no_row(
                "every delivery gives at least one row",
                "Every row was filtered, a duplicate or in quarantine: check the contract's filters and codes against "
                "the file.",
                where="is_live AND landed = 0",
                show=[*key, *counts],
                severity="warning",
            ),
            no_row(
                "no file ends in the middle of a row",
                "The transfer or the export was cut off, so rows may be missing behind the last one: have the file "
                "delivered again, whole. A cut-off snapshot is not taken as proof that anybody is gone.",
                where="is_live AND NOT is_whole",
                show=[*key, "read"],
                severity="warning",
            ),
            no_row(
                f"at most {100 * DUPLICATES_SHARE:g} % of a delivery's rows are exact duplicates",
                "Ask the source whether the export was written twice or joined to a table that multiplies rows. "
                "Duplicates are left out, so figures are right.",
                where=f"is_live AND duplicates > {DUPLICATES_SHARE!r} * read",
                show=[*key, "read", "duplicates"],
                severity="warning",
            ),
        ),
    )


def _outputs_suite() -> TableSuite:
    return TableSuite(
        suite="landing.outputs",
        table=OUTPUTS,
        keys=("delivery_id", "entity"),
        columns=("delivery_id", "entity", "rows", "rows_found"),
        expectations=(
            no_row(
                "every delivery's landing file holds as many rows as its receipt says",
                "A landing file was changed, removed, or written without a receipt: remove this delivery's receipt and "
                "Parquet files from the landing folder and run again with the source file in the inbox.",
                where="rows <> rows_found",
                show=["delivery_id", "entity", "rows", "rows_found"],
            ),
        ),
    )


def _entity_suite(entity: Entity, latest: date) -> TableSuite:
    name = entity.name
    contract = (
        "The delivery (`_delivery_id`) is named in its receipt; `_record` is the row in the file. Correct it at the "
        "source and deliver again"
    )
    expectations: list[Expectation] = [
        present(
            [field.name for field in entity.fields if field.required] + [column for column, _ in PROVENANCE],
            _ROW,
            f"{contract}; a column that may be blank must not be mapped to a field that may not.",
        )
    ]
    expectations += [
        one_of(field.name, field.values, f"{contract}, or map the code under `codes` of the column in the contract.")
        for field in entity.fields
        if field.values
    ]
    if name in _RANGES:
        remedy = (
            f"{contract}, or state `min` and `max` in the contract: the rows then go to quarantine. A wrong decimal "
            "mark or unit in the contract shows like this too."
        )
        expectations.append(within(_RANGES[name], _ROW, remedy))
    expectations.append(_dates(entity, latest, contract))
    expectations += [
        no_row(
            f"{first} is not above {then} in more than {100 * SWAPPED_SHARE:g} % of rows",
            f"{contract}. When it is so in many rows, the contract has the two columns crossed, or one of them in "
            "another time zone.",
            where=f"{first} > {then}",
            show=[*_ROW, first, then],
            tolerated_share=SWAPPED_SHARE,
        )
        for first, then in _ORDERED.get(name, ())
    ]
    expectations += _identities(entity)
    expectations += _particular(name, contract)
    return TableSuite(
        suite=f"landing.{name}",
        table=name,
        reads=_new(name),
        keys=_ROW,
        columns=tuple(column for column, _ in entity.columns),
        expectations=tuple(expectations),
    )


def _dates(entity: Entity, latest: date, contract: str) -> Expectation:
    long = _LONG_DATES.get(entity.name, frozenset())
    remedy = (
        f"{contract}, or put the stand-in value (such as 01/01/1900) under `missing` of the column in the contract. "
        "A wrong date format in the contract, day and month crossed or a century too early, shows like this too."
    )
    bounds: dict[str, tuple[Any, Any]] = {}
    for field in entity.fields:
        if field.type in ("DATE", "TIMESTAMP"):
            # A year of 9999 is a usual way to say "no end"; what began long ago may have.
            is_long = field.name in long
            bounds[field.name] = (date(1900, 1, 1), date(9999, 12, 31)) if is_long else (FIRST_PLAUSIBLE_DAY, latest)
    return within(bounds, _ROW, remedy)


def _identities(entity: Entity) -> list[Expectation]:
    fields = [field.name for field in entity.fields if field.identity]
    if not fields:
        return []
    # The values themselves are not shown: if they are no pseudonyms, they are what must not be seen.
    return [
        no_row(
            "identifiers are pseudonyms of 32 hexadecimal characters",
            "Identifiers of people may have landed as they were. Remove this delivery's Parquet files and receipt from "
            "the landing folder now, then report it: landing must never write them.",
            where=" OR ".join(f"NOT regexp_full_match({name}, '[0-9a-f]{{32}}')" for name in fields),
            show=_ROW,
        )
    ]


def _particular(name: str, contract: str) -> list[Expectation]:
    found: list[Expectation] = []
    if name in _ATTRIBUTED:
        person = _ATTRIBUTED[name]
        found.append(
            no_row(
                f"no more than {100 * UNATTRIBUTED_SHARE:g} % of rows name neither a unit nor a person",
                f"Such rows belong to no unit and enter no figure. Map unit_id or {person} in the contract.",
                where=f"unit_id IS NULL AND {person} IS NULL",
                show=_ROW,
                tolerated_share=UNATTRIBUTED_SHARE,
                severity="warning",
            )
        )
    if name == "survey_answer":
        found.append(
            no_row(
                "every answer lies within its scale",
                f"{contract}, or state the scale that the questionnaire really has in the contract.",
                where="scale_min >= scale_max OR value < scale_min OR value > scale_max",
                show=[*_ROW, "question", "value", "scale_min", "scale_max"],
            )
        )
    if name == "indicator_feed":
        found.append(
            no_row(
                "period is the first day of a month",
                f"{contract}, or read the month in the contract with a format that gives its first day.",
                where="extract(day FROM period) <> 1",
                show=[*_ROW, "period"],
            )
        )
    return found
