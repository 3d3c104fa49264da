"""Ruptures: are those flagged real, are the real ones found, and is their onset right?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from benchmarks.accuracy.measures import Counter
from benchmarks.accuracy.simulate import (
    Array,
    Company,
    Design,
    Flags,
    PersonVariance,
    arrays,
    company,
    definitions,
    months_of,
    scorecard,
    survey_weights,
    unit_ids,
)
from benchmarks.claims import Claim
from pipelines.statistics.ruptures import RuptureParameters, rupture_episodes, rupture_tests

SEED = 20261124
DESIGN = Design()


@dataclass
class Tally:
    """Counts by company, each as (of these, those)."""

    false: Counter = field(default_factory=Counter)
    naive_false: Counter = field(default_factory=Counter)
    found: Counter = field(default_factory=Counter)
    naive_found: Counter = field(default_factory=Counter)
    top_box_false: Counter = field(default_factory=Counter)
    top_box_found: Counter = field(default_factory=Counter)
    oracle: Counter = field(default_factory=Counter)
    false_episodes: Counter = field(default_factory=Counter)
    onset: Counter = field(default_factory=Counter)
    naive_onset: Counter = field(default_factory=Counter)
    onset_covered: Counter = field(default_factory=Counter)


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """The four claims on ruptures, over `companies` simulated companies."""
    tally = measure(companies, say)
    delta = f"δ = {RuptureParameters().delta:.0f}, q = {RuptureParameters().q:.0%}; {companies} companies of {DESIGN}"
    false, found, oracle, onset = tally.false.share(), tally.found.share(), tally.oracle.share(), tally.onset.share()
    return [
        Claim(
            "Ruptures: share of false ones (no true gap above δ) among the flagged unit-months",
            str(false),
            "<= 5 %",
            false.value <= 0.05,
            f"naive peers, raw gap above δ without error: {tally.naive_false.share()}, top-box averages more than δ "
            f"apart: {tally.top_box_false.share()}; of episodes, false in every "
            f"month: {tally.false_episodes.share()}. {delta}",
        ),
        Claim(
            "Ruptures whose true gap exceeds δ by at least 4 of its standard errors: found",
            str(found),
            ">= 90 %",
            found.value >= 0.90,
            f"unit-months; naive peers: raw gap {tally.naive_found.share()}, top-box averages "
            f"{tally.top_box_found.share()}. {delta}",
        ),
        Claim(
            "Ruptures found, of those that an oracle knowing the true errors finds at the same q",
            str(oracle),
            ">= 95 %",
            oracle.value >= 0.95,
            f"true ruptures found by the pipeline / found by the oracle, unit-months. {delta}",
        ),
        Claim(
            "Onset, where the gap exceeds δ by at least 6 standard errors: within 3 months",
            str(onset),
            ">= 80 %",
            onset.value >= 0.80,
            f"planted ruptures, not found counted as missed; naive peer, the first flag: {tally.naive_onset.share()}; "
            f"planted month within [earliest, latest]: {tally.onset_covered.share()}. {delta}",
        ),
    ]


def measure(companies: int, say: Callable[[str], None]) -> Tally:
    """Simulate, test, and count."""
    chosen, parameters, tally = definitions(), RuptureParameters(), Tally()
    variance = PersonVariance(DESIGN.correlation, survey_weights(chosen))
    for number, sequence in enumerate(np.random.SeedSequence(SEED).spawn(companies), start=1):
        made = company(np.random.default_rng(sequence), DESIGN, chosen, variance)
        _, pairs, indices = scorecard(made, chosen)
        tests = rupture_tests(indices, pairs, made.units, parameters)
        of_units = tests.filter(pl.col("pair_id").is_null())
        gap, error = arrays(of_units, "gap", DESIGN), arrays(of_units, "gap_se", DESIGN)
        flagged = arrays(of_units.with_columns(pl.col("is_rupture").cast(pl.Float64)), "is_rupture", DESIGN) > 0
        shown = ~np.isnan(gap)
        real = (np.abs(made.gap) > parameters.delta) & shown
        naive = (np.abs(gap) > parameters.delta) & shown
        tally.false.add(flagged & ~real, flagged)
        tally.naive_false.add(naive & ~real, naive)
        top_box = (np.abs(made.top_box["client"] - made.top_box["collaborator"]) > parameters.delta) & shown
        tally.top_box_false.add(top_box & ~real, top_box)
        large = shown & (np.abs(made.gap) - parameters.delta >= 4 * made.gap_se)
        tally.found.add(flagged & large, large)
        tally.naive_found.add(naive & large, large)
        tally.top_box_found.add(top_box & large, large)
        knowing = _oracle(gap, made.gap_se, parameters)
        tally.oracle.add_ratio(int((flagged & real).sum()), int((knowing & real).sum()))
        episodes = rupture_episodes(tests, pairs, chosen, parameters).filter(pl.col("pair_id").is_null())
        _count_episodes(episodes, real, tally)
        _count_onsets(episodes, made, error, parameters, tally)
        if number % 20 == 0:
            say(f"ruptures: {number} of {companies} companies")
    return tally


def _oracle(gap: Array, error: Array, parameters: RuptureParameters) -> Flags:
    """The same test with the true errors; SciPy's own Benjamini-Hochberg, month by month."""
    from scipy import stats

    found: Flags = np.zeros(gap.shape, dtype=np.bool_)
    for month in range(gap.shape[1]):
        known = ~np.isnan(gap[:, month])
        if known.any():
            p = stats.norm.sf((np.abs(gap[known, month]) - parameters.delta) / error[known, month])
            found[known, month] = stats.false_discovery_control(p) <= parameters.q
    return found


