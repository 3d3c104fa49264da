"""People who answer questionnaires: the generator shared by the parts on links, drivers and actions.

What belongs here: what a person answers, what is to be expected of an answer, and sums of answers in the shape the
pipeline reads. It shares no code with the estimators. An opinion of 0 to 100 is felt with an error and ticked on a
scale of 1 to 5, scored 0, 25, 50, 75, 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from pipelines.statistics.indicators import Definitions

Array = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]

SPREAD = 25.0
"""Standard deviation (points) of one person's felt answer around the unit's opinion; with the scale's steps that of
an answer is about 27."""

TICKS = np.array([12.5, 37.5, 62.5, 87.5])
STEP = 25.0
FIRST_MONTH = date(2024, 1, 1)


def expected(opinion: Array) -> Array:
    """Expected answer (0-100) where the unit's opinion is `opinion`: exact, by the normal probabilities of ticks."""
    return STEP * sum(stats.norm.cdf((opinion - tick) / SPREAD) for tick in TICKS)


def answers(rng: np.random.Generator, opinion: Array, n: Whole) -> tuple[Array, Array]:
    """Σ and Σ² of n answers on one item, drawn for each element of `opinion` (arrays of one shape)."""
    above = np.stack([stats.norm.cdf((opinion - tick) / SPREAD) for tick in TICKS], axis=-1)
    share = -np.diff(np.concatenate([np.ones((*opinion.shape, 1)), above, np.zeros((*opinion.shape, 1))], axis=-1))
    ticked = np.asarray(rng.multinomial(n, share), dtype=np.float64)
    value = STEP * np.arange(len(TICKS) + 1)
    return (ticked * value).sum(axis=-1), (ticked * value**2).sum(axis=-1)


def respondents(
    rng: np.random.Generator, opinion: Array, n: Whole, items: int, correlation: float
) -> tuple[Array, Array]:
    """Σ and Σ² of the own means of n respondents over `items` items, for each element of `opinion`.

    correlation: that of two felt answers of one respondent; what is left is drawn anew for each item.
    """
    who = np.repeat(np.arange(n.size), n.ravel())
    felt = opinion.ravel()[who][:, None] + SPREAD * (
        np.sqrt(correlation) * rng.standard_normal((who.size, 1), dtype=np.float32)
        + np.sqrt(1 - correlation) * rng.standard_normal((who.size, items), dtype=np.float32)
    )
    own = STEP * np.searchsorted(TICKS, felt).mean(axis=1)
    s1 = np.asarray(np.bincount(who, weights=own, minlength=n.size), dtype=np.float64)
    s2 = np.asarray(np.bincount(who, weights=own**2, minlength=n.size), dtype=np.float64)
    return s1.reshape(n.shape), s2.reshape(n.shape)


def questionnaires(
    rng: np.random.Generator, opinion: Array, n: Whole, correlation: float, composite: int
) -> tuple[Array, Array, Array, Array]:
    """Answers of n respondents to questions of different opinions: opinion is units × months × questions.

    Returns Σ and Σ² of each question (units × months × questions), then Σ and Σ² of each respondent's own mean over
    the first `composite` questions (units × months).
    """
    questions = opinion.shape[-1]
    who = np.repeat(np.arange(n.size), n.ravel())
    felt = opinion.reshape(-1, questions)[who] + SPREAD * (
        np.sqrt(correlation) * rng.standard_normal((who.size, 1), dtype=np.float32)
        + np.sqrt(1 - correlation) * rng.standard_normal((who.size, questions), dtype=np.float32)
    )
    ticked = STEP * np.searchsorted(TICKS, felt)
    own = ticked[:, :composite].mean(axis=1)

    def summed(values: Array) -> Array:
        return np.asarray(np.bincount(who, weights=values, minlength=n.size), dtype=np.float64).reshape(n.shape)

    s1, s2 = (np.stack([summed(ticked[:, at] ** power) for at in range(questions)], axis=-1) for power in (1, 2))
    return s1, s2, summed(own), summed(own**2)


