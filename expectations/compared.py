"""The candidate beside what it comes from and what it replaces: has anything been lost, does the hierarchy add up?

A small file is made with what was compared, and the same gate reads it: `lost` (tables, months and units of the last
publication), `sums` (figures of the last month whose n is not the sum of what is below them).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from expectations.gate import GateResult, run_gate
from expectations.rules import TableSuite, no_row

GATE = "publication"


def check_compared(
    candidate: Path, published: Path, warehouse: Path, *, max_rows_lost_share: float, work: Path
) -> GateResult:
    """Run the rules about what has been lost and about sums.

    Args:
        candidate: the file that is to be published.
        published: the publication in force; need not be there.
        warehouse: the pipeline's own file; nobody may hold it open for writing.
        max_rows_lost_share: largest share of a table's rows, 0 to 1, that may be gone since the last publication.
        work: where the comparison is written; an older one is replaced.

    Raises:
        GateError: the comparison cannot be read back.
        duckdb.Error: one of the files cannot be read.
    """
    work.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (work, work.with_name(work.name + ".wal")):
        leftover.unlink(missing_ok=True)
    with duckdb.connect(str(work)) as connection:
        for name, file in (("candidate", candidate), ("warehouse", warehouse)):
            connection.execute(f"ATTACH '{_quoted(file)}' AS {name} (READ_ONLY)")
        if published.is_file():
            connection.execute(f"ATTACH '{_quoted(published)}' AS published (READ_ONLY)")
        _find_lost(connection, there=published.is_file())
        _find_wrong_sums(connection)
    return run_gate(work, compared_suites(max_rows_lost_share), gate=GATE)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _find_lost(connection: duckdb.DuckDBPyConnection, *, there: bool) -> None:
    connection.execute(
        "CREATE TABLE lost (kind VARCHAR, name VARCHAR, rows_before BIGINT, rows_now BIGINT, lost_share DOUBLE)"
    )
    if not there:
        return
    tables = connection.execute(
        "SELECT table_name, bool_or(database_name = 'candidate') FROM duckdb_tables() "
        "WHERE database_name IN ('published', 'candidate') GROUP BY table_name "
        "HAVING bool_or(database_name = 'published') ORDER BY 1"
    ).fetchall()
    for table, kept in tables:
        now = f'(SELECT count(*) FROM candidate."{table}")' if kept else "0"
        connection.execute(
            f"INSERT INTO lost SELECT 'table', $name, b, n, greatest(0, 1 - n / nullif(b, 0)) "
            f'FROM (SELECT (SELECT count(*) FROM published."{table}") AS b, {now} AS n)',
            {"name": table},
        )
    connection.execute(
        "INSERT INTO lost SELECT 'month', strftime(period, '%Y-%m'), 1, 0, 1 FROM "
        "(SELECT period FROM published.dim_period EXCEPT SELECT period FROM candidate.dim_period) ORDER BY 2"
    )
    connection.execute(
        "INSERT INTO lost SELECT 'unit', unit_id, 1, 0, 1 FROM "
        "(SELECT unit_id FROM published.dim_unit EXCEPT SELECT unit_id FROM candidate.dim_unit) ORDER BY 2"
    )


def _find_wrong_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Sum n of the last month anew, from the leaves up: another way to what `indicator_windows` has made."""
    connection.execute(
        """CREATE TABLE sums AS
        WITH last_month AS (SELECT max(period) AS period FROM candidate.scorecard),
        shown AS (
            SELECT i.unit_id, i.period, i.population, i.indicator_id, i.window_months, i.n
            FROM candidate.scorecard_indicators AS i
            JOIN last_month USING (period)
            WHERE i.n IS NOT NULL
        ),
        summed AS (
            SELECT shown.unit_id, shown.population, shown.indicator_id, sum(stats.n) AS n_below
            FROM shown
            JOIN warehouse.canonical.bridge_unit_ancestor AS bridge
                ON bridge.ancestor_id = shown.unit_id
                AND bridge.period <= shown.period
                AND bridge.period > shown.period - to_months(CAST(shown.window_months AS INTEGER))
            JOIN warehouse.indicators.indicator_stats AS stats
                ON stats.unit_id = bridge.unit_id AND stats.period = bridge.period
                AND stats.indicator_id = shown.indicator_id
                AND (shown.population = 'all' OR stats.population = shown.population)
            GROUP BY ALL
        )
        SELECT shown.unit_id, shown.population, shown.indicator_id, shown.n, coalesce(summed.n_below, 0) AS n_below
        FROM shown
        LEFT JOIN summed USING (unit_id, population, indicator_id)
        WHERE abs(shown.n - coalesce(summed.n_below, 0)) > 1e-6 * greatest(1, abs(shown.n))"""
    )


def compared_suites(max_rows_lost_share: float) -> list[TableSuite]:
    """The suites on the comparison.

    max_rows_lost_share: largest share of a table's rows, 0 to 1, that may be gone since the last publication.
    """
    return [
        TableSuite(
            suite="published.lost",
            table="lost",
            keys=("kind", "name"),
            columns=("kind", "name", "rows_before", "rows_now", "lost_share"),
            expectations=(
                no_row(
                    f"no table of the scorecard has lost more than {100 * max_rows_lost_share:g} % of its rows since "
                    "the last publication",
                    "See which delivery or definition was taken out (symmetry deliveries --all). If it is meant, set "
                    "max_rows_lost_share higher for this one run (SYMMETRY_MAX_ROWS_LOST_SHARE=1 symmetry run).",
                    # What is about units and months; episodes and tests come and go with the figures.
                    where="kind = 'table' AND name IN ('scorecard', 'scorecard_pairs', 'scorecard_indicators') "
                    f"AND lost_share > {max_rows_lost_share!r}",
                    show=("kind", "name", "rows_before", "rows_now"),
                ),
                no_row(
                    "every table of the last publication is still there",
                    "Readers rely on it: write it again, or raise the version of the schema (docs/published.md).",
                    where="kind = 'table' AND rows_before > 0 AND rows_now = 0 AND "
                    "name IN ('dim_unit', 'dim_period', 'dim_pair', 'dim_indicator', 'publications')",
                    show=("kind", "name", "rows_before"),
                ),
                no_row(
                    "every month and unit of the last publication is still there",
                    "A delivery that was taken out, or a unit that never was. If it is meant, there is nothing to do.",
                    where="kind IN ('month', 'unit')",
                    show=("kind", "name"),
                    severity="warning",
                ),
            ),
        ),
        TableSuite(
            suite="published.sums",
            table="sums",
            keys=("unit_id", "population", "indicator_id"),
            columns=("unit_id", "population", "indicator_id", "n", "n_below"),
            expectations=(
                no_row(
                    "n of every figure of the last month is the sum of what is below it",
                    "This is a defect of the models of indicators: keep the warehouse and report it. "
                    "`symmetry run --months` over all months computes them anew.",
                    where="true",
                    show=("unit_id", "population", "indicator_id"),
                ),
            ),
        ),
    ]
