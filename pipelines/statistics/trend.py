"""Does a series rise or fall: slopes over trailing months, with errors that know what the months share."""

from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import special

from pipelines.statistics.intervals import Array

RISING, FALLING, FLAT = "rising", "falling", "flat"


class Slopes(NamedTuple):
    """Slope per month, its standard error, two-sided p and the months it rests on; four arrays of one length."""

    slope: Array
    se: Array
    p: Array
    months: Array


def weighted_slopes(values: Array, errors: Array, windows: Array, least_months: int) -> Slopes:
    """Weighted least-squares slope of each row over its columns, with the error of overlapping windows.

    values, errors: (rows, months), the last column the latest month; a month counts where both are finite and the
    error is above zero. windows: (rows,) months that each value sums over. Units: those of values, per month.

    Weights are 1/se². The usual error of such a slope takes months as independent; a value over w months shares
    w - 1 of them with the next, so the sampling errors of two values L months apart correlate by (w - L)/w (Hansen
    & Hodrick 1980, for equal months). The slope is a known linear form c of the values, and its variance is taken
    with that matrix: var = Σij ci cj se_i se_j (w - |i - j|)+/w. It is the sandwich of the weighted fit with the
    error of the answers as its filling: what the slope says is about the true scores of these very months, and no
    straight line is assumed of them. p is two-sided normal: the errors carry Student's quantile already where they
    rest on few answers (see `intervals`).

    Rows with fewer than `least_months` months, or with months that all coincide, give NaN throughout but `months`.
    """
    count = values.shape[1]
    known = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
    enough = known.sum(axis=1) >= max(least_months, 2)
    spread = np.where(known, errors, 1.0)
    weights = np.where(known, 1.0 / spread**2, 0.0)
    time = np.arange(count, dtype=np.float64) - (count - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = time - (weights @ time / weights.sum(axis=1))[:, None]
        form = weights * centred
        form = form / (form * centred).sum(axis=1, keepdims=True)
        slope = (form * np.where(known, values, 0.0)).sum(axis=1)
        loads = form * spread
        variance = (loads**2).sum(axis=1)
        for lag in range(1, count):
            shared = np.clip((windows - lag) / windows, 0.0, None)
            variance += 2.0 * shared * (loads[:, lag:] * loads[:, :-lag]).sum(axis=1)
        se = np.sqrt(np.where(variance > 0, variance, np.nan))
        p = 2.0 * special.ndtr(-np.abs(slope / se))
    blank = np.where(enough, 1.0, np.nan)
    return Slopes(slope * blank, se * blank, p * blank, known.sum(axis=1).astype(np.float64))


def trailing(rows: pl.DataFrame, series: list[str], columns: list[str], months: int) -> list[Array]:
    """For each row and column, the values of its own series in the trailing months: arrays (rows, months).

    rows: one row per series (the columns named) and `period` (first of a month). The last column of an array is the
    row's own month; a month for which the series has no row, or a null, is NaN. Raises ValueError when a series
    has two rows of one month.
    """
    if rows.select(pl.struct(*series, "period").is_duplicated().any()).item():
        raise ValueError(f"A month occurs twice in one series; the key is {', '.join(series)}, period.")
    if not rows.height:
        return [np.empty((0, months)) for _ in columns]
    number = rows["period"].dt.year().cast(pl.Int64) * 12 + rows["period"].dt.month().cast(pl.Int64)
    place = (number - int(number.to_numpy().min())).to_numpy()
    which = (
        rows.select(series)
        .join(rows.select(series).unique().with_row_index("which"), on=series, how="left", maintain_order="left")[
            "which"
        ]
        .to_numpy()
    )
    stretches = []
    for column in columns:
        # Empty months before the first, so that the window of the first month is whole.
        dense = np.full((int(which.max()) + 1, months - 1 + int(place.max()) + 1), np.nan)
        dense[which, place + months - 1] = rows[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        stretches.append(np.lib.stride_tricks.sliding_window_view(dense, months, axis=1)[which, place])
    return stretches


def direction(slope: str, p: str, level: float) -> pl.Expr:
    """`rising` or `falling` where the p is below `level`, else `flat`; null where there is no p."""
    return (
        pl.when(pl.col(p).is_null() | pl.col(p).is_nan())
        .then(None)
        .when(pl.col(p) >= level)
        .then(pl.lit(FLAT))
        .when(pl.col(slope) > 0)
        .then(pl.lit(RISING))
        .otherwise(pl.lit(FALLING))
    )
