"""HR systems: small files in the shapes that they write, landed by the shipped contracts."""

from __future__ import annotations

import json
from datetime import date

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, load_contract
from pipelines.extracts.pseudonyms import pseudonym
from tests.unit.extracts.conftest import KEY, Bench

SPELL = (
    "employee_id, spell_start, spell_end, unit_id, manager_id, population, contract_type, fte, hired_on, left_on, "
    "leave_reason"
)
NO_BREAK, NARROW = "\u00a0", "\u202f"


def ship(bench: Bench, *names: str) -> None:
    for name in names:
        bench.contract((CONTRACTS_DIR / f"{name}.yml").read_text(encoding="utf-8"), name)


def person(number: str) -> str:
    return pseudonym(number, "employee", KEY)


# --- the French suite ----------------------------------------------------------------------------------


def absences(space: str) -> str:
    return (
        "Matricule;Salarié;Début;Fin;Motif;Heures\r\n"
        f"000123;Zoé D'Été;01/02/2026;28/02/2026;Maladie;1{space}234,50\r\n"
        f"000124;Léa;03/02/2026;03/02/2026;Congés payés;7,00\r\n"
        f"000125;Léa;31/02/2026;03/03/2026;Congés payés;7,00\r\n"
        f"000126;Léa;03/02/2026;03/02/2026;Congés payés;7.00\r\n"
        f"000127;Léa;03/02/2026;03/02/2026;Congés payés;12{space}34,0\r\n"
    )


@pytest.mark.parametrize(
    ("encoding", "space"),
    [("cp1252", NO_BREAK), ("cp1252", " "), ("utf-8", NO_BREAK), ("utf-8", NARROW), ("utf-8-sig", NARROW)],
)
def test_french_numbers_and_dates(bench: Bench, encoding: str, space: str) -> None:
    ship(bench, "french_hr.absence")
    bench.file("hr_absences.csv", absences(space).encode(encoding))
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (5, 2, 3)
    assert bench.rows("absence", "employee_id, started_on, ended_on, kind, hours") == [
        (person("000123"), date(2026, 2, 1), date(2026, 2, 28), "sick", 1234.5),
        (person("000124"), date(2026, 2, 3), date(2026, 2, 3), "paid_leave", 7.0),
    ]
    assert bench.bad('line, "column", reason, value') == [
        (4, "Début", "not_a_date", "31/02/2026"),
        (5, "Heures", "not_a_number", "7.00"),
        (6, "Heures", "not_a_number", f"12{space}34,0"),
    ]


def test_french_headers_of_another_suite(bench: Bench) -> None:
    ship(bench, "french_hr.employee")
    bench.file(
        "hr_salaries_20260131.csv",
        "Numéro de matricule;Date de début de situation;Date de fin de situation;Département;Matricule manager;"
        "Population;Type de contrat;Taux ETP;Date d'entrée;Date de départ;Motif de départ\n"
        "7;01/02/2024;;EQ-001;8;Terrain;CDI;0,8;15/01/2020;;\n"
        "8;15/01/2020;31/12/2025;EQ-001;;Bureau;CDD;1;15/01/2020;31/12/2025;Fin de contrat\n",
    )
    (receipt,) = bench.land().receipts
    assert (receipt.landed, receipt.quarantined) == (2, 0)
    assert bench.rows("employee", SPELL) == [
        (
            *(person("7"), date(2024, 2, 1), None, "EQ-001", person("8"), "field", "permanent", 0.8),
            *(date(2020, 1, 15), None, None),
        ),
        (
            *(person("8"), date(2020, 1, 15), date(2025, 12, 31), "EQ-001", None, "office", "fixed_term", 1.0),
            *(date(2020, 1, 15), date(2025, 12, 31), "end_of_contract"),
        ),
    ]


# --- Workday -------------------------------------------------------------------------------------------


