"""The `survey:` block of a contract: what it stands for, and where its errors point."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipelines.extracts.contract import CONTRACTS_DIR, Contract, ContractError, load_contract, load_contracts

from .conftest import Bench

GOOD = """\
system: forms
name: pulse
version: 1
description: A pulse of collaborators
owner: team:hr
match: ["pulse*.csv"]
timezone: UTC
columns:
  - {source: Id, field: response_id, required: true}
  - {source: Who, field: respondent_id}
  - {source: Sent, field: answered_at, type: timestamp, required: true}
  - {source: Site, field: unit_id}
survey:
  side: collaborator
  scales:
    agreement:
      min: 1
      max: 4
      missing: [N/A, "-99"]
      codes:
        Disagree strongly: 1
        Stimme gar nicht zu: 1
        Disagree: 2
        Stimme eher nicht zu: 2
        Agree: 3
        Stimme eher zu: 3
        Agree strongly: 4
        Stimme völlig zu: 4
    ten: {min: 0, max: 10}
    share: {min: 0, max: 1, type: number}
  questions:
    - {source: "I am heard", aliases: "Ich werde gehört", question: heard, dimension: listening, scale: agreement}
    - {source: "Too much effort", aliases: ["Zu viel Mühe"], question: effort, dimension: effort, scale: agreement}
    - {source: Recommend, dimension: recommendation, scale: ten, perspective: estimate}
    - {source: Joining, dimension: satisfaction, moment: onboarding, scale: share, optional: true}
  reversed: [effort]
