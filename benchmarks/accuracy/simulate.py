"""Companies whose truth is known: effects are planted in what people answer and do, never in scores.

Each respondent has a latent satisfaction, on 0-100: that of the unit and month, a part that is the person's own and
moves all of its answers together, and a part for each question. Answers are read off it on the scale of the
questionnaire (1-5 or 0-10). Cases, requests and irritants follow from the unit's latent level. What the pipeline
then gets are sums over windows, as its own models would make them; the truth is what those sums would be on average.

A window of three months holds 10 to 400 answers a side; a person answers once a quarter, so nobody counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from pipelines.company_definitions import load_definitions
from pipelines.statistics.indicators import Definitions, indicator_scores
from pipelines.statistics.indices import Parameters, pair_scores, unit_indices

Array = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
SIDES = ("client", "collaborator")
SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds" / "default"

SPREAD = 25.0
"""Standard deviation (points) of one answer's latent value about its unit's level."""
LIKERT = ("trust", "listening", "competence", "cooperation")
SURVEYED = (*LIKERT, "recommendation", "satisfaction")
"""Questions that every respondent is asked."""
MOMENT = {"client": "first_use", "collaborator": "onboarding"}
PAIRS = (*LIKERT, "recommendation", "satisfaction", "moment_first_use", "responsiveness", "resolution", "irritants")
RATE = {"client": 0.05, "collaborator": 0.15}
RATE_FLOOR = {"client": 0.10, "collaborator": 0.30}
"""Events a month and person at which the score of irritants is 0 (the default goalposts, as shares)."""


@dataclass(frozen=True)
class Design:
    """What a simulated company is like. Points are of 0-100."""

    units: int = 60
    months: int = 24
    sites: int = 6
    fewest: float = 10.0
    most: float = 400.0
    correlation: float = 0.4
    common_sd: float = 6.0
    site_sd: float = 3.0
    gap_sd: float = 5.0
    mood_sd: float = 1.5
    ruptures: float = 0.2
    rupture_sizes: tuple[float, float] = (14.0, 45.0)

    def __str__(self) -> str:
        return (
            f"{self.units} units x {self.months} months, {self.fewest:.0f}-{self.most:.0f} answers a side and window, "
            f"correlation within a respondent {self.correlation}, units' common level sd {self.common_sd} within "
            f"{self.sites} sites of sd {self.site_sd}, their gap sd {self.gap_sd}, monthly moves sd {self.mood_sd}, "
            f"a rupture of {self.rupture_sizes[0]:.0f}-{self.rupture_sizes[1]:.0f} latent points in "
            f"{self.ruptures:.0%} of units"
        )


@dataclass(frozen=True)
class Company:
    """What the pipeline sees (windows, units) and what is true, all arrays units × months.

    index, gap: expected score of the windows; gap_se: its true standard error; onset: month index of a planted
    rupture by unit, -1 without; top_box: by side, the share of top answers over the survey's questions, in %.
    """

    windows: pl.DataFrame
    units: pl.DataFrame
    index: dict[str, Array]
    gap: Array
    gap_se: Array
    answers: dict[str, Array]
    onset: npt.NDArray[np.int64]
    top_box: dict[str, Array]


def definitions(pair_ids: Sequence[str] = PAIRS) -> Definitions:
    """The default definitions, with the pairs that the simulation produces (or those named)."""
    company = load_definitions(SEEDS)
    pairs = company.mirror_pairs.filter(pl.col("pair_id").is_in(list(pair_ids)))
    return Definitions(company.indicators, company.goalposts, company.windows, pairs, company.weights)


def trailing(values: Array, months: int) -> Array:
    """Sums over the trailing `months` (units × months)."""
    total = np.cumsum(values, axis=1)
    result = total.copy()
    result[:, months:] -= total[:, :-months]
    return result


# --- what one answer is on average, and how it varies ------------------------------------------------------


def _steps(latent: Array, points: int) -> Array:
    """Chance of each answer 0 … points-1 on a scale that rounds the latent value; last axis: the answers."""
    edges = (np.arange(points - 1) + 0.5) * 100.0 / (points - 1)
    below = special.ndtr((edges - latent[..., None]) / SPREAD)
    return np.diff(below, axis=-1, prepend=0.0, append=1.0)


def expected(latent: Array, item: str) -> Array:
    """Expected value of one answer: the mean on 0-100, net promoters in [-1, 1], or a share."""
    if item in LIKERT:
        return _steps(latent, 5) @ np.linspace(0.0, 100.0, 5)
    if item == "recommendation":
        chances = _steps(latent, 11)
        return chances[..., 9:].sum(-1) - chances[..., :7].sum(-1)
    return _steps(latent, 5)[..., 3:].sum(-1)


def share_in_time(latent: Array) -> Array:
    """Share of cases or requests answered within the target, given the unit's level."""
    return special.ndtr((latent - 45.0) / 30.0)


