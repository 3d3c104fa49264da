"""The example company, from a seed to files: the one function that others call is `simulate`."""

from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path

import polars as pl

from pipelines.simulation import behaviour, surveys
from pipelines.simulation.dirt import soil
from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.people import clients as draw_clients
from pipelines.simulation.people import staff as draw_staff
from pipelines.simulation.planted import Planted, plant
from pipelines.simulation.systems import Crm, Helpdesk, Hr, SurveyTool
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.truth import file_truth, truth, write_truth
from pipelines.simulation.units import Teams
from pipelines.simulation.units import organisation as draw_organisation
from pipelines.simulation.writers import (
    bamboohr,
    french_hr,
    generic_hr,
    glpi,
    hubspot,
    jira,
    operations,
    qualtrics,
    salesforce,
    servicenow,
    workday,
    zendesk,
)
from pipelines.simulation.writers import helpdesk as internal_helpdesk
from pipelines.simulation.writers.delimited import Export
from pipelines.simulation.writers.packed import pack

ORPHAN_REQUESTS = 12
DEFAULTS = (Crm.salesforce, Hr.french_hr, Helpdesk.helpdesk, SurveyTool.qualtrics)
#: Where the monitoring is kept in another form than CSV: with ServiceNow in a data lake, with Jira tab-separated.
AVAILABILITY_FORM = {Helpdesk.servicenow: "parquet", Helpdesk.jira: "tsv"}


@dataclass(frozen=True)
class SimulatedFile:
    """One file written: its path, the contract meant for it, its records and its size in bytes."""

    path: Path
    contract: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class SimulationSummary:
    """What was written: files in the order of writing, the truth file, and the seed."""

    files: tuple[SimulatedFile, ...]
    truth: Path
    seed: int

    @property
    def rows(self) -> int:
        """Records in all files together, headers not counted."""
        return sum(file.rows for file in self.files)


