"""The tables that the statistics stage publishes as they are: name, key, what a row is, what each column says.

What belongs here: one `Published` a table, with the words that its readers see as comments. What does not: computing
(the module of each part), and the tables that dbt joins with names before they are published (models/scorecard).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.statistics.actions import ACTION_EFFECTS
from pipelines.statistics.beliefs import BELIEFS
from pipelines.statistics.drivers import DRIVERS
from pipelines.statistics.equity import EQUITY
from pipelines.statistics.irritant_map import IRRITANT_MAP
from pipelines.statistics.links import LINKS
from pipelines.statistics.robustness import ROBUSTNESS
from pipelines.statistics.ruptures import RUPTURES
from pipelines.statistics.shrinkage import SHRUNK_INDICES
from pipelines.statistics.signals import SIGNALS
from pipelines.statistics.swot import SWOT


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

_STATUS = "ok; insufficient (too little to estimate); suppressed (hidden to protect people)."


def _interval(name: str, what: str) -> dict[str, str]:
    """Comments of a figure, its bounds and its error."""
    return {
        name: f"{what}.",
        f"{name}_lower": f"Lower bound of the 95 % interval of {name}.",
        f"{name}_upper": f"Upper bound of the 95 % interval of {name}.",
        f"{name}_se": f"Standard error of {name}, in points.",
    }


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
    "swot": Published(
        SWOT,
        ("period", "unit_id", "pair_id", "side"),
        "Diagnosis: each face of each pair as strength, threat, opportunity or weakness, with its trend and its "
        "priority (key: unit_id, period, pair_id, side). Numbers are null unless the status is ok.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "pair_id": _PAIR,
            "side": "client or collaborator.",
            "score": "Score that is judged, 0–100: the shrunken one, or the raw where none can be had.",
            "score_se": "Standard error of that score, in points.",
            "is_shrunk": "True where the score is the shrunken one.",
            "slope": "Change of the raw score in points a month, over the trailing months of the parameter "
            "trend_months (6 unless set); null with fewer than trend_least_months (3) scored.",
            "slope_se": "Standard error of the slope, in points a month, overlapping windows allowed for.",
            "slope_p": "Two-sided p value of the slope.",
            "trend": "rising or falling where slope_p is below the parameter trend_p (0.10 unless set), else flat; "
            "null without a slope.",
            "swot": "strength (at or above the bar, not falling), threat (above, falling), opportunity (below, "
            "rising), weakness (below, not rising).",
            "shortfall": "Points below the bar; 0 at or above it.",
            "weight": "Share (0–1) of the whole index that the pair carries.",
            "driver_importance": "Importance of the indicator for the client index, 1 for the average driver (see "
            "drivers); 1 where it cannot be told.",
            "priority": "Weight × shortfall × driver importance: what to mend first.",
            "priority_rank": "Rank of the priority within the unit and month, 1 the highest; null where it is 0.",
            "status": _STATUS,
        },
    ),
    "irritant_map": Published(
        IRRITANT_MAP,
        ("period", "unit_id", "side", "theme"),
        "Irritant map: themes of client complaints beside themes of collaborator irritants (key: unit_id, period, "
        "side, theme). The themes of a side add up to its rate. Numbers are null unless the status is ok.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "side": "client (complaints) or collaborator (irritants).",
            "theme": "Category, as the source names it.",
            "window_months": "Trailing months that the figure is summed over, the period included.",
            "n": "Exposure in the window: client-months or person-months.",
            "events": "Complaints or irritants of the theme in the window.",
            "rate": "Events per 100 clients or employees a month.",
            "lower": "Lower bound of the exact 95 % interval of the rate.",
            "upper": "Upper bound of the exact 95 % interval of the rate.",
            "trend": "rising, falling or flat over the trailing months of the parameter trend_months (6 unless set); "
            "null where too little happened to tell.",
            "trend_p": "Two-sided p value of the trend, to two decimals.",
            "status": _STATUS,
        },
    ),
    "equity": Published(
        EQUITY,
        ("period", "unit_id", "population_a", "population_b"),
        "Equity: the collaborator index of two populations of a unit side by side, over the pairs that both have, "
        "and their difference (key: unit_id, period, population_a, population_b). Numbers are null unless the "
        "status is ok.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "population_a": "First population, e.g. field.",
            "population_b": "Second population, e.g. office.",
            **_interval("index_a", "Collaborator index of the first population, 0–100"),
            **_interval("index_b", "Collaborator index of the second population, 0–100"),
            **_interval("difference", "First less second, in points"),
            "pairs_scored": "Number of pairs whose collaborator face is scored in both; null when suppressed.",
            "weight_present": "Share (0–1) of the weight of all pairs that these carry; null when suppressed.",
            "people_a": "Fewest distinct people of the first population behind any of those pairs.",
            "people_b": "Fewest distinct people of the second population behind any of those pairs.",
            "status": _STATUS,
        },
    ),
    "beliefs": Published(
        BELIEFS,
        ("period", "unit_id", "role", "dimension"),
        "Beliefs: what collaborators or managers estimate that clients feel, beside what clients say (key: unit_id, "
        "period, role, dimension). Numbers are null unless the status is ok.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "role": "Who estimates, e.g. collaborator or manager.",
            "dimension": "What is estimated, e.g. recommendation.",
            **_interval("estimate", "Mean estimate, on 0–100"),
            "estimates": "Number of estimates in the window.",
            "estimating_people": "Distinct people who estimate.",
            **_interval("answer", "Mean answer of the clients themselves, on 0–100"),
            "answers": "Number of clients' answers in the window.",
            "answering_people": "Distinct clients who answer.",
            **_interval("difference", "Estimate less answer, in points: above 0 the role thinks clients happier"),
            "status": _STATUS,
        },
    ),
    "robustness": Published(
        ROBUSTNESS,
        ("period", "unit_id", "variant"),
        "Robustness: symmetry index and rank of each unit had the index been made otherwise (key: unit_id, period, "
        "variant). Variant draws holds the band of the rank over draws of weights and estimates, as many as the "
        "parameter robustness_draws says (1,000 unless set). Numbers are null unless the status is ok.",
        {
            "unit_id": _UNIT,
            "period": _PERIOD,
            "variant": "baseline, another mean (pairs_geometric, pairs_harmonic, level_arithmetic, level_harmonic), "
            "equal_weights, without.<pair>, or draws.",
            "symmetry_index": "Symmetry index under the variant, 0–100; of draws the median.",
            "rank": "Rank among the units of the month and level, 1 the highest; of draws the median.",
            "rank_low": "Of draws: 5th percentile of the rank; null otherwise.",
            "rank_high": "Of draws: 95th percentile of the rank; null otherwise.",
            "status": _STATUS,
        },
    ),
    "links": Published(
        LINKS,
        ("mirror", "unit_level", "outcome", "predictor", "lag_months"),
        "Link: how far one side's score moves with the other's some months before, within units and beyond what moves "
        "all (key: mirror, unit_level, outcome, predictor, lag_months). Association, not cause.",
        {
            "mirror": "Mirror whose respondents' means are compared.",
            "unit_level": "Level of the units compared.",
            "outcome": "Side that is explained.",
            "predictor": "Side that explains, lag_months before.",
            "lag_months": "Months between predictor and outcome, 0 to 6.",
            "period": "Last month looked at.",
            "slope": "Points of the outcome per point of the predictor, error of answers taken out; null unless ok.",
            "slope_lower": "Lower bound of the 95 % interval of the slope.",
            "slope_upper": "Upper bound of the 95 % interval of the slope.",
            "slope_se": "Standard error of the slope, clustered by unit.",
            "p": "Two-sided p value of the slope.",
            "within_r": "Correlation within units and months, as measured.",
            "within_r_corrected": "The same with the error of answers taken out.",
            "reliability": "Share (0–1) of the predictor's movement that is not error of its answers.",
            "units": "Number of units.",
            "months": "Number of months.",
            "observations": "Number of unit-months.",
            "strongest": "True for the lag of the largest correlation (within_r) in its direction.",
            "reference_r_satisfaction": "Published correlation over business units of employee satisfaction with "
            "customer satisfaction (Harter, Schmidt & Hayes 2002).",
            "reference_r_engagement": "The same for employee engagement.",
            "status": "ok; insufficient (too few units or months, or hardly more than error).",
        },
    ),
    "drivers": Published(
        DRIVERS,
        ("unit_level", "indicator_id"),
        "Drivers: the part of each collaborator indicator in what explains the client index (Johnson's relative "
        "weights; key: unit_level, indicator_id). Association, not cause.",
        {
            "unit_level": "Level of the units compared.",
            "indicator_id": "Collaborator indicator; see dim_indicator.",
            "period": "Last month looked at.",
            "weight": "Part of R² (0–1); the weights of a level add up to r2. Null unless ok.",
            "weight_lower": "Lower bound of the 95 % interval of the weight (bootstrap of whole units).",
            "weight_upper": "Upper bound of the 95 % interval of the weight.",
            "share": "Weight over the sum of weights (0–1).",
            "rank": "Rank of the weight, 1 the highest.",
            "r": "Correlation with the client index, which tells the direction.",
            "r2": "Share (0–1) of the client index's variance that all indicators explain together.",
            "presence": "Share (0–1) of unit-months in which the indicator is scored.",
            "reliability": "Share (0–1) of the indicator's variance that is not error of its answers.",
            "units": "Number of units.",
            "observations": "Number of unit-months.",
            "status": "ok; insufficient (scored too rarely, or too few units).",
        },
    ),
    "action_effects": Published(
        ACTION_EFFECTS,
        ("unit_id", "pair_id", "side", "started_on", "action_id"),
        "Actions: what each added to its marker on each side against comparable units without it, and the verdict "
        "(key: action_id, side). Rows with verdict start are priority weaknesses without an action (action_id null).",
        {
            "action_id": "Action; null where one is missing (verdict start).",
            "unit_id": _UNIT,
            "pair_id": "Marker that the action is to move; see dim_pair.",
            "side": "client or collaborator.",
            "period": "Month of judgement.",
            "kind": "Kind of action, as the source names it.",
            "owner_role": "Role of its owner.",
            "started_on": "Day it started.",
            "ended_on": "Day it ended; null while it goes on.",
            "months_after": "Months after the start that the judgement rests on.",
            "score_before": "Mean score before, 0–100.",
            "score_after": "Mean score after, 0–100.",
            "share_after": "Share (0–1) of the window that lies after the start; the change is divided by it.",
            "expected_change": "Change to be expected without the action, in points, from comparable units.",
            "effect": "Change beyond the expected one, in points; null unless ok.",
            "effect_lower": "Lower bound of the 95 % interval of the effect.",
            "effect_upper": "Upper bound of the 95 % interval of the effect.",
            "effect_se": "Standard error of the effect, in points.",
            "p": "Two-sided p value by permutation.",
            "controls": "Number of comparable units without the action.",
            "other_actions": "Other actions on the unit in the months compared.",
            "verdict": "Of this side: continue, improve, stop, start or too_early.",
            "action_verdict": "Of both sides together.",
            "priority": "Of a missing action: priority of the weakness (see swot).",
            "status": _STATUS,
        },
    ),
}
