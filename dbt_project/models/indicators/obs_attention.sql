/*
    Grain: one row per unit, month, population, indicator and person. Key: all five.
    Proactive attention, the same question asked of both sides by the same rule: of the people who were there on the
    last day of the month, who had a proactive contact (client) or an interview, a training or a mobility step
    (employee) within the last `proactive_months`, that month included. A snapshot, so distinct people by nature.

    The first snapshot is taken once the record reaches back that far: before, people would count as forgotten because
    the record is young, and the share would seem to rise for a year.
*/
with measures as (
    select
        indicator_id,
        side
    from {{ ref('indicators_in_force') }}
    where measure in ('client_proactive', 'employee_proactive')
),

timeline as (
    select
        'client' as side,
        client_id as person_key,
        {{ month_start('contacted_on') }} as period,
        {{ month_start('contacted_on') }} as event_period,
        cast(null as string) as unit_id,
        cast(null as string) as population
    from {{ ref('fct_proactive_contact') }}
    where kind = 'proactive'
    union all
    select
        'collaborator' as side,
        employee_id as person_key,
        {{ month_start('event_on') }} as period,
        {{ month_start('event_on') }} as event_period,
        cast(null as string) as unit_id,
        cast(null as string) as population
    from {{ ref('fct_hr_event') }}
    where kind in ('interview', 'training', 'mobility')
    union all
    select
        'client' as side,
        client_id as person_key,
        period,
        cast(null as date) as event_period,
        unit_id,
        'all' as population
    from {{ ref('exposure_clients') }}
    where is_active_at_end
    union all
    select
        'collaborator' as side,
        employee_id as person_key,
        period,
        cast(null as date) as event_period,
        unit_id,
        population
    from {{ ref('exposure_employees') }}
    where is_present_at_end
),

dated as (
    select
        side,
        person_key,
        period,
        unit_id,
        population,
        -- The frame takes in the whole of the current month, since its rows are peers.
        max(event_period) over (
            partition by side, person_key order by period
            range between unbounded preceding and current row
        ) as last_event_period,
        min(event_period) over (partition by side) as record_starts
    from timeline
)

select
    dated.unit_id,
    dated.period,
    dated.population,
    measures.indicator_id,
    dated.person_key,
    cast(1 as double) as n,
    cast(
        case
            when dated.last_event_period >= {{ add_months('dated.period', '1 - parameters.proactive_months') }} then 1
            else 0
        end as double
    ) as s1,
    cast(
        case
            when dated.last_event_period >= {{ add_months('dated.period', '1 - parameters.proactive_months') }} then 1
            else 0
        end as double
    ) as s2
from dated
inner join measures
    on dated.side = measures.side
cross join {{ ref('parameters_in_force') }} as parameters
where
    dated.unit_id is not null
    and dated.period >= {{ add_months('dated.record_starts', 'parameters.proactive_months - 1') }}
