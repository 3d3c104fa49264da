"""The organisation: company, regions, sites and teams, with one reorganisation of each kind.

One team changes site half-way, one opens and one closes, so that validity dates matter. Support teams
(regional offices and the head office) have collaborators and no clients.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.simulation.randomness import BoolArray, IntArray, stream
from pipelines.simulation.timeline import NEVER, Calendar

COMPANY_ID = "SOC"
REGIONS = ("Région Nord et Île-de-France", "Région Ouest", "Région Sud-Est", "Région Sud-Ouest")
CITIES = (
    ("Lille", "Amiens", "Saint-Denis", "Évry", "Reims"),
    ("Nantes", "Rennes", "Le Mans", "Angers", "Orléans"),
    ("Lyon", "Saint-Étienne", "Grenoble", "Marseille", "Nîmes"),
    ("Bordeaux", "Toulouse", "Pau", "Limoges", "Montpellier"),
)
CRAFTS = ("Accueil", "Conseil", "Dépannage", "Installation", "Service après-vente", "Grands comptes")
SUPPORT_CRAFT = "Direction régionale"
HEAD_OFFICE_CRAFT = "Siège"


@dataclass(frozen=True)
class Teams:
    """The leaf units, arrays of one length: position in them is the team's index everywhere else.

    `site` and `region` are indices; `site_after` differs from `site` for the team that moves on `moved_on`.
    `opens` and `closes` are days (`closes` is the last day open). `successor[t]` is the team that takes over
    from a team that closes, or from which an opening team takes its first clients and staff (-1: none).
    """

    ids: list[str]
    names: list[str]
    site: IntArray
    site_after: IntArray
    moved_on: IntArray
    opens: IntArray
    closes: IntArray
    successor: IntArray
    support: BoolArray
    size: IntArray
    region: IntArray

    def __len__(self) -> int:
        return len(self.ids)

    def open_months(self, calendar: Calendar) -> BoolArray:
        """Teams × months: whether the team is open on at least one day of the month."""
        starts, ends = calendar.starts[:-1], calendar.starts[1:]
        return np.asarray((self.opens[:, None] < ends[None, :]) & (self.closes[:, None] >= starts[None, :]))

    @property
    def settled(self) -> BoolArray:
        """Client-facing teams that neither open, close nor move: the ones in which things are planted."""
        still = (self.opens < 0) & (self.closes == NEVER) & (self.moved_on == NEVER)
        return np.asarray(still & ~self.support & ~np.isin(np.arange(len(self)), self.successor))


@dataclass(frozen=True)
class Organisation:
    """Teams, and the table of all units with one row per version.

    `units`: unit_id, unit_name, parent_unit_id, unit_level, valid_from (day), valid_to (day, NEVER if open).
    """

    teams: Teams
    region_ids: list[str]
    site_ids: list[str]
    units: pl.DataFrame


def organisation(seed: int, calendar: Calendar, team_count: int) -> Organisation:
    """Draw the organisation of `team_count` leaf teams (at least 40) in sites of five or six teams.

    Raises ValueError below 40 teams: fewer cannot hold all that is planted.
    """
    if team_count < 40:
        raise ValueError(f"teams={team_count}: at least 40 are needed to hold all that is planted")
    rng = stream(seed, "organisation")
    regions = len(REGIONS)
    sites = int(np.clip(round(team_count / 5.4), regions, sum(len(c) for c in CITIES)))
    site_region = np.sort(np.arange(sites) % regions)
    within_region = np.arange(sites) - np.searchsorted(site_region, site_region)
    cities = [CITIES[r][i] for r, i in zip(site_region, within_region, strict=True)]

    support_count = regions + 1
    facing = team_count - support_count
    first_sites = np.searchsorted(site_region, np.arange(regions))
    site = np.concatenate([np.arange(facing) * sites // facing, first_sites, first_sites[:1]])
    support = np.arange(team_count) >= facing
    order = np.argsort(site, kind="stable")
    site, support = site[order], support[order]
    head_office = int(np.argmax(order == team_count - 1))
    rank = np.arange(team_count) - np.searchsorted(site, site)

    opens = np.full(team_count, -3650, dtype=np.int64)
    closes = np.full(team_count, NEVER, dtype=np.int64)
    moved_on = np.full(team_count, NEVER, dtype=np.int64)
    successor = np.full(team_count, -1, dtype=np.int64)
    site_after = site.copy()
    # The three reorganisations: the first client-facing team of three sites, their next-door team beside them.
    doors = [int(np.flatnonzero((site == s) & ~support)[0]) for s in (1, sites // 2, sites - 1)]
    opening, closing, moving = doors
    opens[opening] = calendar.starts[calendar.months // 3]
    successor[opening] = opening + 1
    closes[closing] = calendar.starts[calendar.months * 3 // 4] - 1
    successor[closing] = closing + 1
    moved_on[moving] = calendar.starts[calendar.months // 2]
    site_after[moving] = 0

    size = rng.integers(6, 17, team_count)
    size[support] = rng.integers(8, 15, int(support.sum()))
    size[head_office] = 16
    names = [
        f"{cities[s]} - {HEAD_OFFICE_CRAFT}"
        if t == head_office
        else f"{cities[s]} - {SUPPORT_CRAFT}"
        if support[t]
        else f"{cities[s]} - {CRAFTS[r % len(CRAFTS)]}" + (f" {r // len(CRAFTS) + 1}" if r >= 6 else "")
        for t, (s, r) in enumerate(zip(site, rank, strict=True))
    ]
    teams = Teams(
        ids=[f"EQ-{t + 1:03d}" for t in range(team_count)],
        names=names,
        site=site,
        site_after=site_after,
        moved_on=moved_on,
        opens=opens,
        closes=closes,
        successor=successor,
        support=support,
        size=size,
        region=site_region[site],
    )
    region_ids = [f"REG-{r + 1}" for r in range(regions)]
    site_ids = [f"SIT-{s + 1:02d}" for s in range(sites)]
    return Organisation(
        teams=teams,
        region_ids=region_ids,
        site_ids=site_ids,
        units=_unit_versions(teams, region_ids, site_ids, cities, site_region),
    )


def _unit_versions(
    teams: Teams, region_ids: list[str], site_ids: list[str], cities: list[str], site_region: IntArray
) -> pl.DataFrame:
    """All units, one row per version, from the company down."""
    founded = -3650
    rows: list[tuple[str, str, str | None, str, int, int]] = [
        (COMPANY_ID, "Compagnie Exemple Services", None, "company", founded, NEVER)
    ]
    rows += [(r, n, COMPANY_ID, "region", founded, NEVER) for r, n in zip(region_ids, REGIONS, strict=True)]
    rows += [
        (s, f"Site {city}", region_ids[r], "site", founded, NEVER)
        for s, city, r in zip(site_ids, cities, site_region, strict=True)
    ]
    for t, unit_id in enumerate(teams.ids):
        opened, closed, moved = int(teams.opens[t]), int(teams.closes[t]), int(teams.moved_on[t])
        first_end = moved - 1 if moved < NEVER else closed
        rows.append((unit_id, teams.names[t], site_ids[teams.site[t]], "team", opened, first_end))
        if moved < NEVER:
            rows.append((unit_id, teams.names[t], site_ids[teams.site_after[t]], "team", moved, closed))
    columns = ["unit_id", "unit_name", "parent_unit_id", "unit_level", "valid_from", "valid_to"]
    return pl.DataFrame(rows, schema=columns, orient="row")
