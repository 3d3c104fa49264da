/*
    Grain: one row per unit, month, population, indicator and employee. Key: all five.
    - voluntary_turnover: voluntary departures in the month over person-months.
    - collaborator_retention: the same months and departures the other way round, person-years less voluntary
      departures over person-years, so that 100 × s1 / n is 100 less the departures per 100 person-years.
    - turnover_french: (entries + departures) / 2 in the month over the headcount at its opening (employed on the
      first day, hired before it).
    - hire_welcome: new hires still there after the days of welcome; the cohort counts in the month in which it
      matures, for the unit that welcomed it, or, where that unit has closed meanwhile, for the employee's last one.

    Where the whole record holds no departure, the source does not give them, and the rates are left out rather than
    shown as 0 (or as 100).
*/
with measures as (
    select
        indicator_id,
        measure,
        -- Retention is told from the same counts as voluntary departures.
        case when measure = 'collaborator_retention' then 'voluntary_turnover' else measure end as counted_as
    from {{ ref('indicators_in_force') }}
    where measure in ('voluntary_turnover', 'collaborator_retention', 'turnover_french', 'hire_welcome')
),

employments as (
    select
        employments.*,
        as_of.as_of,
        {{ add_days('employments.hired_on', 'parameters.welcome_days') }} as welcome_ends_on
    from {{ ref('employments') }} as employments
    cross join {{ ref('dim_as_of') }} as as_of
    cross join {{ ref('parameters_in_force') }} as parameters
),

recorded as (
    select count(left_on) as departures
    from employments
    where left_on <= as_of
),

counted as (
    select
        'voluntary_turnover' as measure,
        exposure.unit_id,
        exposure.period,
        exposure.population,
        exposure.employee_id as person_key,
        exposure.person_months as n,
        0 as s1
    from {{ ref('exposure_employees') }} as exposure
    cross join recorded
    where recorded.departures > 0
    union all
    select
        'turnover_french' as measure,
        exposure.unit_id,
        exposure.period,
        exposure.population,
        exposure.employee_id as person_key,
        1 as n,
        0 as s1
    from {{ ref('exposure_employees') }} as exposure
    cross join recorded
    where recorded.departures > 0 and exposure.is_present_at_opening
    union all
    select
        'voluntary_turnover' as measure,
        last_unit_id as unit_id,
        {{ month_start('left_on') }} as period,
        last_population as population,
        employee_id as person_key,
        0 as n,
        1 as s1
    from employments
    where left_on <= as_of and leave_reason = 'voluntary'
    union all
    select
        'turnover_french' as measure,
        last_unit_id as unit_id,
        {{ month_start('left_on') }} as period,
        last_population as population,
        employee_id as person_key,
        0 as n,
        0.5 as s1
    from employments
    where left_on <= as_of
    union all
    select
        'turnover_french' as measure,
        employments.first_unit_id as unit_id,
        {{ month_start('employments.hired_on') }} as period,
        employments.first_population as population,
        employments.employee_id as person_key,
        0 as n,
        0.5 as s1
    from employments
    cross join recorded
    where employments.hired_on <= employments.as_of and recorded.departures > 0
    union all
    select
        'hire_welcome' as measure,
        case when alive.unit_id is null then employments.last_unit_id else employments.first_unit_id end as unit_id,
        {{ month_start('employments.welcome_ends_on') }} as period,
        case when alive.unit_id is null then employments.last_population else employments.first_population end
            as population,
        employments.employee_id as person_key,
        1 as n,
        case when employments.left_on < employments.welcome_ends_on then 0 else 1 end as s1
    from employments
    left join {{ ref('bridge_unit_ancestor') }} as alive
        on
            employments.first_unit_id = alive.unit_id
            and {{ month_start('employments.welcome_ends_on') }} = alive.period
            and alive.distance = 0
    where employments.welcome_ends_on <= employments.as_of
),

summed as (
    select
        counted.measure,
        counted.unit_id,
        counted.period,
        counted.population,
        counted.person_key,
        {{ sum_exactly('counted.n') }} as n,
        {{ sum_exactly('counted.s1') }} as s1
    from counted
    inner join {{ ref('dim_month') }} as months
        on counted.period = months.period
    group by counted.measure, counted.unit_id, counted.period, counted.population, counted.person_key
),

told as (
    select
        summed.unit_id,
        summed.period,
        summed.population,
        measures.indicator_id,
        summed.person_key,
        case when measures.measure = 'collaborator_retention' then summed.n / 12 else summed.n end as n,
        case when measures.measure = 'collaborator_retention' then summed.n / 12 - summed.s1 else summed.s1 end as s1
    from summed
    inner join measures
        on summed.measure = measures.counted_as
)

select
    unit_id,
    period,
    population,
    indicator_id,
    person_key,
    n,
    s1,
    s1 as s2
from told
