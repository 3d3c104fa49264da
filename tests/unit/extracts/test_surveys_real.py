"""Real survey exports that nobody here wrote, each landed by a small contract and checked against the file itself."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipelines.extracts.contract import Contract, load_contract
from pipelines.extracts.deliveries import Receipt, Refusal
from pipelines.extracts.landing import create_landing_views, land_inbox
from pipelines.extracts.readers import read

REAL = Path(__file__).parents[3].parent / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason="the real survey exports are not on this machine")

BODY = "question, value, scale_min, scale_max, answered_at"


@dataclass
class Real:
    """Lands one file of a folder of real exports, in place, by one contract."""

    root: Path

    def contract(self, match: str, body: str) -> Contract:
        path = self.root / "contract.yml"
        path.write_text(
            "system: real\nname: survey\nversion: 1\ndescription: A real export\nowner: team:tests\n"
            f"match: ['{match}']\n{body}",
            encoding="utf-8",
        )
        return load_contract(path)

    def report(self, folder: str, match: str, body: str) -> tuple[list[Receipt], list[Refusal]]:
        contract = self.contract(match, body)
        report = land_inbox(REAL / folder, self.root / "landing", self.root / "quarantine", [contract], bytes(32))
        return report.receipts, [refusal for refusal in report.refused if contract.matches(refusal.file)]

    def land(self, folder: str, match: str, body: str) -> Receipt:
        receipts, refused = self.report(folder, match, body)
        assert not refused
        (receipt,) = receipts
        assert receipt.read == receipt.landed + receipt.quarantined + receipt.duplicates + receipt.filtered
        return receipt

    def rows(self, columns: str = BODY) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            create_landing_views(connection, self.root / "landing")
            return connection.execute(
                f"SELECT {columns} FROM landing.survey_answer ORDER BY _record, question"
            ).fetchall()

    def bad(self) -> list[tuple[Any, ...]]:
        with duckdb.connect() as connection:
            return connection.execute(
                'SELECT record, "column", reason, value FROM read_parquet($1) ORDER BY record',
                [str(self.root / "quarantine" / "*.parquet")],
            ).fetchall()


@pytest.fixture
def real(tmp_path: Path) -> Real:
    return Real(tmp_path)


@pytest.fixture
def other(tmp_path: Path) -> Real:
    (tmp_path / "other").mkdir()
    return Real(tmp_path / "other")


def cells(path: Path, encoding: str = "utf-8-sig", delimiter: str = ",") -> list[list[str]]:
    """The rows of a file as Python's own reader has them."""
    with path.open(encoding=encoding, newline="") as file:
        return [row for row in csv.reader(file, delimiter=delimiter) if row]


# --- Qualtrics ------------------------------------------------------------------------------------------

CURRENT = """\
format: {skip_rows_after_header: 2, skipped_rows_contain: ImportId}
timezone: Europe/Berlin
columns:
  - {source: ResponseId, field: response_id, required: true}
  - {source: EndDate, field: answered_at, type: timestamp, formats: "%Y-%m-%d %H:%M:%S", required: true}
survey:
  side: client
  scales: {three: {min: 1, max: 3, missing: ["-99"]}}
  questions: [{source: Q1, dimension: satisfaction, scale: three}]
filters:
  - {source: Status, drop_values: ["1", Survey Preview], reason: preview}
  - {source: Finished, drop_values: ["0", "false"], reason: not_finished}
"""
LEGACY = """\
format: {skip_rows_after_header: 1, skipped_rows_contain: ResponseID}
timezone: Europe/Berlin
columns:
  - {source: V1, field: response_id, required: true}
  - {source: V9, field: answered_at, type: timestamp, formats: "%Y-%m-%d %H:%M:%S", required: true}
survey:
  side: client
  scales: {three: {min: 1, max: 3, missing: ["-99"]}}
  questions: [{source: Q1, dimension: satisfaction, scale: three}]
filters:
  - {source: V7, drop_values: ["1", Survey Preview], reason: preview}
  - {source: V10, drop_values: ["0", "false"], reason: not_finished}
"""


def test_one_qualtrics_response_lands_alike_from_a_current_and_a_legacy_export(real: Real, other: Real) -> None:
    for bench, name, contract in ((real, "sample.csv", CURRENT), (other, "sample_legacy.csv", LEGACY)):
        receipt = bench.land("qualtrics", name, contract)
        assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (1, 1, 0, 0)
    assert real.rows() == [("Q1", 2.0, 1.0, 3.0, datetime(2017, 7, 18, 6, 28, 48))]
    everything = f"response_id, {BODY}, side, role, perspective, dimension"
    assert real.rows(everything) == other.rows(everything)


