"""Shrinkage: is the shrunken index nearer the truth than the raw one, for small units and for all?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.accuracy.simulate import (
    Array,
    Design,
    PersonVariance,
    arrays,
    company,
    definitions,
    scorecard,
    survey_weights,
)
from benchmarks.claims import Claim
from pipelines.statistics.shrinkage import shrunk_indices

SEED = 20261126
SMALL = 20
DESIGN = Design(fewest=5.0, most=200.0, common_sd=4.5, gap_sd=4.0, ruptures=0.0)
#: Units that differ more, some of them broken: shrinking has less to give, and must still not harm.
HARDER = Design(fewest=5.0, most=200.0, common_sd=9.0, gap_sd=5.0)
MEASURES = ("client_index", "collaborator_index", "symmetry_index")


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """Root mean square error of the shrunken figure over that of the raw one, small units and all."""
    found = measure(DESIGN, companies, say)
    harder = measure(HARDER, max(companies // 4, 2), say)
    claims = []
    for name in MEASURES:
        (few, few_error), (every, every_error) = found[name]
        (hard_few, _), (hard_every, hard_error) = harder[name]
        claims.append(
            Claim(
                f"Shrunken {name.replace('_', ' ')} against raw, RMSE, units with n < {SMALL}",
                f"{few:.3f} ± {few_error:.3f} x; over all units {every:.3f} ± {every_error:.3f} x",
                "<= 0.75 x, and never worse over all units",
                few <= 0.75 and every <= 1.0 and hard_every <= 1.0,
                f"the raw figure is the naive peer; {companies} companies of {DESIGN}. Where units differ more: "
                f"{hard_few:.3f} x, over all {hard_every:.3f} ± {hard_error:.3f} x ({HARDER})",
            )
        )
    return claims


def measure(
    design: Design, companies: int, say: Callable[[str], None]
) -> dict[str, tuple[tuple[float, float], tuple[float, float]]]:
    """By measure: the ratio of errors and its own error, for small units and for all."""
    chosen = definitions()
    variance = PersonVariance(design.correlation, survey_weights(chosen))
    small: dict[str, list[tuple[float, float]]] = {name: [] for name in MEASURES}
    every: dict[str, list[tuple[float, float]]] = {name: [] for name in MEASURES}
    for number, sequence in enumerate(np.random.SeedSequence(SEED).spawn(companies), start=1):
        made = company(np.random.default_rng(sequence), design, chosen, variance)
        _, _, indices = scorecard(made, chosen)
        drawn = shrunk_indices(indices, made.units)
        level = np.sqrt(made.index["client"] * made.index["collaborator"])
        true = {
            "client_index": made.index["client"],
            "collaborator_index": made.index["collaborator"],
            "symmetry_index": level * (100 - np.abs(made.gap)) / 100,
        }
        fewer = np.minimum(made.answers["client"], made.answers["collaborator"])
        of_side = {"client_index": made.answers["client"], "collaborator_index": made.answers["collaborator"]}
        for name in MEASURES:
            raw = arrays(indices, name, design)
            shrunk = arrays(drawn.filter(pl.col("measure") == name), "shrunk", design)
            shown = ~np.isnan(raw)
            every[name].append(_squares(raw, shrunk, true[name], shown))
            small[name].append(_squares(raw, shrunk, true[name], shown & (of_side.get(name, fewer) < SMALL)))
        if number % 20 == 0:
            say(f"shrinkage: {number} of {companies} companies")
    return {name: (_ratio(small[name]), _ratio(every[name])) for name in MEASURES}


def _squares(raw: Array, shrunk: Array, true: Array, which: npt.NDArray[np.bool_]) -> tuple[float, float]:
    return float(((shrunk - true)[which] ** 2).sum()), float(((raw - true)[which] ** 2).sum())


def _ratio(squares: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """√(Σ shrunken squares / Σ raw squares) and its error by the jackknife over companies."""
    both = np.array(squares)
    total = both.sum(axis=0)
    ratio = float(np.sqrt(total[0] / total[1]))
    without = np.sqrt((total[0] - both[:, 0]) / (total[1] - both[:, 1]))
    count = len(both)
    return ratio, float(np.sqrt((count - 1) / count * ((without - without.mean()) ** 2).sum()))
