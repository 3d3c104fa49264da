"""What clients and collaborators answer: the two surveys, mirrored item by item.

Each answer is the level of the respondent's team and month plus the item's own ease, a trait that the
respondent keeps from one survey to the next, a mood common to one questionnaire and the noise of the item.
Traits and moods give correlations of 0.3-0.5 between the answers of one respondent.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulation.behaviour import SECONDS_A_DAY, presence
from pipelines.simulation.people import Clients, Staff
from pipelines.simulation.planted import POPULATION_SHIFT, Planted
from pipelines.simulation.randomness import BoolArray, FloatArray, IntArray, latent_to_scale, logistic, stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Teams

TRAIT_SD = 8.0
MOOD_SD = 9.0
ITEM_SD = 15.0


@dataclass(frozen=True)
class Item:
    """One question: column, the pair its answers feed, scale, ease in points, and what is missing of it."""

    column: str
    marker: str
    scale_min: int
    scale_max: int
    ease: float = 0.0
    reversed: bool = False


DIMENSIONS = (
    "conduct",
    "facilitation",
    "values",
    "listening",
    "human_digital",
    "trust",
    "autonomy",
    "consideration",
    "competence",
    "cooperation",
    "environment",
)
_EASE = (6.0, -2.0, 3.0, -4.0, -5.0, 2.0, 1.0, -1.0, 5.0, 0.0, -3.0)
_SHARED = tuple(Item(f"q_{d}", d, 1, 5, e) for d, e in zip(DIMENSIONS, _EASE, strict=True))

CLIENT_ITEMS = (
    *_SHARED,
    Item("q_nps", "recommendation", 0, 10, 7.0),
    Item("q_satisfaction", "satisfaction", 1, 5, 3.0),
    Item("q_effort", "effort", 1, 7, 0.0),
)
COLLABORATOR_ITEMS = (
    *_SHARED,
    Item("q_nps", "recommendation", 0, 10, 5.0),
    Item("q_satisfaction", "satisfaction", 1, 5, 2.0),
    # Asked the other way round ("my work demands needless effort"): the contract turns it back.
    Item("q_effort", "effort", 1, 7, -2.0, reversed=True),
)
CLIENT_MOMENTS = (
    "first_purchase",
    "first_use",
    "first_invoice",
    "breakdown",
    "complaint",
    "store_visit",
    "information_request",
)
COLLABORATOR_MOMENTS = (
    "recruitment_interview",
    "onboarding",
    "first_tools",
    "reorganisation",
    "suggestion_response",
    "manager_interview",
    "hr_interview",
    "job_change",
)
MOMENT_PAIRS = dict(zip(COLLABORATOR_MOMENTS, CLIENT_MOMENTS, strict=False))
"""The client moment that faces each collaborator moment; job_change stands alone."""
MOMENT_EASE = {
    "first_purchase": 8.0,
    "first_use": 3.0,
    "first_invoice": 2.0,
    "breakdown": -3.0,
    "complaint": -6.0,
    "store_visit": 5.0,
    "information_request": 3.0,
    "recruitment_interview": 8.0,
    "onboarding": 3.0,
    "first_tools": 0.0,
    "reorganisation": -7.0,
    "suggestion_response": -5.0,
    "manager_interview": 5.0,
    "hr_interview": 2.0,
    "job_change": 1.0,
}
PRACTICES = (
    "field_presence",
    "listening",
    "initiative",
    "right_to_err",
    "recognition",
    "transparency",
    "meaning",
)
_PRACTICE_EASE = (2.0, 3.0, 0.0, -5.0, -4.0, -2.0, 1.0)
REVIEW = Item("q_review", "reputation", 1, 5, 4.0)
ESTIMATES = (Item("e_satisfaction", "satisfaction", 1, 5), Item("e_nps", "recommendation", 0, 10))


def _answers(
    rng: np.random.Generator,
    items: tuple[Item, ...],
    planted: Planted,
    side: str,
    team: IntArray,
    month: IntArray,
    personal: FloatArray,
) -> dict[str, IntArray]:
    """Answers to items (column -> respondents), `personal` being level, trait and mood in points."""
    out: dict[str, IntArray] = {}
    for item in items:
        latent = personal + item.ease + planted.shift(side, item.marker)[team, month]
        latent = latent + rng.normal(0.0, ITEM_SD, len(team))
        if item.reversed:
            latent = 100.0 - latent
        out[item.column] = latent_to_scale(latent, item.scale_min, item.scale_max)
    return out


def _blank(values: IntArray, absent: BoolArray) -> pl.Series:
    """Whole numbers with nulls where absent."""
    return pl.Series(values).set(pl.Series(absent), None)


def client_answers(
    seed: int,
    calendar: Calendar,
    planted: Planted,
    clients: Clients,
    cases: pl.DataFrame,
    volume: float = 1.0,
) -> pl.DataFrame:
    """One row per response of a client, sorted by time of answer.

    Columns: client, team, started, answered (local seconds), preview, finished, channel, then the items, the
    moments (`m_…`, null unless lived) and the review (null for most). Two thirds follow a case, the others
    are the yearly survey. `volume` scales the number of responses per client.
    """
    rng = stream(seed, "client_survey")
    handled = cases.filter((pl.col("resolved") >= 0) & pl.col("lived"))
    asked = handled.filter(pl.Series(rng.random(handled.height) < min(1.0, 0.18 * volume)))
    after_case_day = asked["resolved"].to_numpy() // SECONDS_A_DAY + rng.integers(1, 6, asked.height)

    first, days = presence(calendar, clients.since, clients.until)
    chance = np.clip(0.10 * volume, 0.0, 1.0) * days / np.diff(calendar.starts)[None, :]
    client, month = np.nonzero(rng.random(days.shape) < chance)
    yearly_day = first[client, month] + (rng.random(len(client)) * days[client, month]).astype(np.int64)

    who = np.concatenate([asked["client"].to_numpy(), client])
    day = np.concatenate([after_case_day, yearly_day])
    case_moment = np.concatenate([asked["moment"].to_numpy(), np.full(len(client), "")]).astype(str)
    kept = (day < calendar.days) & (day <= clients.until[who])
    who, day, case_moment = who[kept], day[kept], case_moment[kept]
    order = np.argsort(day, kind="stable")
    who, day, case_moment = who[order], day[order], case_moment[order]
    count = len(who)

    team, month = clients.team_on(who, day), calendar.month_of(day)
    trait = rng.normal(0.0, TRAIT_SD, len(clients))
    personal = planted.client[team, month] + trait[who] + rng.normal(0.0, MOOD_SD, count)
    columns: dict[str, pl.Series] = {}
    answers = _answers(rng, CLIENT_ITEMS, planted, "client", team, month, personal)
    finished = rng.random(count) >= 0.04
    for position, item in enumerate(CLIENT_ITEMS):
        # Who gives up leaves the second half blank.
        absent = (rng.random(count) < 0.02) | (~finished & (position >= len(CLIENT_ITEMS) // 2))
        columns[item.column] = _blank(answers[item.column], absent)
    tenure = day - clients.since[who]
    asked_of = {
        "first_purchase": (tenure < 120) & (rng.random(count) < 0.8),
        "first_use": (tenure < 120) & (rng.random(count) < 0.75),
        "first_invoice": (tenure < 150) & (rng.random(count) < 0.7),
        "breakdown": rng.random(count) < 0.05,
        "complaint": rng.random(count) < 0.03,
        "store_visit": rng.random(count) < 0.16,
        "information_request": rng.random(count) < 0.14,
    }
    for moment in CLIENT_MOMENTS:
        item = Item(f"m_{moment}", f"moment_{moment}", 1, 5, MOMENT_EASE[moment])
        lived = (asked_of[moment] | (case_moment == moment)) & finished
        values = _answers(rng, (item,), planted, "client", team, month, personal)[item.column]
        columns[item.column] = _blank(values, ~lived)
    review = _answers(rng, (REVIEW,), planted, "client", team, month, personal)[REVIEW.column]
    columns[REVIEW.column] = _blank(review, ~finished | (rng.random(count) >= 0.35))

    started = day * SECONDS_A_DAY + (7 * 3600 + rng.random(count) * 14.5 * 3600).astype(np.int64)
    frame = pl.DataFrame(
        {
            "client": who,
            "team": team,
            "started": started,
            "answered": started + rng.integers(75, 900, count),
            "preview": np.zeros(count, dtype=bool),
            "finished": finished,
            **columns,
        }
    )
    return _with_previews(frame, max(4, count // 500))


def collaborator_answers(seed: int, calendar: Calendar, teams: Teams, planted: Planted, staff: Staff) -> pl.DataFrame:
    """One row per response of a collaborator, sorted by time: a wave every third month, the last month's included.

    Columns: employee, team, started, answered, preview, finished, then items, moments (`m_…`), practices
    (`p_…`), review, and the estimates of what clients feel (`e_…`). About 70 % of those present answer.
    """
    rng = stream(seed, "collaborator_survey")
    waves = np.arange((calendar.months - 1) % 3, calendar.months, 3)
    trait_all = rng.normal(0.0, TRAIT_SD, len(staff))
    people, days = [], []
    for wave in waves:
        opens = int(calendar.starts[wave]) + 4
        present = staff.present(opens)
        mood = planted.collaborator[staff.team_on(present, np.full(len(present), opens)), wave] - 67.0
        takes_part = rng.random(len(present)) < logistic(0.85 + mood / 35.0)
        chosen = present[takes_part]
        chosen_days = opens + np.minimum(rng.exponential(6.0, len(chosen)).astype(np.int64), 20)
        still = chosen_days <= staff.left[chosen]
        people.append(chosen[still])
        days.append(chosen_days[still])
    who, day = np.concatenate(people), np.concatenate(days)
    order = np.argsort(day, kind="stable")
    who, day = who[order], day[order]
    count = len(who)
    team, month = staff.team_on(who, day), calendar.month_of(day)
    field = staff.field_population[who]
    shift = np.where(field, POPULATION_SHIFT["field"], POPULATION_SHIFT["office"])
    # Managers are a little happier than their teams, as in most companies.
    personal = (
        planted.collaborator[team, month]
        + shift
        + 4.0 * staff.manager[who]
        + trait_all[who]
        + rng.normal(0.0, MOOD_SD, count)
    )
    columns: dict[str, pl.Series] = {}
    for name, values in _answers(rng, COLLABORATOR_ITEMS, planted, "collaborator", team, month, personal).items():
        columns[name] = _blank(values, rng.random(count) < 0.02)
    tenure = day - staff.hired[who]
    reorganised = (np.abs(teams.moved_on[team] - day) < 200) | (np.abs(teams.closes[staff.team[who]] - day) < 200)
    changed = staff.moved[who] & (day >= staff.split[who]) & (day - staff.split[who] < 200)
    asked_of = {
        "recruitment_interview": tenure < 200,
        "onboarding": tenure < 200,
        "first_tools": tenure < 260,
        "reorganisation": reorganised | (rng.random(count) < 0.22),
        "suggestion_response": rng.random(count) < 0.32,
        "manager_interview": rng.random(count) < 0.68,
        "hr_interview": rng.random(count) < 0.42,
        "job_change": changed | (rng.random(count) < 0.03),
    }
    for moment in COLLABORATOR_MOMENTS:
        marker = f"moment_{MOMENT_PAIRS[moment]}" if moment in MOMENT_PAIRS else ""
        item = Item(f"m_{moment}", marker, 1, 5, MOMENT_EASE[moment])
        values = _answers(rng, (item,), planted, "collaborator", team, month, personal)[item.column]
        columns[item.column] = _blank(values, ~asked_of[moment])
    for practice, ease in zip(PRACTICES, _PRACTICE_EASE, strict=True):
        item = Item(f"p_{practice}", "", 1, 5, ease)
        values = _answers(rng, (item,), planted, "collaborator", team, month, personal)[item.column]
        columns[item.column] = _blank(values, rng.random(count) < 0.03)
    review = _answers(rng, (REVIEW,), planted, "collaborator", team, month, personal)[REVIEW.column]
    columns[REVIEW.column] = _blank(review, rng.random(count) >= 0.4)

    belief = planted.client[team, month] + planted.belief_bias[team] + np.where(staff.manager[who], 8.0, -2.0)
    belief = belief + rng.normal(0.0, 9.0, count)
    for item in ESTIMATES:
        latent = belief + rng.normal(0.0, 8.0, count)
        values = latent_to_scale(latent, item.scale_min, item.scale_max)
        absent = teams.support[team] | (rng.random(count) < 0.06)
        columns[item.column] = _blank(values, absent)

    started = day * SECONDS_A_DAY + (7 * 3600 + rng.random(count) * 11.5 * 3600).astype(np.int64)
    frame = pl.DataFrame(
        {
            "employee": who,
            "team": team,
            "started": started,
            "answered": started + rng.integers(240, 1500, count),
            "preview": np.zeros(count, dtype=bool),
            "finished": np.ones(count, dtype=bool),
            **columns,
        }
    )
    return _with_previews(frame, max(3, count // 500))


def _with_previews(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """The frame with `count` previews: rows that the survey's authors left while trying it out, put first."""
    previews = frame.head(count).with_columns(
        preview=pl.lit(True), started=pl.col("started") - 3600, answered=pl.col("answered") - 3600
    )
    return pl.concat([previews, frame])
