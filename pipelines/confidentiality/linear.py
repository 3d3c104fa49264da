"""What a reader can work out: which sums over few people the shown figures determine, by linear algebra.

A shown figure is a known sum over cells: the smallest groups whose answers are added up (one unit's own people of one
population in one month). A set of cells whose people are fewer than k is exposed when the shown figures can be added
and subtracted to give exactly its sum. This module knows matrices and no tables; `complementary` decides with it what
to hide, and `audit` proves with it that nothing is left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse import csgraph
from scipy.sparse.linalg import lsmr
from threadpoolctl import threadpool_limits

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_TOLERANCE = 1e-7
"""Sums of the random solution below this are nothing: its entries are of size one, and the matrix holds small whole
numbers."""

_RIDGE, _ROUNDING, _MOST_TURNS = 1e-6, 1e-11, 200

_NOT_TOLD_APART = (
    "The sums that the shown figures determine cannot be told apart from rounding; report this with the indicator's "
    "windows. Nothing has been published."
)

_MOST_CELLS_IN_A_SET = 4
"""Sets of more cells are not looked for: their number grows with the power of the size. With k = 5 nothing is missed,
since every cell holds at least one person."""


@dataclass(frozen=True)
class Exposed:
    """A determined set: its cells (column numbers, ascending) and the people in it."""

    cells: tuple[int, ...]
    people: float


class Knowledge:
    """What the figures determine. Cells are columns, figures rows of whole numbers: how often each counts the cell.

    Any unimodular change of rows knows the same, and the sparser the faster. people: by cell, at least 1 each; people
    of two cells are taken as different people. Only parts of the matrix that hold a cell of fewer than k people are
    solved: nothing smaller than k can be in the others.

    A sum is determined when it is the same in every solution, so it is nothing but a sum that is zero over a random
    solution of the homogeneous system (figures · v = 0). Two such solutions are drawn, so that a coincidence is no
    finding.
    """

    def __init__(self, figures: sparse.csr_array, people: Floats, k: int) -> None:
        self._k = k
        self._atoms, self._atom = _atoms(figures)
        self._weight = np.bincount(self._atom, people, self._atoms.shape[1]).astype(np.float64)
        # The parts are many and small: threads that wait for one another would cost ten times what they compute.
        with threadpool_limits(1, "blas"):
            self._solve()

    def _solve(self) -> None:
        rng = np.random.default_rng(2)
        covered = np.asarray(abs(self._atoms).sum(axis=0)).ravel() > 0
        bound, rest = _simplified(self._atoms)
        solution = rng.standard_normal((bound.shape[1], 2))
        for columns, rows in _components(rest, _lightest(bound, self._weight) < self._k):
            solution[columns] = _null_vectors(rest[rows][:, columns].toarray().astype(np.float64))
        solution = np.asarray(bound @ solution)
        known = np.diff(bound.indptr) == 0
        groups: list[tuple[int, ...]] = [
            (int(atom),) for atom in np.flatnonzero(known & covered & (self._weight < self._k))
        ]
        for atoms in _connected_atoms(bound, rest, covered & ~known, self._weight < self._k):
            groups += _sets_of_component(solution[atoms], atoms, self._weight, self._k)
        self._groups = groups
        # Cells that every figure counts alike share out the value of their atom by chance.
        drawn = rng.standard_normal((self._atom.size, 2))
        size = np.bincount(self._atom, minlength=self._atoms.shape[1]).astype(np.float64)
        for column in range(2):
            total = np.bincount(self._atom, weights=drawn[:, column], minlength=size.size)
            drawn[:, column] += ((solution[:, column] - total) / size)[self._atom]
        self._solution = drawn

    def exposed(self) -> list[Exposed]:
        """The smallest sets of cells with fewer than k people whose sum is determined, fewest people first.

        Cells that every figure counts alike can never be told apart and act as one. Sets of one such and of two are
        all found; of larger ones those that hold no smaller determined set.
        """
        members = np.argsort(self._atom, kind="stable")
        starts = np.searchsorted(self._atom[members], np.arange(self._atoms.shape[1] + 1))
        found = []
        for group in self._groups:
            cells = np.concatenate([members[starts[atom] : starts[atom + 1]] for atom in group])
            people = float(self._weight[list(group)].sum())
            found.append(Exposed(tuple(int(cell) for cell in np.sort(cells)), people))
        return sorted(found, key=lambda one: (one.people, one.cells))

    def determines(self, sums: sparse.csr_array) -> NDArray[np.bool_]:
        """By row of `sums` (over the same cells): do the figures give it?"""
        value = np.asarray(sums @ self._solution)
        return np.asarray((abs(value) < _TOLERANCE).all(axis=1) & (np.diff(sums.indptr) > 0))


def indicators(sets: Sequence[Exposed], cells: int) -> sparse.csr_array:
    """Sets × cells: 1 where the set holds the cell."""
    columns = np.array([cell for one in sets for cell in one.cells], dtype=np.int64)
    rows = np.repeat(np.arange(len(sets)), [len(one.cells) for one in sets])
    return sparse.coo_array((np.ones_like(columns), (rows, columns)), shape=(len(sets), cells)).tocsr()


def combination(figures: sparse.csr_array, cells: Sequence[int]) -> Floats:
    """Weights, one per figure, by which the figures add up to exactly the sum over the cells.

    Of all such weights those that are smallest in absolute sum, which uses few figures. Raises ArithmeticError where
    there are none.
    """
    target = np.zeros(figures.shape[1])
    target[list(cells)] = 1.0
    weights = np.zeros(figures.shape[0])
    rows = _connected(figures, cells)
    if rows.size:
        both = sparse.csr_array(sparse.vstack([figures[rows], sparse.csr_array(target[None, :])]))
        atoms = sparse.csr_array(_atoms(both)[0]).astype(np.float64)
        equations, right = atoms[:-1].T, atoms[[-1]].toarray().ravel()
        # scipy-stubs know dense matrices only here.
        either: Any = sparse.hstack([equations, -equations]).tocsc()
        solved = linprog(np.ones(2 * rows.size), A_eq=either, b_eq=right, method="highs")
        if solved.x is not None:
            found = solved.x[: rows.size] - solved.x[rows.size :]
            weights[rows] = np.where(abs(found) < _TOLERANCE, 0.0, found)
    if float(np.abs(figures.T.astype(np.float64) @ weights - target).max()) > 1e-6:
        raise ArithmeticError("The figures do not determine the sum over these cells.")
    return weights


def random_solution(figures: sparse.csr_array, seed: int) -> Floats:
    """A random solution of figures · v = 0 with entries of size one, for a system that does not fall into parts.

    What a random vector has in common with the figures is taken from it, by least squares (LSMR; Fong & Saunders 2011).
    Raises ArithmeticError where what is left cannot be told apart from rounding.
    """
    drawn = np.random.default_rng(seed).standard_normal(figures.shape[1])
    even = _of_length_one(figures)
    solution: Floats = drawn - _least_squares(even, even @ drawn)
    if float(np.abs(even @ solution).max(initial=0.0)) > _TOLERANCE:
        raise ArithmeticError(_NOT_TOLD_APART)
    return solution


def weights_of(figures: sparse.csr_array, wanted: Floats) -> Floats:
    """Weights by which the figures add up to what is wanted, which they must determine: the smallest in squares."""
    even = _of_length_one(figures)
    return _least_squares(sparse.csr_array(even.T), wanted)


def _of_length_one(figures: sparse.csr_array) -> sparse.csr_array:
    """The figures, each divided by its length, so that a figure of many cells counts like one of few."""
    length = np.sqrt(np.asarray(figures.multiply(figures).sum(axis=1)).ravel())
    return sparse.csr_array(sparse.diags_array(1.0 / np.maximum(length, 1.0)) @ figures)


def _least_squares(equations: sparse.csr_array, right: Floats) -> Floats:
    found: Floats = lsmr(equations, right, atol=1e-12, btol=1e-12, conlim=0.0, maxiter=20 * max(equations.shape))[0]
    return found


def to_break(
    figures: sparse.csr_array, sparser: sparse.csr_array, change: sparse.csr_array, targets: sparse.csr_array
) -> NDArray[np.bool_]:
    """By figure: hide it, so that the targets, each a determined sum, are no longer determined.

    figures: in the order in which they are to be kept, the dearest first; sparser = change @ figures knows the same.
    Each target is taken with the figures it hangs together with. Those that follow from dearer ones are set aside; of
    the others the target is made in one way only, so hiding any figure of that way is enough as long as every figure
    that was set aside and rests on it goes too. The least dear is hidden. What lies further off may still give the
    target by a longer way: ask again afterwards.
    """
    count = sparser.shape[0]
    _, label = csgraph.connected_components(_graph(sparse.vstack([sparser, targets])), directed=False)
    of_rows, of_targets = label[:count], label[count : count + targets.shape[0]]
    empty = np.diff(sparser.indptr) == 0
    makes = sparse.csr_array((np.ones_like(change.data), change.indices, change.indptr), shape=change.shape)
    hide = np.zeros(count, dtype=bool)
    for part in np.unique(of_targets):
        near = np.asarray((of_rows == part) @ makes) > 0
        # Figures that follow from others have no row left in `sparser`, and may stand in for one that is hidden.
        stand_in = empty & (np.asarray(makes @ near) > 0)
        rows = np.flatnonzero(near | (np.asarray(stand_in @ makes) > 0))
        wanted = targets[np.flatnonzero(of_targets == part)]
        both = sparse.csr_array(sparse.vstack([figures[rows], wanted]))
        atoms = _atoms(both)[0].toarray()
        atoms = atoms[:, np.abs(atoms).sum(axis=0) > 0]
        basis, weights = _in_terms_of_the_first(atoms[: rows.size], atoms[rows.size :])
        of_figures, of_wanted = weights[: rows.size], weights[rows.size :]
        out: list[int] = []
        # The target that rests on the dearest figures only has the least choice.
        last = np.array([np.flatnonzero(one).max(initial=-1) for one in of_wanted])
        for target in np.argsort(last, kind="stable"):
            used = np.flatnonzero(of_wanted[target])
            if used.size and not np.isin(used, out).any():
                out.append(int(used.max()))
        hide[rows[np.asarray(basis, dtype=np.int64)[out]]] = True
        hide[rows[(of_figures[:, out] != 0).any(axis=1)]] = True
    return hide


def _in_terms_of_the_first(figures: Floats, targets: Floats) -> tuple[list[int], Floats]:
    """Rows that do not follow from rows before them, and every row and target as a combination of these.

    Gaussian elimination, column by column of the transposed matrix, so that earlier rows come first; what is left is
    a triangle, which LAPACK solves at once.
    """
    left = np.concatenate([figures, targets]).astype(np.float64).T.copy()
    count = figures.shape[0]
    free = np.arange(left.shape[0])
    basis: list[int] = []
    pivots: list[int] = []
    for row in range(count):
        column = left[free, row]
        size = np.abs(column)
        place = int(size.argmax()) if size.size else 0
        if not size.size or size[place] < _TOLERANCE:
            continue
        pivot = int(free[place])
        basis.append(row)
        pivots.append(pivot)
        left[pivot, row:] /= column[place]
        touched = size > _TOLERANCE
        touched[place] = False
        there = row + np.flatnonzero(np.abs(left[pivot, row:]) > _TOLERANCE)
        left[np.ix_(free[touched], there)] -= np.outer(column[touched], left[pivot, there])
        free = np.delete(free, place)
    made = left[pivots]
    if basis:
        made = scipy.linalg.solve_triangular(made[:, basis], made, unit_diagonal=True, check_finite=False)
    made[np.abs(made) < _TOLERANCE] = 0.0
    return basis, made.T


def _atoms(figures: sparse.csr_array) -> tuple[sparse.csc_array, Ints]:
    """One column for all cells that every figure counts alike, and the atom of each cell."""
    rng = np.random.default_rng(1)
    marks = rng.integers(-(2**62), 2**62, size=(figures.shape[0], 2), dtype=np.int64)
    # Whole numbers that wrap around: equal columns have equal marks, others by chance of 2^-128.
    signature = np.asarray(figures.T.astype(np.int64) @ marks)
    _, first, inverse = np.unique(signature, axis=0, return_index=True, return_inverse=True)
    return figures.tocsc()[:, first], inverse.ravel().astype(np.int64)


def _simplified(figures: sparse.csc_array) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Solve what can be solved at a glance: cells × unknowns (1, -1, or no entry: nothing), and figures × unknowns.

    A figure of one cell says that the cell's value in a solution of the homogeneous system is zero; one of two cells,
    counted equally often, that their values are equal or opposite, so that one unknown stands for both.
    """
    bound = sparse.csr_array(sparse.eye_array(figures.shape[1], dtype=np.int64))
    rest = sparse.csr_array(figures)
    while True:
        rest.eliminate_zeros()
        count = np.diff(rest.indptr)
        cell = rest.indices.astype(np.int64)
        nothing = np.unique(cell[rest.indptr[np.flatnonzero(count == 1)]])
        two = rest.indptr[np.flatnonzero(count == 2)]
        one, other = cell[two], cell[two + 1]
        opposite = rest.data[two] == rest.data[two + 1]
        equal = rest.data[two] == -rest.data[two + 1]
        if not nothing.size and not (opposite | equal).any():
            return bound, rest
        step = _joined(rest.shape[1], nothing, (one, other, equal), (one, other, opposite))
        bound = sparse.csr_array(bound @ step)
        rest = sparse.csr_array(rest @ step)


