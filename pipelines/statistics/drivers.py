"""What drives clients: the share of each collaborator indicator in how far the client index can be told (method §9).

What belongs here: relative weights, the moments of the panel they are taken from, and their bootstrap. What does not:
whether one side leads the other (`links`), what to do about a driver (`swot`, `actions`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from pipelines.confidentiality.suppression import INSUFFICIENT, OK
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.intervals import Array, Z

Flags = npt.NDArray[np.bool_]

DRIVERS: dict[str, pl.DataType] = {
    "unit_level": pl.String(),
    "indicator_id": pl.String(),
    "period": pl.Date(),
    "weight": pl.Float64(),
    "weight_lower": pl.Float64(),
    "weight_upper": pl.Float64(),
    "share": pl.Float64(),
    "rank": pl.Int64(),
    "r": pl.Float64(),
    "r2": pl.Float64(),
    "presence": pl.Float64(),
    "reliability": pl.Float64(),
    "units": pl.Int64(),
    "observations": pl.Int64(),
    "status": pl.String(),
}
"""Columns of the frame that `drivers` returns, in order, with their types."""

_SMALLEST_EIGENVALUE = 1e-3
"""Of a correlation matrix; moments over different pairs of rows can make one that no data have."""


@dataclass(frozen=True)
class Parameters:
    """What drivers need. presence: share (0-1) of unit-months an indicator must be scored in; fewest_units: units a
    level must have; rows_per_indicator: independent unit-months asked for each indicator; draws: of the bootstrap;
    seed: of the draws."""

    presence: float = 0.5
    fewest_units: int = 20
    rows_per_indicator: float = 3.0
    draws: int = 1000
    seed: int = 20260501

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "Parameters":
        """Read from the seed `parameters` (name, value), under the names `driver_<field>`; absent names keep theirs.

        Raises ValueError when the presence is outside 0-1, there are fewer than 100 draws or fewer than 3 units, or
        fewer than one row an indicator or a negative seed is asked for.
        """
        values: Mapping[str, float] = {
            str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()
        }
        defaults = cls()
        read: dict[str, Any] = {
            field.name: type(getattr(defaults, field.name))(values[f"driver_{field.name}"])
            for field in fields(cls)
            if f"driver_{field.name}" in values
        }
        result = cls(**read)
        if not 0.0 < result.presence <= 1.0:
            raise ValueError(
                f"parameters.csv: driver_presence is {result.presence}; it is a share, above 0 and up to 1."
            )
        if result.draws < 100:
            raise ValueError(f"parameters.csv: driver_draws is {result.draws}; an interval of 95 % needs 100 or more.")
        if result.fewest_units < 3:
            raise ValueError(f"parameters.csv: driver_fewest_units is {result.fewest_units}; it must be 3 or more.")
        if result.rows_per_indicator < 1.0:
            raise ValueError(
                f"parameters.csv: driver_rows_per_indicator is {result.rows_per_indicator}; it must be 1 or more."
            )
        if result.seed < 0:
            raise ValueError(f"parameters.csv: driver_seed is {result.seed}; it must be 0 or more.")
        return result


def relative_weights(correlations: npt.ArrayLike, with_outcome: npt.ArrayLike) -> Array:
    """Johnson's relative weights: the part of R² that each predictor brings, by itself and together with others.

    correlations: of predictors (… × p × p), positive definite; with_outcome: of each predictor with the outcome
    (… × p). Returns … × p, none below zero, adding up to R². Source: Johnson (2000, Multivariate Behavioral
    Research 35:1): predictors are turned into the closest uncorrelated variables, the outcome is regressed on
    those, and each one's part is handed back by its squared loadings.
    """
    matrix, outcome = np.asarray(correlations, dtype=np.float64), np.asarray(with_outcome, dtype=np.float64)
    values, vectors = np.linalg.eigh(matrix)
    root = np.sqrt(np.clip(values, _SMALLEST_EIGENVALUE**2, None))
    across = np.swapaxes(vectors, -1, -2)
    loadings = (vectors * root[..., None, :]) @ across
    slopes = ((vectors / root[..., None, :]) @ across @ outcome[..., None])[..., 0]
    return np.asarray(((loadings**2) @ (slopes**2)[..., None])[..., 0])


def drivers(
    indicator_scores: pl.DataFrame,
    unit_indices: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    parameters: Parameters,
) -> pl.DataFrame:
    """The share of every collaborator indicator in R² of the client index, by level, with bootstrap intervals.

    indicator_scores, unit_indices: as the functions of those names return them; population `all` is used. units:
    unit_id, period, unit_level. Predictors: every indicator of side `collaborator` in force, practices and those
    with one face too; its score, or its value where it has no goalposts. Returns the columns of `DRIVERS`: one row
    per level and indicator, sorted by level and id. `weight` is the part of R² (0-1), `share` that part of the
    whole; weights of a level add up to `r2`, shares to 1. Weights have no sign: `r` tells the direction.

    Rows are unit-months with a client index. The effect of the month is taken out of every column, and what is
    left enters as in a panel with random unit effects (Swamy & Arora 1972): movements within units and differences
    between them, each by the variance the client index has there. Differences alone would rest on as few cases as
    there are units; movements alone are mostly error. Months of a unit that move together count once: the
    variance within is multiplied by (1 + a)/(1 - a), a the correlation of a month with the next, which also holds
    for windows that overlap. A row counts for less the larger its errors are: 1/((1 + e)(1 + f)), e the squared
    error of its indicators by their medians, on average, f that of the client index.

    Missing scores: an indicator scored in less than `presence` of the rows is `insufficient` and left out of the
    weights of the others; else every moment is taken over the rows that have both of its columns, with none filled
    in. Where the matrix so found is not one of correlations, its eigenvalues are raised to 0.001.
    Intervals: `draws` bootstraps of whole units; the lower bound is bias-corrected, since noise only adds to a
    weight (Tonidandel, LeBreton & Johnson 2009), the upper the plain percentile. A weight cannot be below zero, so
    an interval off zero proves nothing by itself. `reliability` is the part of an indicator's variance that is not
    error of its answers: a driver that is badly measured is credited with too little.
    A level is `insufficient` with too few units, or too few independent rows for its indicators. Association, not
    cause.
    """
    chosen = definitions.indicators.filter(pl.col("side") == "collaborator")["indicator_id"].cast(pl.String)
    ids = sorted(set(chosen))
    levels = units.select("unit_id", "period", pl.col("unit_level").cast(pl.String))
    rows = (
        unit_indices.filter(pl.col("status") == OK, pl.col("client_index").is_not_null())
        .select("unit_id", "period", "client_index", "client_index_se")
        .join(levels, on=["unit_id", "period"], how="inner", validate="1:1")
        .sort("unit_level", "unit_id", "period")
    )
    scored = pl.col("score").is_not_null().any().over("indicator_id")
    scores = indicator_scores.filter(
        pl.col("population") == "all", pl.col("status") == OK, pl.col("indicator_id").is_in(ids)
    ).select(
        "unit_id",
        "period",
        "indicator_id",
        x=pl.when(scored).then("score").otherwise("value"),
        se=pl.when(scored).then("score_se").otherwise("value_se"),
    )
    found = [
        _level(str(level), group, scores, ids, parameters)
        for (level,), group in rows.group_by(["unit_level"], maintain_order=True)
        if ids
    ]
    last = units["period"].max() if units.height else None
    result = pl.concat(found) if found else pl.DataFrame(schema=DRIVERS)
    result = result.with_columns(period=pl.lit(last, dtype=pl.Date))
    return result.select(pl.col(name).cast(dtype) for name, dtype in DRIVERS.items()).sort("unit_level", "indicator_id")


def _level(
    level: str, rows: pl.DataFrame, scores: pl.DataFrame, ids: list[str], parameters: Parameters
) -> pl.DataFrame:
    """The rows of `DRIVERS` of one level."""
    panel = _panel(rows, scores, ids)
    there = panel.there.sum(axis=0)
    presence = there[:-1] / max(1, there[-1])
    used = np.flatnonzero((presence >= parameters.presence) & (panel.moves[:-1]))
    units = int(panel.unit.max()) + 1
    result: dict[str, Any] = {
        "unit_level": [level] * len(ids),
        "indicator_id": ids,
        "presence": presence,
        "units": [units] * len(ids),
        "observations": there[:-1],
        "status": [INSUFFICIENT] * len(ids),
    }
    numbers = {
        name: np.full(len(ids), np.nan)
        for name in ("weight", "weight_lower", "weight_upper", "share", "r", "r2", "reliability")
    }
    rank = np.zeros(len(ids), dtype=np.int64)
    moments = _moments(panel, [*used, len(ids)])
    if (
        len(used)
        and units >= parameters.fewest_units
        and moments.independent >= parameters.rows_per_indicator * len(used)
    ):
        matrix = _correlations(moments, np.ones((1, units)))
        weights = relative_weights(matrix[:, :-1, :-1], matrix[:, :-1, -1])[0]
        generator = np.random.default_rng(parameters.seed)
        draws = generator.multinomial(units, np.full(units, 1.0 / units), size=parameters.draws).astype(np.float64)
        resampled = _correlations(moments, draws)
        spread = relative_weights(resampled[:, :-1, :-1], resampled[:, :-1, -1])
        lower, upper = _bounds(spread, weights)
        numbers["weight"][used] = weights
        numbers["weight_lower"][used] = np.minimum(lower, weights)
        numbers["weight_upper"][used] = np.maximum(upper, weights)
        numbers["share"][used] = weights / weights.sum()
        numbers["r"][used] = matrix[0, :-1, -1]
        numbers["r2"][used] = weights.sum()
        numbers["reliability"][used] = panel.reliability[used]
        rank[used] = 1 + np.argsort(np.argsort(-weights, kind="stable"), kind="stable")
        for at in used:
            result["status"][at] = OK
    return (
        pl.DataFrame(result)
        .with_columns(
            *(pl.Series(name, values).fill_nan(None) for name, values in numbers.items()),
            pl.Series("rank", rank).replace(0, None),
            period=pl.lit(None, dtype=pl.Date),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in DRIVERS.items())
    )


def _bounds(draws: Array, estimate: Array) -> tuple[Array, Array]:
    """Lower and upper 95 % bounds of each column of draws × columns: the lower bias-corrected (Efron 1981).

    Noise only adds to a weight, and drawing again adds it once more: plain percentiles lie too high. For the upper
    bound that is on the safe side, where the correction would bring it down to the estimate itself.
    """
    count = len(draws)
    below = np.clip((draws < estimate).sum(axis=0), 0.5, count - 0.5) / count
    level = special.ndtr(2 * special.ndtri(below) - Z)
    place = np.clip(np.floor(level * (count - 1)), 0, count - 1).astype(np.int64)
    lower = np.sort(draws, axis=0)[place, np.arange(draws.shape[1])]
    return lower, np.percentile(draws, 100.0 * special.ndtr(Z), axis=0)


@dataclass(frozen=True)
class _Panel:
    """Rows × (indicators and, last, the client index), month effects taken out; 0 where `there` is not.

    unit, month: numbers of each row's unit and month, 0 and up. weight: of each row. moves: does the column vary?
    reliability: of each indicator, 0-1.
    """

    values: Array
    there: Flags
    unit: npt.NDArray[np.int64]
    month: npt.NDArray[np.int64]
    weight: Array
    moves: Flags
    reliability: Array


def _panel(rows: pl.DataFrame, scores: pl.DataFrame, ids: list[str]) -> _Panel:
    """The unit-months of one level with all columns beside each other."""
    calendar = pl.col("period").dt.year().cast(pl.Int64) * 12 + pl.col("period").dt.month()
    rows = rows.with_columns(
        at=pl.int_range(pl.len()),
        unit=pl.col("unit_id").rank("dense").cast(pl.Int64) - 1,
        month=calendar - calendar.min(),
        which=calendar.rank("dense").cast(pl.Int64) - 1,
    )
    cells = scores.join(rows.select("unit_id", "period", "at"), on=["unit_id", "period"], how="inner").join(
        pl.DataFrame({"indicator_id": ids, "column": list(range(len(ids)))}), on="indicator_id", how="inner"
    )
    values, error = (np.full((rows.height, len(ids) + 1), np.nan) for _ in range(2))
    where = (cells["at"].to_numpy(), cells["column"].to_numpy())
    values[where] = cells["x"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    error[where] = cells["se"].cast(pl.Float64).fill_null(float("nan")).to_numpy() ** 2
    values[:, -1] = rows["client_index"].to_numpy()
    error[:, -1] = rows["client_index_se"].to_numpy() ** 2
    there = np.isfinite(values)
    error = np.where(there & np.isfinite(error), error, np.nan)

    usual = np.array(
        [np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 1.0 for column in error.T]
    )
    relative = np.nan_to_num(error / np.where(usual > 0, usual, 1.0), nan=1.0)
    number = np.maximum(there[:, :-1].sum(axis=1), 1)
    blur = np.where(there[:, :-1], relative[:, :-1], 0.0).sum(axis=1) / number
    weight = 1.0 / ((1.0 + blur) * (1.0 + relative[:, -1]))

    month = rows["which"].to_numpy()
    mass = np.where(there, weight[:, None], 0.0)
    filled = np.where(there, values, 0.0)
    mean = _by(month, mass * filled) / np.maximum(_by(month, mass), 1e-300)
    centred = np.where(there, filled - mean[month], 0.0)
    variance = (mass * centred**2).sum(axis=0) / np.maximum(mass.sum(axis=0), 1e-300)
    blurred = (mass * np.nan_to_num(error)).sum(axis=0) / np.maximum(mass.sum(axis=0), 1e-300)
    moves = variance > 1e-12
    with np.errstate(divide="ignore", invalid="ignore"):
        reliability = np.where(moves, np.clip(1.0 - blurred / variance, 0.0, 1.0), 0.0)
    return _Panel(centred, there, rows["unit"].to_numpy(), rows["month"].to_numpy(), weight, moves, reliability[:-1])


def _by(group: npt.NDArray[np.int64], values: Array) -> Array:
    """Sums of rows by group (0 and up, none empty): groups × columns."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(int(group.max()) + 1))
    return np.asarray(np.add.reduceat(values[order], starts, axis=0))


