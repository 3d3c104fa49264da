"""Shrinkage: is the shrunken index nearer the truth than the raw one, for small units and for all?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.accuracy.simulate import (
    LIKERT,
    Array,
    Design,
    PersonVariance,
    arrays,
    company,
    definitions,
    item_weights,
    scorecard,
)
from benchmarks.claims import Claim
from pipelines.statistics.shrinkage import shrunk_indices

SEED = 20261126
SMALL = 20
DESIGN = Design(fewest=5.0, most=200.0, common_sd=5.0, ruptures=0.0)
MEASURES = ("client_index", "collaborator_index", "symmetry_index")


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """Root mean square error of the shrunken figure over that of the raw one, small units and all."""
    chosen = definitions()
    weights = item_weights(chosen)
    variance = PersonVariance(
        DESIGN.correlation, np.array([weights[item] for item in (*LIKERT, "recommendation", "satisfaction")])
    )
    small: dict[str, list[tuple[float, float]]] = {name: [] for name in MEASURES}
    every: dict[str, list[tuple[float, float]]] = {name: [] for name in MEASURES}
    for number, sequence in enumerate(np.random.SeedSequence(SEED).spawn(companies), start=1):
        made = company(np.random.default_rng(sequence), DESIGN, chosen, variance)
        _, _, indices = scorecard(made, chosen)
        drawn = shrunk_indices(indices, made.units)
        true = {
            "client_index": made.index["client"],
            "collaborator_index": made.index["collaborator"],
            "symmetry_index": np.sqrt(made.index["client"] * made.index["collaborator"])
            * (100 - np.abs(made.gap))
            / 100,
        }
        few = np.minimum(made.answers["client"], made.answers["collaborator"]) < SMALL
        for name in MEASURES:
            raw = arrays(indices, name, DESIGN)
            shrunk = arrays(drawn.filter(pl.col("measure") == name), "shrunk", DESIGN)
            shown = ~np.isnan(raw)
            few_of_side = made.answers[name.split("_")[0]] < SMALL if name != "symmetry_index" else few
            every[name].append(_squares(raw, shrunk, true[name], shown))
            small[name].append(_squares(raw, shrunk, true[name], shown & few_of_side))
        if number % 20 == 0:
            say(f"shrinkage: {number} of {companies} companies")
    found = []
    for name in MEASURES:
        (few_ratio, few_error), (all_ratio, all_error) = _ratio(small[name]), _ratio(every[name])
        found.append(
            Claim(
                f"Shrunken {name.replace('_', ' ')} against raw, RMSE, units with n < {SMALL}",
                f"{few_ratio:.3f} ± {few_error:.3f} x; over all units {all_ratio:.3f} ± {all_error:.3f} x",
                "<= 0.75 x, and never worse over all units",
                few_ratio <= 0.75 and all_ratio <= 1.0,
                f"the raw figure is the naive peer; {companies} companies of {DESIGN}",
            )
        )
    return found


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
