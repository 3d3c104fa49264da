/*
    Grain: one row per resolved internal request that can be given to a unit. Key: source_system, request_id.
    The month is that of the last resolution. It counts for the unit of the request, or, where that unit has
    closed meanwhile, for the employee's unit on that day.
*/
with resolved as (
    select
        requests.source_system,
        requests.request_id,
        requests.unit_id,
        requests.population,
        requests.employee_id,
        requests.resolved_on,
        {{ month_start('requests.resolved_on') }} as period,
        cast(case when requests.reopen_count > 0 then 1 else 0 end as bigint) as is_reopened
    from (
        select
            source_system,
            request_id,
            unit_id,
            coalesce(population, 'all') as population,
            employee_id,
            coalesce(reopen_count, 0) as reopen_count,
            {{ local_date('resolved_at') }} as resolved_on
        from {{ ref('fct_internal_request') }}
        where resolved_at is not null and unit_id is not null
    ) as requests
    cross join {{ ref('dim_as_of') }} as as_of
    where requests.resolved_on <= as_of.as_of
),

alive as (
    select
        unit_id,
        period
    from {{ ref('bridge_unit_ancestor') }}
    where distance = 0
),

orphaned as (
    select resolved.*
    from resolved
    left join alive
        on resolved.unit_id = alive.unit_id and resolved.period = alive.period
    where alive.unit_id is null
)

select
    resolved.source_system,
    resolved.request_id,
    resolved.unit_id,
    resolved.period,
    resolved.population,
    resolved.employee_id,
    resolved.is_reopened
from resolved
inner join alive
    on resolved.unit_id = alive.unit_id and resolved.period = alive.period
union all
select
    orphaned.source_system,
    orphaned.request_id,
    spells.unit_id,
    orphaned.period,
    coalesce(spells.population, 'all') as population,
    orphaned.employee_id,
    orphaned.is_reopened
from orphaned
inner join {{ ref('dim_employee_spell') }} as spells
    on
        orphaned.employee_id = spells.employee_id
        and orphaned.resolved_on >= spells.spell_start
        and orphaned.resolved_on <= spells.spell_end
where spells.unit_id is not null
