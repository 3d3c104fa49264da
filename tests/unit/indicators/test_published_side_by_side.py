"""What never enters a gap is published all the same: both turnover formulae side by side, managerial practices, and
every indicator with one face only (method §2), from the windows of the tiny company to the mart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.settings import DBT_PROJECT_DIR
from pipelines.statistics.indicators import Definitions, indicator_scores

JUNE = date(2025, 6, 1)
PERSON_MONTHS = 6 + 6 + 4 + (10 / 30 + 1 + 15 / 30) + (22 / 31 + 20 / 28)
"""Of e1, e2 and e5 (from March) whole months; of e3 from 21 April to 15 June; of e4 from 10 January to 20 February."""


@pytest.fixture(scope="module")
def mart(
    warehouse: duckdb.DuckDBPyConnection, definitions_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of the tiny warehouse, scored (k = 3, no least n: the company is tiny), with the mart of indicators."""
    folder = tmp_path_factory.mktemp("mart")
    source = next(path for _, name, path in warehouse.execute("pragma database_list").fetchall() if name != "system")
    copy = folder / "warehouse.duckdb"
    shutil.copy(source, copy)
    seeds = {
        name: pl.read_csv(definitions_folder / f"{name}.csv", infer_schema_length=None)
        for name in ("indicators", "goalposts", "windows", "mirror_pairs", "weights")
    }
    definitions = Definitions(**seeds | {"windows": seeds["windows"].with_columns(min_n=pl.lit(1.0))})
    with duckdb.connect(str(copy)) as connection:
        windows = connection.sql("select * from indicators.indicator_windows").pl()
        units = connection.sql("select unit_id, period, unit_level, parent_unit_id from indicators.unit_months").pl()
        scores = indicator_scores(windows, definitions, units, 3)
        connection.execute("create schema statistics")
        connection.register("frame", scores.to_arrow())
        connection.execute("create table statistics.indicator_scores as select * from frame")
    ran = subprocess.run(
        [
            str(Path(sys.executable).with_name("dbt")),
            *("run", "--select", "stg_statistics__indicator_scores scorecard_indicators"),
            *("--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
        ],
        env=dict(os.environ) | {"SYMMETRY_WAREHOUSE": str(copy), "SYMMETRY_DEFINITIONS_DIR": str(definitions_folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    with duckdb.connect(str(copy), read_only=True) as connection:
        yield connection


def row(mart: duckdb.DuckDBPyConnection, indicator: str) -> dict[str, Any]:
    found = mart.sql(
        "select * from scorecard.scorecard_indicators where unit_id = 'c' and period = ? and indicator_id = ?",
        params=[JUNE, indicator],
    ).pl()
    assert found.height == 1, indicator
    return found.row(0, named=True)


def test_both_turnover_formulae(mart: duckdb.DuckDBPyConnection) -> None:
    """Voluntary: e3 and e4 left, over person-months, a year. French: (three entries + two departures)/2 over the
    headcounts at the opening, 2 + 3 + 2 + 3 + 4 + 4 = 18, a year: 1200 · 2.5/18 = 166.67."""
    voluntary, french = row(mart, "collaborator_loyalty"), row(mart, "collaborator_turnover_french")
    assert voluntary["value"] == pytest.approx(1200 * 2 / PERSON_MONTHS, rel=1e-9)
    assert french["value"] == pytest.approx(1200 * 2.5 / 18, rel=1e-12)
    assert (voluntary["n"], french["n"]) == (pytest.approx(PERSON_MONTHS), pytest.approx(18))
    assert (voluntary["mirror"], french["mirror"]) == ("conduct", "none")
    for formula in (voluntary, french):
        assert formula["status"] == "ok"
        assert formula["value_lower"] < formula["value"] < formula["value_upper"]
    assert voluntary["value"] > 100, "two of so few, in months: as a share of a year, retention stops at nothing"
    assert row(mart, "collaborator_retention")["value"] == 0


def test_every_indicator_with_one_face_that_has_data_is_there(
    mart: duckdb.DuckDBPyConnection, definitions_folder: Path
) -> None:
    seed = pl.read_csv(definitions_folder / "indicators.csv", infer_schema_length=None)
    one_faced = set(seed.filter(pl.col("mirror") == "none")["indicator_id"])
    assert len(one_faced) > 15
    observed = mart.sql("select distinct indicator_id from indicators.indicator_windows").pl()["indicator_id"]
    published = mart.sql("select distinct indicator_id from scorecard.scorecard_indicators").pl()["indicator_id"]
    assert set(published) & one_faced == set(observed) & one_faced
    expected = {
        *("collaborator_practice_recognition", "collaborator_participation", "collaborator_absenteeism"),
        *("collaborator_training_hours", "collaborator_suggestions_made", "collaborator_suggestions_used"),
        *("collaborator_tool_response_time", "collaborator_turnover_french", "client_reopen_rate"),
    }
    assert expected <= set(published)
    assert not any(name.startswith(("composite.", "belief.")) for name in published)


def test_what_protects_somebody_is_hidden_and_what_protects_nobody_is_not(mart: duckdb.DuckDBPyConnection) -> None:
    practice = row(mart, "collaborator_practice_recognition")
    assert (practice["status"], practice["value"], practice["n"]) == ("suppressed", None, None), "two people answered"
    tools = row(mart, "collaborator_tool_response_time")
    assert (tools["status"], tools["value"]) == ("ok", pytest.approx(300)), "two service-days of 200 and 400 ms"
