"""Qualtrics CSV exports, numeric answers, BOM.

Current: three header rows (names, question texts, import ids). Legacy: two (`V1`... and the codes, then the texts), a
blank last column, and -99 for a question seen but not answered.
"""

import json
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.randomness import stream
from pipelines.simulation.surveys import (
    CLIENT_MOMENTS,
    COLLABORATOR_MOMENTS,
    DIMENSIONS,
    PRACTICES,
)
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.french_hr import POPULATIONS, matricules
from pipelines.simulation.writers.invented import people, tokens
from pipelines.simulation.writers.salesforce import account_ids

DIMENSION_TEXTS = {
    "conduct": "On se comporte avec moi avec savoir-vivre",
    "facilitation": "On me facilite les choses et l'on s'adapte à ma situation",
    "values": "Les valeurs affichées sont celles que je vis",
    "listening": "On m'écoute et l'on tient compte de ce que je dis",
    "human_digital": "Le numérique et l'humain se complètent bien",
    "trust": "On me fait confiance et je fais confiance",
    "autonomy": "J'ai l'autonomie qu'il me faut",
    "consideration": "Je me sens considéré(e)",
    "competence": "Je trouve en face de moi compétence et soutien",
    "cooperation": "On coopère pour trouver la solution",
    "environment": "Les lieux et les outils sont agréables et pratiques",
}
PRACTICE_TEXTS = {
    "field_presence": "Mon responsable est présent sur le terrain",
    "listening": "Mon responsable est à l'écoute",
    "initiative": "Mon responsable laisse place à l'initiative",
    "right_to_err": "J'ai droit à l'erreur",
    "recognition": "Mon travail est reconnu",
    "transparency": "Mon responsable est transparent",
    "meaning": "Mon responsable donne du sens",
}
MOMENT_TEXTS = {
    "first_purchase": "votre premier achat",
    "first_use": "votre première utilisation",
    "first_invoice": "votre première facture",
    "breakdown": "une panne ou un incident",
    "complaint": "une réclamation",
    "store_visit": "une visite en agence",
    "information_request": "une demande de renseignement",
    "recruitment_interview": "votre entretien de recrutement",
    "onboarding": "votre intégration",
    "first_tools": "la remise de vos outils de travail",
    "reorganisation": "une réorganisation",
    "suggestion_response": "la réponse à une suggestion",
    "manager_interview": "un entretien avec votre responsable",
    "hr_interview": "un échange avec les ressources humaines",
    "job_change": "un changement de poste",
}
BAD_TIMES = ("2025-02-30 10:15:00", "10:15 le 03/04", "########")

Form = Literal["current", "legacy"]

#: Columns of the system in a legacy export, by their name in a current one, in their order.
LEGACY = {
    "ResponseId": "V1",
    "ResponseSet": "V2",
    "Name": "V3",
    "ExternalReference": "V4",
    "RecipientEmail": "V5",
    "IPAddress": "V6",
    "Status": "V7",
    "StartDate": "V8",
    "EndDate": "V9",
    "Finished": "V10",
}
LEGACY_TEXTS = (
    *("ResponseID", "ResponseSet", "Name", "ExternalDataReference", "EmailAddress", "IPAddress"),
    *("Status", "StartDate", "EndDate", "Finished"),
)
SEEN = "-99"


def _questions(
    frame: pl.DataFrame, moments: tuple[str, ...], staff_side: bool
) -> list[tuple[str, str, str, pl.Series]]:
    """Export name, question text, import id and answers of every question, in the order of the form."""
    scale = "1 = pas du tout d'accord … 5 = tout à fait d'accord"
    out = [
        (f"Q1_{i}", f"{scale} - {DIMENSION_TEXTS[d]}", f"QID1_{i}", frame[f"q_{d}"])
        for i, d in enumerate(DIMENSIONS, start=1)
    ]
    what = "travailler dans votre entreprise" if staff_side else "notre entreprise"
    group = pl.select(
        pl.when(frame["q_nps"] >= 9).then(3).when(frame["q_nps"] >= 7).then(2).when(frame["q_nps"] >= 0).then(1)
    ).to_series()
    effort = (
        "Mon travail me demande des efforts inutiles\n(1 = pas du tout, 7 = tout à fait)"
        if staff_side
        else "L'entreprise m'a facilité les choses\n(1 = pas du tout, 7 = tout à fait)"
    )
    out += [
        ("Q2_NPS_GROUP", "Groupe NPS", "QID2_NPS_GROUP", group),
        ("Q2", f"De 0 à 10, recommanderiez-vous {what} à un proche ?", "QID2", frame["q_nps"]),
        ("Q3", "Dans l'ensemble, êtes-vous satisfait(e) ? (1 à 5)", "QID3", frame["q_satisfaction"]),
        ("Q4", effort, "QID4", frame["q_effort"]),
    ]
    out += [
        (
            f"Q5_{i}",
            f"Si vous l'avez vécu, êtes-vous satisfait(e) de ce moment : {MOMENT_TEXTS[m]} ? (1 à 5)",
            f"QID5_{i}",
            frame[f"m_{m}"],
        )
        for i, m in enumerate(moments, start=1)
    ]
    review = "Si vous avez publié un avis en ligne, combien d'étoiles avez-vous données ? (1 à 5)"
    out.append(("Q6", review, "QID6", frame["q_review"]))
    if staff_side:
        out += [
            (f"Q7_{i}", f"{scale} - {PRACTICE_TEXTS[p]}", f"QID7_{i}", frame[f"p_{p}"])
            for i, p in enumerate(PRACTICES, start=1)
        ]
        belief = "Selon vous, vos clients"
        out += [
            ("Q8", f"{belief} sont-ils satisfaits ? (1 à 5)", "QID8", frame["e_satisfaction"]),
            ("Q9", f"{belief} nous recommanderaient-ils ? (0 à 10)", "QID9", frame["e_nps"]),
        ]
    return out