"""


def load(tmp_path: Path, text: str) -> Contract:
    path = tmp_path / "forms.pulse.yml"
    path.write_text(text, encoding="utf-8")
    return load_contract(path)


def test_a_questionnaire_stands_for_columns_and_one_output(tmp_path: Path) -> None:
    contract = load(tmp_path, GOOD)
    asked = contract.columns[4:]
    assert [(c.source, c.aliases, c.field, c.type, c.min, c.max, c.optional) for c in asked] == [
        ("I am heard", ("Ich werde gehört",), "answer_1", "integer", "1", "4", False),
        ("Too much effort", ("Zu viel Mühe",), "answer_2", "integer", "1", "4", False),
        ("Recommend", (), "answer_3", "integer", "0", "10", False),
        ("Joining", (), "answer_4", "number", "0", "1", True),
    ]
    assert asked[0].codes["Stimme völlig zu"] == "4"
    assert asked[0].missing == ("N/A", "-99")
    assert asked[2].codes == {}
    (output,) = contract.resolved_outputs()
    assert output.entity == "survey_answer"
    assert output.fields == {
        "side": "=collaborator",
        "role": "=collaborator",
        "perspective": "=own",
        "response_id": "response_id",
        "respondent_id": "respondent_id",
        "unit_id": "unit_id",
        "answered_at": "answered_at",
    }
    assert output.reversed_items() == [False, True, False, False]
    items = output.items()
    assert [item["question"] for item in items] == ["=heard", "=effort", "=Recommend", "=Joining"]
    assert [item["perspective"] for item in items] == ["=own", "=own", "=estimate", "=own"]
    assert [item.get("moment") for item in items] == [None, None, None, "=onboarding"]
    assert [(item["scale_min"], item["scale_max"]) for item in items] == [("=1", "=4")] * 2 + [
        ("=0", "=10"),
        ("=0", "=1"),
    ]


def test_a_role_of_its_own_column_or_stated_replaces_that_of_the_side(tmp_path: Path) -> None:
    column = "  - {source: Role, field: role, codes: {M: manager, C: collaborator}, required: true}\nsurvey:"
    (output,) = load(tmp_path, GOOD.replace("survey:", column)).resolved_outputs()
    assert output.fields["role"] == "role"
    (output,) = load(tmp_path, GOOD.replace("  scales:", "  role: manager\n  scales:")).resolved_outputs()
    assert output.fields["role"] == "=manager"


def test_what_all_answers_share_is_stated_where_the_export_does_not_say_it(bench: Bench) -> None:
    text = GOOD.replace("  - {source: Sent, field: answered_at, type: timestamp, required: true}\n", "")
    with pytest.raises(ContractError, match=r"survey_answer\.answered_at must not be null but nothing gives it"):
        load(bench.root, text)
    bench.contract(text.replace("  scales:", '  fields: {answered_at: "=2026-03-01"}\n  scales:'))
    bench.file("pulse.csv", "Id,Who,Site,I am heard,Too much effort,Recommend\n1,e1,s1,Agree,,\n")
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed) == (1, 1)
    assert bench.rows("survey_answer", "question, answered_at, value") == [("heard", datetime(2026, 3, 1), 3.0)]


ENGLISH = """\
Id,Who,Sent,Site,I am heard,Too much effort,Recommend,Joining
1,e1,2026-03-02 10:00:00,s1,Agree strongly,disagree,9,0.25
2,e2,2026-03-02 11:00:00,s1,N/A,-99,,
3,e3,2026-03-02 12:00:00,s2,Disagree strongly,Agree,0,1
4,e4,2026-03-02 13:00:00,s2,Whatever,Agree,0,1
5,e5,2026-03-02 14:00:00,s2,Agree,Agree,11,1
6,e6,2026-03-02 15:00:00,s2,Agree,Agree,3,1.5
"""
GERMAN = """\
Id,Who,Sent,Site,Ich werde gehört,Zu viel Mühe,Recommend,Joining
1,e1,2026-03-02 10:00:00,s1,Stimme völlig zu,Stimme eher nicht zu,9,0.25
2,e2,2026-03-02 11:00:00,s1,n/a,,,
3,e3,2026-03-02 12:00:00,s2,Stimme gar nicht zu,stimme eher zu,0,1
4,e4,2026-03-02 13:00:00,s2,Egal,Stimme eher zu,0,1
5,e5,2026-03-02 14:00:00,s2,Stimme eher zu,Stimme eher zu,11,1
6,e6,2026-03-02 15:00:00,s2,Stimme eher zu,Stimme eher zu,3,1.5
"""


@pytest.mark.parametrize("content", [ENGLISH, GERMAN], ids=["english", "german"])
def test_answers_in_words_of_two_languages_land_alike(bench: Bench, content: str) -> None:
    bench.contract(GOOD)
    bench.file("pulse.csv", content)
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed, receipt.quarantined, receipt.filtered) == (6, 2, 3, 1)
    assert receipt.filter_reasons == {"nothing_to_land": 1}
    rows = bench.rows("survey_answer", "question, dimension, moment, perspective, value, scale_min, scale_max, role")
    assert sorted(rows, key=str) == sorted(
        [
            ("heard", "listening", None, "own", 4.0, 1.0, 4.0, "collaborator"),
            # Asked the other way round: 2 of 1 to 4 is 3.
            ("effort", "effort", None, "own", 3.0, 1.0, 4.0, "collaborator"),
            ("Recommend", "recommendation", None, "estimate", 9.0, 0.0, 10.0, "collaborator"),
            ("Joining", "satisfaction", "onboarding", "own", 0.25, 0.0, 1.0, "collaborator"),
            ("heard", "listening", None, "own", 1.0, 1.0, 4.0, "collaborator"),
            ("effort", "effort", None, "own", 2.0, 1.0, 4.0, "collaborator"),
            ("Recommend", "recommendation", None, "estimate", 0.0, 0.0, 10.0, "collaborator"),
            ("Joining", "satisfaction", "onboarding", "own", 1.0, 0.0, 1.0, "collaborator"),
        ],
        key=str,
    )
    whatever = "Whatever" if content is ENGLISH else "Egal"
    assert bench.bad() == [(5, "unknown_code", whatever), (6, "out_of_range", "11"), (7, "out_of_range", "1.5")]


def test_codes_are_numbers_of_the_contract_whatever_the_decimal_mark_of_the_file(bench: Bench) -> None:
    text = GOOD.replace("timezone: UTC", 'timezone: UTC\nformat: {delimiter: ";", decimal: ","}')
    bench.contract(text.replace("type: number}", "type: number, codes: {half: 0.5, all: 1}}"))
    bench.file(
        "pulse.csv",
        "Id;Who;Sent;Site;I am heard;Too much effort;Recommend;Joining\n1;e1;2026-03-02 10:00:00;s1;;;;half\n",
    )
    (receipt,) = bench.land().receipts
    assert (receipt.read, receipt.landed) == (1, 1)
    assert bench.rows("survey_answer", "question, value") == [("Joining", 0.5)]


#: What is changed in GOOD, into what, the line the error points at, what it says.
WRONG = [
    ("scale: ten, perspective", "scale: tens, perspective", 34, "no scale is called 'tens'; the scales are agreement"),
    ("question: effort,", "question: heard,", 33, "the question 'heard' stands twice"),
    ("reversed: [effort]", "reversed: [effort, effrt]", 36, "no question is called 'effrt'"),
    ("reversed: [effort]", "reversed: Effort", 36, "no question is called 'Effort'"),
    ("        Agree: 3", "        Agree: 7", 25, "the code 'Agree' stands for 7, which is not from 1 to 4"),
    ("        Agree: 3", "        Agree: three", 25, "'three' is not a whole number"),
    ("        Agree: 3", "        Agree: 2.5", 25, "'2.5' is not a whole number"),
    ("        Agree: 3", "        AGREE STRONGLY: 4", 27, "the code 'Agree strongly' stands twice when capitals"),
    ("        Agree: 3", "        n/a: 3", 25, "'n/a' is a code and is missing"),
    ("        Agree: 3", "        ' ': 3", 25, "a blank answer is no answer"),
    ("      max: 4", "      max: four", 18, "'four' is not a whole number"),
    ("ten: {min: 0,", "ten: {min: nan,", 29, "'nan' is not a whole number"),
    ("type: number}", "type: number, codes: {all: inf}}", 30, "'inf' is not a number"),
    ("ten: {min: 0,", "ten: {min: 10,", 29, "min 10 must be below max 10"),
    ("ten: {min: 0,", "ten: {", 29, "survey.scales.ten.min: this key is required"),
    ("type: number}", "type: text}", 30, "survey.scales.share.type: Input should be 'integer' or 'number'"),
    ("ten: {min: 0, max: 10}", "ten: [0, 10]", 29, "survey.scales.ten: "),
    ("ten: {min: 0, max: 10}", "ten: {min: 0, max: 10, labels: x}", 29, "survey.scales.ten.labels: unknown key"),
    ("side: collaborator", "side: staff", 14, "survey.side: Input should be 'client' or 'collaborator'"),
    ("side: collaborator", "side: collaborator\n  role: boss", 15, "survey.role: Input should be"),
    ("perspective: estimate", "perspective: guess", 34, "survey.questions.2.perspective: Input should be"),
    ("optional: true", "optional: perhaps", 35, "survey.questions.3.optional: Input should be a valid boolean"),
    ("dimension: recommendation, ", "", 34, "survey.questions.2.dimension: this key is required"),
    ("dimension: recommendation", "dimensions: recommendation", 34, "survey.questions.2.dimensions: unknown key"),
    ("  reversed: [effort]", "  reverse: [effort]", 36, "survey.reverse: unknown key"),
    ("survey:\n  side", "survey: [side]\nrest:\n  side", 13, "survey: "),
    # Duplicates: a column read twice, and fields that collide with those of the contract's own columns.
    (
        "source: Recommend,",
        "source: i am  HEARD, question: r,",
        34,
        "the questions 'heard' and 'r' read a column of the",
    ),
    (
        "source: Recommend,",
        "source: Recommend, aliases: Zu viel Mühe,",
        34,
        "the questions 'effort' and 'Recommend' read",
    ),
    ("source: Who,", "source: Recommend,", 10, "is read as 'respondent_id' and as the answer to 'Recommend'"),
    ("source: Who,", "source: Who, aliases: Joining,", 10, "'Joining' is read as 'respondent_id' and as the answer"),
    ("field: unit_id}", "field: answer_2}", 12, "the field 'answer_2' is a name that the questionnaire gives"),
    ("field: unit_id}", "field: respondent_id}", 12, "two columns give the field 'respondent_id'"),
    ("field: unit_id}", "field: dimension}", 12, "the field 'dimension' is used by no output"),
    ("field: unit_id}", "field: side}", 14, "side is said by the questionnaire and by a column"),
    (
        "field: unit_id}",
        "field: role}\nsurvey:\n  role: manager",
        14,
        "role is said by the questionnaire and by a column",
    ),
    # What only the contract as a whole can know points at the questionnaire.
    ("  scales:\n", '  fields: {unit: "=s"}\n  scales:\n', 15, "survey_answer has no field 'unit'"),
    ("  scales:\n", "  fields: {population: field}\n  scales:\n", 15, 'is a constant, written "=field"'),
    ("  scales:\n", '  fields: {population: "=all"}\n  scales:\n', 15, "'all' is not one of field, office"),
    (
        "  - {source: Sent, field: answered_at, type: timestamp, required: true}\n",
        "",
        12,
        "answered_at must not be null",
    ),
    (
        "  scales:\n",
        '  fields: {unit_id: "=s"}\n  scales:\n',
        15,
        "unit_id is said by the questionnaire and by a column",
    ),
    ("{source: Id, field: response_id, required: true}", "{source: Id, field: id}", 9, "'id' is used by no output"),
]


@pytest.mark.parametrize(("old", "new", "line", "says"), WRONG)
def test_an_error_points_at_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if new.count("survey:") and new.startswith("field: role"):
        text = text.replace("survey:\n  role: manager\nsurvey:\n", "survey:\n  role: manager\n")
    with pytest.raises(ContractError) as error:
        load(tmp_path, text)
    told = [problem for problem in str(error.value).splitlines() if says in problem]
    assert told, str(error.value)
    assert f"forms.pulse.yml, line {line}: " in told[0]


def test_every_shipped_questionnaire_of_a_side_asks_the_same() -> None:
    """Whatever the system, the same answers must land alike: question, dimension, moment, scale and direction."""
    found: dict[str, dict[str, list[object]]] = {"client_survey": {}, "collaborator_survey": {}}
    for contract in load_contracts(CONTRACTS_DIR):
        if contract.survey is not None:
            (output,) = contract.resolved_outputs()
            items: list[object] = [
                ({name: text for name, text in item.items() if name != "value"}, turned)
                for item, turned in zip(output.items(), output.reversed_items(), strict=True)
            ]
            kind = "client_survey" if contract.survey.side == "client" else "collaborator_survey"
            found[kind][contract.full_name] = items
    assert {kind: len(contracts) for kind, contracts in found.items()} == {
        "client_survey": 8,
        "collaborator_survey": 8,
    }
    for kind, count in (("client_survey", 22), ("collaborator_survey", 32)):
        one = found[kind][f"qualtrics.{kind}"]
        assert len(one) == count
        for name, items in found[kind].items():
            assert items == one, name