def _positions(episodes: pl.DataFrame) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Unit and months of each episode as positions in the arrays; -1 where null."""
    units = {name: u for u, name in enumerate(unit_ids(DESIGN.units))}
    months = {month: m for m, month in enumerate(months_of(DESIGN.months))}
    position = {"unit": episodes["unit_id"].replace_strict(units, return_dtype=pl.Int64).to_numpy()}
    for name in ("start_period", "end_period", "onset_period", "onset_earliest", "onset_latest"):
        position[name] = (
            episodes[name].replace_strict(months, default=None, return_dtype=pl.Int64).fill_null(-1).to_numpy()
        )
    position["end_period"] = np.where(position["end_period"] < 0, DESIGN.months - 1, position["end_period"])
    return position


def _count_episodes(episodes: pl.DataFrame, real: Flags, tally: Tally) -> None:
    at = _positions(episodes)
    month = np.arange(DESIGN.months)[None, :]
    within = (month >= at["start_period"][:, None]) & (month <= at["end_period"][:, None])
    false = ~np.asarray((real[at["unit"]] & within).any(axis=1))
    tally.false_episodes.add_ratio(int(false.sum()), len(false))


def _count_onsets(
    episodes: pl.DataFrame, made: Company, error: Array, parameters: RuptureParameters, tally: Tally
) -> None:
    """Of planted ruptures whose true gap in the last month exceeds δ by 6 true errors, those dated within 3 months."""
    at = _positions(episodes)
    clear = (made.onset >= 0) & (np.abs(made.gap[:, -1]) - parameters.delta >= 6 * made.gap_se[:, -1])
    for unit in np.flatnonzero(clear):
        # The episode of the last month is the one that the planted rupture made.
        own = np.flatnonzero((at["unit"] == unit) & (at["end_period"] == DESIGN.months - 1))
        planted = made.onset[unit]
        if len(own) == 0:
            for counter in (tally.onset, tally.naive_onset, tally.onset_covered):
                counter.add_ratio(0, 1)
            continue
        e = own[-1]
        estimated = at["onset_period"][e]
        tally.onset.add_ratio(int(estimated >= 0 and abs(estimated - planted) <= 3), 1)
        tally.naive_onset.add_ratio(int(abs(at["start_period"][e] - planted) <= 3), 1)
        tally.onset_covered.add_ratio(int(at["onset_earliest"][e] <= planted <= at["onset_latest"][e]), 1)
