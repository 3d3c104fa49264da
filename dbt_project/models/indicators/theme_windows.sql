{{ config(materialized='incremental', incremental_strategy='windows', on_schema_change='fail') }}
-- depends_on: {{ ref('windows_touched') }}
/*
    Grain: one row per unit of the hierarchy, month, side and theme, wherever the rate of complaints (irritants) of
    that unit and month is known. Key: unit_id, period, side, theme.
    A theme that occurs anywhere in the company has its row everywhere: no complaint about it is a figure too.
    Themes are rare, so they have the longest window in force and not that of the rate: over three months hardly a
    theme of a site is raised by k people, over twelve most are. Exposure is that of the rate, summed over this window;
    the people exposed are those of the rate's own, shorter one, so never more than stand behind the figure.
    The month's own exposure and events stand beside, for the trend: months do not overlap, windows do.
*/
with rates as (
    select
        side,
        min(indicator_id) as indicator_id
    from {{ ref('indicators_in_force') }}
    where measure in ('complaint_rate', 'irritant_rate')
    group by side
),

longest as (
    select max(window_months) as window_months
    from {{ ref('indicators_in_force') }}
),

window_months as (
    select
        events.period as event_period,
        ends.period
    from longest
    cross join {{ ref('dim_month') }} as events
    inner join {{ ref('dim_month') }} as ends
        on
            events.period <= ends.period
            and {{ months_between('events.period', 'ends.period') }} < longest.window_months
    where {{ touched_window('ends.period') }}
),

themes as (
    select distinct
        side,
        theme
    from {{ ref('theme_events') }}
),

exposed as (
    select
        windows.unit_id,
        windows.period,
        rates.side,
        windows.people
    from {{ ref('indicator_windows') }} as windows
    inner join rates
        on windows.indicator_id = rates.indicator_id
    where windows.population = 'all' and {{ touched_window('windows.period') }}
),

exposed_in_month as (
    select
        bridge.ancestor_id as unit_id,
        stats.period,
        rates.side,
        {{ sum_exactly('stats.n') }} as n
    from {{ ref('indicator_stats') }} as stats
    inner join rates
        on stats.indicator_id = rates.indicator_id
    inner join {{ ref('bridge_unit_ancestor') }} as bridge
        on stats.unit_id = bridge.unit_id and stats.period = bridge.period
    where {{ within_touched_window('stats.period') }}
    group by bridge.ancestor_id, stats.period, rates.side
),

exposure as (
    select
        exposed_in_month.unit_id,
        window_months.period,
        exposed_in_month.side,
        round({{ sum_exactly('exposed_in_month.n') }}, 10) as n,
        {{ sum_exactly('case when exposed_in_month.period = window_months.period then exposed_in_month.n else 0 end') }}
            as n_in_month
    from exposed_in_month
    inner join window_months
        on exposed_in_month.period = window_months.event_period
    group by exposed_in_month.unit_id, window_months.period, exposed_in_month.side
),

rolled_up as (
    select
        bridge.ancestor_id as unit_id,
        happened.period,
        happened.side,
        happened.theme,
        happened.person_key,
        sum(happened.events) as events
    from {{ ref('theme_events') }} as happened
    inner join {{ ref('bridge_unit_ancestor') }} as bridge
        on happened.unit_id = bridge.unit_id and happened.period = bridge.period
    where {{ within_touched_window('happened.period') }}
    group by bridge.ancestor_id, happened.period, happened.side, happened.theme, happened.person_key
),

windowed as (
    select
        rolled_up.unit_id,
        window_months.period,
        rolled_up.side,
        rolled_up.theme,
        sum(rolled_up.events) as events,
        count(distinct rolled_up.person_key) as people,
        sum(case when rolled_up.period = window_months.period then rolled_up.events else 0 end) as events_in_month
    from rolled_up
    inner join window_months
        on rolled_up.period = window_months.event_period
    group by rolled_up.unit_id, window_months.period, rolled_up.side, rolled_up.theme
)

select
    exposed.unit_id,
    exposed.period,
    exposed.side,
    themes.theme,
    longest.window_months,
    exposure.n,
    coalesce(windowed.events, 0) as s1,
    exposed.people as people_exposed,
    coalesce(windowed.people, 0) as people_raising,
    exposure.n_in_month,
    coalesce(windowed.events_in_month, 0) as s1_in_month
from exposed
cross join longest
inner join themes
    on exposed.side = themes.side
inner join exposure
    on
        exposed.unit_id = exposure.unit_id
        and exposed.period = exposure.period
        and exposed.side = exposure.side
left join windowed
    on
        exposed.unit_id = windowed.unit_id
        and exposed.period = windowed.period
        and exposed.side = windowed.side
        and themes.theme = windowed.theme
