"""SurveyMonkey, CSV of all responses in words: two header rows, the upper one blank where a question goes on.

The collaborators' export was saved again with a spreadsheet of an old Macintosh, so it is in Mac Roman.
"""

import numpy as np
import polars as pl

from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Export, Layout
from pipelines.simulation.writers.questionnaire import (
    Language,
    Responses,
    client_responses,
    collaborator_responses,
    faults,
    questions,
    text_frame,
)

BAD_TIMES = ("02/30/2025 10:15:00 AM", "2025", "########")
FILES = {"client": "clients", "collaborator": "collaborateurs"}
#: Custom variables of the invitation's link.
CUSTOM = {"respondent": "Custom Data 1", "team": "team", "population": "population", "role": "role"}
COMMENT: dict[Language, str] = {"en": "A comment?", "fr": "Un commentaire ?"}
FIRST_RESPONDENT = {"client": 11_400_000_000, "collaborator": 12_600_000_000}


def client_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    clients: Clients,
    answers: pl.DataFrame,
    *,
    language: Language = "en",
) -> Export:
    """The client questionnaire, in UTF-8."""
    return _export(seed, calendar, client_responses(seed, teams, clients, answers), language, "utf-8")


def collaborator_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    staff: Staff,
    answers: pl.DataFrame,
    *,
    language: Language = "fr",
) -> Export:
    """The collaborator questionnaire, in Mac Roman."""
    return _export(seed, calendar, collaborator_responses(seed, teams, staff, answers), language, "mac_roman")


def _export(seed: int, calendar: Calendar, responses: Responses, language: Language, encoding: str) -> Export:
    """One questionnaire, of complete responses only (the export does not say which are)."""
    responses = responses.only(~responses.answers["preview"] & responses.answers["finished"])
    side, count = responses.side, len(responses)
    rng = stream(seed, f"surveymonkey_{side}")

    def moment(column: str) -> pl.Series:
        return responses.clock(calendar, column).dt.strftime("%m/%d/%Y %I:%M:%S %p")

    address = "192.0.2." + pl.Series(rng.integers(1, 255, count)).cast(pl.String)
    own = [
        ("Respondent ID", pl.Series(FIRST_RESPONDENT[side] + 37 * np.arange(count))),
        ("Collector ID", pl.Series([402_118_034] * count)),
        ("Date Created", moment("started")),
        ("Date Modified", moment("answered")),
        ("IP Address", address),
        ("Email Address", responses.person["email"]),
        ("First Name", responses.person["first_name"]),
        ("Last Name", responses.person["last_name"]),
        *((CUSTOM[name], values) for name, values in responses.known.items()),
    ]
    columns = [(name, name, "", values) for name, values in own]
    title = ""
    for question in questions(side):
        above = question.title[language]
        below = question.item[language] if question.number else "Response"
        shown = "" if above == title and question.number else above
        columns.append((question.code("_{}"), shown, below, responses.words(question, language)))
        title = above
    columns.append(("Q99", COMMENT[language], "Open-Ended Response", responses.comment(seed, "surveymonkey")))
    items = tuple(question.code("_{}") for question in questions(side))
    return Export(
        file=f"surveymonkey_{FILES[side]}.csv",
        contract=f"surveymonkey.{side}_survey",
        entity="survey_answer",
        rows=text_frame([(name, values) for name, _, _, values in columns]),
        layout=Layout(
            encoding=encoding,
            headers=(tuple(above for _, above, _, _ in columns), tuple(below for _, _, below, _ in columns)),
        ),
        damages=faults(side, "Date Modified", "Respondent ID", {code: code for code in items}, BAD_TIMES),
        free_text="Q99",
        items=items,
    )
