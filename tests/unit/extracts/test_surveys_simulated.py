"""Every survey system's export of the same answers lands alike, with exactly the counts that were planted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, load_contracts
from pipelines.extracts.deliveries import Receipt
from pipelines.extracts.landing import create_landing_views, land_inbox
from pipelines.simulation import behaviour, surveys
from pipelines.simulation.company import simulate
from pipelines.simulation.dirt import soil
from pipelines.simulation.people import clients as draw_clients
from pipelines.simulation.people import staff as draw_staff
from pipelines.simulation.planted import plant
from pipelines.simulation.systems import SurveyTool
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.truth import file_truth
from pipelines.simulation.units import organisation as draw_organisation
from pipelines.simulation.writers import google_forms, limesurvey, qualtrics, spss, surveymonkey, typeform
from pipelines.simulation.writers.delimited import Export

SEED = 7
CONTRACTS = {contract.full_name: contract for contract in load_contracts(CONTRACTS_DIR)}
SIDES = ("client", "collaborator")

#: A name for each way of writing the answers, the module of the system, and how it is asked.
WAYS: dict[str, tuple[Any, dict[str, str]]] = {
    "qualtrics": (qualtrics, {}),
    "qualtrics_legacy": (qualtrics, {"form": "legacy"}),
    "limesurvey_codes": (limesurvey, {"form": "codes"}),
    "limesurvey_english": (limesurvey, {"form": "texts", "language": "en"}),
    "limesurvey_french": (limesurvey, {"form": "texts", "language": "fr"}),
    "limesurvey_vv": (limesurvey, {"form": "vv"}),
    "surveymonkey_english": (surveymonkey, {"language": "en"}),
    "surveymonkey_french": (surveymonkey, {"language": "fr"}),
    "typeform_new": (typeform, {"language": "en"}),
    "typeform_old": (typeform, {"columns": "old"}),
    "typeform_french": (typeform, {"language": "fr"}),
    "google_forms_english": (google_forms, {"language": "en"}),
    "google_forms_french": (google_forms, {"language": "fr"}),
    "spss": (spss, {}),
}
#: All but the pseudonym of the response, which each system numbers in its own way.
WHAT = (
    "question, respondent_id, side, role, perspective, unit_id, population, answered_at, moment, dimension, value, "
    "scale_min, scale_max"
)


@dataclass
class Landed:
    """One file after landing: its receipt, its rows but for response and provenance, its bad rows."""

    receipt: Receipt
    rows: list[tuple[Any, ...]]
    responses: set[str]
    bad: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass
class Company:
    """What the small company's clients and collaborators answered, ready to be written by any system."""

    calendar: Calendar
    teams: Any
    people: dict[str, Any]
    answers: dict[str, pl.DataFrame]
    folder: Callable[[], Path]
    landed: dict[tuple[str, str, float], Landed] = field(default_factory=dict)

    def export(self, way: str, side: str, rows: int | None = None) -> Export:
        module, asked = WAYS[way]
        write = getattr(module, f"{side}_survey")
        answers = self.answers[side] if rows is None else self.answers[side].head(rows)
        export = write(SEED, self.calendar, self.teams, self.people[side], answers, **asked)
        assert isinstance(export, Export)
        return export

    def clean(self, way: str, side: str) -> Landed:
        """The first 150 responses, written without dirt and landed (once)."""
        key = (way, side, 0.0)
        if key not in self.landed:
            export = self.export(way, side, 150)
            self.landed[key] = land(self.folder(), export, soil(SEED, export, 0.0).content)
        return self.landed[key]


def land(folder: Path, export: Export, content: bytes) -> Landed:
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / export.file).write_bytes(content)
    report = land_inbox(inbox, folder / "landing", folder / "quarantine", [CONTRACTS[export.contract]], bytes(32))
    assert not report.refused, report.refused
    (receipt,) = report.receipts
    with duckdb.connect() as connection:
        create_landing_views(connection, folder / "landing")
        rows = connection.execute(f"SELECT {WHAT} FROM landing.survey_answer ORDER BY ALL").fetchall()
        found = connection.execute("SELECT DISTINCT response_id FROM landing.survey_answer").fetchall()
        bad = [
            row
            for path in sorted((folder / "quarantine").glob("*.parquet"))
            for row in connection.execute(
                "SELECT record, line FROM read_parquet($1) ORDER BY 1", [str(path)]
            ).fetchall()
        ]
    return Landed(receipt, rows, {response for (response,) in found}, bad)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    calendar = Calendar.ending(date(2026, 10, 1), 12)
    organisation = draw_organisation(SEED, calendar, 40)
    teams = organisation.teams
    planted = plant(SEED, calendar, organisation)
    staff = draw_staff(SEED, calendar, teams, planted)
    clients = draw_clients(SEED, calendar, teams, planted, 600)
    cases = behaviour.cases(SEED, calendar, planted, clients, 0.8)
    answers = {
        "client": surveys.client_answers(SEED, calendar, planted, clients, cases, 0.8),
        "collaborator": surveys.collaborator_answers(SEED, calendar, teams, planted, staff),
    }
    return Company(
        calendar,
        teams,
        {"client": clients, "collaborator": staff},
        answers,
        lambda: tmp_path_factory.mktemp("survey"),
    )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("way", list(WAYS))
