"""Ruptures of symmetry: gaps beyond δ that are not noise, joined into episodes with onset, end and size (method §5)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from pipelines.confidentiality.suppression import OK
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import SIDES
from pipelines.statistics.intervals import Array, Z

RUPTURE_TESTS: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "pair_id": pl.String(),
    "unit_level": pl.String(),
    "status": pl.String(),
    "gap": pl.Float64(),
    "gap_lower": pl.Float64(),
    "gap_upper": pl.Float64(),
    "gap_se": pl.Float64(),
    "p_value": pl.Float64(),
    "q_value": pl.Float64(),
    "is_rupture": pl.Boolean(),
    "side": pl.String(),
}
"""Columns of the frame that `rupture_tests` returns, in order, with their types."""

RUPTURES: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "unit_level": pl.String(),
    "pair_id": pl.String(),
    "side": pl.String(),
    "start_period": pl.Date(),
    "end_period": pl.Date(),
    "is_open": pl.Boolean(),
    "months": pl.Int64(),
    "onset_period": pl.Date(),
    "onset_earliest": pl.Date(),
    "onset_latest": pl.Date(),
    "peak_period": pl.Date(),
    "peak_gap": pl.Float64(),
    "peak_gap_lower": pl.Float64(),
    "peak_gap_upper": pl.Float64(),
    "mean_gap": pl.Float64(),
    "smallest_q": pl.Float64(),
}
"""Columns of the frame that `rupture_episodes` returns, in order, with their types."""

_GAP = ("gap", "gap_lower", "gap_upper", "gap_se")
_SERIES = ["unit_id", "pair_id"]
_LIKELIHOOD_RATIO = float(special.chdtri(1, 0.05))
"""95 % quantile of χ² with one degree of freedom, 3.84."""


@dataclass(frozen=True)
class RuptureParameters:
    """`delta`: points that a gap may have without being a rupture; `q`: false-discovery rate to hold, in 0-1."""

    delta: float = 10.0
    q: float = 0.05

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "RuptureParameters":
        """Read `delta` and `rupture_q` from the seed `parameters` (name, value); absent names keep their default.

        Raises ValueError when delta is outside 0-100 or rupture_q outside 0-1.
        """
        values = {str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()}
        return cls(delta=values.get("delta", cls.delta), q=values.get("rupture_q", cls.q))

    def __post_init__(self) -> None:
        if not 0.0 <= self.delta < 100.0:
            raise ValueError(f"parameters.csv: delta is {self.delta}; it is in points and must lie within 0 to 100.")
        if not 0.0 < self.q < 1.0:
            raise ValueError(f"parameters.csv: rupture_q is {self.q}; it is a share and must lie between 0 and 1.")


def rupture_tests(
    unit_indices: pl.DataFrame, pair_scores: pl.DataFrame, units: pl.DataFrame, parameters: RuptureParameters
) -> pl.DataFrame:
    """Test |gap| <= δ against |gap| > δ for every unit and month, and for every pair of it.

    unit_indices, pair_scores: as the functions of those names return them. units: unit_id, period, unit_level.
    Returns the columns of `RUPTURE_TESTS`, sorted by unit, pair (null first: the unit itself) and month. p = 1 -
    Φ((|gap| - δ)/se); the error is that towards zero, the distance to the bound of the interval on that side over
    1.96, since an interval need not be centred on its gap. q_value is p adjusted by Benjamini & Hochberg (1995) within
    a month and level, for units and for pairs apart. `side` is the side that fares better (`client`,
    `collaborator`). A row whose status is not `ok` is not tested: its numbers are null and `is_rupture` is false.
    """
    columns = ["unit_id", "period", "pair_id", "status", *_GAP]
    rows = pl.concat(
        [
            unit_indices.with_columns(pair_id=pl.lit(None, dtype=pl.String)).select(columns),
            pair_scores.select(columns),
        ]
    ).join(
        units.select("unit_id", "period", pl.col("unit_level").cast(pl.String)),
        on=["unit_id", "period"],
        how="inner",
        validate="m:1",
    )
    tested = rows.filter((pl.col("status") == OK) & (pl.col("gap_se") > 0))
    towards_zero = (
        pl.when(pl.col("gap") > 0)
        .then(pl.col("gap") - pl.col("gap_lower"))
        .otherwise(pl.col("gap_upper") - pl.col("gap"))
    )
    excess = tested.select((pl.col("gap").abs() - parameters.delta) / (towards_zero / Z)).to_series().to_numpy()
    tested = tested.with_columns(p_value=pl.Series(special.ndtr(-excess), dtype=pl.Float64)).with_columns(
        q_value=adjusted_p("p_value", [pl.col("period"), pl.col("unit_level"), pl.col("pair_id").is_null()])
    )
    return (
        rows.with_columns(
            pl.when(pl.col("status") == OK).then(pl.col(name)).otherwise(None).alias(name) for name in _GAP
        )
        .join(
            tested.select("unit_id", "period", "pair_id", "p_value", "q_value"),
            on=["unit_id", "period", "pair_id"],
            how="left",
            nulls_equal=True,
            validate="1:1",
        )
        .with_columns(is_rupture=(pl.col("q_value") <= parameters.q).fill_null(False))
        .with_columns(
            side=pl.when("is_rupture").then(
                pl.when(pl.col("gap") > 0).then(pl.lit(SIDES[0])).otherwise(pl.lit(SIDES[1]))
            )
        )
        .select(pl.col(name).cast(dtype) for name, dtype in RUPTURE_TESTS.items())
        .sort("unit_id", "pair_id", "period")
    )


def adjusted_p(name: str, group: list[pl.Expr]) -> pl.Expr:
    """The p values in column `name`, adjusted within `group` by the step-up procedure of Benjamini & Hochberg (1995).

    The i-th smallest of m values becomes the smallest of m·p(j)/j over j >= i. No value may be null.
    """
    rank = pl.col(name).rank("max").over(group)
    raw = (pl.col(name) * pl.col(name).count().over(group) / rank).clip(0.0, 1.0)
    return raw.cum_min(reverse=True).over(group, order_by=name)


def rupture_episodes(
    tests: pl.DataFrame, pair_scores: pl.DataFrame, definitions: Definitions, parameters: RuptureParameters
) -> pl.DataFrame:
    """Months of rupture joined into episodes: start, end, onset, peak, mean size, open or closed.

    tests: as `rupture_tests` returns it. pair_scores: status by unit, period and pair. definitions: the pairs, the
    weights and the windows in force. parameters: as for the tests. Returns the columns of `RUPTURES`, sorted by unit,
    pair (null first) and start.

    Successive scored months with a rupture on one side are one episode; a month without figure neither ends nor
    prolongs it. It is open (`end_period` null) when it holds the series' last scored month and the unit still exists
    in the last month of the record. `start_period` and `end_period` are the first and last flagged month.

    `onset_period` is where the gap is estimated to have changed: a window of w months shows a step only little by
    little, so the series, from the end of an earlier episode that healed (the gap came back within δ or changed
    sides) up to the peak of this one, is fitted by a level and a step smeared by the windows of
    the pairs that it rests on, by least squares weighted with 1/se², for each month the step may have come in; the
    best is the onset. Earliest and latest are the months whose fit is within 3.84 · (mean window) of the best: the
    profile likelihood's 95 %, widened because successive windows share answers. All three are null where a step fits
    no better than none: the rupture is as old as the record, or grew without a step.
    """
    still = tests.filter(pl.col("period") == pl.col("period").max())
    scored = (
        tests.filter(pl.col("status") == OK)
        .with_columns(
            run=pl.struct("is_rupture", "side").rle_id().over(_SERIES, order_by="period"),
            last=(pl.col("period") == pl.col("period").max()).over(_SERIES)
            & pl.col("unit_id").is_in(still["unit_id"].implode()),
        )
        .sort("unit_id", "pair_id", "period")
    )
    flagged = scored.filter("is_rupture")
    largest = pl.col("gap").abs().arg_max()
    episodes = flagged.group_by([*_SERIES, "run"], maintain_order=True).agg(
        pl.col("unit_level").last(),
        pl.col("side").first(),
        start_period=pl.col("period").min(),
        last_period=pl.col("period").max(),
        is_open=pl.col("last").any(),
        months=pl.len(),
        peak_period=pl.col("period").get(largest),
        peak_gap=pl.col("gap").get(largest),
        peak_gap_lower=pl.col("gap_lower").get(largest),
        peak_gap_upper=pl.col("gap_upper").get(largest),
        mean_gap=pl.col("gap").mean(),
        smallest_q=pl.col("q_value").min(),
    )
    episodes = _since_healed(episodes, scored, parameters.delta).with_columns(
        end_period=pl.when(~pl.col("is_open")).then(pl.col("last_period")),
        episode=pl.int_range(pl.len(), dtype=pl.Int64),
    )
    result = episodes.join(_onsets(episodes, scored, _window_shares(episodes, pair_scores, definitions)), on="episode")
    return result.select(pl.col(name).cast(dtype) for name, dtype in RUPTURES.items()).sort(
        "unit_id", "pair_id", "start_period"
    )


def _since_healed(episodes: pl.DataFrame, scored: pl.DataFrame, delta: float) -> pl.DataFrame:
    """Add `after`: the last month of the newest earlier episode that healed; null where there is none.

    An episode healed when between it and the next the gap came back within δ, or parted on the other side. A gap that
    stayed beyond δ and was only unsure for a month did not heal, and the next episode is the same change still.
    """
    between = scored.group_by([*_SERIES, "run"]).agg(
        highest=pl.col("gap").max(), lowest=pl.col("gap").min(), other=pl.col("is_rupture").any()
    )
    nearest = pl.when(pl.col("side") == SIDES[0]).then(pl.col("lowest")).otherwise(-pl.col("highest"))
    previous = pl.col("last_period").shift(1).over(_SERIES, order_by="start_period")
    return (
        episodes.with_columns(_before=pl.col("run") - 1, _previous=previous)
        .join(
            between.rename({"run": "_before"}), on=[*_SERIES, "_before"], how="left", nulls_equal=True, validate="1:1"
        )
        .with_columns(_healed=(pl.col("other") | (nearest < delta)).fill_null(False))
        .with_columns(after=pl.when("_healed").then("_previous").forward_fill().over(_SERIES, order_by="start_period"))
        .drop("_before", "_previous", "_healed", "highest", "lowest", "other")
        .sort("unit_id", "pair_id", "start_period")
    )


def _window_shares(episodes: pl.DataFrame, pair_scores: pl.DataFrame, definitions: Definitions) -> pl.DataFrame:
    """episode, window_months, share: how much of an episode's gap rests on windows of each length; shares add to 1."""
    lengths = definitions.windows.select(pl.col("indicator_id").cast(pl.String), pl.col("window_months").cast(pl.Int64))
    pairs = definitions.mirror_pairs.select(
        pl.col("pair_id", "mirror", "client_indicator_id", "collaborator_indicator_id").cast(pl.String)
    )
    by_scope = {
        scope: definitions.weights.filter(pl.col("scope") == scope).select(
            pl.col("id").cast(pl.String), pl.col("weight").cast(pl.Float64).alias(f"{scope}_weight")
        )
        for scope in ("pair", "mirror")
    }
    pairs = (
        pairs.join(by_scope["pair"], left_on="pair_id", right_on="id", how="left")
        .join(by_scope["mirror"], left_on="mirror", right_on="id", how="left")
        .with_columns(pl.col("pair_weight", "mirror_weight").fill_null(0.0))
    )
    faces = (
        pairs.unpivot(
            [f"{side}_indicator_id" for side in SIDES],
            index=["pair_id", "mirror", "pair_weight", "mirror_weight"],
            value_name="indicator_id",
        )
        .join(lengths, on="indicator_id", how="left")
        .with_columns(pl.col("window_months").fill_null(1))
    )
    of_pairs = (
        episodes.filter(pl.col("pair_id").is_not_null())
        .select("episode", "pair_id")
        .join(faces.select("pair_id", "window_months"), on="pair_id")
        .with_columns(share=pl.lit(1.0))
    )
    scored = pair_scores.filter(pl.col("status") == OK).select("unit_id", "period", "pair_id")
    of_units = (
        episodes.filter(pl.col("pair_id").is_null())
        .select("episode", "unit_id", period="peak_period")
        .join(scored, on=["unit_id", "period"])
        .join(faces, on="pair_id")
        # Within a mirror the weights of the pairs present add to 1, whatever the others would have weighed.
        .with_columns(
            share=pl.col("mirror_weight") * pl.col("pair_weight") / pl.sum("pair_weight").over("episode", "mirror")
        )
    )
    columns = ["episode", "window_months", "share"]
    return (
        pl.concat([of_pairs.select(columns), of_units.select(columns)])
        .group_by("episode", "window_months")
        .agg(pl.col("share").sum())
        .with_columns(share=pl.col("share") / pl.sum("share").over("episode"))
        .sort("episode", "window_months")
    )


