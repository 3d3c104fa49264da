"""The whole chain on a company of three teams, every figure worked by hand from `tiny/company.py`.

February 2025, goalposts 0-100 except recommendation (-100 to 100, so a score is (NPS + 100) / 2). Weights: perception
0.5 (trust 0.6, recommendation 0.4), conduct 0.5 (responsiveness alone). Trust on 1-5 is 25·(answer - 1) on 0-100.

Team N1, clients: trust (100+100+75+75+50+50)/6 = 75; NPS (3 promoters - 1 detractor)/6 = 33.33, score 66.67; replies
over three months 3/4 in January (24 hours is in time, 25 is not) and 5/6 in February, 8/10 = 80; the case opened on the
last evening has not matured. C = 0.5·(0.6·75 + 0.4·66.67) + 0.5·80 = 75.83.
Collaborators: trust 75; eNPS (2 - 1)/5 = 20, score 60; replies 1/2 and 3/4, 4/6 = 66.67.
E = 0.5·(0.6·75 + 0.4·60) + 0.5·66.67 = 67.83. Gap 8, level √(75.83·67.83) = 71.72, symmetry 92, index 65.98.

Team S1 has four clients: below k = 5, hidden, and so is SUD. ACME less NORD would be SUD, so what NORD's clients say is
hidden too; N1 and N2 together would be NORD, so N2 is hidden, the smaller one. ACME less N1 is then N2 and S1, nine
people. What collaborators say is hidden nowhere.

Team N2, collaborators: trust 40, eNPS -100 → 0, replies 1/5. Site NORD, collaborators, from sums: trust 575/10 = 57.5,
eNPS -4/10 = -40 → 30, replies 5/11 = 45.45.
ACME: clients trust 1150/15 = 76.67, NPS 7/15 = 46.67 → 73.33, replies 18/20 = 90, C = 82.67; collaborators
trust 825/15 = 55, eNPS -4/15 = -26.67 → 36.67, replies 10/16 = 62.5, E = 55.08.
"""

import json
import math
import subprocess
import sys
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from pipelines.definitions import defs
from pipelines.defs.jobs import SCORECARD_JOB
from pipelines.defs.publication import CANDIDATE_KEY, candidate, publication_gate, report
from pipelines.defs.publication import scorecard as published
from pipelines.defs.resources import Workspace
from pipelines.publication.publish import PUBLISHED_TABLES, STATISTICS_TABLES
from pipelines.publication.schema import WRITTEN_DOWN, described, problem
from pipelines.settings import DBT_PROJECT_DIR
from tests.integration.conftest import Company

FEBRUARY = date(2025, 2, 1)


@pytest.fixture(scope="module")
def scorecard(tiny: Company) -> dict[str, dict[str, object]]:
    rows = tiny.query("select * from scorecard where period = date '2025-02-01'")
    return {row["unit_id"]: row for row in rows.iter_rows(named=True)}


@pytest.mark.parametrize(
    ("unit", "client", "collaborator"),
    [
        ("N1", 75 + 5 / 6, 67 + 5 / 6),
        ("ACME", 0.5 * (0.6 * 1150 / 15 + 0.4 * (100 + 700 / 15) / 2) + 45, 0.5 * (33 + 22 / 1.5) + 31.25),
    ],
)
def test_indices(scorecard: dict[str, dict[str, float]], unit: str, client: float, collaborator: float) -> None:
    row = scorecard[unit]
    assert row["status"] == "ok"
    assert row["client_index"] == pytest.approx(client, abs=1e-9)
    assert row["collaborator_index"] == pytest.approx(collaborator, abs=1e-9)
    assert row["gap"] == pytest.approx(client - collaborator, abs=1e-9)
    assert row["level"] == pytest.approx(math.sqrt(client * collaborator), abs=1e-9)
    assert row["symmetry"] == pytest.approx(100 - abs(client - collaborator), abs=1e-9)
    assert row["symmetry_index"] == pytest.approx(
        math.sqrt(client * collaborator) * (100 - abs(client - collaborator)) / 100, abs=1e-9
    )
    assert row["gap_lower"] < row["gap"] < row["gap_upper"]
    assert row["weight_present"] == pytest.approx(1)


