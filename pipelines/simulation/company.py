"""The example company, from a seed to files: the one function that others call is `simulate`."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.simulation import behaviour, surveys
from pipelines.simulation.dirt import soil
from pipelines.simulation.people import clients as draw_clients
from pipelines.simulation.people import staff as draw_staff
from pipelines.simulation.planted import plant
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.truth import file_truth, truth, write_truth
from pipelines.simulation.units import organisation as draw_organisation
from pipelines.simulation.writers import french_hr, helpdesk, operations, qualtrics, salesforce
from pipelines.simulation.writers.delimited import Export

ORPHAN_REQUESTS = 12


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
) -> SimulationSummary:
    """Write the example company's extracts to `out_dir` and what was planted in them to `truth_path`.

    The same arguments give the same bytes. `teams` (at least 40) sets the size of the organisation, `clients`
    about how many clients it had in all, `volume` scales cases and client answers per client, `dirt` the
    share of dirty rows (0 for clean files). Files are overwritten; others in `out_dir` are left alone. Keep
    the truth out of `out_dir`: the pipeline takes whatever lies there for input.

    Raises ValueError for fewer than 40 teams or 12 months, or when the truth would lie in `out_dir`.
    """
    if truth_path.resolve().parent == out_dir.resolve():
        raise ValueError(f"{truth_path}: the truth file must not lie among the extracts; put it elsewhere")
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
        french_hr.employee(seed, calendar, units, people),
        french_hr.absence(seed, calendar, people, absences),
        french_hr.event(seed, calendar, people, events),
        french_hr.action(seed, calendar, units, planted),
        salesforce.account(seed, calendar, units, base),
        salesforce.case(seed, calendar, units, base, cases),
        salesforce.task(seed, calendar, units, base, contacts),
        qualtrics.clients_survey(seed, calendar, units, base, client_answers),
        qualtrics.collaborators_survey(seed, calendar, units, people, staff_answers),
        helpdesk.request(seed, calendar, units, people, requests, ORPHAN_REQUESTS),
        operations.availability(calendar, units, services),
    )
    out_dir.mkdir(parents=True, exist_ok=True)
    written, files = [], {}
    for export in exports:
        dirty = soil(seed, export, dirt)
        path = out_dir / export.file
        path.write_bytes(dirty.content)
        written.append(SimulatedFile(path, export.contract, dirty.read, len(dirty.content)))
        files[export.file] = file_truth(export, dirty)
    settings = {
        "seed": seed,
        "months": months,
        "last_month": calendar.label(months - 1),
        "teams": teams,
        "clients": clients,
        "volume": volume,
        "dirt": dirt,
    }
    write_truth(truth_path, truth(settings, calendar, organisation, planted, files, ORPHAN_REQUESTS))
    return SimulationSummary(files=tuple(written), truth=truth_path, seed=seed)
