"""Intervals of the gap: how often the true gap lies inside, at each number of answers or people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from benchmarks.accuracy.measures import Counter
from benchmarks.accuracy.simulate import (
    LIKERT,
    RATE_FLOOR,
    SIDES,
    Array,
    Design,
    Flags,
    PersonVariance,
    answers_of,
    arrays,
    company,
    definitions,
    event_rate,
    expected,
    item_weights,
    scorecard,
    share_in_time,
    survey_weights,
)
from benchmarks.claims import Claim
from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import pair_scores
from pipelines.statistics.intervals import Z

SEED = 20261125
SIZES = (5, 10, 30, 100, 300)
UNITS = 60
CORRELATION = 0.4
MONTHS_OBSERVED = 12
SURVEYS = ("trust", "recommendation", "satisfaction")
LEVEL = 62.0
COMMON_SD, GAP_SD = 7.0, 5.0


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """One claim per number of answers and kind of figure: a survey's pair, a rate's pair, a unit's index."""
    return [*_pair_claims(companies, say), *_index_claims(companies, say)]


def _verdict(what: str, size: int, counted: Counter, naive: Counter, detail: str) -> Claim:
    low, high = (0.92, 0.98) if size <= 10 else (0.93, 0.97)
    share = counted.share()
    return Claim(
        f"95 % intervals of the gap, {what}, n = {size}: true value inside",
        str(share),
        f"{low:.0%}-{high:.0%}".replace("%", " %"),
        low <= share.value <= high,
        f"naive peer, s1/n ± 1.96 plain standard errors: {naive.share()}. {detail}",
    )


def _pair_claims(companies: int, say: Callable[[str], None]) -> Iterator[Claim]:
    """Each pair on n answers a side (surveys, cases), or on n people followed for a year (rates)."""
    chosen = definitions()
    # What the definitions do not show on so few people has no interval: losses need 120 person-months a side.
    windows = chosen.windows.with_columns(
        min_n=pl.when(pl.col("indicator_id").str.ends_with("loyalty")).then(pl.col("min_n")).otherwise(1)
    )
    rates = {"loyalty": 12, "irritants": 3}
    pairs = definitions((*SURVEYS, "responsiveness", *rates)).mirror_pairs
    chosen = replace(chosen, windows=windows, mirror_pairs=pairs)
    for size in SIZES:
        found: dict[str, tuple[Counter, Counter]] = {name: (Counter(), Counter()) for name in pairs["pair_id"]}
        for sequence in np.random.SeedSequence([SEED, size]).spawn(companies):
            for name, inside, naive in _pairs_of_one(np.random.default_rng(sequence), size, chosen):
                found[name][0].add_ratio(int(inside.sum()), inside.size)
                found[name][1].add_ratio(int(naive.sum()), naive.size)
        say(f"intervals: pairs at n = {size}")
        for name, (counted, naive_counted) in found.items():
            if counted.share().of == 0:
                say(f"intervals: {name} is not shown at n = {size}")
                continue
            what = f"rate ({name})" if name in rates else f"{name}"
            of = f"{size} people a side over {rates[name]} months" if name in rates else f"{size} answers a side"
            yield _verdict(
                what,
                size,
                counted,
                naive_counted,
                f"{companies} companies of {UNITS} units, {of}, units' common level sd {COMMON_SD}, gap sd {GAP_SD}",
            )


