"""How published figures are made of cells: hierarchy, populations and windows as numbers and sparse matrices.

A cell is one unit's own people of one population in one month; population `all` holds those without a named one. A
figure (a window) of a unit, period and population counts every cell below the unit, by the hierarchy of the cell's own
month, in the months of the window, of that population, or of every population for `all`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from pipelines.confidentiality.linear import Floats, Ints

# More than any month's number and any window's length in months: a key of four numbers becomes one.
_MONTHS, _WINDOWS = 1 << 17, 1 << 10
EVERYBODY = "all"
_ALL = 0


@dataclass(frozen=True)
class Hierarchy:
    """Units by number, their parent in each month (-1: none), and every unit above a unit in a month, itself too."""

    units: dict[str, int]
    first: int
    parent: Ints
    above: pl.DataFrame

    @classmethod
    def of(cls, hierarchy: pl.DataFrame) -> "Hierarchy":
        """hierarchy: unit_id, period (date), parent_unit_id; one row per unit and month in which it exists.

        Raises ValueError when a hierarchy goes round in a circle.
        """
        rows = hierarchy.select("unit_id", "parent_unit_id", month=month_number("period")).unique(["unit_id", "month"])
        units = {name: number for number, name in enumerate(sorted(rows["unit_id"].unique()))}
        if not rows.height:
            return cls(units, 0, np.empty((0, 0), dtype=np.int64), pl.DataFrame(schema=_ABOVE))
        number = _number(units)
        rows = rows.select(unit=number("unit_id"), month="month", parent=number("parent_unit_id").fill_null(-1))
        low, high = int(rows["month"].min()), int(rows["month"].max())  # type: ignore[arg-type]
        parent = np.full((len(units), high - low + 1), -1, dtype=np.int64)
        parent[rows["unit"].to_numpy(), rows["month"].to_numpy() - low] = rows["parent"].to_numpy()
        step = rows.select("unit", "month", above="unit")
        links = rows.select(above="unit", month="month", next="parent").filter(pl.col("next") >= 0)
        steps = [step]
        for _ in range(len(units)):
            step = step.join(links, on=["above", "month"]).select("unit", "month", above="next")
            if not step.height:
                return cls(units, low, parent, pl.concat(steps).unique(["unit", "month", "above"]))
            steps.append(step)
        raise ValueError(
            "The hierarchy of units goes round in a circle; correct the parents in the units' extract and run again."
        )


_ABOVE = {"unit": pl.Int64(), "month": pl.Int64(), "above": pl.Int64()}


def month_number(period: str) -> pl.Expr:
    """Months since the year 0, from a date column."""
    return (pl.col(period).dt.year().cast(pl.Int64) * 12 + pl.col(period).dt.month().cast(pl.Int64)).alias(period)


def _number(names: dict[str, int]):  # type: ignore[no-untyped-def]
    known = pl.DataFrame({"name": list(names), "number": list(names.values())}, schema_overrides={"number": pl.Int64})

    def number(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(known["name"], known["number"], default=None, return_dtype=pl.Int64)

    return number


class Layout:
    """The figures and cells of one set of answers, numbered: figure i is row i of the frame, cell j row j of its own.

    figures: unit_id, period, population, window_months. cells: unit_id, period, population, people.
    """

    def __init__(self, figures: pl.DataFrame, cells: pl.DataFrame, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        names = sorted({*figures["population"], *cells["population"]} - {EVERYBODY})
        self.populations = {EVERYBODY: _ALL, **{name: place + 1 for place, name in enumerate(names)}}
        unit, population = _number(hierarchy.units), _number(self.populations)
        rows = figures.select(
            unit=unit("unit_id"),
            month=month_number("period"),
            population=population("population"),
            window=pl.col("window_months").cast(pl.Int64),
        )
        self.unit, self.month, self.population, self.window = (rows[name].to_numpy() for name in rows.columns)
        own = cells.with_row_index("cell").select(
            pl.col("cell").cast(pl.Int64),
            unit=unit("unit_id"),
            month=month_number("period"),
            population=population("population"),
        )
        self.cells = own
        # A figure about a person is about one person at least, whatever a count that is not known says.
        self.people: Floats = np.maximum(
            cells["people"].cast(pl.Float64).fill_nan(None).fill_null(1.0).to_numpy().astype(np.float64), 1.0
        )
        self._rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))

    def __len__(self) -> int:
        return int(self.unit.size)

    @cached_property
    def placed(self) -> pl.DataFrame:
        """cell, above, month, population: each cell once per unit above it, for its population and for all."""
        below = self.cells.join(self.hierarchy.above, on=["unit", "month"], how="inner").select(
            "cell", "above", "month", "population"
        )
        named = below.filter(pl.col("population") != _ALL)
        return pl.concat([named, below.with_columns(population=pl.lit(_ALL, dtype=pl.Int64))])

    @cached_property
    def people_by_month(self) -> pl.DataFrame:
        """above, month, population, people: the people of the cells of one month below a unit, added up."""
        return (
            self.placed.with_columns(people=pl.Series(self.people[self.placed["cell"].to_numpy()]))
            .group_by("above", "month", "population")
            .agg(pl.col("people").sum())
        )

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """Figures × cells: 1 where the figure counts the cell."""
        rows, columns = [], []
        for window in np.unique(self.window):
            asked = self._rows.filter(pl.col("window") == window)
            offsets = pl.DataFrame({"offset": np.arange(window, dtype=np.int64)})
            ends = self.placed.join(offsets, how="cross").select(
                "cell", "population", unit="above", month=pl.col("month") + pl.col("offset")
            )
            hit = ends.join(asked, on=["unit", "month", "population"], how="inner")
            rows.append(hit["row"].to_numpy())
            columns.append(hit["cell"].to_numpy())
        shape = (len(self), self.cells.height)
        if not rows:
            return sparse.csr_array(shape, dtype=np.int64)
        at = (np.concatenate(rows), np.concatenate(columns))
        return sparse.coo_array((np.ones(at[0].size, dtype=np.int64), at), shape=shape).tocsr()

    @cached_property
    def own_cells(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """The matrix with only those cells of a figure that no unit below has, and only those of no population."""
        at = self.matrix.tocoo()
        unit, population = (self.cells[name].to_numpy() for name in ("unit", "population"))
        kept = (unit[at.col] == self.unit[at.row], population[at.col] == _ALL)
        unit_own, named_by_none = (
            sparse.coo_array((at.data[keep], (at.row[keep], at.col[keep])), shape=at.shape).tocsr() for keep in kept
        )
        return unit_own, named_by_none

    @cached_property
    def _place(self) -> tuple[Ints, Ints]:
        """The figures by their key as one number, ascending: the numbers, and the rows in that order."""
        keys = self._key(self.unit, self.month, self.population, self.window)
        order = np.argsort(keys, kind="stable")
        return keys[order], order.astype(np.int64)

    def _key(self, unit: Ints, month: Ints, population: Ints, window: Ints) -> Ints:
        return ((unit * _MONTHS + month) * (len(self.populations) + 1) + population) * _WINDOWS + window

    @cached_property
    def parent_row(self) -> Ints:
        """By figure: the figure of the unit's parent, same period, population and window; -1 where there is none."""
        return self._looked_up(self._parents(self.unit), self.month, self.population)

    @cached_property
    def whole_row(self) -> Ints:
        """By figure of a named population: the figure of `all` of the unit; -1 elsewhere."""
        found = self._looked_up(self.unit, self.month, np.full_like(self.population, _ALL))
        return np.where(self.population == _ALL, -1, found)

    @cached_property
    def depth(self) -> Ints:
        """By figure: how many units stand above the unit in the period."""
        depth = np.zeros(len(self), dtype=np.int64)
        unit = self._parents(self.unit)
        while (unit >= 0).any():
            depth += unit >= 0
            unit = self._parents(unit)
        return depth

    def sparser(self, shown: NDArray[np.bool_]) -> tuple[sparse.csr_array, sparse.csr_array]:
        """The shown figures with what they have in common taken away, and the change that did it.

        Each figure less the shown figures next below it, `all` less the populations, a window less the one a month
        before, wherever that leaves fewer cells. Every step is unimodular: the same sums can be made from the result
        as from the figures, and change @ matrix[shown] is the result.
        """
        at = np.flatnonzero(shown)
        number = np.full(len(self), -1, dtype=np.int64)
        number[at] = np.arange(at.size)
        change = sparse.csr_array(sparse.eye_array(at.size, dtype=np.int64))
        result = self.matrix[at]
        whole = self.whole_row[at]
        before = self._looked_up(self.unit, self.month - 1, self.population)[at]
        for target in (self._nearest_shown_above(at, number), _numbered(number, whole), None):
            if target is None:
                source = _numbered(number, before)
                less = _taking(np.arange(at.size), source, at.size)
            else:
                less = _taking(target, np.arange(at.size), at.size)
            changed = result - less @ result
            changed.eliminate_zeros()
            better = np.diff(changed.indptr) < np.diff(result.indptr)
            pick = sparse.csr_array(sparse.diags_array(better.astype(np.int64), dtype=np.int64))
            result = result - pick @ (less @ result)
            change = change - pick @ (less @ change)
            result.eliminate_zeros()
        return sparse.csr_array(result), sparse.csr_array(change)

    def _nearest_shown_above(self, at: Ints, number: Ints) -> Ints:
        unit = self._parents(self.unit[at], at)
        found = np.full(at.size, -1, dtype=np.int64)
        while ((unit >= 0) & (found < 0)).any():
            row = self._looked_up(unit, self.month[at], self.population[at], self.window[at])
            found = np.where((found < 0) & (unit >= 0), _numbered(number, row), found)
            unit = self._parents(unit, at)
        return found

    def _parents(self, unit: Ints, at: Ints | None = None) -> Ints:
        month = (self.month if at is None else self.month[at]) - self.hierarchy.first
        table = self.hierarchy.parent
        inside = (unit >= 0) & (month >= 0) & (month < table.shape[1])
        return np.where(inside, table[np.where(inside, unit, 0), np.where(inside, month, 0)], -1)

    def _looked_up(self, unit: Ints, month: Ints, population: Ints, window: Ints | None = None) -> Ints:
        window = self.window if window is None else window
        keys, rows = self._place
        wanted = self._key(unit, month, population, window)
        at = np.minimum(np.searchsorted(keys, wanted), max(keys.size - 1, 0))
        if not keys.size:
            return np.full(unit.size, -1, dtype=np.int64)
        return np.where((keys[at] == wanted) & (unit >= 0) & (population >= 0), rows[at], -1)


