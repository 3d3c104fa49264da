"""Complementary suppression: what else must be hidden so that nobody can work out a hidden figure (method §13).

Three steps, each hiding only and none ever showing:
1. along time: windows of one unit and population that would tell a few people's months apart;
2. across the hierarchy and populations: a shown whole of which too few people are left when the shown parts are taken
   away, or exactly one hidden part;
3. a proof by linear algebra over all of it together (`linear`), which hides one figure of every combination it finds,
   until there is none.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from pipelines.confidentiality.layout import Hierarchy, Layout, cells_of_separate_windows
from pipelines.confidentiality.linear import Floats, Ints, Knowledge, indicators, to_break
from pipelines.confidentiality.suppression import OK, SUPPRESSED, UNPROTECTED, check_k

Bools = NDArray[np.bool_]

_SAME_COUNTS = {
    "collaborator_retention": "voluntary_turnover",
    "client_retention": "client_loss",
    "survey_top_box": "survey",
    "survey_nps": "survey",
    "survey_mean": "survey",
}
"""Measures that are made of the same people and answers as another: what one hides the other must not tell."""

_KEY = ["answers", "unit_id", "period", "population", "window_months"]


def complementary(
    windows: pl.DataFrame, hierarchy: pl.DataFrame, k: int, cells: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The same rows in the same order, with status `suppressed` wherever a row has to be hidden too.

    windows: unit_id, period, population, indicator_id, window_months, people (distinct, hidden rows included),
    protects, status (after the rule of k), and optionally `answers`: indicators with the same text there are made of
    the same answers, and are hidden together; without it each indicator stands alone. hierarchy: unit_id, period,
    parent_unit_id. cells: unit_id, period (month), population (`all`: no named one), indicator_id, people: own people
    of every unit and month, from which the windows are summed (dbt model `indicator_stats`). None says that no two
    windows share answers, so that each is its own month.

    Hidden in the end is enough that no sum over fewer than k people, and no figure hidden by the rule of k, is a
    combination of what is shown; n counts as shown wherever the row is not hidden. Of the parts that would do, those
    with the fewest people are hidden, ties by key, so the result does not depend on the order of rows. Rows about
    nobody (`protects` none) are left alone. People of two cells count as different people; along time a cell counts
    less the more its people come back in other months of the window.

    Raises ValueError when k is below the floor or the hierarchy goes round in a circle.
    """
    check_k(k)
    answers = pl.col("answers") if "answers" in windows.columns else pl.col("indicator_id")
    rows = windows.with_row_index("row").with_columns(answers=answers)
    guarded = rows.filter(pl.col("protects").fill_null("unknown") != UNPROTECTED)
    if not guarded.height:
        return windows
    units = Hierarchy.of(hierarchy)
    own = _cells(guarded, hierarchy, cells)
    figures = _figures(guarded, separate=cells is None)
    parts = {key[0]: frame for key, frame in own.partition_by("answers", as_dict=True).items()}
    hidden = []
    for (name,), frame in figures.partition_by("answers", as_dict=True, maintain_order=True).items():
        if frame["hidden"].all() or name not in parts:
            continue
        if not frame["hidden"].any() and _none_is_small(parts[name], k):
            continue
        layout = Layout(frame, parts[name], units)
        found = hidden_figures(layout, Figures.of(frame), k)
        hidden.append(frame.filter(pl.Series(found)).select(_KEY))
    if not hidden:
        return windows
    also = guarded.with_columns(window_months=_window(cells is None)).join(pl.concat(hidden), on=_KEY, how="semi")
    return _also_hidden(windows, also)


