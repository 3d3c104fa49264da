"""The irritant map: themes of client complaints beside themes of collaborator irritants, by unit (method §7)."""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from pipelines.confidentiality.complementary import apart_in_time, complementary
from pipelines.confidentiality.suppression import INSUFFICIENT, OK, SUPPRESSED, UNPROTECTED, check_k, null_unless
from pipelines.confidentiality.themes import Themes
from pipelines.statistics.indicators import Definitions
from pipelines.statistics.intervals import Array, exact_poisson
from pipelines.statistics.trend import direction, trailing

RATES = {"client": "complaint_rate", "collaborator": "irritant_rate"}
"""The measure whose events a side's themes are."""

IRRITANT_MAP: dict[str, pl.DataType] = {
    "unit_id": pl.String(),
    "period": pl.Date(),
    "side": pl.String(),
    "theme": pl.String(),
    "window_months": pl.Int64(),
    "n": pl.Float64(),
    "events": pl.Float64(),
    "rate": pl.Float64(),
    "lower": pl.Float64(),
    "upper": pl.Float64(),
    "trend": pl.String(),
    "trend_p": pl.Float64(),
    "status": pl.String(),
}
"""Columns of the frame that `irritant_map` returns, in order, with their types."""

TREND_DIGITS = 2
"""Decimals of the published p of a trend: with more, the counts of single months could be found by trying all."""

EVERYBODY = "all"
_KEY = ("unit_id", "period", "side", "theme")
_CELL = ("unit_id", "period", "side")


@dataclass(frozen=True)
class IrritantParameters:
    """The trend over `trend_months`, of which `trend_least_months` must be shown and `trend_least_events` events have
    happened; called rising or falling where its two-sided p is below `trend_p`."""

    trend_months: int = 6
    trend_least_months: int = 3
    trend_least_events: float = 5.0
    trend_p: float = 0.10

    @classmethod
    def from_frame(cls, parameters: pl.DataFrame) -> "IrritantParameters":
        """Read from the seed `parameters` (name, value); a name that is absent keeps its default.

        Raises ValueError when trend_p is outside 0-1, the months are not 2 <= least <= all, or no event is asked for.
        """
        values = {str(name): float(value) for name, value in parameters.select("name", "value").iter_rows()}
        result = cls(
            trend_months=int(values.get("trend_months", cls.trend_months)),
            trend_least_months=int(values.get("trend_least_months", cls.trend_least_months)),
            trend_least_events=values.get("trend_least_events", cls.trend_least_events),
            trend_p=values.get("trend_p", cls.trend_p),
        )
        if not 0.0 < result.trend_p < 1.0:
            raise ValueError(f"parameters.csv: trend_p is {result.trend_p}; it is a probability between 0 and 1.")
        if not 2 <= result.trend_least_months <= result.trend_months:
            raise ValueError(
                f"parameters.csv: trend_least_months is {result.trend_least_months} and trend_months "
                f"{result.trend_months}; a trend needs two months at least, and no more than it looks at."
            )
        if result.trend_least_events <= 0.0:
            raise ValueError(
                f"parameters.csv: trend_least_events is {result.trend_least_events}; it is a count above 0."
            )
        return result


