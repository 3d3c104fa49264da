/*
    Grain: one row per unit, month, population, indicator and employee. Key: all five.
    The month is that of opening, but for the reopen rate.
    - request_first_reply: internal requests of any kind with a first reply within the target hours.
    - irritant_resolution: irritants resolved within the target hours and not reopened.
    - suggestion_answered: suggestions with a first reply within the days allowed.
    - irritant_rate, suggestion_rate, suggestion_used_rate: events over person-months.
    - request_reopen_rate: requests of any kind reopened at least once over those resolved, in the month of the last
      resolution (request_resolutions).

    As for cases, only requests whose deadline has passed count towards a share, and what no request at all records
    is left out rather than shown as 0. A reply or a resolution dated before the opening is a wrong date, and the
    request counts in neither number. Requests without a known employee count, but not as a person.
*/
with measures as (
    select
        indicator_id,
        measure
    from {{ ref('indicators_in_force') }}
    where
        measure in (
            'request_first_reply',
            'irritant_resolution',
            'suggestion_answered',
            'irritant_rate',
            'suggestion_rate',
            'suggestion_used_rate',
            'request_reopen_rate'
        )
),

targets as (
    select
        as_of.as_of,
        parameters.collaborator_first_reply_hours as first_reply_hours,
        parameters.collaborator_resolution_hours as resolution_hours,
        parameters.suggestion_days
    from {{ ref('parameters_in_force') }} as parameters
    cross join {{ ref('dim_as_of') }} as as_of
),

requests as (
    select
        requests.unit_id,
        {{ month_start('requests.opened_on') }} as period,
        coalesce(requests.population, 'all') as population,
        requests.employee_id as person_key,
        requests.kind,
        {{ days_between('requests.opened_on', 'targets.as_of') }} as age_days,
        requests.first_reply_hours,
        requests.resolution_hours,
        coalesce(requests.reopen_count, 0) as reopen_count,
        requests.put_into_use
    from {{ ref('fct_internal_request') }} as requests
    cross join targets
    where requests.unit_id is not null
),

recorded_counts as (
    select
        count(first_reply_hours) as first_replies,
        count(case when kind = 'irritant' then resolution_hours end) as irritant_resolutions,
        count(case when kind = 'suggestion' then first_reply_hours end) as suggestion_replies,
        sum(case when kind = 'irritant' then 1 else 0 end) as irritants,
        sum(case when kind = 'suggestion' then 1 else 0 end) as suggestions,
        count(case when kind = 'suggestion' then put_into_use end) as suggestions_followed,
        count(case when reopen_count > 0 then 1 end) as reopenings
    from requests
),

recorded as (
    select
        measures.indicator_id,
        measures.measure
    from measures
    cross join recorded_counts
    where
        case measures.measure
            when 'request_first_reply' then recorded_counts.first_replies
            when 'irritant_resolution' then recorded_counts.irritant_resolutions
            when 'suggestion_answered' then recorded_counts.suggestion_replies
            when 'irritant_rate' then recorded_counts.irritants
            when 'suggestion_rate' then recorded_counts.suggestions
            when 'suggestion_used_rate' then recorded_counts.suggestions_followed
            when 'request_reopen_rate' then recorded_counts.reopenings
        end > 0
),

judged as (
    select
        recorded.indicator_id,
        requests.unit_id,
        requests.period,
        requests.population,
        requests.person_key,
        case when recorded.measure in ('irritant_rate', 'suggestion_rate', 'suggestion_used_rate') then 0 else 1 end
            as n,
        case
            when
                recorded.measure = 'request_first_reply'
                and requests.first_reply_hours between 0 and targets.first_reply_hours
                then 1
            when
                recorded.measure = 'irritant_resolution'
                and requests.resolution_hours between 0 and targets.resolution_hours
                and requests.reopen_count = 0
                then 1
            when
                recorded.measure = 'suggestion_answered'
                and requests.first_reply_hours between 0 and 24 * targets.suggestion_days
                then 1
            when recorded.measure in ('irritant_rate', 'suggestion_rate') then 1
            when recorded.measure = 'suggestion_used_rate' and requests.put_into_use then 1
            else 0
        end as s1
    from requests
    cross join targets
    inner join recorded
        on
            (
                recorded.measure = 'request_first_reply'
                and coalesce(requests.first_reply_hours, 0) >= 0
                and requests.age_days >= ceil(targets.first_reply_hours / 24)
            )
            or (
                recorded.measure = 'irritant_resolution'
                and requests.kind = 'irritant'
                and coalesce(requests.resolution_hours, 0) >= 0
                and requests.age_days >= ceil(targets.resolution_hours / 24)
            )
            or (
                recorded.measure = 'suggestion_answered'
                and requests.kind = 'suggestion'
                and coalesce(requests.first_reply_hours, 0) >= 0
                and requests.age_days >= targets.suggestion_days
            )
            or (recorded.measure = 'irritant_rate' and requests.kind = 'irritant')
            or (recorded.measure in ('suggestion_rate', 'suggestion_used_rate') and requests.kind = 'suggestion')
),

counted as (
    select
        unit_id,
        period,
        population,
        indicator_id,
        person_key,
        n,
        s1
    from judged
    union all
    select
        resolutions.unit_id,
        resolutions.period,
        resolutions.population,
        recorded.indicator_id,
        resolutions.employee_id as person_key,
        1 as n,
        resolutions.is_reopened as s1
    from {{ ref('request_resolutions') }} as resolutions
    cross join recorded
    where recorded.measure = 'request_reopen_rate'
    union all
    select
        exposure.unit_id,
        exposure.period,
        exposure.population,
        recorded.indicator_id,
        exposure.employee_id as person_key,
        exposure.person_months as n,
        0 as s1
    from {{ ref('exposure_employees') }} as exposure
    cross join recorded
    where recorded.measure in ('irritant_rate', 'suggestion_rate', 'suggestion_used_rate')
)

select
    unit_id,
    period,
    population,
    indicator_id,
    person_key,
    cast(sum(n) as double) as n,
    cast(sum(s1) as double) as s1,
    cast(sum(s1) as double) as s2
from counted
group by unit_id, period, population, indicator_id, person_key
