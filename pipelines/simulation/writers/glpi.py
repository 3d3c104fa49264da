"""GLPI: the CSV export of the list of tickets in French, with a byte order mark, semicolons and quotes."""

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Staff
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.helpdesk import requesters

FIRST_TICKET = 98_500
CATEGORIES = {
    "irritant": "Irritants > Quotidien",
    "suggestion": "Suggestions",
    "hr_request": "Ressources humaines > Paie > Bulletin",
    "it_request": "Informatique > Poste de travail",
}
THEMES = {
    "billing": "Facturation",
    "delays": "Délais",
    "information": "Information",
    "equipment": "Équipement",
    "tools": "Outils",
    "organisation": "Organisation",
}
BAD_TIMES = ("2025-02-30 08:00", "hier", "14/06/2025 08h30")


def grouped(numbers: np.ndarray) -> pl.Series:
    """Whole numbers below a million as GLPI shows them, thousands parted by a no-break space."""
    whole = pl.Series(numbers)
    rest = (whole % 1000).cast(pl.String)
    parted = (whole // 1000).cast(pl.String) + "\u00a0" + rest.str.zfill(3)
    return pl.select(pl.when(pl.lit(whole) < 1000).then(pl.lit(rest)).otherwise(pl.lit(parted))).to_series()


def tickets(seed: int, calendar: Calendar, teams: Teams, staff: Staff, requests: pl.DataFrame, orphans: int) -> Export:
    """Tickets, to the minute."""
    writer = requesters(seed, teams, staff, requests, orphans)

    def minute(column: str) -> pl.Series:
        return timestamps(calendar, requests[column].to_numpy()).dt.strftime("%Y-%m-%d %H:%M")

    used = requests["used"].cast(pl.String).replace_strict({"true": "Oui", "false": "Non"}, default=None)
    rows = writer.person.select(
        pl.lit(grouped(np.arange(requests.height) + FIRST_TICKET)).alias("ID"),
        pl.lit(writer.subject).alias("Titre"),
        pl.lit(pl.Series(np.where(requests["resolved"] >= 0, "Clos", "En cours (Attribué)"))).alias("Statut"),
        pl.lit(minute("opened")).alias("Date d'ouverture"),
        pl.lit(minute("first_reply")).alias("Date de prise en compte"),
        pl.lit(minute("resolved")).alias("Date de résolution"),
        pl.concat_str(["last_name", "first_name"], separator=" ").alias("Demandeur - Demandeur"),
        pl.lit(writer.number).alias("Demandeur - Numéro administratif"),
        pl.lit(writer.team).alias("Demandeur - Groupe demandeur"),
        pl.lit(requests["kind"].replace_strict(CATEGORIES)).alias("Catégorie"),
        pl.lit(requests["theme"].replace_strict(THEMES)).alias("Thème"),
        pl.lit(requests["reopens"].cast(pl.String)).alias("Réouvertures"),
        pl.lit(used).alias("Mise en œuvre"),
    )
    return Export(
        file=f"glpi_tickets_{calendar.taken_on}.csv",
        contract="glpi.ticket",
        entity="internal_request",
        rows=rows,
        layout=Layout(delimiter=";", quote_all=True, newline="\r\n", bom=True),
        damages=(
            Damage("bad_date", "Date d'ouverture", BAD_TIMES, 0.005),
            Damage("blank_id", "ID", ("",), 0.003),
            Damage("malformed_id", "ID", ("98 5", "n°12"), 0.002),
            Damage("unknown_code", "Catégorie", ("Divers", "Irritnts > Quotidien"), 0.004),
            Damage("bad_boolean", "Mise en œuvre", ("peut-être", "2"), 0.002),
        ),
        free_text="Titre",
    )
