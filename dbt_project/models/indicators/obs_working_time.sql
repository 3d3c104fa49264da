/*
    Grain: one row per unit, month, population, indicator and employee. Key: all five.
    - absenteeism: hours absent over theoretical hours, paid leave excluded. Hours are spread evenly over the calendar
      days of the absence; where the source gives none, a day absent is a day's share of the month's hours.
    - training_hours: hours of training over full-time-equivalent months.

    Both are means of person-months and not counts of hours: n is FTE-months, s1 the hours (for absenteeism in months
    of {{ "`monthly_hours`" }}), s2 = s1²/n. So the error comes from how people differ; hours of one absence are not so
    many independent events.
*/
with measures as (
    select
        indicator_id,
        measure
    from {{ ref('indicators_in_force') }}
    where measure in ('absenteeism', 'training_hours')
),

employee_months as (
    select
        employee_id,
        period,
        {{ sum_exactly('fte_months') }} / {{ sum_exactly('person_months') }} as fte
    from {{ ref('exposure_employees') }}
    group by employee_id, period
),

absences as (
    select
        absences.employee_id,
        absences.unit_id,
        coalesce(absences.population, 'all') as population,
        absences.hours,
        absences.started_on,
        absences.ended_on,
        least(absences.ended_on, as_of.as_of) as known_until
    from {{ ref('fct_absence') }} as absences
    cross join {{ ref('dim_as_of') }} as as_of
    where
        absences.kind <> 'paid_leave'
        and absences.unit_id is not null
        and absences.ended_on >= absences.started_on
        and absences.started_on <= as_of.as_of
),

absence_months as (
    select
        absences.employee_id,
        absences.unit_id,
        absences.population,
        absences.hours,
        months.period,
        months.days,
        {{ days_between('absences.started_on', 'absences.ended_on') }} + 1 as absence_days,
        {{ days_between(
            'greatest(absences.started_on, months.period)', 'least(absences.known_until, months.period_end)'
        ) }} + 1 as days_in_month
    from absences
    inner join {{ ref('dim_month') }} as months
        on absences.started_on <= months.period_end and absences.known_until >= months.period
),

hours_absent as (
    select
        absence_months.unit_id,
        absence_months.period,
        absence_months.population,
        absence_months.employee_id as person_key,
        {{ sum_exactly('coalesce(
            absence_months.hours / parameters.monthly_hours
            * absence_months.days_in_month / absence_months.absence_days,
            coalesce(employee_months.fte, 1) * absence_months.days_in_month / absence_months.days
        )') }} as months_absent
    from absence_months
    cross join {{ ref('parameters_in_force') }} as parameters
    left join employee_months
        on absence_months.employee_id = employee_months.employee_id and absence_months.period = employee_months.period
    group by absence_months.unit_id, absence_months.period, absence_months.population, absence_months.employee_id
),

hours_trained as (
    select
        unit_id,
        {{ month_start('event_on') }} as period,
        coalesce(population, 'all') as population,
        employee_id as person_key,
        {{ sum_exactly('hours') }} as hours
    from {{ ref('fct_hr_event') }}
    where kind = 'training' and hours is not null and unit_id is not null
    group by unit_id, {{ month_start('event_on') }}, coalesce(population, 'all'), employee_id
),

recorded as (
    select distinct 'absenteeism' as measure
    from hours_absent
    union all
    select distinct 'training_hours' as measure
    from hours_trained
),

counted as (
    select
        recorded.measure,
        exposure.unit_id,
        exposure.period,
        exposure.population,
        exposure.employee_id as person_key,
        exposure.fte_months as n,
        0 as s1
    from {{ ref('exposure_employees') }} as exposure
    cross join recorded
    union all
    select
        'absenteeism' as measure,
        unit_id,
        period,
        population,
        person_key,
        0 as n,
        months_absent as s1
    from hours_absent
    union all
    select
        'training_hours' as measure,
        unit_id,
        period,
        population,
        person_key,
        0 as n,
        hours as s1
    from hours_trained
),

summed as (
    select
        counted.unit_id,
        counted.period,
        counted.population,
        measures.indicator_id,
        counted.person_key,
        {{ sum_exactly('counted.n') }} as n,
        {{ sum_exactly('counted.s1') }} as s1
    from counted
    inner join measures
        on counted.measure = measures.measure
    inner join {{ ref('dim_month') }} as months
        on counted.period = months.period
    group by counted.unit_id, counted.period, counted.population, measures.indicator_id, counted.person_key
)

select
    unit_id,
    period,
    population,
    indicator_id,
    person_key,
    n,
    s1,
    case when n > 0 then s1 * s1 / n else s1 * s1 end as s2
from summed
