/*
    Grain: one row per employee, unit, population and month with at least one day there.
    Key: employee_id, unit_id, population, period.
    Exposure counts days (method §2): present 10 days of a 30-day month is 1/3 person-month; who changes unit counts
    in each for the days spent there. Days after dim_as_of are not known yet and do not count.
*/
with spells as (
    select
        spells.employee_id,
        spells.unit_id,
        coalesce(spells.population, 'all') as population,
        coalesce(spells.fte, 1) as fte,
        spells.hired_on,
        spells.spell_start as first_day,
        least(spells.spell_end, coalesce(spells.left_on, cast('9999-12-31' as date)), as_of.as_of) as last_day
    from {{ ref('dim_employee_spell') }} as spells
    cross join {{ ref('dim_as_of') }} as as_of
    where spells.unit_id is not null
),

spell_months as (
    select
        spells.employee_id,
        spells.unit_id,
        spells.population,
        months.period,
        spells.fte,
        (
            {{ days_between('greatest(spells.first_day, months.period)', 'least(spells.last_day, months.period_end)') }}
            + 1
        ) / cast(months.days as double) as person_months,
        case when spells.first_day <= months.period and spells.hired_on < months.period then 1 else 0 end as at_opening,
        case when spells.last_day >= months.period_end then 1 else 0 end as at_end
    from spells
    inner join {{ ref('dim_month') }} as months
        on spells.first_day <= months.period_end and spells.last_day >= months.period
    -- A spell that begins after what is known ends, for us, before it begins.
    where spells.first_day <= spells.last_day
)

select
    employee_id,
    unit_id,
    population,
    period,
    {{ sum_exactly('person_months') }} as person_months,
    {{ sum_exactly('person_months * fte') }} as fte_months,
    max(at_opening) = 1 as is_present_at_opening,
    max(at_end) = 1 as is_present_at_end
from spell_months
group by employee_id, unit_id, population, period
