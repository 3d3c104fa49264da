"""Salesforce, as its Data Loader exports it: every field quoted, UTC timestamps, eighteen-character ids."""

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import timestamps
from pipelines.simulation.people import Clients
from pipelines.simulation.randomness import stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams
from pipelines.simulation.writers.delimited import Damage, Export, Layout
from pipelines.simulation.writers.invented import people, salesforce_ids

LAYOUT = Layout(quote_all=True)
ZONE = "Europe/Paris"
SEGMENTS = {"individual": "Individual", "professional": "Professional", "key_account": "Key account"}
CASE_TYPES = {"complaint": "Complaint", "incident": "Incident", "request": "Request", "question": "Question"}
ORIGINS = {"phone": "Phone", "web": "Web", "email": "Email", "branch": "Branch"}
THEMES = {
    "billing": "Billing",
    "delays": "Delays",
    "information": "Information",
    "equipment": "Equipment",
    "tools": "Digital tools",
    "organisation": "Organisation",
}
MOMENTS = {
    "complaint": "Complaint",
    "breakdown": "Breakdown",
    "store_visit": "Store visit",
    "information_request": "Information request",
}
TASK_TYPES = {"proactive": "Courtesy call", "callback": "Callback", "note": "Internal note", "email": "Email"}
TASK_CHANNELS = {"phone": "Phone", "email": "Email", "visit": "Visit", "video": "Video"}
BAD_TIMES = ("2025-02-30T10:15:00.000+0000", "0000-00-00T00:00:00.000+0000", "15/06/2025 09:12", "#REF!")
BAD_DATES = ("2025-02-30", "30/06/2025", "#VALUE!")


def account_ids(clients: Clients) -> pl.Series:
    """The account id of each client, by index."""
    return salesforce_ids("001", np.arange(len(clients), dtype=np.int64) + 31_000)


def zoned(local: pl.Series) -> pl.Expr:
    """Naive local timestamps in their time zone; a time that the change to summer time skips is an hour later."""
    value = pl.lit(local)
    there = value.dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")
    later = value.dt.offset_by("1h").dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")
    return pl.coalesce(there, later)


def elapsed(calendar: Calendar, start: np.ndarray, end: np.ndarray) -> pl.Series:
    """Seconds that really passed between two moments (local seconds), changes to summer time seen; null for none."""
    begun, ended = (zoned(timestamps(calendar, moment)) for moment in (start, end))
    return pl.select((ended - begun).dt.total_seconds()).to_series()


def utc(local: pl.Series) -> pl.Expr:
    """Salesforce's text of naive local timestamps: UTC with milliseconds and offset; null stays null."""
    return zoned(local).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def case_writers(
    seed: int, clients: Clients, cases: pl.DataFrame
) -> tuple[np.random.Generator, pl.DataFrame, pl.Series]:
    """Who wrote each case and which cases were thrown away, the same in every CRM, and the stream to go on with."""
    rng = stream(seed, "salesforce_case")
    writer = people(rng, len(clients))[cases["client"].to_numpy()]
    return rng, writer, pl.Series(rng.random(cases.height) < 0.003)


def _dates(calendar: Calendar, days: np.ndarray) -> pl.Series:
    return pl.Series(calendar.date64(days)).dt.strftime("%Y-%m-%d")


def account(seed: int, calendar: Calendar, teams: Teams, clients: Clients) -> Export:
    """Accounts with the team that serves them: one row per account and team in charge (most have one)."""
    rng = stream(seed, "salesforce_account")
    who = people(rng, len(clients))
    index = np.arange(len(clients))
    second = np.flatnonzero(clients.split < 10**6)
    row = np.concatenate([index, second])
    is_second = np.concatenate([np.zeros(len(index), dtype=bool), np.ones(len(second), dtype=bool)])
    order = np.lexsort((is_second, row))
    row, is_second = row[order], is_second[order]
    split = clients.split[row]
    team = np.where(is_second, clients.team_after[row], clients.team[row])
    starts = np.where(is_second, split, clients.since[row])
    ends = np.where(~is_second & (split < 10**6), split - 1, clients.until[row])
    ended = clients.until[row] < calendar.days
    segment = pl.Series(clients.segment).gather(row)
    person = who[row]
    name = (
        pl.when(pl.lit(segment) == "individual")
        .then(pl.concat_str([pl.col("first_name"), pl.col("last_name")], separator=" "))
        .otherwise(pl.concat_str([pl.lit("Ets "), pl.col("last_name"), pl.lit(" & Fils")]))
    )
    owner = salesforce_ids("005", np.arange(len(teams), dtype=np.int64) + 700)
    rows = person.select(
        Id=pl.lit(account_ids(clients).gather(row)),
        IsDeleted=pl.lit("false"),
        Name=name,
        Type=pl.lit("Customer"),
        Segment__c=pl.lit(segment.replace_strict(SEGMENTS)),
        Phone=pl.col("phone"),
        PersonEmail=pl.col("email"),
        BillingStreet=pl.col("street"),
        BillingCountry=pl.lit("France"),
        OwnerId=pl.lit(owner.gather(team)),
        Client_Since__c=pl.lit(_dates(calendar, clients.since[row])),
        Client_Until__c=pl.lit(_dates(calendar, clients.until[row])),
        Team__c=pl.lit(pl.Series(teams.ids).gather(team)),
        Team_Start__c=pl.lit(_dates(calendar, starts)),
        Team_End__c=pl.lit(_dates(calendar, ends)),
        Active__c=pl.lit(pl.Series(np.where(ended, "false", "true"))),
    )
    return Export(
        file="salesforce_account.csv",
        contract="salesforce.account",
        entity="client",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "Client_Since__c", BAD_DATES, 0.004),
            Damage("blank_id", "Id", ("", "   "), 0.003),
            Damage("blank_unit", "Team__c", ("",), 0.003),
            Damage("unknown_code", "Segment__c", ("VIP ???", "N/A"), 0.003),
        ),
        free_text="Name",
        in_place=False,
    )


