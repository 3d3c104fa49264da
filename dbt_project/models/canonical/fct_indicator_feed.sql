-- Figures that arrive already aggregated by another party.
-- Grain: one row per unit, month, population and indicator. Key: those four (wanted_unit_id for the unit as delivered).
with feed as (
    select
        *,
        {{ month_start('period') }} as month
    from {{ ref('stg_feed__indicators') }}
)

select
    feed.unit_id as wanted_unit_id,
    {{ attributed_unit('feed.unit_id', 'feed.month') }} as unit_id,
    {{ unit_issue('feed.unit_id', 'feed.month') }} as unit_issue,
    feed.month as period,
    feed.population,
    feed.indicator_id,
    feed.n,
    feed.value,
    feed.sd
from feed
left join {{ ref('dim_unit_life') }} as unit_life on feed.unit_id = unit_life.unit_id
