"""Pairs and indices: from scores of indicators to C, E, their gap and the symmetry index (method §4)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.confidentiality.suppression import INSUFFICIENT, OK, SUPPRESSED, empty_suppressed, null_unless
from pipelines.statistics.indicators import COMPOSITE, Definitions
from pipelines.statistics.intervals import Array, Estimates, Z, difference

MIRRORS = ("perception", "journey", "conduct")
INDEPENDENT_MIRROR = "conduct"
"""The mirror whose pairs are taken as independent; in any other, one respondent's answers move together."""

SIDES = ("client", "collaborator")
TOLERANCE = 1e-9
"""Sums of weights such as 0.1 + 0.2 must not miss a threshold by rounding."""

PAIR_SCORES: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "pair_id": pl.String(),
    "mirror": pl.String(),
    "client_status": pl.String(),
    "collaborator_status": pl.String(),
    "client_score": pl.Float64(),
    "client_score_lower": pl.Float64(),
    "client_score_upper": pl.Float64(),
    "collaborator_score": pl.Float64(),
    "collaborator_score_lower": pl.Float64(),
    "collaborator_score_upper": pl.Float64(),
    "gap": pl.Float64(),
    "gap_lower": pl.Float64(),
    "gap_upper": pl.Float64(),
    "gap_se": pl.Float64(),
    "status": pl.String(),
}
"""Columns of the frame that `pair_scores` returns, in order, with their types."""

_INTERVALS = ("", "_lower", "_upper", "_se")
UNIT_INDICES: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "status": pl.String(),
    "weight_present": pl.Float64(),
    "pairs_scored": pl.Int64(),
    **{f"client_index{end}": pl.Float64() for end in _INTERVALS},
    **{f"collaborator_index{end}": pl.Float64() for end in _INTERVALS},
    **{f"gap{end}": pl.Float64() for end in _INTERVALS},
    "level": pl.Float64(),
    "symmetry": pl.Float64(),
    "symmetry_index": pl.Float64(),
    "symmetry_index_lower": pl.Float64(),
    "symmetry_index_upper": pl.Float64(),
    "quadrant": pl.String(),
    "human_sigma": pl.Float64(),
    **{f"{mirror}_{side}": pl.Float64() for mirror in MIRRORS for side in SIDES},
}
"""Columns of the frame that `unit_indices` returns, in order, with their types."""

_COUNTS = ("weight_present", "pairs_scored")
_UNIT = ["unit_id", "period"]


@dataclass(frozen=True)
class Parameters:
    """The thresholds of the indices: `bar` in points of 0-100, `coverage` as the share of weight an index needs."""

    bar: float = 60.0
    coverage: float = 0.6

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "Parameters":
        """Read from the seed `parameters` (name, value); a name that is absent keeps its default.

        Raises ValueError when the bar is outside 0-100 or the coverage outside 0-1.
        """
        values: Mapping[str, float] = {
            str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()
        }
        result = cls(bar=values.get("bar", cls.bar), coverage=values.get("coverage", cls.coverage))
        if not 0.0 <= result.bar <= 100.0:
            raise ValueError(f"parameters.csv: bar is {result.bar}; it is a score and must lie within 0 to 100.")
        if not 0.0 < result.coverage <= 1.0:
            raise ValueError(
                f"parameters.csv: coverage is {result.coverage}; it is a share of the weight, above 0 and up to 1."
            )
        return result


def pair_scores(indicator_scores: pl.DataFrame, definitions: Definitions, units: pl.DataFrame) -> pl.DataFrame:
    """Client face beside collaborator face, with the gap, for every unit, period and pair in force.

    indicator_scores: as `indicators.indicator_scores` returns it; population `all` is used. units: unit_id, period.
    Returns the columns of `PAIR_SCORES`, sorted by unit, period and pair; points of 0-100, the gap in -100 to 100.
    A face that is missing or has no score is `insufficient`. The pair is `suppressed` if either face is, else
    `insufficient` if either is, else `ok`; the gap is null unless `ok`. The two faces rest on different people and
    are taken as independent: the interval of the gap is that of `intervals.difference`, gap_se its half-width / 1.96.
    """
    scores = _faces(indicator_scores, definitions, units)
    gap = difference(*(_estimates(scores, side) for side in SIDES))
    scores = scores.with_columns(
        gap=pl.Series(gap.value),
        gap_lower=pl.Series(np.clip(gap.lower, -100.0, 100.0)),
        gap_upper=pl.Series(np.clip(gap.upper, -100.0, 100.0)),
        gap_se=pl.Series(gap.se),
    ).select(pl.col(name).cast(dtype) for name, dtype in PAIR_SCORES.items())
    return null_unless(scores, ["gap", "gap_lower", "gap_upper", "gap_se"]).sort(*_UNIT, "pair_id")


