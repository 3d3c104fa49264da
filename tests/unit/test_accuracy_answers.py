"""The generator of the accuracy benchmark: what it says is to be expected is what its people answer."""

import numpy as np
import pytest

from benchmarks.accuracy import answers as people
from benchmarks.accuracy.drivers import true_weights
from pipelines.statistics.drivers import relative_weights


@pytest.mark.parametrize("opinion", [20.0, 50.0, 62.0, 90.0])
def test_expected_answers_are_those_of_many_people(opinion: float) -> None:
    n = np.array([200_000])
    rng = np.random.default_rng(1)
    s1, s2 = people.answers(rng, np.array([opinion]), n)
    error = np.sqrt((s2 / n - (s1 / n) ** 2) / n)
    assert s1 / n == pytest.approx(people.expected(np.array([opinion])), abs=4 * error[0])
    own, own2 = people.respondents(rng, np.array([opinion]), n, 6, 0.4)
    error = np.sqrt((own2 / n - (own / n) ** 2) / n)
    assert own / n == pytest.approx(people.expected(np.array([opinion])), abs=4 * error[0])


def test_answers_of_one_respondent_move_together_as_asked() -> None:
    """Of six items correlated at r the mean has the variance (1 + 5r)/6 of one; the scale's steps take some of r."""
    n = np.array([[200_000]])
    rng = np.random.default_rng(2)
    s1, s2, own1, own2 = people.questionnaires(rng, np.full((1, 1, 6), 55.0), n, 0.4, 6)
    variance = (s2 / 200_000 - (s1 / 200_000) ** 2).mean()
    ratio = (own2 / 200_000 - (own1 / 200_000) ** 2)[0, 0] / variance
    assert 0.3 < (6 * ratio - 1) / 5 < 0.4
    assert own1[0, 0] == pytest.approx(s1.mean())


def test_trailing_sums_reach_back_over_the_window() -> None:
    assert people.trailing(np.array([[1.0, 2.0, 3.0, 4.0]]), 3).tolist() == [[1, 3, 6, 9]]
    assert people.trailing(np.array([[1.0, 2.0, 3.0]]), 1).tolist() == [[1, 2, 3]]


def test_moods_keep_their_spread_and_memory() -> None:
    series = people.memory(np.random.default_rng(3), (20_000, 6), 4.0, 0.7)
    assert series.std(axis=0) == pytest.approx(np.full(6, 4.0), rel=0.03)
    assert np.corrcoef(series[:, 2], series[:, 3])[0, 1] == pytest.approx(0.7, abs=0.02)


def test_the_true_order_of_drivers_is_computed_another_way_and_agrees() -> None:
    correlations = 0.3 + 0.7 * np.eye(4)
    slopes = np.array([0.5, 0.2, 0.0, -0.1])
    assert true_weights(correlations, slopes) == pytest.approx(relative_weights(correlations, correlations @ slopes))
