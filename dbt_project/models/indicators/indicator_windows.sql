{{ config(materialized='incremental', incremental_strategy='windows', on_schema_change='fail') }}
-- depends_on: {{ ref('windows_touched') }}
/*
    Grain: one row per unit of the hierarchy, month, population and indicator with any observation in its window.
    Key: unit_id, period, population, indicator_id.
    Sums over the trailing window_months that end with the month, and over everything below the unit, by the hierarchy
    of the month in which each thing happened. Population 'all' is everybody; the named populations stand beside it.

    People are counted, not added up: the same person in two months or two teams is one. Counting distinct people in
    a sliding window would need each row once per window it falls in; instead each person's first row of a gap-free
    stretch adds 1 from its month on and the end of the window takes it away, so two small changes per row, summed
    month by month, give the exact count at every month. Where a run recomputes a window or two, as when a month is
    added, counting the distinct people of each is the cheaper way to the same number, and is taken.

    n is rounded at the tenth decimal: sixty twelfths of a year are five years, and must not fall short of a min_n of 5
    by the rounding of the sum.
*/
{%- set few_windows = is_incremental() and windows_touched_list() | length <= var('few_windows') %}
with months as (
    select
        period,
        cast(extract(year from period) * 12 + extract(month from period) as bigint) as month_number
    from {{ ref('dim_month') }}
),

window_months as (
    select
        lengths.window_months,
        events.period as event_period,
        ends.period
    from (select distinct window_months from {{ ref('indicators_in_force') }}) as lengths
    cross join months as events
    inner join months as ends
        on
            events.month_number <= ends.month_number
            and events.month_number + lengths.window_months > ends.month_number
    where {{ touched_window('ends.period') }}
),

rolled_up as (
    select
        bridge.ancestor_id as unit_id,
        stats.period,
        stats.population,
        stats.indicator_id,
        {{ sum_exactly('stats.n') }} as n,
        {{ sum_exactly('stats.s1') }} as s1,
        {{ sum_exactly('stats.s2') }} as s2,
        sum(stats.people_fed) as people_fed,
        max(case when stats.conservative then 1 else 0 end) as conservative
    from {{ ref('indicator_stats') }} as stats
    inner join {{ ref('bridge_unit_ancestor') }} as bridge
        on stats.unit_id = bridge.unit_id and stats.period = bridge.period
    where {{ within_touched_window('stats.period') }}
    group by bridge.ancestor_id, stats.period, stats.population, stats.indicator_id
),

by_population as (
    select
        unit_id,
        period,
        population,
        indicator_id,
        n,
        s1,
        s2,
        people_fed,
        conservative
    from rolled_up
    where population <> 'all'
    union all
    select
        unit_id,
        period,
        'all' as population,
        indicator_id,
        {{ sum_exactly('n') }} as n,
        {{ sum_exactly('s1') }} as s1,
        {{ sum_exactly('s2') }} as s2,
        sum(people_fed) as people_fed,
        max(conservative) as conservative
    from rolled_up
    group by unit_id, period, indicator_id
),

windowed as (
    select
        by_population.unit_id,
        window_months.period,
        by_population.population,
        by_population.indicator_id,
        round({{ sum_exactly('by_population.n') }}, 10) as n,
        {{ sum_exactly('by_population.s1') }} as s1,
        {{ sum_exactly('by_population.s2') }} as s2,
        max(by_population.people_fed) as people_fed,
        max(by_population.conservative) as conservative
    from by_population
    inner join {{ ref('indicators_in_force') }} as indicators
        on by_population.indicator_id = indicators.indicator_id
    inner join window_months
        on by_population.period = window_months.event_period and indicators.window_months = window_months.window_months
    group by by_population.unit_id, window_months.period, by_population.population, by_population.indicator_id
    having round({{ sum_exactly('by_population.n') }}, 10) > 0
),

