"""The linear audit: can anything about fewer than k people be worked out from the very tables to be published?

It trusts nothing that the suppression before it decided. It takes the figures as they stand in the published file,
those of earlier publications that a reader may have kept, and from the warehouse only how many people are behind what.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
from scipy import sparse

from pipelines.confidentiality.complementary import same_answers
from pipelines.confidentiality.layout import EVERYBODY, Hierarchy, Layout
from pipelines.confidentiality.linear import Floats, Ints, Knowledge, combination
from pipelines.confidentiality.suppression import SUPPRESSED, UNPROTECTED, check_k
from pipelines.confidentiality.themes import Themes, Told

_ROW = ["unit_id", "period", "population", "window_months"]
_FIGURE = [*_ROW, "indicator_id"]
_EXPLAINED = 3
"""Exposures of one set of answers whose combination is looked for; it takes about a second each."""

_BELIEF = "belief"
"""Indicators named `belief.<role>.<dimension>` are published in `beliefs`: what a role estimates that clients answer,
and of role `client` their own answers to the question of the dimension."""

_THEME = ["unit_id", "period", "side", "theme"]
_THEMED = ("complaint_rate", "irritant_rate")
"""Measures whose events have a theme."""


_BELIEFS = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "indicator_id": pl.String(),
    "n": pl.Float64(),
    "value": pl.Float64(),
}


def _no_themes(*columns: str) -> pl.DataFrame:
    kinds = {"period": pl.Date(), "window_months": pl.Int64(), "people": pl.Int64()}
    kinds |= dict.fromkeys(("events", "s1", "s1_in_month"), pl.Float64())
    return pl.DataFrame(schema={name: kinds.get(name, pl.String()) for name in (*_THEME, *columns)})


@dataclass(frozen=True)
class Term:
    """One published figure of a combination, and how often it is added (or, below nothing, taken away)."""

    weight: float
    unit_id: str
    period: date
    population: str
    publication: int
    """0: the one audited; 1: the newest before it, and so on."""


@dataclass(frozen=True)
class Exposure:
    """What can be worked out, about how few people, and from which figures. It holds no figure itself.

    kind: `cells` (a sum over cells of fewer than k people), `hidden` (a figure that the rule of k hides), `change`
    (what fewer than k people changed between two publications) or `themes` (events of a theme that fewer than k people
    raised). cells: unit, population (of `themes`: theme) and month of what is exposed. before: whether it takes an
    earlier publication.
    """

    kind: str
    indicators: tuple[str, ...]
    cells: tuple[tuple[str, str, date], ...]
    people: float
    combination: tuple[Term, ...]
    before: bool = False

    def __str__(self) -> str:
        what = ", ".join(f"{unit} ({population}, {month:%Y-%m})" for unit, population, month in self.cells[:4])
        more = f" and {len(self.cells) - 4} more" if len(self.cells) > 4 else ""
        terms = " ".join(
            f"{'+' if term.weight > 0 else '-'} "
            + ("" if abs(abs(term.weight) - 1) < 1e-6 else f"{abs(term.weight):g} × ")
            + f"{term.unit_id} ({term.population}, {term.period:%Y-%m}"
            + (f", publication {term.publication} before)" if term.publication else ")")
            for term in self.combination
        )
        told = f"{'/'.join(self.indicators)}: {what}{more}, {self.people:g} people"
        told = f"{told}, is {terms}" if terms else told
        return f"{told}, beside what an earlier publication shows" if self.before else told


@dataclass(frozen=True)
class Publication:
    """The tables of one published file that the audit reads.

    figures: unit_id, period, population, indicator_id, window_months, n, value, status. hierarchy: unit_id, period,
    parent_unit_id. indicators: indicator_id, side, measure, topic, protects, multiplier. themes: unit_id, period, side,
    theme, events, of the rows of `irritant_map` that say how many events there were. beliefs: unit_id, period,
    indicator_id, n, value, of the shown rows of `beliefs`.
    """

    figures: pl.DataFrame
    hierarchy: pl.DataFrame
    indicators: pl.DataFrame
    themes: pl.DataFrame = field(default_factory=lambda: _no_themes("events"))
    beliefs: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=_BELIEFS))

    @classmethod
    def read(cls, path: Path) -> "Publication":
        """Read a published DuckDB file. Raises duckdb.Error where it is none."""
        with duckdb.connect(str(path), read_only=True) as connection:
            return cls(
                connection.sql(f"select {', '.join(_FIGURE)}, n, value, status from scorecard_indicators").pl(),
                connection.sql("select unit_id, period, parent_unit_id from scorecard").pl(),
                connection.sql(
                    "select indicator_id, side, measure, topic, protects, multiplier from dim_indicator"
                ).pl(),
                connection.sql(f"select {', '.join(_THEME)}, events from irritant_map where events is not null").pl(),
                connection.sql(
                    " union ".join(
                        f"select unit_id, period, '{_BELIEF}.' || {role} || '.' || dimension as indicator_id, "
                        f"{n} as n, {value} as value from beliefs where {n} is not null"
                        for role, n, value in (("role", "estimates", "estimate"), ("'client'", "answers", "answer"))
                    )
                ).pl(),
            )


@dataclass(frozen=True)
class People:
    """Who is behind the figures, by the warehouse; never published.

    cells: unit_id, period, population, indicator_id, n, s1, people (`indicator_stats`). windows: unit_id, period,
    population, indicator_id, window_months, people (`indicator_windows`). themes: unit_id, period, side, theme,
    window_months, s1, people, s1_in_month (`theme_windows`). theme_cells: unit_id, period, side, theme, people
    (`theme_events`).
    """

    cells: pl.DataFrame
    windows: pl.DataFrame
    themes: pl.DataFrame = field(default_factory=lambda: _no_themes("window_months", "s1", "people", "s1_in_month"))
    theme_cells: pl.DataFrame = field(default_factory=lambda: _no_themes("people"))

    @classmethod
    def read(cls, warehouse: Path) -> "People":
        """Read the warehouse, which nobody may hold open for writing. Raises duckdb.Error where a table is missing."""
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            return cls(
                connection.sql(
                    "select unit_id, period, population, indicator_id, n, s1, people from indicators.indicator_stats"
                ).pl(),
                connection.sql(f"select {', '.join(_FIGURE)}, people from indicators.indicator_windows").pl(),
                connection.sql(
                    f"select {', '.join(_THEME)}, window_months, s1, people_raising as people, s1_in_month "
                    "from indicators.theme_windows"
                ).pl(),
                connection.sql(
                    f"select {', '.join(_THEME)}, count(distinct person_key) as people from indicators.theme_events "
                    f"group by {', '.join(_THEME)}"
                ).pl(),
            )


def audit(published: Path, previous: Sequence[Path], k: int, warehouse: Path) -> list[Exposure]:
    """Everything about fewer than k people that can be worked out from the file and from those before it.

    published: the file to be published. previous: earlier published files, the newest first. warehouse: the pipeline's
    own file, for the number of people. See `exposures` and `theme_exposures`; an empty list lets the file through.
    """
    now, before, people = (
        Publication.read(published),
        [Publication.read(path) for path in previous],
        People.read(warehouse),
    )
    return [*exposures(now, before, people, k), *theme_exposures(now, before, people, k)]


def exposures(now: Publication, previous: Sequence[Publication], people: People, k: int) -> list[Exposure]:
    """Everything about fewer than k people that the figures determine, fewest people first within an indicator.

    Every figure that is not suppressed is a known sum over cells (n, and value times n where it has one). Reported are
    sets of cells of fewer than k people, and figures that the rule of k hides, whose sum is a combination of these.

    An earlier figure counts as a figure of today where the cells say that nothing has changed in it since. Where
    something has, and today's figures give the same sum anew, the difference is what the people that came, went or
    answered otherwise said: reported as `change` where n differs by less than k, since it cannot be known from two
    figures that more people changed. Two changed cells whose changes can only be had together are not looked for.

    Raises ValueError when k is below the floor.
    """
    check_k(k)
    described = pl.concat([now.indicators, _described_beliefs(people.windows, now.indicators)])
    guarded = described.filter(pl.col("protects").fill_null("unknown") != UNPROTECTED)
    groups = same_answers(guarded).join(guarded.select("indicator_id", "multiplier"), on="indicator_id")
    hierarchy = Hierarchy.of(now.hierarchy)
    publications = [
        pl.concat([one.figures.filter(pl.col("status") != SUPPRESSED).select(*_FIGURE, "n", "value"), beliefs])
        .with_columns(publication=pl.lit(age, dtype=pl.Int64))
        .join(groups, on="indicator_id", how="inner")
        for age, (one, beliefs) in enumerate((one, _beliefs(one, people.windows)) for one in (now, *previous))
    ]
    shown = pl.concat(publications).partition_by("answers", as_dict=True)
    cells = people.cells.join(groups, on="indicator_id", how="inner").partition_by("answers", as_dict=True)
    windows = people.windows.join(groups.select("indicator_id", "answers"), on="indicator_id", how="inner")
    few = windows.filter(pl.col("people").fill_null(0) < k).partition_by("answers", as_dict=True)
    found: list[Exposure] = []
    for key in sorted(set(shown) & set(cells)):
        hidden = few.get(key, windows.clear())
        found += _Answers(shown[key], cells[key], hidden, hierarchy).exposed(k)
    return found


def _beliefs(one: Publication, windows: pl.DataFrame) -> pl.DataFrame:
    """The shown beliefs as figures like any other; how long their windows are, the warehouse says."""
    key = ["unit_id", "period", "indicator_id"]
    known = windows.filter(pl.col("population") == EVERYBODY).select(*_FIGURE).unique(key)
    return one.beliefs.join(known, on=key, how="inner").select(
        pl.col(name).cast(one.figures.schema[name]) for name in (*_FIGURE, "n", "value")
    )


def _described_beliefs(windows: pl.DataFrame, like: pl.DataFrame) -> pl.DataFrame:
    """The indicators of beliefs, with the columns of others. What clients answer is one more mean of their survey."""
    part = pl.col("indicator_id").cast(pl.String).str.split_exact(".", 2)
    client = pl.col("role") == "client"
    return (
        windows.select("indicator_id")
        .unique()
        .filter(pl.col("indicator_id").cast(pl.String).str.starts_with(f"{_BELIEF}."))
        .with_columns(role=part.struct.field("field_1"), topic=part.struct.field("field_2"))
        .with_columns(side=pl.when(client).then(pl.lit("client")).otherwise(pl.lit("collaborator")))
        .select(
            "indicator_id",
            "side",
            "topic",
            measure=pl.when(client).then(pl.lit("survey_mean")).otherwise(pl.col("indicator_id")),
            protects="side",
            multiplier=pl.lit(1.0),
        )
        .sort("indicator_id")
        .select(pl.col(name).cast(like.schema[name]) for name in like.columns)
    )


def theme_exposures(now: Publication, previous: Sequence[Publication], people: People, k: int) -> list[Exposure]:
    """What the irritant map tells about a theme that fewer than k people raised (see `themes.Themes.told`).

    An earlier publication counts where it says of a theme what the warehouse says today. Sides whose rate is about
    nobody are left out. Raises ValueError when k is below the floor.
    """
    check_k(k)
    guarded = now.indicators.filter(
        pl.col("measure").is_in(_THEMED), pl.col("protects").fill_null("unknown") != UNPROTECTED
    )["side"].unique()
    events = [one.themes.with_columns(publication=pl.lit(age)) for age, one in enumerate((now, *previous))]
    said = (
        pl.concat(events)
        .join(people.themes, on=_THEME, how="inner")
        .filter((pl.col("events") - pl.col("s1")).abs() < 1e-8)
        .group_by(_THEME)
        .agg(pl.col("publication").min())
    )
    rows = people.themes.join(said, on=_THEME, how="left", validate="1:1").with_columns(
        shown=pl.col("publication").is_not_null()
    )
    rows = rows.join(now.hierarchy.select("unit_id", "period").unique(), on=["unit_id", "period"], how="semi")
    found: list[Exposure] = []
    for side in sorted(guarded):
        own = rows.filter(pl.col("side") == side)
        cells = people.theme_cells.filter(pl.col("side") == side)
        themes = Themes(own, cells, now.hierarchy)
        age = {tuple(key): when for *key, when in own.select("unit_id", "theme", "period", "publication").iter_rows()}
        told = themes.told(k)
        alone: list[Told] = []
        if told and previous:
            today = own.with_columns(shown=(pl.col("publication") == 0).fill_null(value=False))
            alone = Themes(today, cells, now.hierarchy).told(k)
        for place, one in enumerate(told):
            terms = themes.combination(one) if place < _EXPLAINED else []
            before = bool(previous) and one not in alone
            found.append(_told_of_theme(side, one, [(term, age.get(term[1:]) or 0) for term in terms], before))
    return found


def _told_of_theme(
    side: str, one: Told, terms: Sequence[tuple[tuple[float, str, str, date], int]], before: bool
) -> Exposure:
    months = pl.date_range(one.first, one.last, "1mo", eager=True)
    return Exposure(
        "themes",
        (f"irritant_map of {side}s",),
        tuple((one.unit_id, one.theme, month) for month in months),
        one.people,
        tuple(Term(weight, unit, period, theme, publication) for (weight, unit, theme, period), publication in terms),
        before,
    )


class _Answers:
    """The figures about one set of answers, of all publications."""

    def __init__(self, shown: pl.DataFrame, cells: pl.DataFrame, few: pl.DataFrame, hierarchy: Hierarchy) -> None:
        self._indicators = tuple(sorted(shown["indicator_id"].unique()))
        place = ["unit_id", "period", "population"]
        self._cells = cells.group_by(place).agg(pl.col("people").cast(pl.Float64).max()).sort(place)
        self._by_indicator = cells
        rows = pl.concat([shown.select(_ROW), few.select(_ROW)]).unique().sort(_ROW)
        # A figure of a unit that today's hierarchy does not know cannot be set beside the others.
        rows = rows.filter(pl.col("unit_id").is_in(list(hierarchy.units)))
        self._rows = rows.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        self._layout = Layout(rows, self._cells, hierarchy)
        self._few = few.select(*_ROW, "people").group_by(_ROW).agg(pl.col("people").fill_null(0).min())
        self._figures = self._with_contents(shown)

    def _with_contents(self, shown: pl.DataFrame) -> pl.DataFrame:
        """The shown figures with `row`, and n and value as today's cells make them."""
        parts = []
        for (name,), figures in shown.partition_by("indicator_id", as_dict=True).items():
            own = self._cells.join(
                self._by_indicator.filter(pl.col("indicator_id") == name).select(
                    "unit_id", "period", "population", "n", "s1"
                ),
                on=["unit_id", "period", "population"],
                how="left",
                maintain_order="left",
            )
            n, s1 = (
                np.asarray(self._layout.matrix @ own[column].cast(pl.Float64).fill_null(0.0).to_numpy())
                for column in ("n", "s1")
            )
            today = self._rows.with_columns(n_today=pl.Series(n), s1_today=pl.Series(s1))
            parts.append(figures.join(today, on=_ROW, how="inner"))
        value = pl.col("multiplier").fill_null(1.0) * pl.col("s1_today") / pl.col("n_today")
        change = (pl.col("n") - pl.col("n_today")).abs()
        # The window's n is rounded at the tenth decimal.
        # A share is published within its bounds, whatever the sums give (more losses than clients: 0 % stayed).
        bound = ((pl.col("value") == 0) & (value < 0)) | (
            (pl.col("value") == pl.col("multiplier")) & (value > pl.col("multiplier"))
        )
        close = (pl.col("value") - value).abs() < 1e-6 * (1 + value.abs())
        same = (change < 1e-8) & (close | bound).fill_null(True)
        return pl.concat(parts).with_columns(change=change, same=same | (pl.col("publication") == 0))

    def exposed(self, k: int) -> Iterator[Exposure]:
        """Every exposure of these answers."""
        self._explained = 0
        known = self._figures.filter("same").sort("row", "publication").unique("row", keep="first", maintain_order=True)
        shown = np.zeros(len(self._layout), dtype=bool)
        shown[known["row"].to_numpy()] = True
        age = dict(known.select("row", "publication").iter_rows())
        sparser, _ = self._layout.sparser(shown)
        knowledge = Knowledge(sparser, self._layout.people, k)
        matrix = self._layout.matrix
        sets = knowledge.exposed()
        for one in sets:
            yield self._told("cells", one.cells, one.people, matrix, shown, age)
        few = self._rows.join(self._few, on=_ROW, how="inner")
        for row, people in self._determined(knowledge, few, "people"):
            cells = set(matrix[[row]].indices.tolist())
            # Where a part of it is exposed that has been said already.
            if not any(cells.issuperset(one.cells) for one in sets):
                yield self._told("hidden", sorted(cells), people, matrix, shown, age)
        changed = self._figures.filter(~pl.col("same") & (pl.col("change") < k)).unique(
            ["row", "publication"], keep="first", maintain_order=True
        )
        for age_before, figures in changed.sort("publication", "row").group_by("publication", maintain_order=True):
            for row, change in self._determined(knowledge, figures, "change"):
                told = self._told("change", matrix[[row]].indices.tolist(), float(np.ceil(change)), matrix, shown, age)
                before = (self._term(-1.0, row, int(age_before[0])),) if told.combination else ()
                yield replace(told, combination=(*told.combination, *before))

    def _determined(self, knowledge: Knowledge, figures: pl.DataFrame, weight: str) -> Iterator[tuple[int, float]]:
        rows: Ints = figures["row"].to_numpy()
        values: Floats = figures[weight].cast(pl.Float64).to_numpy().astype(np.float64)
        for place in np.flatnonzero(knowledge.determines(self._layout.matrix[rows])):
            yield int(rows[place]), float(values[place])

    def _told(
        self,
        kind: str,
        cells: Sequence[int],
        people: float,
        matrix: sparse.csr_array,
        shown: np.ndarray,
        age: dict[int, int],
    ) -> Exposure:
        at = np.flatnonzero(shown)
        self._explained += 1
        weights = combination(matrix[at], cells) if self._explained <= _EXPLAINED else np.zeros(at.size)
        terms = tuple(
            self._term(float(weights[place]), int(at[place]), age[int(at[place])]) for place in np.flatnonzero(weights)
        )
        named = tuple(self._cells[list(cells)].select("unit_id", "population", "period").iter_rows())
        return Exposure(kind, self._indicators, named, people, terms, any(term.publication for term in terms))

    def _term(self, weight: float, row: int, publication: int) -> Term:
        unit, period, population = self._rows.row(row)[1:4]
        return Term(weight, unit, period, population, publication)
