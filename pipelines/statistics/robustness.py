"""Would another fair way of computing the index have ranked the units otherwise (method §14)?

The symmetry index rests on choices: how pairs are averaged, what they weigh, which pairs there are. Here each choice
is made otherwise, one at a time, and all weights and estimates are drawn many times within their uncertainty
(Saisana, Saltelli & Tarantola 2005; OECD/JRC Handbook on Constructing Composite Indicators 2008, step 7).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.confidentiality.suppression import INSUFFICIENT, OK
from pipelines.statistics.faces import faces
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import INDEPENDENT_MIRROR, SIDES, TOLERANCE, mirror_means
from pipelines.statistics.intervals import Array

ROBUSTNESS: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "variant": pl.String(),
    "symmetry_index": pl.Float64(),
    "rank": pl.Int64(),
    "rank_low": pl.Int64(),
    "rank_high": pl.Int64(),
    "status": pl.String(),
}
"""Columns of the frame that `robustness` returns, in order, with their types."""

BASELINE, DRAWS, WITHOUT = "baseline", "draws", "without."
PAIRS_GEOMETRIC, PAIRS_HARMONIC = "pairs_geometric", "pairs_harmonic"
LEVEL_ARITHMETIC, LEVEL_HARMONIC = "level_arithmetic", "level_harmonic"
EQUAL_WEIGHTS = "equal_weights"

_CELLS = 2_000_000
"""Draws times units held at once: about 16 MB an array."""

_UNIT = ["unit_id", "period"]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RobustnessParameters:
    """`coverage`: share of the weight an index needs, as in the indices. `robustness_draws`: how many draws.
    `robustness_weights`: how far each weight is drawn, 0.25 for ±25 %. `robustness_seed`: another number gives
    other draws."""

    coverage: float = 0.6
    robustness_draws: int = 1000
    robustness_weights: float = 0.25
    robustness_seed: int = 0

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "RobustnessParameters":
        """Read from the seed `parameters` (name, value); a name that is absent keeps its default.

        Raises ValueError when fewer than 100 draws are asked for (the 5 % tail would rest on fewer than five), the
        spread of weights is not within 0-1, or the coverage not within 0-1.
        """
        values = {str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()}
        result = cls(
            coverage=values.get("coverage", cls.coverage),
            robustness_draws=int(values.get("robustness_draws", cls.robustness_draws)),
            robustness_weights=values.get("robustness_weights", cls.robustness_weights),
            robustness_seed=int(values.get("robustness_seed", cls.robustness_seed)),
        )
        if result.robustness_draws < 100:
            raise ValueError(
                f"parameters.csv: robustness_draws is {result.robustness_draws}; the 5 % band needs 100 draws or more."
            )
        if not 0.0 <= result.robustness_weights < 1.0:
            raise ValueError(
                f"parameters.csv: robustness_weights is {result.robustness_weights}; it is a part of a weight, from 0 "
                "up to but not 1."
            )
        if not 0.0 < result.coverage <= 1.0:
            raise ValueError(
                f"parameters.csv: coverage is {result.coverage}; it is a share of the weight, above 0 and up to 1."
            )
        return result


@dataclass(frozen=True)
class _Side:
    """One side of all units and periods: scores and their errors (rows, pairs; 0 where not scored), and of each
    mirror (rows, mirrors) how strongly errors move together and the factor that brings them to the mirror's error."""

    scores: Array
    errors: Array
    correlation: Array
    factor: Array


@dataclass(frozen=True)
class _Panel:
    """All units and periods as arrays: scored (rows, pairs; 1 or 0), the two sides, weights, place of each pair."""

    scored: Array
    sides: dict[str, _Side]
    pair_ids: list[str]
    pair_weights: Array
    mirror_weights: Array
    in_mirror: list[Places]


@dataclass(frozen=True)
class _Means:
    """How pairs are averaged: forth to the scale on which the mean is taken, and back."""

    forth: Callable[[Array], Array]
    back: Callable[[Array], Array]


# One point stands for a score of nothing where a root or a reciprocal is taken, else one bad pair would decide all.
_ARITHMETIC = _Means(lambda scores: scores, lambda means: means)
_GEOMETRIC = _Means(lambda scores: np.log(np.maximum(scores, 1.0)), np.exp)
_HARMONIC = _Means(lambda scores: 1.0 / np.maximum(scores, 1.0), lambda means: 1.0 / means)


