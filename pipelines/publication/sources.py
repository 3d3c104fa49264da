"""Where the figures come from: each source, its cadence, and until when its newest delivery brings it up to date.

The table `sources` says what is so whatever the day; the view `source_freshness` says how old each source was when the
scorecard was published, and whether that is stale. Equal inputs published on another day give an equal table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import duckdb

from pipelines.extracts.contract import CADENCES, grace_days

if TYPE_CHECKING:
    from pipelines.extracts.onboarding.source_states import SourceState

SOURCES_COMMENT = "Where the figures come from: one row for each source that has delivered."
SOURCES_COLUMNS = {
    "source": ("VARCHAR", "The system and what it delivers, by the name of its contract."),
    "feeds": ("VARCHAR", "What its rows become: landing entities, commas between them."),
    "cadence": ("VARCHAR", "How often it promises a delivery; null where nothing is promised."),
    "cadence_days": ("INTEGER", "Days between two deliveries that the cadence promises."),
    "grace_days": ("INTEGER", "Days beyond the cadence before the source counts as stale."),
    "last_delivery": ("DATE", "Day until which its newest delivery brings it up to date, UTC."),
    "is_retired": ("BOOLEAN", "Nothing more is expected of it, so it is never stale."),
}
FRESHNESS_COMMENT = (
    "How old each source was when this scorecard was published: status fresh, late, stale, or unpromised."
)
FRESHNESS_COLUMNS = {
    "source": "The system and what it delivers, by the name of its contract.",
    "cadence": "How often it promises a delivery; null where nothing is promised.",
    "last_delivery": "Day until which its newest delivery brings it up to date, UTC.",
    "age_days": "Days from then to the publication.",
    "status": "fresh; late: beyond its cadence; stale: beyond the days of grace too; unpromised: nothing is expected.",
}
FRESHNESS = """create view source_freshness as
select
    sources.source,
    sources.cadence,
    sources.last_delivery,
    greatest(0, date_diff('day', sources.last_delivery, cast(newest.published_at as date))) as age_days,
    case
        when sources.cadence_days is null or sources.is_retired then 'unpromised'
        when date_diff('day', sources.last_delivery, cast(newest.published_at as date))
            > sources.cadence_days + sources.grace_days then 'stale'
        when date_diff('day', sources.last_delivery, cast(newest.published_at as date))
            > sources.cadence_days then 'late'
        else 'fresh'
    end as status
from sources
cross join (select published_at from publications order by rowid desc limit 1) as newest"""


def source_rows(states: Sequence[SourceState], grace: int | None, retired: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of `sources`, by source.

    states: of every contract; those that never delivered are left out. grace: the setting, None where it leaves the
    days of grace to the cadence. retired: the sources of which nothing more is expected.
    """
    return [
        {
            "source": state.source,
            "feeds": ", ".join(state.feeds),
            "cadence": state.cadence,
            "cadence_days": None if state.cadence is None else CADENCES[state.cadence],
            "grace_days": None if state.cadence is None else grace_days(state.cadence, grace),
            "last_delivery": state.dated.date(),
            "is_retired": state.source in retired,
        }
        for state in sorted(states, key=lambda one: one.source)
        if state.dated is not None
    ]


def stale_sources(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int]]:
    """Source, cadence and age in days of every source of a published file that is stale."""
    return connection.execute(
        "select source, cadence, age_days from source_freshness where status = 'stale' order by source"
    ).fetchall()