def _joined(
    size: int,
    nothing: Ints,
    equal: tuple[Ints, Ints, NDArray[np.bool_]],
    opposite: tuple[Ints, Ints, NDArray[np.bool_]],
) -> sparse.csr_array:
    """Unknowns × fewer unknowns, by what is nothing, what is equal and what is opposite."""
    # Every unknown stands twice, as itself and as its opposite; the last node is nothing.
    start = [nothing, nothing + size]
    end = [np.full(nothing.size, 2 * size), np.full(nothing.size, 2 * size)]
    for (one, other, chosen), turn in ((equal, 0), (opposite, size)):
        start += [one[chosen], one[chosen] + size]
        end += [other[chosen] + turn, other[chosen] + size - turn]
    at = (np.concatenate(start), np.concatenate(end))
    graph = sparse.coo_array((np.ones(at[0].size), at), shape=(2 * size + 1, 2 * size + 1))
    _, label = csgraph.connected_components(graph, directed=False)
    plain, turned = label[:size], label[size : 2 * size]
    left = np.flatnonzero((plain != turned) & (plain != label[-1]))
    # Of the two groups that are each other's opposite, the one with the smaller number is the unknown.
    names, unknown = np.unique(np.minimum(plain[left], turned[left]), return_inverse=True)
    sign = np.where(plain[left] < turned[left], 1, -1).astype(np.int64)
    return sparse.coo_array((sign, (left, unknown.ravel())), shape=(size, names.size)).tocsr()


