"""The two questionnaires as their authors wrote them, in English and in French, whatever system asks them.

Belongs here: questions, scales and their words, and who answers. How a system names, codes and lays them out is
that system's module.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.surveys import CLIENT_MOMENTS, COLLABORATOR_MOMENTS, DIMENSIONS, PRACTICES
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage
from pipelines.simulation.writers.french_hr import POPULATIONS, matricules
from pipelines.simulation.writers.invented import people
from pipelines.simulation.writers.salesforce import account_ids

Language = Literal["en", "fr"]
Side = Literal["client", "collaborator"]

LANGUAGES: tuple[Language, ...] = ("en", "fr")

#: Words of the two worded scales, from 1 to 5.
WORDS: dict[str, dict[Language, tuple[str, ...]]] = {
    "agreement": {
        "en": ("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree"),
        "fr": (
            "Pas du tout d'accord",
            "Plutôt pas d'accord",
            "Ni d'accord ni pas d'accord",
            "Plutôt d'accord",
            "Tout à fait d'accord",
        ),
    },
    "satisfaction": {
        "en": (
            "Very dissatisfied",
            "Dissatisfied",
            "Neither satisfied nor dissatisfied",
            "Satisfied",
            "Very satisfied",
        ),
        "fr": (
            "Très insatisfait(e)",
            "Plutôt insatisfait(e)",
            "Ni satisfait(e) ni insatisfait(e)",
            "Plutôt satisfait(e)",
            "Très satisfait(e)",
        ),
    },
}

_GROUPS: dict[str, dict[Language, str]] = {
    "Q1": {"en": "How far do you agree with these statements?", "fr": "Êtes-vous d'accord avec ces affirmations ?"},
    "Q5": {
        "en": "If you lived these moments, how satisfied were you?",
        "fr": "Si vous avez vécu ces moments, en avez-vous été satisfait(e) ?",
    },
    "Q7": {
        "en": "How far do you agree, about your manager?",
        "fr": "Êtes-vous d'accord, au sujet de votre responsable ?",
    },
}
_DIMENSIONS = {
    "conduct": ("People treat me with courtesy", "On se comporte avec moi avec savoir-vivre"),
    "facilitation": ("Things are made easy for me", "On me facilite les choses"),
    "values": ("The values on display are those I live", "Les valeurs affichées sont celles que je vis"),
    "listening": ("I am listened to", "On m'écoute et l'on tient compte de ce que je dis"),
    "human_digital": ("Digital and human work well together", "Le numérique et l'humain se complètent bien"),
    "trust": ("I am trusted and I trust", "On me fait confiance et je fais confiance"),
    "autonomy": ("I have the autonomy I need", "J'ai l'autonomie qu'il me faut"),
    "consideration": ("I feel considered", "Je me sens considéré(e)"),
    "competence": ("I find competence and support", "Je trouve en face de moi compétence et soutien"),
    "cooperation": ("We work together to find the solution", "On coopère pour trouver la solution"),
    "environment": (
        "Places and tools are pleasant and practical",
        "Les lieux et les outils sont agréables et pratiques",
    ),
}
_PRACTICES = {
    "field_presence": ("My manager is present in the field", "Mon responsable est présent sur le terrain"),
    "listening": ("My manager listens", "Mon responsable est à l'écoute"),
    "initiative": ("My manager leaves room for initiative", "Mon responsable laisse place à l'initiative"),
    "right_to_err": ("I have a right to err", "J'ai droit à l'erreur"),
    "recognition": ("My work is recognised", "Mon travail est reconnu"),
    "transparency": ("My manager is open with us", "Mon responsable est transparent"),
    "meaning": ("My manager gives meaning", "Mon responsable donne du sens"),
}
_MOMENTS = {
    "first_purchase": ("Your first purchase", "Votre premier achat"),
    "first_use": ("Your first use", "Votre première utilisation"),
    "first_invoice": ("Your first invoice", "Votre première facture"),
    "breakdown": ("A breakdown or an incident", "Une panne ou un incident"),
    "complaint": ("A complaint", "Une réclamation"),
    "store_visit": ("A visit to a branch", "Une visite en agence"),
    "information_request": ("A request for information", "Une demande de renseignement"),
    "recruitment_interview": ("Your recruitment interview", "Votre entretien de recrutement"),
    "onboarding": ("Your onboarding", "Votre intégration"),
    "first_tools": ("The handing over of your tools", "La remise de vos outils de travail"),
    "reorganisation": ("A reorganisation", "Une réorganisation"),
    "suggestion_response": ("The answer to a suggestion", "La réponse à une suggestion"),
    "manager_interview": ("An interview with your manager", "Un entretien avec votre responsable"),
    "hr_interview": ("A talk with human resources", "Un échange avec les ressources humaines"),
    "job_change": ("A change of job", "Un changement de poste"),
}


@dataclass(frozen=True)
class Question:
    """One question: the column of the drawn answers, its code (group and number), its scale and its texts.

    `title` is the text of the group or of a question that stands alone, `item` the line of a group (else blank).
    """

    column: str
    group: str
    number: int
    scale: str
    dimension: str
    title: dict[Language, str]
    item: dict[Language, str]
    moment: str = ""
    estimate: bool = False
    reversed: bool = False

    def code(self, pattern: str) -> str:
        """The code of the question: its group alone, or with its number as `pattern` puts it (`_{}`, `[SQ{:03}]`)."""
        return self.group + (pattern.format(self.number) if self.number else "")

    def text(self, language: Language, pattern: str = "{} [{}]") -> str:
        """The whole text of the question; `pattern` joins the title of a group and the item."""
        if not self.number:
            return self.title[language]
        return pattern.format(self.title[language], self.item[language])


def _both(english: str, french: str) -> dict[Language, str]:
    return {"en": english, "fr": french}


def _alone(
    column: str,
    group: str,
    scale: str,
    dimension: str,
    title: tuple[str, str],
    *,
    estimate: bool = False,
    turned: bool = False,
) -> Question:
    return Question(
        column, group, 0, scale, dimension, _both(*title), _both("", ""), estimate=estimate, reversed=turned
    )


def questions(side: Side) -> tuple[Question, ...]:
    """The questions of one side's form, in its order."""
    staff = side == "collaborator"
    moments = COLLABORATOR_MOMENTS if staff else CLIENT_MOMENTS
    effort = (
        ("My work demands needless effort", "Mon travail me demande des efforts inutiles")
        if staff
        else ("The company made it easy for me", "L'entreprise m'a facilité les choses")
    )
    form = [
        Question(f"q_{name}", "Q1", number, "agreement", name, _GROUPS["Q1"], _both(*_DIMENSIONS[name]))
        for number, name in enumerate(DIMENSIONS, start=1)
    ]
    place = ("working here", "travailler ici") if staff else ("our company", "notre entreprise")
    form += [
        _alone(
            "q_nps",
            "Q2",
            "zero_to_ten",
            "recommendation",
            (f"From 0 to 10, would you recommend {place[0]}?", f"De 0 à 10, recommanderiez-vous {place[1]} ?"),
        ),
        _alone(
            "q_satisfaction",
            "Q3",
            "satisfaction",
            "satisfaction",
            ("All in all, how satisfied are you?", "Dans l'ensemble, êtes-vous satisfait(e) ?"),
        ),
        _alone(
            "q_effort",
            "Q4",
            "one_to_seven",
            "effort",
            (f"{effort[0]} (1 = not at all, 7 = entirely)", f"{effort[1]} (1 = pas du tout, 7 = tout à fait)"),
            turned=staff,
        ),
    ]
    form += [
        Question(
            f"m_{name}",
            "Q5",
            number,
            "satisfaction",
            "satisfaction",
            _GROUPS["Q5"],
            _both(*_MOMENTS[name]),
            moment=name,
        )
        for number, name in enumerate(moments, start=1)
    ]
    form.append(
        _alone(
            "q_review",
            "Q6",
            "stars",
            "review",
            (
                "If you posted a review, how many stars did you give?",
                "Si vous avez publié un avis, combien d'étoiles avez-vous données ?",
            ),
        )
    )
    if staff:
        form += [
            Question(
                f"p_{name}", "Q7", number, "agreement", f"practice_{name}", _GROUPS["Q7"], _both(*_PRACTICES[name])
            )
            for number, name in enumerate(PRACTICES, start=1)
        ]
        form += [
            _alone(
                "e_satisfaction",
                "Q8",
                "satisfaction",
                "satisfaction",
                ("How satisfied do you think your clients are?", "Selon vous, vos clients sont-ils satisfaits ?"),
                estimate=True,
            ),
            _alone(
                "e_nps",
                "Q9",
                "zero_to_ten",
                "recommendation",
                (
                    "From 0 to 10, would your clients recommend us, do you think?",
                    "De 0 à 10, vos clients nous recommanderaient-ils, selon vous ?",
                ),
                estimate=True,
            ),
        ]
    return tuple(form)


