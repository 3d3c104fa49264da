"""The sliding sums and distinct people of indicator_windows against a plain, slow count of the same thing."""

from __future__ import annotations

import duckdb
import pytest

SLOW = """
with moved as (
    select bridge.ancestor_id as unit_id, months.period, people.* exclude (unit_id, period)
    from indicators.indicator_people as people
    join indicators.indicators_in_force as indicators using (indicator_id)
    join canonical.bridge_unit_ancestor as bridge
        on bridge.unit_id = people.unit_id and bridge.period = people.period
    join canonical.dim_month as months
        on months.period >= people.period
        and months.period < people.period + to_months(cast(indicators.window_months as integer))
),
counted as (
    select * from moved where population <> 'all'
    union all
    select * replace ('all' as population) from moved
)
select unit_id, period, population, indicator_id, sum(n), sum(s1), sum(s2), count(distinct person_key)
from counted
where indicator_id not in (select indicator_id from indicators.obs_feed)
group by all
having sum(n) > 0
"""

FAST = """
select unit_id, period, population, indicator_id, n, s1, s2, people
from indicators.indicator_windows
where indicator_id not in (select indicator_id from indicators.obs_feed)
"""


def test_every_cell_equals_the_slow_count(warehouse: duckdb.DuckDBPyConnection) -> None:
    slow = {row[:4]: row[4:] for row in warehouse.execute(SLOW).fetchall()}
    fast = {row[:4]: row[4:] for row in warehouse.execute(FAST).fetchall()}
    assert fast.keys() == slow.keys()
    assert len(fast) > 500
    for key, (*sums, people) in fast.items():
        assert sums == pytest.approx(slow[key][:3]), key
        assert people in (None, slow[key][3]), key
