"""Does the link hold? A lead planted in what people feel, and the slope and lag that are found of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy import stats

from benchmarks.accuracy import answers as people
from benchmarks.claims import Claim
from pipelines.statistics import links
from pipelines.statistics.indicators import COMPOSITE, indicator_scores
from pipelines.statistics.intervals import Z

UNITS, MONTHS, LONGEST_LAG, ITEMS = 60, 24, 6, 6
SEED = 20260511


def company(rng: np.random.Generator) -> dict[str, float]:
    """One company's planted lag and slope, with what was found of them and what the naive peer makes of it."""
    lag = int(rng.integers(0, LONGEST_LAG + 1))
    carried = rng.uniform(0.0, 0.6)
    correlation = rng.uniform(0.3, 0.5)
    size = np.exp(rng.normal(np.log(22.0), 0.9, (2, UNITS, 1))).clip(4.0, 130.0)
    # What lasts of a unit is shared by both sides, and is no lead: it must not be taken for one.
    lasting = rng.normal(0.0, 5.0, (1, UNITS, 1)) + rng.normal(62.0, rng.uniform(3.0, 8.0), (2, UNITS, 1))
    shock = rng.normal(0.0, 1.5, (2, 1, MONTHS))
    mood = people.memory(rng, (UNITS, MONTHS + LONGEST_LAG), rng.uniform(2.5, 4.5), rng.uniform(0.3, 0.8))
    own = people.memory(rng, (UNITS, MONTHS), rng.uniform(1.5, 3.5), rng.uniform(0.3, 0.8))
    lead = carried * mood[:, LONGEST_LAG - lag : LONGEST_LAG - lag + MONTHS]
    opinion = lasting + shock + np.stack([lead + own, mood[:, LONGEST_LAG:]])
    n = rng.poisson(np.broadcast_to(size, opinion.shape))

    frame = people.units_frame(UNITS, MONTHS)
    definitions = people.definitions(["trust"])
    drawn = [people.respondents(rng, opinion[at], n[at], ITEMS, correlation) for at in range(2)]

    def scores(window: int) -> pl.DataFrame:
        windows = pl.concat(
            people.windows_frame(f"{COMPOSITE}.perception.{side}", n[at], *drawn[at], window)
            for at, side in enumerate(("client", "collaborator"))
        )
        return indicator_scores(windows, definitions, frame, 5, published=False)

    found = links.links(scores(1), frame, links.Parameters()).filter(
        pl.col("outcome") == "client", pl.col("predictor") == "collaborator"
    )
    row = found.filter(pl.col("lag_months") == lag).row(0, named=True)
    strongest = found.filter("strongest")["lag_months"]

    # The exact expected answers without what moves clients alone: the slope of one on the other is the true one.
    true_client = people.expected(lasting[0] + shock[0] + lead)[:, lag:]
    true_team = people.expected(opinion[1])[:, : MONTHS - lag]
    slope = float(np.sum(_twice_centred(true_team) * true_client) / np.sum(_twice_centred(true_team) ** 2))
    return {
        "lag": lag,
        "truth": slope,
        "slope": row["slope"] if row["status"] == "ok" else np.nan,
        "slope_se": row["slope_se"] if row["status"] == "ok" else np.nan,
        "lower": row["slope_lower"] if row["status"] == "ok" else np.nan,
        "upper": row["slope_upper"] if row["status"] == "ok" else np.nan,
        "reliability": row["reliability"] if row["status"] == "ok" else np.nan,
        "found_lag": float(strongest[0]) if len(strongest) else np.nan,
        **_pooled(scores(3), lag),
    }


def _twice_centred(values: people.Array) -> people.Array:
    """Values of a whole panel less their unit's and their month's mean."""
    return values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()