@dataclass(frozen=True)
class Responses:
    """The responses of one questionnaire, each column as long as `answers`.

    `answers`: the drawn frame (started, answered, finished, preview, one column per question); `person`: invented
    names and addresses; `known`: what the survey is told of the respondent beside the answers, by name:
    `respondent`, `team`, and on the collaborator side `population` and `role`, in words.
    """

    side: Side
    answers: pl.DataFrame
    person: pl.DataFrame
    known: dict[str, pl.Series]

    def __len__(self) -> int:
        return self.answers.height

    def only(self, keep: pl.Series) -> "Responses":
        """The responses for which `keep` is true."""
        return Responses(
            self.side,
            self.answers.filter(keep),
            self.person.filter(keep),
            {name: values.filter(keep) for name, values in self.known.items()},
        )

    def clock(self, calendar: Calendar, column: str = "answered") -> pl.Series:
        """The moments of `started` or `answered` as local timestamps."""
        return timestamps(calendar, self.answers[column].to_numpy())

    def numbers(self, question: Question) -> pl.Series:
        """The answers to a question as digits; null where there is none."""
        return self.answers[question.column].cast(pl.Int64).cast(pl.String)

    def words(self, question: Question, language: Language) -> pl.Series:
        """The answers to a question as the form words them; digits on a scale without words."""
        words = WORDS.get(question.scale)
        if words is None:
            return self.numbers(question)
        codes = {str(number): word for number, word in enumerate(words[language], start=1)}
        return self.numbers(question).replace_strict(codes, default=None)

    def comment(self, seed: int, system: str) -> pl.Series:
        """A free text, blank for most."""
        texts = np.array(["", "Merci à toute l'équipe.", 'Trop de "transferts", dommage', "Rien à dire,\nmerci"])
        rng = stream(seed, f"{system}_{self.side}_comment")
        return pl.Series(texts[rng.choice(4, len(self), p=[0.8, 0.1, 0.06, 0.04])])