def _pairs_of_one(rng: np.random.Generator, size: int, chosen: Definitions) -> Iterator[tuple[str, Flags, Flags]]:
    """Pair, whether the true gap is in the pipeline's interval, and in the naive one, by unit of one company."""
    common = rng.normal(LEVEL, COMMON_SD, UNITS)
    gap = rng.normal(0.0, GAP_SD, UNITS)
    truth: dict[tuple[str, str], Array] = {}
    plain: dict[tuple[str, str], tuple[Array, Array]] = {}
    frames = []
    for side, sign in zip(SIDES, (0.5, -0.5), strict=True):
        level = common + sign * gap
        answers = answers_of(rng, np.repeat(level, size), CORRELATION)
        sums: dict[str, tuple[Array, Array, Array | None]] = {}
        for item in SURVEYS:
            given = answers[item].reshape(UNITS, size)
            sums[item] = (np.full(UNITS, float(size)), given.sum(1), (given**2).sum(1))
            average = expected(level, item)
            truth[side, item] = (
                average if item in LIKERT else 50 * (average + 1) if item == "recommendation" else 100 * average
            )
            scale = 1.0 if item in LIKERT else 50.0 if item == "recommendation" else 100.0
            offset = 50.0 if item == "recommendation" else 0.0
            plain[side, item] = (
                offset + scale * given.mean(1),
                scale * given.std(1, ddof=1) / np.sqrt(size),
            )
        chance = share_in_time(level)
        done = rng.binomial(size, chance).astype(float)
        sums["responsiveness"] = (np.full(UNITS, float(size)), done, None)
        truth[side, "responsiveness"] = 100 * chance
        share = done / size
        plain[side, "responsiveness"] = (100 * share, 100 * np.sqrt(share * (1 - share) / size))
        for pair, months, rate, floor in (
            ("irritants", 3, event_rate(level, side), RATE_FLOOR[side]),
            ("loyalty", 12, 0.15 / 12 * np.exp(-(level - LEVEL) / 30.0), 0.40 / 12),
        ):
            exposure = np.full(UNITS, float(size * months))
            events = rng.poisson(exposure * rate).astype(float)
            sums[pair] = (exposure, events, None)
            truth[side, pair] = np.clip(100 - 100 * rate / floor, 0.0, 100.0)
            plain[side, pair] = (
                np.clip(100 - 100 * events / exposure / floor, 0.0, 100.0),
                100 * np.sqrt(events) / exposure / floor,
            )
        for pair, (n, s1, s2) in sums.items():
            frames.append(
                pl.DataFrame(
                    {
                        "unit_id": [f"U{u:03d}" for u in range(UNITS)],
                        "period": [date(2025, 1, 1)] * UNITS,
                        "population": "all",
                        "indicator_id": f"{side}_{pair}",
                        "window_months": 3,
                        "n": n,
                        "s1": s1,
                        "s2": s2 if s2 is not None else pl.Series([None] * UNITS, dtype=pl.Float64),
                        "people": size,
                        "conservative": False,
                    }
                )
            )
    units = pl.DataFrame(
        {"unit_id": [f"U{u:03d}" for u in range(UNITS)], "period": [date(2025, 1, 1)] * UNITS, "unit_level": "team"}
    ).with_columns(parent_unit_id=pl.lit("site"))
    scores = indicator_scores(pl.concat(frames), chosen, units, 5)
    shown = pair_scores(scores, chosen, units)
    for pair in chosen.mirror_pairs["pair_id"]:
        rows = shown.filter(pl.col("pair_id") == pair).sort("unit_id")
        if rows["gap"].null_count():
            yield pair, np.empty(0, dtype=np.bool_), np.empty(0, dtype=np.bool_)
            continue
        true = truth["client", pair] - truth["collaborator", pair]
        low, high = rows["gap_lower"].to_numpy(), rows["gap_upper"].to_numpy()
        (client, client_error), (team, team_error) = plain["client", pair], plain["collaborator", pair]
        half = Z * np.hypot(client_error, team_error)
        yield pair, (low <= true) & (true <= high), np.abs(client - team - true) <= half


def _index_claims(companies: int, say: Callable[[str], None]) -> Iterator[Claim]:
    """The gap of a unit's two indices, every unit on about n answers a side and window."""
    chosen = definitions()
    variance = PersonVariance(CORRELATION, survey_weights(chosen))
    for size in SIZES:
        design = Design(fewest=size, most=size, ruptures=0.0)
        counted, naive = Counter(), Counter()
        for sequence in np.random.SeedSequence([SEED, 1, size]).spawn(max(companies // 4, 1)):
            made = company(np.random.default_rng(sequence), design, chosen, variance)
            scores, _, indices = scorecard(made, chosen)
            lower, upper = arrays(indices, "gap_lower", design), arrays(indices, "gap_upper", design)
            shown = ~np.isnan(lower)
            inside = (lower <= made.gap) & (made.gap <= upper) & shown
            counted.add(inside, shown)
            # The naive peer takes a respondent's answers for independent: errors of items add in quadrature.
            naive.add(
                (np.abs(arrays(indices, "gap", design) - made.gap) <= _independent(scores, design)) & shown, shown
            )
        say(f"intervals: indices at n = {size}")
        detail = f"{max(companies // 4, 1)} companies of {design}; naive: answers of a respondent independent"
        yield _verdict("unit index", size, counted, naive, detail)


def _independent(scores: pl.DataFrame, design: Design) -> Array:
    """1.96 errors of the gap were all indicators independent and weighed alike within a mirror's pairs."""
    chosen = definitions()
    weight = item_weights(chosen)
    mirrors = dict(chosen.weights.filter(pl.col("scope") == "mirror").select("id", "weight").iter_rows())
    pairs = chosen.mirror_pairs.with_columns(
        weight=pl.col("pair_id").replace_strict(weight, return_dtype=pl.Float64),
        mirror_weight=pl.col("mirror").replace_strict(mirrors, return_dtype=pl.Float64),
    ).with_columns(
        share=pl.col("mirror_weight") * pl.col("weight") / pl.sum("weight").over("mirror") / sum(mirrors.values())
    )
    faces = pl.concat(
        [
            pairs.select(f"{side}_indicator_id", "share").rename({f"{side}_indicator_id": "indicator_id"})
            for side in SIDES
        ]
    )
    errors = (
        scores.join(faces, on="indicator_id")
        .group_by("unit_id", "period")
        .agg(((pl.col("share") * pl.col("score_se")) ** 2).sum().sqrt().alias("error"))
    )
    return Z * arrays(errors, "error", design)
