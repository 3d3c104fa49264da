/*
    Grain: one row per unit, month, population ('all'), indicator and client. Key: all five.
    - complaint_rate: complaints opened in the month over client-months.
    - client_loss: clients whose last day falls in the month over client-months.
    - client_retention: the same months and losses the other way round, client-years less losses over client-years, so
      that 100 × s1 / n is 100 less the losses per 100 client-years. s1 goes below 0 where losses outnumber the years
      (one client's month, and its loss); what is displayed stops at 0, as a share does (wilson in statistics).
    - client_welcome: new clients still there after the days of welcome; the cohort counts in the month in which it
      matures, for the unit that welcomed it, or, where that unit has closed meanwhile, for the client's last one.

    Where the whole record holds no complaint (or no loss), the source does not give them, and the measure is left
    out rather than shown as 0.
*/
with measures as (
    select
        indicator_id,
        measure,
        -- Retention is told from the same counts as losses.
        case when measure = 'client_retention' then 'client_loss' else measure end as counted_as
    from {{ ref('indicators_in_force') }}
    where measure in ('complaint_rate', 'client_loss', 'client_retention', 'client_welcome')
),

as_of as (
    select as_of from {{ ref('dim_as_of') }}
),

relationships as (
    select * from {{ ref('client_relationships') }}
),

complaints as (
    select
        unit_id,
        {{ month_start('opened_on') }} as period,
        client_id as person_key,
        count(*) as events
    from {{ ref('fct_case') }}
    where kind = 'complaint' and unit_id is not null
    group by unit_id, {{ month_start('opened_on') }}, client_id
),

losses as (
    select
        relationships.last_unit_id as unit_id,
        {{ month_start('relationships.client_until') }} as period,
        relationships.client_id as person_key,
        count(*) as events
    from relationships
    cross join as_of
    where relationships.client_until <= as_of.as_of
    group by relationships.last_unit_id, {{ month_start('relationships.client_until') }}, relationships.client_id
),

cohorts as (
    select
        relationships.first_unit_id,
        relationships.last_unit_id,
        {{ month_start('relationships.welcome_ends_on') }} as period,
        relationships.client_id as person_key,
        count(*) as clients,
        sum(case when relationships.client_until < relationships.welcome_ends_on then 0 else 1 end) as still_there
    from relationships
    cross join as_of
    where relationships.welcome_ends_on <= as_of.as_of
    group by
        relationships.first_unit_id,
        relationships.last_unit_id,
        {{ month_start('relationships.welcome_ends_on') }},
        relationships.client_id
),

recorded as (
    select distinct 'complaint_rate' as measure
    from complaints
    union all
    select distinct 'client_loss' as measure
    from losses
),

counted as (
    select
        recorded.measure,
        exposure.unit_id,
        exposure.period,
        exposure.client_id as person_key,
        exposure.client_months as n,
        0 as s1
    from {{ ref('exposure_clients') }} as exposure
    cross join recorded
    union all
    select
        'complaint_rate' as measure,
        unit_id,
        period,
        person_key,
        0 as n,
        events as s1
    from complaints
    union all
    select
        'client_loss' as measure,
        unit_id,
        period,
        person_key,
        0 as n,
        events as s1
    from losses
    union all
    select
        'client_welcome' as measure,
        case when alive.unit_id is null then cohorts.last_unit_id else cohorts.first_unit_id end as unit_id,
        cohorts.period,
        cohorts.person_key,
        cohorts.clients as n,
        cohorts.still_there as s1
    from cohorts
    left join {{ ref('bridge_unit_ancestor') }} as alive
        on
            cohorts.first_unit_id = alive.unit_id
            and cohorts.period = alive.period
            and alive.distance = 0
),

summed as (
    select
        counted.measure,
        counted.unit_id,
        counted.period,
        counted.person_key,
        {{ sum_exactly('counted.n') }} as n,
        {{ sum_exactly('counted.s1') }} as s1
    from counted
    inner join {{ ref('dim_month') }} as months
        on counted.period = months.period
    group by counted.measure, counted.unit_id, counted.period, counted.person_key
),

told as (
    select
        summed.unit_id,
        summed.period,
        measures.indicator_id,
        summed.person_key,
        case when measures.measure = 'client_retention' then summed.n / 12 else summed.n end as n,
        case when measures.measure = 'client_retention' then summed.n / 12 - summed.s1 else summed.s1 end as s1
    from summed
    inner join measures
        on summed.measure = measures.counted_as
)

select
    unit_id,
    period,
    'all' as population,
    indicator_id,
    person_key,
    n,
    s1,
    s1 as s2
from told
