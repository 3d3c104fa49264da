"""Scores of indicators: values by hand, statuses, sources of variance, invariants."""

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics import intervals
from pipelines.statistics.indicators import ESTIMATES, INDICATOR_SCORES, indicator_scores
from pipelines.statistics.intervals import Z


def only(frame: pl.DataFrame, indicator_id: str, unit_id: str = "team") -> dict[str, Any]:
    return frame.filter(pl.col("indicator_id") == indicator_id, pl.col("unit_id") == unit_id).row(0, named=True)


def test_schema_order_and_sort(tiny: Any) -> None:
    scores = indicator_scores(tiny.example(), tiny.definitions(), tiny.units("team"), 5)
    assert dict(scores.schema) == INDICATOR_SCORES
    assert scores["indicator_id"].to_list() == sorted(scores["indicator_id"])


def test_proportion_value_and_score(tiny: Any) -> None:
    """80 of 100: value 80 %; goalposts 50 to 100, so score (80 - 50)·100/50 = 60 and the error doubles."""
    scores = indicator_scores(
        tiny.windows(tiny.window("client_responsiveness", 100, 80)), tiny.definitions(), tiny.units("team"), 5
    )
    row = only(scores, "client_responsiveness")
    wilson = intervals.wilson(80, 100)
    assert (row["value"], row["score"], row["status"]) == (pytest.approx(80), pytest.approx(60), "ok")
    assert row["value_lower"] == pytest.approx(71.12, abs=5e-3)
    assert row["value_upper"] == pytest.approx(86.66, abs=5e-3)
    assert row["score_lower"] == pytest.approx(2 * (row["value_lower"] - 50))
    assert row["score_se"] == pytest.approx(2 * row["value_se"]) == pytest.approx(200 * float(wilson.se))
    assert row["variance_source"] == "binomial"


def test_low_is_good_turns_the_bounds(tiny: Any) -> None:
    """10 complaints over 200 client-months: 5 per 100 a month; goalposts 10 to 0, so score 50. Poisson 4.7954 to
    18.390 events: 2.3977 to 9.195 per 100, so the score runs from 8.05 to 76.02."""
    scores = indicator_scores(
        tiny.windows(tiny.window("client_irritants", 200, 10)), tiny.definitions(), tiny.units("team"), 5
    )
    row = only(scores, "client_irritants")
    assert (row["value"], row["score"]) == (pytest.approx(5), pytest.approx(50))
    assert row["score_lower"] == pytest.approx(8.05, abs=0.01)
    assert row["score_upper"] == pytest.approx(76.02, abs=0.01)
    assert row["variance_source"] == "poisson"


def test_nps_in_points(tiny: Any) -> None:
    scores = indicator_scores(
        tiny.windows(tiny.window("client_recommendation", 36, 7, 23)), tiny.definitions(), tiny.units("team"), 5
    )
    row = only(scores, "client_recommendation")
    assert row["value"] == pytest.approx(100 * 7 / 36)
    assert row["value_lower"] == pytest.approx(-6.28, abs=5e-3)
    assert row["score"] == pytest.approx((row["value"] + 100) / 2)
    assert row["variance_source"] == "multinomial"


def test_pooled_variance_is_within_level_period_indicator_population(tiny: Any) -> None:
    """Team a: 50, 75, 100 (s² 625, 2 degrees); team b: 70, 80 (s² 50, 1 degree): pooled (2·625 + 50)/3 = 433.33.
    Team c has one answer: variance 433.33, error 2.77645·√433.33/1.96. A region on its own level does not enter,
    nor does another population of the same team."""
    windows = tiny.windows(
        tiny.window("client_trust", 3, 225, 18125, unit_id="a", people=9),
        tiny.window("client_trust", 2, 150, 11300, unit_id="b", people=9),
        tiny.window("client_trust", 1, 90, 8100, unit_id="c", people=9),
        tiny.window("client_trust", 3, 300, 50000, unit_id="region", people=9),
        tiny.window("client_trust", 3, 100, 9999, unit_id="a", people=9, population="field"),
    )
    units = pl.concat([tiny.units("a", "b", "c"), tiny.units("region", level="region")])
    scores = indicator_scores(windows, tiny.definitions(), units, 5)
    row = only(scores, "client_trust", "c")
    assert row["value_se"] == pytest.approx(2.776445 * math.sqrt(1300 / 3) / Z, rel=1e-5)
    assert row["variance_source"] == "moderated"


def test_identical_answers_take_the_prior(tiny: Any) -> None:
    """Six answers of 80 and nobody else: nothing varies, so 100²/12 = 833.33; (4·833.33 + 5·0)/9 = 370.37."""
    scores = indicator_scores(
        tiny.windows(tiny.window("client_trust", 6, 480, 38400)), tiny.definitions(), tiny.units("team"), 5
    )
    row = only(scores, "client_trust")
    assert row["variance_source"] == "prior"
    assert row["value_se"] == pytest.approx(2.262157 * math.sqrt(370.3704 / 6) / Z, rel=1e-5)


def test_feed_without_sd_takes_the_bound(tiny: Any) -> None:
    """20 answers of mean 70 in 0-100: the largest variance is (100-70)(70-0) = 2100, s2 = 20·(100·70) = 140000."""
    scores = indicator_scores(
        tiny.windows(tiny.window("client_trust", 20, 1400, 140_000, conservative=True)),
        tiny.definitions(),
        tiny.units("team"),
        5,
    )
    row = only(scores, "client_trust")
    assert row["variance_source"] == "bound"
    assert row["value_se"] == pytest.approx(2.068658 * math.sqrt(2100 / 20) / Z, rel=1e-5)


