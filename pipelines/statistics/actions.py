"""Evaluation of actions: what an action added to its marker, on each side, and what to do next (method §10).

What belongs here: the comparison of a unit before and after an action with units that had none, the verdicts, and
the actions that are missing (`start`). What does not: which markers are weak (`swot`), which actions exist (dbt's
`dim_action`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import special

from pipelines.confidentiality.suppression import INSUFFICIENT, OK, SUPPRESSED
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import SIDES
from pipelines.statistics.intervals import CONFIDENCE, Array

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CONTINUE, IMPROVE, STOP, START, TOO_EARLY = "continue", "improve", "stop", "start", "too_early"

ACTION_EFFECTS: dict[str, pl.DataType] = {
    "action_id": pl.String(),
    "unit_id": pl.String(),
    "pair_id": pl.String(),
    "side": pl.String(),
    "period": pl.Date(),
    "kind": pl.String(),
    "owner_role": pl.String(),
    "started_on": pl.Date(),
    "ended_on": pl.Date(),
    "months_after": pl.Int64(),
    "score_before": pl.Float64(),
    "score_after": pl.Float64(),
    "share_after": pl.Float64(),
    "expected_change": pl.Float64(),
    "effect": pl.Float64(),
    "effect_lower": pl.Float64(),
    "effect_upper": pl.Float64(),
    "effect_se": pl.Float64(),
    "p": pl.Float64(),
    "controls": pl.Int64(),
    "other_actions": pl.Int64(),
    "verdict": pl.String(),
    "action_verdict": pl.String(),
    "priority": pl.Float64(),
    "status": pl.String(),
}
"""Columns of the frame that `action_effects` returns, in order, with their types."""

ACTIONS = ("action_id", "unit_id", "marker", "started_on", "ended_on", "kind", "owner_role")
"""Columns that `action_effects` reads of its actions."""

_REGRESSORS = 3
"""A level, the score before and its slope: what the change of a unit without action is predicted from."""

_CHUNK = 2_000_000
"""Cells (actions × units) worked on at once: some ten arrays of this size are held, about 200 MB."""


@dataclass(frozen=True)
class Parameters:
    """How actions are judged. Months are calendar months, effects points of the 0-100 score.

    months_before, months_after: the months compared. fewest_months_after: below it no verdict but `too_early`.
    smallest_useful_effect: an effect surely below it after `months_after` months is a reason to stop.
    neighbours: the units without action, nearest in level and slope, that a unit is compared with at most;
    fewest_controls: at least. priorities: how many of a unit's weaknesses count as priorities.
    """

    months_before: int = 6
    months_after: int = 6
    fewest_months_after: int = 3
    smallest_useful_effect: float = 5.0
    neighbours: int = 40
    fewest_controls: int = 8
    priorities: int = 3

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "Parameters":
        """Read from the seed `parameters` (name, value), under the names `action_<field>`; absent names keep theirs.

        Raises ValueError when a count is below 1, `fewest_controls` leaves nothing to estimate an error from, or the
        smallest useful effect is not within 0-100.
        """
        values: Mapping[str, float] = {
            str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()
        }
        defaults = cls()
        read: dict[str, Any] = {
            field.name: type(getattr(defaults, field.name))(values[f"action_{field.name}"])
            for field in fields(cls)
            if f"action_{field.name}" in values
        }
        result = cls(**read)
        for field in fields(cls):
            value = getattr(result, field.name)
            if isinstance(field.default, int) and value < 1:
                raise ValueError(f"parameters.csv: action_{field.name} is {value}; it is a count, so 1 or more.")
        if result.fewest_controls <= _REGRESSORS:
            raise ValueError(
                f"parameters.csv: action_fewest_controls is {result.fewest_controls}; the comparison estimates "
                f"{_REGRESSORS} figures from them, so it must be {_REGRESSORS + 1} or more."
            )
        if not 0.0 <= result.smallest_useful_effect <= 100.0:
            raise ValueError(
                f"parameters.csv: action_smallest_useful_effect is {result.smallest_useful_effect}; it is in points "
                "and must lie within 0 to 100."
            )
        return result


def action_effects(
    actions: pl.DataFrame,
    indicator_scores: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    swot: pl.DataFrame,
    parameters: Parameters,
) -> pl.DataFrame:
    """What each action added to the score of its marker, on both sides, and the actions that are missing.

    actions: action_id, unit_id, marker (a pair_id), started_on, ended_on (null: still at work), kind, owner_role.
    indicator_scores: as `indicators.indicator_scores` returns it; population `all` is used. units: unit_id, period,
    unit_level, parent_unit_id. swot: unit_id, period, pair_id, side, swot, priority; the rows of the last period
    are used. The last period of `units` is the month of judgement.

    Returns the columns of `ACTION_EFFECTS` sorted by unit, pair, side, started_on and action. Two rows an action
    (one a side), but none for an action without unit, of a marker that is no pair in force, or from after the last
    period; one row with verdict `start` and no numbers for each priority weakness without an action still to end.

    Design: difference in differences. A unit's change is its mean score over the windows that lie wholly within
    the 6 months after minus that over windows wholly before. Windows of one series never overlap (ends are one
    window apart), so a score of 3 months gives two of each, of 1 month six. A window longer than the months since
    the start can only lie partly after it: then the change is divided by `share_after`, the share of the window that
    does, and compares the months since the start with as many that left the window. So effect = (score_after -
    score_before) / share_after - expected_change. A month in which an action starts on another day than the first
    is neither before nor after.

    The change that was to be expected without the action is predicted from units of the same level that had no
    action on the marker by then (on them or a unit above), nor began any in the months compared, the `neighbours`
    nearest in score and slope before, by weighted regression of their change on both (Abadie & Imbens 2011:
    matching, with the bias that is left removed by regression; without it a unit that was chosen because its
    score was low would seem to gain by regression to the mean). One change a unit, so months of a unit count as
    one cluster (Bertrand, Duflo & Mullainathan 2004). With a single treated unit a sandwich estimate of its
    variance is zero; it is that of the comparable units instead (Conley & Taber 2011): var(change) = τ² + v, v
    from the errors of the scores, τ² by moments; Student's interval on controls - 3 degrees of freedom.
    p: each unit of the comparison in turn takes the place of the treated one; p is the share of them whose
    studentised effect is at least as large, the treated unit counted (so never below 1/(controls + 1)).

    Verdict of a side: `too_early` below `fewest_months_after`; `continue` where the interval is above 0; `stop`
    after `months_after` months with the upper bound below the smallest useful effect; `improve` where the effect
    is positive; `too_early` for what is left: the data do not tell. The verdict of an action is the first of
    continue, improve, too_early, stop that one of its sides has: it is to stop when it helps neither.
    Raises ValueError when an action_id occurs twice.
    """
    twice = actions.filter(pl.col("action_id").is_duplicated())
    if twice.height:
        raise ValueError(f"actions holds {twice['action_id'][0]!r} more than once; its key is action_id.")
    if units.is_empty():
        return _typed(pl.DataFrame(schema=ACTION_EFFECTS))
    actions = actions.filter(pl.col("unit_id").is_not_null())
    last = units["period"].max()
    tasks = _tasks(actions, definitions, units, parameters)
    judged = _verdicts(_compared(tasks, actions, indicator_scores, units, parameters), parameters)
    rows = pl.concat([_typed(judged), _typed(_missing(actions, swot, last, parameters))])
    return rows.with_columns(pl.col("period").fill_null(last)).sort(
        "unit_id", "pair_id", "side", "started_on", "action_id"
    )


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    """The columns of `ACTION_EFFECTS`; those the frame lacks are null."""
    return rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in ACTION_EFFECTS.items()
    )


def _month(date: pl.Expr) -> pl.Expr:
    """Months since year 0."""
    return date.dt.year().cast(pl.Int64) * 12 + date.dt.month().cast(pl.Int64)


def _tasks(
    actions: pl.DataFrame, definitions: Definitions, units: pl.DataFrame, parameters: Parameters
) -> pl.DataFrame:
    """One row per action and side that can be looked at: its indicator, and the months compared (as numbers)."""
    pairs = definitions.mirror_pairs.select(
        pl.col("pair_id", *(f"{side}_indicator_id" for side in SIDES)).cast(pl.String)
    )
    last = units.select(_month(pl.col("period")).max()).item()
    started = _month(pl.col("started_on"))
    return (
        actions.select(ACTIONS)
        .rename({"marker": "pair_id"})
        .filter(pl.col("started_on").is_not_null())
        .join(pairs, on="pair_id", how="inner", validate="m:1")
        .with_columns(
            before_end=started - 1,
            after_start=started + (pl.col("started_on").dt.day() > 1).cast(pl.Int64),
        )
        .with_columns(
            months_after=(last - pl.col("after_start") + 1).clip(0, parameters.months_after),
        )
        .filter(started <= last)
        .unpivot(
            [f"{side}_indicator_id" for side in SIDES],
            index=[
                *(name for name in ACTIONS if name != "marker"),
                "pair_id",
                "before_end",
                "after_start",
                "months_after",
            ],
            variable_name="side",
            value_name="indicator_id",
        )
        .with_columns(pl.col("side").str.strip_suffix("_indicator_id"))
        .sort("action_id", "side")
    )


@dataclass(frozen=True)
class _Cube:
    """Scores, their variances and what was hidden: indicators × units × months, NaN where there is no score."""

    score: Array
    variance: Array
    hidden: Flags
    window: Whole
    indicator: dict[str, int]
    unit: dict[str, int]
    first_month: int


def _cube(tasks: pl.DataFrame, indicator_scores: pl.DataFrame, units: pl.DataFrame) -> _Cube:
    """The scores of the indicators that tasks need, of every unit."""
    wanted = sorted(set(tasks["indicator_id"]))
    members = sorted(set(units["unit_id"]))
    first, last = (units.select(_month(pl.col("period")))["period"].sort()[at] for at in (0, -1))
    indicator = {name: at for at, name in enumerate(wanted)}
    unit = {name: at for at, name in enumerate(members)}
    shape = (len(wanted), len(members), last - first + 1)
    score, variance = np.full(shape, np.nan), np.full(shape, np.nan)
    hidden, window = np.zeros(shape, dtype=np.bool_), np.ones(len(wanted), dtype=np.int64)
    rows = (
        indicator_scores.filter(
            pl.col("population") == "all",
            pl.col("indicator_id").is_in(wanted),
            pl.col("unit_id").is_in(members),
        )
        .with_columns(month=_month(pl.col("period")) - first)
        .filter(pl.col("month").is_between(0, last - first))
        .join(_numbered("indicator_id", wanted, "i"), on="indicator_id", how="inner", validate="m:1")
        .join(_numbered("unit_id", members, "u"), on="unit_id", how="inner", validate="m:1")
    )
    at = tuple(rows[name].to_numpy() for name in ("i", "u", "month"))
    shown = rows.select(
        pl.when(pl.col("status") == OK).then(pl.col(name)).otherwise(None).cast(pl.Float64).fill_null(float("nan"))
        for name in ("score", "score_se")
    )
    score[at] = shown["score"].to_numpy()
    variance[at] = shown["score_se"].to_numpy() ** 2
    hidden[at] = (rows["status"] == SUPPRESSED).to_numpy()
    lengths = rows.group_by("i").agg(pl.col("window_months").max())
    window[lengths["i"].to_numpy()] = lengths["window_months"].to_numpy()
    return _Cube(score, variance, hidden, window, indicator, unit, first)


def _numbered(name: str, values: list[str], number: str) -> pl.DataFrame:
    """Values of a column beside their places, 0 and up."""
    return pl.DataFrame({name: values, number: list(range(len(values)))}, schema={name: pl.String, number: pl.Int64})


def _compared(
    tasks: pl.DataFrame,
    actions: pl.DataFrame,
    indicator_scores: pl.DataFrame,
    units: pl.DataFrame,
    parameters: Parameters,
) -> pl.DataFrame:
    """Tasks with the change of their unit, the change to be expected, the effect with its interval, and p."""
    cube = _cube(tasks, indicator_scores, units)
    known = tasks.filter(pl.col("unit_id").is_in(list(cube.unit)))
    treated = _treated(actions, units, cube)
    level = _levels(units, cube)
    step = max(1, _CHUNK // max(1, len(cube.unit)))
    parts = [
        _estimated(known[start : start + step], cube, treated, level, parameters)
        for start in range(0, known.height, step)
    ]
    unknown = tasks.filter(~pl.col("unit_id").is_in(list(cube.unit))).with_columns(status=pl.lit(INSUFFICIENT))
    return pl.concat([_typed(part) for part in (*parts, unknown)])


def _levels(units: pl.DataFrame, cube: _Cube) -> Whole:
    """The level of each unit of the cube as a number: the one it has last."""
    last = units.sort("period").group_by("unit_id", maintain_order=True).last()
    code = last.with_columns(code=pl.col("unit_level").rank("dense").fill_null(0).cast(pl.Int64))
    levels = np.zeros(len(cube.unit), dtype=np.int64)
    levels[[cube.unit[name] for name in code["unit_id"]]] = code["code"].to_numpy()
    return levels


@dataclass(frozen=True)
class _Treated:
    """Every action laid on its unit and all units below it, as far as they are in the cube (parallel arrays)."""

    action: npt.NDArray[np.object_]
    marker: npt.NDArray[np.object_]
    unit: Whole
    started: Whole


def _treated(actions: pl.DataFrame, units: pl.DataFrame, cube: _Cube) -> _Treated:
    parents = units.select("unit_id", "parent_unit_id").drop_nulls().unique()
    reach = actions.filter(pl.col("started_on").is_not_null()).select(
        "action_id", "marker", "unit_id", started=_month(pl.col("started_on"))
    )
    found = [reach]
    # A unit has at most as many units above it as there are units: a loop in a broken hierarchy ends here too.
    seen = reach.select("action_id", "unit_id")
    while reach.height:
        below = (
            reach.join(parents, left_on="unit_id", right_on="parent_unit_id", how="inner", suffix="_below")
            .select("action_id", "marker", pl.col("unit_id_below").alias("unit_id"), "started")
            .unique()
            .join(seen, on=["action_id", "unit_id"], how="anti")
        )
        found.append(below)
        seen = pl.concat([seen, below.select("action_id", "unit_id")])
        reach = below
    rows = pl.concat(found).filter(pl.col("unit_id").is_in(list(cube.unit))).sort("action_id", "unit_id")
    return _Treated(
        rows["action_id"].to_numpy(),
        rows["marker"].to_numpy(),
        np.array([cube.unit[name] for name in rows["unit_id"]], dtype=np.int64),
        rows["started"].to_numpy().astype(np.int64),
    )


def _estimated(
    tasks: pl.DataFrame, cube: _Cube, treated: _Treated, level: Whole, parameters: Parameters
) -> pl.DataFrame:
    """Effects of one lot of tasks; arrays are tasks × units unless said otherwise."""
    indicator = np.array([cube.indicator[name] for name in tasks["indicator_id"]], dtype=np.int64)
    own = np.array([cube.unit[name] for name in tasks["unit_id"]], dtype=np.int64)
    before_end = tasks["before_end"].to_numpy() - cube.first_month
    after_start = tasks["after_start"].to_numpy() - cube.first_month
    months_after = tasks["months_after"].to_numpy()
    window = cube.window[indicator]
    after_end = after_start + months_after - 1
    share = np.clip(months_after / window, 0.0, 1.0)

    before = _tiles(cube, indicator, own, before_end, window, -(-parameters.months_before // window))
    after = _tiles(cube, indicator, own, after_end, window, np.maximum(1, months_after // window))
    slope = _slope(cube, indicator, before_end, parameters.months_before)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = (after.mean - before.mean) / share[:, None]
        # Windows that overlap share the answers of the months they share, which cancel in the difference; those
        # that do not have the whole of both errors.
        noise = (after.variance + before.variance) / share[:, None]
    rows = np.arange(tasks.height)

    busy = _busy(tasks, treated, before_end, after_end, window, parameters, cube)
    usable = np.isfinite(change) & np.isfinite(noise) & np.isfinite(slope) & (months_after > 0)[:, None]
    control = usable & ~busy & (level[None, :] == level[own][:, None])
    control[rows, own] = False

    nearest = _nearest(before.mean, slope, control, own, parameters.neighbours)
    chosen = np.take_along_axis(control, nearest, axis=1)
    count = chosen.sum(axis=1)

    # The treated unit is the first column of each comparison.
    pick = np.concatenate([own[:, None], nearest], axis=1)
    member = np.concatenate([usable[rows, own][:, None], chosen], axis=1)
    y, v, x1, x2 = (np.take_along_axis(a, pick, axis=1) for a in (change, noise, before.mean, slope))
    fit = _prediction(y, v, x1, x2, member)
    enough = usable[rows, own] & (count >= parameters.fewest_controls) & np.isfinite(fit.effect)

    half = special.stdtrit(np.maximum(count - _REGRESSORS, 1), 0.5 + CONFIDENCE / 2) * fit.se
    hidden = _tiles_hidden(
        cube, indicator, own, before_end, window, -(-parameters.months_before // window)
    ) | _tiles_hidden(cube, indicator, own, after_end, window, np.maximum(1, months_after // window))
    status = np.where(enough, OK, np.where(hidden, SUPPRESSED, INSUFFICIENT))
    other = _others(tasks, treated, own, before_end, after_end, parameters, cube)
    numbers = {
        "score_before": before.mean[rows, own],
        "score_after": after.mean[rows, own],
        "share_after": share,
        "expected_change": change[rows, own] - fit.effect,
        "effect": np.clip(fit.effect, -100.0, 100.0),
        "effect_lower": np.clip(fit.effect - half, -100.0, 100.0),
        "effect_upper": np.clip(fit.effect + half, -100.0, 100.0),
        "effect_se": fit.se,
        "p": fit.p,
    }
    return tasks.with_columns(
        pl.Series("status", status, dtype=pl.String),
        pl.Series("controls", count.astype(np.int64)),
        pl.Series("other_actions", other),
        *(
            pl.Series(name, np.where(enough, values, np.nan), dtype=pl.Float64).fill_nan(None)
            for name, values in numbers.items()
        ),
    ).with_columns(pl.when(pl.col("status") == OK).then("controls").otherwise(None).alias("controls"))


@dataclass(frozen=True)
class _Tiles:
    """Mean score over windows that do not overlap, and the variance of that mean by its answers."""

    mean: Array
    variance: Array


def _at(values: Array, indicator: Whole, month: Whole) -> Array:
    """Tasks × units of a cube at one month each; NaN outside the months there are."""
    inside = (month >= 0) & (month < values.shape[2])
    return np.where(inside[:, None], values[indicator, :, np.where(inside, month, 0)], np.nan)


def _tiles(cube: _Cube, indicator: Whole, own: Whole, end: Whole, window: Whole, count: Whole) -> _Tiles:
    """Windows ending at `end`, one window before, and so on, `count` of them, as far as the treated unit has them.

    Other units must have the same ones (else NaN): a comparison of different months would mix in what happened to
    everybody between them.
    """
    shape = (len(end), cube.score.shape[1])
    total, squares, number = np.zeros(shape), np.zeros(shape), np.zeros(len(end))
    rows = np.arange(len(end))
    for tile in range(int(count.max(initial=0))):
        score = _at(cube.score, indicator, end - tile * window)
        variance = _at(cube.variance, indicator, end - tile * window)
        wanted = (tile < count) & np.isfinite(score[rows, own])
        total = total + np.where(wanted[:, None], score, 0.0)
        squares = squares + np.where(wanted[:, None], variance, 0.0)
        number += wanted
    number = np.where(number > 0, number, np.nan)[:, None]
    return _Tiles(total / number, squares / number**2)


def _tiles_hidden(cube: _Cube, indicator: Whole, own: Whole, end: Whole, window: Whole, count: Whole) -> Flags:
    """Was one of the treated unit's windows suppressed? One flag a task."""
    hidden = np.zeros(len(end), dtype=np.bool_)
    for tile in range(int(count.max(initial=0))):
        month = end - tile * window
        inside = (month >= 0) & (month < cube.hidden.shape[2])
        hidden |= (tile < count) & inside & cube.hidden[indicator, own, np.where(inside, month, 0)]
    return hidden