def _lightest(bound: sparse.csr_array, weight: Floats) -> Floats:
    """By unknown: the weight of the lightest atom it stands for."""
    least = np.full(bound.shape[1], np.inf)
    at = bound.tocoo()
    np.minimum.at(least, at.col, weight[at.row])
    return least


def _components(figures: sparse.csr_array, small: NDArray[np.bool_]) -> Iterator[tuple[Ints, Ints]]:
    """Columns and rows of each connected part that has rows and a small column."""
    if not figures.nnz:
        return
    rows = figures.shape[0]
    _, label = csgraph.connected_components(_graph(figures), directed=False)
    of_rows, of_columns = label[:rows], label[rows:]
    order_rows, order_columns = np.argsort(of_rows, kind="stable"), np.argsort(of_columns, kind="stable")
    for part in np.unique(of_columns[small]):
        low, high = np.searchsorted(of_rows[order_rows], [part, part + 1])
        left, right = np.searchsorted(of_columns[order_columns], [part, part + 1])
        if high > low:
            yield np.sort(order_columns[left:right]), np.sort(order_rows[low:high])


def _connected_atoms(
    bound: sparse.csr_array, rest: sparse.csr_array, wanted: NDArray[np.bool_], small: NDArray[np.bool_]
) -> Iterator[Ints]:
    """Small atoms by the part of the matrix that they are in: only these can add up to nothing together."""
    _, label = csgraph.connected_components(_graph(sparse.vstack([bound, rest])), directed=False)
    atoms = np.flatnonzero(wanted & small)
    of_atoms = label[atoms]
    order = np.argsort(of_atoms, kind="stable")
    for group in np.split(atoms[order], np.flatnonzero(np.diff(of_atoms[order])) + 1):
        if group.size:
            yield np.sort(group)


