"""A tiny company: one team, one pair of perception, one of conduct. Its figures are worked in test_indices."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from pipelines.statistics.indicators import Definitions

PERIOD = date(2026, 10, 1)

WINDOW_SCHEMA: dict[str, Any] = {
    "unit_id": pl.String,
    "period": pl.Date,
    "population": pl.String,
    "indicator_id": pl.String,
    "window_months": pl.Int64,
    "n": pl.Float64,
    "s1": pl.Float64,
    "s2": pl.Float64,
    "people": pl.Int64,
    "conservative": pl.Boolean,
}


def window(indicator_id: str, n: float, s1: float, s2: float | None = None, **other: Any) -> dict[str, Any]:
    row = {
        "unit_id": "team",
        "period": PERIOD,
        "population": "all",
        "indicator_id": indicator_id,
        "window_months": 3,
        "n": float(n),
        "s1": float(s1),
        "s2": None if s2 is None else float(s2),
        "people": int(n),
        "conservative": False,
    }
    return row | other


def windows_frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=WINDOW_SCHEMA)


def units_frame(*unit_ids: str, level: str = "team") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "unit_id": list(unit_ids),
            "unit_level": [level] * len(unit_ids),
            "parent_unit_id": [None] * len(unit_ids),
            "period": [PERIOD] * len(unit_ids),
        },
        schema_overrides={"parent_unit_id": pl.String},
    )


def definitions_frame(min_n: float = 1) -> Definitions:
    ids = {
        "client_trust": ("client", "perception", "mean", 1.0, 0.0, 100.0, "client", 0.0, 100.0),
        "collaborator_trust": ("collaborator", "perception", "mean", 1.0, 0.0, 100.0, "collaborator", 0.0, 100.0),
        "client_responsiveness": ("client", "conduct", "proportion", 100.0, None, None, "client", 50.0, 100.0),
        "collaborator_responsiveness": (
            "collaborator",
            "conduct",
            "proportion",
            100.0,
            None,
            None,
            "collaborator",
            50.0,
            100.0,
        ),
        "client_irritants": ("client", "none", "rate", 100.0, None, None, "client", 10.0, 0.0),
        "client_recommendation": ("client", "none", "nps", 100.0, None, None, "client", -100.0, 100.0),
        "availability": ("client", "none", "proportion", 100.0, None, None, "none", 90.0, 100.0),
        "unscored": ("client", "none", "mean", 1.0, 0.0, 10.0, "client", None, None),
    }
    indicators = pl.DataFrame(
        [(key, *value) for key, value in ids.items()],
        schema={
            "indicator_id": pl.String,
            "side": pl.String,
            "mirror": pl.String,
            "kind": pl.String,
            "multiplier": pl.Float64,
            "value_min": pl.Float64,
            "value_max": pl.Float64,
            "protects": pl.String,
            "floor": pl.Float64,
            "goal": pl.Float64,
        },
        orient="row",
    )
    return Definitions(
        indicators=indicators.drop("floor", "goal"),
        goalposts=indicators.select("indicator_id", "floor", "goal").drop_nulls(),
        windows=indicators.select("indicator_id", window_months=pl.lit(3), min_n=pl.lit(float(min_n))),
        mirror_pairs=pl.DataFrame(
            {
                "pair_id": ["trust", "responsiveness"],
                "mirror": ["perception", "conduct"],
                "client_indicator_id": ["client_trust", "client_responsiveness"],
                "collaborator_indicator_id": ["collaborator_trust", "collaborator_responsiveness"],
                "sort_order": [1, 2],
            }
        ),
        weights=pl.DataFrame(
            {
                "scope": ["mirror", "mirror", "pair", "pair"],
                "id": ["perception", "conduct", "trust", "responsiveness"],
                "weight": [0.75, 0.25, 1.0, 1.0],
            }
        ),
    )


class Tiny:
    """The makers of the tiny company's frames, as one fixture."""

    window = staticmethod(window)
    windows = staticmethod(windows_frame)
    units = staticmethod(units_frame)
    definitions = staticmethod(definitions_frame)
    period = PERIOD

    @staticmethod
    def example() -> pl.DataFrame:
        return windows_frame(
            window("client_trust", 5, 400, 33750),
            window("collaborator_trust", 6, 450, 36250),
            window("composite.perception.client", 5, 400, 33750),
            window("composite.perception.collaborator", 6, 450, 36250),
            window("client_responsiveness", 100, 80),
            window("collaborator_responsiveness", 40, 30),
        )


@pytest.fixture(scope="session")
def tiny() -> type[Tiny]:
    return Tiny
