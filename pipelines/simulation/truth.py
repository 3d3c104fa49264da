"""The truth file: everything that was planted and every dirty row. The pipeline never reads it."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.simulation.dirt import DUPLICATE, QUARANTINED, DirtyFile
from pipelines.simulation.planted import (
    CLIENT_BASE,
    COLLABORATOR_BASE,
    COMMON_SD,
    LEAD_MONTHS,
    LEAD_SLOPE,
    POPULATION_SHIFT,
    Planted,
)
from pipelines.simulation.timeline import Calendar
from pipelines.simulation.units import Organisation
from pipelines.simulation.writers.delimited import Export


def file_truth(export: Export, dirty: DirtyFile) -> dict[str, Any]:
    """What one file holds: rows read, landed, quarantined, duplicates, filtered, and the dirty rows as columns."""
    fates = dirty.ledger["fate"]
    kinds = dirty.ledger.group_by("kind").len().sort("kind")
    further = {"further_landing_rows": dirty.further} if dirty.further else {}
    return {
        "contract": export.contract,
        "entity": export.entity,
        "read": dirty.read,
        "landed": dirty.landed,
        "landing_rows": dirty.landing_rows,
        **further,
        "quarantined": int((fates == QUARANTINED).sum()),
        "duplicates": int((fates == DUPLICATE).sum()),
        "filtered": dirty.filtered,
        "dirt": dict(zip(kinds["kind"].to_list(), kinds["len"].to_list(), strict=True)),
        "dirty_rows": dirty.ledger.to_dict(as_series=False),
    }


def truth(
    settings: dict[str, Any],
    calendar: Calendar,
    organisation: Organisation,
    planted: Planted,
    files: dict[str, dict[str, Any]],
    orphan_requests: int,
) -> dict[str, Any]:
    """The whole truth as plain JSON values; months as `YYYY-MM`, levels in points of 0-100."""
    teams = organisation.teams
    ids = teams.ids

    def month(index: int | None) -> str | None:
        return None if index is None else calendar.label(index)

    reorganisations = []
    for name, days in (("opened", teams.opens), ("closed", teams.closes), ("moved", teams.moved_on)):
        for t in np.flatnonzero((days >= 0) & (days < calendar.days)):
            reorganisations.append({"unit_id": ids[t], "what": name, "on": calendar.iso(int(days[t]))})
    return {
        "read_me": "What the example company was made of. For tests and benchmarks; the pipeline never reads it.",
        "settings": settings,
        "months": [calendar.label(m) for m in range(calendar.months)],
        "levels": {
            unit_id: {
                "client": None if teams.support[t] else planted.client[t].round(2).tolist(),
                "collaborator": planted.collaborator[t].round(2).tolist(),
            }
            for t, unit_id in enumerate(ids)
        },
        "support_units": [unit_id for t, unit_id in enumerate(ids) if teams.support[t]],
        "reorganisations": reorganisations,
        "ruptures": [
            {
                "unit_id": ids[r.team],
                "higher_side": r.higher_side,
                "onset": month(r.onset),
                "last_month": month(r.end),
                "points": r.size,
            }
            for r in planted.ruptures
        ],
        "drift": {
            "unit_id": organisation.region_ids[planted.drift.region],
            "side": "collaborator",
            "onset": month(planted.drift.onset),
            "points_a_month": planted.drift.slope,
        },
        "actions": [
            {
                "action_id": f"ACT-{i:03d}",
                "unit_id": ids[a.team],
                "marker": a.marker,
                "start": month(a.start),
                "last_month": month(a.end),
                "verdict": a.verdict,
                "client_points": a.client_points,
                "collaborator_points": a.collaborator_points,
            }
            for i, a in enumerate(planted.actions, start=1)
        ],
        "effects": {
            "client_base": CLIENT_BASE,
            "collaborator_base": COLLABORATOR_BASE,
            "common_unit_sd": COMMON_SD,
            "collaborator_leads_client_by_months": LEAD_MONTHS,
            "collaborator_leads_client_slope": LEAD_SLOPE,
            "population_points": POPULATION_SHIFT,
            "manager_points": 4.0,
            "estimate_bias_points": {unit_id: round(float(planted.belief_bias[t]), 2) for t, unit_id in enumerate(ids)},
            "overestimating_units": [ids[t] for t in planted.overestimating_teams],
            "dominant_theme": dict(zip(ids, planted.themes, strict=True)),
        },
        "orphan_requests": orphan_requests,
        "files": files,
    }


def write_truth(path: Path, content: dict[str, Any]) -> None:
    """Write the truth as UTF-8 JSON with a fixed order of keys, so that the same seed gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