def robustness(
    pair_scores: pl.DataFrame,
    indicator_scores: pl.DataFrame,
    unit_indices: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    parameters: RobustnessParameters | None = None,
) -> pl.DataFrame:
    """Symmetry index and rank of each unit under each variant, and the band of its rank over many draws.

    pair_scores, indicator_scores, unit_indices: as the functions of those names return them. units: unit_id, period,
    unit_level. Returns the columns of `ROBUSTNESS`, one row per row of unit_indices and variant, sorted by unit,
    period and variant. symmetry_index in points of 0-100; rank 1 is the highest index among the units of the period
    and level, ties alike.

    Variants: `baseline`, the published index itself; `pairs_geometric` and `pairs_harmonic`, another mean of pairs
    and mirrors into C and E (the baseline's is arithmetic; scores below 1 count as 1); `level_arithmetic` and
    `level_harmonic`, another mean of C and E into the level (the baseline's is geometric); `equal_weights`, mirrors
    alike and pairs alike within their mirror; `without.<pair>`, one pair left out, the rest renormalised.

    `draws`: each weight of pair and mirror is drawn evenly within ± robustness_weights, and C and E within their
    errors, robustness_draws times. Given the weights of a draw, a side's error follows from those of its pairs; pairs
    of perception and journey move together just as much as makes their mirror's error under the defined weights
    that of `unit_indices` (one correlation for all pairs of a unit's mirror), and conduct pairs are independent.
    Its symmetry_index and rank are the medians of the draws, rank_low and rank_high the 5th and 95th percentile of the
    rank; both are null in other variants. Draws come from a seed made of the period, the names of its units and pairs,
    and robustness_seed: the same inputs give the same bytes, and a corrected figure does not move its neighbours'.

    A row has the status of its unit in unit_indices; a unit that falls below `coverage` of a variant's weight is
    `insufficient` in it. Numbers are null unless `ok`. Memory: one period and level at a time for the draws.
    Raises ValueError when unit_indices and units do not hold the same units and periods.
    """
    chosen = parameters or RobustnessParameters()
    base = (
        unit_indices.select(*_UNIT, "status", "symmetry_index")
        .join(units.select(*_UNIT, pl.col("unit_level").cast(pl.String)), on=_UNIT, how="left", validate="1:1")
        .sort("period", "unit_level", "unit_id", nulls_last=True)
    )
    if base.height != units.height or base["unit_level"].null_count() > units["unit_level"].null_count():
        raise ValueError("unit_indices and units differ in their units and periods; give those of one computation.")
    if base.is_empty():
        return pl.DataFrame(schema=ROBUSTNESS)
    panel = _panel(base, pair_scores, indicator_scores, definitions)
    frames = [
        base.with_columns(
            variant=pl.lit(name),
            symmetry_index=pl.Series(index, dtype=pl.Float64).fill_nan(None),
            status=pl.when((pl.col("status") == OK) & ~pl.Series(covered, dtype=pl.Boolean))
            .then(pl.lit(INSUFFICIENT))
            .otherwise(pl.col("status")),
        )
        for name, index, covered in _variants(base, panel, chosen.coverage)
    ]
    ranked = pl.concat(frames).with_columns(
        symmetry_index=pl.when(pl.col("status") == OK).then(pl.col("symmetry_index")).otherwise(None)
    )
    ranked = ranked.with_columns(
        rank=pl.col("symmetry_index").rank("min", descending=True).over("variant", "period", "unit_level"),
        rank_low=pl.lit(None, dtype=pl.Int64),
        rank_high=pl.lit(None, dtype=pl.Int64),
    )
    columns = [pl.col(name).cast(dtype) for name, dtype in ROBUSTNESS.items()]
    return pl.concat([ranked.select(columns), _drawn(base, panel, chosen).select(columns)]).sort(*_UNIT, "variant")


