"""LimeSurvey: the CSV export of responses, with codes or with full texts, and the VV ("vertical verification") export.

CSV is `;`, every field quoted, with a byte order mark; VV is tabs, two header rows (texts, then codes), line ends and
tabs spelled out, `{question_not_shown}` for null. A response that was not submitted has no date of submission.
"""

from typing import Literal

import numpy as np
import polars as pl

from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Export, Layout
from pipelines.simulation.writers.questionnaire import (
    WORDS,
    Language,
    Question,
    Responses,
    client_responses,
    collaborator_responses,
    faults,
    questions,
    text_frame,
)

Form = Literal["codes", "texts", "vv"]

NOT_SHOWN = "{question_not_shown}"
BAD_TIMES = ("2025-02-30 10:15:00", "1980-01-01 00:00:00", "n/a")
FILES = {"client": "clients", "collaborator": "collaborateurs"}
#: Columns of the system: code -> heading with full texts.
HEADINGS: dict[str, dict[Language, str]] = {
    "id": {"en": "Response ID", "fr": "ID de la réponse"},
    "submitdate": {"en": "Date submitted", "fr": "Date de soumission"},
    "lastpage": {"en": "Last page", "fr": "Dernière page"},
    "startlanguage": {"en": "Start language", "fr": "Langue de départ"},
    "seed": {"en": "Seed", "fr": "Tête de série"},
    "startdate": {"en": "Date started", "fr": "Date de lancement"},
    "datestamp": {"en": "Date last action", "fr": "Date de la dernière action"},
    "ipaddr": {"en": "IP address", "fr": "Adresse IP"},
}
#: Hidden questions, filled in by the link of the invitation.
HIDDEN: dict[str, tuple[str, dict[Language, str]]] = {
    "respondent": ("WHO", {"en": "Reference", "fr": "Référence"}),
    "team": ("TEAM", {"en": "Team", "fr": "Équipe"}),
    "population": ("POPULATION", {"en": "Population", "fr": "Catégorie"}),
    "role": ("ROLE", {"en": "Role", "fr": "Rôle"}),
}
COMMENT: tuple[str, dict[Language, str]] = ("Q99", {"en": "A comment?", "fr": "Un commentaire ?"})


def client_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    clients: Clients,
    answers: pl.DataFrame,
    *,
    form: Form = "codes",
    language: Language = "en",
) -> Export:
    """The client questionnaire; `language` is that of the headings and words with full texts."""
    return _export(seed, calendar, client_responses(seed, teams, clients, answers), form, language)


def collaborator_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    staff: Staff,
    answers: pl.DataFrame,
    *,
    form: Form = "codes",
    language: Language = "fr",
) -> Export:
    """The collaborator questionnaire; `language` is that of the headings and words with full texts."""
    return _export(seed, calendar, collaborator_responses(seed, teams, staff, answers), form, language)


def _answers(responses: Responses, question: Question, form: Form, language: Language) -> pl.Series:
    if form == "texts":
        return responses.words(question, language)
    numbers = responses.numbers(question)
    return ("A" + numbers) if question.scale in WORDS else numbers


def _export(seed: int, calendar: Calendar, responses: Responses, form: Form, language: Language) -> Export:
    """One questionnaire; a preview of a survey that is not active leaves no response, so there is none."""
    responses = responses.only(~responses.answers["preview"])
    side, count = responses.side, len(responses)
    rng = stream(seed, f"limesurvey_{side}")
    finished = responses.answers["finished"]
    last = responses.clock(calendar).dt.strftime("%Y-%m-%d %H:%M:%S")
    submitted = last.zip_with(finished, pl.Series([None] * count, dtype=pl.String))
    address = "192.0.2." + pl.Series(rng.integers(1, 255, count)).cast(pl.String)
    own = [
        ("id", pl.Series(np.arange(count) + 1)),
        ("submitdate", submitted),
        ("lastpage", pl.Series(np.where(finished, 4, 2))),
        ("startlanguage", pl.Series([language] * count)),
        ("seed", pl.Series(rng.integers(10**8, 2 * 10**9, count))),
        ("startdate", responses.clock(calendar, "started").dt.strftime("%Y-%m-%d %H:%M:%S")),
        ("datestamp", last),
        ("ipaddr", address),
    ]
    item = "_SQ{:03}" if form == "vv" else "[SQ{:03}]"
    asked = [(question.code(item), question.text(language), question) for question in questions(side)]
    hidden = [(HIDDEN[name][0], HIDDEN[name][1][language], values) for name, values in responses.known.items()]
    comment = (COMMENT[0], COMMENT[1][language], responses.comment(seed, "limesurvey"))
    columns = [
        *((code, HEADINGS[code][language], values) for code, values in own),
        *((code, text, _answers(responses, question, form, language)) for code, text, question in asked),
        *hidden,
        comment,
    ]
    texts = tuple(text for _, text, _ in columns)
    named = [(text if form == "texts" else code, values) for code, text, values in columns]
    rows = text_frame(named)
    items = tuple(text if form == "texts" else code for code, text, _ in asked)
    codes = dict(zip((question.code("_{}") for _, _, question in asked), items, strict=True))
    column = {code: name for (code, _, _), (name, _) in zip(columns, named, strict=True)}
    if form == "vv":
        rows = rows.with_columns(
            pl.all()
            .str.replace_all("{", "{lbrace}", literal=True)
            .str.replace_all("\n", "{newline}", literal=True)
            .fill_null(NOT_SHOWN)
        )
        layout = Layout(delimiter="\t", headers=(texts, tuple(rows.columns)))
    else:
        layout = Layout(delimiter=";", quote_all=True, bom=True)
    return Export(
        file=f"limesurvey_{'vv_' if form == 'vv' else ''}{FILES[side]}.csv",
        contract=f"limesurvey.{side}_survey{'_vv' if form == 'vv' else ''}",
        entity="survey_answer",
        rows=rows,
        layout=layout,
        damages=faults(side, column["submitdate"], column["id"], codes, BAD_TIMES),
        free_text=column["Q99"],
        filtered={"not_submitted": ~finished},
        items=items,
        unanswered=(NOT_SHOWN,),
    )
