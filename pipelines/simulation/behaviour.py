"""What clients and collaborators do: cases, contacts, requests, absences, HR events, service availability.

Tables are typed Polars frames with indices of teams, clients and employees, days and naive local timestamps;
the writers give them the names and spellings of each system. Better levels mean fewer complaints, faster
replies, fewer reopenings, fewer absences and more suggestions.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.planted import THEMES, Planted
from pipelines.simulation.randomness import FloatArray, IntArray, logistic, stream
from pipelines.simulation.timeline import NEVER, Calendar
from pipelines.simulation.units import Teams

SECONDS_A_DAY = 86_400
CASE_KINDS = ("complaint", "incident", "request", "question")
CASE_MOMENTS = ("complaint", "breakdown", "store_visit", "information_request")
CASE_RATES = (0.034, 0.10, 0.29, 0.22)
"""Cases per client-month at the base level, in the order of CASE_KINDS."""
CASE_SLOPES = (-1 / 28, -1 / 60, 0.0, 0.0)
REQUEST_KINDS = ("irritant", "suggestion", "hr_request", "it_request")
REQUEST_RATES = (0.10, 0.06, 0.09, 0.08)
REQUEST_SLOPES = (-1 / 28, 1 / 35, 0.0, 0.0)
Seconds = npt.NDArray[np.int64]


def _moments(rng: np.random.Generator, day: IntArray, round_the_clock: float) -> Seconds:
    """Seconds since the calendar's first midnight (local) for events on days: office hours mostly."""
    count = len(day)
    office = 8 * 3600 + rng.beta(2.0, 2.2, count) * 11 * 3600
    anytime = rng.random(count) * (SECONDS_A_DAY - 1)
    # 02:00-03:00 exists twice or never on two nights a year; nothing is drawn there, so that no system's
    # export is ambiguous.
    anytime = np.where((anytime >= 7200) & (anytime < 10800), anytime + 3600, anytime)
    second = np.where(rng.random(count) < round_the_clock, anytime, office).astype(np.int64)
    return day * SECONDS_A_DAY + second


def timestamps(calendar: Calendar, seconds: Seconds) -> pl.Series:
    """Naive local timestamps of seconds since the calendar's first midnight; negative means none (null)."""
    origin = np.datetime64(calendar.first, "s")
    values = np.where(seconds < 0, np.datetime64("NaT", "s"), origin + seconds.astype("timedelta64[s]"))
    return pl.Series(values.astype("datetime64[ms]"))


def presence(calendar: Calendar, since: IntArray, until: IntArray) -> tuple[IntArray, IntArray]:
    """First day and number of days of presence within each month (people × months each)."""
    first = np.maximum(since[:, None], calendar.starts[None, :-1])
    last = np.minimum(until[:, None], calendar.starts[None, 1:] - 1)
    return first, np.maximum(last - first + 1, 0)


def _events(
    rng: np.random.Generator, calendar: Calendar, since: IntArray, until: IntArray, rate: FloatArray
) -> tuple[IntArray, IntArray]:
    """Poisson events: person index and day of each, for rates per person-month (people × months)."""
    first, days = presence(calendar, since, until)
    exposure = days / np.diff(calendar.starts)[None, :]
    counts = rng.poisson(rate * exposure)
    person, month = np.nonzero(counts)
    repeats = counts[person, month]
    person, month = np.repeat(person, repeats), np.repeat(month, repeats)
    day = first[person, month] + (rng.random(len(person)) * days[person, month]).astype(np.int64)
    return person, day


def _monthly_team(team: IntArray, team_after: IntArray, split: IntArray, calendar: Calendar) -> IntArray:
    """Team of each person in each month (people × months), by the month's first day."""
    return np.where(calendar.starts[None, :-1] >= split[:, None], team_after[:, None], team[:, None])


def _delays(
    rng: np.random.Generator, median_hours: FloatArray, sigma: float, level: FloatArray, slope: float
) -> FloatArray:
    """Log-normal delays in hours, shorter where the level (points above base) is higher."""
    return np.asarray(median_hours * np.exp(-level / slope + sigma * rng.normal(size=len(level))))


def _handled(opened: Seconds, delay_hours: FloatArray, lost: npt.NDArray[np.bool_], horizon: int) -> Seconds:
    """Moment of an answer after a delay; -1 where it is lost or not yet given when the extract is taken."""
    moment = opened + (delay_hours * 3600).astype(np.int64)
    return np.where(lost | (moment >= horizon), -1, moment)