def client_responses(seed: int, teams: Teams, clients: Clients, answers: pl.DataFrame) -> Responses:
    """What clients answered, with their account and team."""
    who = answers["client"]
    return Responses(
        "client",
        answers,
        people(stream(seed, "survey_client_people"), len(clients))[who.to_numpy()],
        {
            "respondent": account_ids(clients).gather(who),
            "team": pl.Series(teams.ids).gather(answers["team"]),
        },
    )


def collaborator_responses(seed: int, teams: Teams, staff: Staff, answers: pl.DataFrame) -> Responses:
    """What collaborators answered, with their employee number, team, population and role (in French)."""
    who = answers["employee"].to_numpy()
    population = pl.Series(np.where(staff.field_population[who], "field", "office")).replace_strict(POPULATIONS)
    return Responses(
        "collaborator",
        answers,
        people(stream(seed, "survey_staff_people"), len(staff))[who],
        {
            "respondent": matricules(staff).gather(who),
            "team": pl.Series(teams.ids).gather(answers["team"]),
            "population": population,
            "role": pl.Series(np.where(staff.manager[who], "Manager", "Collaborateur")),
        },
    )


def text_frame(columns: list[tuple[str, pl.Series]]) -> pl.DataFrame:
    """A frame of text of named columns, in their order."""
    frame = pl.DataFrame([values.cast(pl.String).alias(name) for name, values in columns])
    # Polars 2.1 panics in a literal replacement over columns that are chunked in different ways.
    return frame.rechunk()


def faults(side: Side, date: str, ident: str, items: dict[str, str], bad_times: tuple[str, ...]) -> tuple[Damage, ...]:
    """The bad values a delimited export is prone to; `items`: question codes (`Q1_6`) -> its columns."""
    more = (
        (
            Damage("impossible_score", items["Q1_6"], ("0", "6", "33"), 0.003),
            Damage("wrong_decimal", items["Q3"], ("3,5", "quatre"), 0.002),
        )
        if side == "client"
        else (Damage("impossible_score", items["Q7_3"], ("0", "7"), 0.003),)
    )
    return (
        Damage("bad_date", date, bad_times, 0.004),
        Damage("blank_id", ident, ("",), 0.003),
        Damage("impossible_score", items["Q2"], ("11", "-1"), 0.003),
        *more,
    )
