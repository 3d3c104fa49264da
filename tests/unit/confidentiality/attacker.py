"""An attacker with the published figures alone, written without the pipeline's own code.

It knows what a reader knows: which rows there are, their n and value where they are shown, who is below whom in which
month, and how long a window is. Where a unit has no row in a month nobody in it answered, and that is knowledge too. It
does not know why a row is hidden, or how many people stand behind it.
"""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl


class Cell(NamedTuple):
    """A unit's own people of one population ('': of none) in one month."""

    unit: str
    population: str
    month: int


class Attacker:
    """Sets up one equation a shown row and solves them all by least squares."""

    def __init__(self, published: pl.DataFrame, hierarchy: pl.DataFrame) -> None:
        """published: unit_id, period, population, window_months, n, value, status; of one indicator."""
        parents = {
            (unit, _month(period)): parent
            for unit, period, parent in hierarchy.select("unit_id", "period", "parent_unit_id").iter_rows()
        }
        populations = sorted(set(published["population"]) - {"all"})
        self.cells = [Cell(unit, name, month) for unit, month in parents for name in ["", *populations]]
        place = {cell: column for column, cell in enumerate(self.cells)}
        rows, counts, sums = [], [], []
        names = ["unit_id", "period", "population", "window_months", "n", "value"]
        told = [
            (unit, _month(period), *figures)
            for unit, period, *figures in published.filter(pl.col("status") != "suppressed").select(names).iter_rows()
        ]
        rows_there = {(unit, _month(period), name) for unit, period, name, *_ in published.select(names).iter_rows()}
        longest = int(published["window_months"].max() or 1)  # type: ignore[arg-type]
        told += [
            (unit, month, name, longest, 0.0, 0.0)
            for unit, month in parents
            for name in ["all", *populations]
            if (unit, month, name) not in rows_there
        ]
        for unit, last, population, window, n, value in told:
            row = np.zeros(len(self.cells))
            for month in range(last - window + 1, last + 1):
                for below in [who for who, when in parents if when == month]:
                    if unit in _chain(below, month, parents):
                        for name in ["", *populations] if population == "all" else [population]:
                            row[place[Cell(below, name, month)]] = 1
            rows.append(row)
            counts.append(n)
            sums.append(n * value)
        self._place = place
        matrix = np.array(rows).reshape(len(rows), len(self.cells))
        self._counts, self._sums = np.array(counts), np.array(sums)
        left, size, right = np.linalg.svd(matrix, full_matrices=False)
        rank = int((size > 1e-9).sum()) if size.size else 0
        self._span = right[:rank]
        self._inverse = (right[:rank].T / size[:rank]) @ left[:, :rank].T

    def sum_of(self, cells: Iterable[Cell]) -> tuple[float, float] | None:
        """n and the sum of answers of the cells together, if the figures leave only one possibility; else None."""
        wanted = np.zeros(len(self.cells))
        wanted[[self._place[cell] for cell in cells]] = 1
        if np.abs(wanted - self._span.T @ (self._span @ wanted)).max() > 1e-8:
            return None
        weights = wanted @ self._inverse
        return float(weights @ self._counts), float(weights @ self._sums)

    def hidden_row(
        self, unit: str, period: date, population: str, window: int, hierarchy: pl.DataFrame
    ) -> tuple[float, float] | None:
        """n and the sum of answers of a row that is hidden, if they follow from the others."""
        parents = {
            (who, _month(when)): parent
            for who, when, parent in hierarchy.select("unit_id", "period", "parent_unit_id").iter_rows()
        }
        months = range(_month(period) - window + 1, _month(period) + 1)
        return self.sum_of(
            cell
            for cell in self.cells
            if cell.month in months
            and unit in _chain(cell.unit, cell.month, parents)
            and population in ("all", cell.population)
        )


def _month(period: date) -> int:
    return period.year * 12 + period.month


def _chain(unit: str, month: int, parents: dict[tuple[str, int], str | None]) -> set[str]:
    found = set()
    above: str | None = unit
    while above is not None:
        found.add(above)
        above = parents.get((above, month))
    return found
