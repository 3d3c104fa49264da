"""Run the expectations of a gate on a DuckDB file and say what was found, in words that tell what to do.

A gate opens the file for reading only, in a Great Expectations context that lives in memory (no files, no telemetry,
no progress bars), and lets go of the file before it returns, so that the next step can open it for writing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.data_docs import Validation
from expectations.rules import Severity, TableSuite

if TYPE_CHECKING:
    from great_expectations.data_context import EphemeralDataContext

    from expectations.duckdb_datasource import DuckDBDatasource

EXAMPLES = 5
"""How many broken rows a message shows."""


class GateError(RuntimeError):
    """The gate could not be run at all (not: it was run and something failed). The message says what to do."""


@dataclass(frozen=True)
class ExpectationOutcome:
    """What became of one expectation.

    Attributes:
        suite: the suite it belongs to.
        table: the table it is about, with its schema unless that is ``main``.
        expectation: Great Expectations' name of it, e.g. ``expect_column_values_to_be_in_set``.
        says: the rule in plain words, as a statement that should hold.
        column: the column or columns it is about; None when it is about whole rows or the table.
        success: whether it holds.
        unexpected_count: rows that break it; None where rows are not counted.
        unexpected_percent: share of the table's rows that break it, 0 to 100; None where rows are not counted.
        examples_by_key: up to :data:`EXAMPLES` broken rows: key columns first, then the offending values.
        severity: ``error`` closes the gate, ``warning`` does not.
        message: one paragraph for a person: table, rule, how many rows, examples, remedy.
        remedy: what to do when it does not hold.
    """

    suite: str
    table: str
    expectation: str
    says: str
    column: str | None
    success: bool
    unexpected_count: int | None
    unexpected_percent: float | None
    examples_by_key: tuple[Mapping[str, Any], ...]
    severity: Severity
    message: str
    remedy: str

    @property
    def told_to_readers(self) -> str:
        """What travels with a publication: the rule and where it does not hold, without the names of files."""
        shown = "; ".join(
            _shown({key: value for key, value in example.items() if key != "file"}) for example in self.examples_by_key
        )
        return f"{self.table}: it does not hold that {self.says}" + (f", e.g. {shown}" if shown else "")


@dataclass(frozen=True)
class GateResult:
    """What a gate found: every expectation's outcome, in the order of the suites.

    `validations` are Great Expectations' own results, for the pages (`data_docs`).
    """

    gate: str
    outcomes: tuple[ExpectationOutcome, ...]
    seconds: float
    validations: tuple[Validation, ...] = field(default=(), compare=False, repr=False)

    @property
    def failures(self) -> tuple[ExpectationOutcome, ...]:
        """What closes the gate."""
        return tuple(o for o in self.outcomes if not o.success and o.severity == "error")

    @property
    def warnings(self) -> tuple[ExpectationOutcome, ...]:
        """What does not hold and lets the run go on all the same."""
        return tuple(o for o in self.outcomes if not o.success and o.severity == "warning")

    @property
    def success(self) -> bool:
        """Whether the gate is open: no expectation of severity ``error`` failed."""
        return not self.failures

    def joined(self, other: GateResult) -> GateResult:
        """This and what the same gate found on another file."""
        return GateResult(
            self.gate,
            (*self.outcomes, *other.outcomes),
            self.seconds + other.seconds,
            (*self.validations, *other.validations),
        )

    def message(self) -> str:
        """The whole finding as text: a line for the verdict, then one paragraph for each expectation that failed."""
        lines = [self._verdict()]
        found = [("Error", o) for o in self.failures] + [("Warning", o) for o in self.warnings]
        lines += [f"{number}. {label}: {o.message}" for number, (label, o) in enumerate(found, start=1)]
        return "\n".join(lines)

    def as_markdown(self) -> str:
        """The whole finding as Markdown: the verdict and, when something failed, a table of what and where."""
        found = [("error", o) for o in self.failures] + [("warning", o) for o in self.warnings]
        if not found:
            return self._verdict()
        header = "| severity | table | expectation | rows | examples | what to do |\n|---|---|---|---|---|---|"
        rows = [
            "| "
            + " | ".join(
                _cell(text)
                for text in (
                    label,
                    o.table,
                    f"{o.says} ({o.expectation})",
                    _extent(o.unexpected_count, o.unexpected_percent),
                    "; ".join(_shown(example) for example in o.examples_by_key),
                    o.remedy,
                )
            )
            + " |"
            for label, o in found
        ]
        return "\n".join([self._verdict(), "", header, *rows])

    def _verdict(self) -> str:
        tables = len({o.table for o in self.outcomes})
        checked = f"{_many(len(self.outcomes), 'expectation')} on {_many(tables, 'table')}"
        if self.failures:
            verdict = f"The {self.gate} gate is closed: {len(self.failures)} of {checked} failed"
        else:
            verdict = f"The {self.gate} gate is open: {checked} checked"
        warned = len(self.warnings)
        return verdict + (f", {_many(warned, 'warning')}." if warned else ".")


def run_gate(path: Path, suites: Sequence[TableSuite], *, gate: str, schema: str = "main") -> GateResult:
    """Run suites on the tables of one schema of a DuckDB file.

    Args:
        path: the file. Nobody, this process included, may hold it open for writing.
        suites: one or more per table.
        gate: name of the gate, for messages.
        schema: where the tables are.

    Returns:
        Every outcome. A table or a column that lacks, and an expectation that could not be evaluated, are failures.

    Raises:
        GateError: there is no such file, it is no DuckDB file, or somebody holds it open.
    """
    started = time.monotonic()
    if not path.is_file():
        raise GateError(f"The {gate} gate found no file {path}; run the step before it first.")
    outcomes: list[ExpectationOutcome] = []
    validations: list[Validation] = []
    with _open(path, schema, gate) as datasource:
        present = _columns_by_table(datasource, schema)
        for suite in suites:
            found, validation = _run_suite(datasource, suite, schema, present.get(suite.source))
            outcomes += found
            validations += [] if validation is None else [validation]
    return GateResult(gate, tuple(outcomes), time.monotonic() - started, tuple(validations))


def _context() -> EphemeralDataContext:
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    config = DataContextConfig(
        # Everything in memory; without this flag each context leaves an empty temporary folder for pages behind.
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
    )
    return gx.get_context(mode="ephemeral", project_config=config)


@contextmanager
def _open(path: Path, schema: str, gate: str) -> Iterator[DuckDBDatasource]:
    from great_expectations.datasource.fluent.interfaces import TestConnectionError

    from expectations.duckdb_datasource import DuckDBDatasource, read_only_url

    context = _context()
    try:
        source = DuckDBDatasource(name=gate, connection_string=read_only_url(path), duckdb_schema=schema)
        datasource: DuckDBDatasource = context.data_sources.add_or_update_duckdb(source)
    except TestConnectionError as error:
        raise GateError(
            f"The {gate} gate cannot open {path} for reading ({_first_line(error)}). Close whatever holds the file "
            "open for writing, in this process or another, and run again; if the file is damaged, remove it and run "
            "again."
        ) from error
    try:
        yield datasource
    finally:
        # Both keep a pool of connections of their own; DuckDB lets go of the file when the last one is closed.
        datasource.get_execution_engine().close()
        datasource.get_engine().dispose()


def _query(datasource: DuckDBDatasource, sql: str, **parameters: Any) -> list[Any]:
    import sqlalchemy

    statement = sqlalchemy.text(sql).bindparams(**parameters)
    return list(datasource.get_execution_engine().execute_query(statement).fetchall())


def _columns_by_table(datasource: DuckDBDatasource, schema: str) -> dict[str, set[str]]:
    rows = _query(
        datasource,
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = :schema AND table_catalog = current_database()",
        schema=schema,
    )
    found: dict[str, set[str]] = {}
    for table, column in rows:
        found.setdefault(table, set()).add(column)
    return found


def _run_suite(
    datasource: DuckDBDatasource, suite: TableSuite, schema: str, present: set[str] | None
) -> tuple[list[ExpectationOutcome], Validation | None]:
    """Every outcome of a suite, and Great Expectations' result where it could be run."""
    from great_expectations import ExpectationSuite

    table = suite.table if schema == "main" else f"{schema}.{suite.table}"
    shape = _shape(suite, table, present)
    if not shape.success:
        return [shape], None
    asset = datasource.add_table_asset(name=suite.suite, table_name=suite.source)
    batch = asset.add_batch_definition_whole_table("all rows").get_batch()
    # Results come back in an order of their own; the number brings them back into ours.
    numbered = [e.copy(update={"meta": {**(e.meta or {}), "number": n}}) for n, e in enumerate(suite.expectations)]
    expectations = ExpectationSuite(name=suite.suite, expectations=numbered)
    result = batch.validate(
        expectations,
        result_format={
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(suite.keys),
            "partial_unexpected_count": EXAMPLES,
            "return_unexpected_index_query": False,
        },
    )
    by_number = {single["expectation_config"]["meta"]["number"]: single for single in result.results}
    rows: list[int] = []

    def row_count() -> int:
        # Only asked for when something has failed, and once a table.
        if not rows:
            name = f'"{schema}"."{suite.source}"'
            rows.append(int(_query(datasource, f"SELECT count(*) FROM {name}")[0][0]))
        return rows[0]

    outcomes = [
        _outcome(suite, table, expectation, by_number[number], batch, row_count)
        for number, expectation in enumerate(numbered)
    ]
    messages = [outcomes[single["expectation_config"]["meta"]["number"]].message for single in result.results]
    return [shape, *outcomes], Validation(suite.suite, result, messages)


