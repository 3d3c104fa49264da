/*
    Grain: one row per unit, month, population and indicator with any observation in its window.
    Key: unit_id, period, population, indicator_id.
    Only population 'all': the difference between two published populations could give away a hidden one. Composites
    are an inner step of the error of an index and are left out.
*/
select
    units.unit_id,
    units.unit_level,
    units.period,
    scores.population,
    scores.indicator_id,
    indicators.side,
    indicators.mirror,
    scores.window_months,
    scores.n,
    scores.people,
    scores.value,
    scores.value_lower,
    scores.value_upper,
    scores.value_se,
    scores.score,
    scores.score_lower,
    scores.score_upper,
    scores.score_se,
    scores.variance_source,
    scores.status
from {{ ref('unit_months') }} as units
inner join {{ ref('stg_statistics__indicator_scores') }} as scores
    on units.unit_id = scores.unit_id and units.period = scores.period
inner join {{ ref('indicators_in_force') }} as indicators
    on scores.indicator_id = indicators.indicator_id
where scores.population = 'all' and not indicators.is_composite