def _onsets(episodes: pl.DataFrame, scored: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """episode, onset_period, onset_earliest, onset_latest: where the step came in, by weighted least squares."""
    names = ("onset_period", "onset_earliest", "onset_latest")
    if episodes.is_empty():
        return pl.DataFrame(schema={"episode": pl.Int64(), **dict.fromkeys(names, pl.Date())})
    first = scored["period"].dt.truncate("1mo").min()

    def number(name: str) -> pl.Expr:
        return (pl.col(name).dt.year() * 12 + pl.col(name).dt.month()).cast(pl.Int64)

    origin = int(first.year * 12 + first.month)  # type: ignore[union-attr]
    series = episodes.select("episode", *_SERIES, "after", "peak_period", "start_period").join(
        scored.select(*_SERIES, "period", "gap", "gap_se"), on=_SERIES, how="inner", nulls_equal=True
    )
    # What came before an earlier episode's end, and what follows the peak, belongs to other changes.
    series = series.filter(
        (pl.col("period") <= pl.col("peak_period")) & (pl.col("after").is_null() | (pl.col("period") > pl.col("after")))
    ).with_columns(month=number("period") - origin)
    count, months = episodes.height, int(series["month"].max()) + 1  # type: ignore[arg-type]
    row, column = series["episode"].to_numpy(), series["month"].to_numpy()
    value, weight = np.zeros((count, months)), np.zeros((count, months))
    value[row, column] = series["gap"].to_numpy()
    weight[row, column] = 1.0 / series["gap_se"].to_numpy() ** 2
    start = episodes.select(number("start_period") - origin).to_series().to_numpy()
    ramp, widest = _ramps(shares, count, months)
    loss = _losses(value, weight, ramp)
    flat = loss[:, 0]
    candidates = np.arange(months)[None, :]
    seen = (weight > 0).argmax(axis=1)[:, None]
    loss = np.where((candidates > seen) & (candidates <= start[:, None]), loss, np.inf)
    best = loss.argmin(axis=1)
    least = loss[np.arange(count), best]
    margin = _LIKELIHOOD_RATIO * widest
    located = np.isfinite(least) & (flat - least > margin)
    within = loss <= (least + margin)[:, None]
    earliest, latest = within.argmax(axis=1), months - 1 - within[:, ::-1].argmax(axis=1)
    found = [np.where(located, part, -1) for part in (best, earliest, latest)]
    return (
        pl.DataFrame({"episode": np.arange(count), **dict(zip(names, found, strict=True))})
        .with_columns(pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name) for name in names)
        .with_columns(pl.lit(first).dt.offset_by(pl.format("{}mo", pl.col(name))).alias(name) for name in names)
    )


