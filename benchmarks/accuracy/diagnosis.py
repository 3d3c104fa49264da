"""Diagnosis: how often a trend is seen where nothing moves, and whether intervals between groups of people hold."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.accuracy.measures import Counter
from benchmarks.accuracy.simulate import (
    LIKERT,
    SIDES,
    Array,
    Design,
    PersonVariance,
    answers_of,
    company,
    definitions,
    expected,
    item_weights,
    latent_levels,
    months_of,
    scorecard,
)
from benchmarks.claims import Claim
from pipelines.statistics.beliefs import beliefs
from pipelines.statistics.equity import equity
from pipelines.statistics.faces import faces
from pipelines.statistics.indicators import indicator_scores
from pipelines.statistics.indices import Parameters
from pipelines.statistics.intervals import Z
from pipelines.statistics.robustness import RobustnessParameters, robustness
from pipelines.statistics.swot import swot
from pipelines.statistics.trend import trailing, weighted_slopes

Places = npt.NDArray[np.int64]
SEED = 20261126
STILL = Design(months=18, mood_sd=0.0, ruptures=0.0)
CORRELATION = 0.4
GROUPS = ("field", "office")
LEVEL, COMMON_SD, BETWEEN_SD = 60.0, 7.0, 8.0


def claims(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """Trends and rank bands on whole companies; equity and beliefs on groups of 6 to 200 people."""
    return [*_whole_companies(companies, say), *_groups(companies, say)]


def _whole_companies(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """Companies of which nothing moves: trends seen, and true ranks within their band."""
    given = definitions()
    weights = item_weights(given)
    surveyed = np.array([weights[item] for item in (*LIKERT, "recommendation", "satisfaction")])
    variance = PersonVariance(STILL.correlation, surveyed)
    seen, naive, banded, width = Counter(), Counter(), Counter(), []
    for number, seed in enumerate(np.random.SeedSequence(SEED).spawn(companies)):
        rng = np.random.default_rng(seed)
        drawn = company(rng, STILL, given, variance, latent_levels(rng, STILL))
        last = pl.col("period") == months_of(STILL.months)[-1]
        scores, pairs, indices = scorecard(drawn, given)
        found = swot(scores, given, drawn.units).filter(last, pl.col("slope_p").is_not_null())
        seen.add_ratio(int((found["trend"] != "flat").sum()), found.height)
        naive.add_ratio(*_naive_trends(faces(scores, given, drawn.units), months_of(STILL.months)[-1]))
        if number < max(1, companies // 4):
            place = {name: at for at, name in enumerate(drawn.units["unit_id"].unique().sort())}
            ranks = robustness(
                pairs.filter(last),
                scores.filter(last),
                indices.filter(last),
                given,
                drawn.units.filter(last),
                RobustnessParameters(),
            ).filter(pl.col("variant") == "draws", pl.col("status") == "ok")
            client, team = (drawn.index[side][:, -1] for side in SIDES)
            truth = np.sqrt(client * team) * (100.0 - np.abs(client - team)) / 100.0
            at = np.array([place[name] for name in ranks["unit_id"]])
            true_rank = (-truth[at]).argsort().argsort() + 1
            low, high = ranks["rank_low"].to_numpy(), ranks["rank_high"].to_numpy()
            banded.add((low <= true_rank) & (true_rank <= high), np.ones(len(at), dtype=bool))
            width.append(float((high - low + 1).mean()))
        if (number + 1) % 50 == 0:
            say(f"diagnosis: {number + 1} companies")
    share = seen.share()
    band = banded.share()
    return [
        Claim(
            "trends of faces that truly stand still: called rising or falling at p < 10 %",
            str(share),
            "8-12 %",
            0.08 <= share.value <= 0.12,
            f"naive peer, the same slope with months taken as independent: {naive.share()}. Design: {STILL}; "
            f"the last 6 of {STILL.months} months, windows of 3 and 12 months.",
        ),
        Claim(
            "true rank inside the 5-95 % band of 1,000 draws of weights and estimates",
            str(band),
            "at least 90 %",
            band.value >= 0.90,
            f"mean width of the band {np.mean(width):.1f} of {STILL.units} ranks; the published rank alone claims a "
            "width of 1. The band is made from estimates that are themselves scattered more widely than the truth, so "
            "it is no 90 % interval of the true rank; it says which ranks are open. Same companies, last month.",
        ),
    ]


def _naive_trends(rows: pl.DataFrame, last: object) -> tuple[int, int]:
    """Faces called moving, and faces told of, by the same slope with months taken as independent."""
    values, errors = trailing(rows, ["unit_id", "pair_id", "side"], ["score", "score_se"], 6)
    alone = weighted_slopes(values, errors, np.ones(rows.height), 3)
    told = (rows["period"] == last).to_numpy() & np.isfinite(alone.p) & np.isfinite(values[:, -1])
    return int((alone.p[told] < 0.10).sum()), int(told.sum())


def _groups(companies: int, say: Callable[[str], None]) -> list[Claim]:
    """Two populations of collaborators compared, and staff's estimates beside clients' answers."""
    given = definitions(LIKERT)
    weights = item_weights(given)
    item_weight = np.array([weights[item] for item in LIKERT])
    alike, alike_naive, belief, belief_naive = Counter(), Counter(), Counter(), Counter()
    units, month = STILL.units, months_of(1)[0]
    places = pl.DataFrame(
        {"unit_id": [f"U{at:03d}" for at in range(units)], "period": [month] * units, "unit_level": ["team"] * units}
    ).with_columns(parent_unit_id=pl.lit("site"))
    for number, seed in enumerate(np.random.SeedSequence(SEED + 1).spawn(companies)):
        rng = np.random.default_rng(seed)
        common = LEVEL + rng.normal(0, COMMON_SD, units)
        rows: list[tuple[object, ...]] = []
        truth: dict[str, Array] = {}
        told: dict[str, Array] = {}
        together: dict[str, Array] = {}
        alone: dict[str, Array] = {}
        for group in GROUPS:
            level = common + rng.normal(0, BETWEEN_SD / np.sqrt(2), units)
            people = np.exp(rng.uniform(np.log(6), np.log(200), units)).astype(int)
            cell = np.repeat(np.arange(units), people)
            answers = answers_of(rng, level[cell], CORRELATION)
            columns = np.column_stack([answers[item] for item in LIKERT])
            own = columns @ item_weight / item_weight.sum()
            for name, values in (
                *((f"collaborator_{item}", answers[item]) for item in LIKERT),
                ("composite.perception.collaborator", own),
            ):
                rows += _cells(places, month, group, name, cell, values, people)
            role = "client" if group == "field" else "collaborator"
            rows += _cells(places, month, "all", f"belief.{role}.trust", cell, answers["trust"], people)
            truth[group] = np.average([expected(level, item) for item in LIKERT], axis=0, weights=item_weight)
            told[group] = expected(level, "trust")
            # The naive peer takes a person's four answers as those of four people.
            together[group] = _plain_error(np.repeat(cell, len(LIKERT)), columns.ravel(), units)
            alone[group] = _plain_error(cell, answers["trust"], units)
        frame = _frame(rows)
        scores = indicator_scores(frame, given, places, 5)
        found = equity(scores, given, places, Parameters(coverage=0.3)).sort("unit_id")
        _count(alike, found, truth["field"] - truth["office"])
        _count_naive(alike_naive, found, truth["field"] - truth["office"], np.hypot(*together.values()))
        guessed = beliefs(frame, given, places, 5).sort("unit_id")
        _count(belief, guessed, told["office"] - told["field"])
        _count_naive(belief_naive, guessed, told["office"] - told["field"], np.hypot(*alone.values()))
        if (number + 1) % 50 == 0:
            say(f"diagnosis, groups: {number + 1} companies")
    design = (
        f"{units} units, 6-200 people a group, within-respondent correlation {CORRELATION}, four questions of 1-5, "
        f"units' level sd {COMMON_SD}, groups apart by sd {BETWEEN_SD}"
    )
    return [
        _covered("95 % intervals of the difference between two populations", alike, alike_naive, design),
        _covered("95 % intervals of estimate less clients' own answer", belief, belief_naive, design),
    ]


def _by_unit(cell: Places, values: Array, units: int) -> Array:
    return np.asarray(np.bincount(cell, values, minlength=units), dtype=np.float64)


def _plain_error(cell: Places, values: Array, units: int) -> Array:
    """s/√n of the answers of each unit."""
    n, total, squares = (_by_unit(cell, part, units) for part in (np.ones_like(values), values, values**2))
    return np.asarray(np.sqrt((squares - total**2 / n) / (n - 1) / n), dtype=np.float64)


def _cells(
    places: pl.DataFrame, month: object, population: str, name: str, cell: Places, values: Array, people: Places
) -> list[tuple[object, ...]]:
    """Rows of windows of one indicator, summed by unit."""
    units = places.height
    s1, s2 = _by_unit(cell, values, units), _by_unit(cell, values**2, units)
    return [
        (unit, month, population, name, 3, float(n), a, b, int(n), False)
        for unit, n, a, b in zip(places["unit_id"], people, s1, s2, strict=True)
    ]


def _frame(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    names = ["unit_id", "period", "population", "indicator_id", "window_months", "n", "s1", "s2", "people"]
    return pl.DataFrame(rows, [*names, "conservative"], orient="row")


def _count(counter: Counter, found: pl.DataFrame, truth: Array) -> None:
    shown = (found["status"] == "ok").to_numpy()
    low, high = (found[f"difference_{end}"].fill_null(0.0).to_numpy() for end in ("lower", "upper"))
    counter.add(shown & (low <= truth) & (truth <= high), shown)


def _count_naive(counter: Counter, found: pl.DataFrame, truth: Array, error: Array) -> None:
    shown = (found["status"] == "ok").to_numpy()
    away = np.abs(found["difference"].fill_null(0.0).to_numpy() - truth)
    counter.add(shown & (away <= Z * error), shown)


def _covered(what: str, counted: Counter, naive: Counter, design: str) -> Claim:
    share = counted.share()
    return Claim(
        f"{what}: true value inside",
        str(share),
        "93-97 %",
        0.93 <= share.value <= 0.97,
        f"naive peer, plain standard errors of the answers: {naive.share()}. Design: {design}.",
    )