people_months as (
    select
        bridge.ancestor_id as unit_id,
        people.population,
        people.indicator_id,
        people.person_key,
        months.month_number,
        indicators.window_months
    from {{ ref('indicator_people') }} as people
    inner join {{ ref('indicators_in_force') }} as indicators
        on people.indicator_id = indicators.indicator_id
    inner join months
        on people.period = months.period
    inner join {{ ref('bridge_unit_ancestor') }} as bridge
        on people.unit_id = bridge.unit_id and people.period = bridge.period
    where
        indicators.protects <> 'none'
        and people.person_key is not null
        and {{ within_touched_window('people.period') }}
),

{% if few_windows -%}
people_windows as (
    select
        people_months.unit_id,
        people_months.population,
        people_months.indicator_id,
        people_months.person_key,
        ends.month_number
    from people_months
    inner join months as events
        on people_months.month_number = events.month_number
    inner join window_months
        on events.period = window_months.event_period and people_months.window_months = window_months.window_months
    inner join months as ends
        on window_months.period = ends.period
),

head_counts as (
    select
        unit_id,
        population,
        indicator_id,
        month_number,
        1 as is_window,
        count(distinct person_key) as people
    from people_windows
    where population <> 'all'
    group by unit_id, population, indicator_id, month_number
    union all
    select
        unit_id,
        'all' as population,
        indicator_id,
        month_number,
        1 as is_window,
        count(distinct person_key) as people
    from people_windows
    group by unit_id, indicator_id, month_number
)
{%- else -%}
stretches as (
    select
        unit_id,
        population,
        indicator_id,
        month_number,
        window_months,
        lag(month_number) over (
            partition by unit_id, population, indicator_id, person_key
            order by month_number
        ) as previous_month_number
    from people_months
    where population <> 'all'
    union all
    select
        unit_id,
        'all' as population,
        indicator_id,
        month_number,
        window_months,
        lag(month_number) over (
            partition by unit_id, indicator_id, person_key
            order by month_number
        ) as previous_month_number
    from people_months
),

changes as (
    select
        unit_id,
        population,
        indicator_id,
        greatest(month_number, coalesce(previous_month_number + window_months, month_number)) as month_number,
        count(*) as people_change
    from stretches
    group by
        unit_id,
        population,
        indicator_id,
        greatest(month_number, coalesce(previous_month_number + window_months, month_number))
    union all
    select
        unit_id,
        population,
        indicator_id,
        month_number + window_months as month_number,
        -count(*) as people_change
    from stretches
    group by unit_id, population, indicator_id, month_number + window_months
),

steps as (
    select
        unit_id,
        population,
        indicator_id,
        month_number,
        sum(people_change) as people_change,
        max(is_window) as is_window
    from (
        select
            unit_id,
            population,
            indicator_id,
            month_number,
            people_change,
            0 as is_window
        from changes
        union all
        select
            windowed.unit_id,
            windowed.population,
            windowed.indicator_id,
            months.month_number,
            0 as people_change,
            1 as is_window
        from windowed
        inner join months
            on windowed.period = months.period
    ) as moves
    group by unit_id, population, indicator_id, month_number
),

head_counts as (
    select
        unit_id,
        population,
        indicator_id,
        month_number,
        is_window,
        sum(people_change) over (
            partition by unit_id, population, indicator_id
            order by month_number
            rows between unbounded preceding and current row
        ) as people
    from steps
)
{%- endif %}

select
    windowed.unit_id,
    windowed.period,
    windowed.population,
    windowed.indicator_id,
    indicators.window_months,
    windowed.n,
    windowed.s1,
    windowed.s2,
    case
        when indicators.protects <> 'none'
            then cast(coalesce(head_counts.people, 0) + coalesce(windowed.people_fed, 0) as bigint)
    end as people,
    windowed.conservative = 1 as conservative
from windowed
inner join {{ ref('indicators_in_force') }} as indicators
    on windowed.indicator_id = indicators.indicator_id
inner join months
    on windowed.period = months.period
left join head_counts
    on
        windowed.unit_id = head_counts.unit_id
        and windowed.population = head_counts.population
        and windowed.indicator_id = head_counts.indicator_id
        and months.month_number = head_counts.month_number
        and head_counts.is_window = 1