def _ramps(shares: pl.DataFrame, count: int, months: int) -> tuple[Array, Array]:
    """What part of a step is seen, by episode (rows) and months since it came in (columns); and the mean window."""
    since = np.arange(months) + 1.0
    seen = np.minimum(since[None, :] / shares["window_months"].to_numpy()[:, None], 1.0)
    ramp, mean = np.zeros((count, months)), np.zeros(count)
    np.add.at(ramp, shares["episode"].to_numpy(), seen * shares["share"].to_numpy()[:, None])
    np.add.at(mean, shares["episode"].to_numpy(), (shares["window_months"] * shares["share"]).to_numpy())
    return ramp, mean


def _losses(value: Array, weight: Array, ramp: Array) -> Array:
    """Weighted sum of squares left by a level and a ramp, by episode and month of the step (column 0: level alone).

    value, weight: episodes × months (weight 0 where nothing is known); ramp: episodes × months since the step.
    """
    months = value.shape[1]
    total = weight.sum(axis=1)
    centred = value - ((weight * value).sum(axis=1) / total)[:, None]
    squares = (weight * centred**2).sum(axis=1)
    left = np.empty_like(value)
    left[:, 0] = squares
    for month in range(1, months):
        step = np.zeros_like(value)
        step[:, month:] = ramp[:, : months - month]
        step -= ((weight * step).sum(axis=1) / total)[:, None]
        along, across = (weight * step * centred).sum(axis=1), (weight * step**2).sum(axis=1)
        gained = np.divide(along**2, across, out=np.zeros_like(across), where=across > 1e-12 * total)
        left[:, month] = squares - gained
    return left