#: The third question of a form with "no basis for evaluation" (-1); its preview rows bear the status 2, test response.
NO_BASIS = "[" + ", ".join(f"{{source: Q3_{i}, dimension: satisfaction, scale: three}}" for i in (1, 2, 3, 4)) + "]"


def no_basis(contract: str, zone: str) -> str:
    return (
        contract.replace("[{source: Q1, dimension: satisfaction, scale: three}]", NO_BASIS)
        .replace('missing: ["-99"]', 'missing: ["-1"]')
        .replace("Europe/Berlin", zone)
        .replace("source: ResponseId", "source: ResponseID")
    )


def test_the_import_id_row_may_be_quoted_as_python_does(real: Real, other: Real) -> None:
    """The same fifteen responses, in a current export (local time) and in a legacy one (UTC)."""
    name = "No_Basis_for_Evaluation_No_Basis_for_Evaluation_({})"
    rows = cells(REAL / "qualtrics" / f"{name.format('Insights')}.csv")
    assert rows[2][0] == "{'ImportId': 'responseId'}"
    current = real.land("qualtrics", "No_Basis*Insights*.csv", no_basis(CURRENT, "Europe/Paris"))
    legacy = other.land("qualtrics", "No_Basis*Legacy*.csv", no_basis(LEGACY, "UTC"))
    for receipt in (current, legacy):
        assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (15, 15, 0, 0)
    positions = [rows[0].index(f"Q3_{i}") for i in (1, 2, 3, 4)]
    expected = [
        (f"Q3_{i}", float(row[position]))
        for row in rows[3:]
        for i, position in zip((1, 2, 3, 4), positions, strict=True)
        if row[position] != "-1"
    ]
    assert real.rows("question, value") == expected
    assert (expected[0], expected[-1], len(expected)) == (("Q3_2", 3.0), ("Q3_2", 3.0), 43)
    assert real.rows("answered_at")[0] == (datetime(2016, 6, 24, 12, 27, 8),)
    everything = f"response_id, {BODY}, side, role, perspective, dimension"
    assert real.rows(everything) == other.rows(everything)


def test_test_responses_are_dropped_and_counted(real: Real) -> None:
    body = no_basis(CURRENT, "UTC").replace('["1", Survey Preview]', '["1", "2"]')
    receipt = real.land("qualtrics", "No_Basis*Insights*.csv", body)
    assert (receipt.read, receipt.landed, receipt.filtered, receipt.filter_reasons) == (15, 0, 15, {"preview": 15})


def test_a_current_export_is_refused_by_the_contract_of_a_legacy_one_and_back(real: Real, other: Real) -> None:
    """Rows of names are never taken for answers, nor answers for rows of names."""
    _, (refusal,) = real.report("qualtrics", "sample.csv", LEGACY)
    assert refusal.reason == "missing_column"
    body = LEGACY.replace("header: 1", "header: 2").replace("ResponseID", "ImportId")
    _, (refusal,) = other.report("qualtrics", "sample_legacy.csv", body)
    assert refusal.reason == "header_rows"
    assert "'ImportId'" in refusal.message


def test_a_legacy_export_with_one_name_three_times_is_refused_for_that_question_only(real: Real, other: Real) -> None:
    file = "Single_Answer_Matrix_Questions_Single_Answer_Matrix_Questions.csv"
    body = LEGACY.replace("min: 1, max: 3", "min: 1, max: 13")
    _, (refusal,) = real.report("qualtrics", file, body.replace("source: Q1,", "source: question_one,"))
    assert refusal.reason == "ambiguous_column"
    assert "'question_one' (columns 17, 20, 23)" in refusal.message
    receipt = other.land("qualtrics", file, body.replace("source: Q1,", "source: Q4_1,"))
    assert (receipt.read, receipt.landed) == (5, 5)
    assert [value for (value,) in other.rows("value")] == [12.0, 12.0, 12.0, 10.0, 11.0]


# --- LimeSurvey -----------------------------------------------------------------------------------------

