"""Drivers: relative weights against other computations of them, the panel's moments, missing scores, invariants."""

from datetime import date
from itertools import permutations
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics.drivers import DRIVERS, Parameters, drivers, relative_weights
from pipelines.statistics.indicators import INDICATOR_SCORES, Definitions
from pipelines.statistics.indices import UNIT_INDICES

UNITS, MONTHS = 40, 10
PERIODS = [date(2025, at + 1, 1) for at in range(MONTHS)]
NAMES = ["autonomy", "practice_listening", "training", "trust"]


def johnson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Johnson's own steps on data: closest orthogonal variables, two regressions by statsmodels."""
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    left, _, right = np.linalg.svd(x / np.sqrt(len(x)), full_matrices=False)
    z = np.sqrt(len(x)) * left @ right
    on_z = sm.OLS(y, z).fit().params
    loadings = np.array([sm.OLS(column, z).fit().params for column in x.T])
    return np.asarray(loadings**2 @ on_z**2)


def shapley(correlations: np.ndarray, outcome: np.ndarray) -> np.ndarray:
    """Mean gain in R² over all orders of entry."""

    def r2(chosen: tuple[int, ...]) -> float:
        part = np.ix_(chosen, chosen)
        return (
            float(outcome[list(chosen)] @ np.linalg.solve(correlations[part], outcome[list(chosen)])) if chosen else 0
        )

    orders = list(permutations(range(len(outcome))))
    gains = np.zeros(len(outcome))
    for order in orders:
        for at, name in enumerate(order):
            gains[name] += r2(order[: at + 1]) - r2(order[:at])
    return gains / len(orders)


def test_relative_weights_by_johnsons_own_steps() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 1)) + rng.normal(size=(300, 5))
    y = x @ np.array([0.5, 0.3, 0.0, -0.2, 0.1]) + rng.normal(size=300)
    everything = np.corrcoef(np.column_stack([x, y]).T)
    weights = relative_weights(everything[:-1, :-1], everything[:-1, -1])
    assert weights == pytest.approx(johnson(x, y))
    assert weights.sum() == pytest.approx(sm.OLS(y, sm.add_constant(x)).fit().rsquared)


def test_two_predictors_share_as_in_averaging_over_orders() -> None:
    """With two predictors relative weights and general dominance are the same figure: 0.4, 0.5 with 0.3 between.

    R² = (0.16 + 0.25 - 2·0.4·0.5·0.3)/(1 - 0.09) = 0.29/0.91 = 0.318681; the first brings (0.16 + (R² - 0.25))/2.
    """
    correlations, outcome = np.array([[1, 0.3], [0.3, 1]]), np.array([0.4, 0.5])
    weights = relative_weights(correlations, outcome)
    assert weights == pytest.approx(shapley(correlations, outcome))
    assert weights == pytest.approx([(0.16 + 0.29 / 0.91 - 0.25) / 2, (0.25 + 0.29 / 0.91 - 0.16) / 2])


def test_uncorrelated_predictors_bring_their_squared_correlations() -> None:
    outcome = np.array([0.5, -0.3, 0.1])
    assert relative_weights(np.eye(3), outcome) == pytest.approx(outcome**2)
    many = relative_weights(np.stack([np.eye(3), np.eye(3)]), np.stack([outcome, 2 * outcome]))
    assert many == pytest.approx(np.stack([outcome**2, 4 * outcome**2]))


def definitions() -> Definitions:
    empty = pl.DataFrame()
    return Definitions(
        indicators=pl.DataFrame({"indicator_id": [*NAMES, "client_trust"], "side": ["collaborator"] * 4 + ["client"]}),
        goalposts=empty,
        windows=empty,
        mirror_pairs=empty,
        weights=empty,
    )


