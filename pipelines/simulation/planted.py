"""What is planted: the latent level of each side in each team and month, and everything that bends it.

A level is in points of 0-100: what an average respondent of that side would answer. Behaviour and answers are
drawn from these levels only, so that what is planted shows both in what is done and in what is said.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from pipelines.simulation.randomness import FloatArray, IntArray, stream
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Organisation

CLIENT_BASE = 70.0
COLLABORATOR_BASE = 67.0
COMMON_SD = 7.0
LEAD_MONTHS = 2
LEAD_SLOPE = 0.5
POPULATION_SHIFT = {"field": -1.5, "office": 4.0}
"""Points added to what collaborators of each population feel: the inequity that is planted everywhere."""


@dataclass(frozen=True)
class Rupture:
    """A team whose two sides part by `size` points from `onset` to `end` (month indices, end None if open)."""

    team: int
    higher_side: str
    onset: int
    end: int | None
    size: float


@dataclass(frozen=True)
class Drift:
    """A region whose collaborators lose `slope` points a month from month `onset` on."""

    region: int
    onset: int
    slope: float


@dataclass(frozen=True)
class Action:
    """An action on one marker (a pair) of a team, and the points it really adds to each side (0: useless)."""

    team: int
    marker: str
    start: int
    end: int | None
    kind: str
    owner: str
    verdict: str
    client_points: float
    collaborator_points: float


@dataclass(frozen=True)
class Planted:
    """Latent levels (teams × months, points) and the list of what bends them.

    `marker_shift` maps (side, marker) to further points (teams × months) on that marker alone.
    `belief_bias` (teams) is how far a team's staff overestimate what their clients feel, in points.
    """

    client: FloatArray
    collaborator: FloatArray
    ruptures: list[Rupture]
    drift: Drift
    actions: list[Action]
    belief_bias: FloatArray
    overestimating_teams: list[int]
    themes: list[str]
    marker_shift: dict[tuple[str, str], FloatArray] = field(default_factory=dict)

    def shift(self, side: str, marker: str) -> FloatArray:
        """Points (teams × months) that actions add to one marker of one side beyond the side's level."""
        return self.marker_shift.get((side, marker), np.zeros_like(self.client))


THEMES = ("billing", "delays", "information", "equipment", "tools", "organisation")


def _autoregressive(rng: np.random.Generator, shape: tuple[int, int], sd: float, memory: float) -> FloatArray:
    """Stationary AR(1) series (teams × months) of standard deviation `sd`, in points."""
    steps = rng.normal(0.0, sd * np.sqrt(1 - memory**2), shape)
    series = np.empty(shape)
    series[:, 0] = rng.normal(0.0, sd, shape[0])
    for month in range(1, shape[1]):
        series[:, month] = memory * series[:, month - 1] + steps[:, month]
    return series


