{{ config(materialized='incremental', incremental_strategy='windows', on_schema_change='fail') }}
-- depends_on: {{ ref('windows_touched') }}
/*
    Grain: one row per unit of the hierarchy, month and indicator of replies or resolutions with any duration in its
    window. Key: unit_id, period, indicator_id.
    Median and 90th percentile of the hours behind the share in time. Quantiles do not add up, so they are taken anew
    from the durations themselves, over the whole window and everything below the unit, by the hierarchy of the month of
    opening: the same matured cases and requests that the share counts in n (obs_cases, obs_requests), less those still
    waiting, which have no duration. Shown and never scored.

    A duration goes once into each month whose window it falls in and each unit above it, so all that is not needed is
    left behind first: one narrow row per duration. People are counted as well, since those who have a duration may be
    fewer than those behind the share, and the rule of k is about them; counted no further than k, because to count all
    of them would take more memory than all else (tens of gigabytes for twenty million cases).
*/
with measures as (
    select
        indicator_id,
        measure,
        window_months
    from {{ ref('indicators_in_force') }}
    where measure in ('case_first_reply', 'case_resolution', 'request_first_reply', 'irritant_resolution')
),

targets as (
    select
        as_of.as_of,
        ceil(parameters.client_first_reply_hours / 24) as case_first_reply_days,
        ceil(parameters.client_resolution_hours / 24) as case_resolution_days,
        ceil(parameters.collaborator_first_reply_hours / 24) as request_first_reply_days,
        ceil(parameters.collaborator_resolution_hours / 24) as irritant_resolution_days
    from {{ ref('parameters_in_force') }} as parameters
    cross join {{ ref('dim_as_of') }} as as_of
),

opened as (
    select
        'client' as side,
        unit_id,
        opened_on,
        client_id as person_key,
        kind,
        first_reply_hours,
        resolution_hours
    from {{ ref('fct_case') }}
    where unit_id is not null
    union all
    select
        'collaborator' as side,
        unit_id,
        opened_on,
        employee_id as person_key,
        kind,
        first_reply_hours,
        resolution_hours
    from {{ ref('fct_internal_request') }}
    where unit_id is not null
),

matured as (
    select
        case when opened.side = 'client' then 'case_first_reply' else 'request_first_reply' end as measure,
        opened.unit_id,
        opened.opened_on,
        opened.person_key,
        opened.first_reply_hours as hours
    from opened
    cross join targets
    where
        {{ days_between('opened.opened_on', 'targets.as_of') }} >= case
            when opened.side = 'client' then targets.case_first_reply_days
            else targets.request_first_reply_days
        end
    union all
    select
        case when opened.side = 'client' then 'case_resolution' else 'irritant_resolution' end as measure,
        opened.unit_id,
        opened.opened_on,
        opened.person_key,
        opened.resolution_hours as hours
    from opened
    cross join targets
    where
        (opened.side = 'client' or opened.kind = 'irritant')
        and {{ days_between('opened.opened_on', 'targets.as_of') }} >= case
            when opened.side = 'client' then targets.case_resolution_days
            else targets.irritant_resolution_days
        end
),

durations as (
    select
        measures.indicator_id,
        measures.window_months,
        matured.unit_id,
        {{ month_start('matured.opened_on') }} as period,
        matured.person_key,
        matured.hours
    from matured
    inner join measures
        on matured.measure = measures.measure
    -- A reply dated before the question is a wrong date and no duration.
    where
        matured.hours >= 0
        and {{ within_touched_window(month_start('matured.opened_on')) }}
),

window_months as (
    select
        lengths.window_months,
        events.period as event_period,
        ends.period
    from (select distinct window_months from measures) as lengths
    cross join {{ ref('dim_month') }} as events
    inner join {{ ref('dim_month') }} as ends
        on
            events.period <= ends.period
            and {{ months_between('events.period', 'ends.period') }} < lengths.window_months
    where {{ touched_window('ends.period') }}
),

-- A unit's k first people of each month are enough to tell whether there are k in any window and any unit above.
people_of_months as (
    select distinct
        indicator_id,
        window_months,
        unit_id,
        period,
        person_key
    from durations
    where person_key is not null
),

people_numbered as (
    select
        *,
        row_number() over (partition by indicator_id, unit_id, period order by person_key) as place
    from people_of_months
),

people as (
    select
        bridge.ancestor_id as unit_id,
        window_months.period,
        people_numbered.indicator_id,
        count(distinct people_numbered.person_key) as people
    from people_numbered
    inner join {{ ref('bridge_unit_ancestor') }} as bridge
        on people_numbered.unit_id = bridge.unit_id and people_numbered.period = bridge.period
    inner join window_months
        on
            people_numbered.period = window_months.event_period
            and people_numbered.window_months = window_months.window_months
    where people_numbered.place <= {{ var('min_respondents') }}
    group by bridge.ancestor_id, window_months.period, people_numbered.indicator_id
),

quantiles as (
    select
        bridge.ancestor_id as unit_id,
        window_months.period,
        durations.indicator_id,
        {{ quantile('durations.hours', 0.5) }} as median_hours,
        {{ quantile('durations.hours', 0.9) }} as p90_hours,
        count(*) as durations
    from durations
    inner join {{ ref('bridge_unit_ancestor') }} as bridge
        on durations.unit_id = bridge.unit_id and durations.period = bridge.period
    inner join window_months
        on durations.period = window_months.event_period and durations.window_months = window_months.window_months
    group by bridge.ancestor_id, window_months.period, durations.indicator_id
)

select
    quantiles.unit_id,
    quantiles.period,
    quantiles.indicator_id,
    quantiles.median_hours,
    quantiles.p90_hours,
    cast(quantiles.durations as bigint) as durations,
    cast(least(coalesce(people.people, 0), {{ var('min_respondents') }}) as bigint) as people_up_to_k
from quantiles
left join people
    on
        quantiles.unit_id = people.unit_id
        and quantiles.period = people.period
        and quantiles.indicator_id = people.indicator_id
