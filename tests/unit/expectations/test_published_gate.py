"""The publication gate passes a good file, and each of its expectations can fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from expectations.gate import ExpectationOutcome, GateResult
from expectations.published import check_published, published_suites

Break = Callable[[list[str]], Path]


def _scorecard(unit: int, change: str) -> str:
    return f"update scorecard set {change} where unit_id = 'u{unit:02}' and period = '2025-01-01'"


def _pairs(unit: int, change: str) -> str:
    where = f"unit_id = 'u{unit:02}' and period = '2025-01-01' and pair_id = 'trust'"
    return f"update scorecard_pairs set {change} where {where}"


def _indicators(unit: int, change: str, indicator: str = "client_trust") -> str:
    where = f"unit_id = 'u{unit:02}' and period = '2025-01-01' and indicator_id = '{indicator}'"
    return f"update scorecard_indicators set {change} where {where}"


def _ruptures(unit: int, change: str, pair: str = "is null") -> str:
    return f"update ruptures set {change} where unit_id = 'u{unit:02}' and pair_id {pair}"


def _signals(unit: int, change: str) -> str:
    return f"update signals set {change} where unit_id = 'u{unit:02}'"


def _shrunk(unit: int, change: str) -> str:
    where = f"unit_id = 'u{unit:02}' and period = '2025-01-01' and measure = 'gap'"
    return f"update shrunk_indices set {change} where {where}"


def _statistics(table: str, unit: int, change: str) -> str:
    return f"update {table} set {change} where unit_id = 'u{unit:02}' and period = '2025-01-01'"


_WITH_STATUS = {
    "swot": ("unit_id, period, pair_id, side", "score", "score_se"),
    "irritant_map": ("unit_id, period, side, theme", "rate", None),
    "equity": ("unit_id, period, population_a, population_b", "index_a", "difference_se"),
    "beliefs": ("unit_id, period, role, dimension", "estimate", "answer_se"),
    "robustness": ("unit_id, period, variant", "symmetry_index", None),
    "links": ("mirror, unit_level, outcome, predictor, lag_months", "slope", "slope_se"),
    "drivers": ("unit_level, indicator_id", "weight", None),
}
"""Key, a number that an ok row has, and an error, by table."""

# (table, what the expectation says, SQL that breaks it), each on a row of its own where that is possible. Unit u01 is
# suppressed, u02 has insufficient indicators; all others are ok.
MUTATIONS: list[tuple[str, str, str]] = [
    ("scorecard", "(unit_id, period) is unique", "insert into scorecard from scorecard where unit_id = 'u03'"),
    ("scorecard", "status is one of ok, suppressed, insufficient", _scorecard(5, "status = 'fine'")),
    ("scorecard", "quadrant is one of", _scorecard(6, "quadrant = 'good'")),
    ("scorecard", "gap = client_index - collaborator_index", _scorecard(7, "gap = 12")),
    ("scorecard", "level = sqrt(client_index * collaborator_index)", _scorecard(8, "level = 65")),
    ("scorecard", "symmetry = 100 - abs(gap)", _scorecard(9, "symmetry = 91")),
    ("scorecard", "symmetry_index = level * symmetry / 100", _scorecard(10, "symmetry_index = 59")),
    ("scorecard", "value between its two bounds", _scorecard(11, "client_index_upper = 69")),
    ("scorecard", "where status <> 'ok', no number is shown", _scorecard(18, "status = 'insufficient'")),
    ("scorecard", "where status = 'suppressed', no number is shown", _scorecard(1, "weight_present = 0.4")),
    ("scorecard", "where status = 'ok', every figure is there", _scorecard(25, "symmetry_index = null")),
    ("scorecard", "an index stands on at least 60 % of the weight", _scorecard(20, "weight_present = 0.59")),
    ("scorecard", "no figure is without error", _scorecard(21, "gap_se = 0")),
    ("scorecard", "unit_id is in dim_unit", _scorecard(22, "unit_id = 'u99'")),
    ("scorecard", "period is in dim_period", _scorecard(23, "period = '2024-01-01'")),
    ("scorecard", "parent_unit_id is in dim_unit", _scorecard(24, "parent_unit_id = 'u98'")),
    ("scorecard_pairs", "(unit_id, period, pair_id) is unique", _pairs(3, "pair_id = 'responsiveness'")),
    ("scorecard_pairs", "client_status is one of", _pairs(5, "client_status = 'fine'")),
    ("scorecard_pairs", "collaborator_status is one of", _pairs(5, "collaborator_status = 'fine'")),
    ("scorecard_pairs", "status is one of", _pairs(5, "status = 'fine'")),
    ("scorecard_pairs", "mirror is one of", _pairs(6, "mirror = 'none'")),
    ("scorecard_pairs", "value between its two bounds", _pairs(10, "collaborator_score_lower = 61")),
    ("scorecard_pairs", "gap = client_score - collaborator_score", _pairs(11, "gap = 9")),
    ("scorecard_pairs", "where status <> 'ok', no number is shown", _pairs(1, "gap = 10")),
    (
        "scorecard_pairs",
        "where client_status <> 'ok', no number is shown",
        _pairs(12, "client_status = 'insufficient'"),
    ),
    (
        "scorecard_pairs",
        "where collaborator_status <> 'ok', no number is shown",
        _pairs(12, "collaborator_status = 'suppressed'"),
    ),
    ("scorecard_pairs", "where status = 'ok', every figure is there", _pairs(13, "gap_upper = null")),
    ("scorecard_pairs", "a pair is ok exactly when both its faces are", _pairs(14, "status = 'insufficient'")),
    ("scorecard_pairs", "no figure is without error", _pairs(15, "gap_se = 0")),
    ("scorecard_pairs", "unit_id is in dim_unit", _pairs(16, "unit_id = 'u99'")),
    ("scorecard_pairs", "period is in dim_period", _pairs(17, "period = '2024-01-01'")),
    ("scorecard_pairs", "pair_id is in dim_pair", _pairs(18, "pair_id = 'hope'")),
    (
        "scorecard_pairs",
        "a unit's row of pairs has its row in the scorecard",
        "delete from scorecard where unit_id = 'u19'",
    ),
    (
        "scorecard_indicators",
        "(unit_id, period, population, indicator_id) is unique",
        "insert into scorecard_indicators from scorecard_indicators where unit_id = 'u03'",
    ),
    ("scorecard_indicators", "status is one of", _indicators(5, "status = 'fine'")),
    ("scorecard_indicators", "side is one of", _indicators(5, "side = 'clients'")),
    ("scorecard_indicators", "mirror is one of", _indicators(5, "mirror = 'x'")),
    ("scorecard_indicators", "variance_source is one of", _indicators(5, "variance_source = 'guess'")),
    ("scorecard_indicators", "population is one of all", _indicators(6, "population = 'field'")),
    ("scorecard_indicators", "value between its two bounds", _indicators(10, "value_lower = 3.9")),
    ("scorecard_indicators", "where status = 'suppressed', no number is shown", _indicators(1, "n = 3")),
    ("scorecard_indicators", "where status = 'insufficient', no number is shown", _indicators(2, "score = 50")),
    (
        "scorecard_indicators",
        "median and 90th percentile of durations come together and in order",
        _indicators(18, "duration_median_hours = 41", "client_responsiveness"),
    ),
    ("scorecard_indicators", "where status = 'ok', every figure is there", _indicators(11, "value_upper = null")),
    ("scorecard_indicators", "no figure about people stands for fewer than 5", _indicators(12, "people = 4")),
    ("scorecard_indicators", "no figure about people is a count of fewer than 5", _indicators(13, "n = 4")),
    ("scorecard_indicators", "no figure is without error", _indicators(14, "value_se = 0")),
    ("scorecard_indicators", "unit_id is in dim_unit", _indicators(15, "unit_id = 'u99'")),
    ("scorecard_indicators", "period is in dim_period", _indicators(16, "period = '2024-01-01'")),
    ("scorecard_indicators", "indicator_id is in dim_indicator", _indicators(17, "indicator_id = 'client_hope'")),
    ("ruptures", "(unit_id, start_period, pair_id) is unique", "insert into ruptures from ruptures where months = 2"),
    ("ruptures", "side is one of", _ruptures(3, "side = 'both'")),
    ("ruptures", "value between its two bounds", _ruptures(4, "peak_gap_lower = 26")),
    ("ruptures", "an episode is open exactly when it has no end", _ruptures(5, "is_open = false")),
    ("ruptures", "the side that fares better is the side of the gap", _ruptures(6, "side = 'collaborator'")),
    ("ruptures", "the months of a rupture are shown", "update scorecard set status = 'x' where unit_id = 'u07'"),
    ("ruptures", "the months of a rupture are shown", "delete from scorecard_pairs where unit_id = 'u08'"),
    ("ruptures", "unit_id is in dim_unit", _ruptures(9, "unit_id = 'u99'")),
    ("ruptures", "pair_id is in dim_pair", _ruptures(10, "pair_id = 'hope'", "= 'trust'")),
    ("signals", "(unit_id, measure, period, rule) is unique", "insert into signals from signals"),
    ("signals", "direction is one of above, below", _signals(3, "direction = 'up'")),
    ("signals", "measure is one of", _signals(4, "measure = 'level'")),
    ("signals", "no figure is without error", _signals(5, "sigma = 0")),
    ("signals", "a signal is about a month that the scorecard shows", _signals(6, "period = '2024-01-01'")),
    (
        "shrunk_indices",
        "(unit_id, period, measure) is unique",
        "insert into shrunk_indices from shrunk_indices where unit_id = 'u03'",
    ),
    ("shrunk_indices", "measure is one of", _shrunk(4, "measure = 'level'")),
    ("shrunk_indices", "value between its two bounds", _shrunk(5, "shrunk_upper = 7")),
    ("shrunk_indices", "no figure is without error", _shrunk(6, "shrunk_se = 0")),
    ("shrunk_indices", "a unit that the scorecard does not show", _shrunk(1, "rank = 3")),
    ("shrunk_indices", "no rank is below the number ranked", _shrunk(7, "rank = 41")),
    *(
        mutation
        for table, (key, number, error) in _WITH_STATUS.items()
        for mutation in (
            (table, f"({key}) is unique", f"insert into {table} from {table} where unit_id = 'u03'"),
            (table, "status is one of", _statistics(table, 4, "status = 'fine'")),
            (table, "where status = 'suppressed', no number is shown", _statistics(table, 1, f"{number} = 50")),
            (table, "where status = 'insufficient', no number is shown", _statistics(table, 2, f"{number} = 50")),
            (table, "where status = 'ok', every figure is there", _statistics(table, 5, f"{number} = null")),
            *([(table, "no figure is without error", _statistics(table, 8, f"{error} = 0"))] if error else []),
        )
    ),
    *(
        mutation
        for table in (*list(_WITH_STATUS)[:5], "action_effects")
        for mutation in (
            (table, "unit_id is in dim_unit", _statistics(table, 6, "unit_id = 'u99'")),
            (table, "period is in dim_period", _statistics(table, 7, "period = '2024-01-01'")),
        )
    ),
    ("links", "value between its two bounds", _statistics("links", 10, "slope_lower = 0.5")),
    *(("links", f"{name} is one of", _statistics("links", 9, f"{name} = 'x'")) for name in ("outcome", "predictor")),
    ("links", "mirror is one of", _statistics("links", 9, "mirror = 'x'")),
    ("drivers", "bounds come in order", _statistics("drivers", 9, "weight_lower = 0.4")),
    ("drivers", "indicator_id is in dim_indicator", _statistics("drivers", 10, "indicator_id = 'x'")),
    ("action_effects", "status is one of", _statistics("action_effects", 4, "status = 'fine'")),
    (
        "action_effects",
        "where status = 'suppressed', no number is shown",
        _statistics("action_effects", 1, "effect_se = 2"),
    ),
    (
        "action_effects",
        "where status = 'insufficient', no number is shown",
        _statistics("action_effects", 2, "effect_se = 2"),
    ),
    (
        "action_effects",
        "where status = 'ok', every figure is there",
        _statistics("action_effects", 5, "verdict = null"),
    ),
    ("action_effects", "no figure is without error", _statistics("action_effects", 8, "effect_se = 0")),
    (
        "action_effects",
        "an action whose effect is not shown is judged by its dates alone",
        _statistics("action_effects", 2, "verdict = 'continue'"),
    ),
    ("action_effects", "side is one of", _statistics("action_effects", 9, "side = 'both'")),
    ("action_effects", "verdict is one of", _statistics("action_effects", 9, "verdict = 'wait'")),
    ("action_effects", "pair_id is in dim_pair", _statistics("action_effects", 10, "pair_id = 'hope'")),
    ("action_effects", "value between its two bounds", _statistics("action_effects", 11, "effect_upper = 8")),
    ("swot", "side is one of", _statistics("swot", 9, "side = 'both'")),
    ("swot", "trend is one of", _statistics("swot", 9, "trend = 'up'")),
    ("swot", "swot is one of", _statistics("swot", 9, "swot = 'risk'")),
    ("swot", "pair_id is in dim_pair", _statistics("swot", 10, "pair_id = 'hope'")),
    ("irritant_map", "side is one of", _statistics("irritant_map", 9, "side = 'both'")),
    ("irritant_map", "trend is one of", _statistics("irritant_map", 9, "trend = 'up'")),
    ("irritant_map", "bounds come in order", _statistics("irritant_map", 10, "lower = 4")),
    ("robustness", "bounds come in order", _statistics("robustness", 10, "rank_low = 5")),
    ("equity", "value between its two bounds", _statistics("equity", 10, "index_b_lower = 67")),
    ("beliefs", "value between its two bounds", _statistics("beliefs", 10, "difference_upper = 14")),
    ("dim_unit", "unit_id is unique", "insert into dim_unit from dim_unit where unit_id = 'u03'"),
    ("dim_unit", "parent_unit_id is in dim_unit", "update dim_unit set parent_unit_id = 'u97' where unit_id = 'u05'"),
    ("dim_unit", "no unit stands above itself", "update dim_unit set parent_unit_id = 'u07' where unit_id = 'u07'"),
    (
        "dim_unit",
        "a unit's validity does not end before",
        "update dim_unit set valid_to = '1800-01-01' where unit_id = 'u08'",
    ),
    ("dim_period", "period is unique", "insert into dim_period from dim_period where month = 1"),
    ("dim_period", "the latest period, and no other", "update dim_period set is_latest = true where month = 1"),
    (
        "dim_period",
        "a period is a whole calendar month",
        "update dim_period set period_end = '2025-01-30' where month = 1",
    ),
    ("dim_pair", "pair_id is unique", "insert into dim_pair from dim_pair where pair_id = 'trust'"),
    ("dim_pair", "the weights of a mirror's pairs add up to 1", "update dim_pair set weight = 0.9 where weight = 1"),
    ("dim_pair", "mirror is one of", "update dim_pair set mirror = 'none' where pair_id = 'trust'"),
    *(
        ("dim_pair", f"{face}_indicator_id is in dim_indicator", f"update dim_pair set {face}_indicator_id = 'x'")
        for face in ("client", "collaborator")
    ),
    ("dim_indicator", "indicator_id is unique", "insert into dim_indicator from dim_indicator where kind = 'mean'"),
    ("dim_indicator", "side is one of", "update dim_indicator set side = 'x' where indicator_id = 'client_trust'"),
    ("dim_indicator", "mirror is one of", "update dim_indicator set mirror = 'x' where indicator_id = 'client_trust'"),
    ("dim_indicator", "kind is one of", "update dim_indicator set kind = 'x' where indicator_id = 'client_trust'"),
    (
        "dim_indicator",
        "protects is one of",
        "update dim_indicator set protects = 'all' where indicator_id = 'client_trust'",
    ),
    (
        "dim_indicator",
        "floor and goal differ and come together",
        "update dim_indicator set goal = null where indicator_id = 'client_trust'",
    ),
]

# Column to a value outside its range, by table.
OUTSIDE: dict[str, dict[str, float]] = {
    "links": {
        **{"p": 1.5, "reliability": -0.5, "within_r": 2, "within_r_corrected": 2},
        **dict.fromkeys(("slope_se", "units", "months", "observations", "lag_months"), -1),
    },
    "drivers": {
        **dict.fromkeys(("share", "presence", "reliability", "weight", "weight_lower", "weight_upper", "r2"), 1.5),
        **{"r": 2, "rank": 0, "units": -1, "observations": -1},
    },
    "action_effects": {
        **{"score_before": 101, "score_after": -1, "p": 2, "share_after": 1.5},
        **dict.fromkeys(("effect_se", "controls", "other_actions", "months_after", "priority"), -1),
    },
    "swot": {
        **{"score": 101, "shortfall": -1, "slope_p": 1.5, "weight": 1.1, "priority_rank": 0},
        **dict.fromkeys(("score_se", "slope_se", "driver_importance", "priority"), -1),
    },
    "irritant_map": {**dict.fromkeys(("n", "events", "rate", "lower", "upper"), -1), "trend_p": 1.5},
    "equity": {
        **{f"{name}{end}": 101 for name in ("index_a", "index_b", "difference") for end in ("", "_lower", "_upper")},
        **dict.fromkeys(("index_a_se", "index_b_se", "difference_se", "pairs_scored"), -1),
        "weight_present": 1.2,
    },
    "beliefs": {
        **{f"{name}{end}": 101 for name in ("estimate", "answer", "difference") for end in ("", "_lower", "_upper")},
        **dict.fromkeys(("estimate_se", "answer_se", "difference_se", "estimates", "answers"), -1),
    },
    "robustness": {"symmetry_index": 101, "rank": 0, "rank_low": 0, "rank_high": 0},
    "ruptures": {
        **dict.fromkeys(("peak_gap", "peak_gap_lower", "peak_gap_upper", "mean_gap"), 101),
        **{"smallest_q": 1.5, "months": 0},
    },
    "signals": {"value": 101, "centre": -101, "sigma": -1},
    "shrunk_indices": {
        **dict.fromkeys(("shrunk", "shrunk_lower", "shrunk_upper"), 101),
        **{"shrinkage": 1.2, "rank": 0},
    },
    "scorecard": {
        **{f"{side}_index{end}": 101 for side in ("client", "collaborator") for end in ("", "_lower", "_upper")},
        **dict.fromkeys(("level", "symmetry", "symmetry_index", "symmetry_index_lower", "symmetry_index_upper"), -1),
        **{
            f"{mirror}_{side}": 100.5
            for mirror in ("perception", "journey", "conduct")
            for side in ("client", "collaborator")
        },
        **{"human_sigma": 101, "gap": 120, "gap_lower": -120, "gap_upper": 120, "weight_present": 1.2},
        **dict.fromkeys(("client_index_se", "collaborator_index_se", "gap_se", "pairs_scored"), -1),
    },
    "scorecard_pairs": {
        **{f"{side}_score{end}": 101 for side in ("client", "collaborator") for end in ("", "_lower", "_upper")},
        **{"gap": -101, "gap_lower": -101, "gap_upper": 101, "gap_se": -1},
    },
    "scorecard_indicators": {
        **{"score": 101, "score_lower": -1, "score_upper": 101, "value_se": -1, "score_se": -1, "n": -1, "people": -1},
        **{"window_months": 0, "duration_median_hours": -2, "duration_p90_hours": -1},
    },
    "dim_unit": {"depth": 21},
    "dim_period": {"month": 13},
    "dim_pair": {"weight": 1.1, "mirror_weight": -1},
}


def _outside(table: str) -> str:
    row = {"dim_period": "month = 1", "dim_pair": "pair_id = 'responsiveness'"}.get(table, "unit_id = 'u26'")
    changes = ", ".join(f"{name} = {value}" for name, value in OUTSIDE[table].items())
    return f"update {table} set {changes} where {row}"


@pytest.fixture(scope="module")
def broken(break_published: Break) -> GateResult:
    """What the gate finds in a file with every mutation at once."""
    return check_published(break_published([*(sql for _, _, sql in MUTATIONS), *map(_outside, OUTSIDE)]))


@pytest.fixture(scope="module")
def nulls(break_published: Break) -> GateResult:
    """What the gate finds when every table holds a row of nulls."""
    columns = {"ruptures": "months", "dim_unit": "depth", "dim_pair": "sort_order", "dim_indicator": "sort_order"}
    tables = [suite.table for suite in published_suites()]
    return check_published(
        break_published([f"insert into {table} ({columns.get(table, 'period')}) values (null)" for table in tables])
    )


@pytest.fixture(scope="module")
def empty(break_published: Break) -> GateResult:
    """What the gate finds when there is nothing to publish."""
    return check_published(break_published(["delete from scorecard"]))


def _failed(result: GateResult, table: str, says: str) -> list[ExpectationOutcome]:
    return [o for o in result.outcomes if o.table == table and o.says.startswith(says) and not o.success]


def test_good_file_passes(published_template: Path) -> None:
    result = check_published(published_template)
    assert result.success, result.message()
    assert not result.warnings
    assert (
        result.message() == f"The publication gate is open: {len(result.outcomes)} expectations on 18 tables checked."
    )
    with duckdb.connect(str(published_template)) as connection:
        connection.execute("create temporary table free as select 1")


@pytest.mark.parametrize(("table", "says"), [(table, says) for table, says, _ in MUTATIONS])
def test_mutation_is_found(broken: GateResult, table: str, says: str) -> None:
    [outcome] = _failed(broken, table, says)
    assert "could not check" not in outcome.message
    assert outcome.unexpected_count
    assert outcome.examples_by_key
    assert outcome.remedy in outcome.message


def test_durations_beside_a_share_that_is_not_shown_are_found(break_published: Break) -> None:
    change = "duration_median_hours = 3, duration_p90_hours = 3"
    result = check_published(break_published([_indicators(unit, change, "client_responsiveness") for unit in (1, 2)]))
    for status in ("suppressed", "insufficient"):
        [outcome] = _failed(result, "scorecard_indicators", f"where status = '{status}', no number is shown")
        assert outcome.unexpected_count == 1


@pytest.mark.parametrize("table", list(OUTSIDE))
def test_value_outside_its_range_is_found(broken: GateResult, table: str) -> None:
    [outcome] = [o for o in broken.failures if o.table == table and "outside" in next(iter(o.examples_by_key), {})]
    [example] = [e for e in outcome.examples_by_key if all(name in e["outside"] for name in OUTSIDE[table])][:1]
    assert f"={float(next(iter(OUTSIDE[table].values()))):g}" in example["outside"].replace(".0", "")


def test_null_where_a_value_must_be_is_found(nulls: GateResult) -> None:
    for suite in published_suites():
        outcomes = [
            o for o in nulls.failures if o.table == suite.table and "lacking" in (o.examples_by_key or ({},))[0]
        ]
        assert {name for o in outcomes for name in o.examples_by_key[0]["lacking"].split(", ")} >= set(suite.keys)


def test_every_expectation_can_fail(broken: GateResult, nulls: GateResult, empty: GateResult) -> None:
    failed = {(o.table, o.says) for result in (broken, nulls, empty) for o in result.outcomes if not o.success}
    expected = {(suite.table, e.meta["says"]) for suite in published_suites() for e in suite.expectations if e.meta}
    assert expected - failed == set()


def test_hidden_number_is_not_repeated(broken: GateResult) -> None:
    [outcome] = _failed(broken, "scorecard_indicators", "where status = 'suppressed'")
    [example] = outcome.examples_by_key
    assert example["unit_id"] == "u01"
    assert example["shown"] == "n"
    assert "n=3" not in outcome.message
    [few] = _failed(broken, "scorecard_indicators", "no figure about people stands for fewer than 5")
    assert "people=" not in few.message


def test_message_names_expectation_rows_examples_and_remedy(broken: GateResult) -> None:
    [outcome] = _failed(broken, "scorecard", "gap = client_index - collaborator_index")
    assert outcome.severity == "error"
    assert outcome in broken.failures
    assert outcome.message.startswith(
        "scorecard: gap = client_index - collaborator_index [unexpected_rows_expectation] does not hold in"
    )
    assert "unit_id=u07, period=2025-01-01, gap=12, client_index=70, collaborator_index=60" in outcome.message
    assert "What to do: Nothing is published and the last publication stays." in outcome.message
    assert outcome.message in broken.message()


def test_certainty_only_warns(break_published: Break) -> None:
    result = check_published(break_published([_scorecard(21, "gap_se = 0")]))
    assert result.success
    [warning] = result.warnings
    assert warning.examples_by_key[0]["unit_id"] == "u21"
    assert ", 1 warning." in result.message()


def test_empty_scorecard_closes_the_gate(empty: GateResult) -> None:
    [outcome] = _failed(empty, "scorecard", "the scorecard is not empty")
    assert not empty.success
    assert "found 0" in outcome.message
    assert "validity dates" in outcome.remedy


def test_k_and_coverage_are_the_companys(break_published: Break, published_template: Path) -> None:
    assert not check_published(published_template, min_respondents=11).success
    assert not check_published(break_published(["update scorecard set weight_present = 0.7"]), coverage=0.8).success


def test_exposures_and_services_are_no_counts_of_people(break_published: Break) -> None:
    # n of a rate is person-months; what is about no person has no people.
    path = break_published(
        [
            "update dim_indicator set measure = 'voluntary_turnover', kind = 'rate' "
            "where indicator_id = 'collaborator_trust'",
            "update scorecard_indicators set n = 2.5 where indicator_id = 'collaborator_trust' and status = 'ok'",
        ]
    )
    assert check_published(path).success
