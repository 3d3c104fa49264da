"""A French HR suite: semicolons, cp1252, CRLF, dd/mm/yyyy, decimal comma, French headers."""

import numpy as np
import polars as pl

from pipelines.simulation.people import Staff
from pipelines.simulation.planted import Planted
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import NEVER, Calendar
from pipelines.simulation.units import Organisation, Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.invented import people

LAYOUT = Layout(delimiter=";", newline="\r\n", encoding="cp1252")
LEVELS = {"company": "Société", "region": "Région", "site": "Site", "team": "Équipe"}
POPULATIONS = {"field": "Terrain", "office": "Bureau"}
CONTRACTS = {
    "permanent": "CDI",
    "fixed_term": "CDD",
    "temporary": "Intérim",
    "apprentice": "Alternance",
}
REASONS = {
    "voluntary": "Démission",
    "dismissal": "Licenciement",
    "end_of_contract": "Fin de contrat",
    "retirement": "Départ en retraite",
    "other": "Autre motif",
}
ABSENCES = {
    "sick": "Maladie",
    "accident": "Accident du travail",
    "unpaid": "Congé sans solde",
    "other": "Événement familial",
    "paid_leave": "Congés payés",
}
EVENTS = {"interview": "Entretien", "training": "Formation", "mobility": "Mobilité"}
MARKERS = {
    "consideration": "Considération",
    "responsiveness": "Réactivité",
    "listening": "Écoute et feedback",
    "moment_complaint": "Moment de vérité : réclamation",
    "trust": "Confiance",
    "irritants": "Irritants",
}
KINDS = {"coaching": "Accompagnement", "process": "Processus", "training": "Formation", "equipment": "Équipement"}
OWNERS = {
    "team_manager": "Responsable d'équipe",
    "site_manager": "Directeur de site",
    "human_resources": "Ressources humaines",
}
BAD_DATES = ("31/02/2025", "2025-03-14", "00/00/0000", "14/3/25?")


def matricules(staff: Staff) -> pl.Series:
    """The employee number of each employee as HR and the other systems write it, by index."""
    return pl.Series(staff.number).cast(pl.String).str.zfill(6)


def french_date(calendar: Calendar, days: np.ndarray) -> pl.Series:
    """Days as dd/mm/yyyy; NEVER is null."""
    return pl.Series(calendar.date64(days)).dt.strftime("%d/%m/%Y")


def french_number(values: pl.Series, decimals: int) -> pl.Series:
    """Numbers with a decimal comma and a fixed number of decimals."""
    scaled = (values * 10**decimals).round(0).cast(pl.Int64)
    whole, rest = scaled // 10**decimals, scaled % 10**decimals
    return whole.cast(pl.String) + "," + rest.cast(pl.String).str.zfill(decimals)


def unit(seed: int, calendar: Calendar, organisation: Organisation) -> Export:
    """Units, one row per version."""
    rng = stream(seed, "hr_unites")
    table = organisation.units
    rows = people(rng, table.height).select(
        pl.lit(table["unit_id"]).alias("Code unité"),
        pl.lit(table["unit_name"]).alias("Libellé"),
        pl.lit(table["parent_unit_id"]).alias("Unité mère"),
        pl.lit(table["unit_level"].replace_strict(LEVELS)).alias("Niveau"),
        pl.lit(french_date(calendar, table["valid_from"].to_numpy())).alias("Début de validité"),
        pl.lit(french_date(calendar, table["valid_to"].to_numpy())).alias("Fin de validité"),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Responsable"),
        pl.col("phone").alias("Téléphone"),
    )
    return Export(
        file="hr_unites.csv",
        contract="french_hr.unit",
        entity="unit",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "Début de validité", BAD_DATES, 0.01),
            Damage("unknown_code", "Niveau", ("Pôle ?",), 0.01),
            Damage("blank_id", "Code unité", ("",), 0.01),
        ),
        free_text="Libellé",
        in_place=False,
        duplicate_share=0.01,
        separator_share=0.01,
    )