#: One questionnaire, exported in English and in German (which spell blanks and full stops differently).
TWINS = """\
format: {delimiter: ";"}
columns:
  - {source: Answer ID, aliases: Antwort ID, field: response_id, required: true}
survey:
  side: collaborator
  fields: {answered_at: "=2022-06-30"}
  scales:
    agreement:
      min: 1
      max: 4
      codes:
        {
          Disagree completely: 1, Stimme gar nicht zu: 1,
          Rather disagree: 2, Stimme eher nicht zu: 2,
          Rather agree: 3, Stimme eher zu: 3,
          Agree completely: 4, Stimme vollständig zu: 4,
        }
    importance:
      min: 1
      max: 4
      codes:
        {
          Not important: 1, Nicht wichtig: 1, Rather unimportant: 2, Eher unwichtig: 2,
          Rather important: 3, Eher wichtig: 3, Very important: 4, Sehr wichtig: 4,
        }
  questions:
    - source: "What characteristics do you think digital twins have? Indicate your agreement with the following
        statements. [ It simulates the associated cyber-physical system (CPS).]"
      aliases: "Welche Eigenschaften haben für Sie digitale Zwillinge? Geben Sie Ihre Zustimmung zu den folgenden
        Aussagen an. [ Er simuliert das zugehörige Cyber-physische System (CPS).]"
      question: simulates
      dimension: understanding
      scale: agreement
    - source: "In your opinion, what goals are being pursued with the use of digital twins? Rate how important the
        following goals are to you. [ Validation: testing the qualities and functionalities of the CPS]"
      aliases: "Welche Ziele werden Ihrere Meinung nach mit dem Einsatz von digitalen Zwillingen verfolgt? Bewerten Sie
        wie wichtig Ihnen die folgenden Ziele sind. [ Validierung: Testen von Qualitäten und Funktionalitäten des CPS]"
      question: validates
      dimension: purpose
      scale: importance
"""


def test_a_questionnaire_exported_in_german_and_in_english_lands_alike(real: Real, other: Real) -> None:
    for bench, name in ((real, "pfeiffer_results_english.csv"), (other, "pfeiffer_results_german.csv")):
        receipt = bench.land("limesurvey", name, TWINS)
        assert (receipt.read, receipt.quarantined, receipt.duplicates) == (96, 0, 0)
        assert (receipt.landed, receipt.filtered) == (53, 43)
        assert receipt.filter_reasons == {"nothing_to_land": 43}
        assert receipt.outputs == {"survey_answer": 51 + 52}
    everything = f"response_id, {BODY}, side, role, perspective, dimension"
    assert real.rows(everything) == other.rows(everything)
    values = real.rows("question, value")
    assert Counter(values) == {
        ("simulates", 1.0): 2,
        ("simulates", 2.0): 9,
        ("simulates", 3.0): 22,
        ("simulates", 4.0): 18,
        ("validates", 1.0): 1,
        ("validates", 2.0): 4,
        ("validates", 3.0): 18,
        ("validates", 4.0): 29,
    }
    assert values[:2] == [("simulates", 3.0), ("validates", 3.0)]
    assert values[-2:] == [("simulates", 3.0), ("validates", 4.0)]


def test_a_word_that_the_scale_does_not_know_is_quarantined_with_the_row_whole(real: Real) -> None:
    receipt = real.land("limesurvey", "pfeiffer_results_german.csv", TWINS.replace(" Stimme eher zu: 3,", ""))
    assert (receipt.read, receipt.quarantined, receipt.reasons) == (96, 22, {"unknown_code": 22})
    assert {(reason, value) for _, _, reason, value in real.bad()} == {("unknown_code", "Stimme eher zu")}


def test_a_limesurvey_export_with_two_header_rows(real: Real, tmp_path: Path) -> None:
    """This one has neither dates nor numbers of responses: read, but no contract can land it."""
    body = """\
format: {delimiter: ";", header_rows: 2}
columns:
  - {source: "Welchen fachlichen Hintergrund haben Sie? [Sonstiges]", field: response_id, required: true}
survey:
  side: collaborator
  fields: {answered_at: "=2022-06-30"}
  scales: {often: {min: 1, max: 5, codes: {gar nicht: 1, selten: 2, eher selten: 3, eher häufig: 4, sehr häufig: 5}}}
  questions:
    - source: "Wie häufig werden solche informellen Diagramme für die folgenden Zwecke genutzt? [Documentation]"
      question: documents
      dimension: purpose
      scale: often
"""
    file = REAL / "limesurvey" / "dfuchss_results-survey.csv"
    with duckdb.connect() as connection:
        raw = read(file, real.contract("dfuchss*.csv", body), connection, tmp_path)
        column = raw.columns[
            "Wie häufig werden solche informellen Diagramme für die folgenden Zwecke genutzt? [Documentation]"
        ]
        found = connection.execute(f"SELECT {column} FROM {raw.table} ORDER BY _record").fetchall()
    assert raw.records_read == 45
    assert [value or "" for (value,) in found] == [row[8] for row in cells(file, delimiter=";")[2:]]
    receipt = real.land("limesurvey", "dfuchss*.csv", body)
    assert (receipt.read, receipt.quarantined + receipt.landed + receipt.duplicates + receipt.filtered) == (45, 45)
    assert receipt.reasons["required"] == 36


