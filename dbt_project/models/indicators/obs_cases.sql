/*
    Grain: one row per unit, month, population ('all'), indicator and client. Key: all five.
    - case_first_reply, case_resolution: cases answered, and resolved, within the target hours, over the cases whose
      deadline has passed (matured), in the month of opening: a young case is neither a success nor a failure yet, and
      counting only the young ones already answered would flatter the last month. A case matures on the day after its
      deadline at the latest, since dim_as_of is a day.
      A reply or a resolution dated before the opening is a wrong date: the case counts in neither number.
    - case_reopen_rate: cases reopened at least once over the cases resolved, in the month of the last resolution
      (case_resolutions).

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
        resolutions.unit_id,
        resolutions.period,
        resolutions.client_id as person_key,
        measures.indicator_id,
        count(*) as n,
        sum(resolutions.is_reopened) as s1
    from {{ ref('case_resolutions') }} as resolutions
    cross join measures
    cross join recorded
    where measures.measure = 'case_reopen_rate' and recorded.reopenings > 0
    group by resolutions.unit_id, resolutions.period, resolutions.client_id, measures.indicator_id
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