def cases(seed: int, calendar: Calendar, planted: Planted, clients: Clients, volume: float = 1.0) -> pl.DataFrame:
    """Client cases: client, team, opened, first_reply, resolved, reopens, kind, theme, channel, moment.

    `volume` scales the number of cases per client. Sorted by opening.
    """
    rng = stream(seed, "cases")
    team_by_month = _monthly_team(clients.team, clients.team_after, clients.split, calendar)
    level = planted.client[team_by_month, np.arange(calendar.months)[None, :]] - 70.0
    pieces = []
    for code, (base, slope) in enumerate(zip(CASE_RATES, CASE_SLOPES, strict=True)):
        rate = volume * base * np.exp(slope * level)
        client, day = _events(rng, calendar, clients.since, clients.until, rate)
        pieces.append((client, day, np.full(len(client), code)))
    client, day, kind = (np.concatenate([p[i] for p in pieces]) for i in range(3))
    count = len(client)
    team = clients.team_on(client, day)
    month = calendar.month_of(day)
    mood = planted.client[team, month] - 70.0
    quick = mood + planted.shift("client", "responsiveness")[team, month]
    opened = _moments(rng, day, round_the_clock=0.15)
    horizon = calendar.days * SECONDS_A_DAY
    hard = np.array([1.6, 1.2, 1.0, 0.6])[kind]
    reply = _delays(rng, 11.0 * np.ones(count), 1.0, quick, 22.0)
    solve = reply + _delays(rng, 42.0 * hard, 0.95, mood, 25.0)
    first_reply = _handled(opened, reply, rng.random(count) < 0.012, horizon)
    resolved = _handled(opened, solve, (rng.random(count) < 0.025) | (first_reply < 0), horizon)
    reopens = rng.poisson(0.09 * np.exp(-mood / 25.0) * hard)
    theme = np.array(THEMES)[rng.integers(0, len(THEMES), count)]
    site_theme = np.array(planted.themes)[team]
    theme = np.where(rng.random(count) < 0.38, site_theme, theme)
    channel = np.array(["phone", "web", "email", "branch"])[rng.choice(4, count, p=[0.42, 0.24, 0.2, 0.14])]
    moment = np.array(CASE_MOMENTS)[kind]
    lived = (kind < 2) | (rng.random(count) < 0.55)
    return pl.DataFrame(
        {
            "client": client,
            "team": team,
            "opened": opened,
            "first_reply": first_reply,
            "resolved": resolved,
            "reopens": np.where(resolved < 0, 0, reopens),
            "kind": np.array(CASE_KINDS)[kind],
            "theme": theme,
            "channel": channel,
            "moment": moment,
            "lived": lived,
        }
    ).sort("opened", "client", maintain_order=True)