def test_the_worked_figures_of_n1(scorecard: dict[str, dict[str, float]]) -> None:
    row = scorecard["N1"]
    assert round(row["gap"], 6) == 8
    assert round(row["level"], 2) == 71.72
    assert round(row["symmetry_index"], 2) == 65.98
    assert row["perception_client"] == pytest.approx(0.6 * 75 + 0.4 * 200 / 3)
    assert row["conduct_collaborator"] == pytest.approx(200 / 3)


def test_indicators_of_n1_with_published_intervals(tiny: Company) -> None:
    """Wilson of 8 of 10: 49.0 to 94.3; adjusted Wald of 3 promoters and 1 detractor of 6: -26.7 to 71.2."""
    rows = tiny.query(
        "select indicator_id, n, people, value, value_lower, value_upper, score from scorecard_indicators "
        "where unit_id = 'N1' and period = date '2025-02-01'"
    )
    found = {row["indicator_id"]: row for row in rows.iter_rows(named=True)}
    assert set(found) == {
        f"{side}_{name}"
        for side in ("client", "collaborator")
        for name in ("trust", "recommendation", "responsiveness")
    }
    replies = found["client_responsiveness"]
    assert (replies["n"], replies["people"]) == (10, 6)
    assert replies["value"] == pytest.approx(80)
    assert replies["value_lower"] == pytest.approx(49.02, abs=0.005)
    assert replies["value_upper"] == pytest.approx(94.33, abs=0.005)
    nps = found["client_recommendation"]
    assert nps["value"] == pytest.approx(100 / 3)
    assert nps["value_lower"] == pytest.approx(-26.74, abs=0.01)
    assert nps["value_upper"] == pytest.approx(71.19, abs=0.01)
    assert nps["score"] == pytest.approx(200 / 3)
    trust = found["collaborator_trust"]
    assert trust["value"] == pytest.approx(75)
    assert trust["value_lower"] < 75 < trust["value_upper"], "identical answers never give a zero error"


@pytest.mark.parametrize(
    ("unit", "trust", "recommendation", "responsiveness"),
    [("N2", 40.0, 0.0, 20.0), ("NORD", 57.5, 30.0, 500 / 11), ("SUD", 50.0, 50.0, 100.0)],
)
def test_collaborators_are_shown_where_clients_are_hidden(
    tiny: Company, unit: str, trust: float, recommendation: float, responsiveness: float
) -> None:
    rows = tiny.query(f"select * from scorecard_pairs where unit_id = '{unit}' and period = date '2025-02-01'")
    found = {row["pair_id"]: row for row in rows.iter_rows(named=True)}
    assert {row["client_status"] for row in found.values()} == {"suppressed"}
    assert {row["client_score"] for row in found.values()} == {None}
    assert {row["gap"] for row in found.values()} == {None}
    for pair, score in (("trust", trust), ("recommendation", recommendation), ("responsiveness", responsiveness)):
        assert found[pair]["collaborator_score"] == pytest.approx(score)


def test_a_hidden_team_cannot_be_had_by_subtraction(tiny: Company) -> None:
    """What is hidden with S1 looks exactly like S1."""
    hidden = tiny.query(
        "select * from scorecard_indicators where indicator_id = 'client_trust' and period = date '2025-02-01' "
        "and status = 'suppressed'"
    )
    assert set(hidden["unit_id"]) == {"S1", "SUD", "NORD", "N2"}
    told = hidden.drop("unit_id", "unit_level").unique()
    assert told.height == 1, "a reader can tell a row about few people from one that is hidden beside it"


def test_a_team_below_k_is_hidden_and_stays_as_a_row(tiny: Company, scorecard: dict[str, dict[str, object]]) -> None:
    for unit in ("S1", "SUD", "NORD", "N2"):
        row = scorecard[unit]
        assert row["status"] == "suppressed"
        numbers = [value for name, value in row.items() if name not in ("period",) and not isinstance(value, str)]
        assert set(numbers) == {None}
    hidden = tiny.query(
        "select * from scorecard_indicators where unit_id = 'S1' and status = 'suppressed' "
        "and period = date '2025-02-01'"
    )
    assert set(hidden["indicator_id"]) == {"client_trust", "client_recommendation", "client_responsiveness"}
    figures = [name for name, kind in hidden.schema.items() if kind.is_numeric() and name != "window_months"]
    assert hidden.select(figures).null_count().row(0) == (3,) * len(figures)