def simulate(
    out_dir: Path,
    truth_path: Path,
    *,
    seed: int = 20261101,
    months: int = 24,
    last_month: date = date(2026, 10, 1),
    teams: int = 97,
    clients: int = 6000,
    volume: float = 1.0,
    dirt: float = 1.0,
    crm: Crm | str = Crm.salesforce,
    hr: Hr | str = Hr.french_hr,
    helpdesk: Helpdesk | str = Helpdesk.helpdesk,
    survey: SurveyTool | str = SurveyTool.qualtrics,
) -> SimulationSummary:
    """Write the example company's extracts to `out_dir` and what was planted in them to `truth_path`.

    The same arguments give the same bytes. `teams` (at least 40) sets the size of the organisation, `clients`
    about how many clients it had in all, `volume` scales cases and client answers per client, `dirt` the
    share of dirty rows (0 for clean files). Files are overwritten; others in `out_dir` are left alone. Keep
    the truth out of `out_dir`: the pipeline takes whatever lies there for input. `crm`, `hr`, `helpdesk` and
    `survey` choose the systems that the company works with: the same facts, in other shapes.

    Raises ValueError for fewer than 40 teams or 12 months, for a system that is not there, or when the truth would
    lie in `out_dir`.
    """
    if truth_path.resolve().parent == out_dir.resolve():
        raise ValueError(f"{truth_path}: the truth file must not lie among the extracts; put it elsewhere")
    systems = (Crm(crm), Hr(hr), Helpdesk(helpdesk), SurveyTool(survey))
    calendar = Calendar.ending(last_month, months)
    organisation = draw_organisation(seed, calendar, teams)
    units = organisation.teams
    planted = plant(seed, calendar, organisation)
    people = draw_staff(seed, calendar, units, planted)
    base = draw_clients(seed, calendar, units, planted, clients)

    cases = behaviour.cases(seed, calendar, planted, base, volume)
    client_answers = surveys.client_answers(seed, calendar, planted, base, cases, volume)
    contacts = behaviour.contacts(seed, calendar, planted, base, client_answers)
    requests = behaviour.requests(seed, calendar, planted, people)
    absences = behaviour.absences(seed, calendar, planted, people)
    events = behaviour.hr_events(seed, calendar, planted, people)
    services = behaviour.availability(seed, calendar, units, planted)
    staff_answers = surveys.collaborator_answers(seed, calendar, units, planted, people)

    exports: tuple[Export, ...] = (
        french_hr.unit(seed, calendar, organisation),
        *_hr_files(systems[1], seed, calendar, units, people, absences, events),
        french_hr.action(seed, calendar, units, planted),
        salesforce.account(seed, calendar, units, base),
        *_case_files(systems[0], seed, calendar, units, base, planted, cases),
        salesforce.task(seed, calendar, units, base, contacts),
        *_survey_files(systems[3], seed, calendar, units, base, client_answers, people, staff_answers),
        _request_file(systems[2], seed, calendar, units, people, requests),
        operations.availability(calendar, units, services, AVAILABILITY_FORM.get(systems[2], "csv")),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    written, files = [], {}
    for export in exports:
        dirty = soil(seed, export, dirt)
        path, content = out_dir / export.written, pack(export, dirty.content)
        path.write_bytes(content)
        written.append(SimulatedFile(path, export.contract, dirty.read, len(content)))
        files[export.shown] = file_truth(export, dirty)
    settings = {
        "seed": seed,
        "months": months,
        "last_month": calendar.label(months - 1),
        "teams": teams,
        "clients": clients,
        "volume": volume,
        "dirt": dirt,
    }
    if systems != DEFAULTS:
        settings["systems"] = list(systems)
    write_truth(truth_path, truth(settings, calendar, organisation, planted, files, ORPHAN_REQUESTS))
    return SimulationSummary(files=tuple(written), truth=truth_path, seed=seed)


def _hr_files(
    hr: Hr, seed: int, calendar: Calendar, units: Teams, people: Staff, absences: pl.DataFrame, events: pl.DataFrame
) -> list[Export]:
    """Employees, absences and HR events; what the system has no file of comes from the French suite."""
    others = events.filter(pl.col("kind") != "training")
    match hr:
        case Hr.workday_json | Hr.workday_csv:
            form: workday.Form = "json" if hr is Hr.workday_json else "csv"
            return [
                workday.workers(seed, calendar, units, people, form),
                workday.absences(seed, calendar, people, absences, form),
                workday.learning(seed, calendar, people, events, form),
                french_hr.event(seed, calendar, people, others),
            ]
        case Hr.bamboohr:
            return [
                *bamboohr.employees(seed, calendar, units, people),
                french_hr.absence(seed, calendar, people, absences),
                french_hr.event(seed, calendar, people, events),
            ]
        case Hr.generic_hr:
            return [
                generic_hr.headcount(seed, calendar, units, people),
                generic_hr.absences(seed, calendar, people, absences),
                generic_hr.training(seed, calendar, people, events),
                french_hr.event(seed, calendar, people, others),
            ]
        case Hr.french_hr:
            return [
                french_hr.employee(seed, calendar, units, people),
                french_hr.absence(seed, calendar, people, absences),
                french_hr.event(seed, calendar, people, events),
            ]


def _case_files(
    crm: Crm, seed: int, calendar: Calendar, units: Teams, base: Clients, planted: Planted, cases: pl.DataFrame
) -> tuple[Export, ...]:
    match crm:
        case Crm.zendesk_json:
            return zendesk.tickets_json(seed, calendar, units, base, planted, cases)
        case Crm.zendesk_csv:
            return (zendesk.tickets_csv(seed, calendar, units, base, planted, cases),)
        case Crm.hubspot:
            return (hubspot.tickets(seed, calendar, units, base, cases),)
        case Crm.salesforce:
            return (salesforce.case(seed, calendar, units, base, cases),)


def _request_file(
    helpdesk: Helpdesk, seed: int, calendar: Calendar, units: Teams, people: Staff, requests: pl.DataFrame
) -> Export:
    write = {
        Helpdesk.helpdesk: internal_helpdesk.request,
        Helpdesk.glpi: glpi.tickets,
        Helpdesk.servicenow: servicenow.requests,
        Helpdesk.jira: jira.issues,
    }[helpdesk]
    return write(seed, calendar, units, people, requests, ORPHAN_REQUESTS)


def _survey_files(
    survey: SurveyTool,
    seed: int,
    calendar: Calendar,
    units: Teams,
    base: Clients,
    client_answers: pl.DataFrame,
    people: Staff,
    staff_answers: pl.DataFrame,
) -> tuple[Export, Export]:
    if survey is SurveyTool.qualtrics:
        return (
            qualtrics.clients_survey(seed, calendar, units, base, client_answers),
            qualtrics.collaborators_survey(seed, calendar, units, people, staff_answers),
        )
    tool = import_module(f"pipelines.simulation.writers.{survey}")
    return (
        tool.client_survey(seed, calendar, units, base, client_answers),
        tool.collaborator_survey(seed, calendar, units, people, staff_answers),
    )
