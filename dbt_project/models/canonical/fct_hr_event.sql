-- Steps in an employee's path: interviews, training, mobility.
-- Grain: one row per employee, day and kind. Key: employee_id, event_on, kind.
-- Unit and population: the employee's that day.
select
    events.employee_id,
    events.event_on,
    events.kind,
    events.hours,
    {{ attributed_unit('spells.unit_id', 'events.event_on') }} as unit_id,
    {{ unit_issue('spells.unit_id', 'events.event_on') }} as unit_issue,
    coalesce(spells.population, 'all') as population
from {{ ref('stg_hr__events') }} as events
left join {{ ref('dim_employee_spell') }} as spells
    on
        events.employee_id = spells.employee_id
        and spells.spell_start <= events.event_on
        and spells.spell_end >= events.event_on
left join {{ ref('dim_unit_life') }} as unit_life on spells.unit_id = unit_life.unit_id
