-- Absences of employees, however many months they last.
-- Grain: one row per absence. Key: employee_id, started_on, kind.
-- Unit and population: the employee's on the first day.
select
    absences.employee_id,
    absences.started_on,
    absences.ended_on,
    absences.kind,
    absences.hours,
    {{ attributed_unit('spells.unit_id', 'absences.started_on') }} as unit_id,
    {{ unit_issue('spells.unit_id', 'absences.started_on') }} as unit_issue,
    coalesce(spells.population, 'all') as population
from {{ ref('stg_hr__absences') }} as absences
left join {{ ref('dim_employee_spell') }} as spells
    on
        absences.employee_id = spells.employee_id
        and spells.spell_start <= absences.started_on
        and spells.spell_end >= absences.started_on
left join {{ ref('dim_unit_life') }} as unit_life on spells.unit_id = unit_life.unit_id