# Qualtrics never gives two responses one id, in whichever survey.
FIRST_RESPONSE = {"clients": 0, "collaborators": 1_000_000}


def _export(
    seed: int,
    calendar: Calendar,
    frame: pl.DataFrame,
    person: pl.DataFrame,
    respondent: pl.Series,
    embedded: list[tuple[str, pl.Series]],
    questions: list[tuple[str, str, str, pl.Series]],
    survey: str,
) -> tuple[pl.DataFrame, Layout]:
    """Rows and layout of one survey: Qualtrics' own columns, the questions, the embedded data."""
    rng = stream(seed, f"qualtrics_{survey}")
    count = frame.height
    first = FIRST_RESPONSE[survey]
    started, ended = frame["started"].to_numpy(), frame["answered"].to_numpy()

    def clock(seconds: np.ndarray) -> pl.Series:
        return timestamps(calendar, seconds).dt.strftime("%Y-%m-%d %H:%M:%S")

    preview = frame["preview"]
    latitude = pl.Series(np.round(rng.uniform(43.0, 50.5, count), 4)).cast(pl.String)
    address = "192.0.2." + pl.Series(rng.integers(1, 255, count)).cast(pl.String)
    own: list[tuple[str, str, str, pl.Series]] = [
        ("StartDate", "Date de début", "startDate", clock(started)),
        ("EndDate", "Date de fin", "endDate", clock(ended)),
        ("Status", "Type de réponse", "status", preview.cast(pl.Int64).cast(pl.String)),
        ("IPAddress", "Adresse IP", "ipAddress", address),
        ("Progress", "Progression", "progress", pl.Series(np.where(frame["finished"], "100", "46"))),
        ("Duration (in seconds)", "Durée (en secondes)", "duration", pl.Series(ended - started).cast(pl.String)),
        ("Finished", "Terminé", "finished", frame["finished"].cast(pl.Int64).cast(pl.String)),
        ("RecordedDate", "Date d'enregistrement", "recordedDate", clock(ended + 1)),
        ("ResponseId", "ID de réponse", "_recordId", tokens("R_", np.arange(count, dtype=np.int64) + first, seed)),
        ("RecipientLastName", "Nom du destinataire", "recipientLastName", person["last_name"]),
        ("RecipientFirstName", "Prénom du destinataire", "recipientFirstName", person["first_name"]),
        ("RecipientEmail", "Courriel du destinataire", "recipientEmail", person["email"]),
        ("ExternalReference", "Référence externe", "externalDataReference", respondent),
        ("LocationLatitude", "Latitude", "locationLatitude", latitude),
        ("DistributionChannel", "Canal de distribution", "distributionChannel", pl.Series(["email"] * count)),
        ("UserLanguage", "Langue", "userLanguage", pl.Series(["FR"] * count)),
    ]
    comment = np.array(["", "Merci à toute l'équipe.", 'Trop de "transferts", dommage', "Rien à dire,\nmerci"])
    free = ("Q99", "Un commentaire ?", "QID99_TEXT", pl.Series(comment[rng.choice(4, count, p=[0.8, 0.1, 0.06, 0.04])]))
    data = [(name, name, name, values) for name, values in embedded]
    columns = [*own, *questions, free, *data]
    rows = pl.DataFrame([values.cast(pl.String).alias(name) for name, _, _, values in columns])
    imports = [json.dumps({"ImportId": ident}, separators=(",", ":")) for _, _, ident, _ in columns]
    layout = Layout(bom=True, extra_headers=(tuple(text for _, text, _, _ in columns), tuple(imports)))
    return rows, layout