def event_rate(latent: Array, side: str) -> Array:
    """Complaints or irritants a month and person, given the unit's level."""
    return np.asarray(RATE[side] * np.exp(-(latent - 60.0) / 30.0), dtype=np.float64)


def answers_of(rng: np.random.Generator, latent: Array, correlation: float) -> dict[str, Array]:
    """Answers of respondents (latent: their unit's level, one each) to all questions, moved together by the person."""
    person = rng.standard_normal(len(latent)) * np.sqrt(correlation)
    found: dict[str, Array] = {}
    for item in SURVEYED:
        own = rng.standard_normal(len(latent)) * np.sqrt(1 - correlation)
        value = latent + SPREAD * (person + own)
        top = 10.0 if item == "recommendation" else 4.0
        answer = np.clip(np.rint(value * top / 100.0), 0.0, top)
        if item in LIKERT:
            found[item] = answer * 25.0
        elif item == "recommendation":
            found[item] = (answer >= 9).astype(float) - (answer <= 6).astype(float)
        else:
            found[item] = (answer >= 3).astype(float)
    return found


def _top_box(found: dict[str, Array]) -> Array:
    """Each respondent's share of top answers: the two best of five, promoters, content."""
    tops = [value >= 75.0 if item in LIKERT else value > 0.0 for item, value in found.items()]
    return np.asarray(np.mean(tops, axis=0), dtype=np.float64)


def _as_scores(found: dict[str, Array]) -> Array:
    """Each respondent's answers on the score scale of 0-100, columns in the order of `found`."""
    return np.column_stack(
        [
            value if item in LIKERT else 50.0 * (value + 1.0) if item == "recommendation" else 100.0 * value
            for item, value in found.items()
        ]
    )


def item_weights(definitions: Definitions) -> dict[str, float]:
    """Weight of each pair of the simulation."""
    rows = definitions.weights.filter(pl.col("scope") == "pair").select("id", "weight")
    return {name: float(weight) for name, weight in rows.iter_rows() if name in PAIRS}


def survey_weights(definitions: Definitions) -> Array:
    """Weights of the questions, in the order of `SURVEYED`."""
    weight = item_weights(definitions)
    return np.array([weight[item] for item in SURVEYED])


class PersonVariance:
    """Variance of one respondent's weighted mean (points²) by the unit's latent level, from a large sample."""

    def __init__(self, correlation: float, weights: Array, sample: int = 100_000) -> None:
        self.grid = np.linspace(-20.0, 130.0, 61)
        rng = np.random.default_rng(7)
        self.values = np.array(
            [
                np.var(_as_scores(answers_of(rng, np.full(sample, level), correlation)) @ weights / weights.sum())
                for level in self.grid
            ]
        )

    def __call__(self, latent: Array) -> Array:
        """The variance at each level, interpolated; the shape of `latent`."""
        return np.asarray(np.interp(latent, self.grid, self.values), dtype=np.float64)


# --- a company ------------------------------------------------------------------------------------------------


