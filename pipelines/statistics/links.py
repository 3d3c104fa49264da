"""Does one side lead the other? What clients feel against what collaborators felt months before, and back (method §8).

What belongs here: the panel of units and months, its regressions by lag and direction, and the one-month sums they
rest on. What does not: which indicators drive clients (`drivers`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from pipelines.confidentiality.suppression import INSUFFICIENT, OK
from pipelines.statistics.indicators import COMPOSITE
from pipelines.statistics.indices import SIDES
from pipelines.statistics.intervals import CONFIDENCE, NU0, Array, Z

LINKS: dict[str, pl.DataType] = {
    "mirror": pl.String(),
    "unit_level": pl.String(),
    "outcome": pl.String(),
    "predictor": pl.String(),
    "lag_months": pl.Int64(),
    "period": pl.Date(),
    "slope": pl.Float64(),
    "slope_lower": pl.Float64(),
    "slope_upper": pl.Float64(),
    "slope_se": pl.Float64(),
    "p": pl.Float64(),
    "within_r": pl.Float64(),
    "within_r_corrected": pl.Float64(),
    "reliability": pl.Float64(),
    "units": pl.Int64(),
    "months": pl.Int64(),
    "observations": pl.Int64(),
    "strongest": pl.Boolean(),
    "reference_r_satisfaction": pl.Float64(),
    "reference_r_engagement": pl.Float64(),
    "status": pl.String(),
}
"""Columns of the frame that `links` returns, in order, with their types."""

REFERENCE_R_SATISFACTION = 0.32
REFERENCE_R_ENGAGEMENT = 0.33
"""Correlation of employee satisfaction, and of engagement, with customer satisfaction over business units in the
meta-analysis of Harter, Schmidt & Hayes (2002, Journal of Applied Psychology 87:268)."""

KEY = ("mirror", "unit_level", "outcome", "predictor", "lag_months")


@dataclass(frozen=True)
class Parameters:
    """What a link needs. longest_lag in months; fewest_units, fewest_months: below them no slope is estimated;
    least_reliability: share (0-1) of the predictor's movement that must be more than error of its answers."""

    longest_lag: int = 6
    fewest_units: int = 10
    fewest_months: int = 6
    least_reliability: float = 0.1

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "Parameters":
        """Read from the seed `parameters` (name, value), under the names `link_<field>`; absent names keep theirs.

        Raises ValueError when the lag is negative, a count is below 3, or the reliability is outside 0-1.
        """
        values: Mapping[str, float] = {
            str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()
        }
        defaults = cls()
        read: dict[str, Any] = {
            field.name: type(getattr(defaults, field.name))(values[f"link_{field.name}"])
            for field in fields(cls)
            if f"link_{field.name}" in values
        }
        result = cls(**read)
        if result.longest_lag < 0:
            raise ValueError(f"parameters.csv: link_longest_lag is {result.longest_lag}; it is 0 months or more.")
        for name in ("fewest_units", "fewest_months"):
            if getattr(result, name) < 3:
                raise ValueError(
                    f"parameters.csv: link_{name} is {getattr(result, name)}; a slope with unit and month effects "
                    "needs 3 or more."
                )
        if not 0.0 < result.least_reliability < 1.0:
            raise ValueError(
                f"parameters.csv: link_least_reliability is {result.least_reliability}; it is a share between 0 and 1."
            )
        return result