def _slope(cube: _Cube, indicator: Whole, end: Whole, months: int) -> Array:
    """Least-squares slope (points a month) of the scores of the last `months` months; NaN below three scores."""
    n, st, sy, stt, sty = np.zeros((5, len(end), cube.score.shape[1]))
    for back in range(months):
        score = _at(cube.score, indicator, end - back)
        there = np.isfinite(score)
        value, t = np.where(there, score, 0.0), -float(back)
        n, st, stt = n + there, st + t * there, stt + t * t * there
        sy, sty = sy + value, sty + t * value
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n >= 3, (n * sty - st * sy) / (n * stt - st * st), np.nan)


def _compared_months(before_end: Whole, after_end: Whole, parameters: Parameters, cube: _Cube) -> tuple[Whole, Whole]:
    """First and last month (numbers since year 0) of each comparison."""
    return before_end - parameters.months_before + 1 + cube.first_month, after_end + cube.first_month


def _busy(
    tasks: pl.DataFrame,
    treated: _Treated,
    before_end: Whole,
    after_end: Whole,
    window: Whole,
    parameters: Parameters,
    cube: _Cube,
) -> Flags:
    """Units that cannot stand for "no action": treated on the marker by then, or on any in the months compared."""
    first, last = _compared_months(before_end, after_end, parameters, cube)
    by_then = treated.started[None, :] <= last[:, None]
    same = tasks["pair_id"].to_numpy()[:, None] == treated.marker[None, :]
    out = by_then & (same | (treated.started[None, :] >= first[:, None]))
    onto = np.zeros((len(treated.unit), len(cube.unit)), dtype=np.float32)
    onto[np.arange(len(treated.unit)), treated.unit] = 1.0
    return (out.astype(np.float32) @ onto) > 0