def apart_in_time(windows: pl.DataFrame, hierarchy: pl.DataFrame, k: int, cells: pl.DataFrame) -> pl.DataFrame:
    """The same rows in the same order, `suppressed` where windows would tell months of fewer than k people apart.

    The first of the three steps alone, for windows of one length whose parts are too many for the third; arguments and
    errors as for `complementary`.
    """
    check_k(k)
    rows = windows.with_row_index("row").with_columns(answers=pl.col("indicator_id"))
    guarded = rows.filter(pl.col("protects").fill_null("unknown") != UNPROTECTED)
    if not guarded.height:
        return windows
    units = Hierarchy.of(hierarchy)
    parts = {
        key[0]: frame for key, frame in _cells(guarded, hierarchy, cells).partition_by("answers", as_dict=True).items()
    }
    told = []
    for (name,), frame in _figures(guarded, separate=False).partition_by("answers", as_dict=True).items():
        if name in parts:
            found = _told_by_time(Layout(frame, parts[name], units), Figures.of(frame), k)
            told.append(frame.filter(pl.Series(found)).select(_KEY))
    if not told:
        return windows
    also = guarded.with_columns(window_months=_window(separate=False)).join(pl.concat(told), on=_KEY, how="semi")
    return _also_hidden(windows, also)


def _also_hidden(windows: pl.DataFrame, also: pl.DataFrame) -> pl.DataFrame:
    """windows with the rows whose number is in `also` suppressed."""
    return windows.with_columns(
        status=pl.when(pl.int_range(pl.len()).is_in(also["row"].cast(pl.Int64).implode()))
        .then(pl.lit(SUPPRESSED))
        .otherwise(pl.col("status"))
    )


def same_answers(indicators: pl.DataFrame) -> pl.DataFrame:
    """indicator_id and `answers`, the same text for indicators made of the same people and answers.

    indicators: indicator_id, side, measure, topic.
    """
    return indicators.select(
        pl.col("indicator_id").cast(pl.String),
        answers=pl.concat_str(
            pl.col("side").cast(pl.String),
            pl.col("measure").cast(pl.String).replace(_SAME_COUNTS),
            pl.col("topic").cast(pl.String).fill_null(""),
            separator="/",
        ),
    )


def _none_is_small(cells: pl.DataFrame, k: int) -> bool:
    """Whether every cell that anybody is in has k people, so that no sum over cells can have fewer."""
    people = pl.col("people").fill_null(1.0)  # somebody, nobody knows how many
    return bool(cells.select(((people >= k) | (people == 0)).all()).item())


def _window(separate: bool) -> pl.Expr:
    return (pl.lit(1) if separate else pl.col("window_months")).cast(pl.Int64).alias("window_months")


def _figures(guarded: pl.DataFrame, *, separate: bool) -> pl.DataFrame:
    """One row per figure of each set of answers: people, whether it is hidden, and whether it has a value to lose."""
    return (
        guarded.with_columns(_window(separate))
        .group_by(_KEY)
        .agg(
            people=pl.col("people").cast(pl.Float64).fill_nan(None).min().fill_null(0.0),
            hidden=(pl.col("status") == SUPPRESSED).any(),
            valued=(pl.col("status") == OK).any(),
        )
        .sort(_KEY)
    )


def _cells(guarded: pl.DataFrame, hierarchy: pl.DataFrame, cells: pl.DataFrame | None) -> pl.DataFrame:
    """answers, unit_id, period, population, people; indicators of the same answers have the same cells."""
    names = guarded.select("indicator_id", "answers").unique()
    key = ["answers", "unit_id", "period", "population"]
    if cells is None:
        whole = guarded.group_by(key).agg(people=pl.col("people").max())
        parts = [
            cells_of_separate_windows(frame, hierarchy).with_columns(answers=pl.lit(name, dtype=pl.String))
            for (name,), frame in whole.partition_by("answers", as_dict=True).items()
        ]
        found = pl.concat(parts)
    else:
        found = cells.join(names, on="indicator_id", how="inner")
    return found.group_by(key).agg(pl.col("people").cast(pl.Float64).max()).sort(key)