def frames(x: np.ndarray, y: np.ndarray, se: float = 1.0) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Scores (units × months × NAMES; NaN: none), client index (units × months) and units of one level."""
    units, months = y.shape
    cells = {"unit_id": np.repeat([f"u{at:03d}" for at in range(units)], months), "period": PERIODS[:months] * units}
    frame = pl.DataFrame(cells | {"unit_level": "team"})
    scores = pl.concat(
        pl.DataFrame(cells).with_columns(
            indicator_id=pl.lit(name),
            population=pl.lit("all"),
            score=pl.Series(x[..., at].ravel()),
            score_se=pl.lit(se),
            status=pl.lit("ok"),
        )
        for at, name in enumerate(NAMES)
    ).filter(pl.col("score").is_not_nan())
    indices = pl.DataFrame(cells).with_columns(
        client_index=pl.Series(y.ravel()), client_index_se=pl.lit(se), status=pl.lit("ok")
    )
    return (
        *(
            table.select(
                (pl.col(name) if name in table.columns else pl.lit(None)).cast(dtype).alias(name)
                for name, dtype in schema.items()
            )
            for table, schema in ((scores, INDICATOR_SCORES), (indices, UNIT_INDICES))
        ),
        frame,
    )  # type: ignore[return-value]


def panel(seed: int = 1, slopes: tuple[float, ...] = (0.6, 0.3, 0.0, 0.1)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = 60 + rng.normal(0, 6, (UNITS, 1, 4)) + rng.normal(0, 4, (UNITS, MONTHS, 4)) + rng.normal(0, 2, (MONTHS, 4))
    y = x @ np.array(slopes) + rng.normal(0, 3, (UNITS, 1)) + rng.normal(0, 2, (UNITS, MONTHS))
    return x, y + rng.normal(0, 2, MONTHS)


def found(x: np.ndarray, y: np.ndarray, **parameters: Any) -> pl.DataFrame:
    scores, indices, units = frames(x, y)
    return drivers(scores, indices, definitions(), units, Parameters(**{"draws": 200} | parameters))


def test_weights_are_those_of_the_panel_with_random_effects() -> None:
    """Whole panel, equal errors: within and between moments by hand, then Johnson's steps on rows that have them."""
    x, y = panel()
    result = found(x, y)
    assert dict(result.schema) == DRIVERS
    both = np.concatenate([x, y[..., None]], axis=2)
    both = both - both.mean(axis=0)
    means = both.mean(axis=1)
    inside = both - means[:, None]
    first, then = inside[:, :-1, -1].ravel(), inside[:, 1:, -1].ravel()
    memory = max(0.0, (first * then).sum() / np.sqrt((first**2).sum() * (then**2).sum()))
    rows = inside.reshape(-1, 5)
    within = rows.T @ rows / (rows[:, -1] ** 2).sum() * len(rows) * (1 - memory) / (1 + memory)
    between = np.cov(means.T, bias=True) / means[:, -1].var() * UNITS
    total = within + between
    # Any data with these moments have these weights: the rows of a root of the matrix, and their mirror images.
    root = np.linalg.cholesky(total).T
    data = np.vstack([root, -root])
    assert result["weight"].to_numpy() == pytest.approx(johnson(data[:, :-1], data[:, -1]))
    assert result["r"].to_numpy() == pytest.approx(np.corrcoef(data.T)[:-1, -1])
    assert result["weight"].sum() == pytest.approx(result["r2"][0])
    assert result["share"].sum() == pytest.approx(1)
    assert result.sort("rank")["indicator_id"].to_list()[:2] == ["autonomy", "practice_listening"]
    assert set(result["observations"]) == {UNITS * MONTHS}


def test_intervals_hold_the_weight_and_narrow_with_units() -> None:
    x, y = panel()
    wide, narrow = found(x, y), found(np.tile(x, (8, 1, 1)), np.tile(y, (8, 1)))
    for result in (wide, narrow):
        assert (result["weight_lower"] <= result["weight"]).all()
        assert (result["weight"] <= result["weight_upper"]).all()
    spread = [(r["weight_upper"] - r["weight_lower"]).to_numpy()[0] for r in (wide, narrow)]
    assert spread[1] == pytest.approx(spread[0] / np.sqrt(8), rel=0.35)


def test_lasting_months_and_scales_do_not_matter_but_signs_show_in_r() -> None:
    x, y = panel()
    plain = found(x, y)
    shocked = found(x + np.random.default_rng(3).normal(0, 9, (MONTHS, 4)), y * 2 + np.arange(MONTHS))
    turned = found(x * np.array([-1, 1, 1, 1]), y)
    assert shocked["weight"].to_numpy() == pytest.approx(plain["weight"].to_numpy())
    assert turned["weight"].to_numpy() == pytest.approx(plain["weight"].to_numpy())
    assert turned["r"][0] == pytest.approx(-plain["r"][0])


