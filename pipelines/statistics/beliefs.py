"""What each side believes: what staff estimate that clients feel, beside what clients say themselves (method §12)."""

import polars as pl

from pipelines.confidentiality.suppression import INSUFFICIENT, OK, SUPPRESSED, null_unless
from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.intervals import Z

BELIEF = "belief"
"""Windows named `belief.<role>.<dimension>` hold answers on 0-100: of role `client` what clients say themselves, of
any other role what it estimates that clients feel."""

CLIENT = "client"
SURVEYS = ("survey_mean", "survey_top_box", "survey_nps")

_INTERVAL = ("", "_lower", "_upper", "_se")
BELIEFS: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "role": pl.String(),
    "dimension": pl.String(),
    **{f"estimate{end}": pl.Float64() for end in _INTERVAL},
    "estimates": pl.Float64(),
    "estimating_people": pl.Int64(),
    **{f"answer{end}": pl.Float64() for end in _INTERVAL},
    "answers": pl.Float64(),
    "answering_people": pl.Int64(),
    **{f"difference{end}": pl.Float64() for end in _INTERVAL},
    "status": pl.String(),
}
"""Columns of the frame that `beliefs` returns, in order, with their types."""

_KEY = ("unit_id", "period", "role", "dimension")


def beliefs(
    windows: pl.DataFrame, definitions: Definitions, units: pl.DataFrame, k: int, cells: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Estimate, clients' own answer and their difference for every unit, period, role and dimension estimated.

    windows: `indicator_windows` (as for `indicators.indicator_scores`); rows named `belief.…` are used. definitions:
    indicators also with topic and measure; the smallest n of an answer or estimate is the min_n of the survey
    indicator of its side on that dimension. units: unit_id, period, unit_level, parent_unit_id. k: smallest number of
    people. cells: as for `indicators.indicator_scores`.

    Returns the columns of `BELIEFS`, sorted by key: one row for every unit and period and every role and dimension
    that anybody in the company estimates. Points of 0-100, plain means of answers brought to 0-100; the difference
    is estimate - answer, in -100 to 100, and above 0 where the role thinks clients happier than they say. Both means
    have the moderated variance and Student's interval of method §2; those who estimate and those who answer are
    different people, so difference_se² = estimate_se² + answer_se².

    Status `suppressed` where fewer than k people estimate or answer, `insufficient` where either is missing or below
    its min_n, else `ok`; every number is null unless `ok`. What else has to be hidden, so that a unit's estimates are
    not those of its parent less those of the other units, is hidden too.

    What it does not say: an estimate is of the typical client, as the questionnaire asks it; how far single
    collaborators are off is not told, only their mean.
    Raises ValueError when k is below the floor or a key occurs twice.
    """
    told = windows.filter(pl.col("indicator_id").str.starts_with(f"{BELIEF}."), pl.col("population") == "all")
    part = pl.col("indicator_id").str.split_exact(".", 2)
    named = told.select(pl.col("indicator_id").cast(pl.String).unique()).with_columns(
        role=part.struct.field("field_1"), dimension=part.struct.field("field_2")
    )
    scores = indicator_scores(told, _definitions(named, definitions), units, k, cells).join(
        named, on="indicator_id", how="inner", validate="m:1"
    )
    asked = named.filter(pl.col("role") != CLIENT).select("role", "dimension")
    rows = units.select("unit_id", "period").join(asked, how="cross")
    for name, counts, people, side, on in (
        ("estimate", "estimates", "estimating_people", pl.col("role") != CLIENT, list(_KEY)),
        ("answer", "answers", "answering_people", pl.col("role") == CLIENT, ["unit_id", "period", "dimension"]),
    ):
        found = scores.filter(side).select(
            *on,
            *(pl.col(f"value{end}").alias(f"{name}{end}") for end in _INTERVAL),
            pl.col("n").alias(counts),
            pl.col("people").alias(people),
            pl.col("status").alias(f"{name}_status"),
        )
        rows = rows.join(found, on=on, how="left", validate="m:1")
    statuses = [pl.col("estimate_status").fill_null(INSUFFICIENT), pl.col("answer_status").fill_null(INSUFFICIENT)]
    rows = rows.with_columns(
        difference=pl.col("estimate") - pl.col("answer"),
        difference_se=(pl.col("estimate_se") ** 2 + pl.col("answer_se") ** 2).sqrt(),
        status=pl.when(pl.any_horizontal(status == SUPPRESSED for status in statuses))
        .then(pl.lit(SUPPRESSED))
        .when(pl.all_horizontal(status == OK for status in statuses))
        .then(pl.lit(OK))
        .otherwise(pl.lit(INSUFFICIENT)),
    ).with_columns(
        difference_lower=(pl.col("difference") - Z * pl.col("difference_se")).clip(-100.0, 100.0),
        difference_upper=(pl.col("difference") + Z * pl.col("difference_se")).clip(-100.0, 100.0),
    )
    rows = null_unless(rows, [name for name in BELIEFS if name not in (*_KEY, "status")])
    return rows.select(pl.col(name).cast(dtype) for name, dtype in BELIEFS.items()).sort(_KEY)


def _definitions(named: pl.DataFrame, definitions: Definitions) -> Definitions:
    """What `indicator_scores` has to know of the beliefs: means on 0-100, whose people they are, their min_n."""
    smallest = (
        definitions.indicators.filter(pl.col("measure").is_in(SURVEYS))
        .join(definitions.windows, on="indicator_id", how="inner", validate="1:1")
        .group_by(pl.col("side").cast(pl.String), dimension=pl.col("topic").cast(pl.String))
        .agg(pl.col("min_n").max())
    )
    described = named.with_columns(
        side=pl.when(pl.col("role") == CLIENT).then(pl.lit(CLIENT)).otherwise(pl.lit("collaborator"))
    ).join(smallest, on=["side", "dimension"], how="left", validate="m:1")
    return Definitions(
        indicators=described.select(
            "indicator_id",
            "side",
            kind=pl.lit("mean"),
            multiplier=pl.lit(1.0),
            value_min=pl.lit(0.0),
            value_max=pl.lit(100.0),
            protects="side",
        ),
        goalposts=described.select("indicator_id", floor=pl.lit(0.0), goal=pl.lit(100.0)),
        windows=described.select("indicator_id", window_months=pl.lit(None, dtype=pl.Int64), min_n="min_n"),
        mirror_pairs=definitions.mirror_pairs,
        weights=definitions.weights,
    )