def contacts(seed: int, calendar: Calendar, planted: Planted, clients: Clients, answers: pl.DataFrame) -> pl.DataFrame:
    """Contacts made by the teams: client, team, contacted (seconds, -1 not held), day, kind, channel.

    Kinds: proactive, callback (after a detractor's answer, most of them within 7 days), and what CRM systems
    hold besides: internal notes and e-mails. Needs the client survey answers (client, answered, q_nps).
    """
    rng = stream(seed, "contacts")
    team_by_month = _monthly_team(clients.team, clients.team_after, clients.split, calendar)
    level = planted.client[team_by_month, np.arange(calendar.months)[None, :]] - 70.0
    client, day = _events(rng, calendar, clients.since, clients.until, 0.10 * np.exp(level / 30.0))
    other, other_day = _events(rng, calendar, clients.since, clients.until, np.full(level.shape, 0.02))
    horizon = calendar.days * SECONDS_A_DAY

    unhappy = answers.filter(pl.col("q_nps") <= 6).select("client", "answered").to_numpy()
    answered = unhappy[:, 1]
    caller_team = clients.team_on(unhappy[:, 0], answered // SECONDS_A_DAY)
    mood = planted.client[caller_team, calendar.month_of(answered // SECONDS_A_DAY)] - 70.0
    lot = rng.random(len(answered))
    prompt = lot < logistic(0.7 + mood / 14.0)
    late = ~prompt & (rng.random(len(answered)) < 0.35)
    days_after = np.where(prompt, 1 + rng.integers(0, 6, len(answered)), 8 + rng.integers(0, 14, len(answered)))
    callback_day = answered // SECONDS_A_DAY + days_after
    called = (prompt | late) & (callback_day < calendar.days)

    who = np.concatenate([client, other, unhappy[called, 0]])
    when = np.concatenate([day, other_day, callback_day[called]])
    kind = np.concatenate(
        [
            np.full(len(client), "proactive"),
            np.where(rng.random(len(other)) < 0.5, "note", "email"),
            np.full(int(called.sum()), "callback"),
        ]
    )
    moment = _moments(rng, when, round_the_clock=0.0)
    held = (kind != "proactive") | (rng.random(len(who)) >= 0.04)
    channel = np.array(["phone", "email", "visit", "video"])[rng.choice(4, len(who), p=[0.6, 0.2, 0.12, 0.08])]
    return pl.DataFrame(
        {
            "client": who,
            "team": clients.team_on(who, when),
            "contacted": np.where(held & (moment < horizon), moment, -1),
            "day": when,
            "kind": kind,
            "channel": channel,
        }
    ).sort("day", "client", "kind", maintain_order=True)


def requests(seed: int, calendar: Calendar, planted: Planted, staff: Staff) -> pl.DataFrame:
    """Internal requests: employee, team, opened, first_reply, resolved, reopens, kind, theme, used (or null)."""
    rng = stream(seed, "requests")
    team_by_month = _monthly_team(staff.team, staff.team_after, staff.split, calendar)
    level = planted.collaborator[team_by_month, np.arange(calendar.months)[None, :]] - 67.0
    pieces = []
    for code, (base, slope) in enumerate(zip(REQUEST_RATES, REQUEST_SLOPES, strict=True)):
        rate = base * np.exp(slope * level)
        employee, day = _events(rng, calendar, staff.hired, staff.left, rate)
        pieces.append((employee, day, np.full(len(employee), code)))
    employee, day, kind = (np.concatenate([p[i] for p in pieces]) for i in range(3))
    count = len(employee)
    team = staff.team_on(employee, day)
    month = calendar.month_of(day)
    mood = planted.collaborator[team, month] - 67.0
    quick = mood + planted.shift("collaborator", "responsiveness")[team, month]
    opened = _moments(rng, day, round_the_clock=0.06)
    horizon = calendar.days * SECONDS_A_DAY
    # A suggestion waits for a committee: its answer is counted in days, the others' in hours.
    median = np.array([16.0, 300.0, 18.0, 9.0])[kind]
    reply = _delays(rng, median, 0.95, quick, 24.0)
    solve = reply + _delays(rng, np.array([95.0, 400.0, 40.0, 24.0])[kind], 0.95, mood, 26.0)
    first_reply = _handled(opened, reply, rng.random(count) < 0.03, horizon)
    resolved = _handled(opened, solve, (rng.random(count) < 0.05) | (first_reply < 0), horizon)
    reopens = rng.poisson(0.08 * np.exp(-mood / 25.0), count)
    theme = np.array(THEMES)[rng.integers(0, len(THEMES), count)]
    theme = np.where(rng.random(count) < 0.38, np.array(planted.themes)[team], theme)
    used = (rng.random(count) < logistic(-0.8 + mood / 25.0)) & (resolved >= 0)
    return (
        pl.DataFrame(
            {
                "employee": employee,
                "team": team,
                "opened": opened,
                "first_reply": first_reply,
                "resolved": resolved,
                "reopens": np.where(resolved < 0, 0, reopens),
                "kind": np.array(REQUEST_KINDS)[kind],
                "theme": theme,
                "used": used,
            }
        )
        .with_columns(used=pl.when(pl.col("kind") == "suggestion").then(pl.col("used")).otherwise(None))
        .sort("opened", "employee", maintain_order=True)
    )


def absences(seed: int, calendar: Calendar, planted: Planted, staff: Staff) -> pl.DataFrame:
    """Absences that do not overlap: employee, start, end (days), kind, hours (7 a working day × FTE)."""
    rng = stream(seed, "absences")
    team_by_month = _monthly_team(staff.team, staff.team_after, staff.split, calendar)
    level = planted.collaborator[team_by_month, np.arange(calendar.months)[None, :]] - 67.0
    tenths = np.exp(-level / 30.0)
    sick, sick_day = _events(rng, calendar, staff.hired, staff.left, 0.13 * tenths)
    rest, rest_day = _events(rng, calendar, staff.hired, staff.left, np.full(level.shape, 0.45))
    rare, rare_day = _events(rng, calendar, staff.hired, staff.left, np.full(level.shape, 0.012))
    employee = np.concatenate([sick, rest, rare])
    start = np.concatenate([sick_day, rest_day, rare_day])
    length = np.concatenate(
        [
            np.ceil(rng.lognormal(1.6, 1.0, len(sick))).clip(1, 120),
            rng.choice([1, 3, 5, 7, 12], len(rest)),
            rng.integers(1, 20, len(rare)),
        ]
    ).astype(np.int64)
    rare_kind = np.array(["accident", "unpaid", "other"])[rng.choice(3, len(rare), p=[0.4, 0.25, 0.35])]
    kind = np.concatenate([np.full(len(sick), "sick"), np.full(len(rest), "paid_leave"), rare_kind])
    end = np.minimum(np.minimum(start + length - 1, staff.left[employee]), calendar.days - 1)
    first = np.datetime64(calendar.first, "D")
    working = np.busday_count(first + start, first + end + 1)
    hours = np.round(working * 7.0 * staff.fte_on(employee, start), 2)
    table = pl.DataFrame({"employee": employee, "start": start, "end": end, "kind": kind, "hours": hours})
    return (
        table.filter(pl.col("hours") > 0)
        .sort("employee", "start", "end", maintain_order=True)
        .filter(pl.col("start") > pl.col("end").cum_max().shift(1).over("employee").fill_null(-1))
        .sort("start", "employee", maintain_order=True)
    )


def hr_events(seed: int, calendar: Calendar, planted: Planted, staff: Staff) -> pl.DataFrame:
    """HR events, one per employee, day and kind: employee, day, kind (interview, training, mobility), hours."""
    rng = stream(seed, "hr_events")
    team_by_month = _monthly_team(staff.team, staff.team_after, staff.split, calendar)
    level = planted.collaborator[team_by_month, np.arange(calendar.months)[None, :]] - 67.0
    interview, interview_day = _events(rng, calendar, staff.hired, staff.left, 0.075 * np.exp(level / 28.0))
    training, training_day = _events(rng, calendar, staff.hired, staff.left, 0.05 * np.exp(level / 45.0))
    moved = np.flatnonzero(staff.moved & (staff.split < calendar.days))
    training_hours = np.round(rng.choice([3.5, 7.0, 14.0, 21.0], len(training)), 2)
    return (
        pl.DataFrame(
            {
                "employee": np.concatenate([interview, training, moved]),
                "day": np.concatenate([interview_day, training_day, staff.split[moved]]),
                "kind": np.concatenate(
                    [
                        np.full(len(interview), "interview"),
                        np.full(len(training), "training"),
                        np.full(len(moved), "mobility"),
                    ]
                ),
                "hours": np.concatenate([np.full(len(interview), 1.5), training_hours, np.zeros(len(moved))]),
            }
        )
        .unique(subset=["employee", "day", "kind"], keep="first", maintain_order=True)
        .sort("day", "employee", "kind", maintain_order=True)
    )


def availability(seed: int, calendar: Calendar, teams: Teams, planted: Planted) -> pl.DataFrame:
    """One row per open team, working day and service: team, day, service, audience, expected, available, ms.

    Minutes are out of the opening hours (600 a day); `ms` is the median response time, tools of staff only.
    Support teams have no client-facing service.
    """
    rng = stream(seed, "availability")
    first = np.datetime64(calendar.first, "D")
    days = np.flatnonzero(np.is_busday(first + np.arange(calendar.days)))
    pieces = []
    for service, audience, level in (
        ("client_portal", "client", planted.client),
        ("workstation_crm", "collaborator", planted.collaborator),
    ):
        team, day = (a.ravel() for a in np.meshgrid(np.arange(len(teams)), days, indexing="ij"))
        kept = (day >= teams.opens[team]) & (day <= teams.closes[team])
        if audience == "client":
            kept &= ~teams.support[team]
        team, day = team[kept], day[kept]
        mood = level[team, calendar.month_of(day)] - 68.0
        incident = rng.random(len(team)) < 0.10 * np.exp(-mood / 18.0)
        lost = np.where(incident, rng.gamma(1.6, 28.0, len(team)), rng.random(len(team)) * 1.2)
        speed = np.round(420.0 * np.exp(-mood / 45.0 + rng.normal(0.0, 0.15, len(team)) + incident * 0.35), 1)
        pieces.append(
            pl.DataFrame(
                {
                    "team": team,
                    "day": day,
                    "service": np.full(len(team), service),
                    "audience": np.full(len(team), audience),
                    "expected": np.full(len(team), 600.0),
                    "available": np.round(600.0 - np.minimum(lost, 600.0), 1),
                    "response_ms": speed if audience == "collaborator" else np.full(len(team), np.nan),
                }
            )
        )
    return (
        pl.concat(pieces)
        .with_columns(pl.col("response_ms").fill_nan(None))
        .sort("day", "team", "service", maintain_order=True)
    )


__all__ = ["NEVER", "absences", "availability", "cases", "contacts", "hr_events", "requests", "timestamps"]
