-- Spells of employment: an unbroken stay of an employee in one situation (unit, manager, population, contract, FTE).
-- Grain: one row per employee and spell. Key: employee_id, spell_start. Dates inclusive; spells never overlap.
with spells as (
    select
        *,
        lead(spell_start) over (partition by employee_id order by spell_start) as next_start
    from {{ ref('stg_hr__employees') }}
    where spell_end is null or spell_end >= spell_start
),

-- HR exports often repeat the person's leaving date on every spell, earlier and later ones included.
-- It belongs to the one spell it falls in or after, with no other spell between.
left_once as (
    select
        *,
        case when left_on >= spell_start and (next_start is null or next_start > left_on) then left_on end
            as own_left_on
    from spells
)

select
    left_once.employee_id,
    left_once.spell_start,
    -- Whichever comes first: the spell's own end, the day of leaving, the eve of the next spell.
    least(
        coalesce(left_once.spell_end, date '9999-12-31'),
        coalesce(left_once.own_left_on, date '9999-12-31'),
        coalesce({{ add_days('left_once.next_start', -1) }}, date '9999-12-31')
    ) as spell_end,
    unit_life.unit_id,
    case when unit_life.unit_id is null then 'unknown_unit' end as unit_issue,
    left_once.manager_id,
    left_once.population,
    left_once.contract_type,
    -- A source that does not say is read as full time.
    coalesce(left_once.fte, cast(1 as double)) as fte,
    left_once.hired_on,
    left_once.own_left_on as left_on,
    case when left_once.own_left_on is not null then left_once.leave_reason end as leave_reason
from left_once
left join {{ ref('dim_unit_life') }} as unit_life on left_once.unit_id = unit_life.unit_id
