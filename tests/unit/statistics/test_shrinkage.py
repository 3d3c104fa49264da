"""Shrinkage: a published DerSimonian-Laird example, figures by hand, and what must hold whatever the data."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.statistics.indices import PAIR_SCORES, UNIT_INDICES
from pipelines.statistics.shrinkage import (
    SHRUNK_INDICES,
    SHRUNK_PAIRS,
    Comparable,
    between,
    shrink,
    shrunk_indices,
    shrunk_pairs,
)

PERIOD = date(2026, 10, 1)
COMPARABLE = Comparable(["period", "unit_level"], "parent_unit_id")


def figures(
    values: list[float | None], errors: list[float | None], parents: list[str | None] | None = None
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "unit_id": [f"u{at}" for at in range(len(values))],
            "period": [PERIOD] * len(values),
            "unit_level": ["team"] * len(values),
            "parent_unit_id": parents or ["site"] * len(values),
            "value": values,
            "error": errors,
        },
        schema_overrides={"value": pl.Float64, "error": pl.Float64, "parent_unit_id": pl.String},
    )


BCG = [
    (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761),
    (180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
    (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
]  # fmt: skip


def test_tau_is_that_of_a_published_example() -> None:
    """Thirteen trials of the BCG vaccine (Colditz et al. 1994), log relative risks: DerSimonian & Laird's τ² is 0.3088,
    the random-effects mean -0.7141 with an error of 0.1787 (Viechtbauer 2010, J. Stat. Software 36:3)."""
    a, b, c, d = np.array(BCG, dtype=float).T
    effect = np.log(a / (a + b)) - np.log(c / (c + d))
    error = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    found = between(figures(list(effect), list(error)), "value", "error", COMPARABLE)
    assert found["tau2"].to_numpy() == pytest.approx(np.full(13, 0.3088), abs=5e-5)
    assert found["centre"][0] == pytest.approx(-0.7141, abs=5e-5)
    assert found["centre_variance"][0] ** 0.5 == pytest.approx(0.1787, abs=5e-5)


def test_shrinking_by_hand() -> None:
    """50, 60, 70 with errors of 5: w = 0.04, Q = 0.04 · 200 = 8 on 2, scale 0.12 - 0.04 = 0.08, τ² = 6/0.08 = 75.
    λ = 75/100; 50 becomes 0.75 · 50 + 0.25 · 60 = 52.5; error² = 0.75 · 25 + 0.0625 · 100/3 = 20.8333."""
    found = shrink(figures([50, 60, 70], [5, 5, 5]), "value", "error", COMPARABLE, (0.0, 100.0))
    assert found["shrinkage"].to_list() == pytest.approx([0.75] * 3)
    assert found["shrunk"].to_list() == pytest.approx([52.5, 60, 67.5])
    assert found["shrunk_se"][0] == pytest.approx(20.8333333**0.5)


def test_siblings_pull_towards_their_own_parent_and_an_only_child_to_the_level() -> None:
    frame = figures([40, 42, 44, 80, 82, 84, 62], [4] * 7, ["north"] * 3 + ["south"] * 3 + ["east"])
    found = shrink(frame, "value", "error", COMPARABLE, (0.0, 100.0))
    assert found["shrunk"].to_list()[:6] == pytest.approx([42, 42, 42, 82, 82, 82])  # no more spread than their errors
    # Siblings hardly differ, so what an only child shows is noise about the mean of all.
    assert found["shrunk"][6] == pytest.approx(62)
    assert found["shrinkage"].to_list() == pytest.approx([0.0] * 7)
    assert (found["shrunk_se"] > 0).all()


def test_two_units_cannot_tell_and_stay_and_a_hidden_one_stays_hidden() -> None:
    found = shrink(figures([50, 70, None], [5, 5, None]), "value", "error", COMPARABLE, (0.0, 100.0))
    assert found["shrunk"].to_list() == [50, 70, None]
    assert found["shrunk_se"].to_list() == [5, 5, None]
    assert found["shrinkage"].to_list() == [1, 1, None]


def indices(client: list[float], team: list[float], se: list[float]) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = []
    for at, (c, e, error) in enumerate(zip(client, team, se, strict=True)):
        index = (c * e) ** 0.5 * (100 - abs(c - e)) / 100
        rows.append(
            {
                "unit_id": f"u{at}",
                "period": PERIOD,
                "status": "ok",
                "client_index": c,
                "client_index_se": error,
                "collaborator_index": e,
                "collaborator_index_se": error,
                "gap": c - e,
                "gap_se": error * 2**0.5,
                "symmetry_index": index,
                "symmetry_index_lower": index - 5,
                "symmetry_index_upper": index + 5,
            }
        )
    units = pl.DataFrame(
        {
            "unit_id": [row["unit_id"] for row in rows],
            "period": [PERIOD] * len(rows),
            "unit_level": ["team"] * len(rows),
            "parent_unit_id": ["site"] * len(rows),
        }
    )
    return pl.DataFrame([{name: row.get(name) for name in UNIT_INDICES} for row in rows], schema=UNIT_INDICES), units


def measure(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    return frame.filter(pl.col("measure") == name).sort("unit_id")


def test_sides_that_move_together_lend_to_each_other() -> None:
    """C = E + 0, so only their common level varies between units and T is singular: both are drawn to one figure.

    40, 50, 60, 70, 80 with errors of 5: τ² of each side is (Q - 4)/scale with Q = 1000/25 = 40, scale = 5/25 - 1/25
    = 0.16: 225. Of the sum (variance 50): Q = 4000/50 = 80, scale 0.08: 950. Covariance (950 - 450)/2 = 250, cut to
    225. The two together are one figure with variance 12.5: kept 225/237.5 = 0.947; alone 225/250 = 0.9.
    """
    values: list[float] = [40, 50, 60, 70, 80]
    found = shrunk_indices(*indices(values, values, [5.0] * 5))
    assert dict(found.schema) == SHRUNK_INDICES
    for side in ("client_index", "collaborator_index"):
        assert measure(found, side)["shrunk"].to_list() == pytest.approx(
            [60 + (value - 60) * 225 / 237.5 for value in values]
        )
        assert measure(found, side)["shrinkage"].to_list() == pytest.approx([0.5 * 225 / 237.5] * 5)
    assert measure(found, "gap")["shrunk"].to_list() == pytest.approx([0.0] * 5)
    assert (measure(found, "gap")["shrunk_se"] > 0).all()
    assert measure(found, "symmetry_index")["rank"].to_list() == [5, 4, 3, 2, 1]
    assert set(found["ranked"].to_list()) == {5}


def test_hidden_units_have_neither_figure_nor_rank() -> None:
    frame, units = indices([40.0, 50, 60, 70], [50.0, 45, 65, 60], [4.0] * 4)
    numbers = [name for name, dtype in UNIT_INDICES.items() if dtype == pl.Float64]
    hidden = pl.col("unit_id") == "u0"
    frame = frame.with_columns(
        pl.when(hidden).then(pl.lit("suppressed")).otherwise(pl.col("status")).alias("status"),
        *(pl.when(~hidden).then(pl.col(name)).alias(name) for name in numbers),
    )
    found = shrunk_indices(frame, units)
    own = found.filter(pl.col("unit_id") == "u0")
    assert own.height == 4
    assert own.select(
        pl.all_horizontal(pl.col("value", "shrinkage", "shrunk", "shrunk_se", "rank", "ranked").is_null()).all()
    ).item()
    assert set(found["ranked"].drop_nulls().to_list()) == {3}


VALUE = st.tuples(st.floats(5, 95), st.floats(5, 95), st.floats(0.5, 15))


@settings(deadline=None, max_examples=60)
@given(rows=st.lists(VALUE, min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_invariants(rows: list[tuple[float, float, float]], seed: int) -> None:
    """Order is nothing; errors are above zero and no larger than the raw ones but for the mean's; bounds in order."""
    frame, units = indices(*(list(column) for column in zip(*rows, strict=True)))
    found = shrunk_indices(frame, units)
    again = shrunk_indices(frame.sample(fraction=1, shuffle=True, seed=seed), units.reverse())
    assert found.equals(again) or np.allclose(found["shrunk"].to_numpy(), again["shrunk"].to_numpy(), atol=1e-9)
    assert (found["shrunk_se"] > 0).all()
    assert (found["shrunk_lower"] <= found["shrunk_upper"]).all()
    gap = measure(found, "gap")["shrunk"].to_numpy()
    client, team = (measure(found, f"{side}_index")["shrunk"].to_numpy() for side in ("client", "collaborator"))
    assert np.allclose(gap, client - team)


def test_pairs_are_shrunk_face_by_face() -> None:
    rows: list[dict[str, Any]] = [
        {
            "unit_id": f"u{at}",
            "period": PERIOD,
            "pair_id": "trust",
            "status": "ok",
            "client_score": float(value),
            "client_score_lower": value - 5 * 1.959963984540054,
            "client_score_upper": value + 5 * 1.959963984540054,
        }
        for at, value in enumerate((50, 60, 70))
    ]
    frame = pl.DataFrame([{name: row.get(name) for name in PAIR_SCORES} for row in rows], schema=PAIR_SCORES)
    _, units = indices([1, 2, 3], [1, 2, 3], [1, 1, 1])
    found = shrunk_pairs(frame, units)
    assert dict(found.schema) == SHRUNK_PAIRS
    client = found.filter(pl.col("side") == "client")
    assert client["shrunk_score"].to_list() == pytest.approx([52.5, 60, 67.5])
    assert found.filter(pl.col("side") == "collaborator")["shrunk_score"].null_count() == 3