def clients_survey(seed: int, calendar: Calendar, teams: Teams, clients: Clients, answers: pl.DataFrame) -> Export:
    """The client survey, with account id, team and segment as embedded data."""
    who = answers["client"]
    questions = _questions(answers, CLIENT_MOMENTS, staff_side=False)
    rows, layout = _export(
        seed,
        calendar,
        answers,
        people(stream(seed, "qualtrics_client_people"), len(clients))[who.to_numpy()],
        account_ids(clients).gather(who),
        [
            ("Team", pl.Series(teams.ids).gather(answers["team"])),
            ("Segment", pl.Series(clients.segment).gather(who)),
        ],
        questions,
        "clients",
    )
    return Export(
        file="qualtrics_clients.csv",
        contract="qualtrics.client_survey",
        entity="survey_answer",
        rows=rows,
        layout=layout,
        damages=(
            Damage("bad_date", "EndDate", BAD_TIMES, 0.004),
            Damage("blank_id", "ResponseId", ("",), 0.003),
            Damage("impossible_score", "Q2", ("11", "-1", "99"), 0.004),
            Damage("impossible_score", "Q1_6", ("0", "6", "33"), 0.003),
            Damage("wrong_decimal", "Q3", ("3,5", "quatre"), 0.002),
        ),
        free_text="Q99",
        filtered={"preview": answers["preview"], "not_finished": ~answers["finished"]},
        items=tuple(name for name, _, _, _ in questions if name != "Q2_NPS_GROUP"),
    )


def collaborators_survey(seed: int, calendar: Calendar, teams: Teams, staff: Staff, answers: pl.DataFrame) -> Export:
    """The collaborator survey, with employee number, team, population and role as embedded data."""
    who = answers["employee"].to_numpy()
    questions = _questions(answers, COLLABORATOR_MOMENTS, staff_side=True)
    population = pl.Series(np.where(staff.field_population[who], "field", "office")).replace_strict(POPULATIONS)
    role = pl.Series(np.where(staff.manager[who], "Manager", "Collaborateur"))
    rows, layout = _export(
        seed,
        calendar,
        answers,
        people(stream(seed, "qualtrics_staff_people"), len(staff))[who],
        matricules(staff).gather(who),
        [
            ("Equipe", pl.Series(teams.ids).gather(answers["team"])),
            ("Population", population),
            ("Role", role),
        ],
        questions,
        "collaborators",
    )
    return Export(
        file="qualtrics_collaborateurs.csv",
        contract="qualtrics.collaborator_survey",
        entity="survey_answer",
        rows=rows,
        layout=layout,
        damages=(
            Damage("bad_date", "EndDate", BAD_TIMES, 0.003),
            Damage("blank_id", "ResponseId", ("",), 0.003),
            Damage("impossible_score", "Q2", ("11", "-1"), 0.003),
            Damage("impossible_score", "Q7_3", ("0", "7"), 0.002),
            Damage("unknown_code", "Population", ("Nomade", "?"), 0.003),
        ),
        free_text="Q99",
        filtered={"preview": answers["preview"], "not_finished": ~answers["finished"]},
        items=tuple(name for name, _, _, _ in questions if name != "Q2_NPS_GROUP"),
    )


def client_survey(
    seed: int, calendar: Calendar, teams: Teams, clients: Clients, answers: pl.DataFrame, *, form: Form = "current"
) -> Export:
    """The client survey, in a current or a legacy export."""
    export = clients_survey(seed, calendar, teams, clients, answers)
    return export if form == "current" else _legacy(export)


def collaborator_survey(
    seed: int, calendar: Calendar, teams: Teams, staff: Staff, answers: pl.DataFrame, *, form: Form = "current"
) -> Export:
    """The collaborator survey, in a current or a legacy export."""
    export = collaborators_survey(seed, calendar, teams, staff, answers)
    return export if form == "current" else _legacy(export)


def _legacy(export: Export) -> Export:
    """The same responses as a legacy export shows them."""
    rows = export.rows
    texts = dict(zip(rows.columns, export.layout.extra_headers[0], strict=True))
    # Who finished has seen every statement of the first group.
    statements = [name for name in export.items if name.startswith("Q1_")]
    seen = pl.when(pl.col("Finished") == "1").then(pl.lit(SEEN))
    rows = rows.with_columns(
        *(pl.coalesce(name, seen).alias(name) for name in statements),
        ResponseSet=pl.lit("Default Response Set"),
        Name=pl.lit("Anonymous"),
        blank=pl.lit(None, dtype=pl.String),
    )
    own = export.rows.columns[: export.rows.columns.index("Q1_1")]
    others = [name for name in export.rows.columns if name not in own and name != "Q2_NPS_GROUP"]
    rows = rows.select(*LEGACY, *others, "LocationLatitude", "blank").rename(LEGACY)
    return replace(
        export,
        file=export.file.replace("qualtrics_", "qualtrics_legacy_"),
        contract=f"{export.contract}_legacy",
        rows=rows,
        layout=Layout(
            bom=True,
            headers=(
                (*rows.columns[:-1], ""),
                (*LEGACY_TEXTS, *(texts[name] for name in others), "LocationLatitude", ""),
            ),
        ),
        damages=tuple(replace(damage, column=LEGACY.get(damage.column, damage.column)) for damage in export.damages),
        unanswered=(SEEN,),
    )