def irritant_map(
    theme_windows: pl.DataFrame,
    definitions: Definitions,
    units: pl.DataFrame,
    k: int,
    parameters: IrritantParameters | None = None,
    cells: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rate, interval and trend of each theme of complaints and of irritants, for every unit and period.

    theme_windows: the dbt model of that name (unit_id, period, side, theme, window_months, n, s1, people_exposed,
    people_raising, n_in_month, s1_in_month). definitions: indicators also with measure. units: unit_id, period,
    parent_unit_id. k: smallest number of people. cells: unit_id, period, side, theme, people: who raised the theme in
    that month in the unit itself; None, where months are not known, protects each period by itself only. Returns the
    columns of `IRRITANT_MAP`, sorted by key; one row for every row of theme_windows whose unit and period are in units.

    n: client-months or person-months in the window (the longest in force: themes are rare); events: complaints or
    irritants of the theme; rate = multiplier · events / n, in the unit of the side's indicator (per 100 a month), with
    the exact Poisson interval. The themes of a side add up to its complaints (irritants) of these months.

    Trend: score test of a log-linear trend in the events of the trailing months themselves, which do not overlap as
    windows do (Cochran-Armitage for Poisson counts; Armitage 1955): given their total, events fall to months in
    proportion to exposure, so Σ t·y has mean N·μ and variance N·σ², with μ and σ² the mean and variance of the month
    by exposure; p is two-sided normal, and shown to `TREND_DIGITS` decimals. `rising` means more of it. Months are
    taken as independent and events as Poisson: a burst of complaints about one incident can look like a trend. Null
    where too little happened to tell.

    The rule of k, for sides that it protects: a row is `suppressed` where fewer than k people are exposed, or where
    anybody but fewer than k people raised the theme, since a rare theme points at who raised it. As the side's total
    is published, hiding one theme alone would give it away: where a theme is hidden for who raised it, the shown theme
    that the fewest people raised is hidden too. A month whose own row is hidden does not count in a trend. Else
    `insufficient` where n is below the indicator's min_n. Numbers are null unless `ok`. Windows of one theme that would
    tell months apart in which fewer than k people raised it are hidden, and what would give a hidden theme away across
    the hierarchy; then, with themes that nobody raised where others are hidden, whatever else would over themes, units
    and months at once (`confidentiality.themes`).

    Raises ValueError when k is below the floor, or a side has themes and no indicator of its rate is in force.
    """
    check_k(k)
    chosen = parameters or IrritantParameters()
    rows = theme_windows.join(units.select("unit_id", "period").unique(), on=["unit_id", "period"], how="semi")
    rows = rows.join(_rates(definitions), on="side", how="left", validate="m:1").sort(_KEY)
    lost = rows.filter(pl.col("multiplier").is_null())
    if lost.height:
        side = lost["side"][0]
        raise ValueError(
            f"theme_windows has themes of side {side!r}, and no indicator of measure {RATES.get(side)!r} is in force; "
            "add it to indicators.csv, or build the indicators again."
        )
    rows = rows.with_columns(status=_status(k))
    if cells is not None:
        rows = _along_time(rows, units, k, cells)
    rows = _across_units(_complementary(rows), units, k)
    if cells is not None:
        rows = _over_all(rows, units, k, cells)
    n, events = (rows[name].cast(pl.Float64).to_numpy() for name in ("n", "s1"))
    estimate = exact_poisson(events, n)
    multiplier = rows["multiplier"].to_numpy()
    slope, p = _trend(rows, chosen)
    rows = rows.with_columns(
        events=pl.col("s1"),
        rate=pl.Series(estimate.value * multiplier),
        lower=pl.Series(estimate.lower * multiplier),
        upper=pl.Series(estimate.upper * multiplier),
        slope=pl.Series(slope, dtype=pl.Float64).fill_nan(None),
        trend_p=pl.Series(p, dtype=pl.Float64).fill_nan(None),
    ).with_columns(trend=direction("slope", "trend_p", chosen.trend_p), trend_p=pl.col("trend_p").round(TREND_DIGITS))
    rows = null_unless(rows, ["n", "events", "rate", "lower", "upper", "trend", "trend_p"])
    return rows.select(pl.col(name).cast(dtype) for name, dtype in IRRITANT_MAP.items()).sort(_KEY)


def _rates(definitions: Definitions) -> pl.DataFrame:
    """side, multiplier, protects, min_n of the indicator that each side's themes are the events of."""
    sides = pl.DataFrame({"side": list(RATES), "measure": list(RATES.values())})
    found = definitions.indicators.select(
        pl.col("indicator_id", "measure", "protects").cast(pl.String), pl.col("multiplier").cast(pl.Float64)
    ).join(
        definitions.windows.select(pl.col("indicator_id").cast(pl.String), pl.col("min_n").cast(pl.Float64)),
        on="indicator_id",
        how="left",
    )
    # Where two indicators share the measure, theme_windows takes the first by name; so is done here.
    return (
        sides.join(found.sort("indicator_id"), on="measure", how="inner", maintain_order="left_right")
        .unique("side", keep="first", maintain_order=True)
        .select("side", pl.col("multiplier").fill_null(1.0), "protects", pl.col("min_n").fill_null(0.0))
    )


def _protected() -> pl.Expr:
    return pl.col("protects").fill_null("unknown") != UNPROTECTED


def _status(k: int) -> pl.Expr:
    """The status of a row by itself."""
    few_exposed = pl.col("people_exposed").fill_null(0) < k
    few_raising = (pl.col("s1") > 0) & (pl.col("people_raising").fill_null(0) < k)
    return (
        pl.when(_protected() & (few_exposed | few_raising))
        .then(pl.lit(SUPPRESSED))
        .when((pl.col("n") > 0) & (pl.col("n") >= pl.col("min_n")))
        .then(pl.lit(OK))
        .otherwise(pl.lit(INSUFFICIENT))
    )


def _complementary(rows: pl.DataFrame) -> pl.DataFrame:
    """Hide one more theme where one is hidden for who raised it: the shown one with events that the fewest raised.

    Any shown theme with events was raised by k people or more, so one is enough for the hidden ones together.
    """
    happened = pl.col("s1") > 0
    hidden = (_protected() & happened & (pl.col("status") == SUPPRESSED)).any().over(_CELL)
    open_to = happened & (pl.col("status") == OK) & _protected()
    # Of themes that equally many people raised, the first by name.
    place = pl.when(open_to).then(pl.struct("people_raising", "theme")).otherwise(None).rank("ordinal").over(_CELL)
    return rows.with_columns(
        status=pl.when(hidden & open_to & (place == 1)).then(pl.lit(SUPPRESSED)).otherwise(pl.col("status"))
    )


def _along_time(rows: pl.DataFrame, units: pl.DataFrame, k: int, cells: pl.DataFrame) -> pl.DataFrame:
    """Hide windows whose differences give the events of months in which fewer than k people raised the theme."""
    raised = _as_windows(rows)
    told = apart_in_time(
        raised,
        units.select("unit_id", "period", "parent_unit_id"),
        k,
        cells.select("unit_id", "period", "people", population="theme", indicator_id="side"),
    )
    return _hidden_too(rows, told)


def _as_windows(rows: pl.DataFrame) -> pl.DataFrame:
    """The themes that anybody raised, in the columns of `complementary`: a theme stands for a population, a side for
    an indicator."""
    return rows.filter(_protected() & (pl.col("s1") > 0)).select(
        "unit_id",
        "period",
        population="theme",
        indicator_id="side",
        window_months="window_months",
        people="people_raising",
        protects="protects",
        status="status",
    )


def _hidden_too(rows: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """rows, suppressed wherever `windows` are."""
    hidden = windows.filter((pl.col("status") == SUPPRESSED) & (pl.col("population") != EVERYBODY)).select(
        "unit_id", "period", side="indicator_id", theme="population", also=pl.lit(value=True)
    )
    return _suppressed(rows, hidden)


def _suppressed(rows: pl.DataFrame, hidden: pl.DataFrame) -> pl.DataFrame:
    """rows, suppressed where `hidden` (the key, and `also`) says so."""
    return (
        rows.join(hidden, on=list(_KEY), how="left", validate="1:1")
        .with_columns(status=pl.when(pl.col("also")).then(pl.lit(SUPPRESSED)).otherwise(pl.col("status")))
        .drop("also")
        .sort(_KEY)
    )


def _across_units(rows: pl.DataFrame, units: pl.DataFrame, k: int) -> pl.DataFrame:
    """Hide what else would give a hidden theme away: a parent less its other units, a side less its other themes.

    Themes are to a side what populations are to an indicator, so the same rule decides
    (`confidentiality.complementary`), month by month; the whole of a side counts as shown, since its rate is
    published. People of two themes count as different people.
    """
    windows = _as_windows(rows)
    whole = (
        windows.group_by("unit_id", "period", "indicator_id", "window_months", "protects")
        .agg(pl.col("people").sum())
        .with_columns(population=pl.lit(EVERYBODY), status=pl.lit(OK))
    )
    everything = pl.concat([windows, whole.select(windows.columns)])
    return _hidden_too(rows, complementary(everything, units.select("unit_id", "period", "parent_unit_id"), k))


def _over_all(rows: pl.DataFrame, units: pl.DataFrame, k: int, cells: pl.DataFrame) -> pl.DataFrame:
    """Hide what, over themes, units and months at once, would give away what fewer than k people raised."""
    protected = rows.filter(_protected())
    hidden = []
    for (side,), own in protected.partition_by("side", as_dict=True, maintain_order=True).items():
        themes = Themes(
            own.with_columns(people=pl.col("people_raising"), shown=pl.col("status") != SUPPRESSED),
            cells.filter(pl.col("side") == side),
            units.select("unit_id", "period", "parent_unit_id"),
        )
        themes.hide(k)
        hidden.append(themes.hidden.with_columns(side=pl.lit(side), also=pl.lit(value=True)))
    return _suppressed(rows, pl.concat(hidden)) if hidden else rows


def _trend(rows: pl.DataFrame, chosen: IrritantParameters) -> tuple[Array, Array]:
    """Score of the trend and its two-sided p for each row; NaN where too little is known."""
    own = rows.with_columns(
        pl.when(pl.col("status") == SUPPRESSED).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("n_in_month", "s1_in_month")
    )
    exposure, events = trailing(own, ["unit_id", "side", "theme"], ["n_in_month", "s1_in_month"], chosen.trend_months)
    known = np.isfinite(exposure) & np.isfinite(events) & (exposure > 0)
    exposure, events = np.where(known, exposure, 0.0), np.where(known, events, 0.0)
    time = np.arange(chosen.trend_months, dtype=np.float64)
    total = events.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = exposure / exposure.sum(axis=1, keepdims=True)
        mean = share @ time
        variance = total * (share @ time**2 - mean**2)
        score = events @ time - total * mean
        z = score / np.sqrt(variance)
        p = 2.0 * special.ndtr(-np.abs(z))
    enough = (known.sum(axis=1) >= chosen.trend_least_months) & (total >= chosen.trend_least_events)
    return np.where(enough, score, np.nan), np.where(enough, p, np.nan)