def _sets_of_component(solution: Floats, columns: Ints, weight: Floats, k: int) -> list[tuple[int, ...]]:
    """Determined sets of one connected part, as tuples of the columns' names."""
    small = np.flatnonzero(weight[columns] < k)
    found: list[tuple[int, ...]] = [(int(place),) for place in small if (abs(solution[place]) < _TOLERANCE).all()]
    taken = {group[0] for group in found}
    free = np.array([place for place in small if place not in taken], dtype=np.int64)
    people = weight[columns]
    found += _pairs(solution, free, people, k)
    for size in range(3, min(k - 1, _MOST_CELLS_IN_A_SET) + 1):
        found += _larger(solution, free, people, k, size)
    return [tuple(int(columns[place]) for place in group) for group in found]


def _null_vectors(figures: Floats) -> Floats:
    """Two random solutions of figures · v = 0, entries of size one; cells × 2.

    By iterated ridge regression: each turn leaves what the figures do not see and shrinks the rest by
    δ / (σ² + δ), with σ the singular values of the figures.
    """
    rng = np.random.default_rng(3)
    drawn = rng.standard_normal((figures.shape[1], 2))
    seen = figures.T @ figures
    seen[np.diag_indices_from(seen)] += _RIDGE
    factor = scipy.linalg.cho_factor(seen, lower=True, overwrite_a=True, check_finite=False)
    for _ in range(_MOST_TURNS):
        drawn = _RIDGE * scipy.linalg.cho_solve(factor, drawn, check_finite=False)
        if float(np.abs(figures @ drawn).max()) < _ROUNDING:
            # Once more: the weakest of what the figures see is shrunk least.
            return _RIDGE * scipy.linalg.cho_solve(factor, drawn, check_finite=False)
    raise ArithmeticError(_NOT_TOLD_APART)


