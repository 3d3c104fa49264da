"""Intervals against published figures and worked examples, and what must hold for any input."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from pipelines.statistics import intervals
from pipelines.statistics.intervals import Estimates, Z

COUNT = st.integers(min_value=1, max_value=100_000)
SHARE = st.floats(min_value=0, max_value=1)


def assert_sound(estimates: Estimates) -> None:
    assert np.all(np.isfinite(np.concatenate([np.atleast_1d(part) for part in estimates])))
    assert np.all(estimates.lower <= estimates.value)
    assert np.all(estimates.value <= estimates.upper)
    assert np.all(estimates.se > 0)


@pytest.mark.parametrize(
    ("successes", "n", "lower", "upper"),
    [
        # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_published(successes: int, n: int, lower: float, upper: float) -> None:
    result = intervals.wilson(successes, n)
    assert result.value == pytest.approx(successes / n)
    assert result.lower == pytest.approx(lower, abs=5e-5)
    assert result.upper == pytest.approx(upper, abs=5e-5)


@settings(deadline=None, max_examples=100)
@given(n=COUNT, share=SHARE)
def test_wilson_is_statsmodels(n: int, share: float) -> None:
    successes = round(share * n)
    lower, upper = proportion_confint(successes, n, method="wilson")
    result = intervals.wilson(successes, n)
    assert (result.lower, result.upper) == (pytest.approx(lower, abs=1e-9), pytest.approx(upper, abs=1e-9))


def test_wilson_by_hand() -> None:
    """8 of 10, z² = 3.8415: centre (0.8 + 0.19207)/1.38415 = 0.71674; half-width
    1.95996·√(0.016 + 0.0096037)/1.38415 = 0.22658; so 0.4902 to 0.9433, error 0.22658/1.95996 = 0.11560."""
    result = intervals.wilson(8, 10)
    assert (result.lower, result.upper) == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))
    assert result.se == pytest.approx(0.11560, abs=5e-5)


@pytest.mark.parametrize(
    ("events", "lower", "upper"),
    [
        # Garwood's limits as tabulated in any textbook of epidemiology.
        (0, 0.0, 3.689),
        (1, 0.0253, 5.572),
        (2, 0.2422, 7.225),
        (5, 1.6235, 11.668),
        (10, 4.7954, 18.390),
        (20, 12.2165, 30.888),
        (100, 81.3640, 121.627),
    ],
)
def test_exact_poisson_published(events: int, lower: float, upper: float) -> None:
    result = intervals.exact_poisson(events, 1.0)
    assert result.lower == pytest.approx(lower, abs=5e-4)
    assert result.upper == pytest.approx(upper, abs=1.1e-3)
    per_month = intervals.exact_poisson(events, 40.0)
    assert per_month.upper == pytest.approx(result.upper / 40)
    assert per_month.se == pytest.approx((result.upper - result.lower) / (2 * Z * 40))


def test_poisson_takes_halves() -> None:
    """The French turnover formula counts half events: the limits lie between those of the whole numbers."""
    half, one = intervals.exact_poisson(0.5, 1), intervals.exact_poisson(1, 1)
    assert 0 < half.lower < one.lower
    assert 3.689 < half.upper < one.upper


def test_adjusted_wald_nps_by_hand() -> None:
    """15 promoters, 13 passives, 8 detractors (n = 36): NPS 7/36 = 0.1944. Adjusted: n 39, promoters 15.75,
    detractors 8.75; score 7/39 = 0.17949; variance (24.5/39 - 0.17949²) = 0.59599; error √(0.59599/39) = 0.12362;
    0.17949 ± 0.24229, so -0.0628 to 0.4218."""
    result = intervals.adjusted_wald_nps(7, 23, 36)
    assert result.value == pytest.approx(7 / 36)
    assert result.se == pytest.approx(0.12362, abs=5e-5)
    assert (result.lower, result.upper) == (pytest.approx(-0.0628, abs=5e-5), pytest.approx(0.4218, abs=5e-5))


def test_nps_published() -> None:
    """W. Huber's worked example ("How can I calculate margin of error in a NPS result?", Cross Validated): half
    promoters, a sixth detractors, so NPS 1/3 and a standard deviation of 0.745; of 324 answers an error of 4.1 %."""
    result = intervals.adjusted_wald_nps(324 / 2 - 324 / 6, 324 / 2 + 324 / 6, 324)
    assert result.value == pytest.approx(1 / 3)
    assert result.se == pytest.approx(0.041, abs=5e-4)
    assert result.upper - result.lower == pytest.approx(2 * Z * math.sqrt(5 / 9) / math.sqrt(324), rel=0.01)


@settings(deadline=None, max_examples=100)
@given(promoters=st.integers(0, 500), passives=st.integers(0, 500), detractors=st.integers(0, 500))
def test_nps_is_the_weighted_mean_of_statsmodels(promoters: int, passives: int, detractors: int) -> None:
    """With the pseudo-observations of Rocks' own R package NPS: 0.75, 1.5 and 0.75."""
    n = promoters + passives + detractors
    assume(n > 0)
    weights = np.array([detractors + 0.75, passives + 1.5, promoters + 0.75])
    described = DescrStatsW([-1.0, 0.0, 1.0], weights=weights)
    result = intervals.adjusted_wald_nps(promoters - detractors, promoters + detractors, n)
    assert result.se == pytest.approx(described.std / math.sqrt(weights.sum()))
    lower, upper = described.mean - Z * result.se, described.mean + Z * result.se
    assert result.lower == pytest.approx(min(max(lower, -1.0), result.value))
    assert result.upper == pytest.approx(max(min(upper, 1.0), result.value))