def monthly_windows(
    indicator_stats: pl.DataFrame, indicator_people: pl.DataFrame, ancestors: pl.DataFrame
) -> pl.DataFrame:
    """One-month sums of the respondents' own means, for every unit of the hierarchy: what `links` needs scored.

    indicator_stats: unit_id, period, population, indicator_id, n, s1, s2, people_fed, conservative (leaf units).
    indicator_people: unit_id, period, indicator_id, person_key. ancestors: unit_id, period, ancestor_id; a unit is
    its own ancestor. Only composites are kept, of all populations together (population `all`); a person counts
    once. Returns the columns `indicators.indicator_scores` reads, window_months 1, sorted by unit, period and
    indicator. Pass the result through `indicator_scores`, which applies the rule of k to the single month.
    """
    key = ["unit_id", "period", "indicator_id"]
    composite = pl.col("indicator_id").str.starts_with(f"{COMPOSITE}.")
    above = ancestors.select("unit_id", "period", "ancestor_id")
    sums = (
        indicator_stats.filter(composite)
        .join(above, on=["unit_id", "period"], how="inner")
        .group_by(pl.col("ancestor_id").alias("unit_id"), "period", "indicator_id")
        .agg(
            pl.col("n", "s1", "s2").cast(pl.Float64).sum(),
            pl.col("people_fed").cast(pl.Int64).sum(),
            pl.col("conservative").any(),
        )
    )
    people = (
        indicator_people.filter(composite, pl.col("person_key").is_not_null())
        .join(above, on=["unit_id", "period"], how="inner")
        .group_by(pl.col("ancestor_id").alias("unit_id"), "period", "indicator_id")
        .agg(pl.col("person_key").n_unique().cast(pl.Int64).alias("counted"))
    )
    return (
        sums.join(people, on=key, how="left", validate="1:1")
        .filter(pl.col("n") > 0)
        .select(
            "unit_id",
            "period",
            population=pl.lit("all"),
            indicator_id=pl.col("indicator_id"),
            window_months=pl.lit(1, dtype=pl.Int64),
            n=pl.col("n"),
            s1=pl.col("s1"),
            s2=pl.col("s2"),
            people=pl.col("counted").fill_null(0) + pl.col("people_fed").fill_null(0),
            conservative=pl.col("conservative"),
        )
        .sort(key)
    )


