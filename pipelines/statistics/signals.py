"""Signals: Shewhart's rules on a unit's own history (method §5). They say "look here", never "this is a rupture"."""

import math

import polars as pl

from pipelines.confidentiality.suppression import OK
from pipelines.statistics.faces import pair_weights
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import SIDES

SIGNALS: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "measure": pl.String(),
    "rule": pl.String(),
    "direction": pl.String(),
    "value": pl.Float64(),
    "centre": pl.Float64(),
    "sigma": pl.Float64(),
}
"""Columns of the frame that `signals` returns, in order, with their types."""

MEASURES = ("client_index", "collaborator_index", "gap")
BEYOND = "beyond_3_sigma"
RUN = "8_on_one_side"
SIGMAS = 3.0
RUN_LENGTH = 8
HISTORY = 8
"""Scored months that must lie before the months judged: with fewer a unit has no history to be held against."""

_SERIES = ["unit_id", "measure"]


def window_of_index(definitions: Definitions) -> int:
    """Mean window (months, rounded up) of what an index is made of, by the weights of pairs and mirrors.

    Months closer than that share most of their answers.
    """
    lengths = definitions.windows.select(pl.col("indicator_id").cast(pl.String), "window_months")
    faces = definitions.mirror_pairs.unpivot(
        [f"{side}_indicator_id" for side in SIDES], index="pair_id", value_name="indicator_id"
    )
    mean = (
        faces.join(lengths, on="indicator_id", how="left")
        .join(pair_weights(definitions), on="pair_id", how="left")
        .select((pl.col("window_months").fill_null(1) * pl.col("weight")).sum() / pl.col("weight").sum())
        .item()
    )
    return math.ceil(mean) if mean is not None and math.isfinite(mean) else 1


def signals(unit_indices: pl.DataFrame, window_months: int) -> pl.DataFrame:
    """Months in which a unit's index or gap leaves what its own past leads one to expect.

    unit_indices: as the function of that name returns it (points of 0-100). window_months: as
    `window_of_index` gives it; months closer than that share answers. Returns the columns of `SIGNALS`, sorted by
    unit, measure, period and rule; one row per month and rule that fires.

    `beyond_3_sigma` (Shewhart 1931; Western Electric rule 1): the month lies more than 3σ from the mean of all the
    months that share no answers with it. σ² is the larger of the variance of those months and the mean square of
    their errors plus the error of the mean, so that a short quiet past does not make an ordinary month a signal.
    `8_on_one_side` (rule 4): the months that share no answer, taken every `window_months`, would need eight in a row;
    since the months between follow them, the run is 8 + window_months - 1 months on one side of the mean of all
    months before the run. Either rule needs eight scored months of history.
    """
    if window_months < 1:
        raise ValueError(f"A window of {window_months} months is shorter than one month.")
    rows = (
        unit_indices.filter(pl.col("status") == OK)
        .unpivot(list(MEASURES), index=["unit_id", "period"], variable_name="measure", value_name="value")
        .join(
            unit_indices.unpivot(
                [f"{measure}_se" for measure in MEASURES],
                index=["unit_id", "period"],
                variable_name="measure",
                value_name="error",
            ).with_columns(pl.col("measure").str.strip_suffix("_se")),
            on=["unit_id", "period", "measure"],
            how="left",
            validate="1:1",
        )
        .filter(pl.col("value").is_not_null())
        .sort(*_SERIES, "period")
    )
    found = pl.concat([_beyond(rows, window_months), _runs(rows, RUN_LENGTH + window_months - 1)])
    return found.select(pl.col(name).cast(dtype) for name, dtype in SIGNALS.items()).sort(
        "unit_id", "measure", "period", "rule"
    )


def _history(rows: pl.DataFrame, back: int) -> pl.DataFrame:
    """Add `known`, `centre`, `spread` and `squares` of the months that lie at least `back` scored months before."""
    number = pl.int_range(1, pl.len() + 1).cast(pl.Float64)
    first = pl.col("value") - pl.col("value").first()  # sums about the first month lose no digits

    def so_far(expression: pl.Expr) -> pl.Expr:
        return expression.cum_sum().shift(back)

    return (
        rows.with_columns(
            known=number.shift(back).over(_SERIES, order_by="period"),
            _sum=so_far(first).over(_SERIES, order_by="period"),
            _squares=so_far(first**2).over(_SERIES, order_by="period"),
            squares=so_far(pl.col("error") ** 2).over(_SERIES, order_by="period"),
            _first=pl.col("value").first().over(_SERIES, order_by="period"),
        )
        .filter(pl.col("known") >= HISTORY)
        .with_columns(
            centre=pl.col("_first") + pl.col("_sum") / pl.col("known"),
            spread=((pl.col("_squares") - pl.col("_sum") ** 2 / pl.col("known")) / (pl.col("known") - 1)).clip(0.0),
            squares=pl.col("squares") / pl.col("known"),
        )
        .with_columns(
            sigma=(pl.max_horizontal("spread", "squares") * (1.0 + 1.0 / pl.col("known"))).sqrt(),
        )
    )


def _beyond(rows: pl.DataFrame, window_months: int) -> pl.DataFrame:
    """Months more than 3σ from their history."""
    away = pl.col("value") - pl.col("centre")
    return (
        _history(rows, window_months)
        .filter(away.abs() > SIGMAS * pl.col("sigma"))
        .with_columns(rule=pl.lit(BEYOND), direction=_direction(away))
        .select(*SIGNALS)
    )


def _runs(rows: pl.DataFrame, length: int) -> pl.DataFrame:
    """Months that end a run of `length` months on one side of the history before the run."""
    low = pl.col("value").rolling_min(length).over(_SERIES, order_by="period")
    high = pl.col("value").rolling_max(length).over(_SERIES, order_by="period")
    return (
        _history(rows.with_columns(low=low, high=high), length)
        .filter((pl.col("low") > pl.col("centre")) | (pl.col("high") < pl.col("centre")))
        .with_columns(rule=pl.lit(RUN), direction=_direction(pl.col("low") - pl.col("centre")))
        .select(*SIGNALS)
    )


def _direction(away: pl.Expr) -> pl.Expr:
    return pl.when(away > 0).then(pl.lit("above")).otherwise(pl.lit("below"))
