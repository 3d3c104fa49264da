"""Signals: Shewhart's two rules on series worked by hand, and silence where there is nothing to say."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import UNIT_INDICES
from pipelines.statistics.signals import BEYOND, RUN, SIGNALS, signals, window_of_index


def month(number: int) -> date:
    return date(2024 + number // 12, number % 12 + 1, 1)


def indices(values: list[float | None], se: float = 1.0) -> pl.DataFrame:
    """One unit whose collaborator index runs as given; its client index and gap say nothing."""
    rows = [
        {
            "unit_id": "a",
            "period": month(at),
            "status": "ok" if value is not None else "suppressed",
            "collaborator_index": value,
            "collaborator_index_se": se if value is not None else None,
        }
        for at, value in enumerate(values)
    ]
    return pl.DataFrame([{name: row.get(name) for name in UNIT_INDICES} for row in rows], schema=UNIT_INDICES)


def test_a_month_beyond_three_sigma_by_hand() -> None:
    """Eight months of 59 and 61: mean 60, variance 8/7; with the error of the mean σ² = 8/7 · 9/8 = 9/7, σ 1.1339.
    63.5 lies 3.087 σ away and fires; 63.3 lies 2.910 σ away and does not."""
    history: list[float | None] = [59, 61] * 4
    found = signals(indices([*history, 63.5]), window_months=1)
    assert dict(found.schema) == SIGNALS
    (row,) = found.rows(named=True)
    assert (row["period"], row["measure"], row["rule"], row["direction"]) == (
        month(8),
        "collaborator_index",
        BEYOND,
        "above",
    )
    assert (row["value"], row["centre"], row["sigma"]) == (63.5, pytest.approx(60), pytest.approx((9 / 7) ** 0.5))
    assert signals(indices([*history, 63.3]), window_months=1).is_empty()


def test_a_quiet_past_is_no_narrower_than_its_errors() -> None:
    """Eight equal months with errors of 2: σ² = 4 · 9/8, so that 5 points away is not beyond 3σ = 6.36; 7 is."""
    assert signals(indices([60.0] * 8 + [65.0], se=2.0), window_months=1).is_empty()
    assert signals(indices([60.0] * 8 + [67.0], se=2.0), window_months=1)["rule"].to_list() == [BEYOND]


def test_eight_on_one_side_fire_at_the_eighth_month_only() -> None:
    run: list[float | None] = [58, 62] * 4 + [61] * 8
    found = signals(indices(run), window_months=1)
    assert found.select("period", "rule", "direction").rows() == [(month(15), RUN, "above")]
    assert signals(indices(run[:-1]), window_months=1).is_empty()


def test_months_that_share_answers_do_not_count_twice() -> None:
    """With windows of three months the run must be ten long, and the month judged shares nothing with its history."""
    assert signals(indices([58, 62] * 4 + [61] * 9), window_months=3).is_empty()
    assert signals(indices([58, 62] * 4 + [61] * 10), window_months=3)["rule"].to_list() == [RUN]
    assert signals(indices([60.0] * 8 + [70.0]), window_months=3).is_empty()  # only six months of history are its own
    assert signals(indices([60.0] * 10 + [70.0]), window_months=3)["rule"].to_list() == [BEYOND]


@pytest.mark.parametrize(("of_trust", "of_responsiveness", "expected"), [(3, 3, 3), (12, 1, 10), (1, 1, 1)])
def test_the_window_of_an_index_is_the_weighted_mean(
    tiny: Any, of_trust: int, of_responsiveness: int, expected: int
) -> None:
    """Trust carries 0.75 of the weight, responsiveness 0.25: 0.75 · 12 + 0.25 · 1 = 9.25, so ten months."""
    definitions: Definitions = tiny.definitions()
    length = pl.when(pl.col("indicator_id").str.ends_with("trust")).then(of_trust).otherwise(of_responsiveness)
    assert (
        window_of_index(replace(definitions, windows=definitions.windows.with_columns(window_months=length)))
        == expected
    )


def test_hidden_months_are_skipped_and_short_histories_silent() -> None:
    assert signals(indices([60.0] * 7 + [90.0]), window_months=1).is_empty()
    assert signals(indices([60.0] * 4 + [None] + [60.0] * 4 + [90.0]), window_months=1)["period"].to_list() == [
        month(9)
    ]
    assert signals(indices([]), window_months=1).is_empty()
    with pytest.raises(ValueError, match="shorter than one month"):
        signals(indices([60.0]), window_months=0)


def test_white_noise_hardly_ever_goes_beyond_three_sigma() -> None:
    """2,000 months of noise judged by their own history: 0.27 % expected, a little more with an estimated σ."""
    values = 60 + np.random.default_rng(3).normal(0, 2, 2_000)
    rows = indices(list(values), se=2.0).with_columns(
        unit_id=pl.format("u{}", pl.int_range(pl.len()) // 40),
        period=pl.date(2024, 1, 1).dt.offset_by(pl.format("{}mo", pl.int_range(pl.len()) % 40)),
    )
    beyond = signals(rows, window_months=1).filter(pl.col("rule") == BEYOND)
    assert beyond.height <= 0.02 * 2_000
