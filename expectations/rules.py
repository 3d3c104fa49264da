"""How a rule of a gate is written: one Great Expectations expectation, what it says in plain words, and the remedy.

What belongs here: helpers that build single expectations for any table. What does not: rules about a certain table
(:mod:`expectations.landing`, :mod:`expectations.published`) and the running of them (:mod:`expectations.gate`).

Great Expectations is imported inside the functions, since its import takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

Severity = Literal["error", "warning"]
"""``error`` closes the gate; ``warning`` is reported and lets the run go on."""

# Great Expectations' own words for the two.
_SEVERITY_IN_GX: dict[str, str] = {"error": "critical", "warning": "warning"}


@dataclass(frozen=True)
class TableSuite:
    """The expectations on one table.

    Attributes:
        suite: name of the suite, e.g. ``landing.case``; it heads the messages.
        table: table name within the schema that the gate opens.
        keys: columns that say which row is meant; examples of broken rows are given by them.
        columns: columns that must exist; when one lacks, the table's other expectations are not run, since each would
            fail for that same reason.
        expectations: built by :func:`rule` or :func:`no_row`.
        reads: the table or view that is read, where it is a part of the table; '' reads the table.
    """

    suite: str
    table: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    expectations: tuple[Expectation, ...]
    reads: str = ""

    @property
    def source(self) -> str:
        """The name of what is read."""
        return self.reads or self.table


def rule(kind: str, says: str, remedy: str, *, severity: Severity = "error", **arguments: Any) -> Expectation:
    """One of Great Expectations' own expectations.

    Args:
        kind: the class name in ``great_expectations.expectations``, e.g. ``ExpectColumnValuesToBeInSet``. Expectations
            on regular expressions or LIKE do not work on DuckDB: use :func:`no_row`.
        says: the rule in plain words, as a statement that should hold.
        remedy: what to do when it does not.
        severity: whether a failure closes the gate.
        arguments: the expectation's own arguments.

    Raises:
        AttributeError: no such expectation.
        pydantic.ValidationError: arguments that the expectation does not take.
    """
    import great_expectations.expectations as gxe

    # pydantic, inside Great Expectations, turns the text into its enumeration of severities.
    expectation: Expectation = getattr(gxe, kind)(
        severity=_SEVERITY_IN_GX[severity], meta={"says": says, "remedy": remedy}, **arguments
    )
    return expectation


def no_row(
    says: str,
    remedy: str,
    *,
    where: str,
    show: Iterable[str],
    severity: Severity = "error",
    tolerated_share: float = 0.0,
) -> Expectation:
    """No row of the table may satisfy a SQL condition, or no more than a share of them.

    Args:
        says: the rule in plain words, as a statement that should hold.
        remedy: what to do when it does not.
        where: SQL condition that picks the bad rows. ``{batch}`` stands for the table and ``subselect`` is its alias,
            both Great Expectations' words. Other tables are named with their schema. No JOIN: Great Expectations would
            then leave the alias out.
        show: columns or expressions to show of a bad row, the key first.
        severity: whether a failure closes the gate.
        tolerated_share: share of the table's rows, 0 to 1, that may be bad. Above it every bad row is reported.
    """
    # Great Expectations fills braces in; those of the condition, except the table itself, are meant as they are.
    condition = where.replace("{", "{{").replace("}", "}}").replace("{{batch}}", "{batch}")
    query = f"SELECT {', '.join(show)} FROM {{batch}} WHERE ({condition})"
    if tolerated_share > 0:
        query += (
            f" AND (SELECT count(*) FROM {{batch}} WHERE ({condition}))"
            f" > {tolerated_share!r} * (SELECT count(*) FROM {{batch}})"
        )
    return rule("UnexpectedRowsExpectation", says, remedy, severity=severity, unexpected_rows_query=query)


def which(tests: Mapping[str, str], *, values: bool = False) -> str:
    """SQL for a text that names the columns whose test holds, with their values if asked.

    Args:
        tests: SQL condition by column.
        values: write ``column=value`` rather than the column's name alone.
    """
    cases = (
        f"CASE WHEN {test} THEN '{name}{'=' if values else ''}'{f' || CAST({name} AS VARCHAR)' if values else ''} END"
        for name, test in tests.items()
    )
    return f"concat_ws(', ', {', '.join(cases)})"


def present(columns: Sequence[str], key: Sequence[str], remedy: str) -> Expectation:
    """None of the columns is ever null: one expectation, which says of a row which columns lack.

    One query for all columns rather than one each: Great Expectations spends more on an expectation than DuckDB on a
    column.
    """
    return no_row(
        f"{_listed(columns)} {'is' if len(columns) == 1 else 'are'} never null",
        remedy,
        where=" OR ".join(f"{name} IS NULL" for name in columns),
        show=[*key, f"{which({name: f'{name} IS NULL' for name in columns})} AS lacking"],
    )


def within(bounds: Mapping[str, tuple[Any, Any]], key: Sequence[str], remedy: str) -> Expectation:
    """Every column, where it has a value, lies in its closed range: one expectation for all, as :func:`present`.

    Args:
        bounds: lowest and highest value by column, numbers or dates; None leaves an end open.
        key: columns that say which row is meant.
        remedy: what to do when a value lies outside.
    """
    by_range: dict[tuple[Any, Any], list[str]] = {}
    for name, ends in bounds.items():
        by_range.setdefault(ends, []).append(name)
    says = "; ".join(f"{_listed(names)} {_range(*ends)}" for ends, names in by_range.items())
    outside = {name: _outside(name, *ends) for name, ends in bounds.items()}
    return no_row(
        says,
        remedy,
        where=" OR ".join(outside.values()),
        show=[*key, f"{which(outside, values=True)} AS outside"],
    )


def unique(columns: Sequence[str], remedy: str) -> Expectation:
    """No two rows share the same values of these columns."""
    if len(columns) == 1:
        return rule("ExpectColumnValuesToBeUnique", f"{columns[0]} is unique", remedy, column=columns[0])
    says = f"({', '.join(columns)}) is unique"
    return rule("ExpectCompoundColumnsToBeUnique", says, remedy, column_list=list(columns))


def one_of(column: str, values: Sequence[str], remedy: str) -> Expectation:
    """Every value of the column, where there is one, is in the list."""
    says = f"{column} is one of {', '.join(values)}"
    return rule("ExpectColumnValuesToBeInSet", says, remedy, column=column, value_set=list(values))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _range(low: Any, high: Any) -> str:
    if low is None:
        return f"at most {high}"
    return f"at least {low}" if high is None else f"between {low} and {high}"


def _outside(name: str, low: Any, high: Any) -> str:
    tests = ([f"{name} < {_literal(low)}"] if low is not None else []) + (
        [f"{name} > {_literal(high)}"] if high is not None else []
    )
    return f"({' OR '.join(tests)})"


def _literal(value: Any) -> str:
    return f"DATE '{value.isoformat()}'" if isinstance(value, date) else repr(value)
