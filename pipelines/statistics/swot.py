"""Diagnosis: each face of each pair as strength, threat, opportunity or weakness, and what to mend first (§7)."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.confidentiality.suppression import null_unless
from pipelines.statistics.faces import FACE_KEY, faces, pair_weights
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.trend import FALLING, RISING, direction, trailing, weighted_slopes

STRENGTH, THREAT, OPPORTUNITY, WEAKNESS = "strength", "threat", "opportunity", "weakness"

SWOT: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "pair_id": pl.String(),
    "side": pl.String(),
    "score": pl.Float64(),
    "score_se": pl.Float64(),
    "is_shrunk": pl.Boolean(),
    "slope": pl.Float64(),
    "slope_se": pl.Float64(),
    "slope_p": pl.Float64(),
    "trend": pl.String(),
    "swot": pl.String(),
    "shortfall": pl.Float64(),
    "weight": pl.Float64(),
    "driver_importance": pl.Float64(),
    "priority": pl.Float64(),
    "priority_rank": pl.Int64(),
    "status": pl.String(),
}
"""Columns of the frame that `swot` returns, in order, with their types."""


@dataclass(frozen=True)
class SwotParameters:
    """`bar` in points of 0-100; the trend over `trend_months` of which `trend_least_months` must be scored, called
    rising or falling where its two-sided p is below `trend_p`."""

    bar: float = 60.0
    trend_months: int = 6
    trend_least_months: int = 3
    trend_p: float = 0.10

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "SwotParameters":
        """Read from the seed `parameters` (name, value); a name that is absent keeps its default.

        Raises ValueError when the bar is outside 0-100, trend_p outside 0-1, or the months are no 2 <= least <= all.
        """
        values: Mapping[str, float] = {
            str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()
        }
        result = cls(
            bar=values.get("bar", cls.bar),
            trend_months=int(values.get("trend_months", cls.trend_months)),
            trend_least_months=int(values.get("trend_least_months", cls.trend_least_months)),
            trend_p=values.get("trend_p", cls.trend_p),
        )
        if not 0.0 <= result.bar <= 100.0:
            raise ValueError(f"parameters.csv: bar is {result.bar}; it is a score and must lie within 0 to 100.")
        if not 0.0 < result.trend_p < 1.0:
            raise ValueError(f"parameters.csv: trend_p is {result.trend_p}; it is a probability between 0 and 1.")
        if not 2 <= result.trend_least_months <= result.trend_months:
            raise ValueError(
                f"parameters.csv: trend_least_months is {result.trend_least_months} and trend_months "
                f"{result.trend_months}; a slope needs two months at least, and no more than it looks at."
            )
        return result


def swot(
    indicator_scores: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    parameters: SwotParameters | None = None,
    *,
    shrunken: pl.DataFrame | None = None,
    drivers: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Strength, threat, opportunity or weakness of each face of each pair, with its trend and its priority.

    indicator_scores: as `indicators.indicator_scores` returns it. units: unit_id, period. shrunken: unit_id, period,
    pair_id, side, shrunk_score, shrunk_se (points; others ignored), the scores of §6. drivers: indicator_id, share,
    the relative weights of §9. Returns the columns of `SWOT`, sorted by unit, period, pair and side, one row for
    every unit, period, pair in force and side; every number is null unless the face is `ok`.

    Score: the shrunken one where there is one (is_shrunk), else the raw. At or above the bar and not falling is a
    strength, at or above and falling a threat, below and rising an opportunity, below and not rising a weakness.

    The slope (points a month, `trend.weighted_slopes`) is always that of the raw scores: how far a score is drawn
    towards its parent's changes with the number of answers, so a shrunken score can move when nobody's answer did,
    and the slope's own error already says how few the answers are. Without `trend_least_months` scored months of
    the last `trend_months`, slope and trend are null, and the face is judged as one that is not seen to move.

    Priority = weight · shortfall · driver importance. weight: the share of the whole index that the pair carries,
    as defined. shortfall: points below the bar, 0 at or above it. driver importance: the indicator's share over
    the mean share of all drivers, so 1 is an average driver and the scale of the shares (R² or 1) does not matter;
    1 where the drivers do not tell (client faces, indicators that could not be estimated). priority_rank: 1 for
    the largest priority of the unit and period, ties alike, null where priority is 0.

    Raises ValueError when a driver occurs twice or a share is negative, or a key of shrunken occurs twice.
    """
    chosen = parameters or SwotParameters()
    rows = faces(indicator_scores, definitions, units)
    values, errors, windows = trailing(
        rows, ["unit_id", "pair_id", "side"], ["score", "score_se", "window_months"], chosen.trend_months
    )
    slopes = weighted_slopes(values, errors, windows[:, -1], chosen.trend_least_months)
    rows = rows.with_columns(
        pl.Series(name, column, dtype=pl.Float64).fill_nan(None)
        for name, column in (("slope", slopes.slope), ("slope_se", slopes.se), ("slope_p", slopes.p))
    )
    rows = _shrunk(rows, shrunken).with_columns(trend=direction("slope", "slope_p", chosen.trend_p))
    holds, trend = pl.col("score") >= chosen.bar, pl.col("trend").fill_null("")
    rows = (
        rows.join(pair_weights(definitions), on="pair_id", how="left", validate="m:1")
        .join(_importance(drivers), on="indicator_id", how="left", validate="m:1")
        .with_columns(
            pl.col("driver_importance").fill_null(1.0),
            shortfall=(chosen.bar - pl.col("score")).clip(lower_bound=0.0),
            swot=pl.when(holds & (trend == FALLING))
            .then(pl.lit(THREAT))
            .when(holds)
            .then(pl.lit(STRENGTH))
            .when(trend == RISING)
            .then(pl.lit(OPPORTUNITY))
            .otherwise(pl.lit(WEAKNESS)),
        )
        .with_columns(priority=pl.col("weight") * pl.col("shortfall") * pl.col("driver_importance"))
    )
    numbers = [name for name in SWOT if name not in (*FACE_KEY, "status", "priority_rank")]
    rows = null_unless(rows, numbers).with_columns(
        priority_rank=pl.when(pl.col("priority") > 0)
        .then(pl.col("priority"))
        .otherwise(None)
        .rank("min", descending=True)
        .over("unit_id", "period")
    )
    return rows.select(pl.col(name).cast(dtype) for name, dtype in SWOT.items()).sort(FACE_KEY)


