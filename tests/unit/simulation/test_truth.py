"""What the truth file counts is what stands in the files, read and judged here without the simulation's code."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import pytest

from .conftest import Company

Check = Callable[[str], bool]


def _date(pattern: str) -> Check:
    def good(text: str) -> bool:
        try:
            datetime.strptime(text, pattern)
        except ValueError:
            return False
        return True

    return good


def _blank_or(check: Check) -> Check:
    return lambda text: not text.strip() or check(text)


def _filled(text: str) -> bool:
    return bool(text.strip())


def _one_of(*values: str) -> Check:
    return lambda text: text in values


def _whole(low: int, high: int) -> Check:
    return lambda text: bool(re.fullmatch(r"-?\d+", text)) and low <= int(text) <= high


def _decimal(mark: str, high: float) -> Check:
    form = re.compile(rf"\d+(\{mark}\d+)?")
    return lambda text: bool(form.fullmatch(text)) and float(text.replace(mark, ".")) <= high


SALESFORCE = _date("%Y-%m-%dT%H:%M:%S.%f%z")
FRENCH = _date("%d/%m/%Y")
CLOCK = _date("%Y-%m-%d %H:%M:%S")
LIKERT = {f"Q1_{i}": _blank_or(_whole(1, 5)) for i in range(1, 12)}
ANSWERS: dict[str, Check] = {
    "ResponseId": _filled,
    "EndDate": CLOCK,
    **LIKERT,
    "Q2": _blank_or(_whole(0, 10)),
    "Q3": _blank_or(_whole(1, 5)),
    "Q4": _blank_or(_whole(1, 7)),
    "Q6": _blank_or(_whole(1, 5)),
}
RULES: dict[str, dict[str, Check]] = {
    "hr_unites.csv": {
        "Code unité": _filled,
        "Début de validité": FRENCH,
        "Niveau": _one_of("Société", "Région", "Site", "Équipe"),
    },
    "hr_salaries.csv": {
        "Matricule": _filled,
        "Début de situation": FRENCH,
        "Date d'embauche": FRENCH,
        "ETP": _decimal(",", 1.0),
        "Type de contrat": _one_of("CDI", "CDD", "Intérim", "Alternance"),
    },
    "hr_absences.csv": {
        "Matricule": _filled,
        "Début": FRENCH,
        "Fin": FRENCH,
        "Heures": _decimal(",", 10_000.0),
        "Motif": _one_of("Maladie", "Accident du travail", "Congé sans solde", "Événement familial", "Congés payés"),
    },
    "hr_evenements.csv": {
        "Matricule": _filled,
        "Date": FRENCH,
        "Événement": _one_of("Entretien", "Formation", "Mobilité"),
        "Durée (h)": _decimal(",", 100.0),
    },
    "hr_actions.csv": {"Code action": _filled, "Marqueur": lambda text: "?" not in text},
    "salesforce_account.csv": {
        "Id": _filled,
        "Team__c": _filled,
        "Client_Since__c": _date("%Y-%m-%d"),
        "Segment__c": _one_of("Individual", "Professional", "Key account"),
    },
    "salesforce_case.csv": {
        "Id": _filled,
        "CreatedDate": SALESFORCE,
        "First_Response__c": _blank_or(SALESFORCE),
        "ClosedDate": _blank_or(SALESFORCE),
        "Type": _one_of("Complaint", "Incident", "Request", "Question"),
        "Reopen_Count__c": _whole(0, 99),
    },
    "salesforce_task.csv": {"Id": _filled, "AccountId": _filled, "CompletedDateTime": SALESFORCE},
    "qualtrics_clients.csv": ANSWERS,
    "qualtrics_collaborateurs.csv": {
        **ANSWERS,
        **{f"Q7_{i}": _blank_or(_whole(1, 5)) for i in range(1, 8)},
        "Population": _one_of("Terrain", "Bureau"),
        "Role": _one_of("Collaborateur", "Manager"),
    },
    "helpdesk_requests.csv": {
        "ticket_id": _filled,
        "created_at": CLOCK,
        "category": _one_of("Irritant", "Suggestion", "HR request", "IT request"),
        "implemented": _one_of("yes", "no", ""),
    },
    "availability.csv": {
        "day": _date("%Y-%m-%d"),
        "unit": _filled,
        "available_min": _decimal(".", 1440.0),
    },
}
FILTERED: dict[str, Callable[[dict[str, str]], bool]] = {
    "salesforce_case.csv": lambda row: row["IsDeleted"] == "true",
    "salesforce_task.csv": lambda row: row["Type"] in {"Internal note", "Email"} or row["Status"] != "Completed",
    "qualtrics_clients.csv": lambda row: row["Status"] == "1" or row["Finished"] == "0",
    "qualtrics_collaborateurs.csv": lambda row: row["Status"] == "1" or row["Finished"] == "0",
}


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_counts_and_places_of_dirt_are_those_found_in_the_file(company: Company, name: str) -> None:
    raw, told = company.raw(name), company.truth["files"][name]
    leave_out = FILTERED.get(name, lambda row: False)
    seen: set[tuple[str, ...]] = set()
    bad, doubled, filtered = {}, {}, 0
    for number, (line, fields) in enumerate(raw.records, start=1):
        if len(fields) != len(raw.names):
            bad[number] = line
            continue
        row = dict(zip(raw.names, fields, strict=True))
        if leave_out(row):
            filtered += 1
        elif not all(check(row[column]) for column, check in RULES[name].items()):
            bad[number] = line
        elif tuple(fields) in seen:
            doubled[number] = line
        else:
            seen.add(tuple(fields))
    assert told["read"] == len(raw.records)
    assert sum(told["filtered"].values()) == filtered
    dirty = told["dirty_rows"]
    for fate, found in (("quarantined", bad), ("duplicate", doubled)):
        places = zip(dirty["record"], dirty["line"], dirty["fate"], strict=True)
        assert {r: line for r, line, f in places if f == fate} == found
    assert (told["quarantined"], told["duplicates"], told["landed"]) == (len(bad), len(doubled), len(seen))
    assert told["read"] == told["landed"] + told["quarantined"] + told["duplicates"] + filtered
    if name.startswith("qualtrics"):
        items = [i for i, n in enumerate(raw.names) if re.fullmatch(r"Q\d(_\d+)?", n)]
        assert told["landing_rows"] == sum(bool(row[i]) for row in seen for i in items)
    else:
        assert told["landing_rows"] == told["landed"]


def test_every_kind_of_dirt_is_there_and_about_two_rows_in_a_hundred(company: Company) -> None:
    files = company.truth["files"].values()
    kinds: Counter[str] = Counter()
    for told in files:
        kinds.update(told["dirt"])
    assert set(kinds) == {
        "bad_boolean",
        "bad_date",
        "bad_number",
        "blank_id",
        "blank_unit",
        "cut_off",
        "exact_duplicate",
        "extra_separator",
        "impossible_score",
        "impossible_value",
        "unknown_code",
        "wrong_decimal",
    }
    assert 0.01 < kinds.total() / sum(told["read"] for told in files) < 0.03


def test_the_cut_off_row_is_the_last_and_has_no_end_of_line(company: Company) -> None:
    data = (company.inbox / "helpdesk_requests.csv").read_bytes()
    assert not data.endswith(b"\n")
    dirty = company.truth["files"]["helpdesk_requests.csv"]["dirty_rows"]
    assert dirty["kind"][-1] == "cut_off"
    assert dirty["record"][-1] == company.truth["files"]["helpdesk_requests.csv"]["read"]


def test_a_told_value_stands_where_it_is_told(company: Company) -> None:
    for name, told in company.truth["files"].items():
        raw, dirty = company.raw(name), told["dirty_rows"]
        for record, kind, column, value in zip(
            dirty["record"], dirty["kind"], dirty["column"], dirty["value"], strict=True
        ):
            if kind not in {"extra_separator", "exact_duplicate", "cut_off"}:
                assert raw.records[record - 1][1][raw.names.index(column)] == value


def test_orphan_requests_are_as_many_as_told(company: Company) -> None:
    known = set(company.raw("hr_salaries.csv").column("Matricule"))
    rows = company.raw("helpdesk_requests.csv").dicts()
    orphans = {r["requester_email"] + r["created_at"] for r in rows if r["requester_number"] not in known}
    # A few of them may be dirty in another way, cut off, or written twice.
    assert abs(len(orphans) - company.truth["orphan_requests"]) <= 1
