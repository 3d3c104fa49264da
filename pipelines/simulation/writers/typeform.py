"""Typeform, CSV of responses: one row of question texts, times in UTC, hidden fields as columns.

The columns around the answers have changed: `Response Type`, `Stage Date (UTC)`, `Tags` and `Ending` came later, and
with them the responses that were not finished.
"""

from typing import Literal

import numpy as np
import polars as pl

from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Export, Layout
from pipelines.simulation.writers.invented import tokens
from pipelines.simulation.writers.questionnaire import (
    Language,
    Question,
    Responses,
    client_responses,
    collaborator_responses,
    faults,
    questions,
    text_frame,
)
from pipelines.simulation.writers.salesforce import ZONE

Columns = Literal["new", "old"]

BAD_TIMES = ("2025-02-30 10:15:00", "yesterday", "0000-00-00 00:00:00")
FILES = {"client": "clients", "collaborator": "collaborateurs"}
HIDDEN = {"respondent": "respondent", "team": "team", "population": "population", "role": "role"}
COMMENT: dict[Language, str] = {"en": "A comment?", "fr": "Un commentaire ?"}
FIRST_RESPONSE = {"client": 20_000_000, "collaborator": 21_000_000}


def client_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    clients: Clients,
    answers: pl.DataFrame,
    *,
    columns: Columns = "new",
    language: Language = "en",
) -> Export:
    """The client questionnaire, with the new or the old columns."""
    return _export(seed, calendar, client_responses(seed, teams, clients, answers), columns, language)


def collaborator_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    staff: Staff,
    answers: pl.DataFrame,
    *,
    columns: Columns = "new",
    language: Language = "fr",
) -> Export:
    """The collaborator questionnaire, with the new or the old columns."""
    return _export(seed, calendar, collaborator_responses(seed, teams, staff, answers), columns, language)


def _answers(responses: Responses, question: Question, language: Language) -> pl.Series:
    """A group is a matrix, answered in words; a question that stands alone is a scale of digits."""
    return responses.words(question, language) if question.number else responses.numbers(question)


def _export(seed: int, calendar: Calendar, responses: Responses, columns: Columns, language: Language) -> Export:
    keep = ~responses.answers["preview"]
    if columns == "old":
        keep &= responses.answers["finished"]
    responses = responses.only(keep)
    side, count = responses.side, len(responses)
    finished = responses.answers["finished"]
    blank = pl.Series([None] * count, dtype=pl.String)

    def moment(column: str) -> pl.Series:
        zoned = responses.clock(calendar, column).dt.replace_time_zone(ZONE, ambiguous="earliest")
        return zoned.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S")

    ids = tokens("", np.arange(count, dtype=np.int64) + FIRST_RESPONSE[side], seed)
    submitted = moment("answered").zip_with(finished, blank)
    asked = [(question.text(language, "{} - {}"), question) for question in questions(side)]
    frame = [
        ("#" if columns == "old" else "Response ID", ids),
        *((text, _answers(responses, question, language)) for text, question in asked),
        (COMMENT[language], responses.comment(seed, "typeform")),
        *((HIDDEN[name], values) for name, values in responses.known.items()),
    ]
    network = tokens("", np.arange(count, dtype=np.int64) % 997, seed).str.slice(0, 10)
    if columns == "old":
        frame += [("Start Date (UTC)", moment("started")), ("Submit Date (UTC)", submitted), ("Network ID", network)]
    else:
        frame += [
            ("Response Type", pl.Series(np.where(finished, "completed", "partial"))),
            ("Start Date (UTC)", moment("started")),
            ("Stage Date (UTC)", moment("answered").zip_with(~finished, blank)),
            ("Submit Date (UTC)", submitted),
            ("Network ID", network),
            ("Tags", blank),
            ("Ending", blank),
        ]
    items = tuple(text for text, _ in asked)
    codes = dict(zip((question.code("_{}") for _, question in asked), items, strict=True))
    return Export(
        file=f"typeform_{FILES[side]}.csv",
        contract=f"typeform.{side}_survey",
        entity="survey_answer",
        rows=text_frame(frame),
        layout=Layout(),
        damages=faults(side, "Submit Date (UTC)", frame[0][0], codes, BAD_TIMES),
        free_text=COMMENT[language],
        filtered={"not_finished": ~finished},
        items=items,
    )
