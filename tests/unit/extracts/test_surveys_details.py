"""What the shipped survey contracts make of the oddities of each system, row by row."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR
from pipelines.extracts.deliveries import Receipt
from pipelines.simulation.writers.questionnaire import Language, questions

from .conftest import Bench

CODES = [question.code("_{}") for question in questions("client")]


def land(bench: Bench, contract: str, name: str, content: str) -> Receipt:
    bench.contract((CONTRACTS_DIR / f"{contract}.yml").read_text("utf-8"), contract)
    bench.file(name, content)
    report = bench.land()
    assert not report.refused, report.refused
    (receipt,) = report.receipts
    assert receipt.read == receipt.landed + receipt.quarantined + receipt.duplicates + receipt.filtered
    return receipt


def qualtrics(rows: list[tuple[str, str, str, str]], header: str = "Question\ntext") -> str:
    """A current export of (response, status, finished, answer to Q1_1); the second header row spans lines."""
    names = ["ResponseId", "EndDate", "Status", "Finished", "ExternalReference", "Team", *CODES]
    lines = [
        ",".join(names),
        ",".join(f'"{header} of {name}"' for name in names),
        ",".join(f'"{{""ImportId"":""{name}""}}"' for name in names),
    ]
    blank = "," * (len(CODES) - 1)
    lines += [f"{r},2026-03-02 10:00:00,{status},{done},c1,u1,{a}{blank}" for r, status, done, a in rows]
    return "\ufeff" + "\n".join(lines) + "\n"


def test_qualtrics_previews_tests_and_unfinished_responses_are_dropped_in_any_spelling(bench: Bench) -> None:
    rows = [
        ("R_1", "0", "1", "5"),
        ("R_2", "IP Address", "TRUE", "4"),
        ("R_3", "IP Address", "True", "3"),
        ("R_4", "0", "FALSE", "2"),
        ("R_5", "0", "false", "2"),
        ("R_6", "0", "0", "2"),
        ("R_7", "0", "Falsch", "2"),
        ("R_8", "1", "1", "1"),
        ("R_9", "survey preview", "True", "1"),
        ("R_10", "Survey Preview", "False", "1"),
        ("R_11", "9", "1", "1"),
        # Made up by the tool itself to try the form out.
        ("R_12", "2", "1", "1"),
        ("R_13", "Survey Test", "True", "1"),
    ]
    receipt = land(bench, "qualtrics.client_survey", "qualtrics_clients.csv", qualtrics(rows))
    assert (receipt.read, receipt.landed, receipt.quarantined) == (13, 3, 0)
    assert receipt.filter_reasons == {"not_finished": 4, "preview": 4, "test": 2}
    assert bench.rows("survey_answer", "question, value") == [("Q1_1", 5.0), ("Q1_1", 4.0), ("Q1_1", 3.0)]


def test_minus_99_is_no_answer_and_other_impossible_scores_are_bad_at_their_line(bench: Bench) -> None:
    """The header takes 1 + 2 + 1 lines, the text of each question standing on two."""
    rows = [("R_1", "0", "1", "-99"), ("R_2", "0", "1", "-98"), ("R_3", "0", "1", "5")]
    receipt = land(bench, "qualtrics.client_survey", "qualtrics_clients.csv", qualtrics(rows))
    assert (receipt.read, receipt.landed, receipt.quarantined) == (3, 1, 1)
    assert receipt.filter_reasons == {"nothing_to_land": 1}
    header = len(qualtrics([]).splitlines())
    assert header > 3
    assert bench.bad() == [(header + 2, "out_of_range", "-98")]


LEGACY_NAMES = ["V1", "V7", "V9", "V10", "V4", "Team", *CODES, ""]


def test_a_legacy_qualtrics_export_ends_in_a_blank_column(bench: Bench) -> None:
    texts = ["ResponseID", "Status", "EndDate", "Finished", "ExternalDataReference", "Team", *CODES, ""]
    row = ["R_1", "0", "2026-03-02 10:00:00", "1", "c1", "u1", "4", *["-99"] * (len(CODES) - 1), ""]
    content = "\n".join(",".join(cells) for cells in (LEGACY_NAMES, texts, row)) + "\n"
    receipt = land(bench, "qualtrics.client_survey_legacy", "qualtrics_legacy_clients_20260302.csv", content)
    assert (receipt.read, receipt.landed, receipt.outputs) == (1, 1, {"survey_answer": 1})
    assert bench.rows("survey_answer", "question, value, answered_at") == [("Q1_1", 4.0, datetime(2026, 3, 2, 9, 0))]


def limesurvey(rows: list[tuple[str, str, str]]) -> str:
    names = ["id", "submitdate", "WHO", "TEAM", *(question.code("[SQ{:03}]") for question in questions("client"))]
    blank = ';""' * (len(CODES) - 1)
    lines = [";".join(f'"{name}"' for name in names)]
    lines += [f'"{ident}";"{submitted}";"c1";"u1";"{answer}"{blank}' for ident, submitted, answer in rows]
    return "\ufeff" + "\n".join(lines) + "\n"


def test_limesurvey_drops_what_was_not_submitted_and_does_not_take_1980_for_a_date(bench: Bench) -> None:
    rows = [
        ("1", "2026-07-02 10:00:00", "A5"),
        ("2", "", "A5"),
        # A survey that keeps no dates says this of every submission.
        ("3", "1980-01-01 00:00:00", "A5"),
        ("4", "2026-07-02 10:00:00", "N/A"),
        ("5", "2026-07-02 10:00:00", "A6"),
        ("x6", "2026-07-02 10:00:00", "A1"),
    ]
    receipt = land(bench, "limesurvey.client_survey", "limesurvey_clients.csv", limesurvey(rows))
    assert (receipt.read, receipt.landed, receipt.quarantined) == (6, 1, 3)
    assert receipt.filter_reasons == {"not_submitted": 1, "nothing_to_land": 1}
    assert bench.rows("survey_answer", "question, value, answered_at") == [("Q1_1", 5.0, datetime(2026, 7, 2, 8, 0))]
    assert bench.bad() == [
        (4, "out_of_range", "1980-01-01 00:00:00"),
        (6, "unknown_code", "A6"),
        (7, "no_match", "x6"),
    ]


def test_response_1_of_one_limesurvey_survey_is_not_response_1_of_another(bench: Bench) -> None:
    land(bench, "limesurvey.client_survey", "limesurvey_clients.csv", limesurvey([("1", "2026-07-02 10:00:00", "A5")]))
    staff = questions("collaborator")
    names = ["id", "submitdate", "WHO", "TEAM", "POPULATION", "ROLE", *(q.code("[SQ{:03}]") for q in staff)]
    row = ["1", "2026-07-02 10:00:00", "e1", "u1", "Terrain", "Manager", "A5", *[""] * (len(staff) - 1)]
    bench.contract((CONTRACTS_DIR / "limesurvey.collaborator_survey.yml").read_text("utf-8"), "staff")
    bench.file("limesurvey_collaborateurs.csv", ";".join(names) + "\n" + ";".join(row) + "\n")
    bench.land()
    assert len({response for (response,) in bench.rows("survey_answer", "response_id")}) == 2


def test_a_vv_export_skips_the_texts_and_reads_null_as_no_answer(bench: Bench) -> None:
    codes = ["id", "submitdate", "WHO", "TEAM", *(question.code("_SQ{:03}") for question in questions("client"))]
    null = "{question_not_shown}"
    rows = [
        ["1", "2026-01-02 10:00:00", "c1", "u1", "A2", *[null] * (len(CODES) - 1)],
        ["2", null, "c1", "u1", "A2", *[null] * (len(CODES) - 1)],
        ["3", "2026-01-02 10:00:00", null, null, null, "A1", *[null] * (len(CODES) - 2)],
    ]
    lines = ["\t".join(f"Text of {code}" for code in codes), "\t".join(codes), *("\t".join(row) for row in rows)]
    receipt = land(bench, "limesurvey.client_survey_vv", "limesurvey_vv_clients.csv", "\n".join(lines) + "\n")
    assert (receipt.read, receipt.landed, receipt.filter_reasons) == (3, 2, {"not_submitted": 1})
    found = bench.rows("survey_answer", "question, value, unit_id, respondent_id IS NULL")
    assert found == [("Q1_1", 2.0, "u1", False), ("Q1_2", 1.0, None, True)]


def google(language: Language, moments: list[str]) -> str:
    before = {
        "en": ["Timestamp", "Invitation reference", "Your reference", "Team"],
        "fr": ["Horodateur", "Référence de l'invitation", "Votre référence", "Équipe"],
    }[language]
    names = [*before, *(question.text(language) for question in questions("client"))]
    word = {"en": "Strongly agree", "fr": "Tout à fait d'accord"}[language]
    lines = [",".join(f'"{name}"' for name in names)]
    for number, moment in enumerate(moments):
        row = [moment, f"i{number}", "c1", "u1", word, *[""] * (len(CODES) - 1)]
        lines.append(",".join(f'"{cell}"' for cell in row))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("language", "moments"),
    [
        ("en", ["2026/03/14 2:05:09 PM UTC+1", "2026/07/14 12:00:00 AM UTC+2", "2026/07/14 12:00:00 PM GMT+02:00"]),
        ("fr", ["14/03/2026 14:05:09", "14/07/2026 0:00:00", "14/07/2026 12:00:00"]),
    ],
)
def test_google_forms_writes_moments_in_two_ways(bench: Bench, language: Language, moments: list[str]) -> None:
    bad = ["2026/07/14 12:00:00 PM UTC+9", "2026/07/14 12:00:00 PM UTC-7", "3/14/2026 14:05:09"]
    receipt = land(bench, "google_forms.client_survey", "google_forms_clients.csv", google(language, [*moments, *bad]))
    assert (receipt.read, receipt.landed, receipt.quarantined) == (6, 3, 3)
    assert bench.rows("survey_answer", "question, value, answered_at") == [
        ("Q1_1", 5.0, datetime(2026, 3, 14, 13, 5, 9)),
        ("Q1_1", 5.0, datetime(2026, 7, 13, 22, 0, 0)),
        ("Q1_1", 5.0, datetime(2026, 7, 14, 10, 0, 0)),
    ]
    assert [reason for _, reason, _ in bench.bad()] == ["not_a_timestamp"] * 3


@pytest.mark.parametrize("ident", ["#", "Response ID", "Token"])
def test_typeform_partial_responses_are_dropped_whatever_the_id_is_called(bench: Bench, ident: str) -> None:
    names = [ident, *(question.text("en", "{} - {}") for question in questions("client")), "respondent", "team"]
    names += ["Response Type", "Submit Date (UTC)"]
    blank = [""] * (len(CODES) - 1)
    rows = [
        ["t1", "Strongly agree", *blank, "c1", "u1", "completed", "2026-07-02 10:00:00"],
        ["t2", "Agree", *blank, "c1", "u1", "partial", ""],
        ["t3", "", *blank, "c1", "u1", "started", ""],
        ["t4", "Agree", *blank, "c1", "u1", "completed", ""],
    ]
    lines = [",".join(f'"{name}"' for name in names), *(",".join(row) for row in rows)]
    receipt = land(bench, "typeform.client_survey", "typeform_clients.csv", "\n".join(lines) + "\n")
    assert (receipt.read, receipt.landed, receipt.quarantined) == (4, 1, 1)
    assert receipt.filter_reasons == {"not_finished": 2}
    assert bench.rows("survey_answer", "question, value, answered_at") == [("Q1_1", 5.0, datetime(2026, 7, 2, 10, 0))]
    assert bench.bad() == [(5, "required", None)]
