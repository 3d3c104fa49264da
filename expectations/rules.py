"""How a rule of a gate is written: one Great Expectations expectation, what it says in plain words, and the remedy.

What belongs here: helpers that build single expectations for any table. What does not: rules about a certain table
(:mod:`expectations.landing`, :mod:`expectations.published`) and the running of them (:mod:`expectations.gate`).

Great Expectations is imported inside the functions, since its import takes seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
    """

    suite: str
    table: str
    keys: tuple[str, ...]
    columns: tuple[str, ...]
    expectations: tuple[Expectation, ...]


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


def not_null(columns: Iterable[str], remedy: str) -> list[Expectation]:
    """Each column is there in every row."""
    return [rule("ExpectColumnValuesToNotBeNull", f"{name} is never null", remedy, column=name) for name in columns]


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


def between(column: str, low: Any, high: Any, remedy: str, *, severity: Severity = "error") -> Expectation:
    """Every value of the column, where there is one, lies in the closed range; None leaves an end open."""
    if low is None:
        says = f"{column} is at most {high}"
    elif high is None:
        says = f"{column} is at least {low}"
    else:
        says = f"{column} is between {low} and {high}"
    return rule(
        "ExpectColumnValuesToBeBetween",
        says,
        remedy,
        severity=severity,
        column=column,
        min_value=low,
        max_value=high,
    )