def _others(
    tasks: pl.DataFrame,
    treated: _Treated,
    own: Whole,
    before_end: Whole,
    after_end: Whole,
    parameters: Parameters,
    cube: _Cube,
) -> Whole:
    """How many other actions on the same marker began at the treated unit, or above it, in the months compared."""
    first, last = _compared_months(before_end, after_end, parameters, cube)
    return (
        (tasks["pair_id"].to_numpy()[:, None] == treated.marker[None, :])
        & (own[:, None] == treated.unit[None, :])
        & (tasks["action_id"].to_numpy()[:, None] != treated.action[None, :])
        & (treated.started[None, :] >= first[:, None])
        & (treated.started[None, :] <= last[:, None])
    ).sum(axis=1)


def _nearest(level: Array, slope: Array, control: Flags, own: Whole, neighbours: int) -> Whole:
    """Columns of the `neighbours` controls nearest to the treated unit in level and slope, each in its own spread."""
    rows, distance = np.arange(len(own)), np.zeros(level.shape)
    for values in (level, slope):
        kept = np.where(control, values, 0.0)
        count = np.maximum(control.sum(axis=1), 1)
        mean = kept.sum(axis=1) / count
        spread = np.sqrt(np.where(control, (kept - mean[:, None]) ** 2, 0.0).sum(axis=1) / count)
        gap = values - values[rows, own][:, None]
        distance = distance + (gap / np.where(spread > 0, spread, 1.0)[:, None]) ** 2
    ranked = np.where(control & np.isfinite(distance), distance, np.inf)
    return np.argsort(ranked, axis=1, kind="stable")[:, :neighbours]


