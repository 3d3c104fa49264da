"""The same company through other systems: every row is accounted for, and what lands is what the default ones give."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.extracts.contract import CONTRACTS_DIR, load_contracts
from pipelines.extracts.landing import LandingReport, create_landing_views, land_inbox
from pipelines.settings import Settings
from pipelines.simulation.company import simulate

SMALL: dict[str, Any] = {
    "seed": 11,
    "months": 12,
    "last_month": date(2026, 10, 1),
    "teams": 40,
    "clients": 700,
    "volume": 0.5,
}
LAST_DAY = date(2026, 10, 31)
COMPANIES: dict[str, dict[str, str]] = {
    "default": {},
    "json": {"crm": "zendesk_json", "hr": "workday_json", "helpdesk": "glpi"},
    "csv": {"crm": "zendesk_csv", "hr": "workday_csv", "helpdesk": "servicenow"},
    "packed": {"crm": "hubspot", "hr": "bamboohr", "helpdesk": "jira"},
    "by_hand": {"hr": "generic_hr"},
}
OTHERS = [name for name in COMPANIES if name != "default"]
#: Files that all of these companies have alike; they are looked at once.
SHARED = ("qualtrics_", "salesforce_account", "salesforce_task", "hr_unites", "hr_actions")


@dataclass(frozen=True)
class Landed:
    """A company's inbox, what was planted, what landing said, and a way to look at the landing."""

    inbox: Path
    truth: dict[str, Any]
    report: LandingReport
    landing: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            create_landing_views(connection, self.landing)
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, float], Landed]:
    """Give a company of COMPANIES, written once with that share of dirt and landed by the shipped contracts."""
    contracts = load_contracts(CONTRACTS_DIR)

    @cache
    def make(name: str, dirt: float) -> Landed:
        root = tmp_path_factory.mktemp(name)
        simulate(root / "inbox", root / "truth.json", **SMALL, dirt=dirt, **COMPANIES[name])
        for path in (root / "inbox").iterdir():
            if path.name.startswith(SHARED):
                path.unlink()
        report = land_inbox(root / "inbox", root / "landing", root / "quarantine", contracts, bytes(32))
        truth = json.loads((root / "truth.json").read_text("utf-8"))
        return Landed(root / "inbox", truth, report, root / "landing")

    return make


@pytest.mark.parametrize("name", OTHERS)
def test_every_row_becomes_what_the_truth_tells(landed: Callable[[str, float], Landed], name: str) -> None:
    company = landed(name, 1.0)
    assert not company.report.refused
    told = {file: truth for file, truth in company.truth["files"].items() if not file.startswith(SHARED)}
    assert sorted(receipt.file for receipt in company.report.receipts) == sorted(told)
    quarantine = company.landing.parent / "quarantine"
    for receipt in company.report.receipts:
        truth = told[receipt.file]
        assert receipt.contract == truth["contract"]
        counts = (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates, receipt.filtered)
        filtered = sum(truth["filtered"].values())
        expected = (truth["read"], truth["landed"], truth["quarantined"], truth["duplicates"], filtered)
        assert counts == expected, receipt.file
        outputs = {truth["entity"]: truth["landing_rows"], **truth.get("further_landing_rows", {})}
        assert receipt.outputs == outputs, receipt.file
        dirty = truth["dirty_rows"]
        places = zip(dirty["record"], dirty["line"], dirty["fate"], strict=True)
        bad = sorted((record, line) for record, line, fate in places if fate == "quarantined")
        path = quarantine / f"{receipt.delivery_id}.parquet"
        found = sorted(duckdb.sql(f"SELECT record, line FROM '{path}'").fetchall())
        assert [record for record, _ in found] == [record for record, _ in bad], receipt.file
        if all(line is not None for _, line in bad):
            assert found == bad, receipt.file


@pytest.mark.parametrize("name", OTHERS)
def test_every_kind_of_fault_is_in_some_file(landed: Callable[[str, float], Landed], name: str) -> None:
    """A file without a planted fault would prove nothing."""
    for file, truth in landed(name, 1.0).truth["files"].items():
        assert truth["quarantined"] > 0, file
        assert truth["duplicates"] > 0 or file == "hr_actions.csv", file


CASES = """SELECT client_id, unit_id, opened_at, kind, theme, moment, coalesce(reopen_count, 0),
    {reply} AS reply, {solved} AS solved FROM landing."case" ORDER BY ALL"""
MINUTES = "opened_at + to_minutes(date_diff('second', opened_at, {}) // 60)"


@pytest.mark.parametrize("name", ["json", "csv"])
def test_zendesk_tickets_are_the_salesforce_cases(landed: Callable[[str, float], Landed], name: str) -> None:
    default, company = landed("default", 0.0), landed(name, 0.0)
    expected = default.rows(CASES.format(reply=MINUTES.format("first_reply_at"), solved=MINUTES.format("resolved_at")))
    found = company.rows(CASES.format(reply="first_reply_at", solved="resolved_at"))
    assert len(found) > 2000
    assert found == expected
    assert company.rows('SELECT count(DISTINCT case_id) FROM landing."case"') == [(len(found),)]