def test_workday_report_entries_without_positions_and_with_offsets(bench: Bench) -> None:
    ship(bench, "workday.worker_json")
    entries = [
        {
            "Worker": "Logan M.",
            "Employee_ID": "21001",
            "Hire_Date": "2015-01-01-08:00",
            "Supervisory_Organization": "EQ-001",
            "FTE": "0.8",
            "Employee_Type": "Regular",
            "Manager_ID": "21002",
            "Job_Category": "Field",
        },
        {
            "Worker": "Teresa S.",
            "Employee_ID": "21002",
            "Hire_Date": "2018-06-15",
            "Supervisory_Organization": "EQ-001",
            "Termination_Date": "2025-06-30Z",
            "Termination_Reason": "Resignation",
        },
        {"Worker": "Nobody", "Employee_ID": "21003", "Hire_Date": "15/06/2018", "Supervisory_Organization": "EQ-001"},
        {"Worker": "Nobody", "Employee_ID": "21004", "Hire_Date": "2018-06-15"},
    ]
    bench.file("workday_workers_20260131.json", json.dumps({"Report_Entry": entries}))
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined) == (4, 2, 2)
    assert bench.rows("employee", SPELL) == [
        (
            *(person("21001"), date(2015, 1, 1), None, "EQ-001", person("21002"), "field", "permanent", 0.8),
            *(date(2015, 1, 1), None, None),
        ),
        (
            *(person("21002"), date(2018, 6, 15), None, "EQ-001", None, "office", None, None),
            *(date(2018, 6, 15), date(2025, 6, 30), "voluntary"),
        ),
    ]
    assert bench.bad('record, "column", reason, value') == [
        (3, "Position_Start_Date", "no_match", "15/06/2018"),
        (4, "Supervisory_Organization_ID", "required", None),
    ]


def test_workday_csv_with_headings_instead_of_aliases(bench: Bench) -> None:
    ship(bench, "workday.worker", "workday.absence", "workday.training")
    bench.file(
        "workday_workers.csv",
        "Employee ID,Position Start Date,Supervisory Organization,FTE,Hire Date\n"
        "21001,2020-03-01,EQ-001,1,2015-01-01\n",
    )
    bench.file(
        "workday_absences.csv",
        "Employee ID,First Day,Last Day,Time Off Type,Total Hours\n21001,2026-01-05,2026-01-09,Annual Leave,35\n"
        "21001,2026-02-05,2026-02-05,Jury Duty,7\n",
    )
    bench.file(
        "workday_learning.csv",
        "Employee ID,Completion Status,Completion Date,Learning Hours\n21001,Completed,2026-01-20,3.5\n"
        "21001,In Progress,,\n",
    )
    report = bench.land()
    assert {r.contract: (r.landed, r.quarantined, r.filtered) for r in report.receipts} == {
        "workday.worker": (1, 0, 0),
        "workday.absence": (1, 1, 0),
        "workday.training": (1, 0, 1),
    }
    assert bench.rows("employee", "employee_id, spell_start, hired_on, population") == [
        (person("21001"), date(2020, 3, 1), date(2015, 1, 1), "office")
    ]
    assert bench.rows("absence", "employee_id, started_on, ended_on, kind, hours") == [
        (person("21001"), date(2026, 1, 5), date(2026, 1, 9), "paid_leave", 35.0)
    ]
    assert bench.rows("hr_event", "employee_id, event_on, kind, hours") == [
        (person("21001"), date(2026, 1, 20), "training", 3.5)
    ]
    assert bench.bad('"column", reason, value') == [("Time_Off_Type", "unknown_code", "Jury Duty")]


# --- BambooHR ------------------------------------------------------------------------------------------


def test_bamboohr_default_export_is_a_snapshot_of_its_day(bench: Bench) -> None:
    ship(bench, "bamboohr.employee")
    head = '"Employee #","Last Name, First Name","Department","Employment Status","Hire Date","Job Information: Date"\n'
    ada = '"7","Aa, Ada","EQ-001","Full-Time","2020-01-15","2024-02-01"\n'
    bo = '"8","Bb, Bo","EQ-002","Contractor","15/01/2021","15 Mar 2022"\n'
    bench.file("bamboohr_employees_20260131.csv", head + ada + bo)
    bench.file("bamboohr_employees_20260228.csv", head + ada)
    report = bench.land()
    assert not report.refused
    assert [(r.delivery, str(r.version), r.landed) for r in report.receipts] == [
        ("snapshot", "2026-01-31 00:00:00", 2),
        ("snapshot", "2026-02-28 00:00:00", 1),
    ]
    assert bench.rows("employee", SPELL, "_version, _record")[:2] == [
        (
            *(person("7"), date(2024, 2, 1), None, "EQ-001", None, "office", "permanent", None),
            *(date(2020, 1, 15), None, None),
        ),
        (
            *(person("8"), date(2022, 3, 15), None, "EQ-002", None, "office", "temporary", None),
            *(date(2021, 1, 15), None, None),
        ),
    ]


