"""The faces of the pairs in long form: one row per unit, month, pair and side, with what the pair weighs.

`indices` sets the two faces of a pair side by side; what judges each face by itself (`swot`, `robustness`) starts
from here.
"""

import polars as pl

from pipelines.confidentiality.suppression import INSUFFICIENT, OK, SUPPRESSED
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import SIDES

FACE_KEY = ("unit_id", "period", "pair_id", "side")

FACES: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "pair_id": pl.String(),
    "side": pl.String(),
    "mirror": pl.String(),
    "indicator_id": pl.String(),
    "window_months": pl.Int64(),
    "score": pl.Float64(),
    "score_se": pl.Float64(),
    "status": pl.String(),
}
"""Columns of the frame that `faces` returns, in order, with their types."""


def faces(indicator_scores: pl.DataFrame, definitions: Definitions, units: pl.DataFrame) -> pl.DataFrame:
    """Both faces of every pair in force, for every unit and period in units.

    indicator_scores: as `indicators.indicator_scores` returns it; population `all` is used. units: unit_id, period.
    Returns the columns of `FACES`, sorted by `FACE_KEY`; score and score_se in points of 0-100, null unless `ok`.
    Status as a face of `pair_scores`: `suppressed`, `ok` where there is a score, else `insufficient`.
    """
    pairs = definitions.mirror_pairs.select(
        pl.col("pair_id", "mirror", "client_indicator_id", "collaborator_indicator_id").cast(pl.String)
    )
    sides = pl.concat(
        pairs.select("pair_id", "mirror", side=pl.lit(side), indicator_id=pl.col(f"{side}_indicator_id"))
        for side in SIDES
    )
    scores = indicator_scores.filter(pl.col("population") == "all").select(
        "unit_id", "period", "indicator_id", "window_months", "score", "score_se", known="status"
    )
    return (
        units.select("unit_id", "period")
        .unique()
        .join(sides, how="cross")
        .join(scores, on=["unit_id", "period", "indicator_id"], how="left", validate="m:1")
        .with_columns(
            status=pl.when(pl.col("known") == SUPPRESSED)
            .then(pl.lit(SUPPRESSED))
            .when(pl.col("score").is_not_null())
            .then(pl.lit(OK))
            .otherwise(pl.lit(INSUFFICIENT))
        )
        .select(pl.col(name).cast(dtype) for name, dtype in FACES.items())
        .sort(FACE_KEY)
    )


def pair_weights(definitions: Definitions) -> pl.DataFrame:
    """pair_id, weight: the share (0-1) of a whole index that each pair carries when every pair is scored.

    The mirror's weight over that of all mirrors with a weighted pair, times the pair's weight over that of its
    mirror's pairs. A pair or mirror without a weight carries nothing. Sorted by pair.
    """
    weights = definitions.weights.select(
        pl.col("scope").cast(pl.String), pl.col("id").cast(pl.String), pl.col("weight").cast(pl.Float64)
    )

    def of(scope: str, name: str, weight: str) -> pl.DataFrame:
        return weights.filter(pl.col("scope") == scope).select(pl.col("id").alias(name), weight=weight)

    rows = (
        definitions.mirror_pairs.select(pl.col("pair_id", "mirror").cast(pl.String))
        .join(of("pair", "pair_id", "weight").rename({"weight": "own"}), on="pair_id", how="left", validate="1:1")
        .join(of("mirror", "mirror", "weight").rename({"weight": "whole"}), on="mirror", how="left", validate="m:1")
        .with_columns(pl.col("own", "whole").fill_null(0.0))
        .with_columns(within=pl.col("own").sum().over("mirror"))
        .with_columns(whole=pl.when(pl.col("within") > 0).then(pl.col("whole")).otherwise(0.0))
    )
    mirrors = rows.unique("mirror")["whole"].sum()
    share = pl.col("own") / pl.col("within") * pl.col("whole") / mirrors
    return rows.select("pair_id", weight=share.fill_nan(0.0)).sort("pair_id")
