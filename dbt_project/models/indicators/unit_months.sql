/*
    Grain: one row per unit and month in which it exists, at every level of the hierarchy. Key: unit_id, period.
    Every row of the scorecard starts from here, so that a hidden or thin month is a row with a status and never a
    missing row. Name, level and parent are those of the month's last day, or of the unit's last day before it.
*/
with ranked as (
    select
        bridge.unit_id,
        bridge.period,
        versions.unit_name,
        versions.unit_level,
        versions.parent_unit_id,
        versions.valid_from,
        versions.valid_to,
        row_number() over (
            partition by bridge.unit_id, bridge.period
            order by versions.valid_from desc
        ) as place
    from {{ ref('bridge_unit_ancestor') }} as bridge
    inner join {{ ref('dim_month') }} as months
        on bridge.period = months.period
    inner join {{ ref('dim_unit_version') }} as versions
        on bridge.unit_id = versions.unit_id and versions.valid_from <= months.period_end
    where bridge.distance = 0
),

depths as (
    select
        unit_id,
        period,
        max(distance) as depth
    from {{ ref('bridge_unit_ancestor') }}
    group by unit_id, period
)

select
    ranked.unit_id,
    ranked.period,
    ranked.unit_name,
    ranked.unit_level,
    ranked.parent_unit_id,
    cast(depths.depth as bigint) as depth,
    ranked.valid_from,
    ranked.valid_to
from ranked
inner join depths
    on ranked.unit_id = depths.unit_id and ranked.period = depths.period
where ranked.place = 1