def unit_indices(
    pair_scores: pl.DataFrame,
    indicator_scores: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    parameters: Parameters,
) -> pl.DataFrame:
    """Client and collaborator index, gap, level, symmetry index, quadrant and human sigma of unit and period.

    pair_scores and indicator_scores: as the functions of those names return them (the latter with composites).
    units: unit_id, period, unit_level; the result has exactly one row for each of its rows. Returns the columns of
    `UNIT_INDICES`, sorted by unit and period; points of 0-100, the gap in -100 to 100, weight_present in 0-1.

    Status `ok` needs `coverage` of the weight in pairs with both faces scored; `suppressed` means that it would
    suffice were suppressed pairs counted; else `insufficient`. Every number is null unless `ok`, save
    weight_present and pairs_scored, which `insufficient` keeps.

    Errors (method §4): of a mirror, that of the respondents' own means where there is such a composite of at
    least two respondents, it is below the weighted sum of errors and no face rests on a bound, else that sum; of
    conduct, the root of the sum of squares; mirrors and sides independent. The interval of the symmetry index is by
    the delta method.
    Raises ValueError when a unit and period occur twice in units.
    """
    twice = units.filter(pl.struct(_UNIT).is_duplicated())
    if twice.height:
        first = twice.select(_UNIT).row(0)
        raise ValueError(f"units holds {first} {twice.height} times or more; its key is unit_id, period.")
    mirrors = mirror_means(pair_scores, indicator_scores, definitions)
    wide = _wide(mirrors)
    joined = (
        units.select(*_UNIT, pl.col("unit_level").cast(pl.String))
        .join(_combined(mirrors), on=_UNIT, how="left", validate="1:1")
        .join(wide, on=_UNIT, how="left", validate="1:1")
        .with_columns(
            pl.col("weight_present", "weight_possible").fill_null(0.0),
            pl.col("pairs_scored").fill_null(0),
        )
        .with_columns(
            status=pl.when(pl.col("weight_present") >= parameters.coverage - TOLERANCE)
            .then(pl.lit(OK))
            .when(pl.col("weight_possible") >= parameters.coverage - TOLERANCE)
            .then(pl.lit(SUPPRESSED))
            .otherwise(pl.lit(INSUFFICIENT))
        )
        .sort(_UNIT)
    )
    complete = _ranked(_symmetry(joined, parameters.bar))
    result = complete.select(pl.col(name).cast(dtype) for name, dtype in UNIT_INDICES.items())
    numbers = [name for name, dtype in UNIT_INDICES.items() if dtype == pl.Float64 and name not in _COUNTS]
    return empty_suppressed(null_unless(result, [*numbers, "quadrant"]), keep=[], also=["quadrant"])


def _faces(indicator_scores: pl.DataFrame, definitions: Definitions, units: pl.DataFrame) -> pl.DataFrame:
    """Every unit, period and pair with both faces: status, score, bounds, se and source of variance of each."""
    pairs = definitions.mirror_pairs.select(
        pl.col("pair_id", "mirror", "client_indicator_id", "collaborator_indicator_id").cast(pl.String)
    )
    grid = units.select(_UNIT).unique().join(pairs, how="cross")
    for side in SIDES:
        grid = grid.join(
            _face(indicator_scores, side),
            on=[*_UNIT, f"{side}_indicator_id"],
            how="left",
            validate="m:1",
        ).with_columns(
            pl.when(pl.col(f"{side}_status") == SUPPRESSED)
            .then(pl.lit(SUPPRESSED))
            .when(pl.col(f"{side}_score").is_not_null())
            .then(pl.lit(OK))
            .otherwise(pl.lit(INSUFFICIENT))
            .alias(f"{side}_status")
        )
    either = [pl.col("client_status"), pl.col("collaborator_status")]
    return grid.with_columns(
        status=pl.when(pl.any_horizontal(part == SUPPRESSED for part in either))
        .then(pl.lit(SUPPRESSED))
        .when(pl.all_horizontal(part == OK for part in either))
        .then(pl.lit(OK))
        .otherwise(pl.lit(INSUFFICIENT))
    )


