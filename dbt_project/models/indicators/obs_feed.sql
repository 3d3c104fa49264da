/*
    Grain: one row per unit, month, population and indicator delivered already aggregated. Key: these four.
    An aggregated figure brought to (n, s1, s2) (method §2). Without a standard deviation, a mean bounded in [a, b]
    takes the largest variance it can have, (b − m)(m − a), a net promoter score that of no passive answer at all;
    both are marked conservative.

    A unit may be fed for 'all' beside its named populations. Rows of 'all' are then kept as the remainder (all less
    the named ones), so that populations add up to 'all' and nobody counts twice.
*/
with additive as (
    select
        feed.unit_id,
        feed.period,
        feed.population,
        feed.indicator_id,
        feed.n,
        feed.n * feed.value / indicators.multiplier as s1,
        case
            when feed.sd is not null
                then
                    feed.n
                    * (
                        feed.value / indicators.multiplier * feed.value / indicators.multiplier
                        + feed.sd / indicators.multiplier * feed.sd / indicators.multiplier
                    )
            when indicators.kind = 'mean'
                then
                    feed.n
                    * (
                        (indicators.value_min + indicators.value_max) / indicators.multiplier
                        * feed.value / indicators.multiplier
                        - indicators.value_min / indicators.multiplier * indicators.value_max / indicators.multiplier
                    )
            when indicators.kind = 'nps' then feed.n
            else feed.n * feed.value / indicators.multiplier
        end as s2,
        case when feed.sd is null and indicators.kind in ('mean', 'nps') then 1 else 0 end as conservative
    from {{ ref('fct_indicator_feed') }} as feed
    inner join {{ ref('indicators_in_force') }} as indicators
        on feed.indicator_id = indicators.indicator_id
    where feed.n > 0 and feed.unit_id is not null
),

named as (
    select
        unit_id,
        period,
        indicator_id,
        {{ sum_exactly('n') }} as n,
        {{ sum_exactly('s1') }} as s1,
        {{ sum_exactly('s2') }} as s2,
        max(conservative) as conservative
    from additive
    where population <> 'all'
    group by unit_id, period, indicator_id
),

remainders as (
    select
        additive.unit_id,
        additive.period,
        additive.population,
        additive.indicator_id,
        additive.n - coalesce(named.n, 0) as n,
        additive.s1 - coalesce(named.s1, 0) as s1,
        additive.s2 - coalesce(named.s2, 0) as s2,
        greatest(additive.conservative, coalesce(named.conservative, 0)) as conservative
    from additive
    left join named
        on
            additive.unit_id = named.unit_id
            and additive.period = named.period
            and additive.indicator_id = named.indicator_id
    where additive.population = 'all'
)

select
    unit_id,
    period,
    population,
    indicator_id,
    cast(n as double) as n,
    cast(s1 as double) as s1,
    cast(s2 as double) as s2,
    cast(round(n) as bigint) as people,
    conservative = 1 as is_conservative
from additive
where population <> 'all'
union all
select
    unit_id,
    period,
    population,
    indicator_id,
    cast(n as double) as n,
    cast(s1 as double) as s1,
    cast(s2 as double) as s2,
    cast(round(n) as bigint) as people,
    conservative = 1 as is_conservative
from remainders
-- Less than half an observation left over is the rounding of the source, not a person.
where n >= 0.5