def _shape(suite: TableSuite, table: str, present: set[str] | None) -> ExpectationOutcome:
    missing = [] if present is None else sorted(set(suite.columns) - present)
    if present is None:
        message = f"{table} does not exist."
        remedy = "Run the step that writes this table; its log says why it wrote nothing."
    else:
        message = f"{table} lacks the columns {', '.join(missing)}." if missing else f"{table} has its columns."
        remedy = (
            f"It has {', '.join(sorted(present))}. Write the table with its whole schema, or, where the schema was "
            "changed on purpose, change this suite with it."
        )
    success = present is not None and not missing
    return ExpectationOutcome(
        suite=suite.suite,
        table=table,
        expectation="expect_table_columns_to_match_set",
        says="the table has its columns",
        column=", ".join(missing) or None,
        success=success,
        unexpected_count=None,
        unexpected_percent=None,
        examples_by_key=(),
        severity="error",
        message=message if success else f"{message} What to do: {remedy}",
        remedy=remedy,
    )


def _outcome(
    suite: TableSuite, table: str, expectation: Any, single: Any, batch: Any, row_count: Any
) -> ExpectationOutcome:
    kind = single.expectation_config.type
    says, remedy = expectation.meta["says"], expectation.meta["remedy"]
    severity: Severity = "error" if expectation.severity == "critical" else "warning"
    column = getattr(expectation, "column", None) or ", ".join(getattr(expectation, "column_list", ())) or None
    success = bool(single.success)
    count: int | None = None
    percent: float | None = None
    examples: tuple[Mapping[str, Any], ...] = ()
    trouble = _trouble(single)
    if trouble:
        # A rule that cannot be evaluated has not been checked, whatever its severity: the gate stays closed.
        severity = "error"
        message = f"{table}: could not check that {says} [{kind}]: {trouble}. What to do: {remedy}"
    else:
        details = single.result or {}
        if "unexpected_count" in details:  # None on an empty table
            count = int(details["unexpected_count"] or 0)
            percent = details.get("unexpected_percent_total", details.get("unexpected_percent"))
        elif kind == "unexpected_rows_expectation":
            count = int(details["observed_value"])
        if not success:
            examples = _examples(suite, kind, column, expectation, details, batch)
            if count is not None and percent is None and kind == "unexpected_rows_expectation":
                total = row_count()
                percent = 100.0 * count / total if total else None
        message = f"{table}: {says} [{kind}]"
        if success:
            message += " holds."
        elif count is None:
            message += f" does not hold: found {_text(details.get('observed_value'))}. What to do: {remedy}"
        else:
            shown = "; ".join(_shown(example) for example in examples)
            message += f" does not hold in {_extent(count, percent)}, e.g. {shown}. What to do: {remedy}"
    return ExpectationOutcome(
        suite=suite.suite,
        table=table,
        expectation=kind,
        says=says,
        column=column,
        success=success,
        unexpected_count=count,
        unexpected_percent=percent,
        examples_by_key=examples,
        severity=severity,
        message=message,
        remedy=remedy,
    )