# --- SurveyMonkey ---------------------------------------------------------------------------------------

STAR_WARS = """\
format: {header_rows: 2, encoding: mac_roman}
columns:
  - {source: RespondentID, field: response_id, required: true}
survey:
  side: client
  fields: {answered_at: "=2014-06-16"}
  scales:
    favour:
      min: 1
      max: 5
      missing: Unfamiliar (N/A)
      codes:
        {
          Very unfavorably: 1, Somewhat unfavorably: 2,
          "Neither favorably nor unfavorably (neutral)": 3, Somewhat favorably: 4, Very favorably: 5,
        }
    yes: {min: 0, max: 1, codes: {"No": 0, "Yes": 1}}
  questions:
    - source: "Please state whether you view the following characters favorably, unfavorably, or are unfamiliar with
        him/her. [Han Solo]"
      question: han
      dimension: favour
      scale: favour
    - source: "Please state whether you view the following characters favorably, unfavorably, or are unfamiliar with
        him/her. [Yoda]"
      question: yoda
      dimension: favour
      scale: favour
    - {source: "Do you consider yourself to be a fan of the Expanded Universe?åÊ [Response]", question: fan,
       dimension: fan, scale: yes}
"""


def test_star_wars_in_mac_roman_with_blanks_of_the_upper_row_filled_to_the_right(real: Real) -> None:
    receipt = real.land("surveymonkey", "StarWars.csv", STAR_WARS)
    assert (receipt.read, receipt.quarantined, receipt.duplicates) == (1186, 0, 0)
    assert (receipt.landed, receipt.filtered) == (824, 362)
    found = Counter(real.rows("question, value"))
    assert {value: count for (question, value), count in found.items() if question == "han"} == {
        1.0: 1,
        2.0: 8,
        3.0: 44,
        4.0: 151,
        5.0: 610,
    }
    assert (found[("fan", 0.0)], found[("fan", 1.0)]) == (114, 99)
    rows = cells(REAL / "surveymonkey" / "StarWars.csv", "mac_roman")
    yoda = rows[1].index("Yoda")
    scale = {"Very unfavorably": 1, "Somewhat unfavorably": 2, "Somewhat favorably": 4, "Very favorably": 5}
    for word, value in scale.items():
        assert found[("yoda", float(value))] == sum(row[yoda] == word for row in rows)
    assert real.rows("question, value")[:3] == [("fan", 0.0), ("han", 5.0), ("yoda", 5.0)]
    assert real.rows("question, value")[-2:] == [("han", 5.0), ("yoda", 1.0)]


@pytest.mark.parametrize(
    ("encoding", "reason", "says"),
    [
        ("cp1252", "missing_column", "(did you mean 'Do you consider yourself to be a fan of the Expanded Universe?Œæ"),
        ("utf-8", "encoding", "is not utf-8: 0x8C"),
    ],
)
def test_another_encoding_is_refused_rather_than_garbled(real: Real, encoding: str, reason: str, says: str) -> None:
    receipts, (refusal,) = real.report("surveymonkey", "StarWars.csv", STAR_WARS.replace("mac_roman", encoding))
    assert not receipts
    assert refusal.reason == reason
    assert says in refusal.message


def test_a_lower_row_of_response_joins_every_question(real: Real) -> None:
    body = """\
format: {header_rows: 2}
columns:
  - {source: RespondentID, field: response_id, required: true}
survey:
  side: client
  fields: {answered_at: "=2014-05-01"}
  scales: {yes: {min: 0, max: 1, codes: {"No": 0, "Yes": 1}}}
  questions:
    - {source: "Do you ever gamble? [Response]", question: gambles, dimension: risk, scale: yes}
    - {source: "Do you ever smoke cigarettes? [Response]", question: smokes, dimension: risk, scale: yes}
  reversed: [smokes]
"""
    receipt = real.land("surveymonkey", "steak*.csv", body)
    assert (receipt.read, receipt.quarantined, receipt.duplicates) == (550, 0, 0)
    rows = cells(REAL / "surveymonkey" / "steak-risk-survey.csv")[2:]
    answered = [row for row in rows if row[4] or row[2]]
    assert (receipt.landed, receipt.filtered) == (len(answered), 550 - len(answered))
    assert Counter(real.rows("question, value")) == {
        ("gambles", 0.0): 280,
        ("gambles", 1.0): 257,
        # Turned round: 84 smoke.
        ("smokes", 0.0): 84,
        ("smokes", 1.0): 453,
    }


