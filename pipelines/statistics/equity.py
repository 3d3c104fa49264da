"""Are populations of collaborators treated alike: their indices side by side, with the difference (method §11).

A hidden population and a shown whole would give the other population away; `indicator_scores` has hidden what is
needed against that, so what is compared here is shown there. `people_a` and `people_b` say how few people a shown index
rests on.
"""

from dataclasses import replace
from itertools import combinations

import polars as pl

from pipelines.confidentiality.suppression import OK
from pipelines.statistics.indicators import COMPOSITE, Definitions
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices

EVERYBODY = "all"
_TEAM = "collaborator"

BLOCK_PERIODS = 6
"""Months of which populations are compared at once: each month is compared on its own."""

_INTERVAL = ("", "_lower", "_upper", "_se")
EQUITY: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "population_a": pl.String(),
    "population_b": pl.String(),
    **{f"index_a{end}": pl.Float64() for end in _INTERVAL},
    **{f"index_b{end}": pl.Float64() for end in _INTERVAL},
    **{f"difference{end}": pl.Float64() for end in _INTERVAL},
    "pairs_scored": pl.Int64(),
    "weight_present": pl.Float64(),
    "people_a": pl.Int64(),
    "people_b": pl.Int64(),
    "status": pl.String(),
}
"""Columns of the frame that `equity` returns, in order, with their types."""

_KEY = ("unit_id", "period", "population_a", "population_b")


def equity(
    indicator_scores: pl.DataFrame, definitions: Definitions, units: pl.DataFrame, parameters: Parameters
) -> pl.DataFrame:
    """Collaborator index of each two populations of a unit and period, and their difference with its interval.

    indicator_scores: as `indicators.indicator_scores` returns it, with its named populations and composites; the
    rule of k has been applied there to each population. units: unit_id, period, unit_level. Returns the columns of
    `EQUITY`, sorted by key, one row for every unit, period and two populations that occur among the collaborators
    of the company (a before b in the alphabet); no row where there are fewer than two. Points of 0-100, the
    difference a - b in -100 to 100.

    Two populations are compared by the very rules that compare clients with collaborators (method §4, see
    `unit_indices`): only pairs whose collaborator face is scored in both populations enter both indices, so like is
    compared with like; weights are renormalised over them; an index needs the coverage of the weight, else
    `insufficient`, or `suppressed` where hidden faces would have sufficed; the error of perception and journey comes
    from each respondent's own mean within the population; populations are different people and so independent.
    An index here may therefore differ from the unit's collaborator index, which rests on other pairs.

    people_a, people_b: the fewest distinct people behind any pair that entered. Numbers are null unless `ok`, save
    pairs_scored and weight_present, which `insufficient` keeps.
    """
    ids = definitions.mirror_pairs["collaborator_indicator_id"].cast(pl.String).implode()
    composite = pl.col("indicator_id").str.starts_with(f"{COMPOSITE}.") & pl.col("indicator_id").str.ends_with(
        f".{_TEAM}"
    )
    team = pl.col("indicator_id").is_in(ids) | composite
    named = indicator_scores.select("population", "indicator_id").filter(team)["population"].unique()
    populations = sorted(set(named.drop_nulls()) - {EVERYBODY})
    periods = units["period"].unique().sort()
    # Two populations and a few periods at a time: all at once are most of what the statistics would hold in memory.
    blocks = [periods[begin : begin + BLOCK_PERIODS].implode() for begin in range(0, len(periods), BLOCK_PERIODS)]
    compared = [
        _compared(
            indicator_scores.filter(pl.col("period").is_in(block), pl.col("population").is_in([a, b]), team),
            definitions,
            units.filter(pl.col("period").is_in(block)),
            parameters,
            a,
            b,
        )
        for a, b in combinations(populations, 2)
        for block in blocks
    ]
    if not compared:
        return pl.DataFrame(schema=EQUITY)
    return pl.concat(compared).sort(_KEY)


def _compared(
    team: pl.DataFrame, definitions: Definitions, units: pl.DataFrame, parameters: Parameters, a: str, b: str
) -> pl.DataFrame:
    """The rows of two populations: a takes the place of the clients and b that of the collaborators."""
    faces = pl.col("collaborator_indicator_id").cast(pl.String)
    both = replace(
        definitions,
        mirror_pairs=definitions.mirror_pairs.with_columns(
            client_indicator_id="a." + faces, collaborator_indicator_id="b." + faces
        ),
    )
    composite = pl.col("indicator_id").str.starts_with(f"{COMPOSITE}.")
    scores = pl.concat(
        team.filter(pl.col("population") == population).with_columns(
            indicator_id=pl.when(composite)
            .then(pl.col("indicator_id").str.replace(f"{_TEAM}$", side))
            .otherwise(f"{place}." + pl.col("indicator_id")),
            population=pl.lit(EVERYBODY),
        )
        for population, place, side in ((a, "a", "client"), (b, "b", _TEAM))
    )
    pairs = pair_scores(scores, both, units)
    names = {
        **{f"client_index{end}": f"index_a{end}" for end in _INTERVAL},
        **{f"collaborator_index{end}": f"index_b{end}" for end in _INTERVAL},
        **{f"gap{end}": f"difference{end}" for end in _INTERVAL},
    }
    return (
        unit_indices(pairs, scores, both, units, parameters)
        .rename(names)
        .join(_fewest(pairs, scores, both), on=["unit_id", "period"], how="left", validate="1:1")
        .with_columns(
            pl.when(pl.col("status") == OK).then(pl.col("people_a", "people_b")).otherwise(None),
            population_a=pl.lit(a),
            population_b=pl.lit(b),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in EQUITY.items())
    )


def _fewest(pairs: pl.DataFrame, scores: pl.DataFrame, both: Definitions) -> pl.DataFrame:
    """unit_id, period, people_a, people_b: the fewest people behind a face of the pairs that entered."""
    entered = pairs.filter(pl.col("status") == OK).join(
        both.mirror_pairs.select(pl.col("pair_id", "client_indicator_id", "collaborator_indicator_id").cast(pl.String)),
        on="pair_id",
        how="inner",
        validate="m:1",
    )
    people = scores.select("unit_id", "period", "indicator_id", "people")
    for side, place in (("client", "a"), (_TEAM, "b")):
        entered = entered.join(
            people.rename({"indicator_id": f"{side}_indicator_id", "people": f"people_{place}"}),
            on=["unit_id", "period", f"{side}_indicator_id"],
            how="left",
            validate="m:1",
        )
    return entered.group_by("unit_id", "period", maintain_order=True).agg(pl.col("people_a", "people_b").min())
