{{ config(materialized='incremental', incremental_strategy='months', on_schema_change='fail') }}
-- depends_on: {{ ref('months_touched') }}
-- depends_on: {{ ref('dim_month') }}
/*
    Grain: one row per leaf unit, month of opening, side, theme and person (null where not known). Key: all five.
    Complaints of clients and irritants of employees by theme: the same events that the measures complaint_rate
    (obs_clients) and irritant_rate (obs_requests) count, so that the themes of a unit and month add up to them.
*/
with opened as (
    select
        unit_id,
        {{ month_start('opened_on') }} as period,
        'client' as side,
        coalesce(theme, 'unspecified') as theme,
        client_id as person_key
    from {{ ref('fct_case') }}
    where
        kind = 'complaint'
        and unit_id is not null
        and {{ touched(month_start('opened_on')) }}
    union all
    select
        unit_id,
        {{ month_start('opened_on') }} as period,
        'collaborator' as side,
        coalesce(theme, 'unspecified') as theme,
        employee_id as person_key
    from {{ ref('fct_internal_request') }}
    where
        kind = 'irritant'
        and unit_id is not null
        and {{ touched(month_start('opened_on')) }}
)

select
    opened.unit_id,
    opened.period,
    opened.side,
    opened.theme,
    opened.person_key,
    cast(count(*) as double) as events
from opened
inner join {{ ref('dim_month') }} as months
    on opened.period = months.period
group by opened.unit_id, opened.period, opened.side, opened.theme, opened.person_key
