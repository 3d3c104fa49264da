"""SPSS data file (.sav) as a survey tool exports it: numbers with value labels, 99 declared as missing by its user."""

import tempfile
from pathlib import Path

import polars as pl
import pyreadstat

from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.invented import tokens
from pipelines.simulation.writers.questionnaire import (
    WORDS,
    Responses,
    Side,
    client_responses,
    collaborator_responses,
    questions,
    text_frame,
)

FILES = {"client": "clients", "collaborator": "collaborateurs"}
KNOWN = {"respondent": "ExternalReference", "team": "Equipe", "population": "Population", "role": "Role"}
FIRST_RESPONSE = {"client": 40_000_000, "collaborator": 41_000_000}
#: What stands for an answer that was declined, declared as user-missing.
DECLINED = 99
#: Where the header of the file holds the day and the time of writing.
_WRITTEN_AT = (92, b"01 Jan 2600:00:00")


def client_survey(seed: int, calendar: Calendar, teams: Teams, clients: Clients, answers: pl.DataFrame) -> Export:
    """The client questionnaire."""
    return _export(seed, calendar, client_responses(seed, teams, clients, answers))


def collaborator_survey(seed: int, calendar: Calendar, teams: Teams, staff: Staff, answers: pl.DataFrame) -> Export:
    """The collaborator questionnaire."""
    return _export(seed, calendar, collaborator_responses(seed, teams, staff, answers))


def _export(seed: int, calendar: Calendar, responses: Responses) -> Export:
    side, count = responses.side, len(responses)
    preview, finished = responses.answers["preview"], responses.answers["finished"]

    def moment(column: str) -> pl.Series:
        return responses.clock(calendar, column).dt.strftime("%Y-%m-%d %H:%M:%S")

    ids = tokens("R_", stream(seed, f"spss_{side}").permutation(count) + FIRST_RESPONSE[side], seed)
    rows = text_frame(
        [
            ("StartDate", moment("started")),
            ("EndDate", moment("answered")),
            ("Status", preview.cast(pl.Int64)),
            ("Finished", finished.cast(pl.Int64)),
            ("ResponseId", ids),
            ("RecipientEmail", responses.person["email"]),
            *((KNOWN[name], values) for name, values in responses.known.items()),
            *((question.code("_{}"), responses.numbers(question)) for question in questions(side)),
            ("Q99", responses.comment(seed, "spss")),
        ]
    )
    damages = [
        Damage("blank_id", "ResponseId", ("",), 0.003),
        Damage("impossible_score", "Q2", ("11", "-1"), 0.004),
        Damage("impossible_score", "Q1_6", ("0", "6", "33"), 0.003),
    ]
    if side == "collaborator":
        damages.append(Damage("unknown_code", "Population", ("Nomade", "?"), 0.003))
    return Export(
        file=f"spss_{FILES[side]}.sav",
        contract=f"spss.{side}_survey",
        entity="survey_answer",
        rows=rows,
        layout=Layout(),
        damages=tuple(damages),
        free_text="Q99",
        separator_share=0.0,
        filtered={"preview": preview, "not_finished": ~finished},
        items=tuple(question.code("_{}") for question in questions(side)),
        binary=lambda dirty: sav(dirty, side),
    )


def sav(rows: pl.DataFrame, side: Side) -> bytes:
    """The bytes of an SPSS file of rows of text.

    Within a group of statements a blank answer is written as declined (user-missing), elsewhere as system-missing.
    """
    asked = {question.code("_{}"): question for question in questions(side)}
    statements = [code for code, question in asked.items() if question.scale == "agreement"]
    typed = rows.with_columns(
        pl.col("StartDate", "EndDate").str.to_datetime("%Y-%m-%d %H:%M:%S"),
        pl.col("Status", "Finished", *asked).cast(pl.Float64),
    ).with_columns(pl.col(statements).fill_null(float(DECLINED)))
    labels: dict[str, dict[int | float, str]] = {
        code: dict(enumerate(WORDS[question.scale]["fr"], start=1))
        for code, question in asked.items()
        if question.scale in WORDS
    }
    with tempfile.TemporaryDirectory(prefix="symmetry_simulation_") as folder:
        path = Path(folder) / "survey.sav"
        pyreadstat.write_sav(
            typed,
            path,
            column_labels={code: question.text("fr") for code, question in asked.items()},
            variable_value_labels={
                **labels,
                "Status": {0: "IP Address", 1: "Survey Preview"},
                "Finished": {0: "False", 1: "True"},
            },
            missing_ranges={code: [DECLINED] for code in statements},
        )
        content = bytearray(path.read_bytes())
    place, text = _WRITTEN_AT
    content[place : place + len(text)] = text
    return bytes(content)
