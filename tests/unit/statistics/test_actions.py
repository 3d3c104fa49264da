"""Actions: the comparison against statsmodels, which months are compared, who is compared, verdicts, starts."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics.actions import ACTION_EFFECTS, Parameters, action_effects
from pipelines.statistics.indicators import INDICATOR_SCORES

MONTHS = 16
PERIODS = [date(2025 + at // 12, at % 12 + 1, 1) for at in range(MONTHS)]
START = 8
"""The month (a number) in which the action of most tests starts: 8 months before it, 8 from it on."""

SWOT_SCHEMA: dict[str, Any] = {
    "unit_id": pl.String,
    "period": pl.Date,
    "pair_id": pl.String,
    "side": pl.String,
    "swot": pl.String,
    "priority": pl.Float64,
}
ACTION_SCHEMA: dict[str, Any] = {
    "action_id": pl.String,
    "unit_id": pl.String,
    "marker": pl.String,
    "started_on": pl.Date,
    "ended_on": pl.Date,
    "kind": pl.String,
    "owner_role": pl.String,
}
NO_SWOT = pl.DataFrame(schema=SWOT_SCHEMA)


def scores_frame(values: np.ndarray, se: float | np.ndarray = 2.0, window: int = 1, **other: Any) -> pl.DataFrame:
    """Scores (units × months) of both faces of trust, the same on both sides."""
    units = values.shape[0]
    frame = pl.DataFrame(
        {
            "unit_id": np.repeat([f"u{at:02d}" for at in range(units)], MONTHS),
            "period": PERIODS * units,
            "population": "all",
            "window_months": window,
            "score": values.ravel(),
            "score_se": np.broadcast_to(se, values.shape).ravel(),
            "status": "ok",
        }
        | other
    )
    rows = pl.concat(frame.with_columns(indicator_id=pl.lit(f"{side}_trust")) for side in ("client", "collaborator"))
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in INDICATOR_SCORES.items()
    )


def units_frame(count: int, parents: dict[str, str] | None = None, level: str = "team") -> pl.DataFrame:
    ids = [f"u{at:02d}" for at in range(count)]
    return pl.DataFrame(
        {
            "unit_id": np.repeat(ids, MONTHS),
            "period": PERIODS * count,
            "unit_level": level,
            "parent_unit_id": [(parents or {}).get(unit) for unit in ids for _ in range(MONTHS)],
        },
        schema_overrides={"parent_unit_id": pl.String},
    )


def action(unit: str = "u00", started: date = PERIODS[START], marker: str = "trust", **other: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "action_id": f"{unit}-{marker}-{started}",
        "unit_id": unit,
        "marker": marker,
        "started_on": started,
        "ended_on": None,
        "kind": "coaching",
        "owner_role": "team_manager",
    }
    return row | other


def actions_frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=ACTION_SCHEMA)


def random_scores(units: int = 20, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(60, 6, (units, 1)) + rng.normal(0, 2, (units, MONTHS))


def change_level_slope(values: np.ndarray, months: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of 1-month scores: mean of the 6 after less mean of the 6 before, that mean, and the slope before."""
    before, after = values[:, START - months : START], values[:, START : START + months]
    slope = np.polyfit(np.arange(months), before.T, 1)[0]
    return after.mean(axis=1) - before.mean(axis=1), before.mean(axis=1), slope


def only(frame: pl.DataFrame, **equal: Any) -> dict[str, Any]:
    rows = frame.filter(pl.col(name) == value for name, value in equal.items())
    assert rows.height == 1, rows
    return rows.row(0, named=True)