def test_january_is_insufficient_and_not_zero(tiny: Company) -> None:
    rows = tiny.query("select unit_id, status, client_index from scorecard where period = date '2025-01-01'")
    assert rows.height == 6
    assert set(rows["status"]) <= {"insufficient", "suppressed"}
    assert rows["client_index"].null_count() == 6


def test_pairs_are_complete(tiny: Company) -> None:
    pairs = tiny.query("select * from scorecard_pairs where period = date '2025-02-01'")
    assert pairs.height == 6 * 3
    n1 = {row["pair_id"]: row for row in pairs.filter(pl.col("unit_id") == "N1").iter_rows(named=True)}
    assert n1["trust"]["gap"] == pytest.approx(0)
    assert n1["recommendation"]["gap"] == pytest.approx(200 / 3 - 60)
    assert n1["responsiveness"]["gap"] == pytest.approx(80 - 200 / 3)


def test_the_publication_says_where_it_comes_from(tiny: Company) -> None:
    [row] = tiny.query("select * from publications").iter_rows(named=True)
    written_down = json.loads(WRITTEN_DOWN.read_text(encoding="utf-8"))
    assert problem(written_down, described(tiny.published, PUBLISHED_TABLES | STATISTICS_TABLES)) is None
    assert row["definitions"] == "definitions"
    assert row["deliveries"] == 6
    assert row["rows_read"] == row["rows_landed"] == 6 + 21 + 16 + 15 + 15 + 15
    assert (row["rows_quarantined"], row["units"]) == (0, 6)
    assert (row["first_period"], row["last_period"]) == (date(2025, 1, 1), FEBRUARY)