@dataclass(frozen=True)
class _Fit:
    """Effect of each task, its error and its permutation p; one number a task, NaN where it cannot be had."""

    effect: Array
    se: Array
    p: Array


def _prediction(y: Array, v: Array, x1: Array, x2: Array, member: Flags) -> _Fit:
    """Compare the first unit of each row with what the others predict for it; all arrays are tasks × (1 + controls).

    y: change, v: its variance by answers alone, x1, x2: what it is predicted from, member: who is in the
    comparison. Each unit's studentised deletion residual is its effect, had it been the treated one; the first's
    is the t of the effect, since a fit without it is the controls' own.
    """
    y, v = np.where(member, y, 0.0), np.where(member, v, 1.0)
    # Centred at the treated unit, so that its prediction is the intercept; scaled, so that the system is sound.
    design = np.stack([np.where(member, 1.0, 0.0), *(_centred(x, member) for x in (x1, x2))], axis=2)
    controls = member.copy()
    controls[:, 0] = False
    total = _spread(y, v, design, controls)
    weight = np.where(member, 1.0 / total, 0.0)

    def fitted(rows: Flags) -> tuple[Array, Array, Array]:
        used = np.where(rows, weight, 0.0)
        inverse = np.linalg.pinv(np.einsum("tu,tui,tuj->tij", used, design, design), hermitian=True)
        beta = np.einsum("tij,tuj,tu,tu->ti", inverse, design, used, y)
        residual = y - np.einsum("tui,ti->tu", design, beta)
        return inverse, residual, used

    inverse, residual, used = fitted(controls)
    freedom = controls.sum(axis=1) - _REGRESSORS
    with np.errstate(divide="ignore", invalid="ignore"):
        # How far the spread of the controls is from what was assumed of it.
        scale = (used * residual**2).sum(axis=1) / np.where(freedom > 0, freedom, np.nan)
        se = np.sqrt(scale * (total[:, 0] + np.einsum("ti,tij,tj->t", design[:, 0], inverse, design[:, 0])))

        inverse, residual, used = fitted(member)
        leverage = used * np.einsum("tui,tij,tuj->tu", design, inverse, design)
        squares = used * residual**2 / (1.0 - leverage)
        rest = ((used * residual**2).sum(axis=1)[:, None] - squares) / np.where(freedom > 0, freedom, np.nan)[:, None]
        t = np.sqrt(squares / rest)
        effect = residual[:, 0] / (1.0 - leverage[:, 0])
    # Rounding must not let a unit fall short of itself.
    as_large = (t >= t[:, :1] * (1.0 - 1e-12)) & controls
    p = (1.0 + as_large.sum(axis=1)) / (1.0 + controls.sum(axis=1))
    sound = (freedom > 0) & np.isfinite(se) & (se > 0) & np.isfinite(t[:, 0])
    return _Fit(*(np.where(sound, values, np.nan) for values in (effect, se, p)))