def test_the_effect_and_its_interval_are_statsmodels_prediction(tiny: Any) -> None:
    """With equal errors the weights are equal, and the comparison is a least-squares prediction of a new unit."""
    values = random_scores()
    values[0, START:] += 7.0
    found = action_effects(
        actions_frame(action()), scores_frame(values), tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    )
    assert dict(found.schema) == ACTION_EFFECTS
    row = only(found, side="client")
    change, level, slope = change_level_slope(values)
    design = sm.add_constant(np.column_stack([level, slope]))
    prediction = sm.OLS(change[1:], design[1:]).fit().get_prediction(design[:1])
    interval = prediction.conf_int(obs=True)[0]
    assert row["controls"] == 19
    assert row["effect"] == pytest.approx(change[0] - prediction.predicted_mean[0])
    assert row["effect_lower"] == pytest.approx(change[0] - interval[1])
    assert row["effect_upper"] == pytest.approx(change[0] - interval[0])
    assert row["expected_change"] == pytest.approx(prediction.predicted_mean[0])
    assert row["score_before"] == pytest.approx(level[0])
    assert row["score_after"] == pytest.approx(level[0] + change[0])
    assert (row["months_after"], row["status"]) == (6, "ok")


def test_p_is_the_rank_among_units_put_in_the_place_of_the_treated(tiny: Any) -> None:
    values = random_scores(seed=5)
    values[0, START:] += 1.5
    found = action_effects(
        actions_frame(action()), scores_frame(values), tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    )
    change, level, slope = change_level_slope(values)
    fit = sm.OLS(change, sm.add_constant(np.column_stack([level, slope]))).fit()
    t = np.abs(fit.get_influence().resid_studentized_external)
    assert only(found, side="client")["p"] == pytest.approx((t >= t[0] - 1e-9).mean())


def test_a_score_on_many_answers_counts_for_more(tiny: Any) -> None:
    """Weights are 1/(τ² + v): checked against statsmodels' WLS with τ² by moments written out."""
    values = random_scores(seed=3)
    se = np.random.default_rng(9).uniform(1.0, 8.0, (20, 1))
    found = action_effects(
        actions_frame(action()), scores_frame(values, se), tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    )
    change, level, slope = change_level_slope(values)
    design = sm.add_constant(np.column_stack([level, slope]))
    v = 2 * se[:, 0] ** 2 / 6
    plain = sm.OLS(change[1:], design[1:]).fit()
    keep = 1 - plain.get_influence().hat_matrix_diag
    tau2 = max(0.0, ((plain.resid**2).sum() - (keep * v[1:]).sum()) / keep.sum())
    fit = sm.WLS(change[1:], design[1:], weights=1 / (tau2 + v[1:])).fit()
    prediction = fit.get_prediction(design[:1], weights=1 / (tau2 + v[:1]))
    row = only(found, side="client")
    assert row["effect"] == pytest.approx(change[0] - prediction.predicted_mean[0])
    assert row["effect_se"] == pytest.approx(prediction.se_obs[0])


def test_only_windows_wholly_before_or_after_are_compared(tiny: Any) -> None:
    """Windows of 3 months: before those ending 1 and 4 months before the start, after those ending 3 and 6 in."""
    values = random_scores()
    scores = scores_frame(values, window=3)
    arguments = tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    row = only(action_effects(actions_frame(action()), scores, *arguments), side="client")
    assert row["score_before"] == pytest.approx((values[0, START - 1] + values[0, START - 4]) / 2)
    assert row["score_after"] == pytest.approx((values[0, START + 2] + values[0, START + 5]) / 2)
    # Started in mid-month: that month is on neither side.
    later = actions_frame(action(started=PERIODS[START].replace(day=9)))
    row = only(action_effects(later, scores, *arguments), side="client")
    assert row["score_before"] == pytest.approx((values[0, START - 1] + values[0, START - 4]) / 2)
    assert row["score_after"] == pytest.approx((values[0, START + 3] + values[0, START + 6]) / 2)


