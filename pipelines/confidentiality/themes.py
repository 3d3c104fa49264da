"""Themes: what readers know of who raised what, and what else must be hidden so that nothing about a few follows.

A figure is the number of events of a theme in a window of a unit; a cell is the events of one theme in one month of one
unit's own. Unlike with answers, everybody knows the whole: the total of a side is its published rate. And that nothing
happened is something a reader may know or not. Taken as known are the total of every unit and month, every shown
figure, and, where one of these is nothing, each cell of it. Every other cell is unknown, whether anything happened in
it or not. All units, themes and months together are then one system of linear equations, and a sum is known when it is
nothing in every solution of the homogeneous system.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from pipelines.confidentiality.layout import EVERYBODY, Hierarchy, Layout
from pipelines.confidentiality.linear import Floats, Ints, combination, random_solution, weights_of

Bools = NDArray[np.bool_]

ROWS: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "theme": pl.String(),
    "window_months": pl.Int64(),
    "s1": pl.Float64(),
    "people": pl.Int64(),
    "s1_in_month": pl.Float64(),
    "shown": pl.Boolean(),
}
"""What `Themes` takes: events and distinct people raising in the window, events of its last month, and whether the
number of events is shown."""

_TOLERANCE = 1e-6
"""Sums of a random solution below this are nothing: its entries are of size one."""

_FIGURE = ["unit_id", "period", "theme", "window_months"]


@dataclass(frozen=True)
class _Step:
    """What is known when so many cells are known to be empty.

    unknown: the other cells. matrix: sums over these. solution: a random solution, by cell, 0 where nothing can be.
    nothings: sums (over all cells) that follow and are nothing, so that their cells are known to be empty in turn.
    """

    unknown: Ints
    matrix: sparse.csr_array
    solution: Floats
    nothings: sparse.csr_array


@dataclass(frozen=True)
class _System:
    """The sums of the last step as sums of the shown figures, that step, and those before it."""

    change: sparse.csr_array
    last: _Step
    before: tuple[_Step, ...]


@dataclass(frozen=True)
class Told:
    """The events of a theme of a unit from month `first` to `last`, raised by so few people, follow from the rest."""

    people: float
    unit_id: str
    theme: str
    first: date
    last: date


class Themes:
    """The themes of one side over all units and months.

    rows: columns `ROWS`, one row per unit, period and theme. cells: unit_id, period, theme, people: how many raised the
    theme in that month in the unit itself, units below it left out; no row where nobody did. hierarchy: unit_id,
    period, parent_unit_id. Raises ValueError when the hierarchy goes round in a circle.
    """

    def __init__(self, rows: pl.DataFrame, cells: pl.DataFrame, hierarchy: pl.DataFrame) -> None:
        rows = rows.select(pl.col(name).cast(dtype) for name, dtype in ROWS.items()).sort(_FIGURE)
        whole = rows.group_by("unit_id", "period", "window_months").agg(pl.col("s1").sum(), pl.col("s1_in_month").sum())
        month = whole.select("unit_id", "period", "s1_in_month", s1="s1_in_month", window_months=1)
        # The rows of totals stand behind those of themes. A total of the window follows from those of its months.
        totals = pl.concat([whole.select(month.columns), month.select(month.columns)], how="vertical_relaxed").unique(
            ["unit_id", "period", "window_months"], keep="first"
        )
        totals = totals.sort("unit_id", "period", "window_months").with_columns(
            theme=pl.lit(EVERYBODY), shown=True, people=0
        )
        self._figures = pl.concat([rows, totals.select(pl.col(name).cast(dtype) for name, dtype in ROWS.items())])
        self._themes = rows.height
        self._events: Floats = self._figures["s1"].to_numpy()
        self._shown: Bools = self._figures["shown"].to_numpy().copy()
        self._one_theme = rows["theme"].n_unique() < 2
        self._begin = hierarchy["period"].min()
        own = _every_cell(rows, cells, hierarchy).rename({"theme": "population"})
        self._layout = Layout(self._figures.rename({"theme": "population"}), own, Hierarchy.of(hierarchy))
        self._raised: Floats = own["people"].to_numpy().astype(np.float64)
        place = self._figures.select(pl.struct("unit_id", "period").rank("dense")).to_series()
        self._place: Ints = place.to_numpy().astype(np.int64)

    @property
    def hidden(self) -> pl.DataFrame:
        """unit_id, period, theme of the figures that are not shown."""
        return self._figures.filter(~pl.Series(self._shown)).select("unit_id", "period", "theme")

    def told(self, k: int) -> list[Told]:
        """Everything that somebody, but fewer than k people, raised and that follows from what is shown.

        That is: a hidden figure, and the events of any run of months of a theme of a unit; people of two cells count
        as different people. Fewest people first. A side of one theme tells nothing that its total does not.
        """
        if self._one_theme:
            return []
        system = self._system()
        found = self._follows(system.last.solution, k)
        if found:
            # Once more with another solution, so that a coincidence is no finding.
            other = np.zeros(self._raised.size)
            other[system.last.unknown] = random_solution(system.last.matrix, seed=2)
            found &= self._follows(other, k)
        return sorted(found, key=lambda one: (one.people, one.unit_id, one.theme, one.first, one.last))

    def hide(self, k: int) -> None:
        """Hide more figures, until nothing is told that hiding can keep.

        First each nothing of a unit and period in which something is hidden: what is left of the total is to be
        shared among them all. Then one of the figures that tell something, or that tell that nothing else happened
        beside it: among those that weigh most, one of the latest month, to leave history alone, and of these the one
        that the fewest people raised, ties by key. Where that leaves no figure, every one of the unit, then of those
        above it, whose months touch it.
        """
        self._hide_nothing()
        while found := self.told(k):
            system = self._system()
            # One of each theme and unit at a time: what hides one often hides the others.
            apart = {(one.unit_id, one.theme): one for one in reversed(found)}
            chosen = [row for one in apart.values() for row in self._to_hide(one, system)]
            if not chosen:
                return
            self._shown[chosen] = False
            self._hide_nothing()

    def combination(self, one: Told) -> list[tuple[float, str, str, date]]:
        """Weights and figures (unit, theme or `all`, period) that give what is told; empty where none is found."""
        system = self._system()
        wanted = np.flatnonzero(self._sum(one)[system.last.unknown]).tolist()
        shown = np.flatnonzero(self._shown)
        # The figures of the unit alone are tried first: all together take a while.
        alone = (self._figures["unit_id"] == one.unit_id).to_numpy()[shown]
        named = self._figures.select("unit_id", "theme", "period")
        for rows in (shown[alone], shown):
            try:
                weights = combination(self._layout.matrix[rows][:, system.last.unknown], wanted)
            except ArithmeticError:
                continue
            return [(float(weights[at]), *named.row(int(rows[at]))) for at in np.flatnonzero(weights)]
        return []

    def _hide_nothing(self) -> None:
        """Hide each nothing of a unit and period of which anything else is hidden."""
        ill = np.unique(self._place[~self._shown & (self._events > 0)])
        self._shown[: self._themes] &= ~(
            np.isin(self._place[: self._themes], ill) & (self._events[: self._themes] == 0)
        )

    def _system(self) -> _System:
        """The shown figures, less what they have in common, over the cells that may hold something."""
        matrix, change = self._layout.sparser(self._shown)
        left = change @ self._events[self._shown]
        empty = np.zeros(matrix.shape[1], dtype=bool)
        groups = self._nothings()
        before: list[_Step] = []
        while True:
            matrix = _without_nothing(matrix, left, empty)
            unknown = np.flatnonzero(~empty)
            solution = np.zeros(self._raised.size)
            solution[unknown] = random_solution(matrix[:, unknown], seed=1)
            held = np.asarray(groups @ (~empty).astype(np.int64))
            known = np.flatnonzero((abs(groups @ solution) < _TOLERANCE) & (held > 0))
            step = _Step(unknown, matrix[:, unknown], solution, groups[known])
            if not known.size:
                return _System(change, step, tuple(before))
            before.append(step)
            empty[step.nothings.indices] = True

    def _nothings(self) -> sparse.csr_array:
        """Sums that are nothing, over cells: if one of them is known, each cell of it is.

        Of each unit and period the hidden themes that nobody raised, one by one and together; of each unit and theme
        those of the units below; of each unit and month the themes that nobody raised in it.
        """
        matrix = self._layout.matrix
        at = np.flatnonzero(~self._shown & (self._events == 0))
        parent = self._layout.parent_row[at]
        groups = [matrix[at], *(_added_up(matrix[at], number) for number in (self._place[at], parent))]
        placed = self._placed
        silent = placed.filter(pl.Series(self._by_month(self._raised).ravel()[placed["at"].to_numpy()] == 0))
        for number in ("at", "month_of_unit"):
            named = silent.select("cell", group=pl.col(number).rank("dense") - 1)
            shape = (named["group"].n_unique(), matrix.shape[1])
            where = (named["group"].to_numpy(), named["cell"].to_numpy())
            groups.append(sparse.coo_array((np.ones(named.height, dtype=np.int64), where), shape=shape).tocsr())
        return sparse.csr_array(sparse.vstack(groups))

    @cached_property
    def _placed(self) -> pl.DataFrame:
        """Each cell once per unit above it: cell, at (place of unit, theme and month), month_of_unit."""
        months, themes = self._layout.hierarchy.parent.shape[1], len(self._layout.populations)
        month = pl.col("month") - self._layout.hierarchy.first
        return self._layout.placed.filter(pl.col("population") != 0).select(
            "cell",
            at=(pl.col("above") * themes + pl.col("population")) * months + month,
            month_of_unit=pl.col("above") * months + month,
        )

    def _by_month(self, numbers: Floats) -> Floats:
        """(unit, theme) × months: numbers of cells, added up over the units below."""
        months, themes = self._layout.hierarchy.parent.shape[1], len(self._layout.populations)
        size = len(self._layout.hierarchy.units) * themes * months
        at, cell = (self._placed[name].to_numpy() for name in ("at", "cell"))
        added: Floats = np.bincount(at, weights=numbers[cell], minlength=size).reshape(-1, months).astype(np.float64)
        return added

    def _follows(self, solution: Floats, k: int) -> set[Told]:
        """What is nothing in a solution."""
        return {*self._hidden_figures(solution, k), *self._runs(solution, k)}

    def _hidden_figures(self, solution: Floats, k: int) -> Iterator[Told]:
        few = ((self._figures["s1"] > 0) & (self._figures["people"] < k)).to_numpy() & ~self._shown
        at = np.flatnonzero(few)
        known = at[abs(self._layout.matrix[at] @ solution) < _TOLERANCE]
        begin = pl.col("period").dt.offset_by(pl.format("-{}mo", pl.col("window_months") - 1))
        rows = self._figures[known].with_columns(first=pl.max_horizontal(begin, pl.lit(self._begin)))
        for people, *what in rows.select("people", "unit_id", "theme", "first", "period").iter_rows():
            yield Told(float(people), *what)

    def _runs(self, solution: Floats, k: int) -> Iterator[Told]:
        """Runs of months that begin and end with a month in which somebody raised the theme."""
        first, months = self._layout.hierarchy.first, self._layout.hierarchy.parent.shape[1]
        themes = len(self._layout.populations)
        value, people = self._by_month(solution), self._by_month(self._raised)
        sums, raising = (
            np.concatenate([np.zeros((numbers.shape[0], 1)), numbers.cumsum(axis=1)], axis=1)
            for numbers in (value, people)
        )
        unit_names = list(self._layout.hierarchy.units)
        theme_names = list(self._layout.populations)
        for length in range(1, months + 1):
            by = raising[:, length:] - raising[:, :-length]
            known = (abs(sums[:, length:] - sums[:, :-length]) < _TOLERANCE) & (by > 0) & (by < k)
            known &= (people[:, : months - length + 1] > 0) & (people[:, length - 1 :] > 0)
            for chain, start in zip(*np.nonzero(known), strict=True):
                unit, theme = divmod(int(chain), themes)
                yield Told(
                    float(by[chain, start]),
                    unit_names[unit],
                    theme_names[theme],
                    _month(first + int(start)),
                    _month(first + int(start) + length - 1),
                )

    def _sum(self, one: Told) -> Floats:
        """By cell: is it part of what is told?"""
        cells = self._layout.placed.filter(
            pl.col("above") == self._layout.hierarchy.units[one.unit_id],
            pl.col("population") == self._layout.populations[one.theme],
            pl.col("month").is_between(_number(one.first), _number(one.last)),
        )["cell"].to_numpy()
        wanted = np.zeros(self._raised.size)
        wanted[cells] = 1.0
        return wanted

    def _beside(self, one: Told) -> Floats:
        """By cell: is it of the unit and the months of what is told?"""
        cells = self._layout.placed.filter(
            pl.col("above") == self._layout.hierarchy.units[one.unit_id],
            pl.col("month").is_between(_number(one.first), _number(one.last)),
        )["cell"].to_numpy()
        beside = np.zeros(self._raised.size)
        beside[cells] = 1.0
        return beside

    def _to_hide(self, one: Told, system: _System) -> list[int]:
        """The rows to hide so that this is not told in this way; none where nothing is left to hide."""
        wanted = self._sum(one)
        step = next(step for step in (*system.before, system.last) if abs(wanted @ step.solution) < _TOLERANCE)
        if system.before and step is not system.before[0]:
            # It takes what is known to be nothing: the first such thing of its months is kept from being known.
            beside = self._beside(one)
            for earlier in system.before:
                near = np.flatnonzero(np.asarray(earlier.nothings @ beside) > 0)
                if near.size:
                    step, wanted = earlier, np.asarray(earlier.nothings[[near[0]]].todense()).ravel().astype(np.float64)
                    break
        weights = abs(system.change.T @ weights_of(step.matrix, wanted[step.unknown]))
        used = np.flatnonzero(self._shown)[weights > 0.3 * weights.max(initial=0.0)]
        used = used[(used < self._themes) & (self._events[used] > 0)]
        if used.size:
            order = (
                self._figures[used]
                .with_columns(row=pl.Series(used))
                .sort("period", "people", "unit_id", "theme", descending=[True, False, False, False])
            )
            return [int(order["row"][0])]
        above = self._layout.hierarchy.above.filter(
            pl.col("unit") == self._layout.hierarchy.units[one.unit_id],
            pl.col("month").is_between(_number(one.first), _number(one.last)),
        )["above"].unique()
        touching = (self._layout.month >= _number(one.first)) & (
            self._layout.month - self._layout.window < _number(one.last)
        )
        touching &= self._shown & (self._events > 0) & (np.arange(len(self._shown)) < self._themes)
        for units in ([self._layout.hierarchy.units[one.unit_id]], above.to_list()):
            rows = np.flatnonzero(touching & np.isin(self._layout.unit, units))
            if rows.size:
                return [int(row) for row in rows]
        return []


def _without_nothing(matrix: sparse.csr_array, left: Floats, empty: Bools) -> sparse.csr_array:
    """The sums without empty cells; where a sum is nothing and only adds, its cells become `empty` too."""
    while True:
        matrix = sparse.csr_array(matrix @ sparse.diags_array((~empty).astype(np.int64), dtype=np.int64))
        matrix.eliminate_zeros()
        size = np.diff(matrix.indptr)
        signs = sparse.csr_array((np.sign(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
        adds = (abs(np.asarray(signs.sum(axis=1)).ravel()) == size) & (size > 0)
        nothing = np.flatnonzero(adds & (abs(left) < 1e-9))
        if not nothing.size:
            return matrix
        empty[matrix[nothing].indices] = True


def _added_up(rows: sparse.csr_array, number: Ints) -> sparse.csr_array:
    """The rows of each number added up; those below 0 are left out."""
    at = np.flatnonzero(number >= 0)
    names, group = np.unique(number[at], return_inverse=True)
    ones = sparse.coo_array((np.ones(at.size, dtype=np.int64), (group, at)), shape=(names.size, rows.shape[0]))
    return sparse.csr_array(ones.tocsr() @ rows)


def _number(day: date) -> int:
    """Months since the year 0 (see `layout.month_number`)."""
    return day.year * 12 + day.month


def _month(number: int) -> date:
    """The first day of a month, by its number (see `layout.month_number`)."""
    return date((number - 1) // 12, (number - 1) % 12 + 1, 1)


def _every_cell(rows: pl.DataFrame, cells: pl.DataFrame, hierarchy: pl.DataFrame) -> pl.DataFrame:
    """unit_id, period, theme, people: a row wherever something may have happened, of nobody where nothing did.

    That is in every unit that has none below it in the month, and in every other that ever had an event of its own.
    """
    units = hierarchy.select("unit_id", "period", "parent_unit_id").unique(["unit_id", "period"])
    parents = units.select("period", unit_id="parent_unit_id").drop_nulls().unique()
    alone = units.join(parents, on=["unit_id", "period"], how="anti").select("unit_id", "period")
    own = units.join(cells.select("unit_id").unique(), on="unit_id", how="semi").select("unit_id", "period")
    raised = cells.group_by("unit_id", "period", "theme").agg(pl.col("people").cast(pl.Int64).sum())
    return (
        pl.concat([alone, own])
        .unique()
        .join(rows.select("theme").unique(), how="cross")
        .join(raised, on=["unit_id", "period", "theme"], how="full", coalesce=True)
        .with_columns(pl.col("people").fill_null(0))
        .sort("unit_id", "period", "theme")
    )
