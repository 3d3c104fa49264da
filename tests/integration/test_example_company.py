"""What `make run` does, on the example company at its full size, held against what was planted in it."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.settings import SHIPPED_DEFINITIONS_DIR
from tests.integration.conftest import Company


@pytest.fixture(scope="module")
def example(new_company: Callable[..., Company]) -> Company:
    company = new_company("example")
    written = company.symmetry("simulate", "--if-empty")
    assert written.returncode == 0, written.stderr
    done = company.symmetry("run")
    assert done.returncode == 0, done.stdout + done.stderr
    for said in ("Symmetry scorecard, October 2026", str(company.published), "make ui"):
        assert said in done.stdout
    return company


@pytest.fixture(scope="module")
def truth(example: Company) -> dict[str, Any]:
    planted: dict[str, Any] = json.loads((example.data / "simulation_truth.json").read_text(encoding="utf-8"))
    return planted


def test_extracts_are_not_written_over(example: Company) -> None:
    assert list(example.inbox.iterdir()) == []
    assert len(list((example.data / "archive").glob("*/*"))) == 12
    done = example.symmetry("simulate", "--if-empty")
    assert done.returncode == 0
    assert "holds extracts already" in done.stdout
    assert list(example.inbox.iterdir()) == []


def test_every_row_is_accounted_for_as_planted(example: Company, truth: dict[str, Any]) -> None:
    [row] = example.query("select * from publications").iter_rows(named=True)
    files = truth["files"].values()
    assert row["rows_read"] == sum(file["read"] for file in files)
    assert row["rows_landed"] == sum(file["landed"] for file in files)
    assert row["rows_quarantined"] == sum(file["quarantined"] for file in files)
    assert row["rows_duplicate"] == sum(file["duplicates"] for file in files)
    assert row["rows_filtered"] == sum(sum(file["filtered"].values()) for file in files)


def test_every_landed_row_reaches_the_canonical_model(example: Company, truth: dict[str, Any]) -> None:
    """Each extract came once, so no row may give way to a later version of itself on the way through staging."""
    with duckdb.connect(str(example.data / "warehouse" / "warehouse.duckdb"), read_only=True) as connection:
        canonical = {
            "client": "dim_client",
            "case": "fct_case",
            "proactive_contact": "fct_proactive_contact",
            "employee": "dim_employee_spell",
            "absence": "fct_absence",
            "hr_event": "fct_hr_event",
            "internal_request": "fct_internal_request",
            "availability": "fct_availability",
            "survey_answer": "fct_survey_answer",
            "unit": "dim_unit_version",
            "action": "dim_action",
        }
        landed, built = {}, {}
        for entity, model in canonical.items():
            [(landed[entity],)] = connection.execute(f'select count(*) from landing."{entity}"').fetchall()
            [(built[entity],)] = connection.execute(f"select count(*) from canonical.{model}").fetchall()
    planted: dict[str, int] = {}
    for file in truth["files"].values():
        planted[file["entity"]] = planted.get(file["entity"], 0) + file["landing_rows"]
    assert built == landed == planted


def test_a_row_for_every_unit_and_month_in_which_it_exists(example: Company, truth: dict[str, Any]) -> None:
    counts = example.query(
        "select unit_level, count(distinct unit_id) as units, count(*) as n from scorecard group by 1"
    )
    found = {level: (units, rows) for level, units, rows in counts.iter_rows()}
    assert found["company"] == (1, 24)
    assert found["region"] == (4, 96)
    assert found["team"][0] == truth["settings"]["teams"]
    # One team opened in the ninth month (after 8 months without it), one closed six months before the end.
    assert found["team"][1] == 97 * 24 - 8 - 6


def test_all_three_mirrors_are_scored_for_the_company(example: Company) -> None:
    [row] = example.query(
        "select * from scorecard where unit_level = 'company' and period = date '2026-10-01'"
    ).iter_rows(named=True)
    assert row["status"] == "ok"
    # Of `voice` the last month holds what a few collaborators raised, and the window less the one before is theirs.
    assert row["pairs_scored"] == 29
    assert 0.95 < row["weight_present"] < 1
    for mirror in ("perception", "journey", "conduct"):
        for side in ("client", "collaborator"):
            assert 40 < row[f"{mirror}_{side}"] < 95


def test_every_indicator_in_force_is_published(example: Company) -> None:
    defined = pl.read_csv(SHIPPED_DEFINITIONS_DIR / "default" / "indicators.csv")["indicator_id"]
    shown = example.query("select distinct indicator_id from scorecard_indicators where status = 'ok'")["indicator_id"]
    assert set(defined) - set(shown) == set()


def test_open_ruptures_show_on_the_side_they_were_planted(example: Company, truth: dict[str, Any]) -> None:
    last = example.query(
        "select unit_id, status, gap, gap_lower, gap_upper from scorecard where period = date '2026-10-01'"
    )
    rows = {row["unit_id"]: row for row in last.iter_rows(named=True)}
    planted = [rupture for rupture in truth["ruptures"] if rupture["last_month"] is None]
    scored = [rupture for rupture in planted if rows[rupture["unit_id"]]["status"] == "ok"]
    # The rupture teams are small: of most, what few people said over a year would follow from what is shown.
    assert scored
    for rupture in scored:
        row = rows[rupture["unit_id"]]
        if rupture["higher_side"] == "client":
            assert row["gap_lower"] > 10, rupture
        else:
            assert row["gap_upper"] < -10, rupture


def test_ruptures_against_what_was_planted(example: Company, truth: dict[str, Any]) -> None:
    """Precision: episodes of teams whose true levels part by more than 10 points in a month of it, on that side.
    Recall: planted ruptures of teams that are scored in a month of it, found on their side; onset within 3 months.

    A planted level is what an average answer would be; scores of conduct follow it on scales of their own, and each
    team has its own offset, so a team near the threshold may rightly be counted either way: hence 85 % and not 95.
    """
    months = {date.fromisoformat(f"{label}-01"): at for at, label in enumerate(truth["months"])}
    episodes = example.query(
        "select unit_id, side, start_period, coalesce(end_period, (select max(period) from dim_period)) as until, "
        "onset_period from ruptures where pair_id is null and unit_level = 'team'"
    ).rows(named=True)

    def true_gap(unit: str, month: date) -> float:
        levels = truth["levels"][unit]
        return float(levels["client"][months[month]] - levels["collaborator"][months[month]])

    def real(episode: dict[str, Any]) -> bool:
        sign = 1 if episode["side"] == "client" else -1
        spell = [month for month in months if episode["start_period"] <= month <= episode["until"]]
        return any(sign * true_gap(episode["unit_id"], month) > 10 for month in spell)

    right = sum(real(episode) for episode in episodes)
    precision = right / len(episodes)
    scored = set(example.query("select unit_id, period from scorecard where status = 'ok'").rows())
    wanted = [
        (rupture, date.fromisoformat(f"{rupture['onset']}-01"))
        for rupture in truth["ruptures"]
        if any(
            (rupture["unit_id"], m) in scored
            for m, at in months.items()
            if at >= truth["months"].index(rupture["onset"]) + 2
        )
    ]
    found = [
        [
            e
            for e in episodes
            if e["unit_id"] == rupture["unit_id"] and e["side"] == rupture["higher_side"] and e["until"] >= onset
        ]
        for rupture, onset in wanted
    ]
    recall = sum(bool(own) for own in found) / len(wanted)
    onsets = [
        abs(months[own[0]["onset_period"]] - months[onset])
        for (_, onset), own in zip(wanted, found, strict=True)
        if own and own[0]["onset_period"] is not None
    ]
    print(
        f"ruptures of teams: precision {precision:.0%} of {len(episodes)}, recall {recall:.0%} of {len(wanted)}, "
        f"onsets off by {sorted(onsets)} months"
    )
    assert len(episodes) >= 8
    assert precision >= 0.85
    assert recall >= 0.75
    assert len(onsets) >= 2
    assert sum(months_off <= 3 for months_off in onsets) / len(onsets) >= 0.8


def test_action_verdicts_against_what_was_planted(example: Company, truth: dict[str, Any]) -> None:
    """`continue` is for actions that work and for no other; a planted effect lies within the interval of it.

    Precision: actions told to go on that truly work. Recall: actions that truly work, with an effect that is shown
    and time to show, told to go on. An action too young is told `too_early`, whatever it will do.
    """
    rows = example.query(
        "select action_id, side, effect, effect_lower, effect_upper, action_verdict from action_effects "
        "where action_id is not null and status = 'ok' and action_verdict is not null"
    ).rows(named=True)
    planted = {action["action_id"]: action for action in truth["actions"]}
    told = {row["action_id"]: row["action_verdict"] for row in rows}
    young = {action_id for action_id in told if planted[action_id]["start"] >= truth["months"][-3]}
    works = {action_id for action_id in set(told) - young if planted[action_id]["verdict"] == "effective"}
    go_on = {action_id for action_id, verdict in told.items() if verdict == "continue"}
    inside = [
        row["effect_lower"] <= planted[row["action_id"]][f"{row['side']}_points"] <= row["effect_upper"]
        for row in rows
        if row["effect"] is not None and row["action_id"] not in young
    ]
    print(
        f"actions: precision of continue {len(go_on & works) / len(go_on):.0%} of {len(go_on)}, recall "
        f"{len(go_on & works) / len(works):.0%} of {len(works)}; planted effect within its interval in {sum(inside)} "
        f"of {len(inside)}"
    )
    assert go_on == works
    assert len(works) >= 2
    assert len(set(told) - young - works) >= 1, "an action that does nothing has to be judged too"
    assert {told[action_id] for action_id in young} == {"too_early"}
    assert len(inside) >= 6
    assert sum(inside) >= len(inside) - 1


def test_statuses_and_bounds(example: Company) -> None:
    rows = example.query("select * from scorecard")
    assert set(rows["status"]) == {"ok", "suppressed", "insufficient"}
    shown = rows.filter(pl.col("status") == "ok")
    for name in ("client_index", "collaborator_index", "symmetry_index", "level", "symmetry"):
        assert shown[name].is_between(0, 100).all()
    assert rows.filter(pl.col("status") != "ok")["gap"].null_count() == rows.height - shown.height


def test_labels_in_both_languages(example: Company) -> None:
    for table in ("dim_pair", "dim_indicator"):
        rows = example.query(f"select label_en, label_fr from {table}")
        assert rows.height > 0
        assert rows.null_count().row(0) == (0, 0)


def test_no_name_mail_or_phone_gets_past_the_door(example: Company) -> None:
    """Every invented address ends in .example; only quarantine and archive may hold whole rows, for their owner."""
    assert b".example" in example.original("salesforce_account.csv").read_bytes()
    closed = {example.data / "quarantine", example.data / "archive"}
    for path in example.data.rglob("*"):
        if not path.is_file() or example.inbox in path.parents:
            continue
        if not closed.isdisjoint(path.parents):
            assert path.stat().st_mode & 0o077 == 0, path
        elif path.name != "simulation_truth.json":
            assert b"courriel.example" not in path.read_bytes(), path


def test_the_reports_stand_beside_the_scorecard(example: Company) -> None:
    english = (example.published.parent / "report_en.html").read_text(encoding="utf-8")
    french = (example.published.parent / "report_fr.html").read_text(encoding="utf-8")
    assert "The plane of symmetry" in english
    assert "Le plan de la symétrie" in french
    done = example.symmetry("report", "--lang", "fr", "--period", "2026-06", "--out", str(example.data / "june.html"))
    assert done.returncode == 0, done.stderr
    assert "juin 2026" in (example.data / "june.html").read_text(encoding="utf-8")