def months(count: int) -> list[date]:
    """The first days of `count` months from January 2024."""
    return [date(FIRST_MONTH.year + at // 12, at % 12 + 1, 1) for at in range(count)]


def unit_ids(count: int) -> list[str]:
    """Names of units, in the order of their numbers."""
    return [f"u{at:04d}" for at in range(count)]


def units_frame(units: int, months_: int, level: str = "team") -> pl.DataFrame:
    """unit_id, period, unit_level, parent_unit_id of units that all live in all months."""
    ids, periods = unit_ids(units), months(months_)
    return pl.DataFrame(
        {
            "unit_id": np.repeat(ids, months_),
            "period": periods * units,
            "unit_level": [level] * (units * months_),
            "parent_unit_id": pl.Series([None] * (units * months_), dtype=pl.String),
        }
    )


def trailing(sums: Array, window: int) -> Array:
    """Sums over the trailing `window` months of the last axis (fewer at its start)."""
    total = np.cumsum(sums, axis=-1)
    total[..., window:] = total[..., window:] - total[..., :-window].copy()
    return total


def windows_frame(indicator_id: str, n: Whole, s1: Array, s2: Array, window: int) -> pl.DataFrame:
    """The frame `indicator_scores` reads, of one indicator: n, s1, s2 are units × months, one month each."""
    units, count = n.shape
    n_, s1_, s2_ = (trailing(np.asarray(values, dtype=np.float64), window).ravel() for values in (n, s1, s2))
    return pl.DataFrame(
        {
            "unit_id": np.repeat(unit_ids(units), count),
            "period": months(count) * units,
            "population": ["all"] * (units * count),
            "indicator_id": [indicator_id] * (units * count),
            "window_months": [window] * (units * count),
            "n": n_,
            "s1": s1_,
            "s2": s2_,
            "people": n_.astype(np.int64),
            "conservative": [False] * (units * count),
        }
    ).filter(pl.col("n") > 0)


def definitions(pairs: Sequence[str], collaborator_only: Sequence[str] = (), window: int = 3) -> Definitions:
    """Definitions of perception pairs `client_<pair>` and `collaborator_<pair>`, scored 0-100 as they are."""
    faces = [(side, f"{side}_{pair}") for pair in pairs for side in ("client", "collaborator")]
    faces += [("collaborator", indicator_id) for indicator_id in collaborator_only]
    ids = [indicator_id for _, indicator_id in faces]
    return Definitions(
        indicators=pl.DataFrame(
            {
                "indicator_id": ids,
                "side": [side for side, _ in faces],
                "kind": ["mean"] * len(ids),
                "multiplier": [1.0] * len(ids),
                "value_min": [0.0] * len(ids),
                "value_max": [100.0] * len(ids),
                "protects": [side for side, _ in faces],
            }
        ),
        goalposts=pl.DataFrame({"indicator_id": ids, "floor": [0.0] * len(ids), "goal": [100.0] * len(ids)}),
        windows=pl.DataFrame({"indicator_id": ids, "window_months": [window] * len(ids), "min_n": [5.0] * len(ids)}),
        mirror_pairs=pl.DataFrame(
            {
                "pair_id": list(pairs),
                "mirror": ["perception"] * len(pairs),
                "client_indicator_id": [f"client_{pair}" for pair in pairs],
                "collaborator_indicator_id": [f"collaborator_{pair}" for pair in pairs],
            }
        ),
        weights=pl.DataFrame(
            {
                "scope": ["mirror"] + ["pair"] * len(pairs),
                "id": ["perception", *pairs],
                "weight": [1.0] * (len(pairs) + 1),
            }
        ),
    )


def memory(rng: np.random.Generator, shape: tuple[int, int], sd: float, rho: float) -> Array:
    """Stationary series (units × months) of standard deviation `sd` that keep the share `rho` of last month's."""
    steps = rng.normal(0.0, sd * np.sqrt(1 - rho**2), shape)
    steps[:, 0] = rng.normal(0.0, sd, shape[0])
    for month in range(1, shape[1]):
        steps[:, month] += rho * steps[:, month - 1]
    return steps


def mean_and_error(inside: npt.ArrayLike, company: npt.ArrayLike) -> tuple[float, float]:
    """Mean of all, and its Monte-Carlo standard error by companies: rows of one company share units and months."""
    values, of = np.asarray(inside, dtype=np.float64), np.asarray(company, dtype=np.int64)
    rest = np.bincount(of, weights=values - values.mean())
    return float(values.mean()), float(np.sqrt((rest**2).sum()) / len(values))


def percent(share: float, error: float) -> str:
    """A share with its Monte-Carlo error, as claims print it."""
    return f"{100 * share:.1f} % ± {100 * error:.1f}"
