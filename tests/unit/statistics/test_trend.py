"""Slopes: against statsmodels, by hand, and calibrated on windows that overlap."""

from datetime import date

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipelines.statistics.trend import direction, trailing, weighted_slopes


def test_slope_and_error_are_those_of_weighted_least_squares_where_nothing_overlaps() -> None:
    rng = np.random.default_rng(1)
    values, errors = rng.normal(60, 8, (4, 6)), rng.uniform(1, 5, (4, 6))
    found = weighted_slopes(values, errors, np.ones(4), 3)
    for row in range(4):
        fit = sm.WLS(values[row], sm.add_constant(np.arange(6.0)), weights=1 / errors[row] ** 2).fit()
        assert found.slope[row] == pytest.approx(fit.params[1])
        assert found.se[row] == pytest.approx(np.sqrt(fit.normalized_cov_params[1, 1]))
    assert list(found.months) == [6.0] * 4


def test_overlap_by_hand() -> None:
    """Three months, error 2, windows of 3: the slope is (y3 - y1)/2, and y1 and y3 correlate by (3 - 2)/3 = 1/3, so
    its variance is (4 + 4 - 2·4/3)/4 = 4/3. With windows of 12 they correlate by 10/12: (8 - 8·10/12)/4 = 1/3."""
    values, errors = np.array([[50.0, 99.0, 56.0]] * 2), np.full((2, 3), 2.0)
    found = weighted_slopes(values, errors, np.array([3.0, 12.0]), 3)
    assert found.slope == pytest.approx([3.0, 3.0])
    assert found.se == pytest.approx(np.sqrt([4 / 3, 1 / 3]))
    assert found.p == pytest.approx(2 * stats.norm.sf(3 / np.sqrt([4 / 3, 1 / 3])))


def test_the_whole_matrix_with_a_month_missing() -> None:
    values = np.array([[60.0, 61.0, np.nan, 66.0, 64.0, 70.0]])
    errors = np.array([[2.0, 3.0, 1.0, 4.0, 2.0, np.nan]])
    values[0, 5] = 70.0
    found = weighted_slopes(values, errors, np.array([3.0]), 3)
    at = np.array([0, 1, 3, 4])
    x, v = np.column_stack([np.ones(4), at]), values[0, at]
    w = np.diag(1 / errors[0, at] ** 2)
    bread = np.linalg.inv(x.T @ w @ x)
    shared = np.clip((3 - np.abs(at[:, None] - at)) / 3, 0, None)
    meat = x.T @ w @ (shared * np.outer(errors[0, at], errors[0, at])) @ w @ x
    assert found.slope[0] == pytest.approx((bread @ x.T @ w @ v)[1])
    assert found.se[0] == pytest.approx(np.sqrt((bread @ meat @ bread)[1, 1]))
    assert found.months[0] == 4


def test_too_few_months_say_nothing() -> None:
    values = np.array([[np.nan, np.nan, 50.0, 60.0]])
    found = weighted_slopes(values, np.full((1, 4), 2.0), np.array([1.0]), 3)
    assert np.isnan([found.slope[0], found.se[0], found.p[0]]).all()
    assert found.months[0] == 2


@pytest.mark.parametrize("window", [1, 3, 12])
def test_p_is_uniform_where_nothing_moves(window: int) -> None:
    """Means of 20 answers a month, summed over overlapping windows, of 20,000 units that do not change."""
    rng = np.random.default_rng(7)
    months = rng.normal(70.0, 20.0 / np.sqrt(20), (20_000, window + 5))
    values = np.lib.stride_tricks.sliding_window_view(months, window, axis=1).mean(axis=2)
    errors = np.full(values.shape, 20.0 / np.sqrt(20 * window))
    found = weighted_slopes(values, errors, np.full(20_000, float(window)), 3)
    assert stats.kstest(found.p, "uniform").pvalue > 0.01
    naive = weighted_slopes(values, errors, np.ones(20_000), 3)
    if window == 3:
        assert (naive.p < 0.10).mean() > 0.12, "taken as independent, months that overlap cry wolf"


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.5, 20)), min_size=3, max_size=6),
    st.sampled_from([1.0, 3.0, 12.0]),
    st.floats(-50, 50),
)
def test_a_shift_changes_nothing_and_a_mirror_turns_the_sign(
    months: list[tuple[float, float]], window: float, shift: float
) -> None:
    values, errors = (np.array([column]) for column in zip(*months, strict=True))
    first = weighted_slopes(values, errors, np.array([window]), 3)
    moved = weighted_slopes(values + shift, errors, np.array([window]), 3)
    turned = weighted_slopes(-values, errors, np.array([window]), 3)
    assert first.se[0] > 0
    assert moved.slope[0] == pytest.approx(first.slope[0], abs=1e-6)
    assert turned.slope[0] == pytest.approx(-first.slope[0], abs=1e-9)
    assert turned.p[0] == pytest.approx(first.p[0], abs=1e-9)


def test_trailing_months_stay_within_their_series() -> None:
    rows = pl.DataFrame(
        {
            "unit": ["b", "a", "a", "a"],
            "period": [date(2025, 1, 1), date(2025, 3, 1), date(2024, 12, 1), date(2025, 1, 1)],
            "v": [9.0, 3.0, 1.0, None],
        }
    )
    (found,) = trailing(rows, ["unit"], ["v"], 3)
    nan = np.nan
    assert np.array_equal(found, [[nan, nan, 9], [nan, nan, 3], [nan, nan, 1], [nan, 1, nan]], equal_nan=True)
    (longer,) = trailing(rows, ["unit"], ["v"], 4)
    assert np.array_equal(longer[1], [1, nan, nan, 3], equal_nan=True)


def test_a_month_twice_is_refused() -> None:
    rows = pl.DataFrame({"unit": ["a", "a"], "period": [date(2025, 1, 1)] * 2, "v": [1.0, 2.0]})
    with pytest.raises(ValueError, match="A month occurs twice"):
        trailing(rows, ["unit"], ["v"], 3)


def test_direction_is_null_where_there_is_no_p() -> None:
    rows = pl.DataFrame({"slope": [1.0, -1.0, 2.0, 5.0], "p": [0.09, 0.01, 0.10, None]})
    assert rows.select(trend=direction("slope", "p", 0.10))["trend"].to_list() == ["rising", "falling", "flat", None]