def _panel(
    base: pl.DataFrame, pair_scores: pl.DataFrame, indicator_scores: pl.DataFrame, definitions: Definitions
) -> _Panel:
    """The arrays of all units and periods, in the order of base; pairs that weigh nothing are left out."""
    weights = {
        (str(scope), str(name)): float(weight)
        for scope, name, weight in definitions.weights.select("scope", "id", "weight").drop_nulls().iter_rows()
    }
    pairs = [
        (str(pair), str(mirror))
        for pair, mirror in definitions.mirror_pairs.select("pair_id", "mirror").sort("mirror", "pair_id").iter_rows()
        if weights.get(("pair", str(pair)), 0.0) > 0 and weights.get(("mirror", str(mirror)), 0.0) > 0
    ]
    mirrors = sorted({mirror for _, mirror in pairs})
    places = base.select(_UNIT).with_row_index("row")

    def dense(rows: pl.DataFrame, column: str, ids: list[str], id_name: str) -> Array:
        """One column as (rows, ids), 0 where there is no row or no value."""
        at = rows.join(places, on=_UNIT, how="inner").join(
            pl.DataFrame({id_name: ids}, schema={id_name: pl.String}).with_row_index("place"), on=id_name, how="inner"
        )
        array = np.zeros((base.height, len(ids)))
        array[at["row"].to_numpy(), at["place"].to_numpy()] = at[column].cast(pl.Float64).fill_null(0.0).to_numpy()
        return array

    pair_ids = [pair for pair, _ in pairs]
    scored = dense(pair_scores.select(*_UNIT, "pair_id", ok=pl.col("status") == OK), "ok", pair_ids, "pair_id")
    long = faces(indicator_scores, definitions, base)
    errors_of = mirror_means(pair_scores, indicator_scores, definitions)
    of_pair = np.array([mirrors.index(mirror) for _, mirror in pairs], dtype=np.int64)
    in_mirror = [np.flatnonzero(of_pair == place) for place in range(len(mirrors))]
    pair_weight = np.array([weights["pair", pair] for pair in pair_ids])
    sides = {}
    for side in SIDES:
        own = long.filter(pl.col("side") == side)
        scores = scored * dense(own, "score", pair_ids, "pair_id")
        errors = scored * dense(own, "score_se", pair_ids, "pair_id")
        wanted = dense(
            errors_of.with_columns(pl.col(f"{side}_error").fill_nan(0.0)), f"{side}_error", mirrors, "mirror"
        )
        correlation, factor = np.zeros(wanted.shape), np.ones(wanted.shape)
        for place, mirror in enumerate(mirrors):
            if mirror != INDEPENDENT_MIRROR:
                at = in_mirror[place]
                correlation[:, place], factor[:, place] = _moving_together(
                    errors[:, at], pair_weight[at], wanted[:, place] * (scored[:, at] @ pair_weight[at])
                )
        sides[side] = _Side(scores, errors, correlation, factor)
    return _Panel(
        scored=scored,
        sides=sides,
        pair_ids=pair_ids,
        pair_weights=pair_weight,
        mirror_weights=np.array([weights["mirror", mirror] for mirror in mirrors]),
        in_mirror=in_mirror,
    )


def _moving_together(errors: Array, weights: Array, wanted: Array) -> tuple[Array, Array]:
    """The correlation of all pairs, and a factor, by which the weighted sum of errors comes out as wanted.

    errors: (rows, pairs), weights: (pairs,), wanted: (rows,), the error of the weighted sum. Between independent and
    wholly dependent errors the correlation does it; below that range the factor does.
    """
    independent, linear = (errors**2) @ weights**2, (errors @ weights) ** 2
    room = linear - independent
    correlation = np.clip(np.divide(wanted**2 - independent, room, out=np.zeros_like(room), where=room > 1e-12), 0, 1)
    reached = correlation * linear + (1.0 - correlation) * independent
    factor = np.sqrt(np.divide(wanted**2, reached, out=np.ones_like(reached), where=reached > 0))
    return correlation, factor


def _index(client: Array, team: Array, level: Array | None = None) -> Array:
    """The symmetry index of two indices (method §4), with another level where one is given."""
    return (np.sqrt(client * team) if level is None else level) * (100.0 - np.abs(client - team)) / 100.0


def _side_index(panel: _Panel, side: str, pairs: Array, mirrors: Array, means: _Means = _ARITHMETIC) -> Array:
    """One side's index of each row under the given weights of pairs and mirrors; NaN without a scored pair."""
    values = panel.scored * means.forth(panel.sides[side].scores)
    total, weight = np.zeros(len(values)), np.zeros(len(values))
    for place, at in enumerate(panel.in_mirror):
        present = panel.scored[:, at] @ pairs[at]
        has = present > 0
        mean = np.divide(values[:, at] @ pairs[at], present, out=np.zeros_like(present), where=has)
        total += mirrors[place] * mean
        weight += mirrors[place] * has
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.clip(means.back(total / weight), 0.0, 100.0)


def _coverage(panel: _Panel, pairs: Array, mirrors: Array) -> Array:
    """The share of weight present in each row, as `weight_present` of unit_indices is counted."""
    share, total = np.zeros(len(panel.scored)), 0.0
    for place, at in enumerate(panel.in_mirror):
        whole = pairs[at].sum()
        if whole > 0:
            share += mirrors[place] * (panel.scored[:, at] @ pairs[at]) / whole
            total += mirrors[place]
    return share / total if total > 0 else share


