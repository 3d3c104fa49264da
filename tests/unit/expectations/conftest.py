"""A small good publication, which tests break copies of."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

UNITS = [f"u{number:02}" for number in range(41)]
PERIODS = ["2025-01-01", "2025-02-01"]


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    marks = ", ".join("?" for _ in names)
    columns = ", ".join(f'"{name}"' for name in names)
    connection.executemany(f"insert into {table} ({columns}) values ({marks})", [list(row.values()) for row in rows])


def _scorecard_row(unit: str, period: str) -> dict[str, Any]:
    client, team = 70.0, 60.0
    level = math.sqrt(client * team)
    row: dict[str, Any] = {
        "unit_id": unit,
        "unit_name": unit.upper(),
        "unit_level": "company" if unit == UNITS[0] else "team",
        "parent_unit_id": None if unit == UNITS[0] else UNITS[0],
        "period": period,
        "status": "ok",
        "weight_present": 1.0,
        "pairs_scored": 2,
        "client_index": client,
        "client_index_lower": client - 5,
        "client_index_upper": client + 5,
        "client_index_se": 2.5,
        "collaborator_index": team,
        "collaborator_index_lower": team - 5,
        "collaborator_index_upper": team + 5,
        "collaborator_index_se": 2.5,
        "gap": client - team,
        "gap_lower": client - team - 7,
        "gap_upper": client - team + 7,
        "gap_se": 3.5,
        "level": level,
        "symmetry": 90.0,
        "symmetry_index": level * 0.9,
        "symmetry_index_lower": level * 0.9 - 4,
        "symmetry_index_upper": level * 0.9 + 4,
        "quadrant": "borderline",
        "human_sigma": 50.0,
        "perception_client": client,
        "perception_collaborator": team,
        "journey_client": None,
        "journey_collaborator": None,
        "conduct_client": client,
        "conduct_collaborator": team,
    }
    if unit == UNITS[1]:
        keep = {"unit_id", "unit_name", "unit_level", "parent_unit_id", "period"}
        row = {name: value if name in keep else None for name, value in row.items()} | {"status": "suppressed"}
    return row


def _pair_row(unit: str, period: str, pair: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "unit_id": unit,
        "unit_level": "team",
        "period": period,
        "pair_id": pair,
        "mirror": "perception" if pair == "trust" else "conduct",
        "client_status": "ok",
        "collaborator_status": "ok",
        "client_score": 70.0,
        "client_score_lower": 65.0,
        "client_score_upper": 75.0,
        "collaborator_score": 60.0,
        "collaborator_score_lower": 55.0,
        "collaborator_score_upper": 65.0,
        "gap": 10.0,
        "gap_lower": 3.0,
        "gap_upper": 17.0,
        "gap_se": 3.5,
        "status": "ok",
    }
    if unit == UNITS[1]:
        hidden = [name for name in row if name.startswith(("gap", "collaborator_score"))]
        row.update(dict.fromkeys(hidden), collaborator_status="suppressed", status="suppressed")
    return row


def _indicator_row(unit: str, period: str, indicator: str) -> dict[str, Any]:
    protected = indicator != "client_continuity"
    row: dict[str, Any] = {
        "unit_id": unit,
        "unit_level": "team",
        "period": period,
        "population": "all",
        "indicator_id": indicator,
        "side": indicator.split("_")[0],
        "mirror": "perception" if indicator.endswith("trust") else "conduct",
        "window_months": 3,
        "n": 20.0 if protected else 2.0,
        "people": 10 if protected else None,
        "value": 3.8,
        "value_lower": 3.5,
        "value_upper": 4.1,
        "value_se": 0.15,
        "score": 70.0,
        "score_lower": 65.0,
        "score_upper": 75.0,
        "score_se": 2.5,
        "variance_source": "moderated",
        "status": "ok",
        "duration_median_hours": 8.5 if indicator.endswith("responsiveness") else None,
        "duration_p90_hours": 40.0 if indicator.endswith("responsiveness") else None,
    }
    numbers = [name for name in row if name.startswith(("value", "score", "variance", "duration"))]
    if unit == UNITS[1]:
        row.update(dict.fromkeys([*numbers, "n", "people"]), status="suppressed")
    if unit == UNITS[2]:
        row.update(dict.fromkeys(numbers), status="insufficient")
    return row


def _rupture_row(unit: str, pair: str | None) -> dict[str, Any]:
    return {
        "unit_id": unit,
        "unit_level": "team",
        "pair_id": pair,
        "side": "client",
        "start_period": "2025-01-01",
        "end_period": None,
        "is_open": True,
        "months": 2,
        "onset_period": None if pair else "2025-01-01",
        "onset_earliest": None if pair else "2024-12-01",
        "onset_latest": None if pair else "2025-01-01",
        "peak_period": "2025-02-01",
        "peak_gap": 25.0,
        "peak_gap_lower": 18.0,
        "peak_gap_upper": 32.0,
        "mean_gap": 22.0,
        "smallest_q": 0.001,
    }


def _signal_row(unit: str) -> dict[str, Any]:
    return {
        "unit_id": unit,
        "period": "2025-02-01",
        "measure": "gap",
        "rule": "beyond_3_sigma",
        "direction": "above",
        "value": 25.0,
        "centre": 5.0,
        "sigma": 3.0,
    }


def _shrunk_row(unit: str, period: str, measure: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "unit_id": unit,
        "period": period,
        "measure": measure,
        "value": 10.0,
        "shrinkage": 0.6,
        "shrunk": 8.0,
        "shrunk_se": 2.0,
        "shrunk_lower": 4.0,
        "shrunk_upper": 12.0,
        "rank": 1,
        "ranked": 40,
    }
    if unit == UNITS[1]:
        row.update(dict.fromkeys(("value", "shrinkage", "shrunk", "shrunk_se", "shrunk_lower", "shrunk_upper")))
        row.update(rank=None, ranked=None)
    return row


def _interval(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_lower": value - 4, f"{name}_upper": value + 4, f"{name}_se": 2.0}


STATISTICS: dict[str, dict[str, Any]] = {
    "swot": {
        **{"pair_id": "trust", "side": "client", "score": 50.0, "score_se": 2.0, "is_shrunk": True, "slope": -0.5},
        **{"slope_se": 0.2, "slope_p": 0.02, "trend": "falling", "swot": "weakness", "shortfall": 10.0, "weight": 0.4},
        **{"driver_importance": 1.0, "priority": 4.0, "priority_rank": 1, "status": "ok"},
    },
    "irritant_map": {
        **{"side": "client", "theme": "billing", "window_months": 3, "n": 300.0, "events": 9.0, "rate": 3.0},
        **{"lower": 1.4, "upper": 5.7, "trend": "flat", "trend_p": 0.5, "status": "ok"},
    },
    "equity": {
        **{"population_a": "field", "population_b": "office", **_interval("index_a", 60), **_interval("index_b", 66)},
        **{**_interval("difference", -6), "pairs_scored": 9, "weight_present": 0.8, "people_a": 9, "people_b": 8},
        "status": "ok",
    },
    "beliefs": {
        **{"role": "manager", "dimension": "trust", **_interval("estimate", 80), "estimates": 12.0},
        **{"estimating_people": 9, **_interval("answer", 65), "answers": 40.0, "answering_people": 38},
        **{**_interval("difference", 15), "status": "ok"},
    },
    "links": {
        **{"mirror": "perception", "unit_level": "team", "outcome": "client", "predictor": "collaborator"},
        **{"lag_months": 2, **_interval("slope", 0.4), "p": 0.01, "within_r": 0.2, "within_r_corrected": 0.3},
        **{"reliability": 0.6, "units": 60, "months": 24, "observations": 1400, "strongest": True, "status": "ok"},
    },
    "drivers": {
        **{"unit_level": "team", "indicator_id": "collaborator_trust", "weight": 0.2, "weight_lower": 0.1},
        **{"weight_upper": 0.3, "share": 0.5, "rank": 1, "r": 0.4, "r2": 0.4, "presence": 1.0, "reliability": 0.7},
        **{"units": 60, "observations": 1400, "status": "ok"},
    },
    "action_effects": {
        **{"pair_id": "trust", "side": "client", "action_id": "A1", "kind": "coaching", "owner_role": "manager"},
        **{"months_after": 6, "score_before": 50.0, "score_after": 60.0, "share_after": 1.0, "expected_change": 1.0},
        **{**_interval("effect", 9), "p": 0.01, "controls": 20, "other_actions": 0, "verdict": "continue"},
        **{"action_verdict": "continue", "priority": None, "status": "ok"},
    },
    "robustness": {
        **{"variant": "draws", "symmetry_index": 60.0, "rank": 4, "rank_low": 2, "rank_high": 7, "status": "ok"},
    },
}
"""An ok row of each table whose rows have a status; unit u01 is suppressed there and u02 insufficient."""


def _statistics_row(table: str, unit: str, period: str) -> dict[str, Any]:
    row = {"unit_id": unit, "period": period, **STATISTICS[table]}
    if unit in UNITS[1:3]:
        kept = {"unit_id", "period", "pair_id", "side", "theme", "population_a", "population_b", "role", "dimension"}
        kept |= {"variant", "mirror", "unit_level", "outcome", "predictor", "indicator_id", "lag_months"}
        row = {name: value if name in kept else None for name, value in row.items()}
        row["status"] = "suppressed" if unit == UNITS[1] else "insufficient"
    if table in ("links", "drivers"):
        # They are about no single unit: what would be the unit's row is another level's.
        row["unit_level"] = f"{unit} {period}"
    return row


INDICATORS = {
    "client_trust": ("perception", "mean", "survey_mean", "client"),
    "collaborator_trust": ("perception", "mean", "survey_mean", "collaborator"),
    "client_responsiveness": ("conduct", "proportion", "case_first_reply", "client"),
    "collaborator_responsiveness": ("conduct", "proportion", "request_first_reply", "collaborator"),
    "client_continuity": ("conduct", "mean", "availability", "none"),
}


def _published_rows() -> dict[str, list[dict[str, Any]]]:
    moments = [(unit, period) for unit in UNITS for period in PERIODS]
    return {
        "scorecard": [_scorecard_row(*moment) for moment in moments],
        "scorecard_pairs": [_pair_row(*moment, pair) for moment in moments for pair in ("trust", "responsiveness")],
        "scorecard_indicators": [_indicator_row(*moment, name) for moment in moments for name in INDICATORS],
        **{name: [_statistics_row(name, *moment) for moment in moments] for name in STATISTICS},
        "ruptures": [_rupture_row(unit, pair) for unit in (*UNITS[3:12], "u26") for pair in (None, "trust")],
        "signals": [_signal_row(unit) for unit in (*UNITS[3:12], "u26")],
        "shrunk_indices": [_shrunk_row(*moment, name) for moment in moments for name in ("gap", "client_index")],
        "dim_unit": [
            {
                "unit_id": unit,
                "unit_name": unit.upper(),
                "unit_level": "team",
                "parent_unit_id": None if unit == UNITS[0] else UNITS[0],
                "parent_unit_name": None if unit == UNITS[0] else UNITS[0].upper(),
                "depth": 0 if unit == UNITS[0] else 1,
                "valid_from": "1900-01-01",
                "valid_to": "9999-12-31",
            }
            for unit in UNITS
        ],
        "dim_period": [
            {
                "period": f"2025-{month:02}-01",
                "period_end": f"2025-{month:02}-{28 if month == 2 else 31}",
                "year": 2025,
                "month": month,
                "label_en": "month",
                "label_fr": "mois",
                "is_complete": True,
                "is_latest": month == 2,
            }
            for month in (1, 2)
        ],
        "dim_pair": [
            {
                "pair_id": pair,
                "mirror": mirror,
                "client_indicator_id": f"client_{pair}",
                "collaborator_indicator_id": f"collaborator_{pair}",
                "weight": 1.0,
                "mirror_weight": 0.5,
                "label_en": pair,
                "label_fr": pair,
                "sort_order": 1,
            }
            for pair, mirror in (("trust", "perception"), ("responsiveness", "conduct"))
        ],
        "dim_indicator": [
            {
                "indicator_id": name,
                "side": name.split("_")[0],
                "mirror": mirror,
                "kind": kind,
                "measure": measure,
                "topic": None,
                "multiplier": 1.0,
                "floor": 1.0,
                "goal": 5.0,
                "window_months": 3,
                "min_n": 1,
                "protects": protects,
                "unit_of_measure": "points",
                "label_en": name,
                "label_fr": name,
                "sort_order": 1,
            }
            for name, (mirror, kind, measure, protects) in INDICATORS.items()
        ],
    }


_DATES = {
    *("period", "period_end", "valid_from", "valid_to", "start_period", "end_period", "peak_period"),
    *("onset_period", "onset_earliest", "onset_latest"),
}
_TEXTS = {
    *("status", "quadrant", "variance_source", "topic", "client_status", "collaborator_status", "mirror", "measure"),
    *("unit_id", "unit_name", "unit_level", "parent_unit_id", "parent_unit_name", "pair_id", "population", "side"),
    *("indicator_id", "client_indicator_id", "collaborator_indicator_id", "label_en", "label_fr", "kind", "protects"),
    *("unit_of_measure", "rule", "direction", "trend", "swot", "theme", "role", "dimension", "variant"),
    *("population_a", "population_b", "outcome", "predictor", "action_id", "owner_role", "verdict", "action_verdict"),
}
_WHOLE = {
    "pairs_scored",
    "people",
    "window_months",
    "min_n",
    "depth",
    "year",
    "month",
    "sort_order",
    "months",
    "rank",
    "ranked",
}


def _type(name: str) -> str:
    if name in _DATES:
        return "DATE"
    if name.startswith("is_") or name == "strongest":
        return "BOOLEAN"
    return "VARCHAR" if name in _TEXTS else "BIGINT" if name in _WHOLE else "DOUBLE"


@pytest.fixture(scope="session")
def published_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("published") / "good.duckdb"
    with duckdb.connect(str(path)) as connection:
        for table, rows in _published_rows().items():
            columns = ", ".join(f'"{name}" {_type(name)}' for name in rows[0])
            connection.execute(f"create table {table} ({columns})")
            insert(connection, table, rows)
    return path


@pytest.fixture(scope="session")
def break_published(published_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], Path]:
    """Copy the good file, run SQL statements on the copy, return its path."""

    def broken(statements: list[str]) -> Path:
        path = tmp_path_factory.mktemp("broken") / "candidate.duckdb"
        shutil.copy(published_template, path)
        with duckdb.connect(str(path)) as connection:
            for statement in statements:
                connection.execute(statement)
        return path

    return broken