@pytest.mark.parametrize("mean", [0, 100])
def test_feed_at_the_end_of_its_scale_still_has_an_error(mean: int, tiny: Any) -> None:
    scores = indicator_scores(
        tiny.windows(tiny.window("client_trust", 20, 20 * mean, 20 * 100 * mean, conservative=True)),
        tiny.definitions(),
        tiny.units("team"),
        5,
    )
    row = only(scores, "client_trust")
    assert row["value_se"] > 1
    assert row["value_lower"] <= mean <= row["value_upper"]


def test_statuses(tiny: Any) -> None:
    windows = tiny.windows(
        tiny.window("client_trust", 40, 2000, 120_000, people=4),
        tiny.window("collaborator_trust", 40, 2000, 120_000, people=None),
        tiny.window("client_responsiveness", 6, 3, people=6),
        tiny.window("availability", 40_000, 39_900, people=None),
        tiny.window("unscored", 12, 60, 400, people=12),
    )
    scores = indicator_scores(windows, tiny.definitions(min_n=10), tiny.units("team"), 5)
    for hidden in ("client_trust", "collaborator_trust"):
        row = only(scores, hidden)
        assert row["status"] == "suppressed"
        assert row["window_months"] == 3
        assert all(row[name] is None for name in (*ESTIMATES, "n", "people", "variance_source"))
    few = only(scores, "client_responsiveness")
    assert (few["status"], few["n"], few["people"]) == ("insufficient", 6, 6)
    assert all(few[name] is None for name in (*ESTIMATES, "variance_source"))
    assert only(scores, "availability")["status"] == "ok"
    unscored = only(scores, "unscored")
    assert (unscored["status"], unscored["value"], unscored["score"]) == ("ok", pytest.approx(5), None)


def test_rows_outside_units_or_definitions_are_left_out(tiny: Any) -> None:
    windows = tiny.windows(
        tiny.window("client_trust", 6, 480, 39000),
        tiny.window("client_trust", 6, 480, 39000, unit_id="closed"),
        tiny.window("not_in_force", 6, 480, 39000),
    )
    scores = indicator_scores(windows, tiny.definitions(), tiny.units("team"), 5)
    assert scores.select("unit_id", "indicator_id").rows() == [("team", "client_trust")]


def test_no_rows(tiny: Any) -> None:
    scores = indicator_scores(tiny.windows(), tiny.definitions(), tiny.units("team"), 5)
    assert scores.height == 0
    assert dict(scores.schema) == INDICATOR_SCORES


def test_clear_errors(tiny: Any) -> None:
    row = tiny.window("client_trust", 6, 480, 39000)
    with pytest.raises(ValueError, match="occurs more than once"):
        indicator_scores(tiny.windows(row, row), tiny.definitions(), tiny.units("team"), 5)
    with pytest.raises(ValueError, match="never be below 3"):
        indicator_scores(tiny.windows(row), tiny.definitions(), tiny.units("team"), 2)
    with pytest.raises(ValueError, match="lack the sum"):
        indicator_scores(tiny.windows(tiny.window("client_trust", 6, 480)), tiny.definitions(), tiny.units("team"), 5)
    definitions = tiny.definitions()
    odd = definitions.indicators.with_columns(kind=pl.lit("median"))
    with pytest.raises(ValueError, match="median"):
        indicator_scores(
            tiny.windows(row), type(definitions)(odd, *list(vars(definitions).values())[1:]), tiny.units("team"), 5
        )


ROW = st.tuples(
    st.sampled_from(
        ["client_trust", "client_responsiveness", "client_irritants", "client_recommendation", "availability"]
    ),
    st.lists(st.integers(min_value=0, max_value=10), min_size=1, max_size=20),
    st.integers(min_value=0, max_value=20),
)


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(ROW, min_size=1, max_size=12), seed=st.integers(min_value=0, max_value=2**31))
def test_invariants(tiny: Any, rows: list[tuple[str, list[int], int]], seed: int) -> None:
    """Scores lie in 0-100, bounds contain values, no error is zero, hidden rows hold nothing, order is nothing."""

    def summed(indicator: str, answers: list[int]) -> tuple[float, float]:
        if indicator == "client_trust":
            return sum(answers) * 10, sum(a * a for a in answers) * 100
        if indicator == "client_recommendation":
            promoters, detractors = sum(a >= 9 for a in answers), sum(a <= 6 for a in answers)
            return promoters - detractors, promoters + detractors
        return sum(a >= 7 for a in answers), 0

    windows = tiny.windows(
        *(
            tiny.window(indicator, len(answers), *summed(indicator, answers), people=people, unit_id=f"u{at}")
            for at, (indicator, answers, people) in enumerate(rows)
        )
    )
    units = tiny.units(*(f"u{at}" for at in range(len(rows))))
    scores = indicator_scores(windows, tiny.definitions(min_n=2), units, 5)
    shuffled = indicator_scores(
        windows.sample(fraction=1, shuffle=True, seed=seed), tiny.definitions(min_n=2), units.reverse(), 5
    )
    assert scores.equals(shuffled)
    assert scores.height == len(rows)
    ok = scores.filter(pl.col("status") == "ok")
    for name in ("value", "score"):
        assert (ok[f"{name}_lower"] <= ok[name]).all()
        assert (ok[name] <= ok[f"{name}_upper"]).all()
        assert (ok[f"{name}_se"] > 0).all()
    assert ok["score_lower"].is_between(0, 100).all()
    assert ok["score_upper"].is_between(0, 100).all()
    hidden = scores.filter(pl.col("status") == "suppressed").select(*ESTIMATES, "n", "people", "variance_source")
    assert sum(hidden.null_count().row(0)) == hidden.height * hidden.width
    few = scores.filter((pl.col("people") < 5) & ~pl.col("indicator_id").is_in(["availability"]))
    assert few.height == 0