@dataclass(frozen=True)
class _Moments:
    """Per unit, as rows of columns × columns: sums of products within it and their weights; products of its means
    and whether it has both. `independent`: how many unit-months' worth the rows are."""

    within: Array
    within_mass: Array
    means: Array
    has: Array
    within_scale: float
    between_scale: float
    independent: float


def _moments(panel: _Panel, columns: list[int]) -> _Moments:
    """Moments of the columns asked for, the client index last."""
    values, there, unit = panel.values[:, columns], panel.there[:, columns], panel.unit
    mass = np.where(there, panel.weight[:, None], 0.0)
    total = _by(unit, mass)
    has = (total > 0).astype(np.float64)
    means = _by(unit, mass * values) / np.where(total > 0, total, 1.0)
    inside = np.where(there, values - means[unit], 0.0)
    wide, count = len(columns), total.shape[0]
    within, within_mass = np.zeros((count, wide, wide)), np.zeros((count, wide, wide))
    for column in range(wide):
        within[:, column] = _by(unit, panel.weight[:, None] * inside * inside[:, [column]])
        within_mass[:, column] = _by(unit, panel.weight[:, None] * there * there[:, [column]])

    y = inside[:, -1]
    following = (np.diff(unit) == 0) & (np.diff(panel.month) == 1)
    first, then = y[:-1][following], y[1:][following]
    square = np.sqrt((first**2).sum() * (then**2).sum())
    memory = float(np.clip((first * then).sum() / square, 0.0, 0.95)) if square > 0 else 0.0
    together = (1.0 + memory) / (1.0 - memory)
    moved = within[:, -1, -1].sum() / max(within_mass[:, -1, -1].sum(), 1e-300)
    apart = float(np.var(means[:, -1]))
    return _Moments(
        within,
        within_mass,
        means,
        has,
        # A side on which the client index does not vary has nothing to tell.
        within_scale=len(y) / (moved * together) if moved > 1e-12 else 0.0,
        between_scale=count / apart if apart > 1e-12 else 0.0,
        independent=count + (len(y) - count) / together if moved > 1e-12 else float(count),
    )


