/*
    Grain: one row per indicator in force. Key: indicator_id.
*/
select
    indicators.indicator_id,
    indicators.side,
    indicators.mirror,
    indicators.kind,
    indicators.measure,
    indicators.topic,
    indicators.multiplier,
    goalposts.floor,
    goalposts.goal,
    windows.window_months,
    windows.min_n,
    indicators.protects,
    indicators.unit_of_measure,
    labels.label_en,
    labels.label_fr,
    indicators.sort_order
from {{ ref('indicators') }} as indicators
inner join {{ ref('windows') }} as windows
    on indicators.indicator_id = windows.indicator_id
left join {{ ref('goalposts') }} as goalposts
    on indicators.indicator_id = goalposts.indicator_id
left join {{ ref('labels') }} as labels
    on indicators.indicator_id = labels.id and labels.object = 'indicator'
