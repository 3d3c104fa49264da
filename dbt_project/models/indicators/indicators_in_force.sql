/*
    Grain: one row per indicator in force, per composite and per belief. Key: indicator_id.
    What the other models need to know of an indicator, in one place. A composite (a mirror's mean within each
    respondent, method §4) is there once per mirror and side that has pairs; its window is the smallest of its parts,
    since over a longer one its error would not be that of the scores it stands for. A belief (method §12) is there once
    per role and dimension that clients are asked about, belief.<role>.<dimension>; all roles have the longest window of
    the dimension's indicators, so that an estimate and what it is of are of the same months.
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
),

asked as (
    select
        indicators.topic,
        max(windows.window_months) as window_months
    from {{ ref('indicators') }} as indicators
    inner join {{ ref('windows') }} as windows
        on indicators.indicator_id = windows.indicator_id
    where indicators.measure in ('survey_mean', 'survey_top_box', 'survey_nps')
    group by indicators.topic
    having max(case when indicators.side = 'client' then 1 else 0 end) = 1
),

roles as (
    select
        'client' as role,
        'client' as side
    union all
    select
        'collaborator' as role,
        'collaborator' as side
    union all
    select
        'manager' as role,
        'collaborator' as side
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

union all

select
    'belief.' || roles.role || '.' || asked.topic as indicator_id,
    roles.side,
    'none' as mirror,
    'belief' as measure,
    asked.topic,
    'mean' as kind,
    cast(1 as double) as multiplier,
    cast(0 as double) as value_min,
    cast(100 as double) as value_max,
    cast(null as double) as success_from,
    cast(null as double) as floor_value,
    cast(null as double) as goal_value,
    asked.window_months,
    roles.side as protects,
    false as is_composite
from asked
cross join roles