def employee(seed: int, calendar: Calendar, teams: Teams, staff: Staff) -> Export:
    """Employees, one row per spell, with the pay, birth date and address that such files hold."""
    rng = stream(seed, "hr_salaries")
    spells = staff.spells
    who = spells["employee"].to_numpy()
    person = people(rng, len(staff))[who]
    number = matricules(staff)
    pay = np.rint(rng.lognormal(10.35, 0.25, len(staff)) / 10) * 10
    born = -rng.integers(20 * 365, 62 * 365, len(staff))
    population = pl.Series(np.where(staff.field_population, "field", "office")).replace_strict(POPULATIONS)
    managers = number.gather(spells["manager"].fill_null(0)).set(spells["manager"].is_null(), None)
    rows = person.select(
        pl.lit(number.gather(who)).alias("Matricule"),
        pl.col("last_name").alias("Nom"),
        pl.col("first_name").alias("Prénom"),
        pl.lit(french_date(calendar, born[who])).alias("Date de naissance"),
        pl.col("email").alias("Courriel"),
        pl.lit(french_date(calendar, spells["start"].to_numpy())).alias("Début de situation"),
        pl.lit(french_date(calendar, spells["end"].to_numpy())).alias("Fin de situation"),
        pl.lit(pl.Series(teams.ids).gather(spells["team"])).alias("Code unité"),
        pl.lit(managers).alias("Matricule responsable"),
        pl.lit(population.gather(who)).alias("Catégorie"),
        pl.lit(pl.Series(staff.contract).replace_strict(CONTRACTS).gather(who)).alias("Type de contrat"),
        pl.lit(french_number(spells["fte"], 2)).alias("ETP"),
        pl.lit(french_number(pl.Series(pay[who]), 2)).alias("Salaire annuel brut"),
        pl.lit(french_date(calendar, staff.hired[who])).alias("Date d'embauche"),
        pl.lit(french_date(calendar, staff.left[who])).alias("Date de sortie"),
        pl.lit(pl.Series(staff.reason, dtype=pl.String).replace_strict(REASONS, default=None).gather(who)).alias(
            "Motif de sortie"
        ),
    )
    return Export(
        file="hr_salaries.csv",
        contract="french_hr.employee",
        entity="employee",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "Début de situation", BAD_DATES, 0.005),
            Damage("blank_id", "Matricule", ("",), 0.003),
            Damage("wrong_decimal", "ETP", ("0.80", "1.00"), 0.004),
            Damage("unknown_code", "Type de contrat", ("CDII", "Stage ?"), 0.004),
        ),
        free_text="Nom",
        in_place=False,
    )


def absence(seed: int, calendar: Calendar, staff: Staff, absences: pl.DataFrame) -> Export:
    """Absences."""
    rng = stream(seed, "hr_absences")
    who = absences["employee"]
    rows = people(rng, len(staff))[who.to_numpy()].select(
        pl.lit(matricules(staff).gather(who)).alias("Matricule"),
        pl.concat_str(["last_name", "first_name"], separator=" ").alias("Salarié"),
        pl.lit(french_date(calendar, absences["start"].to_numpy())).alias("Début"),
        pl.lit(french_date(calendar, absences["end"].to_numpy())).alias("Fin"),
        pl.lit(absences["kind"].replace_strict(ABSENCES)).alias("Motif"),
        pl.lit(french_number(absences["hours"], 2)).alias("Heures"),
    )
    return Export(
        file="hr_absences.csv",
        contract="french_hr.absence",
        entity="absence",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "Début", BAD_DATES, 0.004),
            Damage("bad_date", "Fin", BAD_DATES, 0.003),
            Damage("wrong_decimal", "Heures", ("35.00", "7.5", "1,400,5"), 0.004),
            Damage("unknown_code", "Motif", ("Divers", "MAL?"), 0.003),
            Damage("blank_id", "Matricule", ("",), 0.002),
        ),
        free_text="Salarié",
    )


def event(seed: int, calendar: Calendar, staff: Staff, events: pl.DataFrame) -> Export:
    """Interviews, training and mobility (those of `events`; another system may hold the training)."""
    rng = stream(seed, "hr_evenements")
    who = events["employee"]
    rows = people(rng, len(staff))[who.to_numpy()].select(
        pl.lit(matricules(staff).gather(who)).alias("Matricule"),
        pl.concat_str(["last_name", "first_name"], separator=" ").alias("Salarié"),
        pl.lit(french_date(calendar, events["day"].to_numpy())).alias("Date"),
        pl.lit(events["kind"].replace_strict(EVENTS)).alias("Événement"),
        pl.lit(french_number(events["hours"], 2)).alias("Durée (h)"),
    )
    return Export(
        file="hr_evenements.csv",
        contract="french_hr.event",
        entity="hr_event",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "Date", BAD_DATES, 0.006),
            Damage("unknown_code", "Événement", ("Autre ?",), 0.005),
            Damage("wrong_decimal", "Durée (h)", ("7.00", "sept"), 0.004),
        ),
        free_text="Salarié",
    )


def action(seed: int, calendar: Calendar, teams: Teams, planted: Planted) -> Export:
    """Actions for the symmetry of attentions: six, and one row that somebody mistyped."""
    rng = stream(seed, "hr_actions")
    actions = planted.actions
    starts = np.array([int(calendar.starts[a.start]) + 2 for a in actions])
    ends = np.array([NEVER if a.end is None else int(calendar.starts[a.end + 1]) - 1 for a in actions])
    rows = people(rng, len(actions)).select(
        pl.Series("Code action", [f"ACT-{i + 1:03d}" for i in range(len(actions))]),
        pl.Series("Unité", [teams.ids[a.team] for a in actions]),
        pl.Series("Marqueur", [MARKERS[a.marker] for a in actions]),
        pl.Series("Début", french_date(calendar, starts)),
        pl.Series("Fin", french_date(calendar, ends)),
        pl.Series("Nature", [KINDS[a.kind] for a in actions]),
        pl.Series("Rôle porteur", [OWNERS[a.owner] for a in actions]),
        pl.concat_str(["first_name", "last_name"], separator=" ").alias("Nom du porteur"),
    )
    return Export(
        file="hr_actions.csv",
        contract="french_hr.action",
        entity="action",
        rows=rows,
        layout=LAYOUT,
        damages=(Damage("unknown_code", "Marqueur", ("Convivialité ?",), 0.1),),
        free_text="Nom du porteur",
        in_place=False,
        duplicate_share=0.0,
        separator_share=0.0,
    )