def case(seed: int, calendar: Calendar, teams: Teams, clients: Clients, cases: pl.DataFrame) -> Export:
    """Cases; one in three hundred is in the recycle bin (IsDeleted), some have descriptions of several lines."""
    rng, writer, deleted = case_writers(seed, clients, cases)
    count = cases.height
    numbers = np.arange(count, dtype=np.int64)
    subject = np.array(
        [
            "Demande au sujet de mon contrat",
            "Facture du mois, montant à vérifier",
            "Rendez-vous manqué",
            'Message "erreur 12" sur le portail',
            "Question sur mon abonnement",
        ]
    )[rng.integers(0, 5, count)]
    lines = np.array(
        [
            "",
            "Bonjour, merci de me rappeler.",
            "Bonjour,\nje n'ai pas eu de réponse.\nMerci",
            'Le technicien a dit "demain", puis rien',
        ]
    )[rng.choice(4, count, p=[0.78, 0.1, 0.07, 0.05])]
    closed = cases["resolved"] >= 0
    moment = cases["moment"].replace_strict(MOMENTS)
    number = pl.Series(numbers + 1_200_000).cast(pl.String).str.zfill(8)
    opened = utc(timestamps(calendar, cases["opened"].to_numpy()))
    rows = writer.select(
        Id=pl.lit(salesforce_ids("500", numbers + 880_000)),
        IsDeleted=pl.lit(deleted.cast(pl.String)),
        CaseNumber=pl.lit(number),
        AccountId=pl.lit(account_ids(clients).gather(cases["client"])),
        SuppliedName=pl.concat_str(["first_name", "last_name"], separator=" "),
        SuppliedEmail=pl.col("email"),
        SuppliedPhone=pl.col("mobile"),
        Type=pl.lit(cases["kind"].replace_strict(CASE_TYPES)),
        Status=pl.lit(pl.Series(np.where(closed, "Closed", "Working"))),
        Origin=pl.lit(cases["channel"].replace_strict(ORIGINS)),
        Theme__c=pl.lit(cases["theme"].replace_strict(THEMES)),
        Moment__c=pl.when(pl.lit(cases["lived"])).then(pl.lit(moment)).otherwise(None),
        Subject=pl.lit(pl.Series(subject)),
        Description=pl.lit(pl.Series(lines)),
        CreatedDate=opened,
        First_Response__c=utc(timestamps(calendar, cases["first_reply"].to_numpy())),
        ClosedDate=utc(timestamps(calendar, cases["resolved"].to_numpy())),
        Reopen_Count__c=pl.lit(cases["reopens"].cast(pl.String)),
        Team__c=pl.lit(pl.Series(teams.ids).gather(cases["team"])),
    )
    return Export(
        file="salesforce_case.csv",
        contract="salesforce.case",
        entity="case",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "CreatedDate", BAD_TIMES, 0.004),
            Damage("bad_date", "ClosedDate", BAD_TIMES, 0.002),
            Damage("blank_id", "Id", ("", "  "), 0.002),
            Damage("unknown_code", "Type", ("???", "Autre", "Cmplaint"), 0.003),
            Damage("bad_number", "Reopen_Count__c", ("two", "1,5", "-"), 0.002),
        ),
        free_text="Subject",
        filtered={"deleted": deleted},
    )


def task(seed: int, calendar: Calendar, teams: Teams, clients: Clients, contacts: pl.DataFrame) -> Export:
    """Tasks: proactive contacts and callbacks, and the notes, e-mails and calls not made that stand among them."""
    rng = stream(seed, "salesforce_task")
    count = contacts.height
    numbers = np.arange(count, dtype=np.int64)
    held = contacts["contacted"] >= 0
    internal = contacts["kind"].is_in(["note", "email"])
    status = np.where(held, "Completed", np.where(rng.random(count) < 0.5, "Not Started", "Deferred"))
    subject = np.where(contacts["kind"] == "callback", "Rappel après enquête", "Prise de nouvelles")
    author = people(rng, len(teams))[contacts["team"].to_numpy()]
    rows = author.select(
        Id=pl.lit(salesforce_ids("00T", numbers + 44_000)),
        AccountId=pl.lit(account_ids(clients).gather(contacts["client"])),
        OwnerName=pl.concat_str(["first_name", "last_name"], separator=" "),
        Subject=pl.lit(pl.Series(subject)),
        ActivityDate=pl.lit(_dates(calendar, contacts["day"].to_numpy())),
        Status=pl.lit(pl.Series(status)),
        Type=pl.lit(contacts["kind"].replace_strict(TASK_TYPES)),
        Channel__c=pl.lit(contacts["channel"].replace_strict(TASK_CHANNELS)),
        CompletedDateTime=utc(timestamps(calendar, contacts["contacted"].to_numpy())),
        Team__c=pl.lit(pl.Series(teams.ids).gather(contacts["team"])),
    )
    return Export(
        file="salesforce_task.csv",
        contract="salesforce.task",
        entity="proactive_contact",
        rows=rows,
        layout=LAYOUT,
        damages=(
            Damage("bad_date", "CompletedDateTime", BAD_TIMES, 0.006),
            Damage("blank_id", "AccountId", ("",), 0.005),
        ),
        free_text="Subject",
        filtered={"not_a_client_contact": internal, "not_held": ~held & ~internal},
    )