def plant(seed: int, calendar: Calendar, organisation: Organisation) -> Planted:
    """Draw levels and plant ruptures, a drift, actions, overestimation and each site's irritating theme."""
    rng = stream(seed, "planted")
    teams, months = organisation.teams, calendar.months
    count = len(teams)

    region_effect = rng.normal(0.0, 1.5, len(organisation.region_ids))
    site_effect = rng.normal(0.0, 2.5, len(organisation.site_ids))
    common = rng.normal(0.0, COMMON_SD, count) + site_effect[teams.site] + region_effect[teams.region]
    # Months before the first are drawn too, so that the collaborators' lead is already at work in it.
    mood = _autoregressive(rng, (count, months + LEAD_MONTHS), sd=3.0, memory=0.85)
    collaborator = COLLABORATOR_BASE + (common + rng.normal(0.0, 2.0, count))[:, None] + mood[:, LEAD_MONTHS:]
    client = (
        CLIENT_BASE
        + (common + rng.normal(0.0, 2.0, count))[:, None]
        + LEAD_SLOPE * mood[:, :months]
        + _autoregressive(rng, (count, months), sd=1.5, memory=0.7)
    )

    drift = Drift(region=2, onset=months * 5 // 12, slope=-1.0)
    eligible = np.flatnonzero(teams.settled & (teams.region != drift.region))
    chosen = _one_a_site_first(rng.permutation(eligible), teams.site)
    rupture_count = int(np.clip(count // 12, 3, 8))
    ruptures = _ruptures(rng, chosen[:rupture_count], months)
    actions = _actions(chosen[rupture_count : rupture_count + 6], months)
    rest = chosen[rupture_count + 6 :]
    overestimating = sorted(rest[: max(2, count // 16)])

    at = np.arange(months)
    for rupture in ruptures:
        active = (at >= rupture.onset) & (at <= (months if rupture.end is None else rupture.end))
        # One side falls by most of the size, the other rises by the rest: both files carry the rupture.
        low, high = (collaborator, client) if rupture.higher_side == "client" else (client, collaborator)
        low[rupture.team, active] -= 0.85 * rupture.size
        high[rupture.team, active] += 0.15 * rupture.size
    in_region = teams.region == drift.region
    collaborator[in_region] += drift.slope * np.clip(at - drift.onset + 1, 0, None)

    marker_shift: dict[tuple[str, str], FloatArray] = {}
    for action in actions:
        ramp = np.clip((at - action.start + 1) / 2.0, 0.0, 1.0)
        for side, points, level in (
            ("client", action.client_points, client),
            ("collaborator", action.collaborator_points, collaborator),
        ):
            marked = marker_shift.setdefault((side, action.marker), np.zeros((count, months)))
            marked[action.team] += points * ramp
            level[action.team] += 0.25 * points * ramp  # what is done well for one marker is felt a little in all

    belief_bias = rng.normal(0.0, 3.0, count)
    belief_bias[overestimating] += 18.0
    site_theme = rng.integers(0, len(THEMES), len(organisation.site_ids))
    return Planted(
        client=np.clip(client, 12.0, 95.0),
        collaborator=np.clip(collaborator, 12.0, 95.0),
        ruptures=ruptures,
        drift=drift,
        actions=actions,
        belief_bias=belief_bias,
        overestimating_teams=overestimating,
        themes=[THEMES[site_theme[s]] for s in teams.site],
        marker_shift=marker_shift,
    )


def _one_a_site_first(shuffled: IntArray, site: IntArray) -> list[int]:
    """The teams in an order that takes one of each site before a second of any, so sites stay comparable."""
    order = pl.DataFrame({"team": shuffled, "site": site[shuffled]})
    turn = pl.int_range(pl.len()).over("site")
    return [int(t) for t in order.sort(turn, maintain_order=True)["team"]]


def _ruptures(rng: np.random.Generator, teams: list[int], months: int) -> list[Rupture]:
    """Five in eight with clients above, the others with collaborators above; every fourth one heals."""
    onsets = rng.integers(months // 4, months * 3 // 4, len(teams))
    sizes = rng.uniform(28.0, 36.0, len(teams)).round(1)
    sides = ["client", "collaborator", "client", "client", "collaborator", "client", "collaborator", "client"]
    return [
        Rupture(
            team=team,
            higher_side=sides[i % len(sides)],
            onset=int(onsets[i]) if i % 4 else months // 4,
            end=months * 3 // 4 - 1 if i % 4 == 0 else None,
            size=float(sizes[i]),
        )
        for i, team in enumerate(teams)
    ]


def _actions(teams: list[int], months: int) -> list[Action]:
    """Two that work, two that do not, two too recent to tell."""
    third = months // 3
    designs = [
        ("consideration", third + 1, None, "coaching", "team_manager", "effective", 10.0, 22.0),
        ("responsiveness", third + 3, None, "process", "site_manager", "effective", 28.0, 28.0),
        ("listening", third, third + 5, "training", "human_resources", "useless", 0.0, 0.0),
        ("moment_complaint", third + 2, None, "process", "site_manager", "useless", 0.0, 0.0),
        ("trust", months - 2, None, "coaching", "team_manager", "recent", 0.0, 0.0),
        ("irritants", months - 1, None, "equipment", "site_manager", "recent", 0.0, 0.0),
    ]
    return [Action(team, *design) for team, design in zip(teams, designs, strict=True)]