def _pooled(scores: pl.DataFrame, lag: int) -> dict[str, float]:
    """The naive peer: plain least squares and correlation over all units and months of the 3-month scores."""
    wide = [
        scores.filter(pl.col("indicator_id") == f"{COMPOSITE}.perception.{side}")
        .with_columns(unit=pl.col("unit_id").str.slice(1).cast(pl.Int64))
        .with_columns(month=pl.col("period").dt.year().cast(pl.Int64) * 12 + pl.col("period").dt.month())
        for side in ("client", "collaborator")
    ]
    panel = np.full((2, UNITS, MONTHS), np.nan)
    for at, rows in enumerate(wide):
        panel[at, rows["unit"].to_numpy(), (rows["month"] - rows["month"].min()).to_numpy()] = rows["score"].to_numpy()
    fits = []
    for back in range(LONGEST_LAG + 1):
        y, x = panel[0, :, back:].ravel(), panel[1, :, : MONTHS - back].ravel()
        both = np.isfinite(x) & np.isfinite(y)
        fits.append(stats.linregress(x[both], y[both]))
    return {
        "naive": fits[lag].slope,
        "naive_se": fits[lag].stderr,
        "naive_lag": float(np.argmax([abs(fit.rvalue) for fit in fits])),
    }


def simulated(companies: int) -> pl.DataFrame:
    """One row a company: planted and found. There is one slope a company, so five times as many are drawn as asked."""
    seeds = np.random.SeedSequence(SEED).spawn(5 * companies)
    return pl.DataFrame([company(np.random.default_rng(seed)) for seed in seeds])


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """The claims on the link, from 5 x `companies` companies of 60 teams and 24 months (200: the full run)."""
    say(f"links: {5 * companies} companies of {UNITS} teams and {MONTHS} months")
    rows = simulated(companies).with_columns(company=pl.int_range(pl.len()))
    shown = rows.filter(pl.col("slope").is_finite())
    covers = shown["truth"].is_between(shown["lower"], shown["upper"])
    share, error = people.mean_and_error(covers, shown["company"])
    naive_covers = (shown["naive"] - shown["truth"]).abs() <= Z * shown["naive_se"]
    pooled = people.percent(*people.mean_and_error(naive_covers, shown["company"]))
    clear = shown.filter(pl.col("truth") >= 4.0 * pl.col("slope_se"))
    lag, lag_error = people.mean_and_error(clear["found_lag"] == clear["lag"], clear["company"])
    naive_lag, naive_lag_error = people.mean_and_error(clear["naive_lag"] == clear["lag"], clear["company"])
    design = (
        f"{rows.height} companies x {UNITS} teams x {MONTHS} months; 12 to 400 respondents a side and 3 months, "
        f"{ITEMS} items, correlation within a respondent 0.3-0.5; collaborators' mood moves 2.5-4.5 points with memory "
        "0.3-0.8, clients take up 0 to 0.6 of it 0 to 6 months later and move 1.5-3.5 points by themselves; lasting "
        "differences of teams 6-9 points, partly common to both sides. One-month composites go through "
        "indicator_scores (the index itself mixes windows and cannot show a lag)"
    )
    means = {name: float(np.mean(shown[name].to_numpy())) for name in ("reliability", "truth", "slope", "naive")}
    return [
        Claim(
            claim="link: 95 % interval of the slope at the planted lag holds the true slope",
            figure=people.percent(share, error),
            bar="93-97 %",
            met=0.93 <= share <= 0.97,
            detail=(
                f"{design}. {shown.height} of {rows.height} estimated, mean reliability of a month "
                f"{means['reliability']:.2f}, mean true slope {means['truth']:.2f}, mean error "
                f"{means['slope'] - means['truth']:+.3f}. Naive (pooled least squares on 3-month scores): {pooled}, "
                f"mean error {means['naive'] - means['truth']:+.3f}."
            ),
        ),
        Claim(
            claim="link: planted lag found, where the slope is at least 4 standard errors",
            figure=people.percent(lag, lag_error),
            bar=">= 80 %",
            met=lag >= 0.80,
            detail=(
                f"The {clear.height} such companies of those above, one lag of seven. Naive (largest pooled "
                f"correlation): {people.percent(naive_lag, naive_lag_error)}."
            ),
        ),
    ]