def _centred(x: Array, member: Flags) -> Array:
    """x less the treated unit's, in units of its spread among members; 0 elsewhere."""
    gap = np.where(member, x - np.nan_to_num(x[:, :1]), 0.0)
    spread = np.sqrt((gap**2).sum(axis=1) / np.maximum(member.sum(axis=1), 1))
    return gap / np.where(spread > 0, spread, 1.0)[:, None]


def _spread(y: Array, v: Array, design: Array, controls: Flags) -> Array:
    """Variance of each unit's change: τ² + v, τ² by moments from the residuals of a plain fit (Hedges & Olkin 1985).

    τ² is zero where the errors of the answers explain all the spread there is.
    """
    plain = np.where(controls, 1.0, 0.0)
    inverse = np.linalg.pinv(np.einsum("tu,tui,tuj->tij", plain, design, design), hermitian=True)
    beta = np.einsum("tij,tuj,tu,tu->ti", inverse, design, plain, y)
    residual = plain * (y - np.einsum("tui,ti->tu", design, beta))
    keep = plain * (1.0 - np.einsum("tui,tij,tuj->tu", design, inverse, design))
    with np.errstate(divide="ignore", invalid="ignore"):
        tau2 = ((residual**2).sum(axis=1) - (keep * v).sum(axis=1)) / keep.sum(axis=1)
    return np.maximum(np.nan_to_num(tau2, nan=0.0), 0.0)[:, None] + v


