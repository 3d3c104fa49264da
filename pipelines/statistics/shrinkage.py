"""Small units: empirical Bayes towards the mean of the unit's parent (method §6)."""

import polars as pl

from pipelines.statistics.intervals import Z

SHRUNK: dict[str, pl.DataType] = {
    "shrinkage": pl.Float64(),
    "shrunk": pl.Float64(),
    "shrunk_se": pl.Float64(),
    "shrunk_lower": pl.Float64(),
    "shrunk_upper": pl.Float64(),
}
"""Columns that `shrink` adds, in order, with their types."""

FEWEST_SIBLINGS = 3
"""With fewer scored children a parent's mean is hardly more than the unit itself: the level's mean stands for it."""


def shrink(
    frame: pl.DataFrame, value: str, error: str, *, level: list[str], parent: str, bounds: tuple[float, float]
) -> pl.DataFrame:
    """Add the empirical-Bayes estimate of `value`, drawn towards the mean of the units with the same parent.

    frame: one row per unit within `level` (the columns within which units are comparable, such as period and
    unit_level); `value` in points with standard error `error` (above 0, same unit), null where there is no figure;
    `parent` the column of the parent's id (null: no parent). bounds: what a value may be, for the interval.

    Adds the columns of `SHRUNK`: `shrinkage` is λ = τ²/(τ² + se²), the share of the unit's own figure that is kept;
    shrunk = λ·value + (1 - λ)·mean, the mean weighted by 1/(τ² + se²); its error is √(λ·se² + (1 - λ)²·var(mean)).
    τ², the true variance of units about their parent's mean, is that of DerSimonian & Laird (1986) from the
    heterogeneity within parents, Q = Σ w (value - parent's mean)² with w = 1/se² on N - P degrees of freedom. A unit
    whose parent has fewer than three scored children is drawn towards the mean of its level. Where a level has fewer
    than three scored units τ² cannot be told, and the figure stays what it is, λ = 1.
    """
    group, family = [*level, "_family"], pl.col("_family")
    known = pl.col(value).is_not_null() & (pl.col(error) > 0)
    rows = frame.with_row_index("_row")
    rows_known = rows.filter(known).with_columns(_family=pl.col(parent).cast(pl.String).fill_null(""))
    children = pl.len().over(group)
    rows_known = rows_known.with_columns(
        _family=pl.when(children >= FEWEST_SIBLINGS).then(family).otherwise(None),
        _weight=1.0 / pl.col(error) ** 2,
    )
    mean = (pl.col("_weight") * pl.col(value)).sum() / pl.col("_weight").sum()
    rows_known = rows_known.with_columns(
        _spread=pl.col("_weight") * (pl.col(value) - mean.over(group)) ** 2,
        _families=pl.col("_family").n_unique().over(level),
        _units=pl.len().over(level),
        # Σw - Σ(w²)/Σw of each family, once for each of its members' share.
        _scale=pl.col("_weight") - pl.col("_weight") ** 2 / pl.col("_weight").sum().over(group),
    )
    rows_known = rows_known.with_columns(
        _tau2=(
            (pl.col("_spread").sum().over(level) - (pl.col("_units") - pl.col("_families")))
            / pl.col("_scale").sum().over(level)
        ).clip(lower_bound=0.0)
    ).with_columns(_precision=1.0 / (pl.col("_tau2") + pl.col(error) ** 2))
    level_mean = (pl.col("_precision") * pl.col(value)).sum() / pl.col("_precision").sum()
    told = (pl.col("_units") >= FEWEST_SIBLINGS) & pl.col("_tau2").is_finite()
    in_family = pl.col("_family").is_not_null()
    rows_known = rows_known.with_columns(
        _centre=pl.when(in_family).then(level_mean.over(group)).otherwise(level_mean.over(level)),
        _centre_variance=1.0
        / pl.when(in_family)
        .then(pl.col("_precision").sum().over(group))
        .otherwise(pl.col("_precision").sum().over(level)),
        shrinkage=pl.when(told).then(pl.col("_tau2") * pl.col("_precision")).otherwise(1.0),
    )
    kept, drawn = pl.col("shrinkage"), 1.0 - pl.col("shrinkage")
    rows_known = rows_known.with_columns(
        shrunk=kept * pl.col(value) + drawn * pl.col("_centre"),
        shrunk_se=(kept * pl.col(error) ** 2 + drawn**2 * pl.col("_centre_variance")).sqrt(),
    ).with_columns(
        shrunk_lower=(pl.col("shrunk") - Z * pl.col("shrunk_se")).clip(*bounds),
        shrunk_upper=(pl.col("shrunk") + Z * pl.col("shrunk_se")).clip(*bounds),
    )
    return rows.join(rows_known.select("_row", *SHRUNK), on="_row", how="left", validate="1:1").drop("_row")


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
    Returns the columns of `SHRUNK_INDICES`, sorted by unit, period and measure; points. `rank` is by the shrunken
    figure among the `ranked` units of the month and level, 1 the highest, ties sharing the better. Numbers are null
    where the unit's status is not `ok`.
    """
    key = ["unit_id", "period"]
    rows = unit_indices.join(
        units.select(*key, pl.col("unit_level", "parent_unit_id").cast(pl.String)), on=key, how="inner", validate="1:1"
    )
    # The symmetry index has bounds and no error among its columns; they are symmetric but where they meet 0 or 100.
    rows = rows.with_columns(
        symmetry_index_se=pl.max_horizontal(
            pl.col("symmetry_index_upper") - pl.col("symmetry_index"),
            pl.col("symmetry_index") - pl.col("symmetry_index_lower"),
        )
        / Z
    )
    level = ["period", "unit_level"]
    parts = [
        shrink(rows, name, f"{name}_se", level=level, parent="parent_unit_id", bounds=bounds).select(
            *key, pl.lit(name).alias("measure"), pl.col(name).alias("value"), *SHRUNK, "unit_level"
        )
        for name, bounds in MEASURES.items()
    ]
    group = [*level, "measure"]
    return (
        pl.concat(parts)
        .with_columns(
            rank=pl.col("shrunk").rank("min", descending=True).over(group), ranked=pl.col("shrunk").count().over(group)
        )
        .with_columns(ranked=pl.when(pl.col("rank").is_not_null()).then(pl.col("ranked")))
        .select(pl.col(name).cast(dtype) for name, dtype in SHRUNK_INDICES.items())
        .sort(*key, "measure")
    )


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
        for side in ("client", "collaborator")
    ]
    drawn = shrink(
        pl.concat(sides),
        "score",
        "score_se",
        level=["period", "unit_level", "pair_id", "side"],
        parent="parent_unit_id",
        bounds=(0.0, 100.0),
    ).rename({"shrunk": "shrunk_score"})
    return drawn.select(pl.col(name).cast(dtype) for name, dtype in SHRUNK_PAIRS.items()).sort(*key, "pair_id", "side")
