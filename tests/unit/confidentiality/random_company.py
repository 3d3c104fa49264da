"""A small random company whose truth is known: every answer of every cell, and the rows that the pipeline would see."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.confidentiality.suppression import row_status
from tests.unit.confidentiality.attacker import Cell

SCHEMA = {
    "unit_id": pl.String,
    "period": pl.Date,
    "population": pl.String,
    "indicator_id": pl.String,
    "window_months": pl.Int64,
    "n": pl.Float64,
    "value": pl.Float64,
    "people": pl.Int64,
    "protects": pl.String,
    "min_n": pl.Float64,
}


@dataclass(frozen=True)
class Truth:
    """windows: as `complementary` takes them, with n and value. cells: as it takes them. answers: by cell."""

    windows: pl.DataFrame
    hierarchy: pl.DataFrame
    cells: pl.DataFrame
    answers: dict[Cell, list[float]]


def company(
    seed: int, *, months: int | None = None, smallest: int = 0, largest: int = 9, moves: bool = True, k: int = 5
) -> Truth:
    """Two or three levels, one to four months, windows of one to three, no to two named populations.

    Every unit may have people of its own; each cell holds `smallest` to `largest` people, a third of cells nobody. A
    team may change its site on the way. Everybody answers once, and a tenth of figures have a value too thin to show.
    """
    rng = np.random.default_rng(seed)
    months = months or int(rng.integers(1, 5))
    window = int(rng.integers(1, 4))
    names = ["field", "office"][: int(rng.integers(0, 3))]
    sites = [f"s{number}" for number in range(int(rng.integers(2, 4)))]
    teams = {f"{site}t{number}": site for site in sites for number in range(int(rng.integers(0, 4)))}
    parent: dict[tuple[str, int], str | None] = {}
    for month in range(months):
        if moves and month and teams and rng.random() < 0.2:
            teams[str(rng.choice(sorted(teams)))] = str(rng.choice(sites))
        parent |= {("c", month): None} | {(site, month): "c" for site in sites}
        parent |= {(team, month): site for team, site in teams.items()}
    answers: dict[Cell, list[float]] = {}
    for unit, month in parent:
        leaf = unit in teams or (unit in sites and unit not in teams.values())
        for name in ["", *names]:
            nobody = smallest == 0 and rng.random() < (0.3 if leaf else 0.7)
            people = 0 if nobody else int(rng.integers(max(smallest, 1), largest + 1))
            if people:
                answers[Cell(unit, name, month)] = [float(x) for x in rng.integers(0, 10**6, people)]
    rows = []
    for unit, month in parent:
        for population in ["all", *names]:
            inside = [
                cell
                for cell in answers
                if month - window < cell.month <= month
                and _is_below(cell.unit, unit, cell.month, parent)
                and population in ("all", cell.population)
            ]
            given = [answer for cell in inside for answer in answers[cell]]
            if given:
                least = 50.0 if rng.random() < 0.1 else 1.0
                key = (unit, _date(month), population, "trust", window)
                rows.append((*key, float(len(given)), float(np.mean(given)), len(given), "collaborator", least))
    windows = pl.DataFrame(rows, schema=SCHEMA, orient="row").with_columns(status=row_status(k))
    hierarchy = pl.DataFrame(
        [(unit, _date(month), above) for (unit, month), above in parent.items()],
        schema={"unit_id": pl.String, "period": pl.Date, "parent_unit_id": pl.String},
        orient="row",
    )
    cells = pl.DataFrame(
        [(cell.unit, _date(cell.month), cell.population or "all", "trust", len(v)) for cell, v in answers.items()],
        schema={name: SCHEMA[name] for name in ("unit_id", "period", "population", "indicator_id", "people")},
        orient="row",
    )
    known = {cell._replace(month=2025 * 12 + 1 + cell.month): given for cell, given in answers.items()}
    return Truth(windows, hierarchy, cells, known)


def published(windows: pl.DataFrame) -> pl.DataFrame:
    """What a reader gets: hidden rows stay, without a number."""
    shown = pl.col("status") != "suppressed"
    return windows.select(
        "unit_id",
        "period",
        "population",
        "window_months",
        "status",
        *(pl.when(shown).then(pl.col(name)).alias(name) for name in ("n", "value")),
    )


def _date(month: int) -> date:
    return date(2025 + month // 12, month % 12 + 1, 1)


def _is_below(unit: str, above: str, month: int, parent: dict[tuple[str, int], str | None]) -> bool:
    here: str | None = unit
    while here is not None and here != above:
        here = parent[here, month]
    return here is not None
