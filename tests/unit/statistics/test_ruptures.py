"""Ruptures: p values by hand, false discoveries against SciPy, episodes and onsets on series whose change is known."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pipelines.statistics.indicators import Definitions
from pipelines.statistics.indices import PAIR_SCORES, UNIT_INDICES
from pipelines.statistics.intervals import Z
from pipelines.statistics.ruptures import (
    RUPTURE_TESTS,
    RUPTURES,
    RuptureParameters,
    adjusted_p,
    rupture_episodes,
    rupture_tests,
)

PARAMETERS = RuptureParameters()


def month(number: int) -> date:
    return date(2024 + number // 12, number % 12 + 1, 1)


def frame(rows: list[dict[str, Any]], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def figure(unit: str, at: int, gap: float | None, se: float = 2.0, pair: str | None = None) -> dict[str, Any]:
    shown = gap is not None
    return {
        "unit_id": unit,
        "period": month(at),
        "pair_id": pair,
        "status": "ok" if shown else "suppressed",
        "client_status": "ok",
        "collaborator_status": "ok",
        "gap": gap,
        "gap_lower": gap - Z * se if gap is not None else None,
        "gap_upper": gap + Z * se if gap is not None else None,
        "gap_se": se if shown else None,
    }


def judged(*rows: dict[str, Any]) -> pl.DataFrame:
    """The tests of figures of units (pair null) and pairs, all at one level."""
    units = pl.DataFrame([{"unit_id": row["unit_id"], "period": row["period"]} for row in rows]).unique()
    return rupture_tests(
        frame([row for row in rows if row["pair_id"] is None], UNIT_INDICES),
        frame([row for row in rows if row["pair_id"] is not None], PAIR_SCORES),
        units.with_columns(unit_level=pl.lit("team")),
        PARAMETERS,
    )


def series(gaps: list[float | None], se: float = 2.0, unit: str = "a") -> list[dict[str, Any]]:
    return [figure(unit, at, gap, se) for at, gap in enumerate(gaps)]


def episodes(tiny: Any, rows: list[dict[str, Any]], window: int = 1) -> pl.DataFrame:
    """Episodes of units whose gap rests on the pair trust alone, with a window of the given length."""
    definitions: Definitions = tiny.definitions()
    lengths = definitions.windows.with_columns(window_months=pl.lit(window))
    pairs = frame([row | {"pair_id": "trust"} for row in rows], PAIR_SCORES)
    chosen = Definitions(
        definitions.indicators, definitions.goalposts, lengths, definitions.mirror_pairs, definitions.weights
    )
    return rupture_episodes(judged(*rows), pairs, chosen, PARAMETERS)


def test_the_p_value_by_hand() -> None:
    """|gap| 16 with an error of 2 lies three errors beyond 10: p = 1 - Φ(3) = 0.0013499; two units tested."""
    found = judged(figure("a", 0, -16.0), figure("b", 0, 0.0))
    assert dict(found.schema) == RUPTURE_TESTS
    first = found.row(0, named=True)
    assert first["p_value"] == pytest.approx(0.001349898, abs=1e-9)
    assert first["q_value"] == pytest.approx(2 * 0.001349898, abs=1e-9)
    assert (first["is_rupture"], first["side"]) == (True, "collaborator")
    second = found.row(1, named=True)
    assert second["p_value"] == pytest.approx(stats.norm.sf(-5))
    assert (second["is_rupture"], second["side"]) == (False, None)


def test_the_error_is_the_one_towards_zero() -> None:
    """An interval of 16 that reaches down to 12 has an error of 4/1.96 on the side that matters, whatever is above."""
    row = figure("a", 0, 16.0) | {"gap_lower": 12.0, "gap_upper": 30.0}
    assert judged(row)["p_value"][0] == pytest.approx(stats.norm.sf(6 / (4 / Z)))


def test_pairs_and_units_are_tested_apart_and_hidden_rows_stay() -> None:
    """One pair among 1 unit: its q is over pairs alone. A hidden month is a row without numbers."""
    found = judged(figure("a", 0, 16.0), figure("a", 0, 16.0, pair="trust"), figure("a", 0, None, pair="voice"))
    assert found["q_value"].to_list() == [pytest.approx(0.0013499, abs=1e-6)] * 2 + [None]
    hidden = found.row(2, named=True)
    assert (hidden["status"], hidden["gap"], hidden["p_value"], hidden["is_rupture"]) == (
        "suppressed",
        None,
        None,
        False,
    )


@settings(deadline=None, max_examples=80)
@given(
    groups=st.lists(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=30), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_adjusted_p_is_scipy_s_and_statsmodels(groups: list[list[float]], seed: int) -> None:
    rows = pl.concat([pl.DataFrame({"g": [at] * len(ps), "p": ps}) for at, ps in enumerate(groups)])
    mixed = rows.with_row_index("row").sample(fraction=1, shuffle=True, seed=seed)
    found = mixed.with_columns(q=adjusted_p("p", [pl.col("g")])).sort("row")
    expected = np.concatenate([stats.false_discovery_control(ps, method="bh") for ps in groups])
    assert np.allclose(found["q"].to_numpy(), expected)
    other = np.concatenate([multipletests(ps, method="fdr_bh")[1] for ps in groups])
    assert np.allclose(found["q"].to_numpy(), other)


def test_episodes_join_months_and_end(tiny: Any) -> None:
    """Four months beyond, healed, then three on the other side that last: two episodes, sizes by hand."""
    gaps: list[float | None] = [0, 0, 0, 0, 20, 24, 28, 20, 0, 0, 0, -30, -40, -35]
    found = episodes(tiny, series(gaps))
    assert dict(found.schema) == RUPTURES
    first, second = found.rows(named=True)
    assert (first["start_period"], first["end_period"], first["is_open"]) == (month(4), month(7), False)
    assert (first["side"], first["months"], first["mean_gap"]) == ("client", 4, pytest.approx(23))
    assert (first["peak_period"], first["peak_gap"]) == (month(6), 28)
    assert first["peak_gap_lower"] == pytest.approx(28 - 2 * Z)
    assert (second["start_period"], second["end_period"], second["is_open"]) == (month(11), None, True)
    assert (second["side"], second["months"], second["peak_gap"]) == ("collaborator", 3, -40)


def test_a_month_without_figure_neither_ends_nor_prolongs(tiny: Any) -> None:
    found = episodes(tiny, series([0, 0, 25, None, 25, None]))
    assert found.height == 1
    assert (found["months"][0], found["is_open"][0]) == (2, True)
    assert (found["start_period"][0], found["end_period"][0]) == (month(2), None)


def test_the_rupture_of_a_closed_unit_is_closed(tiny: Any) -> None:
    """Unit b has no row in the last month of the record: it does not exist any more."""
    found = episodes(tiny, [*series([0, 0, 30, 30]), *series([0, 30, 30], unit="b")])
    assert dict(found.select("unit_id", "is_open").iter_rows()) == {"a": True, "b": False}


@pytest.mark.parametrize("window", [1, 3, 6])
def test_onset_is_the_change_and_not_the_first_flag(tiny: Any, window: int) -> None:
    """A step of 30 in month 10, smeared by the window: the flag comes later, the onset does not."""
    gaps: list[float | None] = [2.0 + 30.0 * min(max(at - 9, 0) / window, 1) for at in range(20)]
    (row,) = episodes(tiny, series(gaps, se=3.0), window).rows(named=True)
    assert row["onset_period"] == month(10)
    assert row["onset_earliest"] <= month(10) <= row["onset_latest"]
    assert row["start_period"] >= month(10)
    if window == 6:
        assert row["start_period"] > month(11)


def test_a_rupture_that_was_only_unsure_for_a_month_keeps_its_onset(tiny: Any) -> None:
    """12 points with an error of 2 is no rupture and no healing either; 2 points is a healing."""
    unsure = episodes(tiny, series([0, 0, 0, 0, 30, 30, 12, 30, 30]))
    assert unsure["start_period"].to_list() == [month(4), month(7)]
    assert unsure["onset_period"].to_list() == [month(4), month(4)]
    healed = episodes(tiny, series([0, 0, 0, 0, 30, 30, 2, 2, 30, 30]))
    assert healed["onset_period"].to_list() == [month(4), month(8)]


def test_a_rupture_as_old_as_the_record_has_no_onset(tiny: Any) -> None:
    (row,) = episodes(tiny, series([25.0, 26.0, 24.0, 25.0])).rows(named=True)
    assert row["start_period"] == month(0)
    assert (row["onset_period"], row["onset_earliest"], row["onset_latest"]) == (None, None, None)


def test_nothing_to_test_gives_empty_frames(tiny: Any) -> None:
    units = pl.DataFrame(schema={"unit_id": pl.String, "period": pl.Date, "unit_level": pl.String})
    pairs = pl.DataFrame(schema=PAIR_SCORES)
    tests = rupture_tests(pl.DataFrame(schema=UNIT_INDICES), pairs, units, PARAMETERS)
    assert (tests.height, dict(tests.schema)) == (0, RUPTURE_TESTS)
    found = rupture_episodes(tests, pairs, tiny.definitions(), PARAMETERS)
    assert (found.height, dict(found.schema)) == (0, RUPTURES)


@pytest.mark.parametrize(("delta", "q", "says"), [(100, 0.05, "delta is 100"), (10, 0, "rupture_q is 0")])
def test_parameters_out_of_range_are_refused(delta: float, q: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        RuptureParameters(delta, q)