def test_a_long_window_that_lies_half_after_the_start_is_scaled_up(tiny: Any) -> None:
    """12 months of score, 6 after the start: a step of 8 moves it by 4, and by twice the error."""
    values = random_scores() + 0.0
    long, short = values.copy(), values.copy()
    long[0, START:] += 8.0 * np.clip(np.arange(1, MONTHS - START + 1), None, 12) / 12
    arguments = tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    acted, unmoved = (
        only(action_effects(actions_frame(action()), scores_frame(v, window=12), *arguments), side="client")
        for v in (long, short)
    )
    assert acted["effect"] - unmoved["effect"] == pytest.approx(8.0)
    assert unmoved["score_after"] == pytest.approx(short[0, START + 5])
    assert unmoved["share_after"] == 0.5
    change = 2 * (unmoved["score_after"] - unmoved["score_before"])
    assert unmoved["effect"] == pytest.approx(change - unmoved["expected_change"])


def test_months_that_hit_everyone_are_not_an_effect(tiny: Any) -> None:
    values = random_scores()
    shock = np.random.default_rng(2).normal(0, 5, MONTHS)
    arguments = tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    plain, shocked = (
        only(action_effects(actions_frame(action()), scores_frame(v), *arguments), side="client")
        for v in (values, values + shock)
    )
    assert shocked["effect"] == pytest.approx(plain["effect"])
    assert shocked["p"] == plain["p"]


@pytest.mark.parametrize(
    ("other", "controls"),
    [
        (action("u01"), 18),
        (action("u01", PERIODS[1]), 18),
        (action("u01", PERIODS[START + 6]), 19),
        (action("u01", PERIODS[START], "responsiveness"), 18),
        (action("u01", PERIODS[0], "responsiveness"), 19),
        # u01 is above u02 and u03: all three are touched.
        (action("u01", PERIODS[3]) | {"action_id": "site"}, 18),
    ],
)
def test_units_with_an_action_are_no_controls(tiny: Any, other: dict[str, Any], controls: int) -> None:
    parents = {"u02": "u01", "u03": "u02"} if other["action_id"] == "site" else None
    found = action_effects(
        actions_frame(action(), other),
        scores_frame(random_scores()),
        tiny.definitions(),
        units_frame(20, parents),
        NO_SWOT,
        Parameters(),
    )
    row = only(found, action_id=action()["action_id"], side="client")
    assert row["controls"] == controls - (2 if parents else 0)


def test_controls_are_of_the_same_level_and_the_nearest(tiny: Any) -> None:
    values = random_scores(30)
    levels = units_frame(30).with_columns(
        unit_level=pl.when(pl.col("unit_id") >= "u25").then(pl.lit("site")).otherwise(pl.lit("team"))
    )
    scores, definitions = scores_frame(values), tiny.definitions()
    row = only(
        action_effects(actions_frame(action()), scores, definitions, levels, NO_SWOT, Parameters()), side="client"
    )
    assert row["controls"] == 24
    # Of those, a unit far above is left out when ten are enough, and so does not matter.
    far = values.copy()
    far[3] += 40
    further = far.copy()
    further[3, START:] += 30
    ten = Parameters(neighbours=10)
    first, second = (
        only(action_effects(actions_frame(action()), scores_frame(v), definitions, levels, NO_SWOT, ten), side="client")
        for v in (far, further)
    )
    assert first["controls"] == 10
    assert first["effect"] == pytest.approx(second["effect"])


def quiet(step: float, noise: float) -> pl.DataFrame:
    """Scores whose changes after the start scatter by `noise`, the first unit's moved by `step` instead."""
    rng = np.random.default_rng(4)
    values = random_scores() + 0.0
    move = rng.normal(0, noise, 20)
    move[0] = step
    values[:, START:] = values[:, START - 6 : START].mean(axis=1)[:, None] + move[:, None]
    return scores_frame(values)


