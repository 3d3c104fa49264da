"""What is planted shows in the raw files: ruptures, drift, effects and the organisation itself."""

import itertools
from collections import defaultdict
from datetime import datetime
from statistics import fmean

import numpy as np
import pytest

from .conftest import Company


def _scores(company: Company, name: str, team_column: str) -> dict[tuple[str, str], list[float]]:
    """Mean of the eleven dimensions (0-100) of each response, by team and month."""
    out: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in company.raw(name).dicts():
        try:
            month = datetime.strptime(row["EndDate"], "%Y-%m-%d %H:%M:%S").strftime("%Y-%m")
        except ValueError:
            continue
        values = [int(row[f"Q1_{i}"]) for i in range(1, 12) if row[f"Q1_{i}"] in {"1", "2", "3", "4", "5"}]
        if row["Status"] == "0" and values:
            out[row[team_column], month].append(25.0 * (fmean(values) - 1.0))
    return out


@pytest.fixture(scope="module")
def answers(company: Company) -> dict[str, dict[tuple[str, str], list[float]]]:
    return {
        "client": _scores(company, "qualtrics_clients.csv", "Team"),
        "collaborator": _scores(company, "qualtrics_collaborateurs.csv", "Equipe"),
    }


def _mean(scores: dict[tuple[str, str], list[float]], team: str, first: str, last: str) -> float:
    found = [v for (t, month), values in scores.items() if t == team and first <= month <= last for v in values]
    return fmean(found)


def test_ruptures_open_a_gap_in_raw_answers(
    company: Company, answers: dict[str, dict[tuple[str, str], list[float]]]
) -> None:
    ruptures = company.truth["ruptures"]
    assert len(ruptures) >= 3
    assert {r["higher_side"] for r in ruptures} == {"client", "collaborator"}
    for rupture in ruptures:
        team, sign = rupture["unit_id"], 1 if rupture["higher_side"] == "client" else -1
        last = rupture["last_month"] or "9999-12"
        gap = {}
        for when, (first, end) in {
            "before": ("0000-00", _month_before(rupture["onset"])),
            "during": (rupture["onset"], last),
        }.items():
            gap[when] = sign * (
                _mean(answers["client"], team, first, end) - _mean(answers["collaborator"], team, first, end)
            )
        assert gap["during"] > 14.0, rupture
        assert gap["during"] - gap["before"] > 10.0, rupture


def _month_before(month: str) -> str:
    year, number = int(month[:4]), int(month[5:])
    return f"{year - (number == 1):04d}-{(number - 2) % 12 + 1:02d}"


def test_both_sides_move_together_over_teams(
    company: Company, answers: dict[str, dict[tuple[str, str], list[float]]]
) -> None:
    struck = {r["unit_id"] for r in company.truth["ruptures"]} | {a["unit_id"] for a in company.truth["actions"]}
    teams = [t for t in company.truth["levels"] if t not in struck and t not in company.truth["support_units"]]
    known = {s: {t for t, _ in scores} for s, scores in answers.items()}
    both = [t for t in teams if t in known["client"] and t in known["collaborator"]]
    points = np.array([[_mean(answers[s], t, "0", "9") for s in ("client", "collaborator")] for t in both])
    assert np.corrcoef(points.T)[0, 1] > 0.5


def test_answers_of_one_respondent_hang_together(company: Company) -> None:
    rows = company.raw("qualtrics_clients.csv").dicts()
    columns = [f"Q1_{i}" for i in range(1, 12)]
    whole = [[int(r[c]) for c in columns] for r in rows if all(r[c] in {"1", "2", "3", "4", "5"} for c in columns)]
    correlation = np.corrcoef(np.array(whole, dtype=float).T)[np.triu_indices(11, 1)]
    assert 0.3 < correlation.mean() < 0.55


def test_a_rupture_shows_in_what_is_done_too(company: Company) -> None:
    """Where clients fall, more of their cases are complaints than elsewhere."""
    share: dict[bool, list[bool]] = {True: [], False: []}
    fallen = {r["unit_id"]: r for r in company.truth["ruptures"] if r["higher_side"] == "collaborator"}
    for row in company.raw("salesforce_case.csv").dicts():
        rupture = fallen.get(row["Team__c"])
        during = rupture is not None and rupture["onset"] <= row["CreatedDate"][:7] <= (rupture["last_month"] or "9")
        share[during].append(row["Type"] == "Complaint")
    assert fmean(share[True]) > 1.5 * fmean(share[False])


def test_the_organisation_is_a_tree_of_dated_units(company: Company) -> None:
    good = [r for r in company.raw("hr_unites.csv").dicts() if _good_unit(r)]
    level = {r["Code unité"]: r["Niveau"] for r in good}
    parents = {"Société": "", "Région": "Société", "Site": "Région", "Équipe": "Site"}
    for row in good:
        assert level.get(row["Unité mère"], "") == parents[row["Niveau"]]
    assert sum(v == "Équipe" for v in level.values()) == 40
    told = {r["what"]: r["unit_id"] for r in company.truth["reorganisations"]}
    assert set(told) == {"opened", "closed", "moved"}
    versions = [r for r in good if r["Code unité"] == told["moved"]]
    assert len({r["Unité mère"] for r in versions}) == 2


def _good_unit(row: dict[str, str]) -> bool:
    try:
        datetime.strptime(row["Début de validité"], "%d/%m/%Y")
    except ValueError:
        return False
    return bool(row["Code unité"]) and row["Niveau"] in {"Société", "Région", "Site", "Équipe"}


def test_spells_of_an_employee_follow_one_another(company: Company) -> None:
    spells: dict[str, set[tuple[datetime, datetime, str]]] = defaultdict(set)
    teams = set(company.truth["levels"])
    for row in company.raw("hr_salaries.csv").dicts():
        try:
            start = datetime.strptime(row["Début de situation"], "%d/%m/%Y")
            end = datetime.strptime(row["Fin de situation"] or "31/12/9999", "%d/%m/%Y")
        except ValueError:
            continue
        if "," not in row["ETP"] or not row["Matricule"] or row["Type de contrat"] in {"CDII", "Stage ?"}:
            continue
        assert row["Code unité"] in teams
        assert start <= end
        if row["Date de sortie"]:
            assert end <= datetime.strptime(row["Date de sortie"], "%d/%m/%Y")
            assert row["Motif de sortie"]
        spells[row["Matricule"]].add((start, end, row["Code unité"]))
    assert any(len(s) == 2 for s in spells.values())
    for found in spells.values():
        ordered = sorted(found)
        for (_, end, _), (start, _, _) in itertools.pairwise(ordered):
            assert (start - end).days == 1


def test_six_actions_of_three_verdicts(company: Company) -> None:
    actions = company.truth["actions"]
    assert sorted(a["verdict"] for a in actions) == ["effective"] * 2 + ["recent"] * 2 + ["useless"] * 2
    assert {a["action_id"] for a in actions} == set(company.raw("hr_actions.csv").column("Code action"))
    struck = {r["unit_id"] for r in company.truth["ruptures"]}
    assert not struck & {a["unit_id"] for a in actions}
