"""Google Forms: the responses as CSV, every field quoted, question texts for names, grids as `question [line]`.

From the form itself the moment has the offset of its owner's zone (`2026/03/14 2:05:09 PM UTC+1`); from a
spreadsheet that collects the responses in France it is written the French way. There is no id of a response: the
link of the invitation fills in its reference.
"""

import numpy as np
import polars as pl

from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Export, Layout
from pipelines.simulation.writers.invented import tokens
from pipelines.simulation.writers.questionnaire import (
    Language,
    Responses,
    client_responses,
    collaborator_responses,
    faults,
    questions,
    text_frame,
)
from pipelines.simulation.writers.salesforce import ZONE

BAD_TIMES = ("2025/02/30 10:15:00 AM UTC+1", "2025/06/12 10:15:00 AM UTC+9", "14.06.2025")
FILES = {"client": "clients", "collaborator": "collaborateurs"}
NAMES: dict[str, dict[Language, str]] = {
    "answered": {"en": "Timestamp", "fr": "Horodateur"},
    "email": {"en": "Email Address", "fr": "Adresse e-mail"},
    "invitation": {"en": "Invitation reference", "fr": "Référence de l'invitation"},
    "respondent": {"en": "Your reference", "fr": "Votre référence"},
    "team": {"en": "Team", "fr": "Équipe"},
    "population": {"en": "Population", "fr": "Catégorie"},
    "role": {"en": "Role", "fr": "Rôle"},
    "comment": {"en": "A comment?", "fr": "Un commentaire ?"},
}
FIRST_INVITATION = {"client": 30_000_000, "collaborator": 31_000_000}


def client_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    clients: Clients,
    answers: pl.DataFrame,
    *,
    language: Language = "en",
) -> Export:
    """The client questionnaire, in English from the form or in French from a spreadsheet."""
    return _export(seed, calendar, client_responses(seed, teams, clients, answers), language)


def collaborator_survey(
    seed: int,
    calendar: Calendar,
    teams: Teams,
    staff: Staff,
    answers: pl.DataFrame,
    *,
    language: Language = "fr",
) -> Export:
    """The collaborator questionnaire, in English from the form or in French from a spreadsheet."""
    return _export(seed, calendar, collaborator_responses(seed, teams, staff, answers), language)


def _moments(local: pl.Series, language: Language) -> pl.Series:
    if language == "fr":
        return local.dt.strftime("%d/%m/%Y %H:%M:%S")
    zoned = local.dt.replace_time_zone(ZONE, ambiguous="earliest")
    hours = (zoned.dt.base_utc_offset() + zoned.dt.dst_offset()).dt.total_hours()
    return local.dt.strftime("%Y/%m/%d %-I:%M:%S %p") + " UTC+" + hours.cast(pl.String)


def _export(seed: int, calendar: Calendar, responses: Responses, language: Language) -> Export:
    """One questionnaire; what is not sent leaves no response."""
    responses = responses.only(~responses.answers["preview"] & responses.answers["finished"])
    side = responses.side
    invitation = tokens("", np.arange(len(responses), dtype=np.int64) + FIRST_INVITATION[side], seed)
    asked = [(question.text(language), question) for question in questions(side)]
    name = {key: texts[language] for key, texts in NAMES.items()}
    rows = text_frame(
        [
            (name["answered"], _moments(responses.clock(calendar), language)),
            (name["email"], responses.person["email"]),
            *((text, responses.words(question, language)) for text, question in asked),
            (name["comment"], responses.comment(seed, "google_forms")),
            (name["invitation"], invitation),
            *((name[key], values) for key, values in responses.known.items()),
        ]
    )
    items = tuple(text for text, _ in asked)
    codes = dict(zip((question.code("_{}") for _, question in asked), items, strict=True))
    return Export(
        file=f"google_forms_{FILES[side]}.csv",
        contract=f"google_forms.{side}_survey",
        entity="survey_answer",
        rows=rows,
        layout=Layout(quote_all=True),
        damages=faults(side, name["answered"], name["invitation"], codes, BAD_TIMES),
        free_text=name["comment"],
        items=items,
    )