@pytest.mark.parametrize("name", ["json", "csv"])
def test_zendesk_ratings_are_answers_of_the_client_about_the_moment(
    landed: Callable[[str, float], Landed], name: str
) -> None:
    company = landed(name, 0.0)
    [(answers, good, low, high)] = company.rows(
        "SELECT count(*), sum(value), min(scale_min), max(scale_max) FROM landing.survey_answer"
    )
    told = [truth["further_landing_rows"] for truth in company.truth["files"].values() if truth["entity"] == "case"]
    assert answers == sum(further["survey_answer"] for further in told)
    assert 0.5 < good / answers < 0.9
    assert (low, high) == (0.0, 1.0)
    unknown = """SELECT count(*) FROM landing.survey_answer AS a ANTI JOIN landing."case" AS c
        ON a.respondent_id = c.client_id AND a.unit_id = c.unit_id AND a.moment IS NOT DISTINCT FROM c.moment"""
    assert company.rows(unknown) == [(0,)]


def test_both_zendesk_shapes_tell_the_same_ratings(landed: Callable[[str, float], Landed]) -> None:
    query = """SELECT respondent_id, answered_at, moment, dimension, value FROM landing.survey_answer ORDER BY ALL"""
    assert landed("json", 0.0).rows(query) == landed("csv", 0.0).rows(query)


def test_hubspot_tickets_are_the_salesforce_cases_to_the_minute(landed: Callable[[str, float], Landed]) -> None:
    cases = """SELECT client_id, unit_id, date_trunc('minute', opened_at), kind, theme, moment,
        date_diff('second', {opened}, first_reply_at), date_trunc('minute', {solved})
        FROM landing."case" ORDER BY ALL"""
    # A resolution in the hour that comes twice in October has two readings.
    solved = "CASE WHEN resolved_at NOT BETWEEN '2026-10-25 00:00' AND '2026-10-25 02:00' THEN resolved_at END"
    expected = landed("default", 0.0).rows(cases.format(opened="opened_at", solved=solved))
    assert landed("packed", 0.0).rows(cases.format(opened="opened_at", solved=solved)) == expected


@pytest.mark.parametrize("name", ["json", "csv", "by_hand"])
@pytest.mark.parametrize("entity", ["employee", "absence", "hr_event"])
def test_other_hr_systems_give_the_rows_of_the_french_suite(
    landed: Callable[[str, float], Landed], name: str, entity: str
) -> None:
    query = f"SELECT * EXCLUDE (_system, _delivery_id, _record, _version) FROM landing.{entity} ORDER BY ALL"
    expected = landed("default", 0.0).rows(query)
    assert len(expected) > 400
    assert landed(name, 0.0).rows(query) == expected


def test_bamboohr_has_the_people_of_each_last_day_and_no_leaver(landed: Callable[[str, float], Landed]) -> None:
    company = landed("packed", 0.0)
    files = sorted(path.name for path in company.inbox.glob("bamboohr_*"))
    assert (len(files), files[0], files[-1]) == (
        12,
        "bamboohr_employees_20251130.csv",
        "bamboohr_employees_20261031.csv",
    )
    columns = "employee_id, spell_start, unit_id, manager_id, population, contract_type, fte, hired_on"
    for day in (date(2025, 11, 30), LAST_DAY):
        expected = landed("default", 0.0).rows(
            f"""SELECT {columns} FROM landing.employee WHERE spell_start <= DATE '{day}'
            AND coalesce(spell_end, DATE '9999-12-31') >= DATE '{day}' ORDER BY ALL"""
        )
        found = company.rows(f"SELECT {columns} FROM landing.employee WHERE _version = TIMESTAMP '{day}' ORDER BY ALL")
        assert len(found) > 300
        assert found == expected
    assert company.rows("SELECT count(*) FROM landing.employee WHERE left_on IS NOT NULL") == [(0,)]
    gone = "SELECT count(DISTINCT employee_id) FROM landing.employee"
    assert company.rows(gone)[0][0] > len(found)


@pytest.mark.parametrize(("name", "unit"), [("json", "minute"), ("csv", "second"), ("packed", "minute")])
def test_requests_are_those_of_the_internal_helpdesk(
    landed: Callable[[str, float], Landed], name: str, unit: str
) -> None:
    twice = "NOT BETWEEN '2026-10-25 00:00' AND '2026-10-25 02:00'"
    query = f"""SELECT employee_id, unit_id, date_trunc('{unit}', opened_at), kind, theme, put_into_use, reopen_count,
        CASE WHEN first_reply_at {twice} THEN date_trunc('{unit}', first_reply_at) END,
        CASE WHEN resolved_at {twice} THEN date_trunc('{unit}', resolved_at) END
        FROM landing.internal_request ORDER BY ALL"""
    expected = landed("default", 0.0).rows(query)
    assert len(expected) > 1000
    assert landed(name, 0.0).rows(query) == expected


