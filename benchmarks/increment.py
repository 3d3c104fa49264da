"""What one more month costs on a company with years of cases: CPU of `symmetry run` when the 36th month arrives.

Called by `python -m benchmarks.speed`; alone: `python -m benchmarks.increment [--rows N] [--json FILE]`. A company of
400 teams delivers its units, its staff and, month by month, cases (Salesforce) and answers to both surveys. 35 months
are landed and published by one run, which is the full run; then the last month arrives, and the second run is the
increment. The same two runs of a tiny company say what an increment costs whatever the size. Both are the real
command in a process of its own, split by stage as `benchmarks.run` does.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.claims import Claim, report
from benchmarks.run import company_environment, measured_run

#: Cases of the company, over all months.
ROWS = 20_000_000
MONTHS = 36
FIRST = date(2022, 1, 1)
#: The part of a full run that one more month may cost beside what any run costs.
SHARE = 0.05

_CONTRACTS = Path(__file__).parents[1] / "pipelines" / "extracts" / "contracts"
_ANSWERS = {
    "client": ("qualtrics_clients", {"Q1_6": 5, "Q2": 11, "Q3": 5}),
    "collaborator": ("qualtrics_collaborateurs", {"Q1_6": 5, "Q2": 11, "Q3": 5, "Q7_2": 5}),
}


@dataclass(frozen=True)
class Size:
    """How large a company is: cases over all months, teams, clients (each served by one team)."""

    cases: int
    teams: int
    clients: int


TINY = Size(cases=3_600, teams=6, clients=120)


def large(rows: int) -> Size:
    """The company of that many cases: 400 teams, and a case and a half a client and year."""
    return Size(cases=rows, teams=400, clients=max(rows // 25, 400))


@dataclass(frozen=True)
class Increment:
    """CPU seconds by stage of the run on all months but one, and of the run on the last one."""

    full: dict[str, float]
    month: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """The two runs of the tiny company and of the one of `rows` cases."""

    rows: int
    tiny: Increment
    large: Increment


# --- claims -------------------------------------------------------------------------------------------


def one_more_month(measured: Measured) -> Claim:
    """The month against the fixed cost and a share of the full run, in CPU time of the whole command."""
    month, fixed, full = (
        sum(stages.values()) for stages in (measured.large.month, measured.tiny.month, measured.large.full)
    )
    bar = fixed + SHARE * full
    stages = ", ".join(
        f"{stage} {cpu:.1f} ({measured.tiny.month[stage]:.1f}; {measured.large.full[stage]:.1f})"
        for stage, cpu in measured.large.month.items()
    )
    return Claim(
        f"One more month (1/{MONTHS}) on the company of {measured.rows:,} cases",
        f"{month:.1f} s of CPU",
        f"<= {bar:.1f} s of CPU: the fixed cost, {fixed:.1f}, and {SHARE:.0%} of the full run, {full:.1f}",
        month <= bar,
        f"seconds of CPU of the month (of the tiny company's month; of the full run): {stages}",
    )


CLAIMS: tuple[Callable[[Measured], Claim], ...] = (one_more_month,)


# --- the company --------------------------------------------------------------------------------------


def months() -> list[date]:
    """The first day of each month of the company's record."""
    return [_month(number) for number in range(MONTHS)]