@pytest.mark.parametrize(
    ("step", "noise", "start", "verdict"),
    [
        (9.0, 1.0, START, "continue"),
        (0.0, 1.0, START, "stop"),
        (-9.0, 1.0, START, "stop"),
        (4.0, 8.0, START, "improve"),
        (-4.0, 8.0, START, "too_early"),
        (9.0, 1.0, MONTHS - 2, "too_early"),
        (9.0, 1.0, MONTHS - 1, "too_early"),
    ],
)
def test_verdicts(tiny: Any, step: float, noise: float, start: int, verdict: str) -> None:
    found = action_effects(
        actions_frame(action(started=PERIODS[start])),
        quiet(step, noise),
        tiny.definitions(),
        units_frame(20),
        NO_SWOT,
        Parameters(),
    )
    assert set(found["verdict"]) == {verdict}
    assert set(found["action_verdict"]) == {verdict}


def test_an_action_is_to_stop_only_when_it_helps_neither_side(tiny: Any) -> None:
    helps, useless = quiet(9.0, 1.0), quiet(0.0, 1.0)
    mixed = pl.concat(
        [
            helps.filter(pl.col("indicator_id") == "client_trust"),
            useless.filter(pl.col("indicator_id") == "collaborator_trust"),
        ]
    )
    found = action_effects(actions_frame(action()), mixed, tiny.definitions(), units_frame(20), NO_SWOT, Parameters())
    assert dict(found.select("side", "verdict").iter_rows()) == {"client": "continue", "collaborator": "stop"}
    assert set(found["action_verdict"]) == {"continue"}


def test_too_few_units_or_hidden_scores_give_a_row_without_numbers(tiny: Any) -> None:
    values = random_scores()
    few = action_effects(
        actions_frame(action()), scores_frame(values[:8]), tiny.definitions(), units_frame(8), NO_SWOT, Parameters()
    )
    assert set(few["status"]) == {"insufficient"}
    hidden = scores_frame(values).with_columns(
        pl.when(pl.col("unit_id") == "u00").then(pl.lit("suppressed")).otherwise("status").alias("status"),
        pl.when(pl.col("unit_id") == "u00").then(None).otherwise("score").alias("score"),
    )
    suppressed = action_effects(
        actions_frame(action()), hidden, tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    )
    assert set(suppressed["status"]) == {"suppressed"}
    for found in (few, suppressed):
        numbers = found.select("effect", "effect_lower", "effect_upper", "effect_se", "p", "score_before", "controls")
        assert numbers.null_count().sum_horizontal().item() == numbers.width * found.height
        assert found["verdict"].null_count() == found.height


def test_one_unit_without_enough_scores_leaves_the_others_alone(tiny: Any) -> None:
    """The first has two scores before its action, which make no slope; the second is whole."""
    acts = actions_frame(action(), action("u01"))
    scores = scores_frame(random_scores())
    thin = scores.filter((pl.col("unit_id") != "u00") | ~pl.col("period").is_in(PERIODS[: START - 2]))
    arguments = tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    whole, found = (action_effects(acts, frame, *arguments) for frame in (scores, thin))
    assert dict(found.select("unit_id", "status").iter_rows()) == {"u00": "insufficient", "u01": "ok"}
    assert found.filter(pl.col("unit_id") == "u01").equals(whole.filter(pl.col("unit_id") == "u01"))


def test_other_actions_on_the_same_marker_are_counted(tiny: Any) -> None:
    found = action_effects(
        actions_frame(action(), action(started=PERIODS[START + 2])),
        scores_frame(random_scores()),
        tiny.definitions(),
        units_frame(20),
        NO_SWOT,
        Parameters(),
    )
    assert set(found["other_actions"]) == {1}


def weakness(unit: str, pair: str, priority: float, **other: Any) -> dict[str, Any]:
    row = {"unit_id": unit, "period": PERIODS[-1], "pair_id": pair, "side": "client", "swot": "weakness"}
    return row | {"priority": priority} | other


