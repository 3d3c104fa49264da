/*
    Grain: one row per employment, that is per employee and date of hire. Key: employee_id, hired_on.
    A spell ends when the unit, manager or contract changes; an employment ends when the employee leaves. Entries
    belong to the unit of the first spell, departures to that of the last.
*/
with ranked as (
    select
        employee_id,
        hired_on,
        unit_id,
        coalesce(population, 'all') as population,
        left_on,
        leave_reason,
        row_number() over (partition by employee_id, hired_on order by spell_start asc) as from_first,
        row_number() over (partition by employee_id, hired_on order by spell_start desc) as from_last
    from {{ ref('dim_employee_spell') }}
    where unit_id is not null
)

select
    employee_id,
    hired_on,
    max(case when from_first = 1 then unit_id end) as first_unit_id,
    max(case when from_first = 1 then population end) as first_population,
    max(case when from_last = 1 then unit_id end) as last_unit_id,
    max(case when from_last = 1 then population end) as last_population,
    max(case when from_last = 1 then left_on end) as left_on,
    max(case when from_last = 1 then leave_reason end) as leave_reason
from ranked
group by employee_id, hired_on