def _month(number: int) -> date:
    return date(FIRST.year + number // 12, number % 12 + 1, 1)


def write_structure(inbox: Path, size: Size) -> None:
    """Write the units (company, four regions, teams) and eight employees a team, there from the beginning."""
    since = f"{FIRST - timedelta(days=400):%d/%m/%Y}"
    units = [("SOC", "Société", "", "Société", since, "")]
    units += [(f"R{number}", f"Région {number}", "SOC", "Région", since, "") for number in range(4)]
    units += [(f"T{number}", f"Équipe {number}", f"R{number % 4}", "Équipe", since, "") for number in range(size.teams)]
    header = ["Code unité", "Libellé", "Unité mère", "Niveau", "Début de validité", "Fin de validité"]
    _write(inbox / f"hr_unites_{FIRST:%Y%m%d}.csv", header, units, ";")
    staff = [
        (f"{team * 8 + place:06}", since, "", f"T{team}", "", *_contract(place), since, "", "")
        for team in range(size.teams)
        for place in range(8)
    ]
    header = ["Matricule", "Début de situation", "Fin de situation", "Code unité", "Matricule responsable"]
    header += ["Catégorie", "Type de contrat", "ETP", "Date d'embauche", "Date de sortie", "Motif de sortie"]
    _write(inbox / f"hr_salaries_{FIRST:%Y%m%d}.csv", header, staff, ";")


def _contract(place: int) -> tuple[str, str, str]:
    return ("Terrain" if place < 5 else "Bureau", "CDI", "1,00")


def write_month(inbox: Path, size: Size, month: int) -> None:
    """Write what the systems export for one month: its cases, and two answers a team and side.

    Args:
        inbox: the folder of extracts.
        size: how large the company is.
        month: the month's number, from 0.
    """
    _write_cases(inbox / f"salesforce_case_{_month(month + 1):%Y%m%d}.csv", size, month)
    for side, (name, questions) in _ANSWERS.items():
        _write_answers(inbox / f"{name}_{_month(month + 1):%Y%m%d}.csv", side, questions, size, month)


def _write_cases(path: Path, size: Size, month: int) -> None:
    import duckdb

    first, last = (size.cases * number // MONTHS for number in (month, month + 1))
    seconds = (_month(month + 1) - _month(month)).days * 86_400
    kinds = "['Complaint', 'Request', 'Question', 'Incident']"
    themes = "['Billing', 'Delays', 'Information', 'Equipment', 'Digital tools', 'Organisation']"
    moments = "['Complaint', 'Breakdown', 'Store visit', 'Information request']"
    with duckdb.connect() as connection:
        connection.execute("CREATE MACRO pick(i, salt, n) AS CAST(hash(i, salt) % n AS BIGINT)")
        connection.execute("CREATE MACRO spelt(t) AS strftime(t, '%Y-%m-%dT%H:%M:%S.000+0000')")
        # A case is closed before its month is over, so that no delivery says anything of another month.
        connection.execute(
            f"""COPY (
                SELECT '5003X' || lpad(CAST(i AS VARCHAR), 10, '0') AS "Id",
                    '0013X' || lpad(CAST(client AS VARCHAR), 10, '0') AS "AccountId",
                    'T' || client % {size.teams} AS "Team__c", spelt(opened) AS "CreatedDate",
                    CASE WHEN pick(i, 3, 100) < 80 THEN spelt(least(opened + to_minutes(pick(i, 4, 3000)), ends)) END
                        AS "First_Response__c",
                    CASE WHEN pick(i, 5, 100) < 80 THEN spelt(least(opened + to_minutes(pick(i, 6, 10000)), ends)) END
                        AS "ClosedDate",
                    {kinds}[1 + pick(i, 7, 4)] AS "Type", {themes}[1 + pick(i, 8, 6)] AS "Theme__c",
                    ['Phone', 'Web', 'Email', 'Branch'][1 + pick(i, 9, 4)] AS "Origin",
                    CASE WHEN pick(i, 10, 10) = 0 THEN 1 ELSE 0 END AS "Reopen_Count__c",
                    CASE WHEN pick(i, 11, 100) < 20 THEN {moments}[1 + pick(i, 12, 4)] END AS "Moment__c",
                    '' AS "IsDeleted"
                FROM (SELECT i, pick(i, 1, {size.clients}) AS client,
                        DATE '{_month(month)}' + to_seconds(3600 + pick(i, 14, {seconds - 90_000})) AS opened,
                        CAST('{_month(month + 1)}' AS TIMESTAMP) - INTERVAL 12 HOUR AS ends
                    FROM range({first}, {last}) AS numbers (i))
            ) TO '{path}' (FORMAT csv, HEADER, DELIMITER ',')"""
        )


def _write_answers(path: Path, side: str, questions: dict[str, int], size: Size, month: int) -> None:
    from pipelines.extracts.contract import load_contract

    contract = load_contract(_CONTRACTS / f"qualtrics.{side}_survey.yml")
    sources = [column.source for column in contract.columns] + [rule.source for rule in contract.filters]
    header = list(dict.fromkeys(sources))
    imports = [f'{{"ImportId":"{name}"}}' for name in header]

    def answers() -> Iterator[list[str]]:
        yield header
        yield imports
        for number in range(size.teams * 2):
            team, place = number % size.teams, (number // size.teams + month * 2) % 8
            person = f"0013X{team + place * size.teams:010}" if side == "client" else f"{team * 8 + place:06}"
            row = {
                "ResponseId": f"R_{side}_{month}_{number}",
                "EndDate": f"{datetime.combine(_month(month), datetime.min.time(), UTC):%Y-%m-10 10:00:00}",
                "ExternalReference": person,
                "Team": f"T{team}",
                "Equipe": f"T{team}",
                "Population": _contract(place)[0],
                "Role": "Collaborateur",
                "Status": "0",
                "Finished": "1",
            }
            for question, steps in questions.items():
                low = 0 if steps == 11 else 1
                row[question] = str(low + (number * 7 + month * 3 + len(question)) % steps)
            yield [row.get(name, "") for name in header]

    _write(path, header, answers(), ",")


def _write(path: Path, header: Sequence[str], rows: Iterator[list[str]] | Sequence[Sequence[str]], mark: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=mark, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


# --- measuring ----------------------------------------------------------------------------------------


def measure_company(root: Path, size: Size) -> Increment:
    """Publish all months but the last, then the last, and return what each run cost."""
    environment = company_environment(root)
    data = root / "data"
    inbox = data / "inbox"
    inbox.mkdir(parents=True)
    write_structure(inbox, size)
    for month in range(MONTHS - 1):
        write_month(inbox, size, month)
    full = measured_run(root, environment)
    write_month(inbox, size, MONTHS - 1)
    return Increment(full, measured_run(root, environment))


def claims(rows: int = ROWS) -> list[Claim]:
    """Measure on two companies of their own, and say what was found."""
    with tempfile.TemporaryDirectory(prefix="symmetry_month_") as folder:
        root = Path(folder)
        measured = Measured(rows, measure_company(root / "tiny", TINY), measure_company(root / "large", large(rows)))
    return [claim(measured) for claim in CLAIMS]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print each claim, and write them to the file of --json."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.increment", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help="cases of the company, over all months")
    parser.add_argument("--json", type=Path, help="write the claims to this file")
    options = parser.parse_args(arguments)
    report(claims(options.rows), options.json)


if __name__ == "__main__":
    main()