@dataclass(frozen=True)
class Figures:
    """By figure: distinct people, whether the rule of k hides it, whether it has a value and not only a count."""

    people: Floats
    hidden: Bools
    valued: Bools

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "Figures":
        """frame: people, hidden and valued, one row per figure."""
        return cls(
            frame["people"].to_numpy().astype(np.float64), frame["hidden"].to_numpy(), frame["valued"].to_numpy()
        )


def hidden_figures(layout: Layout, figures: Figures, k: int) -> Bools:
    """By figure: is it hidden in the end?"""
    hidden = figures.hidden | _told_by_time(layout, figures, k)
    tables = _Tables(layout, figures, k)
    hidden = tables.closed(hidden)
    while True:
        more = _found_by_algebra(layout, figures, hidden, k)
        if not more.any():
            return hidden
        hidden = tables.closed(hidden | more)


# Along time. With P(m) the sum over all months up to m, a window that ends in t is P(t) - P(t - w): an edge between two
# moments. Moments joined by edges, or by months without anybody, differ by known sums. A set of months is determined
# exactly when its steps P(m) - P(m - 1), from the group of joined moments that m - 1 is in to that of m, close to
# circles; so the fewest people that can be told apart are the lightest directed circle.


def _told_by_time(layout: Layout, figures: Figures, k: int) -> Bools:
    """By figure: would it, with the windows taken before it, tell fewer than k people of its unit and population apart?

    Windows that have a value are taken first, then those with a count only, each in the order of time; so a month
    that is added later changes nothing before it.
    """
    rejected = np.zeros(len(layout), dtype=bool)
    for window in np.unique(layout.window):
        if window > 1:
            at = np.flatnonzero(layout.window == window)
            rejected[at] = _told_by_windows(layout, figures, at, int(window), k)
    return rejected


def _told_by_windows(layout: Layout, figures: Figures, at: Ints, window: int, k: int) -> Bools:
    chains, chain = np.unique(np.stack([layout.unit[at], layout.population[at]], axis=1), axis=0, return_inverse=True)
    people = layout.people_by_month
    every = np.concatenate([people["month"].to_numpy(), layout.month[at]])
    first = int(every.min())
    end = layout.month[at] - first + 1
    months = int(every.max()) - first + 1
    by_month = _people_of_chains(chains, people, first, months)
    taken = ~figures.hidden[at]
    distinct = np.full((len(chains), months + 1), np.nan)
    distinct[chain, end] = figures.people[at]
    weight = _without_returning(by_month, distinct, window, k)
    thin = ((weight > 0) & (weight < k)).any(axis=1)
    lightest = _Lightest(weight[thin], k)
    place = np.where(thin, np.cumsum(thin) - 1, -1)[chain]
    rejected = np.zeros(at.size, dtype=bool)
    for valued in (True, False):
        for moment in np.unique(end):
            now = np.flatnonzero((end == moment) & taken & (figures.valued[at] == valued) & (place >= 0))
            rejected[now] = lightest.joined(place[now], max(int(moment) - window, 0), int(moment))
    return rejected


def _people_of_chains(chains: Ints, people: pl.DataFrame, first: int, months: int) -> Floats:
    """Chains × months: people of the cells of each month."""
    numbers = pl.DataFrame(
        {"above": chains[:, 0], "population": chains[:, 1], "chain": np.arange(len(chains), dtype=np.int64)}
    )
    rows = people.join(numbers, on=["above", "population"], how="inner")
    table = np.zeros((len(chains), months))
    table[rows["chain"].to_numpy(), rows["month"].to_numpy() - first] = rows["people"].to_numpy()
    return table


