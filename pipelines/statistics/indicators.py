"""Scores of indicators: from windows of (n, s1, s2) to value, interval and 0-100 score (method §2-3, §13).

The rule of k is applied here, where the people behind a row are still known, and what else has to be hidden so that
nothing hidden can be worked out: what leaves this module is safe to publish, whole or in part.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.confidentiality.complementary import complementary, same_answers
from pipelines.confidentiality.suppression import (
    INSUFFICIENT,
    OK,
    SUPPRESSED,
    check_k,
    empty_suppressed,
    null_unless,
    row_status,
)
from pipelines.statistics import intervals
from pipelines.statistics.intervals import Array, Estimates

COMPOSITE = "composite"
"""Indicators named `composite.<mirror>.<side>` hold each respondent's own mean over the pairs of a mirror, on the
0-100 score scale. They carry the error of an index (method §4) and are never shown as indicators."""

KEY = ("unit_id", "period", "population", "indicator_id")

BATCH_ROWS = 200_000
"""Rows of windows worked on at once: about a quarter of a gigabyte."""

INDICATOR_SCORES: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "population": pl.String(),
    "indicator_id": pl.String(),
    "window_months": pl.Int64(),
    "n": pl.Float64(),
    "people": pl.Int64(),
    "value": pl.Float64(),
    "value_lower": pl.Float64(),
    "value_upper": pl.Float64(),
    "value_se": pl.Float64(),
    "score": pl.Float64(),
    "score_lower": pl.Float64(),
    "score_upper": pl.Float64(),
    "score_se": pl.Float64(),
    "score_reach_lower": pl.Float64(),
    "score_reach_upper": pl.Float64(),
    "variance_source": pl.String(),
    "status": pl.String(),
}
"""Columns of the frame that `indicator_scores` returns, in order, with their types."""

ESTIMATES = tuple(name for name in INDICATOR_SCORES if name.startswith(("value", "score")))

# Of millions of rows, texts that repeat are held by number until the end; by number they sort as they spell.
_TEXT_KEY = ("unit_id", "population", "indicator_id")
_TOLD = {
    "variance_source": pl.Enum(["binomial", "bound", "moderated", "multinomial", "poisson", "prior"]),
    "status": pl.Enum([OK, INSUFFICIENT, SUPPRESSED]),
}

_SOURCE = {"proportion": "binomial", "nps": "multinomial", "rate": "poisson"}
_NPS_MULTIPLIER = 100.0


@dataclass(frozen=True)
class Definitions:
    """The definitions in force, one frame per CSV seed of the same name (columns as in the seed's header).

    indicators: indicator_id, side, kind, multiplier, value_min, value_max, protects (others are ignored).
    goalposts: indicator_id, floor, goal. windows: indicator_id, window_months, min_n.
    mirror_pairs: pair_id, mirror, client_indicator_id, collaborator_indicator_id.
    weights: scope ('mirror' or 'pair'), id, weight.
    """

    indicators: pl.DataFrame
    goalposts: pl.DataFrame
    windows: pl.DataFrame
    mirror_pairs: pl.DataFrame
    weights: pl.DataFrame


def indicator_scores(
    windows: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    k: int,
    cells: pl.DataFrame | None = None,
    *,
    published: bool = True,
) -> pl.DataFrame:
    """Value, 95 % interval and score of every indicator, unit, period and population.

    windows: unit_id, period, population, indicator_id, window_months, n, s1, s2, people, conservative; one row per
    the first four. units: unit_id, period, unit_level, parent_unit_id; one row per unit and period that has a
    scorecard. k: the smallest number of people a figure about people may rest on. cells: unit_id, period, population,
    indicator_id, people of `indicator_stats`, from which the windows are summed; None says that no two windows share
    answers. published: False where the rows themselves never leave the stage (only sums over many units do); then
    nobody can work a hidden row out from them, and the rule of k alone hides.

    Returns the columns of `INDICATOR_SCORES`, sorted by key; values in displayed units (multiplier · s1/n), scores
    in points of 0-100. Rows of a unit and period not in `units`, or of an indicator not in force, are left out.
    `score_reach_lower`, `score_reach_upper`: the bounds that a difference of scores is made from (`difference`);
    for rates by `jeffreys_poisson`, since two exact intervals would count their reserve twice.
    An indicator without goalposts keeps its value and has no score. Status `suppressed` empties every number and
    the source of variance, whether the row itself is about too few people or another row could be worked out from it
    (`confidentiality.complementary`); `insufficient` (n below min_n) keeps n and people.

    Raises ValueError when a key occurs twice, a kind is unknown, or k is below the floor. Formulae: method §2-3.
    """
    check_k(k)
    texts = {name: pl.Enum(windows[name].cast(pl.String).unique().drop_nulls().sort()) for name in _TEXT_KEY}
    by_number: dict[str, pl.DataType] = {**texts, **_TOLD}
    parts = [
        _scores_of(batch, definitions, units, k, cells, published).with_columns(
            pl.col(name).cast(dtype) for name, dtype in by_number.items()
        )
        for batch in _batches(windows, definitions)
    ]
    return _sorted(parts)


def _batches(windows: pl.DataFrame, definitions: Definitions) -> Iterator[pl.DataFrame]:
    """The windows in parts of about `BATCH_ROWS` rows, indicators of the same answers never apart: what is worked out
    of one indicator needs those of the same answers and no other, and many at once need memory by the gigabyte."""
    sizes = windows.group_by(pl.col("indicator_id").cast(pl.String)).len()
    batch = ((pl.col("rows").cum_sum() - pl.col("rows")) // BATCH_ROWS).alias("batch")
    groups = _with_answers(sizes, definitions).group_by("answers").agg("indicator_id", rows=pl.col("len").sum())
    batches = groups.sort("answers").select("indicator_id", batch).explode("indicator_id")
    if batches["batch"].n_unique() <= 1:
        yield windows
        return
    for _, part in batches.group_by("batch", maintain_order=True):
        yield windows.filter(pl.col("indicator_id").cast(pl.String).is_in(part["indicator_id"].implode()))


def _scores_of(
    windows: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    k: int,
    cells: pl.DataFrame | None,
    published: bool,
) -> pl.DataFrame:
    """`indicator_scores` of some indicators, sorted by key."""
    rows = _pooled(_described(windows, definitions, units)).with_columns(status=row_status(k))
    if published:
        rows = complementary(_with_answers(rows, definitions), units, k, cells)
    shown = _scored(_estimated(rows.filter(pl.col("status") == OK)))
    scores = rows.join(shown.select(*KEY, *ESTIMATES, "variance_source"), on=KEY, how="left", validate="1:1")
    scores = scores.select(pl.col(name).cast(dtype) for name, dtype in INDICATOR_SCORES.items())
    scores = null_unless(scores, [*ESTIMATES, "variance_source"])
    return empty_suppressed(scores, keep=["window_months"], also=["variance_source"])


def _sorted(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """The parts as one frame in the order of the key, column by column: sorting whole rows would hold all twice."""
    stacked = pl.concat(parts, rechunk=False)
    parts.clear()
    order = stacked.select(KEY).with_row_index("row").sort(KEY)["row"]
    columns = []
    for name, dtype in INDICATOR_SCORES.items():
        columns.append(stacked[name].gather(order).cast(dtype))
        stacked = stacked.drop(name)
    return pl.DataFrame(columns)


def _described(windows: pl.DataFrame, definitions: Definitions, units: pl.DataFrame) -> pl.DataFrame:
    """Windows with their indicator's definition, goalposts, min_n and the unit's level; sorted by key."""
    twice = windows.select(KEY).filter(pl.struct(KEY).is_duplicated())
    if twice.height:
        raise ValueError(
            f"indicator_windows holds {twice.height} rows whose key occurs more than once, first "
            f"{twice.row(0)}; the key is {', '.join(KEY)}."
        )
    text = {"indicator_id": pl.String, "kind": pl.String, "protects": pl.String}
    number = {"multiplier": pl.Float64, "value_min": pl.Float64, "value_max": pl.Float64}
    described = definitions.indicators.select(*(pl.col(name).cast(dtype) for name, dtype in (text | number).items()))
    composites = _composites(windows).join(described, on="indicator_id", how="anti")
    described = pl.concat([described, composites.select(described.columns)])
    unknown = described.filter(~pl.col("kind").is_in([*_SOURCE, "mean"]).fill_null(False))
    if unknown.height:
        raise ValueError(
            f"Indicator {unknown['indicator_id'][0]!r} has kind {unknown['kind'][0]!r}; the kinds are "
            f"{', '.join([*_SOURCE, 'mean'])}."
        )
    needed = described.filter(pl.col("kind").is_in(["mean", "nps"]))["indicator_id"].implode()
    bare = windows.filter(
        pl.col("s1").is_null() | (pl.col("s2").is_null() & pl.col("indicator_id").is_in(needed)), pl.col("n") > 0
    )
    if bare.height:
        raise ValueError(
            f"{bare.height} rows of indicator_windows lack the sum their estimate needs (s1; for kinds mean and nps "
            f"s2 too), first {bare.select(KEY).row(0)}. A feed without sd must bring its largest s2."
        )
    goalposts = pl.concat(
        [
            definitions.goalposts.select(
                pl.col("indicator_id").cast(pl.String), pl.col("floor", "goal").cast(pl.Float64)
            ),
            # A composite already is on the score scale.
            composites.select("indicator_id", floor=pl.lit(0.0), goal=pl.lit(100.0)),
        ]
    ).unique("indicator_id", keep="first", maintain_order=True)
    min_n = definitions.windows.select(pl.col("indicator_id").cast(pl.String), pl.col("min_n").cast(pl.Float64)).unique(
        "indicator_id", keep="first", maintain_order=True
    )
    levels = units.select("unit_id", "period", pl.col("unit_level").cast(pl.String))
    return (
        windows.with_columns(pl.col("n", "s1", "s2").cast(pl.Float64), pl.col("people").cast(pl.Int64))
        .with_columns(pl.col("conservative").cast(pl.Boolean).fill_null(False))
        .join(levels, on=["unit_id", "period"], how="inner", validate="m:1")
        .join(described, on="indicator_id", how="inner", validate="m:1")
        .join(goalposts, on="indicator_id", how="left", validate="m:1")
        .join(min_n, on="indicator_id", how="left", validate="m:1")
        .with_columns(
            pl.when(pl.col("kind") == "nps")
            .then(_NPS_MULTIPLIER)
            .otherwise(pl.col("multiplier").fill_null(1.0))
            .alias("multiplier"),
            pl.col("min_n").fill_null(1.0),
        )
        # One order whatever the input's, so that floating-point sums do not depend on it.
        .sort(KEY)
    )


def _with_answers(rows: pl.DataFrame, definitions: Definitions) -> pl.DataFrame:
    """Add `answers`, the same text for indicators that are made of the same people and answers."""
    described = definitions.indicators
    if not {"measure", "topic", "side"} <= set(described.columns):
        return rows.with_columns(answers=pl.col("indicator_id"))
    return rows.join(same_answers(described), on="indicator_id", how="left", validate="m:1").with_columns(
        answers=pl.coalesce("answers", "indicator_id")
    )


def _composites(windows: pl.DataFrame) -> pl.DataFrame:
    """The definitions of the composites that occur: a mean on 0-100, about the people of their side."""
    part = pl.col("indicator_id").str.split_exact(".", 2)
    return (
        windows.select(pl.col("indicator_id").cast(pl.String).unique())
        .filter(pl.col("indicator_id").str.starts_with(f"{COMPOSITE}."))
        .with_columns(
            kind=pl.lit("mean"),
            protects=part.struct.field("field_2"),
            multiplier=pl.lit(1.0),
            value_min=pl.lit(0.0),
            value_max=pl.lit(100.0),
        )
        .sort("indicator_id")
    )


def _pooled(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `pooled`, the variance of one answer in displayed units, and `pooled_known`.

    Pooled within indicator, period, level and population: Σ(n-1)s² / Σ(n-1). Where nobody varies or nobody has
    two answers it is the variance of a uniform answer between the indicator's bounds. Rows whose variance is only
    a bound do not enter.
    """
    own = intervals.sample_variance(
        (rows["s1"] * rows["multiplier"]).to_numpy(),
        (rows["s2"] * rows["multiplier"] ** 2).to_numpy(),
        rows["n"].to_numpy(),
    )
    group = ["indicator_id", "period", "unit_level", "population"]
    counts = pl.col("own").is_not_nan() & ~pl.col("conservative") & (pl.col("kind") == "mean")
    freedom = pl.when(counts).then(pl.col("n") - 1.0).otherwise(0.0)
    squares = pl.when(counts).then((pl.col("n") - 1.0) * pl.col("own")).otherwise(0.0)
    # Bounds of one answer; without them the distance of the goalposts, without those the size of the value.
    spread = pl.coalesce(
        (pl.col("value_max") - pl.col("value_min")).abs(),
        (pl.col("goal") - pl.col("floor")).abs(),
        pl.max_horizontal((pl.col("multiplier") * pl.col("s1") / pl.col("n")).abs().fill_nan(1.0), pl.lit(1.0)),
    )
    pooled = squares.sum().over(group) / freedom.sum().over(group)
    return (
        rows.with_columns(own=pl.Series(own))
        .with_columns(pooled=pooled)
        .with_columns(pooled_known=pl.col("pooled").is_finite() & (pl.col("pooled") > 0))
        .with_columns(
            pooled=pl.when("pooled_known").then(pl.col("pooled")).otherwise(spread**2 / 12.0),
        )
    )


def _estimated(rows: pl.DataFrame) -> pl.DataFrame:
    """Add value, value_lower, value_upper, value_se (displayed units) and variance_source."""
    kind = rows["kind"].to_numpy()
    multiplier, n, s1, s2, pooled = (
        rows[name].cast(pl.Float64).to_numpy() for name in ("multiplier", "n", "s1", "s2", "pooled")
    )
    smallest, largest = (rows[name].fill_null(float("nan")).to_numpy() for name in ("value_min", "value_max"))
    total, squares = s1 * multiplier, s2 * multiplier**2
    # The largest variance the answers can have. At a bound of the scale it is nothing, and no error is ever
    # nothing, so there the row is treated as identical answers are: its own spread of zero is moderated.
    bound = squares / n - (total / n) ** 2
    bounded = rows["conservative"].to_numpy() & (bound > 1e-9 * pooled)
    moderated = intervals.moderated_variance(total, squares, pooled, n)
    by_kind: dict[str, Estimates] = {
        "proportion": _times(intervals.wilson(s1, n), multiplier),
        "nps": _times(intervals.adjusted_wald_nps(s1, s2, n), multiplier),
        "rate": _times(intervals.exact_poisson(s1, n), multiplier),
        "mean": intervals.mean_interval(
            total, np.where(bounded, bound, moderated), n, smallest=smallest, largest=largest
        ),
    }
    columns = {
        f"value_{name}" if name != "value" else name: np.select(
            [kind == which for which in by_kind],
            [getattr(estimates, name) for estimates in by_kind.values()],
            default=np.nan,
        )
        for name in Estimates._fields
    }
    jeffreys = _times(intervals.jeffreys_poisson(s1, n), multiplier)
    for end in ("lower", "upper"):
        columns[f"reach_{end}"] = np.where(kind == "rate", getattr(jeffreys, end), columns[f"value_{end}"])
    source = (
        pl.when(pl.col("kind") != "mean")
        .then(
            pl.when(pl.col("conservative") & (pl.col("kind") == "nps"))
            .then(pl.lit("bound"))
            .otherwise(pl.col("kind").replace_strict(_SOURCE, default=None, return_dtype=pl.String))
        )
        .when(pl.Series(bounded, dtype=pl.Boolean))
        .then(pl.lit("bound"))
        .when("pooled_known")
        .then(pl.lit("moderated"))
        .otherwise(pl.lit("prior"))
    )
    return rows.with_columns(source.alias("variance_source"), *(pl.Series(k, v) for k, v in columns.items()))


def _times(estimates: Estimates, multiplier: Array) -> Estimates:
    """The same estimates in displayed units."""
    return Estimates(*(part * multiplier for part in estimates))


def _scored(rows: pl.DataFrame) -> pl.DataFrame:
    """Add score and its bounds (0-100, clipped) and score_se (not clipped), through the goalposts."""
    slope = 100.0 / (pl.col("goal") - pl.col("floor"))

    def score(name: str) -> pl.Expr:
        return ((pl.col(name) - pl.col("floor")) * slope).clip(0.0, 100.0)

    def reach(end: str) -> pl.Expr:
        return score("value") - (pl.col("value") - pl.col(f"reach_{end}")) * slope

    # An interval wholly beyond a goalpost would be cut to nothing, and no error is ever nothing.
    cut_away = score("reach_lower") == score("reach_upper")

    def bound(end: str) -> pl.Expr:
        return pl.when(cut_away).then(reach(end)).otherwise(score(f"reach_{end}"))

    return rows.with_columns(
        score=score("value"),
        # Where low is good the slope is negative and the bounds change places.
        score_lower=pl.min_horizontal(score("value_lower"), score("value_upper")),
        score_upper=pl.max_horizontal(score("value_lower"), score("value_upper")),
        score_se=pl.col("value_se") * slope.abs(),
        score_reach_lower=pl.min_horizontal(bound("lower"), bound("upper")),
        score_reach_upper=pl.max_horizontal(bound("lower"), bound("upper")),
    )