def test_priority_weaknesses_without_an_action_are_to_start(tiny: Any) -> None:
    swot = pl.DataFrame(
        [
            weakness("u01", "trust", 5.0),
            weakness("u01", "responsiveness", 9.0),
            weakness("u02", "trust", 1.0),
            weakness("u02", "trust", 8.0, side="collaborator"),
            weakness("u02", "responsiveness", 7.0, swot="threat"),
            weakness("u03", "trust", 3.0),
            weakness("u04", "trust", 3.0, period=PERIODS[-2]),
            weakness("u05", "trust", None),  # type: ignore[arg-type]
        ],
        schema=SWOT_SCHEMA,
    )
    acts = actions_frame(
        action("u01", PERIODS[START], "trust"), action("u03", PERIODS[2], "trust", ended_on=PERIODS[6])
    )
    found = action_effects(
        acts, scores_frame(random_scores()), tiny.definitions(), units_frame(20), swot, Parameters(priorities=2)
    )
    started = found.filter(pl.col("verdict") == "start")
    assert started.select("unit_id", "pair_id", "side").rows() == [
        ("u01", "responsiveness", "client"),
        ("u02", "trust", "client"),
        ("u02", "trust", "collaborator"),
        ("u03", "trust", "client"),
    ]
    assert started["action_id"].null_count() == 4
    one = action_effects(
        acts, scores_frame(random_scores()), tiny.definitions(), units_frame(20), swot, Parameters(priorities=1)
    )
    assert one.filter(pl.col("verdict") == "start").height == 3


def test_nothing_in_nothing_out(tiny: Any) -> None:
    nothing = action_effects(
        actions_frame(), scores_frame(random_scores()), tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    )
    assert nothing.is_empty()
    assert dict(nothing.schema) == ACTION_EFFECTS
    empty = action_effects(
        actions_frame(action()),
        scores_frame(random_scores()).clear(),
        tiny.definitions(),
        units_frame(20).clear(),
        NO_SWOT,
        Parameters(),
    )
    assert dict(empty.schema) == ACTION_EFFECTS
    nowhere = actions_frame(action() | {"unit_id": None}, action(marker="no_such_pair"))
    assert action_effects(
        nowhere, scores_frame(random_scores()), tiny.definitions(), units_frame(20), NO_SWOT, Parameters()
    ).is_empty()
    blank = action_effects(
        actions_frame(action()),
        scores_frame(random_scores()).clear(),
        tiny.definitions(),
        units_frame(20),
        NO_SWOT,
        Parameters(),
    )
    assert set(blank["status"]) == {"insufficient"}
    with pytest.raises(ValueError, match="more than once"):
        action_effects(
            actions_frame(action(), action()),
            scores_frame(random_scores()),
            tiny.definitions(),
            units_frame(20),
            NO_SWOT,
            Parameters(),
        )


def test_parameters_come_from_the_seed_and_are_checked() -> None:
    seed = pl.DataFrame({"name": ["action_priorities", "action_smallest_useful_effect"], "value": [5.0, 2.5]})
    assert Parameters.from_frame(seed) == Parameters(priorities=5, smallest_useful_effect=2.5)
    with pytest.raises(ValueError, match="action_neighbours"):
        Parameters.from_frame(pl.DataFrame({"name": ["action_neighbours"], "value": [0.0]}))
    with pytest.raises(ValueError, match="fewest_controls"):
        Parameters.from_frame(pl.DataFrame({"name": ["action_fewest_controls"], "value": [3.0]}))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int, tiny: Any) -> None:
    scores, units = scores_frame(random_scores()), units_frame(20)
    acts = actions_frame(action(), action("u03"), action("u05", PERIODS[START + 1]))
    shuffled = [frame.sample(fraction=1.0, shuffle=True, seed=seed) for frame in (acts, scores, units)]
    plain = action_effects(acts, scores, tiny.definitions(), units, NO_SWOT, Parameters())
    other = action_effects(shuffled[0], shuffled[1], tiny.definitions(), shuffled[2], NO_SWOT, Parameters())
    assert plain.equals(other)