def _without_returning(by_month: Floats, distinct: Floats, window: int, k: int) -> Floats:
    """The same table, months of fewer than k people made lighter where the windows say that people come back.

    By the smallest share of distinct people that a window with the month in it shows. A month never gets to nothing.
    """
    chains, months = by_month.shape
    sums = np.concatenate([np.zeros((chains, 1)), by_month.cumsum(axis=1)], axis=1)
    start = np.maximum(np.arange(months + 1) - window, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(distinct / (sums - sums[:, start]), 0.0, 1.0)
    share = np.where(np.isfinite(share) & (share > 0), share, 1.0)
    least = np.ones_like(by_month)
    for later in range(window):
        least[:, : months - later] = np.minimum(least[:, : months - later], share[:, 1 + later :])
    return np.where(by_month >= k, by_month, by_month * least)


class _Lightest:
    """The lightest way from every moment to every other, for many chains of months at once; k stands for k or more."""

    def __init__(self, weight: Floats, k: int) -> None:
        self._k = k
        sums = np.concatenate([np.zeros((weight.shape[0], 1)), weight.cumsum(axis=1)], axis=1)
        ahead = sums[:, None, :] - sums[:, :, None]
        # A step counts forward only, save over a month without anybody, which joins its two moments.
        self._way = np.where(ahead > 1e-9, np.minimum(ahead, k), np.where(ahead > -1e-9, 0.0, k))

    def joined(self, chains: Ints, start: int, end: int) -> Bools:
        """Join two moments in each of the chains where no circle lighter than k comes of it; where does one?"""
        forward, back = self._way[chains, start, end], self._way[chains, end, start]
        low = self._k - 1e-9
        light = ((forward > 1e-9) & (forward < low)) | ((back > 1e-9) & (back < low))
        new = chains[~light & ((forward > 0) | (back > 0))]
        way = self._way[new]
        through = np.minimum(
            way[:, :, [start]] + way[:, [end], :],
            way[:, :, [end]] + way[:, [start], :],
        )
        self._way[new] = np.minimum(way, through)
        return light


class _Tables:
    """Across the hierarchy and across populations: each figure as a whole made of parts and a rest of its own."""

    def __init__(self, layout: Layout, figures: Figures, k: int) -> None:
        self._k = k
        self._people = figures.people
        self._size = len(layout)
        self._depth = layout.depth
        self._depths = [np.flatnonzero(self._depth == depth) for depth in range(int(self._depth.max()), -1, -1)]
        self._wholes = (layout.parent_row, layout.whole_row)
        self._rests = tuple(
            self._rest(whole, own, layout.people) for whole, own in zip(self._wholes, layout.own_cells, strict=True)
        )

    def _rest(self, whole: Ints, own: sparse.csr_array, people: Floats) -> Floats:
        """By figure: people that belong to it and to none of its parts; 0 where it has no parts."""
        part = whole >= 0
        left = self._people - np.bincount(whole[part], weights=self._people[part], minlength=self._size)
        parts = np.bincount(whole[part], minlength=self._size) > 0
        # Someone who is in two parts makes the difference too small, a unit that moved makes it anything: the people of
        # the rest's largest cell are there for certain, and there are no more than of all its cells.
        least = np.asarray((own @ sparse.diags_array(people)).max(axis=1).todense()).ravel()
        return np.where(parts, np.clip(left, least, np.asarray(own @ people)), 0.0)

    def closed(self, hidden: Bools) -> Bools:
        """Hide more until every whole is protected from the difference to its parts."""
        hidden = hidden.copy()
        while True:
            before = int(hidden.sum())
            for relation in (0, 1):
                chosen = self._chosen(hidden, relation)
                hidden[chosen] = True
            if int(hidden.sum()) == before:
                return hidden

    def _left(self, hidden: Bools) -> Floats:
        """By figure: people in it whom no shown figure within it holds; 0 where it is shown itself."""
        left = np.where(hidden, self._people, 0.0)
        tree, named = self._wholes
        for at in self._depths:
            for whole, rest in ((named, self._rests[1]), (tree, self._rests[0])):
                part = whole >= 0
                parts = np.bincount(whole[part], minlength=self._size)
                inside = np.bincount(whole[part], weights=left[part], minlength=self._size) + rest
                mine = at[hidden[at] & (parts[at] > 0)]
                left[mine] = np.minimum(left[mine], inside[mine])
        return left

    def _chosen(self, hidden: Bools, relation: int) -> Ints:
        """For every whole that needs one, the part to hide now; the whole itself where no part is left to hide."""
        whole, rest = self._wholes[relation], self._rests[relation]
        part = np.flatnonzero(whole >= 0)
        if not part.size:
            return part
        inside = self._left(hidden)
        covert = np.bincount(whole[part], weights=hidden[part].astype(np.float64), minlength=self._size)
        people = np.bincount(whole[part], weights=inside[part], minlength=self._size) + rest
        parts = np.bincount(whole[part], minlength=self._size)
        told = (parts > 0) & (
            (~hidden & ((covert > 0) | (rest > 0)) & ((people < self._k) | ((covert == 1) & (rest == 0))))
            | (hidden & (covert == 0) & (rest == 0))
        )
        # The deepest first: what is hidden below changes what is left above.
        told &= self._depth == self._depth[told].max(initial=0)
        open_to = part[told[whole[part]] & ~hidden[part]]
        cost = self._people[open_to] + self._follows(hidden, 1 - relation)[open_to]
        order = open_to[np.lexsort((open_to, cost, whole[open_to]))]
        wholes, first = np.unique(whole[order], return_index=True)
        alone = told & ~hidden
        alone[wholes] = False
        return np.concatenate([order[first], np.flatnonzero(alone)])

    def _follows(self, hidden: Bools, relation: int) -> Floats:
        """By figure: the fewest people lost with another part of its other whole, if it is the first hidden there."""
        whole, rest = self._wholes[relation], self._rests[relation]
        part = np.flatnonzero(whole >= 0)
        follows = np.zeros(self._size)
        if not part.size:
            return follows
        covert = np.bincount(whole[part], weights=hidden[part].astype(np.float64), minlength=self._size)
        order = part[np.lexsort((self._people[part], whole[part]))]
        wholes, first, count = np.unique(whole[order], return_index=True, return_counts=True)
        least = np.zeros(self._size)
        second = np.zeros(self._size)
        least[wholes] = self._people[order[first]]
        # Where it is the only part, the whole itself would have to go.
        next_one = self._people[order[np.minimum(first + 1, order.size - 1)]]
        second[wholes] = np.where(count > 1, next_one, self._people[wholes])
        mine = self._people[part]
        other = np.where(mine == least[whole[part]], second[whole[part]], least[whole[part]])
        alone = (covert[whole[part]] == 0) & (rest[whole[part]] < self._k) & ~hidden[whole[part]]
        follows[part] = np.where(alone, other, 0.0)
        return follows


def _found_by_algebra(layout: Layout, figures: Figures, hidden: Bools, k: int) -> Bools:
    """By figure: hide it to break a combination that gives a sum over fewer than k people, or a figure the rule of k
    hides."""
    more = np.zeros(len(layout), dtype=bool)
    shown = np.flatnonzero(~hidden)
    if not shown.size or not layout.cells.height:
        return more
    sparser, change = layout.sparser(~hidden)
    knowledge = Knowledge(sparser, layout.people, k)
    sums = layout.matrix[np.flatnonzero(figures.hidden)]
    exposed = knowledge.exposed()
    told = np.flatnonzero(knowledge.determines(sums))
    if not exposed and not told.size:
        return more
    targets = sparse.csr_array(sparse.vstack([indicators(exposed, layout.cells.height), sums[told]]))
    # Kept first: what has a value, then the figures about most people, then the earlier, to leave history alone.
    dearest = np.lexsort((shown, layout.month[shown], -figures.people[shown], ~figures.valued[shown]))
    figures_first = layout.matrix[shown[dearest]]
    found = to_break(figures_first, sparser[dearest], change[dearest][:, dearest], targets)
    more[shown[dearest[found]]] = True
    return more
