/*
    Grain: one row per indicator in force, and one per composite. Key: indicator_id.
    What the other models need to know of an indicator, in one place. A composite (a mirror's mean within each
    respondent, method §4) is there once per mirror and side that has pairs; its window is the smallest of its parts,
    since over a longer one its error would not be that of the scores it stands for.
*/
with faces as (
    select
        mirror,
        'client' as side,
        client_indicator_id as indicator_id
    from {{ ref('mirror_pairs') }}
    union all
    select
        mirror,
        'collaborator' as side,
        collaborator_indicator_id as indicator_id
    from {{ ref('mirror_pairs') }}
)

select
    indicators.indicator_id,
    indicators.side,
    indicators.mirror,
    indicators.measure,
    indicators.topic,
    indicators.kind,
    indicators.multiplier,
    indicators.value_min,
    indicators.value_max,
    indicators.success_from,
    goalposts.floor as floor_value,
    goalposts.goal as goal_value,
    windows.window_months,
    indicators.protects,
    false as is_composite
from {{ ref('indicators') }} as indicators
inner join {{ ref('windows') }} as windows
    on indicators.indicator_id = windows.indicator_id
left join {{ ref('goalposts') }} as goalposts
    on indicators.indicator_id = goalposts.indicator_id

union all

select
    'composite.' || faces.mirror || '.' || faces.side as indicator_id,
    faces.side,
    faces.mirror,
    'composite' as measure,
    cast(null as string) as topic,
    'mean' as kind,
    cast(1 as double) as multiplier,
    cast(0 as double) as value_min,
    cast(100 as double) as value_max,
    cast(null as double) as success_from,
    cast(0 as double) as floor_value,
    cast(100 as double) as goal_value,
    min(windows.window_months) as window_months,
    faces.side as protects,
    true as is_composite
from faces
inner join {{ ref('windows') }} as windows
    on faces.indicator_id = windows.indicator_id
where faces.mirror in ('perception', 'journey')
group by faces.mirror, faces.side