def links(monthly_scores: pl.DataFrame, units: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """How far one side's score moves with the other's, 0 to `longest_lag` months before, by mirror and level.

    monthly_scores: as `indicators.indicator_scores` returns it for the windows of `monthly_windows`; its composites
    (`composite.<mirror>.<side>`) are used. units: unit_id, period, unit_level. Returns the columns of `LINKS`
    sorted by key: for each mirror and level that occurs, each direction and each lag one row. The slope is in
    points of the outcome per point of the predictor; `status` is `insufficient` (numbers null, counts kept) where
    there are fewer units or months than asked, or the predictor's movement is nearly all error.

    The series are single months, not the published indices: those mix windows of 1, 3 and 12 months, so a change
    takes up to a year to appear in them, their errors are shared between months, and no lag can be read from them.
    Months of one series share no answers.

    Model: outcome(u, t) = slope · predictor(u, t - k) + unit effect + month effect + rest, weighted least squares
    with both effects taken out (Frisch & Waugh), so neither lasting differences of units nor what hits everyone in
    a month counts. No lagged outcome is among the predictors, so the bias of Nickell (1981) does not arise.

    Errors in the predictor would draw the slope to zero. Their variances v are known, so the moment they add is
    taken out: slope = Σ w x̃ỹ / (Σ w x̃² - Σ q v), q the weight of a cell's own error in w x̃² (Fuller 1987, §2.2,
    here after both effects). `reliability` is the share of Σ w x̃² that is left. Weights 1/((S + v)(R + v')), S and R
    the variances of movement of predictor and outcome beyond error; with v and v' by the number of answers alone,
    since weights that follow a unit's own spread would be tied to the errors they correct.
    The interval is clustered by unit. Units differ in weight, and a plain sandwich then comes out too small: each
    unit's part is divided by 1 - h, h its share of Σ w x̃² (the jackknife over units, HC3's idea by cluster), the
    whole scaled by (G - 1)/G · (N - 1)/(N - K), K the month effects and the slope (unit effects are nested in
    clusters), and Student's quantile taken at the effective number of units, 1/Σ h² (Carter, Schnepel & Steigerwald
    2017), less one. Where all h are equal this is the usual G/(G - 1) on G - 1 degrees of freedom.

    within_r: correlation of the two after both effects, as observed; within_r_corrected: without the errors of the
    answers on either side. strongest: the lag of the largest |within_r| in its direction. Association, not cause.
    Raises ValueError when a row rests on a window of more than one month, or a key occurs twice.
    """
    cells = _cells(monthly_scores, units)
    last = units["period"].max()
    found: list[dict[str, Any]] = []
    for (mirror, level), group in cells.group_by(["mirror", "unit_level"], maintain_order=True):
        series = _series(group)
        for outcome, predictor in (SIDES, SIDES[::-1]):
            movement = {side: _movement(series[side]) for side in SIDES}
            for lag in range(parameters.longest_lag + 1):
                link = _link(
                    series[outcome], series[predictor], movement[outcome], movement[predictor], lag, parameters
                )
                found.append(
                    {
                        "mirror": mirror,
                        "unit_level": level,
                        "outcome": outcome,
                        "predictor": predictor,
                        "lag_months": lag,
                        "period": last,
                        "reference_r_satisfaction": REFERENCE_R_SATISFACTION,
                        "reference_r_engagement": REFERENCE_R_ENGAGEMENT,
                        **link,
                    }
                )
    schema = {name: dtype for name, dtype in LINKS.items() if name != "strongest"}
    rows = pl.DataFrame(found, schema=schema).sort(KEY)
    strength = pl.col("within_r").abs()
    direction = ["mirror", "unit_level", "outcome", "predictor"]
    first = pl.col("lag_months").filter(strength == strength.max()).min().over(direction)
    return rows.with_columns(strongest=(pl.col("lag_months") == first).fill_null(False)).select(
        pl.col(name).cast(dtype) for name, dtype in LINKS.items()
    )


def _cells(monthly_scores: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """One row per mirror, level, side, unit and month that is shown: value, variance of its error, answers."""
    part = pl.col("indicator_id").str.split_exact(".", 2)
    rows = monthly_scores.filter(pl.col("indicator_id").str.starts_with(f"{COMPOSITE}."), pl.col("population") == "all")
    longer = rows.filter(pl.col("window_months") != 1)
    if longer.height:
        raise ValueError(
            f"links: {longer['indicator_id'][0]!r} comes with windows of {longer['window_months'][0]} months, which "
            "share answers from month to month. Score the one-month sums of monthly_windows instead."
        )
    key = ["unit_id", "period", "indicator_id"]
    twice = rows.filter(pl.struct(key).is_duplicated())
    if twice.height:
        raise ValueError(f"monthly_scores holds {twice.select(key).row(0)} more than once; its key is {key}.")
    shown = rows.filter(pl.col("status") == OK, pl.col("value_se").is_not_null(), pl.col("n") > 0)
    # The error of a mean carries Student's quantile in place of the normal's, for the sake of its interval; the
    # moment to take out is the plain variance.
    student = special.stdtrit(NU0 + np.maximum(shown["n"].to_numpy() - 1.0, 0.0), 0.5 + CONFIDENCE / 2)
    return (
        shown.with_columns(
            mirror=part.struct.field("field_1"),
            side=part.struct.field("field_2"),
            variance=(pl.col("value_se") * Z / pl.Series(student, dtype=pl.Float64)) ** 2,
        )
        .join(
            units.select("unit_id", "period", pl.col("unit_level").cast(pl.String)),
            on=["unit_id", "period"],
            how="inner",
            validate="m:1",
        )
        .select("mirror", "unit_level", "side", "unit_id", "period", "value", "variance", "n")
        .sort("mirror", "unit_level", "side", "unit_id", "period")
    )


@dataclass(frozen=True)
class _Series:
    """One side: value, variance of its error, and that variance by the number of answers alone; units × months,
    NaN where there is none."""

    value: Array
    variance: Array
    plain: Array

    def months(self, first: int, last: int) -> "_Series":
        return _Series(self.value[:, first:last], self.variance[:, first:last], self.plain[:, first:last])


def _series(group: pl.DataFrame) -> dict[str, _Series]:
    """Both sides of one mirror and level on the same units and months."""
    month = (pl.col("period").dt.year().cast(pl.Int64) * 12 + pl.col("period").dt.month()).alias("month")
    group = group.with_columns(month - group.select(month.min()).item(), unit=pl.col("unit_id").rank("dense") - 1)
    shape = (group.select(pl.col("unit").max()).item() + 1, group.select(pl.col("month").max()).item() + 1)
    series = {}
    for side in SIDES:
        rows = group.filter(pl.col("side") == side)
        at = (rows["unit"].to_numpy(), rows["month"].to_numpy())
        value, variance, plain = (np.full(shape, np.nan) for _ in range(3))
        value[at], variance[at] = rows["value"].to_numpy(), rows["variance"].to_numpy()
        n = rows["n"].to_numpy()
        plain[at] = (rows["variance"].to_numpy() * n).mean() / n if len(n) else n
        series[side] = _Series(value, variance, plain)
    return series


def _residual(values: Array, weight: Array) -> tuple[Array, Array]:
    """Values less their unit and month effects by weighted least squares, and each cell's own share of the square.

    values, weight: units × months, weight 0 where there is no value. The second result q is such that independent
    errors of variance v add Σ q v to Σ w residual², on average. Unit effects are taken out by means, month effects
    by solving the months' normal equations that are left.
    """
    total = weight.sum(axis=1, keepdims=True)
    share = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    inverse = np.linalg.pinv(np.diag(weight.sum(axis=0)) - share.T @ weight, hermitian=True)
    centred = values - (share * values).sum(axis=1, keepdims=True)
    effect = inverse @ (weight * centred).sum(axis=0)
    residual = centred - effect[None, :] + (share @ effect)[:, None]
    across = share @ inverse
    by_month = np.diag(inverse)[None, :] - 2 * across + (across * share).sum(axis=1, keepdims=True)
    leverage = share + weight * by_month
    return np.where(weight > 0, residual, 0.0), weight * np.clip(1.0 - leverage, 0.0, None)


def _movement(series: _Series) -> float:
    """Variance of a side's movement within units and months, beyond the errors of its answers; a floor above zero."""
    there = np.isfinite(series.value)
    if not there.any():
        return 1.0
    usual = float(np.median(series.plain[there]))
    weight = np.where(there, 1.0 / (usual + np.where(there, series.plain, 1.0)), 0.0)
    residual, own = _residual(np.where(there, series.value, 0.0), weight)
    errors = own * np.where(there, series.variance, 0.0)
    moved = (weight * residual**2).sum() - errors.sum()
    return max(float(moved / own.sum()) if own.sum() > 0 else 0.0, 0.05 * usual)


def _link(
    outcome: _Series, predictor: _Series, outcome_moves: float, predictor_moves: float, lag: int, parameters: Parameters
) -> dict[str, Any]:
    """One regression: the numbers of a row of `LINKS`."""
    count = outcome.value.shape[1]
    y, x = outcome.months(min(lag, count), count), predictor.months(0, max(count - lag, 0))
    there = np.isfinite(y.value) & np.isfinite(x.value)
    # A unit seen once says nothing about movement.
    there &= (there.sum(axis=1) >= 2)[:, None]
    units, months, cells = int(there.any(axis=1).sum()), int(there.any(axis=0).sum()), int(there.sum())
    counts: dict[str, Any] = {"units": units, "months": months, "observations": cells, "status": INSUFFICIENT}
    if units < parameters.fewest_units or months < parameters.fewest_months or cells <= months + units:
        return counts

    def kept(values: Array) -> Array:
        return np.where(there, values, 0.0)

    weight = kept(1.0 / ((predictor_moves + x.plain) * (outcome_moves + y.plain)))
    weight /= weight[there].mean()
    rx, own = _residual(kept(x.value), weight)
    ry, _ = _residual(kept(y.value), weight)
    product, square = (weight * rx * ry).sum(), (weight * rx**2).sum()
    signal = square - (own * kept(x.variance)).sum()
    if square <= 0 or signal < parameters.least_reliability * square:
        return counts
    slope = product / signal
    # The estimating equation of each unit; they add up to zero at the slope.
    equation = (weight * rx * (ry - slope * rx) + slope * own * kept(x.variance)).sum(axis=1)
    leverage = (weight * rx**2).sum(axis=1) / square
    if leverage.max() > 1.0 - 1e-9:
        return counts
    small = (units - 1) / units * (cells - 1) / (cells - months)
    se = float(np.sqrt(small * ((equation / (1.0 - leverage)) ** 2).sum()) / signal)
    freedom = 1.0 / float((leverage**2).sum()) - 1.0
    if not se > 0:
        return counts
    half = float(special.stdtrit(freedom, 0.5 + CONFIDENCE / 2)) * se
    outcome_square = (weight * ry**2).sum()
    outcome_signal = outcome_square - (own * kept(y.variance)).sum()
    corrected = product / np.sqrt(signal * outcome_signal) if outcome_signal > 0 else None
    return counts | {
        "slope": slope,
        "slope_lower": slope - half,
        "slope_upper": slope + half,
        "slope_se": se,
        "p": 2.0 * float(special.stdtr(freedom, -abs(slope) / se)),
        "within_r": product / np.sqrt(square * outcome_square),
        "within_r_corrected": None if corrected is None else float(np.clip(corrected, -1.0, 1.0)),
        "reliability": min(signal / square, 1.0),
        "status": OK,
    }