def _numbered(number: Ints, rows: Ints) -> Ints:
    return np.where(rows >= 0, number[np.where(rows >= 0, rows, 0)], -1)


def _taking(target: Ints, source: Ints, size: int) -> sparse.csr_array:
    """The matrix that gives each target the sum of its sources; pairs with a -1 are left out."""
    fits = (target >= 0) & (source >= 0)
    ones = np.ones(int(fits.sum()), dtype=np.int64)
    return sparse.coo_array((ones, (target[fits], source[fits])), shape=(size, size)).tocsr()


def cells_of_separate_windows(windows: pl.DataFrame, hierarchy: pl.DataFrame) -> pl.DataFrame:
    """The cells of windows of which no two share answers (one period, or windows of one month).

    windows: unit_id, period, population, people. Returns unit_id, period, population, people: what a unit's children
    and named populations leave over is its own; a rest of nobody is no cell.
    """
    key = ["unit_id", "period", "population"]
    rows = windows.select(*key, pl.col("people").cast(pl.Float64).fill_nan(None).fill_null(1.0))
    parents = hierarchy.select("unit_id", "period", "parent_unit_id").unique(["unit_id", "period"])
    below = (
        rows.join(parents, on=["unit_id", "period"], how="inner")
        .group_by(unit_id="parent_unit_id", period="period", population="population")
        .agg(below=pl.col("people").sum())
    )
    own = rows.join(below, on=key, how="left").with_columns(own=pl.col("people") - pl.col("below").fill_null(0.0))
    named = (
        own.filter(pl.col("population") != EVERYBODY)
        .group_by("unit_id", "period")
        .agg(named=pl.col("own").clip(0.0).sum())
    )
    return (
        own.join(named, on=["unit_id", "period"], how="left")
        .with_columns(
            own=pl.when(pl.col("population") == EVERYBODY)
            .then(pl.col("own") - pl.col("named").fill_null(0.0))
            .otherwise(pl.col("own"))
        )
        .filter(pl.col("own") > 0)
        .select(*key, people="own")
    )