def test_an_old_surveymonkey_export_with_one_header_row(real: Real) -> None:
    body = """\
columns:
  - {source: RespondentID, field: response_id, required: true}
survey:
  side: client
  fields: {answered_at: "=2014-06-05"}
  scales:
    importance:
      min: 1
      max: 5
      codes:
        {
          Very unimportant: 1, Somewhat unimportant: 2, "Neither important nor unimportant (neutral)": 3,
          Somewhat important: 4, Very important: 5,
        }
  questions:
    - {source: "In your opinion, how important or unimportant is proper use of grammar?", question: grammar,
       dimension: importance, scale: importance}
"""
    receipt = real.land("surveymonkey", "comma*.csv", body)
    assert (receipt.read, receipt.landed, receipt.filtered, receipt.quarantined) == (1129, 1059, 70, 0)
    assert Counter(value for (value,) in real.rows("value")) == {5.0: 688, 4.0: 333, 3.0: 26, 2.0: 7, 1.0: 5}
    assert real.rows("value")[:3] == [(4.0,), (2.0,), (5.0,)]
    assert real.rows("value")[-1] == (4.0,)


# --- SPSS -----------------------------------------------------------------------------------------------

ORDINAL = """\
format: {type: sav}
timezone: UTC
columns:
  - {source: mychar, field: response_id, required: true}
survey:
  side: client
  fields: {answered_at: "=2018-05-06"}
  scales: {level: {min: 1, max: 3}, sex: {min: 1, max: 2}}
  questions:
    - {source: myord, dimension: level, scale: level}
    - {source: mylabl, dimension: sex, scale: sex}
"""


def test_user_missing_values_of_an_spss_file_are_no_answers(real: Real) -> None:
    """-1, -2 and -3 are declared as missing: the sixth row answers nothing, the seventh holds nothing at all."""
    receipt = real.land("spss", "sample_missing.sav", ORDINAL)
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (7, 5, 0, 2)
    assert receipt.filter_reasons == {"blank_row": 1, "nothing_to_land": 1}
    levels = [value for question, value in real.rows("question, value") if question == "myord"]
    assert levels == [1.0, 2.0, 3.0, 1.0, 1.0]


def test_labels_of_an_spss_file_may_stand_for_its_codes(real: Real, other: Real) -> None:
    labels = (
        ORDINAL.replace("{type: sav}", "{type: sav, labels: true}")
        .replace("level: {min: 1, max: 3}", "level: {min: 1, max: 3, codes: {Low: 1, Medium: 2, High: 3}}")
        .replace("sex: {min: 1, max: 2}", "sex: {min: 1, max: 2, codes: {Male: 1, Female: 2}}")
    )
    for bench, body in ((real, ORDINAL), (other, labels)):
        receipt = bench.land("spss", "sample.sav", body)
        assert (receipt.read, receipt.landed, receipt.quarantined) == (5, 5, 0)
    assert real.rows() == other.rows()
    assert real.rows("question, value")[:4] == [("mylabl", 1.0), ("myord", 1.0), ("mylabl", 2.0), ("myord", 2.0)]


def test_the_copies_of_a_large_spss_file_are_counted_as_duplicates(real: Real) -> None:
    receipt = real.land("spss", "sample_large.sav", ORDINAL)
    assert (receipt.read, receipt.landed, receipt.duplicates, receipt.quarantined) == (485, 5, 480, 0)
    assert receipt.outputs == {"survey_answer": 10}


def test_values_off_the_scale_of_an_spss_file_are_quarantined(real: Real) -> None:
    """x is 1, 2, 3, 4, 8 and 9; 7, 8 and 99 are declared as missing."""
    body = (
        ORDINAL.replace("source: mychar", "source: date")
        .replace("    - {source: mylabl, dimension: sex, scale: sex}\n", "")
        .replace("source: myord", "source: x")
    )
    receipt = real.land("spss", "simple_alltypes.sav", body)
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (6, 3, 2, 1)
    assert [value for (value,) in real.rows("value")] == [1.0, 2.0, 3.0]
    assert [(record, column, reason) for record, column, reason, _ in real.bad()] == [
        (4, "x", "out_of_range"),
        (6, "x", "out_of_range"),
    ]