def _pairs(solution: Floats, free: Ints, people: Floats, k: int) -> list[tuple[int, ...]]:
    """Pairs of cells with fewer than k people together whose values in both solutions are opposite."""
    if free.size < 2:
        return []
    values = solution[free]
    order = np.argsort(values[:, 0], kind="stable")
    ranked = values[order, 0]
    low = np.searchsorted(ranked, -values[:, 0] - _TOLERANCE)
    high = np.searchsorted(ranked, -values[:, 0] + _TOLERANCE, side="right")
    found: list[tuple[int, ...]] = []
    for here in np.flatnonzero(high > low):
        for other in order[low[here] : high[here]]:
            together = people[free[here]] + people[free[other]]
            if other > here and together < k and abs(values[here, 1] + values[other, 1]) < _TOLERANCE:
                found.append((int(free[here]), int(free[other])))
    return found


@lru_cache(maxsize=512)
def _couples(size: int) -> tuple[Ints, Ints]:
    """Every pair of that many places, the smaller first."""
    first, second = np.triu_indices(size, 1)
    return first.astype(np.int64), second.astype(np.int64)


def _larger(solution: Floats, free: Ints, people: Floats, k: int, size: int) -> list[tuple[int, ...]]:
    """Sets of three or four cells with fewer than k people together that sum to zero in both solutions."""
    # The others hold at least one person each.
    light = free[people[free] <= k - size]
    if light.size < size:
        return []
    first, second = _couples(light.size)
    fits = people[light[first]] + people[light[second]] < k - (size - 3)
    first, second = first[fits], second[fits]
    sums = solution[light[first]] + solution[light[second]]
    if size == 3:
        others, other_people = -solution[light], people[light]
    else:
        others, other_people = -sums, people[light[first]] + people[light[second]]
    wanted, had = np.ascontiguousarray(sums[:, 0]), np.ascontiguousarray(others[:, 0])
    order = np.argsort(had, kind="stable")
    ranked = had[order]
    low = np.searchsorted(ranked, wanted - _TOLERANCE)
    met = np.flatnonzero(np.append(ranked, np.inf)[low] <= wanted + _TOLERANCE)
    found: dict[tuple[int, ...], None] = {}
    for here in met:
        high = int(np.searchsorted(ranked, wanted[here] + _TOLERANCE, side="right"))
        for other in order[low[here] : high]:
            more = (other,) if size == 3 else (first[other], second[other])
            places = sorted({int(first[here]), int(second[here]), *(int(place) for place in more)})
            total = people[light[first[here]]] + people[light[second[here]]] + other_people[other]
            if len(places) == size and total < k and abs(sums[here, 1] - others[other, 1]) < _TOLERANCE:
                group = tuple(int(light[place]) for place in places)
                if not _holds_a_smaller(solution, group):
                    found[group] = None
    return list(found)


def _holds_a_smaller(solution: Floats, group: tuple[int, ...]) -> bool:
    return any(
        (abs(solution[list(part)].sum(axis=0)) < _TOLERANCE).all()
        for size in range(1, len(group))
        for part in combinations(group, size)
    )


def _connected(figures: sparse.csr_array, cells: Sequence[int]) -> Ints:
    """Rows of the figures that hang together with the cells."""
    rows = figures.shape[0]
    if not figures.nnz:
        return np.empty(0, dtype=np.int64)
    _, label = csgraph.connected_components(_graph(figures), directed=False)
    near = np.isin(label, label[rows + np.asarray(list(cells), dtype=np.int64)])
    return np.flatnonzero(near[:rows]).astype(np.int64)


def _graph(figures: sparse.csr_array) -> Any:
    """Rows, then columns, as nodes; a row and a column are linked where the row counts the column."""
    parts: Any = [[None, figures], [figures.T, None]]
    return sparse.block_array(parts)
