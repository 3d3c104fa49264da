"""Small units: empirical Bayes towards the mean of the unit's parent (method §6)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from pipelines.statistics.indices import SIDES, symmetry_index_se
from pipelines.statistics.intervals import Array, Z

SHRUNK: dict[str, pl.DataType] = {
    "shrinkage": pl.Float64(),
    "shrunk": pl.Float64(),
    "shrunk_se": pl.Float64(),
    "shrunk_lower": pl.Float64(),
    "shrunk_upper": pl.Float64(),
}
"""Columns that `shrink` adds, in order, with their types."""

TRAILING = 12
"""Months over which the variance between units is estimated."""

FEWEST_SIBLINGS = 3
"""With fewer scored children a parent's mean is hardly more than the unit itself: the level's mean stands for it."""


@dataclass(frozen=True)
class Comparable:
    """Which units are held against each other.

    level: the columns within which units are comparable, the month first, such as period and unit_level.
    parent: the column with the id of the unit's parent (null: no parent).
    """

    level: list[str]
    parent: str


def between(frame: pl.DataFrame, value: str, error: str, units: Comparable) -> pl.DataFrame:
    """Add what is known of a unit before its own figure is: the mean of its family, and how far members stray from it.

    frame: one row per unit within `units.level`; `value` with standard error `error` (above 0, same unit), null where
    there is no figure. Adds `tau2`, the true variance of units about their parent's mean; `centre`, that mean, weighted
    by 1/(τ² + se²); `centre_variance`. Null where the value is null.

    τ² is that of DerSimonian & Laird (1986) from the heterogeneity within parents: Q = Σ w (value - parent's mean)²,
    w = 1/se², on N - P degrees of freedom. Excess (Q - N + P) and scale (Σw - Σ Σw²/Σw) are both summed over the twelve
    months up to the period: what sets units apart changes slowly, and one month tells it badly. A unit whose parent
    has fewer than three scored children is held against the mean of its level. With fewer than three scored units in
    a level τ² cannot be told and is null.
    """
    known = pl.col(value).is_not_null() & (pl.col(error) > 0)
    group = [*units.level, "_family"]
    rows = frame.with_row_index("_row")
    found = rows.filter(known).with_columns(_family=pl.col(units.parent).cast(pl.String).fill_null(""))
    found = found.with_columns(
        _family=pl.when(pl.len().over(group) >= FEWEST_SIBLINGS).then(pl.col("_family")),
        _weight=1.0 / pl.col(error) ** 2,
    )
    mean = (pl.col("_weight") * pl.col(value)).sum() / pl.col("_weight").sum()
    found = found.with_columns(
        _spread=pl.col("_weight") * (pl.col(value) - mean.over(group)) ** 2,
        # Summed over a level: Σw less Σw²/Σw of each family.
        _scale=pl.col("_weight") - pl.col("_weight") ** 2 / pl.col("_weight").sum().over(group),
    )
    of_level = (
        found.group_by(units.level)
        .agg(
            _freedom=pl.len().cast(pl.Float64) - pl.col("_family").n_unique(),
            _squares=pl.col("_spread").sum(),
            _scale=pl.col("_scale").sum(),
        )
        .filter(pl.col("_freedom") >= FEWEST_SIBLINGS - 1)
        .with_columns(_excess=pl.col("_squares") - pl.col("_freedom"))
    )
    same = units.level[1:]
    recent = {
        name: pl.col(name).rolling_sum(TRAILING, min_samples=1).over(same, order_by=units.level[0])
        for name in ("_excess", "_scale")
    }
    of_level = of_level.select(*units.level, tau2=(recent["_excess"] / recent["_scale"]).clip(lower_bound=0.0))
    found = found.join(of_level, on=units.level, how="left", validate="m:1", maintain_order="left").with_columns(
        _precision=1.0 / (pl.col("tau2") + pl.col(error) ** 2)
    )
    weighted_mean = (pl.col("_precision") * pl.col(value)).sum() / pl.col("_precision").sum()
    alone = pl.col("_family").is_null()
    found = found.with_columns(
        centre=pl.when(alone).then(weighted_mean.over(units.level)).otherwise(weighted_mean.over(group)),
        centre_variance=1.0
        / pl.when(alone)
        .then(pl.col("_precision").sum().over(units.level))
        .otherwise(pl.col("_precision").sum().over(group)),
    )
    return rows.join(
        found.select("_row", "tau2", "centre", "centre_variance"), on="_row", how="left", validate="1:1"
    ).drop("_row")


def shrink(frame: pl.DataFrame, value: str, error: str, units: Comparable, bounds: tuple[float, float]) -> pl.DataFrame:
    """Add the empirical-Bayes estimate of `value`, drawn towards the mean of the units with the same parent.

    frame, value, error, units: as for `between`; bounds: what a value may be, for the interval. Adds the columns of
    `SHRUNK`: `shrinkage` is λ = τ²/(τ² + se²), the share of the unit's own figure that is kept; shrunk = λ·value +
    (1 - λ)·centre; its error is √(λ·se² + (1 - λ)²·var(centre)). Where τ² cannot be told the figure stays, λ = 1.
    """
    kept = pl.col("tau2") / (pl.col("tau2") + pl.col(error) ** 2)
    drawn = between(frame, value, error, units).with_columns(
        shrinkage=pl.when(pl.col(value).is_not_null() & (pl.col(error) > 0)).then(kept.fill_null(1.0))
    )
    kept, lost = pl.col("shrinkage"), 1.0 - pl.col("shrinkage")
    return (
        drawn.with_columns(
            shrunk=(kept * pl.col(value) + pl.when(lost > 0).then(lost * pl.col("centre")).otherwise(0.0)).clip(
                *bounds
            ),
            shrunk_se=(
                kept * pl.col(error) ** 2 + pl.when(lost > 0).then(lost**2 * pl.col("centre_variance")).otherwise(0.0)
            ).sqrt(),
        )
        .with_columns(
            shrunk_lower=(pl.col("shrunk") - Z * pl.col("shrunk_se")).clip(*bounds),
            shrunk_upper=(pl.col("shrunk") + Z * pl.col("shrunk_se")).clip(*bounds),
        )
        .drop("tau2", "centre", "centre_variance")
    )


SHRUNK_INDICES: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "measure": pl.String(),
    "value": pl.Float64(),
    **SHRUNK,
    "rank": pl.Int64(),
    "ranked": pl.Int64(),
}
"""Columns of the frame that `shrunk_indices` returns, in order, with their types."""

MEASURES = {
    "client_index": (0.0, 100.0),
    "collaborator_index": (0.0, 100.0),
    "gap": (-100.0, 100.0),
    "symmetry_index": (0.0, 100.0),
}
"""What is shrunk of a unit, with the bounds of each (points)."""

SHRUNK_PAIRS: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "pair_id": pl.String(),
    "side": pl.String(),
    "score": pl.Float64(),
    "score_se": pl.Float64(),
    "shrunk_score": pl.Float64(),
    "shrunk_se": pl.Float64(),
}
"""Columns of the frame that `shrunk_pairs` returns, in order, with their types."""


def shrunk_indices(unit_indices: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """Every index of every unit and month beside its shrunken figure, and its rank by that.

    unit_indices: as the function of that name returns it. units: unit_id, period, unit_level, parent_unit_id.
    Returns the columns of `SHRUNK_INDICES`, sorted by unit, period and measure; points. Numbers are null where the
    unit's status is not `ok`. `rank` is by the shrunken figure among the `ranked` units of the month and level, 1 the
    highest, ties sharing the better.

    The two sides of a unit are drawn together, since where one is high the other tends to be: (C, E) towards the
    parent's means by the matrix Λ = T(T + S)⁻¹, the two-sided form of λ = τ²/(τ² + se²) (Efron & Morris 1972). S holds
    the two squared errors; T the variances τ² of C and of E between units, and their covariance from that of C + E,
    (τ²(C+E) - τ²(C) - τ²(E))/2, each by DerSimonian & Laird as in `between`. `shrinkage` of an index is its own
    diagonal element of Λ. The gap is the difference of the two; the symmetry index is its mean over the normal
    distribution of the gap about its shrunken value, √(C·E)·(100 - E|gap|)/100, since an unsure gap is not nothing.
    """
    key = ["unit_id", "period"]
    rows = (
        unit_indices.select(*key, "status", *MEASURES, *(f"{side}_index_se" for side in SIDES), "gap_se")
        .join(
            units.select(*key, pl.col("unit_level", "parent_unit_id").cast(pl.String)),
            on=key,
            how="inner",
            validate="1:1",
        )
        .sort(key)
    )
    rows = rows.with_columns(
        _sum=pl.col("client_index") + pl.col("collaborator_index"),
        _sum_se=(pl.col("client_index_se") ** 2 + pl.col("collaborator_index_se") ** 2).sqrt(),
    )
    comparable = Comparable(["period", "unit_level"], "parent_unit_id")
    for name, prefix in (("client_index", "c"), ("collaborator_index", "e"), ("_sum", "s")):
        rows = between(rows, name, f"{name}_se", comparable).rename(
            {"tau2": f"{prefix}_tau2", "centre": f"{prefix}_centre", "centre_variance": f"{prefix}_centre_variance"}
        )
    long = pl.concat(
        [
            rows.select(*key, pl.lit(name).alias("measure"), pl.col(name).alias("value"), "unit_level").with_columns(
                pl.Series(column, values, dtype=pl.Float64).fill_nan(None) for column, values in columns.items()
            )
            for name, columns in _together(rows).items()
        ]
    )
    group = ["period", "unit_level", "measure"]
    return (
        long.with_columns(rank=pl.col("shrunk").rank("min", descending=True).over(group))
        .with_columns(ranked=pl.when(pl.col("rank").is_not_null()).then(pl.col("shrunk").count().over(group)))
        .select(pl.col(name).cast(dtype) for name, dtype in SHRUNK_INDICES.items())
        .sort(*key, "measure")
    )


def _together(rows: pl.DataFrame) -> dict[str, dict[str, Array]]:
    """The columns of `SHRUNK` for each measure, in the order of `rows`; NaN where there is no figure."""

    def array(name: str) -> Array:
        return rows[name].cast(pl.Float64).fill_null(np.nan).to_numpy()

    value = np.stack([array("client_index"), array("collaborator_index")])
    error = np.stack([array("client_index_se"), array("collaborator_index_se")])
    told = ~np.isnan(array("c_tau2"))
    own = np.where(told, np.stack([array("c_tau2"), array("e_tau2")]), 1.0)
    centre = np.where(told, np.stack([array("c_centre"), array("e_centre")]), value)
    unsure = np.where(told, np.stack([array("c_centre_variance"), array("e_centre_variance")]), 0.0)
    most = np.sqrt(own[0] * own[1])
    shared = np.where(told, np.clip((array("s_tau2") - own[0] - own[1]) / 2.0, -most, most), 0.0)
    total = own + error**2
    determinant = total[0] * total[1] - shared**2
    # Λ = T(T + S)⁻¹, element by element; kept[i, j] is how much of the deviation of side j enters side i.
    kept = np.empty((2, 2, rows.height))
    for i, j in ((0, 1), (1, 0)):
        kept[i, i] = (own[i] * total[j] - shared**2) / determinant
        kept[i, j] = shared * error[i] ** 2 / determinant
    kept = np.where(told, kept, np.eye(2)[:, :, None]) + np.where(np.isnan(value[0]), np.nan, 0.0)
    away = value - centre
    shrunk = centre + np.einsum("ijn,jn->in", kept, away)
    # Var of the truth given the figures is ΛS; what the centres lack in certainty comes in through I - Λ.
    lost = np.eye(2)[:, :, None] - kept
    spread = kept * (error**2)[None, :, :] + np.einsum("ijn,jn,kjn->ikn", lost, unsure, lost)
    side_error = np.sqrt(np.stack([spread[0, 0], spread[1, 1]]))
    gap = shrunk[0] - shrunk[1]
    gap_error = np.sqrt(np.maximum(spread[0, 0] + spread[1, 1] - spread[0, 1] - spread[1, 0], 0.0))
    standard = gap / gap_error
    folded = gap_error * np.sqrt(2 / np.pi) * np.exp(-(standard**2) / 2) + gap * (1 - 2 * special.ndtr(-standard))
    client, team = np.clip(shrunk, 0.0, 100.0)
    symmetry = np.sqrt(client * team) * (100.0 - folded) / 100.0
    symmetry_error = symmetry_index_se(client, side_error[0], team, side_error[1])
    gap_kept = 1.0 - gap_error**2 / (gap_error**2 + own[0] + own[1] - 2 * shared)
    found = {
        "client_index": (kept[0, 0], shrunk[0], side_error[0]),
        "collaborator_index": (kept[1, 1], shrunk[1], side_error[1]),
        "gap": (gap_kept, gap, gap_error),
        "symmetry_index": (np.sqrt(kept[0, 0] * kept[1, 1]), symmetry, symmetry_error),
    }
    return {
        name: {
            "shrinkage": keeping,
            "shrunk": middle,
            "shrunk_se": half,
            "shrunk_lower": np.clip(middle - Z * half, *MEASURES[name]),
            "shrunk_upper": np.clip(middle + Z * half, *MEASURES[name]),
        }
        for name, (keeping, middle, half) in found.items()
    }


def shrunk_pairs(pair_scores: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    """The scores of both faces of every pair, drawn towards the parent's mean of the same face.

    pair_scores: as the function of that name returns it. units: unit_id, period, unit_level, parent_unit_id. Returns
    the columns of `SHRUNK_PAIRS`, sorted by unit, period, pair and side; points of 0-100, null where there is no score.
    `score_se` is the half-width of the score's interval on its wider side over 1.96.
    """
    key = ["unit_id", "period"]
    rows = pair_scores.join(
        units.select(*key, pl.col("unit_level", "parent_unit_id").cast(pl.String)), on=key, how="inner", validate="m:1"
    )
    sides = [
        rows.select(
            *key,
            "pair_id",
            "unit_level",
            "parent_unit_id",
            side=pl.lit(side),
            score=pl.col(f"{side}_score"),
            score_se=pl.max_horizontal(
                pl.col(f"{side}_score_upper") - pl.col(f"{side}_score"),
                pl.col(f"{side}_score") - pl.col(f"{side}_score_lower"),
            )
            / Z,
        )
        for side in SIDES
    ]
    drawn = shrink(
        pl.concat(sides),
        "score",
        "score_se",
        Comparable(["period", "unit_level", "pair_id", "side"], "parent_unit_id"),
        (0.0, 100.0),
    ).rename({"shrunk": "shrunk_score"})
    return drawn.select(pl.col(name).cast(dtype) for name, dtype in SHRUNK_PAIRS.items()).sort(*key, "pair_id", "side")