def latent_levels(
    rng: np.random.Generator, design: Design
) -> tuple[dict[str, Array], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Latent level of each side (units × months), site of each unit, and month of its rupture (-1: none)."""
    units, months = design.units, design.months
    site = np.arange(units) % design.sites
    common = 62.0 + rng.normal(0, design.site_sd, design.sites)[site] + rng.normal(0, design.common_sd, units)
    gap = np.repeat(rng.normal(0, design.gap_sd, units)[:, None], months, axis=1)
    onset = np.full(units, -1, dtype=np.int64)
    broken = rng.permutation(units)[: round(design.ruptures * units)]
    onset[broken] = rng.integers(4, months - 4, len(broken))
    size = rng.uniform(*design.rupture_sizes, len(broken)) * rng.choice([-1.0, 1.0], len(broken))
    after = np.arange(months)[None, :] >= onset[broken, None]
    gap[broken] += size[:, None] * after
    levels = {}
    for side, sign in zip(SIDES, (0.5, -0.5), strict=True):
        mood = np.empty((units, months))
        mood[:, 0] = rng.normal(0, design.mood_sd, units)
        for month in range(1, months):
            mood[:, month] = 0.8 * mood[:, month - 1] + rng.normal(0, design.mood_sd * 0.6, units)
        levels[side] = np.clip(common[:, None] + sign * gap + mood, 5.0, 105.0)
    return levels, site, onset


def company(
    rng: np.random.Generator,
    design: Design,
    definitions: Definitions,
    person_variance: PersonVariance,
    levels: tuple[dict[str, Array], npt.NDArray[np.int64], npt.NDArray[np.int64]] | None = None,
) -> Company:
    """Draw a company: what is answered and done in each unit and month, and what is true of it."""
    latent, site, onset = levels if levels is not None else latent_levels(rng, design)
    weight = item_weights(definitions)
    item_weight = survey_weights(definitions)
    sums: list[tuple[str, int, Array, Array, Array | None]] = []
    truth: dict[str, Array] = {}
    variance: dict[str, Array] = {}
    answers: dict[str, Array] = {}
    top_box: dict[str, Array] = {}
    shape = (design.units, design.months)
    for side in SIDES:
        level = latent[side]
        window = np.exp(rng.uniform(np.log(design.fewest), np.log(design.most), design.units))
        n = np.maximum(rng.poisson(np.repeat(window[:, None] / 3.0, design.months, axis=1)), 1)
        answers[side] = trailing(n.astype(float), 3)
        cell = np.repeat(np.arange(n.size), n.ravel())
        found = answers_of(rng, level.ravel()[cell], design.correlation)

        def total(values: Array, cell: npt.NDArray[np.int64] = cell) -> Array:
            summed = np.bincount(cell, values, minlength=shape[0] * shape[1]).reshape(shape)
            return np.asarray(summed, dtype=np.float64)

        scores: dict[str, tuple[Array, int]] = {}
        count = n.astype(float)
        for item, value in found.items():
            square = None if item == "satisfaction" else total(value**2)
            sums.append((f"{side}_{item}", 3, count, total(value), square))
            average = trailing(count * expected(level, item), 3) / trailing(count, 3)
            scores[item] = (
                average if item in LIKERT else 50 * (average + 1) if item == "recommendation" else 100 * average,
                3,
            )
        top_box[side] = 100.0 * trailing(total(_top_box(found)), 3) / trailing(count, 3)
        own = _as_scores(found) @ item_weight / item_weight.sum()
        sums.append((f"composite.perception.{side}", 3, count, total(own), total(own**2)))

        asked = np.maximum(rng.poisson(count / 4), 1).astype(float)
        share = expected(level, "moment")
        pleased = rng.binomial(asked.astype(int), share).astype(float)
        sums.append((f"{side}_moment_{MOMENT[side]}", 12, asked, pleased, None))
        sums.append((f"composite.journey.{side}", 12, asked, 100 * pleased, 10_000 * pleased))
        moment = trailing(asked * share, 12) / trailing(asked, 12)

        people = count * (8.0 if side == "client" else 3.0)
        conduct: dict[str, Array] = {}
        conduct_variance: dict[str, Array] = {}
        for pair in ("responsiveness", "resolution"):
            cases = np.maximum(rng.poisson(1.5 * count), 1).astype(float)
            chance = share_in_time(level - (0.0 if pair == "responsiveness" else 5.0))
            sums.append((f"{side}_{pair}", 3, cases, rng.binomial(cases.astype(int), chance).astype(float), None))
            held = trailing(cases, 3)
            conduct[pair] = 100 * trailing(cases * chance, 3) / held
            conduct_variance[pair] = 10_000 * trailing(cases * chance * (1 - chance), 3) / held**2
        rate = event_rate(level, side)
        sums.append((f"{side}_irritants", 3, people, rng.poisson(people * rate).astype(float), None))
        exposed = trailing(people, 3)
        slope = 100.0 / RATE_FLOOR[side]
        conduct["irritants"] = np.clip(100.0 - slope * trailing(people * rate, 3) / exposed, 0.0, 100.0)
        conduct_variance["irritants"] = slope**2 * trailing(people * rate, 3) / exposed**2

        mirrors = {name: float(w) for name, w in _mirror_weights(definitions)}
        perception = sum(weight[item] * scores[item][0] for item in SURVEYED) / item_weight.sum()
        perception_variance = trailing(count * person_variance(level), 3) / trailing(count, 3) ** 2
        moment_variance = 10_000 * trailing(asked * share * (1 - share), 12) / trailing(asked, 12) ** 2
        whole = sum(weight[pair] for pair in conduct)
        conduct_mean = sum(weight[pair] * conduct[pair] for pair in conduct) / whole
        conduct_error = sum((weight[pair] / whole) ** 2 * conduct_variance[pair] for pair in conduct)
        all_weight = sum(mirrors.values())
        truth[side] = (
            mirrors["perception"] * perception + mirrors["journey"] * 100 * moment + mirrors["conduct"] * conduct_mean
        ) / all_weight
        variance[side] = (
            mirrors["perception"] ** 2 * perception_variance
            + mirrors["journey"] ** 2 * moment_variance
            + mirrors["conduct"] ** 2 * conduct_error
        ) / all_weight**2
    return Company(
        windows=_windows(sums, design),
        units=units_frame(design, site),
        index=truth,
        gap=truth["client"] - truth["collaborator"],
        gap_se=np.sqrt(variance["client"] + variance["collaborator"]),
        answers=answers,
        onset=onset,
        top_box=top_box,
    )


def _mirror_weights(definitions: Definitions) -> list[tuple[str, float]]:
    return list(definitions.weights.filter(pl.col("scope") == "mirror").select("id", "weight").iter_rows())


def months_of(count: int) -> list[date]:
    """The first days of `count` months from January 2024 on."""
    return [date(2024 + m // 12, m % 12 + 1, 1) for m in range(count)]


def unit_ids(units: int) -> list[str]:
    """Names that sort in the order of the arrays."""
    return [f"U{u:03d}" for u in range(units)]


def units_frame(design: Design, site: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Every unit and month: teams, each under its site."""
    names, months = unit_ids(design.units), months_of(design.months)
    return pl.DataFrame(
        {
            "unit_id": np.repeat(names, design.months),
            "period": months * design.units,
            "unit_level": ["team"] * (design.units * design.months),
            "parent_unit_id": np.repeat([f"S{s}" for s in site], design.months),
        }
    )


def _windows(sums: list[tuple[str, int, Array, Array, Array | None]], design: Design) -> pl.DataFrame:
    """The sums over their windows, in the shape of the pipeline's table of windows."""
    names, months = unit_ids(design.units), months_of(design.months)
    keys = pl.DataFrame(
        {"unit_id": np.repeat(names, design.months), "period": months * design.units, "population": "all"}
    )
    frames = []
    for indicator_id, length, n, s1, s2 in sums:
        held = trailing(n, length).ravel()
        frames.append(
            keys.with_columns(
                indicator_id=pl.lit(indicator_id),
                window_months=pl.lit(length, dtype=pl.Int64),
                n=pl.Series(held),
                s1=pl.Series(trailing(s1, length).ravel()),
                s2=pl.lit(None, dtype=pl.Float64) if s2 is None else pl.Series(trailing(s2, length).ravel()),
                people=pl.Series(held).cast(pl.Int64),
                conservative=pl.lit(False),
            )
        )
    return pl.concat(frames)


def scorecard(made: Company, definitions: Definitions, k: int = 5) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The pipeline's own indicator scores, pair scores and unit indices of a company."""
    scores = indicator_scores(made.windows, definitions, made.units, k)
    pairs = pair_scores(scores, definitions, made.units)
    return scores, pairs, unit_indices(pairs, scores, definitions, made.units, Parameters())


def arrays(frame: pl.DataFrame, column: str, design: Design) -> Array:
    """A column of a frame sorted by unit and period (one row each) as units × months, NaN where null."""
    return frame.sort("unit_id", "period")[column].cast(pl.Float64).to_numpy().reshape(design.units, design.months)


def smaller(design: Design, **changes: float) -> Design:
    """The same design with some figures changed."""
    return replace(design, **changes)  # type: ignore[arg-type]
