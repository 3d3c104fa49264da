"""A random company of two mirrors and four pairs, as windows of (n, s1, s2), for tests that need many units."""

from datetime import date

import numpy as np
import polars as pl

from pipelines.statistics.indicators import Definitions

PAIRS = {"trust": "perception", "listening": "perception", "responsiveness": "conduct", "resolution": "conduct"}
SIDES = ("client", "collaborator")


def definitions() -> Definitions:
    """Perception 0.6 (trust 0.7, listening 0.3) and conduct 0.4 (0.5 each); goalposts 0 to 100."""
    ids = [(f"{side}_{pair}", side, mirror) for pair, mirror in PAIRS.items() for side in SIDES]
    indicators = pl.DataFrame(
        {
            "indicator_id": [name for name, _, _ in ids],
            "side": [side for _, side, _ in ids],
            "mirror": [mirror for _, _, mirror in ids],
            "measure": ["survey_mean" if mirror == "perception" else "case_first_reply" for _, _, mirror in ids],
            "topic": [name.split("_")[1] if mirror == "perception" else None for name, _, mirror in ids],
            "kind": ["mean" if mirror == "perception" else "proportion" for _, _, mirror in ids],
            "multiplier": [1.0 if mirror == "perception" else 100.0 for _, _, mirror in ids],
            "value_min": [0.0] * len(ids),
            "value_max": [100.0] * len(ids),
            "protects": [side for _, side, _ in ids],
        }
    )
    weights = {"trust": 0.7, "listening": 0.3, "responsiveness": 0.5, "resolution": 0.5}
    return Definitions(
        indicators=indicators,
        goalposts=indicators.select("indicator_id", floor=pl.lit(0.0), goal=pl.lit(100.0)),
        windows=indicators.select("indicator_id", window_months=pl.lit(3), min_n=pl.lit(5.0)),
        mirror_pairs=pl.DataFrame(
            {
                "pair_id": list(PAIRS),
                "mirror": list(PAIRS.values()),
                "client_indicator_id": [f"client_{pair}" for pair in PAIRS],
                "collaborator_indicator_id": [f"collaborator_{pair}" for pair in PAIRS],
            }
        ),
        weights=pl.DataFrame(
            {
                "scope": ["mirror", "mirror", *["pair"] * 4],
                "id": ["perception", "conduct", *PAIRS],
                "weight": [0.6, 0.4, *(weights[pair] for pair in PAIRS)],
            }
        ),
    )


def units(count: int, months: int = 1) -> pl.DataFrame:
    periods = pl.DataFrame({"period": [date(2025 + m // 12, m % 12 + 1, 1) for m in range(months)]})
    names = pl.DataFrame({"unit_id": [f"u{number:03d}" for number in range(count)]})
    return names.join(periods, how="cross").with_columns(
        unit_level=pl.lit("team"), parent_unit_id=pl.lit(None, dtype=pl.String)
    )


def windows(
    places: pl.DataFrame, seed: int, populations: tuple[str, ...] = ("all",), holes: float = 0.1
) -> pl.DataFrame:
    """Answers of 4 to 60 people a side and population; a part of the cells is missing, a few have too few people.

    Both questions are answered by the same people, whose answers correlate by a half; the composite is each
    person's mean of the two with the pairs' weights. Named populations stand beside `all` and do not add up to it.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for unit_id, period in places.select("unit_id", "period").iter_rows():
        for side in SIDES:
            for population in populations if side == "collaborator" else ("all",):
                people = int(rng.integers(4, 60))
                level = rng.normal(60, 10)
                person = rng.normal(0, 14, people)
                answers = {
                    pair: np.clip(np.round((level + person + rng.normal(0, 14, people)) / 25) * 25, 0, 100)
                    for pair in ("trust", "listening")
                }
                whole = 0.7 * answers["trust"] + 0.3 * answers["listening"]
                cells = {f"{side}_{pair}": (float(people), v.sum(), (v**2).sum()) for pair, v in answers.items()}
                cells[f"composite.perception.{side}"] = (float(people), whole.sum(), (whole**2).sum())
                for pair in ("responsiveness", "resolution"):
                    done = float(rng.binomial(people, np.clip(level / 100, 0.05, 0.95)))
                    cells[f"{side}_{pair}"] = (float(people), done, done)
                for indicator, (n, s1, s2) in cells.items():
                    if rng.random() >= holes:
                        rows.append((unit_id, period, population, indicator, 3, n, float(s1), float(s2), people, False))
    names = ["unit_id", "period", "population", "indicator_id", "window_months", "n", "s1", "s2", "people"]
    return pl.DataFrame(rows, schema=[*names, "conservative"], orient="row")