def _estimates(faces: pl.DataFrame, side: str) -> Estimates:
    """One side's scores with the bounds that a difference is made from; NaN where there is none."""
    score, lower, upper, error = (
        faces[f"{side}_{name}"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        for name in ("score", "reach_lower", "reach_upper", "se")
    )
    return Estimates(score, lower, upper, error)


def _face(indicator_scores: pl.DataFrame, side: str) -> pl.DataFrame:
    """Scores of population `all`, named for one side of a pair."""
    return indicator_scores.filter(pl.col("population") == "all").select(
        *_UNIT,
        pl.col("indicator_id").alias(f"{side}_indicator_id"),
        pl.col("status").alias(f"{side}_status"),
        *(pl.col(f"score{end}").alias(f"{side}_score{end}") for end in ("", "_lower", "_upper")),
        pl.col("score_se").alias(f"{side}_se"),
        *(pl.col(f"score_reach_{end}").alias(f"{side}_reach_{end}") for end in ("lower", "upper")),
        pl.col("variance_source").alias(f"{side}_source"),
    )


def _weights(definitions: Definitions, scope: str, id_name: str, weight_name: str) -> pl.DataFrame:
    """The weights of one scope, under the names of the frame they join."""
    return definitions.weights.filter(pl.col("scope") == scope).select(
        pl.col("id").cast(pl.String).alias(id_name), pl.col("weight").cast(pl.Float64).alias(weight_name)
    )


def mirror_means(pair_scores: pl.DataFrame, indicator_scores: pl.DataFrame, definitions: Definitions) -> pl.DataFrame:
    """One row per unit, period and mirror: both means over its scored pairs, their errors, and the weights."""
    faces = definitions.mirror_pairs.select(
        pl.col("pair_id", "client_indicator_id", "collaborator_indicator_id").cast(pl.String)
    )
    pairs = (
        pair_scores.join(faces, on="pair_id", how="inner", validate="m:1")
        .join(_weights(definitions, "pair", "pair_id", "weight"), on="pair_id", how="left", validate="m:1")
        .join(_weights(definitions, "mirror", "mirror", "mirror_weight"), on="mirror", how="left", validate="m:1")
        .with_columns(pl.col("weight", "mirror_weight").fill_null(0.0))
    )
    for side in SIDES:
        errors = _face(indicator_scores, side).select(*_UNIT, f"{side}_indicator_id", f"{side}_se", f"{side}_source")
        pairs = pairs.join(errors, on=[*_UNIT, f"{side}_indicator_id"], how="left", validate="m:1")
    pairs = pairs.sort(*_UNIT, "mirror", "pair_id")

    scored = pl.col("status") == OK
    present = pl.when(scored).then(pl.col("weight")).otherwise(0.0)
    possible = pl.when(scored | (pl.col("status") == SUPPRESSED)).then(pl.col("weight")).otherwise(0.0)
    sums = [
        expression
        for side in SIDES
        for expression in (
            (present * pl.col(f"{side}_score")).sum().alias(f"{side}_sum"),
            (present * pl.col(f"{side}_se")).sum().alias(f"{side}_linear"),
            ((present * pl.col(f"{side}_se")) ** 2).sum().sqrt().alias(f"{side}_independent"),
            (scored & (pl.col(f"{side}_source") == "bound").fill_null(False)).any().alias(f"{side}_bound"),
        )
    ]
    mirrors = pairs.group_by(*_UNIT, "mirror", maintain_order=True).agg(
        pl.col("mirror_weight").first(),
        pl.col("weight").sum().alias("whole"),
        present.sum().alias("present"),
        possible.sum().alias("possible"),
        scored.sum().cast(pl.Int64).alias("pairs"),
        *sums,
    )
    composites = _composite_errors(indicator_scores)
    for side in SIDES:
        composite = composites.filter(pl.col("side") == side).select(
            *_UNIT, "mirror", pl.col("value_se").alias(f"{side}_composite")
        )
        mirrors = mirrors.join(composite, on=[*_UNIT, "mirror"], how="left", validate="1:1").with_columns(
            (pl.col(f"{side}_sum") / pl.col("present")).clip(0.0, 100.0).alias(f"{side}_mean"),
            pl.when(pl.col("mirror") == INDEPENDENT_MIRROR)
            .then(pl.col(f"{side}_independent") / pl.col("present"))
            .when(pl.col(f"{side}_composite").is_not_null() & ~pl.col(f"{side}_bound"))
            # No weighted mean errs by more than the weighted sum of its parts' errors. A composite of the few who
            # answered enough of the pairs can come out above that, and would then only tell how few they are.
            .then(pl.min_horizontal(f"{side}_composite", pl.col(f"{side}_linear") / pl.col("present")))
            .otherwise(pl.col(f"{side}_linear") / pl.col("present"))
            .alias(f"{side}_error"),
        )
    return mirrors


def _composite_errors(indicator_scores: pl.DataFrame) -> pl.DataFrame:
    """Error of the respondents' own means (points) by unit, period, mirror and side, of two respondents or more."""
    part = pl.col("indicator_id").str.split_exact(".", 2)
    return (
        indicator_scores.filter(
            pl.col("indicator_id").str.starts_with(f"{COMPOSITE}."),
            pl.col("population") == "all",
            pl.col("status") == OK,
            pl.col("n") >= 2,
        )
        .with_columns(mirror=part.struct.field("field_1"), side=part.struct.field("field_2"))
        .select(*_UNIT, "mirror", "side", "value_se")
    )


def _combined(mirrors: pl.DataFrame) -> pl.DataFrame:
    """One row per unit and period: both indices with errors, over the mirrors present, and the weight present."""
    # A mirror without a scored pair has mean 0/0; it must weigh nothing and add nothing.
    weight = pl.when(pl.col("present") > 0).then(pl.col("mirror_weight")).otherwise(0.0)

    def summed(expression: pl.Expr) -> pl.Expr:
        return pl.when(pl.col("present") > 0).then(expression).otherwise(0.0).sum()

    share = pl.col("mirror_weight") / pl.col("whole")
    total = pl.when(pl.col("whole") > 0).then(pl.col("mirror_weight")).otherwise(0.0).sum()
    combined = mirrors.group_by(_UNIT, maintain_order=True).agg(
        weight.sum().alias("weight"),
        (pl.when(pl.col("whole") > 0).then(share * pl.col("present")).otherwise(0.0).sum() / total).alias(
            "weight_present"
        ),
        (pl.when(pl.col("whole") > 0).then(share * pl.col("possible")).otherwise(0.0).sum() / total).alias(
            "weight_possible"
        ),
        pl.col("pairs").sum().alias("pairs_scored"),
        *(summed(weight * pl.col(f"{side}_mean")).alias(f"{side}_sum") for side in SIDES),
        *(summed((weight * pl.col(f"{side}_error")) ** 2).sqrt().alias(f"{side}_root") for side in SIDES),
    )
    return combined.with_columns(pl.col("weight_present", "weight_possible").fill_nan(0.0).clip(0.0, 1.0)).select(
        *_UNIT,
        "weight_present",
        "weight_possible",
        "pairs_scored",
        *((pl.col(f"{side}_sum") / pl.col("weight")).alias(f"{side}_index") for side in SIDES),
        *((pl.col(f"{side}_root") / pl.col("weight")).alias(f"{side}_index_se") for side in SIDES),
    )


def _wide(mirrors: pl.DataFrame) -> pl.DataFrame:
    """Each mirror's two means as columns, null where the mirror has no scored pair."""
    return mirrors.group_by(_UNIT, maintain_order=True).agg(
        pl.col(f"{side}_mean")
        .filter((pl.col("mirror") == mirror) & (pl.col("present") > 0))
        .first()
        .alias(f"{mirror}_{side}")
        for mirror in MIRRORS
        for side in SIDES
    )


def _symmetry(rows: pl.DataFrame, bar: float) -> pl.DataFrame:
    """Add gap, level, symmetry, symmetry index and quadrant, with intervals, to rows with both indices."""
    shown = pl.col("status") == OK
    rows = rows.with_columns(
        pl.when(shown).then(pl.col(f"{side}_index{end}")).otherwise(None).alias(f"{side}_index{end}")
        for side in SIDES
        for end in ("", "_se")
    )
    client = rows["client_index"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    client_se = rows["client_index_se"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    team = rows["collaborator_index"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    team_se = rows["collaborator_index_se"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    gap, gap_se = client - team, np.hypot(client_se, team_se)
    level, symmetry = np.sqrt(client * team), 100.0 - np.abs(gap)
    index = level * symmetry / 100.0
    half = Z * symmetry_index_se(client, client_se, team, team_se)
    columns: dict[str, Array] = {
        "client_index_lower": np.clip(client - Z * client_se, 0.0, 100.0),
        "client_index_upper": np.clip(client + Z * client_se, 0.0, 100.0),
        "collaborator_index_lower": np.clip(team - Z * team_se, 0.0, 100.0),
        "collaborator_index_upper": np.clip(team + Z * team_se, 0.0, 100.0),
        "gap": gap,
        "gap_lower": np.clip(gap - Z * gap_se, -100.0, 100.0),
        "gap_upper": np.clip(gap + Z * gap_se, -100.0, 100.0),
        "gap_se": gap_se,
        "level": level,
        "symmetry": symmetry,
        "symmetry_index": index,
        "symmetry_index_lower": np.clip(index - half, 0.0, 100.0),
        "symmetry_index_upper": np.clip(index + half, 0.0, 100.0),
    }

    def crosses(side: str) -> pl.Expr:
        return (pl.col(f"{side}_index_lower") < bar) & (pl.col(f"{side}_index_upper") >= bar)

    client_holds, team_holds = pl.col("client_index") >= bar, pl.col("collaborator_index") >= bar
    return rows.with_columns(
        pl.Series(name, values, dtype=pl.Float64).fill_nan(None) for name, values in columns.items()
    ).with_columns(
        quadrant=pl.when(~shown)
        .then(None)
        .when(crosses("client") | crosses("collaborator"))
        .then(pl.lit("borderline"))
        .when(client_holds & team_holds)
        .then(pl.lit("virtuous"))
        .when(client_holds)
        .then(pl.lit("client_first"))
        .when(team_holds)
        .then(pl.lit("team_first"))
        .otherwise(pl.lit("double_deficit"))
    )


def symmetry_index_se(client: Array, client_se: Array, team: Array, team_se: Array) -> Array:
    """Standard error (points) of √(C·E)·(100 - |C - E|)/100 by the delta method, for arrays of one shape.

    Two places where the formula has no derivative are met on the safe side. Where the sign of the gap is not
    settled (|gap| within 1.96 of its error) the larger of the two one-sided errors is taken. Where an index is
    below its own error, its error stands for it in the derivative of the root, which is infinite at zero.
    """
    level, symmetry = np.sqrt(client * team), 100.0 - np.abs(client - team)
    safe_client, safe_team = np.maximum(client, client_se), np.maximum(team, team_se)
    by_client = 0.5 * np.sqrt(safe_team / safe_client) * symmetry / 100.0
    by_team = 0.5 * np.sqrt(safe_client / safe_team) * symmetry / 100.0

    def error(sign: Array | float) -> Array:
        return np.hypot((by_client - sign * level / 100.0) * client_se, (by_team + sign * level / 100.0) * team_se)

    gap = client - team
    settled = np.abs(gap) > Z * np.hypot(client_se, team_se)
    return np.where(settled, error(np.sign(gap)), np.maximum(error(1.0), error(-1.0)))


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """Add human_sigma: the geometric mean of the two percentile ranks among scored units of a period and level.

    Percentile rank = 100·(rank - 0.5)/N with average ranks; a unit alone at its level stands at 50.
    """
    group = ["period", "unit_level"]

    def percentile(name: str) -> pl.Expr:
        # Only scored units have an index here, and nulls are neither ranked nor counted.
        rank = pl.col(name).rank("average").over(group)
        return (rank - 0.5) / pl.col(name).count().over(group) * 100.0

    return rows.with_columns(human_sigma=(percentile("client_index") * percentile("collaborator_index")).sqrt())