def test_missing_scores_are_left_out_pair_by_pair_and_rare_indicators_wholly() -> None:
    x, y = panel(slopes=(0.6, 0.3, 0.0, 0.1))
    rng = np.random.default_rng(5)
    holes = x.copy()
    holes[rng.random(x.shape) < 0.2] = np.nan
    whole, result = found(x, y), found(holes, y)
    assert set(result["status"]) == {"ok"}
    assert result["weight"].to_numpy() == pytest.approx(whole["weight"].to_numpy(), abs=0.08)
    assert result["presence"].to_numpy() == pytest.approx([0.8] * 4, abs=0.05)

    rare = x.copy()
    rare[:, 4:, 2] = np.nan
    result = found(rare, y)
    assert result["status"].to_list() == ["ok", "ok", "insufficient", "ok"]
    assert result["weight"][2] is None
    assert result["rank"].to_list()[2] is None
    assert result["weight"].sum() == pytest.approx(result["r2"][0])


def test_an_indicator_that_repeats_another_shares_with_it() -> None:
    x, y = panel()
    x[..., 1] = x[..., 0]
    result = found(x, y)
    assert result["weight"][1] == pytest.approx(result["weight"][0], rel=1e-3)
    assert result["r2"][0] <= 1.0


def test_too_little_to_tell_is_said_so() -> None:
    x, y = panel()
    for result in (found(x[:19], y[:19]), found(x, y, rows_per_indicator=1000.0)):
        assert set(result["status"]) == {"insufficient"}
        assert result.height == 4
        assert (
            result.select("weight", "weight_lower", "weight_upper", "share", "r", "r2", "rank")
            .null_count()
            .sum_horizontal()
            .item()
            == 28
        )
    flat = x.copy()
    flat[..., 3] = 50.0
    assert found(flat, y)["status"].to_list() == ["ok", "ok", "ok", "insufficient"]
    scores, indices, units = frames(x, y)
    empty = drivers(scores.clear(), indices.clear(), definitions(), units.clear(), Parameters())
    assert empty.is_empty()
    assert dict(empty.schema) == DRIVERS
    blank = drivers(scores.clear(), indices, definitions(), units, Parameters())
    assert set(blank["status"]) == {"insufficient"}
    hidden = scores.with_columns(status=pl.lit("suppressed"))
    assert set(drivers(hidden, indices, definitions(), units, Parameters())["status"]) == {"insufficient"}


def test_an_indicator_without_goalposts_enters_by_its_value() -> None:
    x, y = panel()
    scores, indices, units = frames(x, y)
    training = pl.col("indicator_id") == "training"
    valued = scores.with_columns(
        value=pl.when(training).then("score").otherwise("value"),
        value_se=pl.when(training).then("score_se").otherwise("value_se"),
    ).with_columns(score=pl.when(training).then(None).otherwise("score"))
    parameters = Parameters(draws=200)
    assert drivers(valued, indices, definitions(), units, parameters).equals(
        drivers(scores, indices, definitions(), units, parameters)
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    tables = frames(*panel())
    mixed = [table.sample(fraction=1.0, shuffle=True, seed=seed) for table in tables]
    parameters = Parameters(draws=100)
    plain = drivers(tables[0], tables[1], definitions(), tables[2], parameters)
    assert plain.equals(drivers(mixed[0], mixed[1], definitions(), mixed[2], parameters))


def test_parameters_come_from_the_seed_and_are_checked() -> None:
    seed = pl.DataFrame({"name": ["driver_draws", "driver_presence"], "value": [500.0, 0.75]})
    assert Parameters.from_frame(seed) == Parameters(draws=500, presence=0.75)
    for name, value in (("driver_presence", 0.0), ("driver_draws", 99.0), ("driver_fewest_units", 2.0)):
        with pytest.raises(ValueError, match=name):
            Parameters.from_frame(pl.DataFrame({"name": [name], "value": [value]}))
