"""Do the effects of actions hold? Planted effects on the opinions of a unit's people, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy import stats

from benchmarks.accuracy import answers as people
from benchmarks.claims import Claim
from pipelines.statistics import actions
from pipelines.statistics.indicators import indicator_scores
from pipelines.statistics.intervals import Z

UNITS, MONTHS, WINDOW, ACTIONS_A_COMPANY = 60, 24, 3, 6
PAIR = "trust"
SEED = 20260510
NO_SWOT = pl.DataFrame(
    schema={
        "unit_id": pl.String,
        "period": pl.Date,
        "pair_id": pl.String,
        "side": pl.String,
        "swot": pl.String,
        "priority": pl.Float64,
    }
)


def company(rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Effects found in one company, beside the planted ones: (found with truth and naive, scores).

    Six teams get an action in month 8 to 18: three drawn at random, three because their collaborators' scores of
    the three months before were the lowest (so that they recover by themselves). Half of the actions do nothing,
    the others add 4 to 15 points to each side's opinion, over two months.
    """
    units = people.unit_ids(UNITS)
    size = np.exp(rng.normal(np.log(22.0), 0.9, (UNITS, 2))).clip(4.0, 130.0)
    level = rng.normal(62.0, rng.uniform(5.0, 10.0), (2, UNITS, 1))
    shock = rng.normal(0.0, 1.5, (2, 1, MONTHS))
    mood = np.stack([people.memory(rng, (UNITS, MONTHS), 3.0, rng.uniform(0.5, 0.9)) for _ in range(2)])
    without = level + shock + mood
    n = rng.poisson(np.broadcast_to(size.T[:, :, None], without.shape))

    start = rng.integers(8, MONTHS - 6 + 1, ACTIONS_A_COMPANY)
    drawn = people.answers(rng, without, n)
    team = rng.permutation(UNITS)[:ACTIONS_A_COMPANY]
    seen = np.divide(people.trailing(drawn[0], WINDOW), np.maximum(people.trailing(n.astype(float), WINDOW), 1.0))
    for at in range(ACTIONS_A_COMPANY // 2):
        rank = np.argsort(seen[1, :, start[at] - 1])
        team[at] = next(unit for unit in rank if unit not in team[:at] and unit not in team[ACTIONS_A_COMPANY // 2 :])
    points = np.where(np.arange(ACTIONS_A_COMPANY) % 2 == 0, 0.0, rng.uniform(4.0, 15.0, ACTIONS_A_COMPANY))
    added = np.zeros_like(without)
    for at, unit in enumerate(team):
        added[:, unit] += points[at] * np.clip((np.arange(MONTHS) - start[at] + 1) / 2.0, 0.0, 1.0)
    with_ = without + added
    # Answers given without an action stay as they were seen when the teams were chosen.
    acted = people.answers(rng, with_, n)
    s1, s2 = (np.where(added > 0, new, old) for new, old in zip(acted, drawn, strict=True))

    frame = people.units_frame(UNITS, MONTHS)
    definitions = people.definitions([PAIR], window=WINDOW)
    windows = pl.concat(
        people.windows_frame(f"{side}_{PAIR}", n[at], s1[at], s2[at], WINDOW)
        for at, side in enumerate(("client", "collaborator"))
    )
    scores = indicator_scores(windows, definitions, frame, 5)
    periods = people.months(MONTHS)
    acts = pl.DataFrame(
        {
            "action_id": [f"A{at}" for at in range(ACTIONS_A_COMPANY)],
            "unit_id": [units[unit] for unit in team],
            "marker": [PAIR] * ACTIONS_A_COMPANY,
            "started_on": [periods[month] for month in start],
            "ended_on": pl.Series([None] * ACTIONS_A_COMPANY, dtype=pl.Date),
            "kind": ["coaching"] * ACTIONS_A_COMPANY,
            "owner_role": ["team_manager"] * ACTIONS_A_COMPANY,
        }
    )
    found = actions.action_effects(acts, scores, definitions, frame, NO_SWOT, actions.Parameters())
    true = people.expected(with_) - people.expected(without)
    truth = pl.DataFrame(
        [
            (
                f"A{a}",
                side,
                float(true[at, unit, start[a] : start[a] + 6].mean()),
                a < ACTIONS_A_COMPANY // 2,
                bool(points[a] == 0),
            )
            for a, unit in enumerate(team)
            for at, side in enumerate(("client", "collaborator"))
        ],
        schema=["action_id", "side", "truth", "chosen_low", "useless"],
        orient="row",
    )
    return found.join(truth, on=["action_id", "side"]), _before_after(scores, acts)


def _before_after(scores: pl.DataFrame, acts: pl.DataFrame) -> pl.DataFrame:
    """The naive peer: the unit's own scores after the start less those before, each window error taken at its word."""
    rows = (
        scores.with_columns(side=pl.col("indicator_id").str.split("_").list.first())
        .join(acts.select("unit_id", "action_id", "started_on"), on="unit_id")
        .with_columns(at=_months(pl.col("period")) - _months(pl.col("started_on")))
    )
    wide = (
        rows.filter(pl.col("at").is_in([-4, -1, 2, 5]))
        .group_by("action_id", "side")
        .agg(
            (pl.col("score").filter(pl.col("at") > 0).mean() - pl.col("score").filter(pl.col("at") < 0).mean()).alias(
                "naive"
            ),
            (
                (pl.col("score_se") ** 2).filter(pl.col("at") > 0).mean() / 2
                + (pl.col("score_se") ** 2).filter(pl.col("at") < 0).mean() / 2
            )
            .sqrt()
            .alias("naive_se"),
        )
    )
    return wide


def _months(column: pl.Expr) -> pl.Expr:
    return column.dt.year().cast(pl.Int64) * 12 + column.dt.month().cast(pl.Int64)


def simulated(companies: int) -> pl.DataFrame:
    """Found effects of all companies with their truth and the naive peer's; one row a company, action and side."""
    parts = []
    for number, seed in enumerate(np.random.SeedSequence(SEED).spawn(companies)):
        found, naive = company(np.random.default_rng(seed))
        joined = found.join(naive, on=["action_id", "side"], how="left")
        parts.append(joined.with_columns(company=pl.lit(number)))
    return pl.concat(parts)


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """The claims on actions, from `companies` companies of 60 teams and 24 months (200: the full run)."""
    say(f"actions: {companies} companies of {UNITS} teams and {MONTHS} months, {ACTIONS_A_COMPANY} actions each")
    rows = simulated(companies)
    shown = rows.filter(pl.col("status") == "ok").with_columns(
        covers=pl.col("truth").is_between("effect_lower", "effect_upper"),
        naive_covers=(pl.col("naive") - pl.col("truth")).abs() <= Z * pl.col("naive_se"),
        error=pl.col("effect") - pl.col("truth"),
        naive_error=pl.col("naive") - pl.col("truth"),
    )
    share, error = people.mean_and_error(shown["covers"], shown["company"])
    naive, naive_error = people.mean_and_error(shown["naive_covers"].fill_null(False), shown["company"])
    low = shown.filter("chosen_low")
    design = (
        f"{companies} companies x {UNITS} teams x {MONTHS} months, {ACTIONS_A_COMPANY} actions each, both sides of one "
        f"marker; 12 to 400 answers a side and {WINDOW}-month window; teams 5-10 points apart, moods of 3 points with "
        "memory 0.5-0.9, months that hit everyone 1.5 points; half of the teams drawn, half those with the lowest "
        "collaborator score; half of the actions add 4-15 points to what is felt, over two months. Truth: the exact "
        "expected answer with less without"
    )
    nothing = shown.filter("useless")
    step = 1.0 / (nothing["controls"].to_numpy() + 1.0)
    p = nothing["p"].to_numpy()
    # A permutation's p only takes the multiples of its step; a uniform draw within the step makes "uniform" testable.
    spread = p - step * np.random.default_rng(SEED).random(len(p))
    uniform = float(stats.kstest(spread, "uniform").pvalue)
    naive_p = 2 * stats.norm.sf(np.abs((nothing["naive"] / nothing["naive_se"]).drop_nulls().to_numpy()))
    return [
        Claim(
            claim="action effect: 95 % interval holds the true effect",
            figure=people.percent(share, error),
            bar="93-97 %",
            met=0.93 <= share <= 0.97,
            detail=(
                f"{design}. {shown.height} of {rows.height} estimated. Naive (before and after without control, errors "
                f"of the scores): {people.percent(naive, naive_error)}. Where the lowest were chosen, mean error "
                f"{_mean(low['error']):+.2f} points, naive {_mean(low['naive_error']):+.2f}; root mean square of all "
                f"{_rms(shown['error']):.2f}, naive {_rms(shown['naive_error']):.2f}."
            ),
        ),
        Claim(
            claim="action effect: p under no effect is uniform",
            figure=f"Kolmogorov-Smirnov p = {uniform:.3f}; p <= 0.05 in {100 * (p <= 0.05).mean():.1f} %",
            bar="p > 0.01",
            met=uniform > 0.01,
            detail=(
                f"{len(p)} effects of actions that do nothing, of the companies above, half of them of teams chosen "
                f"for a low score; p drawn within its step of 1/(controls + 1), {1 / step.mean():.0f} values. Naive: "
                f"p <= 0.05 in {100 * (naive_p <= 0.05).mean():.1f} %, Kolmogorov-Smirnov p = "
                f"{stats.kstest(naive_p, 'uniform').pvalue:.1g}."
            ),
        ),
    ]


def _mean(values: pl.Series) -> float:
    return float(np.nanmean(values.to_numpy()))


def _rms(values: pl.Series) -> float:
    return float(np.sqrt(np.nanmean(values.to_numpy() ** 2)))