def test_bamboohr_with_leavers_and_without_job_history(bench: Bench) -> None:
    ship(bench, "bamboohr.employee")
    bench.file(
        "bamboohr_employees_20260131.csv",
        "Employee #,Department,Hire Date,Termination Date,Termination Reason,Population,FTE\n"
        "7,EQ-001,2020-01-15,0000-00-00,,Field,0.5\n8,EQ-002,2021-01-15,2025-12-31,Dismissal,Office,1\n",
    )
    bench.land()
    assert bench.rows("employee", "spell_start, left_on, leave_reason, population, fte") == [
        (date(2020, 1, 15), None, None, "field", 0.5),
        (date(2021, 1, 15), date(2025, 12, 31), "dismissal", "office", 1.0),
    ]


# --- files kept by hand --------------------------------------------------------------------------------

ENGLISH = (
    "Employee ID,Name,Start date,End date,Team,Manager ID,Population,Contract type,FTE,Hire date,Leave date,"
    "Leave reason\n7,Ada,2024-02-01,,EQ-001,8,Field,Permanent,0.8,2020-01-15,,\n"
)
FRENCH = (
    "Matricule,Nom,Début de situation,Fin de situation,Équipe,Matricule responsable,Catégorie,Contrat,ETP,"
    "Date d'embauche,Date de sortie,Motif de sortie\n7,Ada,01/02/2024,,EQ-001,8,Terrain,CDI,0.8,15/01/2020,,\n"
)


@pytest.mark.parametrize(("file", "content"), [("headcount.csv", ENGLISH), ("effectif_janvier.csv", FRENCH)])
def test_a_headcount_lands_alike_in_both_languages(bench: Bench, file: str, content: str) -> None:
    ship(bench, "generic_hr.headcount")
    bench.file(file, content)
    (receipt,) = bench.land().receipts
    assert (receipt.landed, receipt.quarantined) == (1, 0)
    assert set(receipt.personal) >= {"Name" if file == "headcount.csv" else "Nom"}
    assert bench.rows("employee", SPELL) == [
        (
            *(person("7"), date(2024, 2, 1), None, "EQ-001", person("8"), "field", "permanent", 0.8),
            *(date(2020, 1, 15), None, None),
        )
    ]


@pytest.mark.parametrize("form", ["csv", "tsv"])
def test_absences_and_training_by_hand(bench: Bench, form: str) -> None:
    ship(bench, "generic_hr.absence", "generic_hr.training")
    mark = "," if form == "csv" else "\t"
    rows = [
        ["Matricule", "Nom", "Début", "Fin", "Motif", "Heures"],
        ["7", "Ada", "05/01/2026", "2026-01-09", "Maladie", "28.5"],
        ["7", "Ada", "06/01/2026", "2026-01-09", "Ennui", "28.5"],
    ]
    bench.file(f"absences.{form}", "\n".join(mark.join(row) for row in rows) + "\n")
    bench.file("formation_2026.csv", "Matricule,Date de formation,Durée (h)\n7,20/01/2026,3.5\n")
    bench.land()
    assert bench.rows("absence", "employee_id, started_on, ended_on, kind, hours") == [
        (person("7"), date(2026, 1, 5), date(2026, 1, 9), "sick", 28.5)
    ]
    assert bench.rows("hr_event", "employee_id, event_on, kind, hours") == [
        (person("7"), date(2026, 1, 20), "training", 3.5)
    ]
    assert bench.bad('line, "column", reason, value') == [(3, "Kind", "unknown_code", "Ennui")]


@pytest.mark.parametrize(("mark", "point", "encoding"), [(",", ".", "utf-8"), (";", ",", "cp1252")])
def test_a_plain_headcount_of_english_and_of_french_spreadsheets(
    bench: Bench, mark: str, point: str, encoding: str
) -> None:
    ship(bench, "generic_hr.headcount")
    contract = load_contract(CONTRACTS_DIR / "generic_hr.headcount.yml")
    needed = {"employee_id": "7", "spell_start": "2024-02-01", "unit_id": "Équipe 1", "hired_on": "2020-01-15"}
    values = {column.source: needed.get(column.field, "") for column in contract.columns}
    values[next(column.source for column in contract.columns if column.field == "fte")] = f"0{point}8"
    population = next(column for column in contract.columns if column.field == "population")
    values[population.source] = next(iter(population.codes))
    bench.file("headcount_20260131.csv", f"{mark.join(values)}\n{mark.join(values.values())}\n".encode(encoding))
    (receipt,) = bench.land().receipts
    assert bench.bad() == []
    assert receipt.landed == 1
    assert bench.rows("employee", "unit_id, fte") == [("Équipe 1", 0.8)]
