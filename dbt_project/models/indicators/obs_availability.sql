/*
    Grain: one row per unit, month, population ('all') and indicator. Key: these four; nobody is behind the figure,
    so person_key is null.
    - availability: minutes available over minutes expected. n is service-days of 24 hours expected and not minutes:
      the minutes of one failure are not so many independent events.
    - tool_response_time: mean over the service-days that give one, in milliseconds.
*/
with measures as (
    select
        indicator_id,
        measure,
        case when measure = 'availability' then topic else 'collaborator' end as audience
    from {{ ref('indicators_in_force') }}
    where measure in ('availability', 'tool_response_time')
),

months as (
    select
        unit_id,
        audience,
        {{ month_start('day') }} as period,
        {{ sum_exactly('case when minutes_expected > 0 then minutes_expected else 0 end') }} / 1440 as days_expected,
        {{ sum_exactly('case when minutes_expected > 0 then minutes_available else 0 end') }} / 1440 as days_available,
        {{ sum_exactly('
            case when minutes_expected > 0 then minutes_available * minutes_available / minutes_expected else 0 end
        ') }} / 1440 as days_available_squared,
        count(response_time_ms) as response_times,
        {{ sum_exactly('response_time_ms') }} as response_time_ms,
        {{ sum_exactly('response_time_ms * response_time_ms') }} as response_time_ms_squared
    from {{ ref('fct_availability') }}
    where unit_id is not null
    group by unit_id, audience, {{ month_start('day') }}
),

measured as (
    select
        months.unit_id,
        months.period,
        measures.indicator_id,
        case when measures.measure = 'availability' then months.days_expected else months.response_times end as n,
        case when measures.measure = 'availability' then months.days_available else months.response_time_ms end as s1,
        case
            when measures.measure = 'availability' then months.days_available_squared
            else months.response_time_ms_squared
        end as s2
    from months
    inner join measures
        on months.audience = measures.audience
)

select
    unit_id,
    period,
    'all' as population,
    indicator_id,
    cast(null as string) as person_key,
    cast(n as double) as n,
    cast(s1 as double) as s1,
    cast(s2 as double) as s2
from measured
where n > 0