def _shrunk(rows: pl.DataFrame, shrunken: pl.DataFrame | None) -> pl.DataFrame:
    """The rows with the shrunken score and error in place of the raw where both are known, and is_shrunk."""
    if shrunken is None:
        return rows.with_columns(is_shrunk=pl.lit(False))
    twice = shrunken.filter(pl.struct(FACE_KEY).is_duplicated())
    if twice.height:
        raise ValueError(f"shrunken holds {twice.select(FACE_KEY).row(0)} more than once; its key is {FACE_KEY}.")
    found = shrunken.select(*FACE_KEY, "shrunk_score", "shrunk_se")
    known = pl.col("shrunk_score").is_not_null() & pl.col("shrunk_se").is_not_null()
    return (
        rows.join(found, on=FACE_KEY, how="left", validate="1:1")
        .with_columns(is_shrunk=known)
        .with_columns(
            score=pl.when("is_shrunk").then(pl.col("shrunk_score")).otherwise(pl.col("score")),
            score_se=pl.when("is_shrunk").then(pl.col("shrunk_se")).otherwise(pl.col("score_se")),
        )
    )


def _importance(drivers: pl.DataFrame | None) -> pl.DataFrame:
    """indicator_id, driver_importance: each driver's share over the mean share."""
    if drivers is None:
        drivers = pl.DataFrame(schema={"indicator_id": pl.String, "share": pl.Float64})
    shares = drivers.select(pl.col("indicator_id").cast(pl.String), pl.col("share").cast(pl.Float64)).drop_nulls()
    if shares["indicator_id"].is_duplicated().any():
        name = shares.filter(pl.col("indicator_id").is_duplicated())["indicator_id"][0]
        raise ValueError(f"drivers holds {name!r} more than once; give one share an indicator.")
    if (shares["share"] < 0).any():
        raise ValueError("drivers holds a negative share; a relative weight is a part of R² and never below zero.")
    mean = shares["share"].mean()
    # Where no driver explains anything, none can count for more than another.
    importance = pl.col("share") / mean if isinstance(mean, float) and mean > 0 else pl.lit(1.0)
    return shares.select("indicator_id", driver_importance=importance)