def _correlations(moments: _Moments, counts: Array) -> Array:
    """Correlations (draws × columns × columns) of the panel in which unit u occurs counts[draw, u] times."""
    units, wide = moments.means.shape
    flat = (units, wide * wide)

    def summed(values: Array) -> Array:
        return (counts @ values.reshape(flat)).reshape(-1, wide, wide)

    both = moments.has[:, :, None] * moments.has[:, None, :]
    pairs = np.maximum(summed(both), 1e-300)
    within = summed(moments.within) / np.maximum(summed(moments.within_mass), 1e-300)
    # The mean of a column over the units that also have the other one.
    first = summed(both * moments.means[:, :, None]) / pairs
    between = summed(both * moments.means[:, :, None] * moments.means[:, None, :]) / pairs - first * np.swapaxes(
        first, 1, 2
    )
    matrix = moments.within_scale * within + moments.between_scale * between
    spread = np.sqrt(np.maximum(np.einsum("dii->di", matrix), 1e-300))
    matrix = matrix / spread[:, :, None] / spread[:, None, :]
    try:
        np.linalg.cholesky(matrix - _SMALLEST_EIGENVALUE * np.eye(wide))
        return matrix
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        raised = np.maximum(values, _SMALLEST_EIGENVALUE)
        mended = (vectors * raised[:, None, :]) @ np.swapaxes(vectors, 1, 2)
        unit = np.sqrt(np.einsum("dii->di", mended))
        mended = mended / unit[:, :, None] / unit[:, None, :]
        return np.where((values[:, :1] < _SMALLEST_EIGENVALUE)[:, :, None], mended, matrix)
