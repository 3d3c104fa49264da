"""The indicators of the tiny company against figures worked out by hand (see tiny_company)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

Window = Callable[..., Any]

JANUARY, FEBRUARY = 31, 28
E3 = 10 / 30 + 1 + 15 / 30
"""Person-months of e3, who came on 21 April and left on 15 June."""
E4 = 22 / 31 + 20 / 28
"""Person-months of e4, from 10 January to 20 February."""
C2 = 14 / 28 + 1 + 1 + 10 / 31
"""Client-months of c2, from 15 February to 10 May."""


def figures(cell: Any) -> tuple[float, float, int | None]:
    return cell.n, cell.s1, cell.people


class TestSurvey:
    def test_mean_has_sum_and_sum_of_squares(self, window: Window) -> None:
        cell = window("client_trust", "a", "04")
        assert (cell.n, cell.s1, cell.s2, cell.people) == (2, 100, 75**2 + 25**2, 2)

    def test_anonymous_answer_is_a_person_by_its_response(self, window: Window) -> None:
        assert figures(window("client_trust", "c", "04")) == (3, 200, 3)

    def test_net_promoter_score_counts_promoters_less_detractors(self, window: Window) -> None:
        cell = window("client_recommendation", "a", "04")
        assert (cell.n, cell.s1, cell.s2) == (2, 0, 2)

    def test_satisfaction_with_a_moment_stays_in_the_journey(self, window: Window) -> None:
        assert figures(window("client_satisfaction", "a", "04")) == (1, 1, 1)
        assert figures(window("client_moment_complaint", "a", "04")) == (1, 0, 1)
        assert figures(window("collaborator_moment_suggestion_response", "a", "04")) == (1, 1, 1)

    def test_estimates_of_the_other_side_are_left_out(self, window: Window) -> None:
        assert figures(window("collaborator_satisfaction", "a", "04")) == (1, 0, 1)

    def test_window_ends_after_three_months(self, window: Window) -> None:
        assert figures(window("client_trust", "a", "06")) == (2, 100, 2)
        assert window("client_trust", "a", "03") is None

    def test_named_population_stands_beside_all(self, window: Window) -> None:
        assert figures(window("collaborator_trust", "c", "05")) == (2, 150, 2)
        assert figures(window("collaborator_trust", "c", "05", "field")) == (1, 100, 1)
        assert figures(window("collaborator_trust", "c", "05", "office")) == (1, 50, 1)

    def test_participation_over_the_staff_of_two_waves(self, window: Window) -> None:
        # April: e1 of e1, e2, e3, e5. May: e3 of the same four.
        assert figures(window("collaborator_participation", "c", "06")) == (8, 2, 4)
        # e2 counts where the month ends: in b.
        assert figures(window("collaborator_participation", "a", "04")) == (2, 1, 2)


class TestComposites:
    def test_respondent_mean_is_weighted_over_the_pairs_answered(self, window: Window) -> None:
        # Shared: trust (.07), recommendation (.09), satisfaction (.08). c1 answered all, c2 two of three, r3 one.
        c1 = (0.07 * 75 + 0.09 * 100 + 0.08 * 100) / 0.24
        c2 = (0.07 * 25 + 0.09 * 0) / 0.16
        cell = window("composite.perception.client", "a", "04")
        assert (cell.n, cell.people) == (2, 2)
        assert cell.s1 == pytest.approx(c1 + c2)
        assert cell.s2 == pytest.approx(c1**2 + c2**2)

    def test_fewer_than_half_answered_are_left_out(self, window: Window) -> None:
        assert window("composite.perception.client", "b", "04") is None
        assert window("composite.perception.collaborator", "b", "05") is None

    def test_each_side_and_mirror_has_its_own(self, window: Window) -> None:
        assert window("composite.perception.collaborator", "a", "04").s1 == pytest.approx((7 + 9) / 0.24)
        assert figures(window("composite.journey.client", "a", "04")) == (1, 0, 1)
        assert figures(window("composite.journey.collaborator", "a", "04")) == (1, 100, 1)


class TestCases:
    def test_only_cases_past_their_deadline_count(self, window: Window) -> None:
        # April to June: case 2 late, case 3 never, case 4 in time; case 5 is too young.
        assert figures(window("client_responsiveness", "c", "06")) == (3, 1, 3)
        # Case 4 is old enough for a reply and too young for a resolution.
        assert figures(window("client_resolution", "c", "06")) == (2, 1, 2)

    def test_month_of_opening_and_unit_of_the_case(self, window: Window) -> None:
        assert figures(window("client_responsiveness", "a", "03")) == (1, 1, 1)

    def test_reopened_of_those_resolved_in_the_month_of_resolution(self, window: Window) -> None:
        # Case 1 was resolved in March, after being reopened twice; case 2 in April; cases 4 and 5, young as they are,
        # in June; case 3 never.
        assert figures(window("client_reopen_rate", "a", "03")) == (1, 1, 1)
        assert figures(window("client_reopen_rate", "c", "05")) == (2, 1, 1)
        assert figures(window("client_reopen_rate", "c", "06")) == (3, 0, 2)

    def test_complaints_over_client_months(self, window: Window) -> None:
        # a, April to June: c2 for April and 10 days of May; c1 has gone to b.
        n, complaints, people = figures(window("client_irritants", "a", "06"))
        assert (n, complaints, people) == (pytest.approx(1 + 10 / 31), 1, 1)

    def test_detractors_called_back_within_the_days(self, window: Window) -> None:
        # c2 called after 5 days; c1 called the day before the answer, so not; the answer of 28 June is too young.
        assert figures(window("client_voice", "c", "06")) == (2, 1, 2)


class TestClients:
    def test_loss_over_client_months_of_a_year(self, window: Window) -> None:
        n, lost, people = figures(window("client_loyalty", "c", "06"))
        assert (n, lost, people) == (pytest.approx(6 + C2 + 4), 1, 3)

    def test_retention_is_100_less_the_losses_of_a_year(self, window: Window) -> None:
        loss, kept = window("client_loyalty", "c", "06"), window("client_retention", "c", "06")
        assert figures(kept) == (pytest.approx((6 + C2 + 4) / 12), pytest.approx((6 + C2 + 4) / 12 - 1), 3)
        assert 100 * kept.s1 / kept.n == pytest.approx(100 - 1200 * loss.s1 / loss.n)

    def test_roll_up_follows_the_hierarchy_of_each_month(self, window: Window) -> None:
        # Site s: all of team a, and of b only March (c3). Site s2: b from April on (c1, c3).
        n, lost, people = figures(window("client_loyalty", "s", "06"))
        assert (n, lost, people) == (pytest.approx(3 + C2 + 1), 1, 3)
        assert figures(window("client_loyalty", "s2", "06")) == (pytest.approx(6), 0, 2)

    def test_new_clients_count_in_the_month_they_mature(self, window: Window) -> None:
        # c2: 90 days on 16 May, gone on the 10th. c3: 90 days on 30 May, still there.
        assert window("client_welcome", "c", "04") is None
        assert figures(window("client_welcome", "a", "05")) == (1, 0, 1)
        assert figures(window("client_welcome", "b", "05")) == (1, 1, 1)

    def test_proactive_contact_is_a_snapshot_over_the_look_back(self, window: Window) -> None:
        # The record begins in February and the look-back is two months, so the first snapshot is March.
        assert window("client_proactive_attention", "c", "02") is None
        assert figures(window("client_proactive_attention", "c", "03")) == (3, 1, 3)
        assert figures(window("client_proactive_attention", "c", "04")) == (3, 0, 3)
        assert figures(window("client_proactive_attention", "c", "06")) == (2, 1, 2)


class TestEmployees:
    def test_exposure_counts_days(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        april = dict(
            warehouse.execute(
                "select unit_id, sum(person_months) from indicators.exposure_employees "
                "where period = '2025-04-01' group by all"
            ).fetchall()
        )
        # e2 spends 10 days in a and 20 in b; e3 comes on the 21st: 10 days of 30.
        assert april == {"a": pytest.approx(2 + 10 / 30), "b": pytest.approx(20 / 30 + 10 / 30)}

    def test_voluntary_departures_over_person_months(self, window: Window) -> None:
        n, left, people = figures(window("collaborator_loyalty", "c", "06"))
        assert (n, left, people) == (pytest.approx(6 + 6 + 4 + E3 + E4), 2, 5)
        # e2 is in the field up to 10 April, in the office from then on, and one person in all.
        field = 6 + (3 + 10 / 30) + 4
        office = (20 / 30 + 2) + E3 + E4
        assert figures(window("collaborator_loyalty", "c", "06", "field")) == (pytest.approx(field), 0, 3)
        assert figures(window("collaborator_loyalty", "c", "06", "office")) == (pytest.approx(office), 2, 3)

    @pytest.mark.parametrize("population", ["all", "field", "office"])
    def test_retention_is_100_less_the_voluntary_departures_of_a_year(self, window: Window, population: str) -> None:
        left = window("collaborator_loyalty", "c", "06", population)
        kept = window("collaborator_retention", "c", "06", population)
        assert (kept.n, kept.people) == (pytest.approx(left.n / 12), left.people)
        assert 100 * kept.s1 / kept.n == pytest.approx(100 - 1200 * left.s1 / left.n)

    def test_french_turnover(self, window: Window) -> None:
        # Headcount at the opening of January to June: 2, 3, 2, 3, 4, 4. Three entries and two departures, by halves.
        cell = window("collaborator_turnover_french", "c", "06")
        assert (cell.n, cell.s1) == (18, 2.5)

    def test_new_hires_count_in_the_month_they_mature(self, window: Window) -> None:
        # e4 had left by 10 April; e5 was there on 30 May; e3 has not reached 90 days.
        assert figures(window("collaborator_welcome", "b", "04")) == (1, 0, 1)
        assert figures(window("collaborator_welcome", "c", "06")) == (2, 1, 2)

    def test_attention_to_employees(self, window: Window) -> None:
        # February: e1 had an interview in January. April and May: e2 was trained in April.
        assert window("collaborator_proactive_attention", "c", "01") is None
        assert figures(window("collaborator_proactive_attention", "c", "02")) == (2, 1, 2)
        assert figures(window("collaborator_proactive_attention", "c", "03")) == (3, 0, 3)
        assert figures(window("collaborator_proactive_attention", "b", "05")) == (2, 1, 2)

    def test_absence_is_spread_over_its_days(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        absent = {
            (unit, f"{period:%m}"): s1
            for unit, period, s1 in warehouse.execute(
                "select unit_id, period, sum(s1) from indicators.indicator_people "
                "where indicator_id = 'collaborator_absenteeism' group by all having sum(s1) > 0"
            ).fetchall()
        }
        # e1: 42 hours over six days, three in April and three in May. e3: all of May. Paid leave does not count.
        half = pytest.approx(21 / 151.67)
        assert absent == {("a", "04"): half, ("a", "05"): half, ("b", "05"): pytest.approx(1)}

    def test_training_hours_over_fte_months(self, window: Window) -> None:
        cell = window("collaborator_training_hours", "b", "06")
        assert (cell.n, cell.s1) == (pytest.approx(20 / 30 + 2 + E3 + E4), 7)
        # One person-month of 20 days holds the seven hours.
        assert cell.s2 == pytest.approx(7**2 / (20 / 30))


class TestRequests:
    def test_first_reply_and_resolution(self, window: Window) -> None:
        # Replies in 10 h and 1 h in time, 700 h late, none. An anonymous request is not a person.
        assert figures(window("collaborator_responsiveness", "c", "06")) == (4, 2, 2)
        assert figures(window("collaborator_resolution", "c", "06")) == (2, 1, 1)

    def test_reopened_of_those_resolved(self, window: Window) -> None:
        # Request 1, reopened once, in May; request 4, of nobody known, in June; the others are not resolved.
        assert figures(window("collaborator_reopen_rate", "c", "06")) == (2, 1, 1)
        assert figures(window("collaborator_reopen_rate", "c", "06", "field")) == (1, 1, 1)

    def test_suggestions_have_thirty_days(self, window: Window) -> None:
        assert figures(window("collaborator_voice", "a", "06")) == (1, 1, 1)

    def test_rates_over_person_months(self, window: Window) -> None:
        exposure = pytest.approx(2 + 10 / 30 + 2 + 2)
        assert figures(window("collaborator_irritants", "a", "06")) == (exposure, 1, 3)
        year = pytest.approx(6 + 3 + 10 / 30 + 4)
        assert figures(window("collaborator_suggestions_made", "a", "06")) == (year, 2, 3)
        assert figures(window("collaborator_suggestions_used", "a", "06")) == (year, 1, 3)


class TestDurations:
    """Median, p90, number of durations and people who have one."""

    @pytest.fixture
    def durations(self, warehouse: duckdb.DuckDBPyConnection) -> Callable[[str, str, str], Any]:
        def find(indicator: str, unit: str, month: str) -> Any:
            return warehouse.execute(
                "select median_hours, p90_hours, durations, people_up_to_k from indicators.indicator_durations "
                "where indicator_id = ? and unit_id = ? and period = cast(? as date)",
                [indicator, unit, f"2025-{month}-01"],
            ).fetchone()

        return find

    def test_of_first_replies_to_matured_cases(self, durations: Callable[[str, str, str], Any]) -> None:
        # April to June: 30 h (case 2) and 2 h (case 4); case 3 has no reply, case 5 has not matured.
        assert durations("client_responsiveness", "c", "06") == (16, pytest.approx(2 + 0.9 * 28), 2, 2)
        # March to May: 3 h (case 1) in team a, 30 h in team b, which is under site s2 in April.
        assert durations("client_responsiveness", "c", "05") == (16.5, pytest.approx(3 + 0.9 * 27), 2, 1)
        assert durations("client_responsiveness", "s", "05") == (3, 3, 1, 1)
        assert durations("client_responsiveness", "s2", "05") == (30, 30, 1, 1)

    def test_of_resolutions(self, durations: Callable[[str, str, str], Any]) -> None:
        # Case 4 is too young for a resolution; the irritants took 300 h and, of nobody known, 10 h.
        assert durations("client_resolution", "c", "06") == (100, 100, 1, 1)
        assert durations("collaborator_resolution", "c", "06") == (155, pytest.approx(10 + 0.9 * 290), 2, 1)

    def test_none_without_a_duration(self, durations: Callable[[str, str, str], Any], window: Window) -> None:
        # In June alone team a has one request past its deadline, without a reply; May's two are still in the window.
        assert durations("collaborator_responsiveness", "a", "06")[2:] == (2, 2)
        assert window("collaborator_responsiveness", "a", "06").n == 3
        assert durations("client_responsiveness", "c", "02") is None

    def test_of_no_other_indicator(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        found = warehouse.execute("select distinct indicator_id from indicators.indicator_durations").fetchall()
        assert {name for (name,) in found} == {
            f"{side}_{what}" for side in ("client", "collaborator") for what in ("responsiveness", "resolution")
        }


class TestServices:
    def test_availability_in_service_days(self, window: Window) -> None:
        cell = window("client_continuity", "a", "06")
        assert (cell.n, cell.s1, cell.s2, cell.people) == (2, 1.5, 1.25, None)

    def test_response_time(self, window: Window) -> None:
        cell = window("collaborator_tool_response_time", "a", "06")
        assert (cell.n, cell.s1, cell.s2) == (2, 600, 200**2 + 400**2)


class TestFeeds:
    def test_without_deviation_the_variance_is_the_largest(self, window: Window) -> None:
        # m = 70 in [0, 100]: largest variance 70 · 30, so s2 = 10 · (70² + 2100).
        assert window("client_values", "a", "05") == (10, 700, 70_000, 10, True)
        # NPS of 40 by 20 people, nobody passive at the most; and one detractor by name.
        assert window("client_recommendation", "b", "05")[:4] == (21, 20 * 0.4 - 1, 20 + 1, 21)

    def test_populations_add_up_to_all(self, window: Window) -> None:
        cell = window("collaborator_values", "c", "05")
        assert (cell.n, cell.s1, cell.people, cell.conservative) == (10, 600, 10, False)
        assert cell.s2 == pytest.approx(10 * (60**2 + 10**2))
        field = window("collaborator_values", "c", "05", "field")
        assert (field.n, field.s1, field.s2, field.people) == (4, 200, 4 * (50**2 + 5**2), 4)

    def test_people_fed_are_the_most_of_any_month(self, window: Window) -> None:
        assert window("client_values", "a", "06").people == 10


class TestBeliefs:
    def test_what_staff_believe_stands_beside_what_clients_say(self, window: Window) -> None:
        cell = window("belief.collaborator.satisfaction", "a", "04")
        assert (cell.n, cell.s1, cell.s2, cell.people) == (1, 100, 10_000, 1)
        cell = window("belief.client.satisfaction", "a", "04")
        assert (cell.n, cell.s1, cell.s2, cell.people) == (1, 75, 5625, 1), "plain mean, and no answer on a moment"

    def test_managers_are_told_apart(self, window: Window) -> None:
        assert figures(window("belief.manager.satisfaction", "b", "05")) == (1, 50, 1)
        assert window("belief.collaborator.satisfaction", "b", "05") is None
        assert figures(window("belief.collaborator.satisfaction", "c", "06")) == (1, 100, 1)

    def test_what_nobody_estimates_is_not_kept_twice(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        kept = "select distinct indicator_id from indicators.indicator_people where indicator_id like 'belief.%'"
        assert {row[0].split(".")[2] for row in warehouse.execute(kept).fetchall()} == {"satisfaction"}

    def test_one_window_for_all_roles(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        lengths = warehouse.execute(
            "select distinct topic, count(distinct window_months), count(*) from indicators.indicators_in_force "
            "where measure = 'belief' group by topic"
        ).fetchall()
        assert len(lengths) == 15, "eleven dimensions, recommendation, satisfaction, effort, reviews"
        assert {row[1:] for row in lengths} == {(1, 3)}


class TestThemes:
    """Complaints: 1 April c1 in b about billing, 5 April c2 in a about delivery. Irritants: 2 May e1 in a about tools,
    1 June in b from the box on the wall, without a theme."""

    @pytest.fixture
    def theme(self, warehouse: duckdb.DuckDBPyConnection) -> Callable[..., Any]:
        def find(side: str, theme: str, unit: str, month: str) -> Any:
            rows = warehouse.execute(
                "select n, s1, people_exposed, people_raising, n_in_month, s1_in_month from indicators.theme_windows "
                "where side = ? and theme = ? and unit_id = ? and period = ?",
                [side, theme, unit, f"2025-{month}-01"],
            ).fetchall()
            assert len(rows) <= 1
            return rows[0] if rows else None

        return find

    def test_events_exposure_and_people(self, theme: Callable[..., Any]) -> None:
        # Team a from January to April: c1 for three months, c2 from 15 February on.
        assert theme("client", "delivery", "a", "04") == (pytest.approx(3 + 2.5), 1, 2, 1, 1, 1)
        assert theme("client", "billing", "a", "04") == (pytest.approx(3 + 2.5), 0, 2, 0, 1, 0), "none is a figure too"
        # Two months on it still is in the window of twelve months; c1, served by b, has raised nothing since.
        assert theme("client", "billing", "b", "06")[1:4] == (1, 2, 1)
        assert theme("client", "billing", "b", "06")[5] == 0

    def test_the_hierarchy_of_the_month_and_the_unknown_person(self, theme: Callable[..., Any]) -> None:
        # Site s from March to May: e1, e2 up to 10 April, e5; team b has nobody in March and is in s2 from then on.
        assert theme("collaborator", "tools", "s", "05")[1:4] == (1, 3, 1)
        assert theme("collaborator", "unspecified", "s2", "06")[1:4] == (1, 2, 0), "counted, but not as a person"
        assert theme("collaborator", "tools", "c", "06")[1] == theme("collaborator", "unspecified", "c", "06")[1] == 1

    def test_themes_add_up_to_the_events_of_the_rate(self, warehouse: duckdb.DuckDBPyConnection) -> None:
        """Six months of record lie in every window of twelve: the themes of June hold all that was ever counted."""
        counted = (
            "select bridge.ancestor_id, split_part(stats.indicator_id, '_', 1), sum(stats.n), sum(stats.s1) "
            "from indicators.indicator_stats as stats join canonical.bridge_unit_ancestor as bridge "
            "using (unit_id, period) "
            "where stats.indicator_id in ('client_irritants', 'collaborator_irritants') group by all"
        )
        themes = (
            "select unit_id, side, any_value(n), sum(s1) from indicators.theme_windows "
            "where period = '2025-06-01' group by all order by all"
        )
        expected = {row[:2]: row[2:] for row in warehouse.execute(counted).fetchall()}
        found = {row[:2]: row[2:] for row in warehouse.execute(themes).fetchall()}
        assert len(found) >= 8
        for key, sums in found.items():
            assert sums == pytest.approx(expected[key]), key
