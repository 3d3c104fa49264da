"""Collaborators and clients: who is where from when to when.

Departures are drawn from hazards that depend on the level of the team (planted.py), so turnover and churn
carry what is planted. Everything is drawn for all seats or clients at once; the only loops are over the
generations of occupants of a seat.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulation.planted import Planted
from pipelines.simulation.randomness import BoolArray, FloatArray, IntArray, stream
from pipelines.simulation.timeline import NEVER, Calendar
from pipelines.simulation.units import Teams

VOLUNTARY_MONTHLY = 0.009
OTHER_MONTHLY = 0.003
CHURN_MONTHLY = 0.010
ARRIVALS_MONTHLY = 0.012


@dataclass(frozen=True)
class Staff:
    """Employees, arrays of one length. Days as in `Calendar`; `left` is the last day employed, NEVER if still.

    Until the day before `split` an employee is in `team` with `fte`; from `split` on in `team_after` with
    `fte_after` (split = NEVER: no change). `moved` says whether the split is a change of team.
    """

    number: IntArray
    team: IntArray
    team_after: IntArray
    fte: FloatArray
    fte_after: FloatArray
    split: IntArray
    moved: BoolArray
    field_population: BoolArray
    manager: BoolArray
    contract: list[str]
    hired: IntArray
    left: IntArray
    reason: list[str | None]
    spells: pl.DataFrame

    def __len__(self) -> int:
        return len(self.number)

    def team_on(self, employee: IntArray, day: IntArray) -> IntArray:
        """Team of employees (indices) on days (same shape)."""
        return np.where(day >= self.split[employee], self.team_after[employee], self.team[employee])

    def fte_on(self, employee: IntArray, day: IntArray) -> FloatArray:
        """Full-time equivalent of employees (indices) on days (same shape)."""
        return np.where(day >= self.split[employee], self.fte_after[employee], self.fte[employee])

    def present(self, day: int) -> IntArray:
        """Indices of the employees employed on a day."""
        return np.flatnonzero((self.hired <= day) & (self.left >= day))


@dataclass(frozen=True)
class Clients:
    """Clients, arrays of one length; `until` is the last day as a client (NEVER if still).

    From `split` on a client is served by `team_after` (NEVER: always by `team`).
    """

    team: IntArray
    team_after: IntArray
    split: IntArray
    since: IntArray
    until: IntArray
    segment: list[str]

    def __len__(self) -> int:
        return len(self.team)

    def team_on(self, client: IntArray, day: IntArray) -> IntArray:
        """Team of clients (indices) on days (same shape)."""
        return np.where(day >= self.split[client], self.team_after[client], self.team[client])


def _departures(
    rng: np.random.Generator, calendar: Calendar, team: IntArray, start: IntArray, hazard: FloatArray
) -> IntArray:
    """Last days (NEVER if beyond the calendar) for people who start on `start` under monthly hazards.

    `hazard` is teams × months, in departures per person-month; inverse of the cumulative hazard.
    """
    cumulative = np.concatenate([np.zeros((hazard.shape[0], 1)), np.cumsum(hazard, axis=1)], axis=1)
    first = np.where(start < 0, 0, calendar.month_of(start))
    target = cumulative[team, first] + rng.exponential(1.0, len(team))
    passed = cumulative[team, 1:] >= target[:, None]
    month = np.argmax(passed, axis=1)
    month_length = np.diff(calendar.starts)[month]
    day = calendar.starts[month] + (rng.random(len(team)) * month_length).astype(np.int64)
    day = np.maximum(day, start + 20)
    return np.where(passed.any(axis=1) & (day < calendar.days), day, NEVER)


def staff(seed: int, calendar: Calendar, teams: Teams, planted: Planted) -> Staff:
    """Draw the seats of every team and their successive occupants over the calendar."""
    rng = stream(seed, "staff")
    voluntary = VOLUNTARY_MONTHLY * np.exp(-(planted.collaborator - 67.0) / 20.0)
    hazard = voluntary + OTHER_MONTHLY

    seat_team = np.repeat(np.arange(len(teams)), teams.size)
    seat_rank = np.arange(len(seat_team)) - np.searchsorted(seat_team, seat_team)
    seat_field = ~teams.support[seat_team] & (rng.random(len(seat_team)) < 0.78)
    tenure = (rng.exponential(6.0 * 365, len(seat_team)) + 30).astype(np.int64)
    start = np.where(
        teams.opens[seat_team] < 0,
        -np.minimum(tenure, 35 * 365),
        teams.opens[seat_team] + rng.integers(0, 25, len(seat_team)),
    )

    generations: list[dict[str, np.ndarray]] = []
    seat, hired = np.arange(len(seat_team)), start
    while len(seat):
        generations.append(_occupants(rng, calendar, teams, hazard, voluntary, seat, seat_team[seat], hired))
        left = generations[-1]["left"]
        closes = teams.closes[seat_team[seat]]
        following = left + rng.integers(7, 60, len(seat))
        refilled = (left < NEVER) & (following < calendar.days - 5) & (following < closes)
        seat, hired = seat[refilled], following[refilled]
    joined = {name: np.concatenate([g[name] for g in generations]) for name in generations[0]}
    order = np.lexsort((joined["hired"], joined["seat"]))
    seat, hired, left = (joined[name][order] for name in ("seat", "hired", "left"))
    contract, reason = joined["contract"][order], joined["reason"][order]
    count, team = len(seat), seat_team[seat]
    manager = seat_rank[seat] == 0

    # One change at most per employee: the team closes, a move to another team, or a change of working time.
    fte = np.where(rng.random(count) < 0.14, rng.choice([0.5, 0.6, 0.8], count), 1.0)
    team_after, fte_after, split = team.copy(), fte.copy(), np.full(count, NEVER, dtype=np.int64)
    latest = np.minimum(left, calendar.days) - 15
    earliest = np.maximum(hired, 0) + 45
    change_day = earliest + (rng.random(count) * np.maximum(latest - earliest, 1)).astype(np.int64)
    changeable = (latest > earliest) & ~manager & teams.settled[team] & ~np.isin(team, teams.successor)
    lot = rng.random(count)
    moves = changeable & (lot < 0.035)
    hours = changeable & (lot >= 0.035) & (lot < 0.065)
    settled = np.flatnonzero(teams.settled)
    elsewhere = settled[rng.integers(0, len(settled), count)]
    moves &= elsewhere != team
    team_after[moves] = elsewhere[moves]
    fte_after[hours] = np.where(fte[hours] == 1.0, 0.8, 1.0)
    split[moves | hours] = change_day[moves | hours]
    closed = (teams.closes[team] < left) & (teams.closes[team] < NEVER) & (hired <= teams.closes[team])
    split[closed] = teams.closes[team][closed] + 1
    team_after[closed] = teams.successor[team][closed]
    fte_after[closed] = fte[closed]
    # An employee of the team that closes but would have left it at once stays on for the notice period.
    left = np.where(closed & (left < split + 5), split + 5, left)

    people = Staff(
        number=10_000 + rng.permutation(count),
        team=team,
        team_after=team_after,
        fte=fte,
        fte_after=fte_after,
        split=split,
        moved=moves | closed,
        field_population=seat_field[seat],
        manager=manager,
        contract=[str(c) for c in contract],
        hired=hired,
        left=left,
        reason=[None if d >= NEVER else str(r) for r, d in zip(reason, left, strict=True)],
        spells=pl.DataFrame(),
    )
    return Staff(**{**people.__dict__, "spells": _spells(people, teams)})


def _occupants(
    rng: np.random.Generator,
    calendar: Calendar,
    teams: Teams,
    hazard: FloatArray,
    voluntary: FloatArray,
    seat: IntArray,
    team: IntArray,
    hired: IntArray,
) -> dict[str, np.ndarray]:
    """One generation of occupants: contract, last day and reason of leaving."""
    count = len(seat)
    new = hired >= 0
    kinds = np.array(["permanent", "fixed_term", "apprentice", "temporary"])
    drawn = kinds[np.searchsorted([0.80, 0.92, 0.97], rng.random(count))]
    contract = np.where(new, drawn, np.where(rng.random(count) < 0.02, "apprentice", "permanent"))
    left = _departures(rng, calendar, team, hired, hazard)
    month = calendar.month_of(np.minimum(left, calendar.days - 1))
    is_voluntary = rng.random(count) < (voluntary / hazard)[team, month]
    other = np.array(["dismissal", "retirement", "other"])[rng.choice(3, count, p=[0.45, 0.35, 0.2])]
    reason = np.where(is_voluntary, "voluntary", other)

    # Some newcomers leave within their first three months, more of them where the team is unwell.
    welcome = np.where(new, calendar.month_of(np.maximum(hired, 0)), 0)
    level = hazard[team, welcome]
    early_day = hired + rng.integers(12, 88, count)
    early = new & (rng.random(count) < np.clip(9.0 * level, 0.0, 0.6)) & (early_day < np.minimum(left, calendar.days))
    left, reason = np.where(early, early_day, left), np.where(early, "voluntary", reason)

    term = hired + np.where(contract == "temporary", 92, np.where(contract == "apprentice", 364, 182))
    ends = new & (contract != "permanent") & (term < np.minimum(left, calendar.days))
    ends &= rng.random(count) < 0.7
    left, reason = np.where(ends, term, left), np.where(ends, "end_of_contract", reason)
    return {"seat": seat, "hired": hired, "left": left, "contract": contract, "reason": reason}


def _spells(people: Staff, teams: Teams) -> pl.DataFrame:
    """One row per employee and spell: employee, team, start, end (days), fte, manager (index or null).

    The manager of a spell is the last occupant of the first seat of its team who had come by its end; the
    managers themselves have none here.
    """
    index = np.arange(len(people))
    has_second = people.split < NEVER
    first_end = np.where(has_second, people.split - 1, people.left)
    table = pl.DataFrame(
        {
            "employee": np.concatenate([index, index[has_second]]),
            "team": np.concatenate([people.team, people.team_after[has_second]]),
            "start": np.concatenate([people.hired, people.split[has_second]]),
            "end": np.concatenate([first_end, people.left[has_second]]),
            "fte": np.concatenate([people.fte, people.fte_after[has_second]]),
        }
    )
    heads = pl.DataFrame(
        {
            "team": people.team[people.manager],
            "since": people.hired[people.manager],
            "manager": index[people.manager],
        }
    ).sort("since")
    joined = (
        table.with_columns(pl.col("end").cast(pl.Int64))
        .sort("end")
        .join_asof(heads, left_on="end", right_on="since", by="team", strategy="backward", check_sortedness=False)
        .with_columns(manager=pl.when(pl.col("manager") == pl.col("employee")).then(None).otherwise(pl.col("manager")))
    )
    return joined.select("employee", "team", "start", "end", "fte", "manager").sort("employee", "start")


def clients(seed: int, calendar: Calendar, teams: Teams, planted: Planted, client_count: int) -> Clients:
    """Draw about `client_count` clients: those of the first day, and those who come month by month."""
    rng = stream(seed, "clients")
    facing = np.flatnonzero(~teams.support)
    growth = 1.0 + ARRIVALS_MONTHLY * calendar.months
    share = rng.uniform(0.7, 1.3, len(facing))
    initial = np.rint(client_count / growth * share / share.sum()).astype(np.int64)
    initial = np.where(teams.opens[facing] >= 0, 0, np.maximum(initial, 8))
    start_team = np.repeat(facing, initial)
    start_since = -(rng.exponential(4.0 * 365, len(start_team)) + 95).astype(np.int64)

    open_months = teams.open_months(calendar)[facing]
    arrivals = rng.poisson(
        ARRIVALS_MONTHLY
        * np.where(initial == 0, initial.mean() * 2.0, initial)[:, None]
        * np.exp((planted.client[facing] - 70.0) / 80.0)
        * open_months
    )
    new_team = np.repeat(np.repeat(facing, calendar.months), arrivals.ravel())
    month = np.repeat(np.tile(np.arange(calendar.months), len(facing)), arrivals.ravel())
    new_since = calendar.starts[month] + (rng.random(len(month)) * np.diff(calendar.starts)[month]).astype(np.int64)

    team = np.concatenate([start_team, new_team])
    since = np.concatenate([start_since, new_since])
    count = len(team)
    hazard = CHURN_MONTHLY * np.exp(-(planted.client - 70.0) / 18.0)
    until = _departures(rng, calendar, team, since, hazard)
    early_day = since + rng.integers(15, 88, count)
    level = hazard[team, calendar.month_of(np.maximum(since, 0))]
    early = (since >= 0) & (rng.random(count) < np.clip(7.0 * level, 0.0, 0.6))
    early &= early_day < np.minimum(until, calendar.days)
    until = np.where(early, early_day, until)

    team_after, split = team.copy(), np.full(count, NEVER, dtype=np.int64)
    settled = np.flatnonzero(teams.settled)
    elsewhere = settled[rng.integers(0, len(settled), count)]
    move_day = (rng.random(count) * calendar.days).astype(np.int64)
    moves = (rng.random(count) < 0.02) & (elsewhere != team) & teams.settled[team]
    moves &= (move_day > since + 30) & (move_day < until - 30)
    team_after[moves], split[moves] = elsewhere[moves], move_day[moves]

    closes = teams.closes[team]
    closed = (closes < until) & (closes < NEVER) & (since <= closes)
    team_after[closed], split[closed] = teams.successor[team][closed], closes[closed] + 1
    until = np.where(closed, np.maximum(until, closes + 2), until)
    opening = int(np.argmax(teams.opens))
    opens = int(teams.opens[opening])
    given = (team == teams.successor[opening]) & (since < opens - 30) & (until > opens + 30)
    given &= (split == NEVER) & (rng.random(count) < 0.45)
    team_after[given], split[given] = opening, opens

    segment = np.array(["individual", "professional", "key_account"])[rng.choice(3, count, p=[0.68, 0.27, 0.05])]
    order = np.argsort(since, kind="stable")
    return Clients(
        team=team[order],
        team_after=team_after[order],
        split=split[order],
        since=since[order],
        until=until[order],
        segment=[str(s) for s in segment[order]],
    )