def _variants(base: pl.DataFrame, panel: _Panel, coverage: float) -> Iterator[tuple[str, Array, Flags]]:
    """Name, symmetry index of each row, and whether the row has the coverage that the variant needs."""
    pairs, mirrors = panel.pair_weights, panel.mirror_weights
    everywhere = np.ones(base.height, dtype=bool)
    yield BASELINE, base["symmetry_index"].cast(pl.Float64).fill_null(float("nan")).to_numpy(), everywhere
    client, team = (_side_index(panel, side, pairs, mirrors) for side in SIDES)
    yield LEVEL_ARITHMETIC, _index(client, team, (client + team) / 2), everywhere
    together = client + team
    harmonic = np.divide(2 * client * team, together, out=np.zeros_like(together), where=together > 0)
    yield LEVEL_HARMONIC, _index(client, team, harmonic), everywhere
    for name, means in ((PAIRS_GEOMETRIC, _GEOMETRIC), (PAIRS_HARMONIC, _HARMONIC)):
        yield name, _index(*(_side_index(panel, side, pairs, mirrors, means) for side in SIDES)), everywhere
    reweighted = [(EQUAL_WEIGHTS, np.ones_like(pairs), np.ones_like(mirrors))]
    for place, pair_id in enumerate(panel.pair_ids):
        left = pairs.copy()
        left[place] = 0.0
        reweighted.append((WITHOUT + pair_id, left, mirrors))
    for name, some, over in reweighted:
        index = _index(*(_side_index(panel, side, some, over) for side in SIDES))
        yield name, index, _coverage(panel, some, over) >= coverage - TOLERANCE


def _drawn(base: pl.DataFrame, panel: _Panel, chosen: RobustnessParameters) -> pl.DataFrame:
    """The rows of the variant `draws`."""
    index = np.full(base.height, np.nan)
    ranks = np.full((3, base.height), np.nan)
    shown = base.with_row_index("row").filter(pl.col("status") == OK)
    for (period,), of_period in shown.group_by("period", maintain_order=True):
        assert isinstance(period, date)
        rng = np.random.default_rng(_seed(period, of_period["unit_id"].to_list(), panel, chosen.robustness_seed))
        count, spread = chosen.robustness_draws, chosen.robustness_weights
        pairs = panel.pair_weights * rng.uniform(1 - spread, 1 + spread, (count, len(panel.pair_weights)))
        mirrors = panel.mirror_weights * rng.uniform(1 - spread, 1 + spread, (count, len(panel.mirror_weights)))
        for _, of_level in of_period.group_by("unit_level", maintain_order=True):
            rows = of_level["row"].to_numpy()
            drawn = _draws(panel, rows, pairs, mirrors, rng)
            index[rows] = np.median(drawn, axis=0)
            place = np.empty(drawn.shape, dtype=np.int32)
            order = np.argsort(-drawn, axis=1, kind="stable")
            np.put_along_axis(place, order, np.arange(1, len(rows) + 1, dtype=np.int32)[None, :], axis=1)
            ranks[:, rows] = np.quantile(place, (0.05, 0.5, 0.95), axis=0, method="inverted_cdf")
    low, middle, high = (pl.Series(part, dtype=pl.Float64).fill_nan(None) for part in ranks)
    return base.with_columns(
        variant=pl.lit(DRAWS),
        symmetry_index=pl.Series(index, dtype=pl.Float64).fill_nan(None),
        rank=middle,
        rank_low=low,
        rank_high=high,
    )


def _seed(period: date, unit_ids: list[str], panel: _Panel, number: int) -> int:
    """A seed from the names of what is drawn and not from its figures."""
    text = "\x1f".join([str(number), period.isoformat(), *sorted(unit_ids), "\x1e", *panel.pair_ids])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big")


def _draws(panel: _Panel, rows: Places, pairs: Array, mirrors: Array, rng: np.random.Generator) -> Array:
    """Symmetry index (draws, rows) under drawn weights (draws, pairs) and (draws, mirrors) and drawn estimates."""
    count = len(pairs)
    drawn = np.empty((count, len(rows)))
    block = max(1, _CELLS // len(rows))
    for start in range(0, count, block):
        some, over = pairs[start : start + block], mirrors[start : start + block]
        client, team = (_drawn_side(panel, side, rows, some, over, rng) for side in SIDES)
        drawn[start : start + block] = _index(client, team)
    return drawn


def _drawn_side(
    panel: _Panel, side: str, rows: Places, pairs: Array, mirrors: Array, rng: np.random.Generator
) -> Array:
    """One side's index (draws, rows), each drawn within the error that it has under the weights of its draw."""
    own = panel.sides[side]
    shape = len(pairs), len(rows)
    total, weight, variance = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for place, at in enumerate(panel.in_mirror):
        cells = np.ix_(rows, at)
        some, over = pairs[:, at], mirrors[:, place, None]
        present = some @ panel.scored[cells].T
        has = present > 0
        share = np.divide(over, present, out=np.zeros(shape), where=has)
        total += share * (some @ own.scores[cells].T)
        weight += over * has
        together = own.correlation[rows, place]
        linear, independent = (some @ own.errors[cells].T) ** 2, some**2 @ (own.errors[cells] ** 2).T
        spread = together * linear + (1.0 - together) * independent
        variance += (share * own.factor[rows, place]) ** 2 * spread
    error = np.sqrt(variance) / weight
    return np.clip(total / weight + error * rng.standard_normal(shape), 0.0, 100.0)