def test_counts_are_those_planted_and_the_bad_rows_are_the_dirty_ones(company: Company, way: str, side: str) -> None:
    export = company.export(way, side)
    dirty = soil(SEED, export)
    truth = file_truth(export, dirty)
    told = land(company.folder(), export, dirty.content)
    receipt = told.receipt
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates) == (
        truth["read"],
        truth["landed"],
        truth["quarantined"],
        truth["duplicates"],
    )
    assert truth["quarantined"] > 0
    assert truth["duplicates"] > 0
    assert receipt.filter_reasons == {reason: count for reason, count in truth["filtered"].items() if count}
    assert receipt.read == receipt.landed + receipt.quarantined + receipt.duplicates + receipt.filtered
    assert receipt.outputs == {"survey_answer": truth["landing_rows"]}
    rows = truth["dirty_rows"]
    assert told.bad == sorted(
        (record, line)
        for record, line, fate in zip(rows["record"], rows["line"], rows["fate"], strict=True)
        if fate == "quarantined"
    )


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("way", [way for way in WAYS if way != "qualtrics"])
def test_the_same_answers_land_as_they_do_from_qualtrics(company: Company, way: str, side: str) -> None:
    expected, found = company.clean("qualtrics", side), company.clean(way, side)
    assert len(expected.rows) > 1500
    assert found.rows == expected.rows
    assert len(found.responses) == len(expected.responses)
    assert found.receipt.quarantined == 0


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize(
    ("english", "french"),
    [
        ("google_forms_english", "google_forms_french"),
        ("limesurvey_english", "limesurvey_french"),
        ("surveymonkey_english", "surveymonkey_french"),
        ("typeform_new", "typeform_french"),
    ],
)
def test_the_same_questionnaire_in_two_languages_lands_alike(
    company: Company, english: str, french: str, side: str
) -> None:
    """Even the pseudonym of the response is the same: the two files differ in nothing but their words."""
    one, other = (company.export(way, side, 150) for way in (english, french))
    assert one.contract == other.contract
    assert soil(SEED, one, 0.0).content != soil(SEED, other, 0.0).content
    texts = {text for name in one.items for text in one.rows[name].drop_nulls() if not text.isdigit()}
    assert texts.isdisjoint({text for name in other.items for text in other.rows[name].drop_nulls()} - {""})
    assert texts
    assert company.clean(english, side).rows == company.clean(french, side).rows
    assert company.clean(english, side).responses == company.clean(french, side).responses


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("way", list(WAYS))
def test_a_file_has_one_contract_among_those_shipped(company: Company, way: str, side: str) -> None:
    export = company.export(way, side, 20)
    assert [name for name, contract in CONTRACTS.items() if contract.matches(export.file)] == [export.contract]


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("way", list(WAYS))
def test_the_same_seed_gives_the_same_bytes_in_the_stated_encoding(company: Company, way: str, side: str) -> None:
    one, other = (soil(SEED, company.export(way, side, 60)).content for _ in range(2))
    assert one == other
    if way == "surveymonkey_french" and side == "collaborator":
        assert "Tout à fait d'accord".encode("mac_roman") in one
        with pytest.raises(UnicodeDecodeError):
            one.decode("utf-8")


def test_answered_at_is_the_local_moment_in_utc(company: Company) -> None:
    """From a clock of Paris, from UTC and from a stated offset alike; summer time included."""
    answers = company.answers["client"].head(150).filter(~pl.col("preview") & pl.col("finished"))
    local = behaviour.timestamps(company.calendar, answers["answered"].to_numpy())
    utc = local.dt.replace_time_zone("Europe/Paris").dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    expected = set(utc.cast(pl.Datetime("us")).to_list())
    assert all(isinstance(moment, datetime) for moment in expected)
    for way in ("qualtrics", "typeform_new", "google_forms_english", "spss"):
        assert {row[7] for row in company.clean(way, "client").rows} == expected


@pytest.mark.parametrize("tool", list(SurveyTool))
def test_the_company_simulated_with_a_tool_lands_as_its_truth_tells(tmp_path: Path, tool: SurveyTool) -> None:
    inbox, truth = tmp_path / "inbox", tmp_path / "truth.json"
    simulate(inbox, truth, seed=SEED, months=12, teams=40, clients=300, volume=0.5, survey=tool)
    told = json.loads(truth.read_text("utf-8"))["files"]
    for path in inbox.iterdir():
        if not path.name.startswith(tool):
            path.unlink()
    contracts = [contract for contract in CONTRACTS.values() if contract.system == tool]
    report = land_inbox(inbox, tmp_path / "landing", tmp_path / "quarantine", contracts, bytes(32))
    assert not report.refused
    assert {receipt.contract for receipt in report.receipts} == {f"{tool}.{side}_survey" for side in SIDES}
    for receipt in report.receipts:
        file = told[receipt.file]
        assert (receipt.read, receipt.landed, receipt.quarantined, receipt.duplicates, receipt.filter_reasons) == (
            file["read"],
            file["landed"],
            file["quarantined"],
            file["duplicates"],
            {reason: count for reason, count in file["filtered"].items() if count},
        )
        assert receipt.outputs == {"survey_answer": file["landing_rows"]}