@pytest.mark.parametrize(("name", "form"), [("csv", "parquet"), ("packed", "tsv")])
def test_availability_lands_alike_in_every_form(landed: Callable[[str, float], Landed], name: str, form: str) -> None:
    assert (landed(name, 0.0).inbox / f"availability.{form}").exists()
    query = "SELECT * EXCLUDE (_system, _delivery_id, _record, _version) FROM landing.availability ORDER BY ALL"
    assert landed(name, 0.0).rows(query) == landed("default", 0.0).rows(query)


@pytest.mark.parametrize("name", OTHERS)
def test_the_same_seed_gives_the_same_bytes_in_every_shape(
    landed: Callable[[str, float], Landed], tmp_path: Path, name: str
) -> None:
    simulate(tmp_path / "inbox", tmp_path / "truth.json", **SMALL, dirt=1.0, **COMPANIES[name])
    first = landed(name, 1.0).inbox
    names = [path.name for path in (tmp_path / "inbox").iterdir() if not path.name.startswith(SHARED)]
    assert sorted(path.name for path in first.iterdir()) == sorted(names)
    for file in names:
        assert (first / file).read_bytes() == (tmp_path / "inbox" / file).read_bytes(), file


def test_files_look_as_the_systems_write_them(landed: Callable[[str, float], Landed]) -> None:
    packed, json_, csv_ = (landed(name, 1.0).inbox for name in ("packed", "json", "csv"))
    with zipfile.ZipFile(packed / "hubspot-crm-exports-all-tickets-2026-11-01.zip") as archive:
        assert archive.namelist() == ["hubspot-crm-exports-all-tickets-2026-11-01.csv"]
    header = (packed / "jira_issues.csv").read_text("utf-8").splitlines()[0].split(",")
    assert header.count("Labels") == 2
    lines = gzip.decompress((json_ / "zendesk_tickets_export.jsonl.gz").read_bytes()).decode().splitlines()
    ticket = json.loads(lines[0])
    assert [field["id"] for field in ticket["custom_fields"]] == [360001, 360002, 360003, 360004, 360005]
    document = json.loads((json_ / "zendesk_tickets_api.json").read_bytes())
    tickets = [ticket for ticket in document["tickets"] if ticket is not None]
    for key in ("metric_set", "satisfaction_rating"):
        assert 0 < sum(key in ticket for ticket in tickets) < len(tickets)
    scores = {ticket["satisfaction_rating"]["score"] for ticket in tickets if "satisfaction_rating" in ticket}
    assert scores == {"good", "bad", "offered", "unoffered"}
    assert set(json.loads((json_ / "workday_workers_20261101.json").read_bytes())) == {"Report_Entry"}
    assert (json_ / "glpi_tickets_20261101.csv").read_bytes().startswith('\ufeff"ID";"Titre";'.encode())
    assert (csv_ / "availability.parquet").read_bytes().startswith(b"PAR1")
    text = (csv_ / "zendesk_tickets_20261101.csv").read_text("utf-8")
    assert re.search(r'"2026-0[5-9]-\d\d \d\d:\d\d:\d\d \+0200"', text)
    assert re.search(r'"2026-01-\d\d \d\d:\d\d:\d\d \+0100"', text)


def test_the_systems_chosen_stand_in_the_truth(landed: Callable[[str, float], Landed]) -> None:
    assert landed("packed", 1.0).truth["settings"]["systems"] == ["hubspot", "bamboohr", "jira", "qualtrics"]
    assert "systems" not in landed("default", 0.0).truth["settings"]


def test_a_system_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'sap' is not a valid Hr"):
        simulate(tmp_path / "inbox", tmp_path / "truth.json", **SMALL, hr="sap")
    assert not (tmp_path / "inbox").exists()


def test_the_command_writes_the_company_through_the_systems_asked_for(
    workspace: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process the settings are no business of the other tests.
    monkeypatch.setattr(Settings, "export_to_processes", lambda self: None)
    asked = ["simulate", "--out", str(tmp_path / "out"), "--crm", "hubspot", "--hr", "generic_hr", "--helpdesk", "jira"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        "effectif_20261101.csv",
        "absences_20261101.tsv",
        "training_20261101.xlsx",
        "jira_issues.csv",
        "qualtrics_clients.csv",
    }
    assert "salesforce_case.csv" not in names
    assert json.loads(workspace.truth_path.read_text("utf-8"))["settings"]["systems"][0] == "hubspot"
    refused = CliRunner().invoke(app, ["simulate", "--crm", "sap"])
    assert refused.exit_code == 2
