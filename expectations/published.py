"""The second door: exactly the file that is about to be published.

It is read as a stranger would read it, from the tables alone: keys, ranges, identities between columns, references
between tables, and above all that a row which is not to be shown shows nothing. A failure here closes the gate and the
last publication stays as it is. Most failures are defects of the pipeline, not of the data; remedies say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.gate import GateResult, run_gate
from expectations.rules import TableSuite, no_row, one_of, present, rule, unique, which, within

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

GATE = "publication"

STATUSES = ("ok", "suppressed", "insufficient")
SIDES = ("client", "collaborator")
MIRRORS = ("perception", "journey", "conduct")
QUADRANTS = ("virtuous", "client_first", "team_first", "double_deficit", "borderline")
KINDS = ("proportion", "mean", "nps", "rate")
SOURCES = ("binomial", "multinomial", "poisson", "moderated", "prior", "bound")

MIN_RESPONDENTS = 5
"""k: the fewest people that a published figure may stand for."""

COVERAGE = 0.6
"""Share of the weight that a published index needs (`coverage` in the definitions' parameters.csv)."""

TOLERANCE = 1e-6
"""Points by which two figures that should be equal may differ: rounding of floating-point sums, no more."""

# Measures whose n counts answers, cases or people, so that n cannot be smaller than the people behind it. For the
# others n is an exposure (person-months, hours), which may be a fraction of a person.
_COUNTED = (
    "survey_mean",
    "survey_top_box",
    "survey_nps",
    "moment_top_box",
    "case_first_reply",
    "case_resolution",
    "case_reopen_rate",
    "client_welcome",
    "detractor_callback",
    "request_first_reply",
    "irritant_resolution",
    "request_reopen_rate",
    "hire_welcome",
    "suggestion_answered",
    "feed",
)

_INDEX = tuple(f"{side}_index{end}" for side in SIDES for end in ("", "_lower", "_upper", "_se"))
_GAP = ("gap", "gap_lower", "gap_upper", "gap_se")
_HEADLINE = ("level", "symmetry", "symmetry_index", "symmetry_index_lower", "symmetry_index_upper")
_MIRROR_COLUMNS = tuple(f"{mirror}_{side}" for mirror in MIRRORS for side in SIDES)
_COUNTS = ("weight_present", "pairs_scored")
_FACES = tuple(f"{side}_score{end}" for side in SIDES for end in ("", "_lower", "_upper"))
_ESTIMATES = tuple(f"{name}{end}" for name in ("value", "score") for end in ("", "_lower", "_upper", "_se"))
_DURATIONS = ("duration_median_hours", "duration_p90_hours")

_REPORT = (
    "Nothing is published and the last publication stays. This is a defect of the pipeline, not of the data: keep the "
    "warehouse file as it is and report it with this message"
)
_LEAK = (
    "Nothing is published. A hidden row must have every number null: look for a column added after suppression "
    "(pipelines/confidentiality) and never publish around this gate"
)


def check_published(
    candidate: Path,
    *,
    min_respondents: int = MIN_RESPONDENTS,
    coverage: float = COVERAGE,
    schema: str = "main",
) -> GateResult:
    """Run the publication gate on a file that has been written and not yet published.

    Args:
        candidate: the DuckDB file with the published tables.
        min_respondents: k, the fewest people that a published figure may stand for.
        coverage: share of the weight, 0 to 1, that a published index needs.
        schema: where in the file the tables are.

    Raises:
        GateError: the file is not there or cannot be opened for reading.
    """
    suites = published_suites(min_respondents=min_respondents, coverage=coverage, schema=schema)
    return run_gate(candidate, suites, gate=GATE, schema=schema)


def published_suites(
    *, min_respondents: int = MIN_RESPONDENTS, coverage: float = COVERAGE, schema: str = "main"
) -> list[TableSuite]:
    """The suites of the publication gate, one a table.

    Args:
        min_respondents: k, the fewest people that a published figure may stand for.
        coverage: share of the weight, 0 to 1, that a published index needs.
        schema: where the tables are, for rules that look from one table into another.
    """
    return [
        _scorecard_suite(coverage, schema),
        _pairs_suite(schema),
        _indicators_suite(min_respondents, schema),
        _unit_suite(schema),
        _period_suite(),
        _pair_suite(schema),
        _indicator_suite(),
        _ruptures_suite(schema),
        _signals_suite(schema),
        _shrunk_suite(schema),
        *(_statistics_suite(table, schema) for table in _STATISTICS),
    ]


def _scorecard_suite(coverage: float, schema: str) -> TableSuite:
    key = ("unit_id", "period")
    points = [name for name in (*_INDEX, *_HEADLINE, *_MIRROR_COLUMNS, "human_sigma") if not name.endswith("_se")]
    needed = (*_INDEX, *_GAP, *_HEADLINE, *_COUNTS, "quadrant")
    return TableSuite(
        suite="published.scorecard",
        table="scorecard",
        keys=key,
        columns=(
            *key,
            *("unit_name", "unit_level", "parent_unit_id", "status", "quadrant", "human_sigma"),
            *(*_COUNTS, *_INDEX, *_GAP, *_HEADLINE, *_MIRROR_COLUMNS),
        ),
        expectations=(
            rule(
                "ExpectTableRowCountToBeBetween",
                "the scorecard is not empty",
                "No unit has a month to be scored in: check that the units' validity dates overlap the months of the "
                "facts, and that the definitions in force are those of this company.",
                min_value=1,
            ),
            *_keyed(key, ("unit_name", "unit_level", "status")),
            one_of("status", STATUSES, _REPORT),
            one_of("quadrant", QUADRANTS, _REPORT),
            within(
                {
                    **dict.fromkeys(points, (0, 100)),
                    **dict.fromkeys(("gap", "gap_lower", "gap_upper"), (-100, 100)),
                    **dict.fromkeys(("client_index_se", "collaborator_index_se", "gap_se"), (0, None)),
                    "weight_present": (0, 1 + TOLERANCE),
                    "pairs_scored": (0, None),
                },
                key,
                _REPORT,
            ),
            _ordered(
                key, ("client_index", "collaborator_index", "gap", "symmetry_index"), "value between its two bounds"
            ),
            _equal(key, "gap", "client_index - collaborator_index", ("client_index", "collaborator_index")),
            _equal(key, "level", "sqrt(client_index * collaborator_index)", ("client_index", "collaborator_index")),
            _equal(key, "symmetry", "100 - abs(gap)", ("gap",)),
            _equal(key, "symmetry_index", "level * symmetry / 100", ("level", "symmetry")),
            _hidden(key, "status <> 'ok'", (*_INDEX, *_GAP, *_HEADLINE, *_MIRROR_COLUMNS, "human_sigma", "quadrant")),
            _hidden(key, "status = 'suppressed'", _COUNTS),
            _shown(key, "status = 'ok'", needed),
            no_row(
                f"an index stands on at least {100 * coverage:g} % of the weight",
                f"{_REPORT}. Only if the definitions' own `coverage` is another: hand it to the gate.",
                where=f"status = 'ok' AND weight_present < {coverage!r} - {TOLERANCE!r}",
                show=[*key, "weight_present", "pairs_scored"],
            ),
            _certain(key, ("client_index_se", "collaborator_index_se", "gap_se")),
            *_refers(key, schema, {"unit_id": "dim_unit.unit_id", "period": "dim_period.period"}),
            *_refers(key, schema, {"parent_unit_id": "dim_unit.unit_id"}),
        ),
    )


def _pairs_suite(schema: str) -> TableSuite:
    key = ("unit_id", "period", "pair_id")
    return TableSuite(
        suite="published.scorecard_pairs",
        table="scorecard_pairs",
        keys=key,
        columns=(
            *key,
            *("unit_level", "mirror", "client_status", "collaborator_status", "status"),
            *(*_FACES, *_GAP),
        ),
        expectations=(
            *_keyed(key, ("unit_level", "mirror", "client_status", "collaborator_status", "status")),
            *(one_of(name, STATUSES, _REPORT) for name in ("status", "client_status", "collaborator_status")),
            one_of("mirror", MIRRORS, _REPORT),
            within(
                {
                    **dict.fromkeys(_FACES, (0, 100)),
                    **dict.fromkeys(("gap", "gap_lower", "gap_upper"), (-100, 100)),
                    "gap_se": (0, None),
                },
                key,
                _REPORT,
            ),
            _ordered(key, ("client_score", "collaborator_score", "gap"), "value between its two bounds"),
            _equal(key, "gap", "client_score - collaborator_score", ("client_score", "collaborator_score")),
            _hidden(key, "status <> 'ok'", _GAP),
            *(
                _hidden(key, f"{side}_status <> 'ok'", [name for name in _FACES if name.startswith(f"{side}_")])
                for side in SIDES
            ),
            _shown(key, "status = 'ok'", (*_FACES, *_GAP)),
            no_row(
                "a pair is ok exactly when both its faces are",
                _REPORT,
                where="(status = 'ok') <> (client_status = 'ok' AND collaborator_status = 'ok')",
                show=[*key, "status", "client_status", "collaborator_status"],
            ),
            _certain(key, ("gap_se",)),
            *_refers(
                key,
                schema,
                {"unit_id": "dim_unit.unit_id", "period": "dim_period.period", "pair_id": "dim_pair.pair_id"},
            ),
            no_row(
                "a unit's row of pairs has its row in the scorecard",
                _REPORT,
                where=f"NOT EXISTS (SELECT 1 FROM {schema}.scorecard AS s "
                "WHERE s.unit_id = subselect.unit_id AND s.period = subselect.period)",
                show=key,
            ),
        ),
    )


def _indicators_suite(k: int, schema: str) -> TableSuite:
    key = ("unit_id", "period", "population", "indicator_id")
    about_people = f"indicator_id IN (SELECT indicator_id FROM {schema}.dim_indicator WHERE protects <> 'none')"
    counted = ", ".join(f"'{measure}'" for measure in _COUNTED)
    counts_people = (
        f"indicator_id IN (SELECT indicator_id FROM {schema}.dim_indicator "
        f"WHERE protects <> 'none' AND measure IN ({counted}))"
    )
    return TableSuite(
        suite="published.scorecard_indicators",
        table="scorecard_indicators",
        keys=key,
        columns=(
            *key,
            *("unit_level", "side", "mirror", "window_months", "n", "people", "variance_source", "status"),
            *(*_ESTIMATES, *_DURATIONS),
        ),
        expectations=(
            *_keyed(key, ("unit_level", "side", "mirror", "window_months", "status")),
            one_of("status", STATUSES, _REPORT),
            one_of("side", SIDES, _REPORT),
            one_of("mirror", (*MIRRORS, "none"), _REPORT),
            one_of(
                "population",
                ("all",),
                "Nothing is published. Populations are not published yet: the difference between two of them could "
                "give a hidden one away",
            ),
            one_of("variance_source", SOURCES, _REPORT),
            within(
                {
                    **dict.fromkeys(("score", "score_lower", "score_upper"), (0, 100)),
                    **dict.fromkeys(("value_se", "score_se", "n", "people", *_DURATIONS), (0, None)),
                    "window_months": (1, 120),
                },
                key,
                _REPORT,
            ),
            _ordered(key, ("value", "score"), "value between its two bounds"),
            _hidden(key, "status = 'suppressed'", (*_ESTIMATES, *_DURATIONS, "n", "people", "variance_source")),
            _hidden(key, "status = 'insufficient'", (*_ESTIMATES, *_DURATIONS)),
            no_row(
                "median and 90th percentile of durations come together and in order",
                _REPORT,
                where="duration_median_hours > duration_p90_hours "
                "OR (duration_median_hours IS NULL) <> (duration_p90_hours IS NULL)",
                show=[*key, *_DURATIONS],
            ),
            _shown(key, "status = 'ok'", ("n", "value", "value_lower", "value_upper", "value_se", "variance_source")),
            no_row(
                f"no figure about people stands for fewer than {k} of them",
                f"{_LEAK}. k is SYMMETRY_MIN_RESPONDENTS.",
                where=f"status <> 'suppressed' AND (people IS NULL OR people < {k}) AND {about_people}",
                show=[*key, "status"],
            ),
            no_row(
                f"no figure about people is a count of fewer than {k}",
                f"{_LEAK}. k is SYMMETRY_MIN_RESPONDENTS.",
                # Half a unit of slack: providers' figures may hand over weighted counts, rounded for `people`.
                where=f"status = 'ok' AND n < {k} - 0.5 AND {counts_people}",
                show=[*key, "status"],
            ),
            _certain(key, ("value_se",)),
            *_refers(
                key,
                schema,
                {
                    "unit_id": "dim_unit.unit_id",
                    "period": "dim_period.period",
                    "indicator_id": "dim_indicator.indicator_id",
                },
            ),
        ),
    )


def _ruptures_suite(schema: str) -> TableSuite:
    key = ("unit_id", "start_period", "pair_id")
    gaps = ("peak_gap", "peak_gap_lower", "peak_gap_upper", "mean_gap")
    return TableSuite(
        suite="published.ruptures",
        table="ruptures",
        keys=("unit_id", "start_period"),  # pair_id is null where the unit as a whole is meant
        columns=(
            *key,
            *("unit_level", "side", "end_period", "is_open", "months", "peak_period", "smallest_q"),
            *("onset_period", "onset_earliest", "onset_latest", *gaps),
        ),
        expectations=(
            unique(key, _REPORT),
            present(("unit_id", "unit_level", "side", "start_period", "is_open", "months", *gaps), key, _REPORT),
            one_of("side", SIDES, _REPORT),
            within(
                {**dict.fromkeys(gaps, (-100, 100)), "smallest_q": (0, 1), "months": (1, None)},
                key,
                _REPORT,
            ),
            _ordered(key, ("peak_gap",), "value between its two bounds"),
            no_row(
                "an episode is open exactly when it has no end, and months come in order",
                _REPORT,
                where="is_open <> (end_period IS NULL) OR end_period < start_period OR peak_period < start_period "
                "OR onset_period > start_period OR onset_earliest > onset_period OR onset_latest < onset_period",
                show=[*key, "end_period", "onset_period"],
            ),
            no_row(
                "the side that fares better is the side of the gap",
                _REPORT,
                where="(side = 'client') <> (peak_gap > 0)",
                show=[*key, "side", "peak_gap"],
            ),
            no_row(
                "the months of a rupture are shown in the scorecard",
                _LEAK,
                where=f"pair_id IS NULL AND NOT EXISTS (SELECT 1 FROM {schema}.scorecard AS s WHERE s.unit_id = "
                "subselect.unit_id AND s.period = subselect.peak_period AND s.status = 'ok') "
                f"OR pair_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {schema}.scorecard_pairs AS p WHERE p.unit_id = "
                "subselect.unit_id AND p.period = subselect.peak_period AND p.pair_id = subselect.pair_id "
                "AND p.status = 'ok')",
                show=[*key, "peak_period"],
            ),
            *_refers(key, schema, {"unit_id": "dim_unit.unit_id", "pair_id": "dim_pair.pair_id"}),
        ),
    )


def _signals_suite(schema: str) -> TableSuite:
    key = ("unit_id", "measure", "period", "rule")
    return TableSuite(
        suite="published.signals",
        table="signals",
        keys=key,
        columns=(*key, "direction", "value", "centre", "sigma"),
        expectations=(
            *_keyed(key, ("direction", "value", "centre", "sigma")),
            one_of("direction", ("above", "below"), _REPORT),
            one_of("measure", ("client_index", "collaborator_index", "gap"), _REPORT),
            within({"value": (-100, 100), "centre": (-100, 100), "sigma": (0, None)}, key, _REPORT),
            _certain(key, ("sigma",)),
            no_row(
                "a signal is about a month that the scorecard shows",
                _LEAK,
                where=f"NOT EXISTS (SELECT 1 FROM {schema}.scorecard AS s WHERE s.unit_id = subselect.unit_id "
                "AND s.period = subselect.period AND s.status = 'ok')",
                show=key,
            ),
        ),
    )


def _shrunk_suite(schema: str) -> TableSuite:
    key = ("unit_id", "period", "measure")
    numbers = ("value", "shrinkage", "shrunk", "shrunk_se", "shrunk_lower", "shrunk_upper", "rank", "ranked")
    return TableSuite(
        suite="published.shrunk_indices",
        table="shrunk_indices",
        keys=key,
        columns=(*key, *numbers),
        expectations=(
            *_keyed(key, ()),
            one_of("measure", ("client_index", "collaborator_index", "gap", "symmetry_index"), _REPORT),
            within(
                {
                    **dict.fromkeys(("shrunk", "shrunk_lower", "shrunk_upper"), (-100, 100)),
                    "shrinkage": (-TOLERANCE, 1 + TOLERANCE),
                    "rank": (1, None),
                },
                key,
                _REPORT,
            ),
            _ordered(key, ("shrunk",), "value between its two bounds"),
            _certain(key, ("shrunk_se",)),
            no_row(
                "a unit that the scorecard does not show has no shrunken figure and no rank",
                _LEAK,
                where=f"({' OR '.join(f'{name} IS NOT NULL' for name in numbers)}) AND NOT EXISTS (SELECT 1 FROM "
                f"{schema}.scorecard AS s WHERE s.unit_id = subselect.unit_id AND s.period = subselect.period "
                "AND s.status = 'ok')",
                show=key,
            ),
            no_row(
                "no rank is below the number ranked",
                _REPORT,
                where="rank > ranked",
                show=[*key, "rank", "ranked"],
            ),
        ),
    )


@dataclass(frozen=True)
class _Statistics:
    """A table of the statistics stage whose rows have a status: what its columns may hold."""

    table: str
    key: tuple[str, ...]
    bounds: Mapping[str, tuple[Any, Any]]
    intervals: tuple[str, ...]
    always: tuple[str, ...]
    """Numbers and words that an ok row always has."""
    shown_when_insufficient: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refers: Mapping[str, str] = field(default_factory=dict)
    about_units: bool = True
    is_key: bool = True
    always_shown: tuple[str, ...] = ()
    """Numbers that say nothing of any answer, and stand in hidden rows too."""
    further: tuple[str, str] | None = None
    """One more rule: what it says, and SQL that picks the rows that break it."""


_POINTS, _DIFFERENCE, _POSITIVE = (0, 100), (-100, 100), (0, None)


def _with_bounds(names: Sequence[str], ends: tuple[Any, Any]) -> dict[str, tuple[Any, Any]]:
    return {f"{name}{end}": ends for name in names for end in ("", "_lower", "_upper")}


_ORDER = "bounds come in order"
_STATISTICS = (
    _Statistics(
        table="swot",
        key=("unit_id", "period", "pair_id", "side"),
        bounds={
            **{"score": _POINTS, "shortfall": _POINTS, "slope_p": (0, 1), "weight": (0, 1 + TOLERANCE)},
            **dict.fromkeys(("score_se", "slope_se", "driver_importance", "priority"), _POSITIVE),
            "priority_rank": (1, None),
        },
        intervals=(),
        always=("score", "score_se", "swot", "shortfall", "priority"),
        words={
            "side": SIDES,
            "trend": ("rising", "falling", "flat"),
            "swot": ("strength", "threat", "opportunity", "weakness"),
        },
        refers={"pair_id": "dim_pair.pair_id"},
        always_shown=("weight",),
    ),
    _Statistics(
        table="irritant_map",
        key=("unit_id", "period", "side", "theme"),
        bounds={**dict.fromkeys(("n", "events", "rate", "lower", "upper"), _POSITIVE), "trend_p": (0, 1)},
        intervals=(),
        always=("n", "events", "rate", "lower", "upper"),
        words={"side": SIDES, "trend": ("rising", "falling", "flat")},
        further=(_ORDER, "rate < lower OR rate > upper"),
    ),
    _Statistics(
        table="equity",
        key=("unit_id", "period", "population_a", "population_b"),
        bounds={
            **_with_bounds(("index_a", "index_b"), _POINTS),
            **_with_bounds(("difference",), _DIFFERENCE),
            **dict.fromkeys(("index_a_se", "index_b_se", "difference_se", "pairs_scored"), _POSITIVE),
            "weight_present": (0, 1 + TOLERANCE),
        },
        intervals=("index_a", "index_b", "difference"),
        always=("index_a", "index_b", "difference", "difference_se", "people_a", "people_b"),
        shown_when_insufficient=("pairs_scored", "weight_present"),
    ),
    _Statistics(
        table="beliefs",
        key=("unit_id", "period", "role", "dimension"),
        bounds={
            **_with_bounds(("estimate", "answer"), _POINTS),
            **_with_bounds(("difference",), _DIFFERENCE),
            **dict.fromkeys(("estimate_se", "answer_se", "difference_se", "estimates", "answers"), _POSITIVE),
        },
        intervals=("estimate", "answer", "difference"),
        always=("estimate", "answer", "difference", "difference_se", "estimating_people", "answering_people"),
    ),
    _Statistics(
        table="links",
        key=("mirror", "unit_level", "outcome", "predictor", "lag_months"),
        bounds={
            **dict.fromkeys(("p", "reliability"), (0, 1)),
            **dict.fromkeys(("within_r", "within_r_corrected"), (-1, 1)),
            **dict.fromkeys(("slope_se", "units", "months", "observations", "lag_months"), _POSITIVE),
        },
        intervals=("slope",),
        always=("slope", "slope_se", "p", "within_r"),
        shown_when_insufficient=("reliability", "units", "months", "observations", "lag_months"),
        words={"outcome": SIDES, "predictor": SIDES, "mirror": MIRRORS},
        about_units=False,
        always_shown=("lag_months",),
    ),
    _Statistics(
        table="drivers",
        key=("unit_level", "indicator_id"),
        bounds={
            **dict.fromkeys(("share", "presence", "reliability"), (0, 1 + TOLERANCE)),
            **dict.fromkeys(("weight", "weight_lower", "weight_upper", "r2"), (0, 1 + TOLERANCE)),
            **{"r": (-1, 1), "rank": (1, None), "units": _POSITIVE, "observations": _POSITIVE},
        },
        intervals=(),
        always=("weight", "weight_lower", "weight_upper", "share", "rank", "r", "r2"),
        shown_when_insufficient=("presence", "reliability", "units", "observations", "r2"),
        refers={"indicator_id": "dim_indicator.indicator_id"},
        about_units=False,
        further=(_ORDER, "weight_lower > weight_upper"),
    ),
    _Statistics(
        table="action_effects",
        key=("unit_id", "pair_id", "side"),
        bounds={
            **dict.fromkeys(("score_before", "score_after"), _POINTS),
            **{"p": (0, 1), "share_after": (0, 1 + TOLERANCE)},
            **dict.fromkeys(("effect_se", "controls", "other_actions", "months_after", "priority"), _POSITIVE),
        },
        intervals=("effect",),
        always=("verdict",),
        shown_when_insufficient=("controls", "other_actions", "months_after", "share_after", "priority", "verdict"),
        words={
            "side": SIDES,
            "verdict": ("continue", "improve", "stop", "start", "too_early"),
        },
        refers={"pair_id": "dim_pair.pair_id"},
        is_key=False,
        always_shown=("other_actions", "months_after", "verdict"),
        further=(
            "an action whose effect is not shown is judged by its dates alone",
            "status <> 'ok' AND verdict NOT IN ('too_early', 'start')",
        ),
    ),
    _Statistics(
        table="robustness",
        key=("unit_id", "period", "variant"),
        bounds={"symmetry_index": _POINTS, **dict.fromkeys(("rank", "rank_low", "rank_high"), (1, None))},
        intervals=(),
        always=("symmetry_index", "rank"),
        further=(_ORDER, "rank_low > rank OR rank > rank_high"),
    ),
)


def _statistics_suite(table: _Statistics, schema: str) -> TableSuite:
    key, numbers = table.key, tuple(dict.fromkeys((*table.bounds, *table.always)))
    never = tuple(name for name in numbers if name not in table.shown_when_insufficient)
    hidden = tuple(name for name in numbers if name not in table.always_shown)
    errors = tuple(name for name in numbers if name.endswith("_se"))
    about_units = {"unit_id": "dim_unit.unit_id", "period": "dim_period.period"}
    return TableSuite(
        suite=f"published.{table.table}",
        table=table.table,
        keys=key,
        columns=tuple(dict.fromkeys((*key, "status", *numbers, *table.words))),
        expectations=(
            *(_keyed(key, ("status",)) if table.is_key else [present((*key, "status"), key, _REPORT)]),
            one_of("status", STATUSES, _REPORT),
            *(one_of(name, words, _REPORT) for name, words in table.words.items()),
            within(table.bounds, key, _REPORT),
            *([_ordered(key, table.intervals, "value between its two bounds")] if table.intervals else []),
            *([no_row(table.further[0], _REPORT, where=table.further[1], show=key)] if table.further else []),
            _hidden(key, "status = 'suppressed'", hidden),
            _hidden(key, "status = 'insufficient'", [name for name in never if name not in table.always_shown]),
            _shown(key, "status = 'ok'", table.always),
            *([_certain(key, errors)] if errors else []),
            *_refers(key, schema, {**(about_units if table.about_units else {}), **dict(table.refers)}),
        ),
    )


def _unit_suite(schema: str) -> TableSuite:
    key = ("unit_id",)
    return TableSuite(
        suite="published.dim_unit",
        table="dim_unit",
        keys=key,
        columns=(
            *("unit_id", "unit_name", "unit_level", "parent_unit_id", "parent_unit_name", "depth"),
            *("valid_from", "valid_to"),
        ),
        expectations=(
            *_keyed(key, ("unit_name", "unit_level")),
            *_refers(key, schema, {"parent_unit_id": "dim_unit.unit_id"}),
            within({"depth": (0, 20)}, key, _REPORT),
            no_row(
                "no unit stands above itself",
                "Correct the parent of this unit in the source of units and deliver again.",
                where="parent_unit_id = unit_id",
                show=["unit_id", "unit_name"],
            ),
            no_row(
                "a unit's validity does not end before it begins",
                "Correct the validity dates of this unit in the source of units and deliver again.",
                where="valid_from > valid_to",
                show=["unit_id", "valid_from", "valid_to"],
            ),
        ),
    )


def _period_suite() -> TableSuite:
    key = ("period",)
    return TableSuite(
        suite="published.dim_period",
        table="dim_period",
        keys=key,
        columns=("period", "period_end", "year", "month", "label_en", "label_fr", "is_complete", "is_latest"),
        expectations=(
            *_keyed(key, ("period_end", "label_en", "label_fr", "is_complete", "is_latest")),
            within({"month": (1, 12)}, key, _REPORT),
            no_row(
                "a period is a whole calendar month",
                _REPORT,
                where="extract(day FROM period) <> 1 OR period_end <> last_day(period)",
                show=["period", "period_end"],
            ),
            no_row(
                "the latest period, and no other, is marked as such",
                _REPORT,
                where="is_latest <> (period = (SELECT max(period) FROM {batch}))",
                show=["period", "is_latest"],
            ),
        ),
    )


def _pair_suite(schema: str) -> TableSuite:
    key = ("pair_id",)
    weights = "Correct weights.csv in the definitions: weights of a mirror's pairs add up to 1, and so do mirrors'."
    labels = "Add the pair to labels.csv in the definitions, in English and French."
    return TableSuite(
        suite="published.dim_pair",
        table="dim_pair",
        keys=key,
        columns=(
            *("pair_id", "mirror", "client_indicator_id", "collaborator_indicator_id", "weight", "mirror_weight"),
            *("label_en", "label_fr", "sort_order"),
        ),
        expectations=(
            *_keyed(key, ("mirror", "client_indicator_id", "collaborator_indicator_id")),
            present(("weight", "mirror_weight"), key, weights),
            present(("label_en", "label_fr"), key, labels),
            one_of("mirror", MIRRORS, _REPORT),
            within({"weight": (0, 1), "mirror_weight": (0, 1)}, key, weights),
            no_row(
                "the weights of a mirror's pairs add up to 1",
                weights,
                where="mirror IN (SELECT mirror FROM {batch} GROUP BY mirror "
                f"HAVING abs(sum(weight) - 1) > {TOLERANCE!r})",
                show=["pair_id", "mirror", "weight"],
            ),
            *_refers(
                key,
                schema,
                {
                    "client_indicator_id": "dim_indicator.indicator_id",
                    "collaborator_indicator_id": "dim_indicator.indicator_id",
                },
            ),
        ),
    )


def _indicator_suite() -> TableSuite:
    key = ("indicator_id",)
    labels = "Add the indicator to labels.csv in the definitions, in English and French."
    return TableSuite(
        suite="published.dim_indicator",
        table="dim_indicator",
        keys=key,
        columns=(
            *("indicator_id", "side", "mirror", "kind", "measure", "topic", "multiplier", "floor", "goal"),
            *("window_months", "min_n", "protects", "unit_of_measure", "label_en", "label_fr", "sort_order"),
        ),
        expectations=(
            *_keyed(key, ("side", "mirror", "kind", "measure", "multiplier", "window_months", "min_n", "protects")),
            present(("label_en", "label_fr"), key, labels),
            one_of("side", SIDES, _REPORT),
            one_of("mirror", (*MIRRORS, "none"), _REPORT),
            one_of("kind", KINDS, _REPORT),
            one_of("protects", (*SIDES, "none"), _REPORT),
            no_row(
                "floor and goal differ and come together",
                "Correct goalposts.csv in the definitions.",
                where="floor = goal OR (floor IS NULL) <> (goal IS NULL)",
                show=["indicator_id", "floor", "goal"],
            ),
        ),
    )


def _keyed(key: Sequence[str], filled: Sequence[str]) -> list[Expectation]:
    return [unique(key, _REPORT), present((*key, *filled), key, _REPORT)]


def _ordered(key: Sequence[str], names: Sequence[str], what: str) -> Expectation:
    """Lower bound at most the value, value at most the upper bound, for each of the names."""
    broken = " OR ".join(
        f"{name} < {name}_lower - {TOLERANCE!r} OR {name} > {name}_upper + {TOLERANCE!r}" for name in names
    )
    columns = [f"{name}{end}" for name in names for end in ("_lower", "", "_upper")]
    return no_row(f"{what}, for {', '.join(names)}", _REPORT, where=broken, show=[*key, *columns])


def _equal(key: Sequence[str], column: str, formula: str, parts: Sequence[str]) -> Expectation:
    return no_row(
        f"{column} = {formula}",
        _REPORT,
        where=f"abs({column} - ({formula})) > {TOLERANCE!r}",
        show=[*key, column, *parts],
    )


def _hidden(key: Sequence[str], when: str, columns: Sequence[str]) -> Expectation:
    """Rows that are not to be shown show nothing; the message does not repeat the numbers, only where they stand."""
    tests = {name: f"{name} IS NOT NULL" for name in columns}
    return no_row(
        f"where {when}, no number is shown",
        _LEAK,
        where=f"{when} AND ({' OR '.join(tests.values())})",
        show=[*key, f"{which(tests)} AS shown"],
    )


def _shown(key: Sequence[str], when: str, columns: Sequence[str]) -> Expectation:
    tests = {name: f"{name} IS NULL" for name in columns}
    return no_row(
        f"where {when}, every figure is there",
        _REPORT,
        where=f"{when} AND ({' OR '.join(tests.values())})",
        show=[*key, f"{which(tests)} AS lacking"],
    )


def _certain(key: Sequence[str], errors: Sequence[str]) -> Expectation:
    return no_row(
        f"no figure is without error: {', '.join(errors)} above 0",
        "A standard error of exactly 0 claims certainty. Look at the variance of this indicator "
        "(pipelines/statistics/intervals.py); a feed whose value is at the very end of its scale may do this.",
        where=" OR ".join(f"{name} = 0" for name in errors),
        show=[*key, *errors],
        severity="warning",
    )


def _refers(key: Sequence[str], schema: str, references: dict[str, str]) -> list[Expectation]:
    """Every value of a column, where there is one, is in ``table.column``."""
    found = []
    for column, target in references.items():
        table, other = target.split(".")
        found.append(
            no_row(
                f"{column} is in {table}",
                _REPORT,
                where=f"{column} IS NOT NULL AND NOT EXISTS "
                f"(SELECT 1 FROM {schema}.{table} AS t WHERE t.{other} = subselect.{column})",
                show=dict.fromkeys([*key, column]),
            )
        )
    return found
