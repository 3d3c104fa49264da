/*
    Grain: one row per unit, month, population ('all'), indicator and client. Key: all five.
    - case_first_reply, case_resolution: cases answered, and resolved, within the target hours, over the cases whose
      deadline has passed (matured), in the month of opening: a young case is neither a success nor a failure yet, and
      counting only the young ones already answered would flatter the last month. A case matures on the day after its
      deadline at the latest, since dim_as_of is a day.
      A reply or a resolution dated before the opening is a wrong date: the case counts in neither number.
    - case_reopen_rate: cases reopened at least once over the cases resolved, in the month of the last resolution, for
      the unit of the case, or, where that unit has closed meanwhile, for the client's unit on that day.

    Where no case at all carries a first reply (a resolution, a reopening), the source does not record it, and the
    measure is left out rather than shown as 0 %.
*/
with measures as (
    select
        indicator_id,
        measure
    from {{ ref('indicators_in_force') }}
    where measure in ('case_first_reply', 'case_resolution', 'case_reopen_rate')
),

targets as (
    select
        as_of.as_of,
        parameters.client_first_reply_hours as first_reply_hours,
        parameters.client_resolution_hours as resolution_hours
    from {{ ref('parameters_in_force') }} as parameters
    cross join {{ ref('dim_as_of') }} as as_of
),

recorded as (
    select
        count(first_reply_hours) as first_replies,
        count(resolution_hours) as resolutions,
        count(case when reopen_count > 0 then 1 end) as reopenings
    from {{ ref('fct_case') }}
),

clients_months as (
    select
        cases.unit_id,
        {{ month_start('cases.opened_on') }} as period,
        cases.client_id as person_key,
        sum(case
            when
                recorded.first_replies > 0
                and coalesce(cases.first_reply_hours, 0) >= 0
                and {{ days_between('cases.opened_on', 'targets.as_of') }} >= ceil(targets.first_reply_hours / 24)
                then 1
            else 0
        end) as first_reply_cases,
        sum(case
            when
                {{ days_between('cases.opened_on', 'targets.as_of') }} >= ceil(targets.first_reply_hours / 24)
                and cases.first_reply_hours between 0 and targets.first_reply_hours
                then 1
            else 0
        end) as first_reply_in_time,
        sum(case
            when
                recorded.resolutions > 0
                and coalesce(cases.resolution_hours, 0) >= 0
                and {{ days_between('cases.opened_on', 'targets.as_of') }} >= ceil(targets.resolution_hours / 24)
                then 1
            else 0
        end) as resolution_cases,
        sum(case
            when
                {{ days_between('cases.opened_on', 'targets.as_of') }} >= ceil(targets.resolution_hours / 24)
                and cases.resolution_hours between 0 and targets.resolution_hours
                and coalesce(cases.reopen_count, 0) = 0
                then 1
            else 0
        end) as resolved_in_time
    from {{ ref('fct_case') }} as cases
    cross join targets
    cross join recorded
    where cases.unit_id is not null
    group by cases.unit_id, {{ month_start('cases.opened_on') }}, cases.client_id
),

resolved as (
    select
        cases.unit_id,
        cases.client_id,
        cases.resolved_on,
        {{ month_start('cases.resolved_on') }} as period,
        case when cases.reopen_count > 0 then 1 else 0 end as is_reopened
    from (
        select
            unit_id,
            client_id,
            reopen_count,
            {{ local_date('resolved_at') }} as resolved_on
        from {{ ref('fct_case') }}
        where resolved_at is not null and unit_id is not null
    ) as cases
    cross join targets
    cross join recorded
    where recorded.reopenings > 0 and cases.resolved_on <= targets.as_of
),

placed as (
    select
        case when alive.unit_id is null then clients.unit_id else resolved.unit_id end as unit_id,
        resolved.period,
        resolved.client_id as person_key,
        resolved.is_reopened
    from resolved
    left join {{ ref('bridge_unit_ancestor') }} as alive
        on
            resolved.unit_id = alive.unit_id
            and resolved.period = alive.period
            and alive.distance = 0
    left join {{ ref('dim_client') }} as clients
        on
            alive.unit_id is null
            and resolved.client_id = clients.client_id
            and resolved.resolved_on >= clients.valid_from
            and resolved.resolved_on <= clients.valid_to
),

measured as (
    select
        clients_months.unit_id,
        clients_months.period,
        clients_months.person_key,
        measures.indicator_id,
        case
            when measures.measure = 'case_first_reply' then clients_months.first_reply_cases
            else clients_months.resolution_cases
        end as n,
        case
            when measures.measure = 'case_first_reply' then clients_months.first_reply_in_time
            else clients_months.resolved_in_time
        end as s1
    from clients_months
    cross join measures
    where measures.measure in ('case_first_reply', 'case_resolution')
    union all
    select
        placed.unit_id,
        placed.period,
        placed.person_key,
        measures.indicator_id,
        count(*) as n,
        sum(placed.is_reopened) as s1
    from placed
    cross join measures
    where measures.measure = 'case_reopen_rate' and placed.unit_id is not null
    group by placed.unit_id, placed.period, placed.person_key, measures.indicator_id
)

select
    unit_id,
    period,
    'all' as population,
    indicator_id,
    person_key,
    cast(n as double) as n,
    cast(s1 as double) as s1,
    cast(s1 as double) as s2
from measured
where n > 0
