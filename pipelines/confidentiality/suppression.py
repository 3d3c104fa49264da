"""The rule of k: a figure about fewer than k people is hidden, whole.

Hidden means that the row stays, its status is `suppressed`, and every number in it is null, the count
included: a count of two people is itself something said about two people. A row whose number of people is
not known is hidden too, because a protection that trusts a missing count protects nobody.
"""

from collections.abc import Sequence

import polars as pl

SMALLEST_K = 3
"""No setting may go below this: with two respondents each one can work out the other's answer."""

OK = "ok"
INSUFFICIENT = "insufficient"
SUPPRESSED = "suppressed"
UNPROTECTED = "none"


def check_k(k: int) -> int:
    """Return k, the smallest number of people that a published figure may rest on.

    Raises ValueError when k is below `SMALLEST_K`.
    """
    if k < SMALLEST_K:
        raise ValueError(
            f"The smallest group that may be published is {k} people; it can never be below {SMALLEST_K}. "
            f"Set it to {SMALLEST_K} or more."
        )
    return k


def is_suppressed(k: int, *, people: str = "people", protects: str = "protects") -> pl.Expr:
    """Boolean expression, never null: does the rule of k hide this row?

    `people` is the column with the number of distinct people behind the row, `protects` the column that says
    whose people the figure is about (`client`, `collaborator`, or `none`: about no person, never hidden). A null
    in `protects` counts as protected, and a null in `people` as too few.
    """
    check_k(k)
    protected = pl.col(protects).fill_null("unknown") != UNPROTECTED
    too_few = pl.col(people).cast(pl.Float64).fill_nan(None).fill_null(0.0) < k
    return protected & too_few


def row_status(
    k: int,
    *,
    people: str = "people",
    protects: str = "protects",
    n: str = "n",
    min_n: str = "min_n",
) -> pl.Expr:
    """Text expression: `suppressed`, else `insufficient` (n below min_n, or no n), else `ok`.

    Suppression comes first, so that a row cannot tell by being `insufficient` that it rests on few people.
    """
    enough = (pl.col(n).cast(pl.Float64) > 0) & (pl.col(n).cast(pl.Float64) >= pl.col(min_n).cast(pl.Float64))
    return (
        pl.when(is_suppressed(k, people=people, protects=protects))
        .then(pl.lit(SUPPRESSED))
        .when(enough.fill_null(False))
        .then(pl.lit(OK))
        .otherwise(pl.lit(INSUFFICIENT))
    )


def null_unless(
    frame: pl.DataFrame, columns: Sequence[str], *, allowed: Sequence[str] = (OK,), status: str = "status"
) -> pl.DataFrame:
    """Empty `columns` in every row whose status is not one of `allowed`; rows and types stay as they are.

    A null status is not allowed anything. Raises ColumnNotFoundError for a column the frame does not have.
    """
    shown = pl.col(status).is_in(list(allowed)).fill_null(False)
    return frame.with_columns(pl.when(shown).then(pl.col(name)).otherwise(None).alias(name) for name in columns)


def empty_suppressed(
    frame: pl.DataFrame, *, keep: Sequence[str], also: Sequence[str] = (), status: str = "status"
) -> pl.DataFrame:
    """Empty, in suppressed rows, every numeric column that is not in `keep`, and the columns in `also`.

    `keep` names numbers that describe the question and not the answer (the window's length). Working from "all
    numbers but these" means that a column added later is hidden without anyone having to remember it.
    """
    hidden = [name for name, dtype in frame.schema.items() if (dtype.is_numeric() and name not in keep) or name in also]
    return null_unless(frame, hidden, allowed=(OK, INSUFFICIENT), status=status)
