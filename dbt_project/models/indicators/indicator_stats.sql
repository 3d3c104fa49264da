{{ config(materialized='incremental', incremental_strategy='months', on_schema_change='fail') }}
-- depends_on: {{ ref('months_touched') }}
-- depends_on: {{ ref('dim_month') }}
/*
    Grain: one row per leaf unit, month, population and indicator. Key: these four.
    The additive statistics of method §2, from rows and from feeds. Any window and any roll-up is a plain sum of them.
    'all' holds here only what has no named population: 'all' of a unit is the sum over its populations.
*/
with summed as (
    select
        unit_id,
        period,
        population,
        indicator_id,
        {{ sum_exactly('n') }} as n,
        {{ sum_exactly('s1') }} as s1,
        {{ sum_exactly('s2') }} as s2,
        count(distinct person_key) as people,
        0 as people_fed,
        0 as conservative
    from {{ ref('indicator_people') }}
    where {{ touched('period') }}
    group by unit_id, period, population, indicator_id
    union all
    select
        unit_id,
        period,
        population,
        indicator_id,
        n,
        s1,
        s2,
        people,
        people as people_fed,
        case when is_conservative then 1 else 0 end as conservative
    from {{ ref('obs_feed') }}
    where {{ touched('period') }}
)

select
    summed.unit_id,
    summed.period,
    summed.population,
    summed.indicator_id,
    {{ sum_exactly('summed.n') }} as n,
    {{ sum_exactly('summed.s1') }} as s1,
    {{ sum_exactly('summed.s2') }} as s2,
    case when max(indicators.protects) <> 'none' then cast(sum(summed.people) as bigint) end as people,
    case when max(indicators.protects) <> 'none' then cast(sum(summed.people_fed) as bigint) end as people_fed,
    max(summed.conservative) = 1 as conservative
from summed
inner join {{ ref('indicators_in_force') }} as indicators
    on summed.indicator_id = indicators.indicator_id
group by summed.unit_id, summed.period, summed.population, summed.indicator_id
