/*
    Grain: one row per resolved case that can be given to a unit. Key: source_system, case_id.
    The month is that of the last resolution. It counts for the unit of the case, or, where that unit has closed
    meanwhile, for the client's unit on that day.
*/
with resolved as (
    select
        cases.source_system,
        cases.case_id,
        cases.unit_id,
        cases.client_id,
        cases.resolved_on,
        {{ month_start('cases.resolved_on') }} as period,
        cast(case when cases.reopen_count > 0 then 1 else 0 end as bigint) as is_reopened
    from (
        select
            source_system,
            case_id,
            unit_id,
            client_id,
            reopen_count,
            {{ local_date('resolved_at') }} as resolved_on
        from {{ ref('fct_case') }}
        where resolved_at is not null and unit_id is not null
    ) as cases
    cross join {{ ref('dim_as_of') }} as as_of
    where cases.resolved_on <= as_of.as_of
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
    resolved.case_id,
    resolved.unit_id,
    resolved.period,
    resolved.client_id,
    resolved.is_reopened
from resolved
inner join alive
    on resolved.unit_id = alive.unit_id and resolved.period = alive.period
union all
select
    orphaned.source_system,
    orphaned.case_id,
    clients.unit_id,
    orphaned.period,
    orphaned.client_id,
    orphaned.is_reopened
from orphaned
inner join {{ ref('dim_client') }} as clients
    on
        orphaned.client_id = clients.client_id
        and orphaned.resolved_on >= clients.valid_from
        and orphaned.resolved_on <= clients.valid_to
where clients.unit_id is not null