def test_every_published_column_leads_back_to_what_it_is_made_of(tiny: Company) -> None:
    """As the UI draws it: from the marts over the models to landing tables, definitions and statistics."""
    kept = json.loads((tiny.data / "warehouse" / "dbt" / "column_lineage.json").read_text(encoding="utf-8"))
    manifest = json.loads((DBT_PROJECT_DIR / "target" / "manifest.json").read_text(encoding="utf-8"))
    models = {name for name, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert set(kept) == models
    made_of = {
        (manifest["nodes"][name]["schema"], manifest["nodes"][name]["name"], column): {
            (*key, upstream) for key, upstream in deps
        }
        for name, model in kept.items()
        for column, deps in model["columns"].items()
    }

    def ends(column: tuple[str, ...]) -> set[str]:
        above = made_of.get(column)  # type: ignore[call-overload]
        return {column[0]} if above is None else set().union(*(ends(one) for one in above))

    assert ends(("canonical", "fct_case", "case_id")) == {"landing"}
    assert ends(("scorecard", "scorecard", "client_index")) == {"statistics"}
    assert ends(("indicators", "indicator_windows", "n")) >= {"landing", "definitions"}
    without = {
        column
        for column in made_of
        if column[0] == "scorecard" and not ends(column) & {"landing", "statistics", "definitions"}
    }
    # A count of steps up the hierarchy, made of no column.
    assert without == {("scorecard", "dim_unit", "depth")}


def test_every_table_and_column_carries_a_comment(tiny: Company) -> None:
    bare = tiny.query(
        "select table_name, null as column_name from duckdb_tables() where coalesce(comment, '') = '' "
        "union all "
        "select table_name, column_name from duckdb_columns() "
        "where not internal and coalesce(comment, '') = ''"
    )
    assert bare.rows() == []


def test_only_plain_column_types(tiny: Company) -> None:
    kinds = tiny.query("select distinct data_type from duckdb_columns() where not internal")
    assert set(kinds["data_type"]) <= {"VARCHAR", "DOUBLE", "BIGINT", "INTEGER", "DATE", "TIMESTAMP", "BOOLEAN"}


def test_no_identifier_of_a_person_gets_past_the_door(tiny: Company) -> None:
    """Nothing under the data folder, the originals apart, holds a client's or an employee's own identifier."""
    originals = {tiny.inbox, tiny.data / "archive"}
    files = [path for path in tiny.data.rglob("*") if path.is_file() and originals.isdisjoint(path.parents)]
    assert len(files) > 20
    for path in files:
        content = path.read_bytes()
        assert b"client-N1" not in content, path
        assert b"staff-N1" not in content, path


def test_again_with_nothing_new_publishes_nothing(tiny: Company) -> None:
    before = tiny.published.read_bytes()
    done = tiny.symmetry("run")
    assert done.returncode == 0, done.stderr
    assert "Nothing new since the last publication" in done.stdout
    assert tiny.published.read_bytes() == before


def test_the_job_itself_ends_early_when_nothing_is_new(tiny: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run started by the UI meets the same answer as the command: everything after landing is skipped."""
    tiny.use_in_this_process(monkeypatch)
    before = tiny.published.read_bytes()
    result = defs.resolve_job_def(SCORECARD_JOB).execute_in_process(instance=dg.DagsterInstance.ephemeral())
    assert result.success
    assert result.get_asset_materialization_events() == []
    assert tiny.published.read_bytes() == before


def test_every_dbt_unit_test_passes(tiny: Company, tmp_path: Path) -> None:
    """The job leaves dbt's unit tests out; here every one of them runs, on the relations of the tiny company."""
    dbt = [str(Path(sys.executable).with_name("dbt")), "test", "--select", "test_type:unit"]
    where = ["--project-dir", str(DBT_PROJECT_DIR), "--target-path", str(tmp_path), "--log-path", str(tmp_path)]
    environment = tiny.environment | {
        "SYMMETRY_WAREHOUSE": str(tiny.data / "warehouse" / "warehouse.duckdb"),
        "DBT_PROFILES_DIR": str(DBT_PROJECT_DIR),
        "DO_NOT_TRACK": "1",
    }
    done = subprocess.run([*dbt, *where], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert f"PASS={len(manifest['unit_tests'])} " in done.stdout
    assert len(manifest["unit_tests"]) > 40


def test_the_linear_audit_stops_what_could_be_worked_out(tiny: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """N2's clients are five and so no too few; shown again, they would give away S1's four: ACME less N1 less N2."""
    tiny.use_in_this_process(monkeypatch)
    before = tiny.published.read_bytes()
    warehouse = str(tiny.data / "warehouse" / "warehouse.duckdb")
    with duckdb.connect(warehouse) as connection:
        connection.execute("create table kept as from scorecard.scorecard_indicators")
        [(shown,)] = connection.execute(
            "update scorecard.scorecard_indicators as i set status = 'ok', n = w.n, people = w.people, "
            "value = w.s1 / w.n, value_lower = w.s1 / w.n, value_upper = w.s1 / w.n, value_se = 1, "
            "variance_source = 'moderated' from indicators.indicator_windows as w "
            "where i.unit_id = w.unit_id and i.period = w.period and i.indicator_id = w.indicator_id "
            "and i.population = w.population and i.status = 'suppressed' and w.people >= 5 "
            "and i.indicator_id = 'client_trust'"
        ).fetchall()
    try:
        assert shown > 0
        result = dg.materialize(
            [candidate, publication_gate, published, report], resources={"workspace": Workspace()}, raise_on_error=False
        )
    finally:
        with duckdb.connect(warehouse) as connection:
            connection.execute("delete from scorecard.scorecard_indicators")
            connection.execute("insert into scorecard.scorecard_indicators from kept")
            connection.execute("drop table kept")
    assert not result.success
    checks = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    assert checks["publication_gate"].passed, checks["publication_gate"].metadata["findings"].value
    assert not checks["linear_audit"].passed
    findings = str(checks["linear_audit"].metadata["findings"].value)
    assert "client_trust" in findings
    assert "S1" in findings
    assert "ACME" in findings
    assert tiny.published.read_bytes() == before


def test_the_publication_gate_stops_an_impossible_figure(tiny: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index of 120 gets as far as the candidate; the gate names it, and readers keep the last publication."""
    tiny.use_in_this_process(monkeypatch)
    before = tiny.published.read_bytes()
    warehouse = str(tiny.data / "warehouse" / "warehouse.duckdb")
    with duckdb.connect(warehouse) as connection:
        connection.execute("update scorecard.scorecard set client_index = 120 where unit_id = 'N1' and status = 'ok'")
    result = dg.materialize(
        [candidate, publication_gate, published, report], resources={"workspace": Workspace()}, raise_on_error=False
    )
    assert not result.success
    evaluation = next(e for e in result.get_asset_check_evaluations() if e.check_name == "publication_gate")
    assert not evaluation.passed
    findings = str(evaluation.metadata["findings"].value)
    assert "client_index" in findings
    assert "N1" in findings
    assert [event.asset_key for event in result.get_asset_materialization_events()] == [CANDIDATE_KEY]
    assert tiny.published.read_bytes() == before
