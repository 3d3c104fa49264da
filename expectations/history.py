"""A delivery against its source's own history: is it as large as usual, in time, about the same units, answered alike?

The tables are made from the receipts and the landing views before the gate runs, a row for each thing that can be
compared; a source with too short a history has no row, so nothing is claimed about it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import duckdb

from expectations.rules import TableSuite, no_row
from pipelines.extracts.contract import grace_days
from pipelines.extracts.deliveries import Receipt
from pipelines.extracts.entities import ENTITIES

if TYPE_CHECKING:
    from pipelines.extracts.onboarding.source_states import SourceState

SOURCES, VOLUMES, UNITS, SHIFTS = "_sources", "_volumes", "_units_missing", "_answer_shifts"

EARLIER_AT_LEAST = 3
"""Deliveries of a source that make a history: fewer tell nothing about what is usual."""

EARLIER_AT_MOST = 12
"""Deliveries that the usual volume is the median of: what was usual years ago is not."""

SNAPSHOT_LEAST = 0.5
"""A snapshot below this share of the usual rows closes the gate: who is not in it counts as gone."""

SNAPSHOT_USUAL = (0.8, 1.5)
"""Shares of the usual rows between which a snapshot is not remarked upon."""

DELTA_USUAL = (0.1, 10.0)
"""The same for deltas, which hold a month or a correction of three rows."""

UNITS_MISSING_SHARE = 0.2
"""Share of the units of the delivery before that may lack in the newest without a remark."""

SHIFT = 0.25
"""Population stability index above which answers are said to have shifted (the field's rule of thumb: below 0.1
nothing, above 0.25 a different population; Siddiqi 2006, Credit Risk Scorecards)."""

ANSWERS_AT_LEAST = 100
"""Answers on either side of the comparison; the index of fewer is mostly chance."""

BINS = 5
"""Equal parts of a scale that answers are counted in."""


def prepare_history(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    receipts: Sequence[Receipt],
    sources: Sequence[SourceState],
    grace: int | None,
    accepted: Collection[str],
) -> None:
    """Write the tables that the suites of `history_suites` read.

    Args:
        connection: the warehouse, open for writing; the landing views and ``_receipts`` are there already.
        schema: where they are.
        receipts: of all deliveries.
        sources: the state of each contract.
        grace: days beyond its cadence before a source is stale; None leaves them to the cadence.
        accepted: ids of deliveries that somebody has looked at and that are right as they are.

    Raises:
        duckdb.Error: a landing view is missing or broken.
    """
    connection.execute(
        f"CREATE OR REPLACE TABLE {schema}.{SOURCES} "
        "(source VARCHAR, cadence VARCHAR, age_days BIGINT, overdue_days BIGINT, grace_days BIGINT)"
    )
    connection.execute(
        f"CREATE OR REPLACE TABLE {schema}.{VOLUMES} (delivery_id VARCHAR, file VARCHAR, contract VARCHAR, "
        "delivery VARCHAR, rows BIGINT, usual DOUBLE, share_of_usual DOUBLE)"
    )
    promised = [
        (one.source, one.cadence, one.age_days, one.overdue_days, grace_days(one.cadence, grace))
        for one in sources
        if one.cadence is not None and one.age_days is not None
    ]
    if promised:
        connection.executemany(f"INSERT INTO {schema}.{SOURCES} VALUES (?, ?, ?, ?, ?)", promised)
    newest, before = _newest(receipts)
    for receipt in newest.values():
        earlier = before[receipt.contract]
        if len(earlier) >= EARLIER_AT_LEAST and receipt.delivery_id not in accepted:
            connection.execute(
                f"INSERT INTO {schema}.{VOLUMES} "
                "SELECT $delivery_id, $file, $contract, $delivery, $rows, u, $rows / nullif(u, 0) "
                "FROM (SELECT median(e) AS u FROM (SELECT unnest($earlier) AS e))",
                {
                    "delivery_id": receipt.delivery_id,
                    "file": receipt.file,
                    "contract": receipt.contract,
                    "delivery": receipt.delivery,
                    "rows": receipt.landed,
                    "earlier": [one.landed for one in earlier[-EARLIER_AT_MOST:]],
                },
            )
    _find_missing_units(connection, schema, newest, before, accepted)
    _find_shifts(connection, schema)


def _newest(receipts: Sequence[Receipt]) -> tuple[dict[str, Receipt], dict[str, list[Receipt]]]:
    """By contract, the newest delivery that counts and those before it, the oldest first."""
    newest: dict[str, Receipt] = {}
    before: dict[str, list[Receipt]] = {}
    counting = [receipt for receipt in receipts if receipt.superseded_by is None]
    for receipt in sorted(counting, key=lambda one: (one.version, one.landed_at, one.delivery_id)):
        former = newest.get(receipt.contract)
        own = before.setdefault(receipt.contract, [])
        if former is not None:
            own.append(former)
        newest[receipt.contract] = receipt
    return newest, before


def _find_missing_units(
    connection: duckdb.DuckDBPyConnection,
    schema: str,
    newest: dict[str, Receipt],
    before: dict[str, list[Receipt]],
    accepted: Collection[str],
) -> None:
    connection.execute(
        f"CREATE OR REPLACE TABLE {schema}.{UNITS} (delivery_id VARCHAR, file VARCHAR, contract VARCHAR, "
        "entity VARCHAR, units_before BIGINT, units_missing BIGINT, one_of_them VARCHAR)"
    )
    for receipt in newest.values():
        earlier = before[receipt.contract]
        if len(earlier) < EARLIER_AT_LEAST or receipt.delivery_id in accepted:
            continue
        for entity in receipt.outputs:
            if any(field.name == "unit_id" for field in ENTITIES[entity].fields):
                connection.execute(
                    f"INSERT INTO {schema}.{UNITS} "
                    "WITH found AS (SELECT unit_id, bool_or(_delivery_id = $newest) AS is_there, "
                    f'bool_or(_delivery_id = $before) AS was_there FROM {schema}."{entity}" '
                    "WHERE _delivery_id IN ($newest, $before) AND unit_id IS NOT NULL GROUP BY unit_id) "
                    "SELECT $newest, $file, $contract, $entity, count(*) FILTER (was_there), "
                    "count(*) FILTER (was_there AND NOT is_there), min(unit_id) FILTER (was_there AND NOT is_there) "
                    "FROM found HAVING count(*) FILTER (was_there) > 0",
                    {
                        "newest": receipt.delivery_id,
                        "before": earlier[-1].delivery_id,
                        "file": receipt.file,
                        "contract": receipt.contract,
                        "entity": entity,
                    },
                )


def _find_shifts(connection: duckdb.DuckDBPyConnection, schema: str) -> None:
    """By contract and dimension: the last month with enough answers against the twelve before it.

    The index is Σ (p - q)·ln(p / q) over the bins, half an answer added to each; `by_chance` is what it would be on
    average if nothing had changed, (bins - 1)·(1/n + 1/m) for n and m answers (Yurdakul & Naranjo 2020).
    """
    connection.execute(
        f"""CREATE OR REPLACE TABLE {schema}.{SHIFTS} AS
        WITH counted AS (
            SELECT
                r.contract, a.side, a.perspective, a.dimension, date_trunc('month', a.answered_at) AS month,
                least({BINS} - 1, floor({BINS} * (a.value - a.scale_min) / (a.scale_max - a.scale_min))) AS bin,
                count(*) AS n
            FROM {schema}.survey_answer AS a
            JOIN {schema}._receipts AS r ON a._delivery_id = r.delivery_id AND r.is_live
            WHERE a.scale_max > a.scale_min
            GROUP BY ALL
        ),
        monthly AS (
            SELECT contract, side, perspective, dimension, month, sum(n) AS n FROM counted GROUP BY ALL
        ),
        last_months AS (
            SELECT contract, side, perspective, dimension, max(month) AS month
            FROM monthly WHERE n >= {ANSWERS_AT_LEAST} GROUP BY ALL
        ),
        compared AS (
            SELECT
                l.contract, l.side, l.perspective, l.dimension, l.month, bins.bin,
                coalesce(sum(c.n) FILTER (c.month = l.month), 0) AS n,
                coalesce(sum(c.n) FILTER (c.month < l.month), 0) AS m
            FROM last_months AS l
            CROSS JOIN (SELECT unnest(range({BINS})) AS bin) AS bins
            LEFT JOIN counted AS c
                ON c.contract = l.contract AND c.side = l.side AND c.perspective = l.perspective
                AND c.dimension = l.dimension AND c.bin = bins.bin
                AND c.month <= l.month AND c.month >= l.month - INTERVAL 12 MONTH
            GROUP BY ALL
        ),
        shares AS (
            SELECT
                *, (n + 0.5) / (sum(n) OVER w + 0.5 * {BINS}) AS p, (m + 0.5) / (sum(m) OVER w + 0.5 * {BINS}) AS q,
                sum(n) OVER w AS answers, sum(m) OVER w AS answers_before
            FROM compared
            WINDOW w AS (PARTITION BY contract, side, perspective, dimension)
        )
        SELECT
            contract, side, perspective, dimension, strftime(month, '%Y-%m') AS month,
            CAST(max(answers) AS BIGINT) AS answers, CAST(max(answers_before) AS BIGINT) AS answers_before,
            round(sum((p - q) * ln(p / q)), 4) AS stability_index,
            round(({BINS} - 1) * (1 / max(answers) + 1 / max(answers_before)), 4) AS by_chance
        FROM shares
        WHERE answers_before >= {ANSWERS_AT_LEAST}
        GROUP BY ALL
        ORDER BY ALL"""
    )


def history_suites() -> list[TableSuite]:
    """The suites about history."""
    accept = (
        "If it is right as it is, add its id to the setting `accepted_deliveries`. If not, take it back "
        "(symmetry withdraw ID) and have it delivered again, whole."
    )
    low, high = SNAPSHOT_USUAL
    least, most = DELTA_USUAL
    volume = ("delivery_id", "file", "rows", "usual")
    return [
        TableSuite(
            suite="landing.sources",
            table=SOURCES,
            keys=("source",),
            columns=("source", "cadence", "age_days", "overdue_days", "grace_days"),
            expectations=(
                no_row(
                    "no source is stale (late beyond its cadence and the days of grace)",
                    "Ask the source's owner for the next extract (symmetry sources list names owners). Its figures are "
                    "published as they are, and the source as stale, with its age. If nothing more is expected of it, "
                    "name it in the setting `retired_sources`.",
                    where="overdue_days > grace_days",
                    show=("source", "cadence", "age_days"),
                    severity="warning",
                ),
            ),
        ),
        TableSuite(
            suite="landing.volumes",
            table=VOLUMES,
            keys=("delivery_id",),
            columns=("delivery_id", "file", "contract", "delivery", "rows", "usual", "share_of_usual"),
            expectations=(
                no_row(
                    f"a source's newest snapshot has at least {100 * SNAPSHOT_LEAST:g} % of its usual rows",
                    f"Whoever is not in a snapshot counts as gone, so nothing is computed from it. {accept}",
                    where=f"delivery = 'snapshot' AND share_of_usual < {SNAPSHOT_LEAST}",
                    show=volume,
                ),
                no_row(
                    f"a source's newest delivery is about as large as usual (snapshots {low:g} to {high:g} times the "
                    f"median of up to {EARLIER_AT_MOST} earlier ones, deltas {least:g} to {most:g} times)",
                    f"See whether the export was cut or written twice. {accept}",
                    where=f"(delivery = 'snapshot' AND (share_of_usual < {low} OR share_of_usual > {high})) "
                    f"OR share_of_usual < {least} OR share_of_usual > {most}",
                    show=volume,
                    severity="warning",
                ),
            ),
        ),
        TableSuite(
            suite="landing.units",
            table=UNITS,
            keys=("delivery_id", "entity"),
            columns=("delivery_id", "file", "contract", "entity", "units_before", "units_missing", "one_of_them"),
            expectations=(
                no_row(
                    f"at most {100 * UNITS_MISSING_SHARE:g} % of the units of the delivery before lack in the newest",
                    f"A region may be missing from the export, or units have new codes. {accept}",
                    where=f"units_missing > {UNITS_MISSING_SHARE} * units_before",
                    show=("delivery_id", "file", "entity", "units_before", "units_missing", "one_of_them"),
                    severity="warning",
                ),
            ),
        ),
        TableSuite(
            suite="landing.answers",
            table=SHIFTS,
            keys=("contract", "side", "perspective", "dimension"),
            columns=("contract", "dimension", "month", "answers", "answers_before", "stability_index", "by_chance"),
            expectations=(
                no_row(
                    f"answers are spread as in the year before (population stability index at most {SHIFT:g} above "
                    "what chance gives)",
                    "See whether the question, its scale or who is asked has changed: a turned scale looks like this. "
                    "If so, correct the survey's contract; if people do answer otherwise, leave it.",
                    where=f"stability_index - by_chance > {SHIFT}",
                    show=("contract", "dimension", "month", "answers", "answers_before", "stability_index"),
                    severity="warning",
                ),
            ),
        ),
    ]