def _trouble(single: Any) -> str | None:
    """Why an expectation could not be evaluated, in one line; None when it was."""
    # Great Expectations gives one mapping, or one such mapping for each metric that failed.
    info = single.exception_info or {}
    infos = [info] if "raised_exception" in info else list(info.values())
    raised = [entry for entry in infos if entry.get("raised_exception")]
    return _first_line(raised[0].get("exception_message")) if raised else None


def _examples(
    suite: TableSuite, kind: str, column: str | None, expectation: Any, details: Mapping[str, Any], batch: Any
) -> tuple[Mapping[str, Any], ...]:
    if kind == "unexpected_rows_expectation":
        # Rows are only given in the fullest format, which for other kinds would list every broken value.
        full = batch.validate(expectation, result_format="COMPLETE")
        found = (full.result or {}).get("details", {}).get("unexpected_rows", [])
    elif details.get("partial_unexpected_index_list"):
        found = details["partial_unexpected_index_list"]
    else:
        listed = details.get("partial_unexpected_list", [])
        found = [value if isinstance(value, dict) else {column or "value": value} for value in listed]
    return tuple(dict(row) for row in found[:EXAMPLES])


def _first_line(error: Any) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(".") if text else "no reason given"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _extent(count: int | None, percent: float | None) -> str:
    if count is None:
        return ""
    rows = _many(count, "row")
    return rows if percent is None else f"{rows} ({percent:.3g} % of the table)"


def _shown(example: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_text(value)}" for name, value in example.items())


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