def test_nps_of_one_promoter_is_wide_and_contains_itself() -> None:
    result = intervals.adjusted_wald_nps(1, 1, 1)
    assert (result.value, result.upper) == (1.0, 1.0)
    assert result.lower < 0
    assert result.se == pytest.approx(math.sqrt((2.5 / 4 - 0.25**2) / 4))


def test_moderated_mean_by_hand() -> None:
    """Answers 50, 75, 100: n 3, Σ 225, Σ² 18125, s² = (18125 - 16875)/2 = 625. Pooled 400:
    (4·400 + 2·625)/6 = 475. Student on 6 degrees 2.44691: 75 ± 2.44691·√(475/3) = 75 ± 30.790."""
    assert intervals.moderated_variance(225, 18125, 400, 3) == pytest.approx(475)
    result = intervals.moderated_mean(225, 18125, 400, 3)
    assert (result.lower, result.upper) == (pytest.approx(44.210, abs=5e-4), pytest.approx(105.790, abs=5e-4))
    assert result.se == pytest.approx(30.790 / 1.95996, abs=5e-4)
    cut = intervals.moderated_mean(225, 18125, 400, 3, smallest=0, largest=100)
    assert (cut.upper, cut.se) == (100, result.se)


def test_one_answer_and_identical_answers_have_an_error() -> None:
    one = intervals.moderated_mean(100, 10_000, 400, 1, smallest=0, largest=100)
    assert one.se == pytest.approx(2.776445 * 20 / Z, abs=1e-4)  # Student on 4 degrees, √400
    same = intervals.moderated_mean(30, 90, 1.0, 10)  # ten times 3
    assert same.se > 0
    assert intervals.sample_variance(0.1 * 3 * 7, 0.01 * 9 * 7, 7) == 0


def test_no_answers_give_nothing() -> None:
    for result in (
        intervals.wilson([0, 1], [0, np.nan]),
        intervals.adjusted_wald_nps([0, 1], [0, 1], [0, -1]),
        intervals.exact_poisson([0, 1], [0, np.nan]),
        intervals.moderated_mean([0, 1], [0, 1], [1, 1], [0, np.nan]),
    ):
        assert all(np.isnan(part).all() for part in result)


def test_vectorised_equals_one_by_one() -> None:
    together = intervals.wilson([1, 5, 9], [10, 10, 10])
    for at, successes in enumerate((1, 5, 9)):
        alone = intervals.wilson(successes, 10)
        assert [part[at] for part in together] == [float(part) for part in alone]


@settings(deadline=None, max_examples=200)
@given(n=COUNT, share=SHARE, other=SHARE)
def test_bounds_hold_for_shares_scores_and_counts(n: int, share: float, other: float) -> None:
    wilson = intervals.wilson(round(share * n), n)
    assert_sound(wilson)
    assert 0 <= wilson.lower <= wilson.upper <= 1
    promoters = round(share * n)
    detractors = round(other * (n - promoters))
    nps = intervals.adjusted_wald_nps(promoters - detractors, promoters + detractors, n)
    assert_sound(nps)
    assert -1 <= nps.lower <= nps.upper <= 1
    assert_sound(intervals.exact_poisson(round(share * n), n))


@settings(deadline=None, max_examples=200)
@given(
    answers=st.lists(st.integers(min_value=0, max_value=100), min_size=1, max_size=30),
    pooled=st.floats(min_value=1e-6, max_value=2500),
)
def test_bounds_hold_for_means(answers: list[int], pooled: float) -> None:
    result = intervals.moderated_mean(
        sum(answers), sum(a * a for a in answers), pooled, len(answers), smallest=0, largest=100
    )
    assert_sound(result)
    assert result.lower >= 0
    assert result.upper <= 100


@pytest.mark.parametrize(
    ("first", "second", "lower", "upper"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_difference_is_newcombe_s_published_interval(
    first: tuple[int, int], second: tuple[int, int], lower: float, upper: float
) -> None:
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    found = intervals.difference(intervals.wilson(*first), intervals.wilson(*second))
    assert found.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (found.lower, found.upper) == (pytest.approx(lower, abs=5e-5), pytest.approx(upper, abs=5e-5))


def test_jeffreys_poisson_by_chi_square_quantiles() -> None:
    """Twice a gamma of shape x + 1/2 is chi-square on 2x + 1 degrees of freedom; nothing seen has no lower bound."""
    found = intervals.jeffreys_poisson([0.0, 3.0], [10.0, 2.0])
    assert found.lower == pytest.approx([0.0, stats.chi2.ppf(0.025, 7) / 4])
    assert found.upper == pytest.approx([stats.chi2.ppf(0.975, 1) / 20, stats.chi2.ppf(0.975, 7) / 4])
    assert (found.se > 0).all()
