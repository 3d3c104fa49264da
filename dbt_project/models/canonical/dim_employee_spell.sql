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
),

-- Who vanished from the HR system without a date of leaving is followed up to the last day seen there.
followed as (
    select
        left_once.*,
        case
            when left_once.own_left_on is null and left_once.spell_end is null and left_once.next_start is null
                then last_seen.last_seen_on
        end as vanished_on
    from left_once
    left join {{ ref('employee_last_seen') }} as last_seen on left_once.employee_id = last_seen.employee_id
)

select
    followed.employee_id,
    followed.spell_start,
    -- Whichever comes first: the spell's own end, the day of leaving, the eve of the next spell, the last day seen.
    least(
        coalesce(followed.spell_end, date '9999-12-31'),
        coalesce(followed.own_left_on, date '9999-12-31'),
        coalesce({{ add_days('followed.next_start', -1) }}, date '9999-12-31'),
        coalesce(followed.vanished_on, date '9999-12-31')
    ) as spell_end,
    unit_life.unit_id,
    case when unit_life.unit_id is null then 'unknown_unit' end as unit_issue,
    followed.manager_id,
    followed.population,
    followed.contract_type,
    -- A source that does not say is read as full time.
    coalesce(followed.fte, cast(1 as double)) as fte,
    followed.hired_on,
    followed.own_left_on as left_on,
    case when followed.own_left_on is not null then followed.leave_reason end as leave_reason,
    followed.vanished_on
from followed
left join {{ ref('dim_unit_life') }} as unit_life on followed.unit_id = unit_life.unit_id
where followed.vanished_on is null or followed.vanished_on >= followed.spell_start
