/*
    Grain: one row per unit, month, population, indicator and employee. Key: all five.
    Who answered the staff survey, of those employed in the month of a wave. A month is a wave when at least
    a tenth of the company's staff answered in it: a few late answers in the month after do not make another.

    Employees are found by their pseudonym and count in the unit where HR has them on their last day of the month.
    Answers that match no employee (anonymous surveys) count in the unit they name, in one row without a person, and
    never beyond its headcount.
*/
{%- set wave_share = 0.1 %}
with measures as (
    select indicator_id
    from {{ ref('indicators_in_force') }}
    where measure = 'survey_participation'
),

staff as (
    select
        employee_id,
        unit_id,
        population,
        period,
        row_number() over (
            partition by employee_id, period
            order by is_present_at_end desc, person_months desc, unit_id asc, population asc
        ) as place
    from {{ ref('exposure_employees') }}
),

headcount as (
    select
        period,
        count(*) as employees
    from staff
    where place = 1
    group by period
),

respondents as (
    select
        {{ month_start('answered_on') }} as period,
        coalesce(respondent_id, response_id) as person_key,
        max(unit_id) as unit_id,
        max(coalesce(population, 'all')) as population
    from {{ ref('fct_survey_answer') }}
    where side = 'collaborator' and perspective = 'own' and unit_id is not null
    group by {{ month_start('answered_on') }}, coalesce(respondent_id, response_id)
),

waves as (
    select headcount.period
    from headcount
    inner join respondents
        on headcount.period = respondents.period
    group by headcount.period, headcount.employees
    having count(*) >= {{ wave_share }} * headcount.employees
),

staff_in_wave as (
    select
        staff.unit_id,
        staff.period,
        staff.population,
        staff.employee_id,
        case when respondents.person_key is not null then 1 else 0 end as answered
    from staff
    inner join waves
        on staff.period = waves.period
    left join respondents
        on staff.employee_id = respondents.person_key and staff.period = respondents.period
    where staff.place = 1
),

silent as (
    select
        unit_id,
        period,
        population,
        count(*) - sum(answered) as employees
    from staff_in_wave
    group by unit_id, period, population
),

unmatched as (
    select
        respondents.unit_id,
        respondents.period,
        respondents.population,
        count(*) as answers
    from respondents
    left join staff
        on
            respondents.person_key = staff.employee_id
            and respondents.period = staff.period
            and staff.place = 1
    where staff.employee_id is null
    group by respondents.unit_id, respondents.period, respondents.population
),

counted as (
    select
        unit_id,
        period,
        population,
        employee_id as person_key,
        1 as headcount,
        answered
    from staff_in_wave
    union all
    select
        unmatched.unit_id,
        unmatched.period,
        unmatched.population,
        cast(null as string) as person_key,
        0 as headcount,
        least(unmatched.answers, silent.employees) as answered
    from unmatched
    inner join silent
        on
            unmatched.unit_id = silent.unit_id
            and unmatched.period = silent.period
            and unmatched.population = silent.population
)

select
    counted.unit_id,
    counted.period,
    counted.population,
    measures.indicator_id,
    counted.person_key,
    cast(counted.headcount as double) as n,
    cast(counted.answered as double) as s1,
    cast(counted.answered as double) as s2
from counted
cross join measures
