"""A company small enough to work every figure by hand. The figures are in `test_tiny_company.py`.

ACME > NORD > N1, N2 and ACME > SUD > S1. Trust is asked on 1 to 5, recommendation on 0 to 10, on 10 February 2025.
Reply within 24 hours is in time; the window of the two surveys is one month, that of the replies three.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

UNITS = """Code;Libellé;Rattachement;Niveau
ACME;Acmé;;Société
NORD;Nord;ACME;Site
SUD;Sud;ACME;Site
N1;Équipe N1;NORD;Équipe
N2;Équipe N2;NORD;Équipe
S1;Équipe S1;SUD;Équipe
"""

# Team to the answers of its clients, and of its collaborators, one tuple a respondent: (trust, recommendation).
CLIENTS = {
    "N1": [(5, 10), (5, 9), (4, 9), (4, 8), (3, 7), (3, 6)],
    "N2": [(5, 10)] * 5,
    "S1": [(3, 8)] * 4,
}
COLLABORATORS = {
    "N1": [(4, 9), (4, 9), (4, 8), (4, 7), (4, 6)],
    "N2": [(2, 5), (2, 5), (3, 5), (3, 5), (3, 5)],
    "S1": [(3, 7)] * 5,
}

JANUARY, FEBRUARY = datetime(2025, 1, 13, 9, tzinfo=UTC), datetime(2025, 2, 11, 9, tzinfo=UTC)
# Hours to the first reply of each case or request, by team and the day it was opened; None is not answered.
CASES = {
    ("N1", JANUARY): [1, 2, 24, 25],
    ("N1", FEBRUARY): [1, 1, 1, 1, 1, None],
    ("N2", FEBRUARY): [3, 3, 3, 3, 3],
    ("S1", FEBRUARY): [4, 4, 4, 4, 4],
    # Its deadline falls after the last day known: neither in time nor late yet.
    ("N1", datetime(2025, 2, 28, 20, tzinfo=UTC)): [None],
}
REQUESTS = {
    ("N1", JANUARY): [1, 30],
    ("N1", FEBRUARY): [1, 1, 1, None],
    ("N2", FEBRUARY): [1, 48, 48, 48, None],
    ("S1", FEBRUARY): [2, 2, 2, 2, 2],
}


def write(inbox: Path) -> None:
    """Write the six extracts, each in another format."""
    inbox.mkdir(parents=True, exist_ok=True)
    (inbox / "units.csv").write_bytes(UNITS.encode("cp1252"))
    cases = [
        {
            "id": f"case-{number}",
            "client": {"id": f"client-{team}-{place % len(CLIENTS[team])}"},
            "team": team,
            "opened": f"{opened:%Y-%m-%dT%H:%M:%S}+00:00",
            "replied": None if hours is None else f"{opened + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}+00:00",
        }
        for number, (team, opened, place, hours) in enumerate(_flat(CASES))
    ]
    (inbox / "cases.jsonl").write_text("\n".join(json.dumps(case) for case in cases) + "\n", encoding="utf-8")
    requests = ["number\temployee\topened\tanswered"] + [
        f"{number}\tstaff-{team}-{place % len(COLLABORATORS[team])}\t{_paris(opened)}\t"
        + ("" if hours is None else _paris(opened + timedelta(hours=hours)))
        for number, (team, opened, place, hours) in enumerate(_flat(REQUESTS))
    ]
    (inbox / "requests.tsv").write_text("\n".join(requests) + "\n", encoding="utf-8")
    employees = [
        {"employee": f"staff-{team}-{place}", "team": team, "since": date(2020, 1, 1)}
        for team, answers in COLLABORATORS.items()
        for place in range(len(answers))
    ]
    pl.DataFrame(employees).write_parquet(inbox / "employees.parquet")
    for side, who, answers in (("client", "client", CLIENTS), ("collaborator", "staff", COLLABORATORS)):
        rows = [
            {
                "response": f"{side}-{team}-{place}",
                "who": f"{who}-{team}-{place}",
                "team": team,
                "at": "2025-02-10T10:00:00+00:00",
                "trust": trust,
                "recommend": recommend,
            }
            for team, given in answers.items()
            for place, (trust, recommend) in enumerate(given)
        ]
        (inbox / f"{side}_answers.json").write_text(json.dumps({"answers": rows}), encoding="utf-8")


def _flat(table: dict[tuple[str, datetime], list[int | None]]) -> list[tuple[str, datetime, int, int | None]]:
    """Team, opening, place of the person among the team's, hours. The places move on by one a month."""
    return [
        (team, opened, place + opened.month - 1, hours)
        for (team, opened), given in table.items()
        for place, hours in enumerate(given)
    ]


def _paris(moment: datetime) -> str:
    """Winter time in Paris is one hour ahead of UTC."""
    return f"{moment + timedelta(hours=1):%d/%m/%Y %H:%M}"
