"""The tables that the statistics stage publishes as they are: name, key, what a row is, what each column says.

What belongs here: one `Published` a table, with the words that its readers see as comments. What does not: computing
(the module of each part), and the tables that dbt joins with names before they are published (models/scorecard).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.statistics.ruptures import RUPTURES
from pipelines.statistics.shrinkage import SHRUNK_INDICES
from pipelines.statistics.signals import SIGNALS


@dataclass(frozen=True)
class Published:
    """A table: its schema, the columns that order and identify its rows, and its comments (columns as in schema)."""

    schema: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    description: str
    columns: Mapping[str, str]


_UNIT = "Unit of the organisation; see dim_unit."
_PERIOD = "Month, by its first day."
_LEVEL = "Level of the hierarchy in that month, e.g. team, site, region, company."
_PAIR = "Pair of the mirror; see dim_pair."

PUBLISHED: dict[str, Published] = {
    "ruptures": Published(
        RUPTURES,
        ("unit_id", "pair_id", "start_period"),
        "Ruptures of symmetry: episodes in which a gap lies beyond the threshold and is not noise (key: unit_id, "
        "pair_id, start_period; pair_id is null for the unit as a whole). False discoveries are held to the rate of "
        "the definitions, 5 % by default, within a month and level.",
        {
            "unit_id": _UNIT,
            "unit_level": _LEVEL,
            "pair_id": "Pair whose two faces part; see dim_pair. Null: the unit's indices.",
            "side": "Side that fares better: client or collaborator.",
            "start_period": "First month flagged.",
            "end_period": "Last month flagged; null while the rupture is open.",
            "is_open": "True while the last month that has a figure is flagged and the unit exists.",
            "months": "Number of months flagged.",
            "onset_period": "Month in which the gap is estimated to have changed, the smear of windows undone; null "
            "where it is as old as the record or came without a step.",
            "onset_earliest": "Earliest month that the data allow for the onset (95 %); null without an onset.",
            "onset_latest": "Latest month that the data allow for the onset (95 %); null without an onset.",
            "peak_period": "Month of the largest gap.",
            "peak_gap": "Largest gap in points, client less collaborator.",
            "peak_gap_lower": "Lower bound of the 95 % interval of the largest gap, in points.",
            "peak_gap_upper": "Upper bound of the 95 % interval of the largest gap, in points.",
            "mean_gap": "Mean gap over the months flagged, in points.",
            "smallest_q": "Smallest adjusted p value (Benjamini-Hochberg) of its months.",
        },
    ),
    "signals": Published(
        SIGNALS,
        ("unit_id", "measure", "period", "rule"),
        "Signals: months in which a unit leaves what its own history leads one to expect (Shewhart's rules; key: "
        "unit_id, measure, period, rule). A reason to look, not a rupture.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "measure": "client_index, collaborator_index or gap.",
            "rule": "beyond_3_sigma: the month lies more than three sigma from the history; 8_on_one_side: so many "
            "months in a row on one side of it that eight of them share no answers.",
            "direction": "above or below the history.",
            "value": "Value of the measure in that month, in points.",
            "centre": "Mean of the history, in points.",
            "sigma": "Standard deviation that a month about that mean is expected to have, in points.",
        },
    ),
    "shrunk_indices": Published(
        SHRUNK_INDICES,
        ("period", "unit_id", "measure"),
        "Indices drawn towards the mean of the unit's parent, the more the less is known (empirical Bayes), and ranks "
        "by them (key: unit_id, period, measure). For rankings; ruptures use the raw figures. Null where the unit's "
        "status is not ok.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "measure": "client_index, collaborator_index, gap or symmetry_index.",
            "value": "Raw figure in points, as in scorecard.",
            "shrinkage": "Share (0–1) of the unit's own figure that is kept.",
            "shrunk": "Shrunken figure in points.",
            "shrunk_se": "Standard error of the shrunken figure, in points.",
            "shrunk_lower": "Lower bound of its 95 % interval, in points.",
            "shrunk_upper": "Upper bound of its 95 % interval, in points.",
            "rank": "Rank by the shrunken figure among the units of the month and level, 1 the highest.",
            "ranked": "Number of units ranked.",
        },
    ),
}
