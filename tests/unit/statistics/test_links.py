"""Links: slopes and clustered errors against statsmodels, the errors in the predictor, lags, what cannot be told."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from pipelines.statistics.indicators import INDICATOR_SCORES, indicator_scores
from pipelines.statistics.links import LINKS, Parameters, links, monthly_windows

UNITS, MONTHS = 20, 18
PERIODS = [date(2025 + at // 12, at % 12 + 1, 1) for at in range(MONTHS)]
MANY = 1e12
"""So many answers that a month's mean has no error to speak of."""


def frames(
    client: np.ndarray, team: np.ndarray, se: float = 1e-9, n: float = MANY
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores of both composites of perception (units × months, NaN where there is none), and units of one level."""
    units = client.shape[0]
    ids = np.repeat([f"u{at:03d}" for at in range(units)], client.shape[1])
    periods = PERIODS[: client.shape[1]] * units
    rows = pl.concat(
        pl.DataFrame(
            {
                "unit_id": ids,
                "period": periods,
                "population": "all",
                "indicator_id": f"composite.perception.{side}",
                "window_months": 1,
                "n": n,
                "people": 100,
                "value": values.ravel(),
                "value_se": se,
                "status": "ok",
            }
        )
        for side, values in (("client", client), ("collaborator", team))
    ).filter(pl.col("value").is_not_nan())
    scores = rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in INDICATOR_SCORES.items()
    )
    return scores, pl.DataFrame({"unit_id": ids, "period": periods, "unit_level": "team"})


def panel(seed: int = 1, slope: float = 0.6, lag: int = 2, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Clients follow collaborators by `lag` months; both have lasting differences and months that hit everyone."""
    rng = np.random.default_rng(seed)
    mood = rng.normal(0, 4, (UNITS, MONTHS + 6))
    team = 60 + rng.normal(0, 8, (UNITS, 1)) + rng.normal(0, 3, MONTHS) + mood[:, 6:]
    client = 65 + rng.normal(0, 8, (UNITS, 1)) + rng.normal(0, 3, MONTHS) + rng.normal(0, noise, (UNITS, MONTHS))
    return client + slope * mood[:, 6 - lag : 6 - lag + MONTHS], team


def one(found: pl.DataFrame, outcome: str, lag: int) -> dict[str, Any]:
    rows = found.filter(pl.col("outcome") == outcome, pl.col("lag_months") == lag)
    assert rows.height == 1
    return rows.row(0, named=True)


@pytest.mark.parametrize("lag", [0, 2, 5])
@pytest.mark.parametrize("holes", [False, True])
def test_without_errors_in_the_scores_it_is_the_dummy_regression_clustered_by_unit(lag: int, holes: bool) -> None:
    client, team = panel()
    if holes:
        rng = np.random.default_rng(7)
        client[rng.random(client.shape) < 0.2] = np.nan
        team[rng.random(team.shape) < 0.2] = np.nan
        team[3] = np.nan
    row = one(links(*frames(client, team), Parameters()), "client", lag)

    y, x = client[:, lag:], team[:, : MONTHS - lag]
    unit, month = np.indices(y.shape)
    there = np.isfinite(y) & np.isfinite(x)
    dummies = [(unit[there] == u) for u in np.unique(unit[there])] + [
        (month[there] == m) for m in np.unique(month[there])[1:]
    ]
    design = np.column_stack([x[there], *dummies]).astype(float)
    fit = sm.OLS(y[there], design).fit(cov_type="cluster", cov_kwds={"groups": unit[there]})
    n, months, everything = there.sum(), len(np.unique(month[there])), design.shape[1]
    members, of = np.unique(unit[there], return_inverse=True)
    units = len(members)
    left = sm.OLS(x[there], design[:, 1:]).fit().resid
    score, leverage = np.bincount(of, left * fit.resid), np.bincount(of, left**2) / (left**2).sum()
    # These are the pieces of statsmodels' own error, which counts the unit effects among the parameters ...
    plain = units / (units - 1) * (n - 1) / (n - everything) * (score**2).sum()
    assert fit.bse[0] == pytest.approx(np.sqrt(plain) / (left**2).sum())
    # ... though they are nested in the clusters; and units of more weight are given their due.
    se = np.sqrt((units - 1) / units * (n - 1) / (n - months) * ((score / (1 - leverage)) ** 2).sum()) / (left**2).sum()
    freedom = 1 / (leverage**2).sum() - 1
    assert row["slope"] == pytest.approx(fit.params[0])
    assert row["slope_se"] == pytest.approx(se, rel=1e-6)
    assert row["slope_upper"] == pytest.approx(fit.params[0] + special.stdtrit(freedom, 0.975) * se)
    assert row["p"] == pytest.approx(2 * special.stdtr(freedom, -abs(fit.params[0] / se)), rel=1e-5)
    assert (row["units"], row["months"], row["observations"]) == (units, months, n)
    assert row["reliability"] == pytest.approx(1)
    assert row["within_r_corrected"] == pytest.approx(row["within_r"])


def test_within_r_is_the_correlation_after_both_effects() -> None:
    client, team = panel()
    found = links(*frames(client, team), Parameters())

    def centred(values: np.ndarray) -> np.ndarray:
        return values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()

    expected = np.corrcoef(centred(client).ravel(), centred(team).ravel())[0, 1]
    for outcome in ("client", "collaborator"):
        assert one(found, outcome, 0)["within_r"] == pytest.approx(expected)


def test_the_strongest_lag_is_the_planted_one_and_one_a_direction() -> None:
    for lag in (0, 3, 6):
        found = links(*frames(*panel(lag=lag)), Parameters())
        assert found.filter("strongest", pl.col("outcome") == "client")["lag_months"].to_list() == [lag]
        assert found.filter("strongest").height == 2


def test_errors_of_the_answers_are_taken_out_of_the_slope() -> None:
    """Half of what the predictor shows is error: plain least squares finds half the slope, this the whole.

    The exact correction in a full panel: every cell has the share (1 - 1/units)(1 - 1/months) of its error's square.
    """
    rng = np.random.default_rng(3)
    units, months = 400, 12
    mood = rng.normal(0, 4, (units, months))
    client = 60 + 0.5 * mood + rng.normal(0, 1, mood.shape)
    seen = 60 + mood + rng.normal(0, 4, mood.shape)
    n = 50.0
    wide = special.stdtrit(4 + n - 1, 0.975) / special.ndtri(0.975)
    scores, frame = frames(client, seen, se=4.0 * wide, n=n)
    scores = scores.with_columns(
        value_se=pl.when(pl.col("indicator_id").str.ends_with("client")).then(1e-6).otherwise("value_se")
    )
    row = one(links(scores, frame, Parameters()), "client", 0)

    def centred(values: np.ndarray) -> np.ndarray:
        return values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()

    x, y = centred(seen), centred(client)
    error = 16.0 * (units - 1) * (months - 1)
    assert row["slope"] == pytest.approx((x * y).sum() / ((x**2).sum() - error), rel=1e-6)
    assert row["reliability"] == pytest.approx(1 - error / (x**2).sum(), rel=1e-6)
    assert row["slope_lower"] < 0.5 < row["slope_upper"]
    assert (x * y).sum() / (x**2).sum() < 0.3
    assert row["within_r_corrected"] > 0.8 > row["within_r"]


def test_what_lasts_and_what_hits_everyone_is_no_link() -> None:
    client, team = panel()
    rng = np.random.default_rng(4)
    both, month = rng.normal(0, 30, (UNITS, 1)), rng.normal(0, 30, MONTHS)
    plain = links(*frames(client, team), Parameters())
    moved = links(*frames(client + both + month, team + both + month), Parameters())
    assert moved["slope"].to_numpy() == pytest.approx(plain["slope"].to_numpy(), rel=1e-6)


def test_the_slope_is_in_points_of_the_outcome_per_point_of_the_predictor() -> None:
    client, team = panel()
    plain, scaled = (one(links(*frames(c, team), Parameters()), "client", 2) for c in (client, client * 3))
    for name in ("slope", "slope_lower", "slope_upper", "slope_se"):
        assert scaled[name] == pytest.approx(3 * plain[name], rel=1e-6)
    assert scaled["p"] == pytest.approx(plain["p"], rel=1e-4)


def test_too_little_to_tell_is_said_so() -> None:
    client, team = panel()
    few = links(*frames(client[:9], team[:9]), Parameters())
    short = links(*frames(client[:, :5], team[:, :5]), Parameters())
    blurred = links(*frames(client, team, se=50.0, n=20.0), Parameters())
    for found, counts in ((few, (9, 18)), (short, (20, 5)), (blurred, (20, 18))):
        assert dict(found.schema) == LINKS
        assert found.height == 14
        assert set(found["status"]) == {"insufficient"}
        assert not found["strongest"].any()
        numbers = found.select("slope", "slope_lower", "slope_upper", "slope_se", "p", "within_r", "reliability")
        assert numbers.null_count().sum_horizontal().item() == 14 * numbers.width
        row = one(found, "client", 0)
        assert (row["units"], row["months"]) == counts


def test_hidden_months_are_left_out_and_long_windows_are_refused() -> None:
    client, team = panel()
    scores, units = frames(client, team)
    hidden = scores.with_columns(
        pl.when(pl.col("unit_id") == "u004").then(pl.lit("suppressed")).otherwise("status").alias("status")
    )
    assert one(links(hidden, units, Parameters()), "client", 0)["units"] == UNITS - 1
    with pytest.raises(ValueError, match="monthly_windows"):
        links(scores.with_columns(window_months=pl.lit(3)), units, Parameters())
    with pytest.raises(ValueError, match="more than once"):
        links(pl.concat([scores, scores]), units, Parameters())
    empty = links(scores.clear(), units, Parameters())
    assert empty.is_empty()
    assert dict(empty.schema) == LINKS


def test_each_level_has_its_own_rows() -> None:
    client, team = panel()
    scores, units = frames(client, team)
    units = units.with_columns(
        unit_level=pl.when(pl.col("unit_id") < "u010").then(pl.lit("site")).otherwise(pl.lit("team"))
    )
    found = links(scores, units, Parameters())
    assert found.group_by("unit_level").len().sort("unit_level").rows() == [("site", 14), ("team", 14)]
    assert set(found["units"]) == {10}
    alone = links(*frames(client[:10], team[:10]), Parameters())
    assert found.filter(pl.col("unit_level") == "site")["slope"].to_numpy() == pytest.approx(
        alone["slope"].to_numpy(), rel=1e-9
    )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    scores, units = frames(*panel())
    shuffled = links(
        scores.sample(fraction=1.0, shuffle=True, seed=seed),
        units.sample(fraction=1.0, shuffle=True, seed=seed),
        Parameters(),
    )
    assert links(scores, units, Parameters()).equals(shuffled)


def test_monthly_windows_add_up_the_hierarchy_and_count_people_once(tiny: Any) -> None:
    month = PERIODS[0]
    indicator = "composite.perception.collaborator"
    stats = pl.DataFrame(
        [
            ("a", month, "field", indicator, 3.0, 180.0, 11000.0, 0, False),
            ("a", month, "office", indicator, 1.0, 50.0, 2500.0, 0, False),
            ("b", month, "field", indicator, 2.0, 100.0, 5100.0, 4, True),
            ("b", month, "field", "collaborator_trust", 2.0, 100.0, 5100.0, 0, False),
        ],
        schema=["unit_id", "period", "population", "indicator_id", "n", "s1", "s2", "people_fed", "conservative"],
        orient="row",
    )
    people = pl.DataFrame(
        [("a", month, indicator, key) for key in ("p1", "p2", "p3", "p4")]
        + [("b", month, indicator, "p1"), ("b", month, indicator, None), ("b", month, "collaborator_trust", "p9")],
        schema=["unit_id", "period", "indicator_id", "person_key"],
        orient="row",
    )
    above = pl.DataFrame(
        [("a", month, "a"), ("b", month, "b"), ("a", month, "site"), ("b", month, "site")],
        schema=["unit_id", "period", "ancestor_id"],
        orient="row",
    )
    found = monthly_windows(stats, people, above)
    assert found.select("unit_id", "population", "n", "s1", "s2", "people", "conservative").rows() == [
        ("a", "all", 4.0, 230.0, 13500.0, 4, False),
        ("b", "all", 2.0, 100.0, 5100.0, 5, True),
        ("site", "all", 6.0, 330.0, 18600.0, 8, True),
    ]
    assert set(found["window_months"]) == {1}
    units = pl.DataFrame(
        {
            "unit_id": ["a", "b", "site"],
            "period": [month] * 3,
            "unit_level": ["team", "team", "site"],
            "parent_unit_id": ["site", "site", None],
        }
    )
    scored = indicator_scores(found, tiny.definitions(), units, 5, published=False)
    assert dict(scored.select("unit_id", "status").iter_rows()) == {"a": "suppressed", "b": "ok", "site": "ok"}


def test_parameters_come_from_the_seed_and_are_checked() -> None:
    seed = pl.DataFrame({"name": ["link_longest_lag", "bar"], "value": [3.0, 60.0]})
    assert Parameters.from_frame(seed) == Parameters(longest_lag=3)
    for name, value in (("link_longest_lag", -1.0), ("link_fewest_units", 2.0), ("link_least_reliability", 1.0)):
        with pytest.raises(ValueError, match=name):
            Parameters.from_frame(pl.DataFrame({"name": [name], "value": [value]}))