def _verdicts(rows: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Add the verdict of each side and of the action; null where no effect could be estimated in time."""
    estimated = pl.col("status") == OK
    verdict = (
        pl.when(pl.col("months_after") < parameters.fewest_months_after)
        .then(pl.lit(TOO_EARLY))
        .when(~estimated)
        .then(None)
        .when(pl.col("effect_lower") > 0)
        .then(pl.lit(CONTINUE))
        .when(
            pl.col("months_after") >= parameters.months_after,
            pl.col("effect_upper") < parameters.smallest_useful_effect,
        )
        .then(pl.lit(STOP))
        .when(pl.col("effect") > 0)
        .then(pl.lit(IMPROVE))
        .otherwise(pl.lit(TOO_EARLY))
    )
    order = [CONTINUE, IMPROVE, TOO_EARLY, STOP]
    return rows.with_columns(verdict=verdict).with_columns(
        action_verdict=pl.col("verdict")
        .replace_strict(order, list(range(len(order))), default=None, return_dtype=pl.Int64)
        .min()
        .over("action_id")
        .replace_strict(list(range(len(order))), order, default=None, return_dtype=pl.String)
    )


def _missing(actions: pl.DataFrame, swot: pl.DataFrame, last: object, parameters: Parameters) -> pl.DataFrame:
    """A row with verdict `start` for each priority weakness of the last period without an action yet to end."""
    underway = (
        actions.filter(pl.col("ended_on").is_null() | (_month(pl.col("ended_on")) >= _month(pl.lit(last))))
        .select("unit_id", pl.col("marker").alias("pair_id"))
        .unique()
    )
    weak = swot.filter(
        pl.col("period") == last, pl.col("swot") == "weakness", pl.col("priority").is_not_null(), pl.col("priority") > 0
    )
    return (
        weak.sort("unit_id", "priority", "pair_id", "side", descending=[False, True, False, False])
        .with_columns(rank=pl.int_range(pl.len()).over("unit_id"))
        .filter(pl.col("rank") < parameters.priorities)
        .join(underway, on=["unit_id", "pair_id"], how="anti")
        .select(
            "unit_id",
            "pair_id",
            "side",
            "period",
            "priority",
            verdict=pl.lit(START),
            action_verdict=pl.lit(START),
            status=pl.lit(OK),
        )
    )
