"""Drafts of contracts: the layout by evidence, fields by known names, guesses marked, nobody's data in the text."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from pipelines.extracts.contract import Contract, load_contract
from pipelines.extracts.onboarding.drafting import Draft, DraftError, draft_contract
from pipelines.extracts.onboarding.inspection import Inspection, inspect_file
from pipelines.extracts.onboarding.profiling import profile, settled
from pipelines.extracts.onboarding.sniffing import guess_encoding, sniff
from pipelines.extracts.readers import DeliveryError


def draft(folder: Path, name: str, content: str | bytes, **given: str) -> Draft:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return draft_contract(path, **given)


def loaded(folder: Path, made: Draft) -> Contract:
    path = folder / "drafted.yml"
    path.write_text(made.text, encoding="utf-8")
    return load_contract(path)


def checked(folder: Path, made: Draft, name: str) -> Inspection:
    [found] = inspect_file(folder / name, [], loaded(folder, made))
    return found


# --- layout -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain,ascii\n", "utf-8"),
        ("Libellé\n".encode(), "utf-8"),
        (b"\xef\xbb\xbf" + "Libellé\n".encode(), "utf-8"),
        ("Libellé;Équipe à l’écoute\n".encode("cp1252"), "cp1252"),
        ("Libellé;Équipe à l’écoute\n".encode("mac_roman"), "mac_roman"),
        (b"\xef\xbb\xbf" + "Libellé\n".encode("cp1252"), "cp1252"),
        ("Libellé\n".encode("utf-16"), "utf-16"),
        ("Libelle\n".encode("utf-16-le"), "utf-16-le"),
        ("Libelle\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_the_encoding_by_the_bytes(content: bytes, encoding: str) -> None:
    assert guess_encoding(content)[0] == encoding


def test_an_undecided_encoding_names_both() -> None:
    encoding, why = guess_encoding(b"fan?\x8c\xe6,Do you\n")
    assert encoding == "cp1252"
    assert why == "undecided between cp1252 (Œ æ) and mac_roman (å Ê): look at both"


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ("a;b;c\n1,5;2;3\n", {"delimiter": ";"}),
        ("a\tb\n1\t2\n", {"delimiter": "\t"}),
        ("a|b\n1|2\n", {"delimiter": "|"}),
        ('a,b\n"x, y",2\n', {}),
        ('a,b\n5" pipe,2\n', {"quote": ""}),
        ('Id,Q\n"Id","The question"\n"{""ImportId"":""x""}","{""ImportId"":""y""}"\n1,2\n', "qualtrics"),
        (
            "V1,Q1\nResponseID,The question\nR_1,2\n",
            {"skip_rows_after_header": 1, "skipped_rows_contain": "ResponseID"},
        ),
        ("RespondentID,Seen?,,Age\n,One,Two,Response\n1,x,,30\n", {"header_rows": 2}),
        ("RespondentID,Seen?\n,Response\n1,Yes\n", {"header_rows": 2}),
        ("RespondentID,Seen?,\n1,Yes,3\n", {}),
    ],
)
def test_the_layout_of_delimited_text(tmp_path: Path, text: str, stated: object) -> None:
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    if stated == "qualtrics":
        stated = {"skip_rows_after_header": 2, "skipped_rows_contain": "ImportId"}
    assert sniff(path, "x.csv").format.model_dump(exclude_defaults=True) == stated


@pytest.mark.parametrize(
    ("text", "stated"),
    [
        ('{"a": 1}\n{"a": 2}\n', {"type": "jsonl"}),
        ('[{"a": 1}]', {"type": "json"}),
        ('{"Report_Entry": [{"a": 1}]}', {"type": "json", "records": "Report_Entry"}),
        ('{"data": {"rows": [{"a": 1}, {"a": 2}]}, "users": [{"n": 1}]}', {"type": "json", "records": "data.rows"}),
    ],
)
def test_the_layout_of_json(tmp_path: Path, text: str, stated: dict[str, str]) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    assert sniff(path, "x.json").format.model_dump(exclude_defaults=True) == stated


def test_a_file_of_no_kind_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"%PDF-1.7\n" + bytes(range(32)))
    with pytest.raises(DeliveryError, match=r"x\.csv: .*PDF"):
        sniff(path, "x.csv")


# --- values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind", "formats", "other"),
    [
        (["13/02/2025", "01/02/2025"], "date", ("%d/%m/%Y",), ()),
        (["02/13/2025", "01/02/2025"], "date", ("%m/%d/%Y",), ()),
        (["03/02/2025", "01/02/2025"], "date", ("%d/%m/%Y",), ("%m/%d/%Y",)),
        (["13.02.25"], "date", ("%d.%m.%y",), ()),
        (["2025-02-13"], "date", ("%Y-%m-%d",), ()),
        (["01/Nov/24 9:25 AM"], "timestamp", ("%d/%b/%y %I:%M %p",), ()),
        (["2024-01-23T13:26:08.000+0000"], "timestamp", ("%Y-%m-%dT%H:%M:%S.%g%z",), ()),
        (["2024-01-23 13:26:08 +0100"], "timestamp", ("%Y-%m-%d %H:%M:%S %z",), ()),
        (["26:05:00", "0:15"], "clock", (), ()),
        (["12", "-3"], "integer", (), ()),
        (["012", "123"], "text", (), ()),
        (["1,5", "2"], "number", (), ()),
        (["1 234,50"], "number", (), ()),
        (["yes", "no"], "text", (), ()),
        ([], "blank", (), ()),
        ([*["13/02/2025"] * 19, "yesterday"], "date", ("%d/%m/%Y",), ()),
    ],
)
def test_the_kind_of_a_column(values: list[str], kind: str, formats: tuple[str, ...], other: tuple[str, ...]) -> None:
    found = profile("x", values, len(values))
    assert (found.kind, found.formats, found.other_formats) == (kind, formats, other)


@pytest.mark.parametrize(
    ("known", "form"),
    [("13/02/2025", "%d/%m/%Y"), ("02/13/2025", "%m/%d/%Y"), ("2025-02-13", "%d/%m/%Y")],
)
def test_another_column_of_the_file_decides_day_or_month_first(known: str, form: str) -> None:
    _, other = settled([profile("a", [known], 1), profile("b", ["03/02/2025"], 1)])
    assert other.formats == (form,)
    assert len(other.other_formats) == 1, "it stays marked"


def test_the_marks_of_numbers() -> None:
    assert profile("x", ["1,5", "2"], 2).marks == (",", "")
    assert profile("x", ["1\u202f234,50", "2,00"], 2).marks == (",", " ")
    assert profile("x", ["1,234.50", "2.00"], 2).marks == (".", ",")


# --- drafts -------------------------------------------------------------------------------------------

HR = """Matricule;Nom;Courriel;Début de situation;Code unité;Catégorie;Type de contrat;ETP;Date d'embauche;Remarque
010455;Vandenberghe;solene@courriel.example;13/09/2020;EQ-1;Terrain;CDI;1,00;13/09/2020;Veut changer d'équipe
010797;Legrandin;gaelle@courriel.example;25/03/2024;EQ-1;Bureau;CDD;0,80;25/03/2024;
010798;Quesnelle;adele@courriel.example;26/03/2024;EQ-2;Terrain;CDI;1,00;26/03/2024;
010799;Vandenberghe;remi@courriel.example;27/03/2024;EQ-2;Bureau;CDI;1,00;27/03/2024;
"""


def test_a_french_hr_export_drafts_and_every_row_is_good(tmp_path: Path) -> None:
    made = draft(tmp_path, "lucca_salaries_20250131.csv", HR.encode("cp1252"))
    assert (made.entity, made.system, made.name, made.loads) == ("employee", "lucca", "employee", True)
    contract = loaded(tmp_path, made)
    assert (contract.format.delimiter, contract.format.encoding, contract.format.decimal) == (";", "cp1252", ",")
    assert contract.match == ("lucca_salaries_*.csv",)
    assert contract.version_of("lucca_salaries_20250131.csv") is not None
    assert set(contract.personal) == {"Nom", "Courriel", "Remarque"}
    fields = {column.field: column for column in contract.columns}
    assert fields["employee_id"].source == "Matricule"
    assert fields["spell_start"].formats == ("%d/%m/%Y",)
    assert fields["population"].codes == {"Terrain": "field", "Bureau": "office"}
    assert fields["contract_type"].codes == {"CDI": "permanent", "CDD": "fixed_term"}
    found = checked(tmp_path, made, "lucca_salaries_20250131.csv")
    assert (found.read, found.good) == (4, 4)


def test_no_value_that_may_tell_of_people_is_written(tmp_path: Path) -> None:
    text = draft(tmp_path, "lucca_salaries.csv", HR.encode("cp1252")).text
    for value in ("Vandenberghe", "Legrandin", "Quesnelle", "courriel.example", "010455", "Veut changer"):
        assert value not in text
    surveyed = "ResponseID,Q1,Advisor,Conseiller,Say\n" + "".join(
        f"R_{n},{n % 5 + 1},Zephyrine Quux,Zephyrine Quux,Zephyrine was kind and patient with me\n" for n in range(9)
    )
    assert "Zephyrine" not in draft(tmp_path, "answers.csv", surveyed).text
    cases = "Ticket id,Created at,Client id,Type,Category\n" + "".join(
        f"{n},2025-02-{n + 10} 09:00:00,c{n},Question,zoe{n % 2}@post.example\n" for n in range(9)
    )
    made = draft(tmp_path, "cases.csv", cases)
    assert made.entity == "case"
    assert "zoe" not in made.text


def test_guesses_and_open_decisions_are_marked(tmp_path: Path) -> None:
    rows = "".join(
        f"{n},c{n},0{n}/02/2025,{kind}\n" for n, kind in zip(range(1, 9), ["Praise", "Complaint"] * 4, strict=True)
    )
    text = draft(tmp_path, "acme_tickets.csv", "Ticket id,Client id,Created at,Type\n" + rows).text
    [opened] = [line for line in text.splitlines() if "field: opened_at" in line]
    assert '["%d/%m/%Y"]' in opened
    assert opened.endswith('# guess: day or month first cannot be told from the sample; ["%m/%d/%Y"] fits as well')
    assert "      Praise: request  # TODO: which of complaint, request, question, incident?" in text
    assert "      Complaint: complaint\n" in text
    assert 'owner: "team:todo"  # TODO' in text


def test_what_no_column_tells_is_a_constant_to_decide(tmp_path: Path) -> None:
    made = draft(tmp_path, "acme_employees.csv", "Employee id,Hire date\ne1,2024-01-02\ne2,2024-01-03\n")
    assert made.loads
    assert '      population: "=field"  # TODO: no column tells; one of field, office' in made.text
    assert '      unit_id: "=TODO"  # TODO' in made.text
    assert checked(tmp_path, made, "acme_employees.csv").good == 2


def test_a_draft_without_what_must_be_there_says_so_and_does_not_load(tmp_path: Path) -> None:
    made = draft(tmp_path, "acme_cases.csv", "Ticket id,Type\n1,Question\n", entity="case")
    assert not made.loads
    assert "case.opened_at must not be null" in made.problem
    assert made.text.startswith("# This draft does not load yet. Fill in what is marked TODO; what lacks:\n#   ")
    assert "  # TODO: {source: ..., field: opened_at, required: true}" in made.text


def test_a_file_of_unknown_content_asks_what_it_is(tmp_path: Path) -> None:
    made = draft(tmp_path, "mystery.csv", "alpha,beta\n1,2\n")
    assert (made.entity, made.loads) == (None, False)
    assert "symmetry sources new FILE --entity ENTITY" in made.text
    assert "#   alpha: integer" in made.text


def test_a_survey_in_numbers(tmp_path: Path) -> None:
    names = "ResponseId,EndDate,ExternalReference,Status,IPAddress,Q1,Q2,Q3,Team,Progress"
    texts = (
        "Response ID,End Date,External,Status,IP,I trust the company,Would you recommend us?,A comment,Team,Progress"
    )
    ids = ",".join('"{""ImportId"":""x""}"' for _ in names.split(","))
    rows = "".join(
        f"R_{n},2025-02-{n + 10} 10:00:00,c{n},0,192.0.2.{n},{n % 5 + 1},{n + 1},"
        f'"Number {n}: I would like somebody to call me, please",N1,100\n'
        for n in range(10)
    )
    made = draft(tmp_path, "qualtrics_clients.csv", f"{names}\n{texts}\n{ids}\n{rows}")
    assert (made.system, made.name, made.loads) == ("qualtrics", "survey", True)
    contract = loaded(tmp_path, made)
    assert contract.survey is not None
    assert contract.survey.side == "client"
    assert [(one.source, one.dimension, one.scale) for one in contract.survey.questions] == [
        ("Q1", "trust", "from_1_to_5"),
        ("Q2", "recommendation", "from_0_to_10"),
    ]
    assert set(contract.personal) == {"IPAddress", "Q3"}
    assert checked(tmp_path, made, "qualtrics_clients.csv").good == 10


def test_a_survey_in_words_without_a_date(tmp_path: Path) -> None:
    rows = "".join(f"{n},{word},no\n" for n, word in enumerate(["Strongly agree", "Agree", "Disagree", "N/A"] * 2))
    text = "RespondentID,I am proud of my work,Seen it\n" + rows
    made = draft(tmp_path, "staff_2025-03-31.csv", text)
    assert (made.system, made.loads) == ("surveymonkey", True)
    contract = loaded(tmp_path, made)
    assert contract.survey is not None
    scale = contract.survey.scales["agreement"]
    assert scale.codes == {"Disagree": "2", "Agree": "4", "Strongly agree": "5"}
    assert scale.missing == ("N/A",)
    assert contract.survey.fields == {"answered_at": "=2025-03-31"}
    undated = draft(tmp_path, "staff.csv", text)
    assert not undated.loads
    assert '  # fields: {answered_at: "=2026-03-01"}  # TODO: no column says when it was answered' in undated.text


def test_limesurvey_names_that_hold_code_and_text(tmp_path: Path) -> None:
    names = '"id. Response ID";"submitdate. Date submitted";"lastpage. Last page";"Q0[SQ1]. I trust my manager"'
    names += ';"team. Team"'
    rows = "".join(f'"{n}";"2025-02-1{n} 09:00:00";"4";"{n % 5 + 1}";"N1"\n' for n in range(6))
    rows += '"7";"";"2";"4";"N1"\n'
    made = draft(tmp_path, "answers.csv", f"{names}\n{rows}")
    contract = loaded(tmp_path, made)
    assert contract.survey is not None
    assert (made.system, [one.source for one in contract.survey.questions]) == (
        "limesurvey",
        ["Q0[SQ1]. I trust my manager"],
    )
    assert {column.field for column in contract.columns} >= {"response_id", "answered_at", "unit_id"}
    found = checked(tmp_path, made, "answers.csv")
    assert (found.good, found.filter_reasons) == (6, {"not_submitted": 1})


def test_durations_are_added_to_the_opening(tmp_path: Path) -> None:
    rows = "".join(f"{n},c{n},2025-02-1{n} 09:00,{n * 7},Question\n" for n in range(1, 8))
    header = "Id,Requester id,Created at,First reply time in minutes,Ticket type\n"
    contract = loaded(tmp_path, draft(tmp_path, "zendesk_tickets.csv", header + rows))
    [reply] = [column for column in contract.columns if column.field == "first_reply_at"]
    assert (reply.type, reply.unit, reply.added_to) == ("duration", "minutes", "opened_at")


def test_a_row_that_says_when_it_was_changed_gives_the_version(tmp_path: Path) -> None:
    rows = "".join(f"{n},c{n},2025-02-1{n} 09:00:00,2025-03-01T10:00:0{n}Z,Question\n" for n in range(1, 8))
    text = draft(tmp_path, "cases.csv", "Id,Client id,Created at,LastModifiedDate,Type\n" + rows).text
    assert "version_from: {column: LastModifiedDate}  # guess" in text


def test_other_formats(tmp_path: Path) -> None:
    days = [f"2025-02-{n}" for n in range(10, 14)]
    frame = pl.DataFrame(
        {"Team": ["N1"] * 4, "Tool": ["crm"] * 4, "Date": days, "Audience": ["staff"] * 4}
    ).with_columns(pl.col("Date").str.to_date(), **{"Expected min": pl.lit(600.0), "Available min": pl.lit(599.5)})
    frame.write_parquet(tmp_path / "availability.parquet")
    frame.write_excel(tmp_path / "availability.xlsx")
    for name, kind in (("availability.parquet", "parquet"), ("availability.xlsx", "xlsx")):
        made = draft_contract(tmp_path / name)
        assert (made.entity, made.loads) == ("availability", True)
        assert loaded(tmp_path, made).format.type == kind
        assert checked(tmp_path, made, name).good == 4
    records = [
        {"Employee": {"Id": f"e{n}"}, "Start": f"2025-02-1{n}", "End": f"2025-02-1{n}", "Type": "Sick"}
        for n in range(4)
    ]
    (tmp_path / "absences.json.gz").write_bytes(gzip.compress(json.dumps({"Report_Entry": records}).encode()))
    made = draft_contract(tmp_path / "absences.json.gz", system="workday", entity="absence")
    contract = loaded(tmp_path, made)
    assert (contract.full_name, contract.format.records) == ("workday.absence", "Report_Entry")
    assert contract.columns[0].source == "Employee.Id"
    assert checked(tmp_path, made, "absences.json.gz").good == 4


def test_what_cannot_be_drafted_is_said(tmp_path: Path) -> None:
    with pytest.raises(DraftError, match="--entity ticket: there is no such entity; the entities are absence, "):
        draft(tmp_path, "x.csv", "a,b\n1,2\n", entity="ticket")
    with pytest.raises(DraftError, match="--system My System: use lower-case"):
        draft(tmp_path, "x.csv", "a,b\n1,2\n", system="My System")
    with pytest.raises(DeliveryError, match=r"x\.csv: .*empty"):
        draft(tmp_path, "x.csv", "")


# --- real files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "entity", "rows", "good"),
    [
        ("salesforce/Account.csv", "client", 22, 20),
        ("salesforce/Branch__c.csv", "unit", 5, 5),
        ("salesforce/Case.csv", "case", 40, 40),
        ("salesforce/Task.csv", "proactive_contact", 75, 36),
        ("qualtrics/Sample_Survey_Sample_Survey.csv", "survey_answer", 5, 5),
        ("qualtrics/sample.csv", "survey_answer", 1, 1),
        ("qualtrics/sample_legacy.csv", "survey_answer", 1, 1),
    ],
)
def test_drafts_of_real_files_read_them(
    real: Path, tmp_path: Path, name: str, entity: str, rows: int, good: int
) -> None:
    made = draft_contract(real / name)
    assert (made.entity, made.problem) == (entity, "")
    [found] = inspect_file(real / name, [], loaded(tmp_path, made))
    assert (found.read, found.good) == (rows, good)


@pytest.mark.parametrize(
    "name", ["surveymonkey/StarWars.csv", "surveymonkey/comma-survey.csv", "limesurvey/pfeiffer_results_english.csv"]
)
def test_real_surveys_without_a_date_say_that_they_lack_it(real: Path, name: str) -> None:
    made = draft_contract(real / name)
    assert made.entity == "survey_answer"
    assert "answered_at must not be null" in made.problem
    assert "dimension: todo" in made.text
