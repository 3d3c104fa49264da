"""Random small companies whose people raise themes, and an attacker who has the published map and the totals alone.

The attacker shares no code with the suppression: it asks a linear programme for the least and the most that a hidden
figure can be, events being never fewer than none.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse
from scipy.optimize import linprog

from pipelines.statistics.indicators import Definitions
from pipelines.statistics.irritant_map import irritant_map

WINDOW = 6
SIDE = "collaborator"


@dataclass(frozen=True)
class Truth:
    """theme_windows and theme cells of one side, and the hierarchy, as the pipeline has them."""

    rows: pl.DataFrame
    cells: pl.DataFrame
    hierarchy: pl.DataFrame


def company(seed: int, months: int = 13, themes: int = 4) -> Truth:
    """Teams below one site, or, of every third company, below two sites of a head office, one team moving between them.

    A person raises one theme, once or in several months.
    """
    rng = np.random.default_rng(seed)
    periods = [date(2024 + month // 12, month % 12 + 1, 1) for month in range(months)]
    moving = seed % 3 == 0
    teams = [f"team{place}" for place in range(5 if moving else int(rng.integers(2, 5)))]
    names = [f"theme{place}" for place in range(themes)]
    moved = int(rng.integers(3, 10))
    parents: list[tuple[str, date, str | None]] = [(team, period, "site") for team in teams for period in periods]
    parents += [("site", period, "office" if moving else None) for period in periods]
    if moving:
        there = {("team2", period) for period in periods[moved:]} | {
            (team, period) for team in teams[3:] for period in periods
        }
        parents = [(unit, period, "other" if (unit, period) in there else parent) for unit, period, parent in parents]
        parents += [
            (unit, period, above) for unit, above in (("other", "office"), ("office", None)) for period in periods
        ]
    hierarchy = pl.DataFrame(
        parents, schema={"unit_id": pl.String, "period": pl.Date, "parent_unit_id": pl.String}, orient="row"
    )
    popular = rng.dirichlet(np.full(themes, 0.6))
    events = [
        (team, period, str(rng.choice(names, p=popular)), f"{team}-{rng.integers(12)}")
        for team in teams
        for period in periods
        for _ in range(rng.poisson(float(rng.choice([0.3, 1.0, 4.0]))))
    ]
    schema = {"unit_id": pl.String, "period": pl.Date, "theme": pl.String, "person": pl.String}
    happened = pl.DataFrame(events, schema=schema, orient="row")
    above = above_of(hierarchy)
    rows = []
    for unit in hierarchy["unit_id"].unique(maintain_order=True):
        below = happened.filter(
            pl.Series([unit in above[team, period] for team, period in happened.select("unit_id", "period").rows()])
        )
        for end, period in enumerate(periods):
            window = periods[max(0, end + 1 - WINDOW) : end + 1]
            for theme in names:
                own = below.filter(pl.col("theme") == theme, pl.col("period").is_in(window))
                rows.append(
                    {
                        "unit_id": unit,
                        "period": period,
                        "side": SIDE,
                        "theme": theme,
                        "window_months": WINDOW,
                        "n": 60.0,
                        "s1": float(own.height),
                        "people_exposed": 12,
                        "people_raising": own["person"].n_unique(),
                        "n_in_month": 10.0,
                        "s1_in_month": float(own.filter(pl.col("period") == period).height),
                    }
                )
    cells = (
        happened.group_by("unit_id", "period", "theme")
        .agg(people=pl.col("person").n_unique().cast(pl.Int64))
        .with_columns(side=pl.lit(SIDE))
    )
    return Truth(pl.DataFrame(rows), cells, hierarchy)


def above_of(hierarchy: pl.DataFrame) -> dict[tuple[str, date], list[str]]:
    """Every unit above a unit in a month, itself first."""
    parent = {(unit, period): above for unit, period, above in hierarchy.iter_rows()}
    found = {}
    for unit, period in parent:
        line = [unit]
        while (above := parent[line[-1], period]) is not None:
            line.append(above)
        found[unit, period] = line
    return found


def recovered(truth: Truth, published: pl.DataFrame, k: int = 5) -> list[tuple[str, date, str]]:
    """Hidden figures of somebody, but fewer than k people, that can be one number only.

    published: unit_id, period, theme, events (null where hidden).
    """
    above = above_of(truth.hierarchy)
    months = truth.hierarchy["period"].unique().sort().to_list()
    themes = truth.rows["theme"].unique().sort().to_list()
    teams = [unit for unit in truth.hierarchy["unit_id"].unique().sort() if unit.startswith("team")]
    places = [(team, month, theme) for team in teams for month in months for theme in themes]

    def counted(unit: str, window: list[date], of: list[str]) -> list[int]:
        return [
            number
            for number, (team, month, theme) in enumerate(places)
            if month in window and theme in of and unit in above[team, month]
        ]

    known: list[tuple[list[int], float]] = []
    for unit, month, total in truth.rows.group_by("unit_id", "period").agg(pl.col("s1_in_month").sum()).iter_rows():
        known.append((counted(unit, [month], themes), total))
    hidden: list[tuple[str, date, str, list[int]]] = []
    few = truth.rows.filter(pl.col("people_raising").is_between(1, k - 1)).select("unit_id", "period", "theme").rows()
    for unit, period, theme, events in published.select("unit_id", "period", "theme", "events").iter_rows():
        end = months.index(period)
        cells = counted(unit, months[max(0, end + 1 - WINDOW) : end + 1], [theme])
        if events is not None:
            known.append((cells, events))
        elif (unit, period, theme) in set(few):
            hidden.append((unit, period, theme, cells))
    # scipy-stubs know dense matrices only here.
    matrix: Any = sparse.lil_array((len(known), len(places)))
    for row, (cells, _) in enumerate(known):
        matrix[row, cells] = 1.0
    matrix, right = matrix.tocsr(), np.array([value for _, value in known])
    found = []
    for unit, period, theme, cells in hidden:
        target = np.zeros(len(places))
        target[cells] = 1.0
        bounds = []
        for sign in (1.0, -1.0):
            solved = linprog(sign * target, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs")
            assert solved.fun is not None, solved.message
            bounds.append(sign * solved.fun)
        if bounds[1] - bounds[0] < 1e-6:
            found.append((unit, period, theme))
    return found


def definitions() -> Definitions:
    """One rate, of the events of `SIDE`, protected."""
    rate = pl.DataFrame(
        {
            "indicator_id": ["irritants"],
            "side": [SIDE],
            "measure": ["irritant_rate"],
            "kind": ["rate"],
            "multiplier": [100.0],
            "protects": [SIDE],
        }
    )
    windows = rate.select("indicator_id", window_months=WINDOW, min_n=pl.lit(1.0))
    return Definitions(rate, pl.DataFrame(), windows, pl.DataFrame(), pl.DataFrame())


def published(truth: Truth, k: int = 5) -> pl.DataFrame:
    """The irritant map of the company, as the pipeline publishes it."""
    return irritant_map(truth.rows, definitions(), truth.hierarchy, k, cells=truth.cells)
