/*
    Grain: one row per unit, month, population and indicator with any observation in its window.
    Key: unit_id, period, population, indicator_id.
    Only population 'all': the difference between two published populations could give away a hidden one. Composites
    are an inner step of the error of an index and are left out.

    Durations stand beside a share that is shown, and nowhere else. Those who have a duration may be fewer than those
    behind the share (not everybody has had a reply yet), so the k of the run is asked of them once more: a median of
    one reply would be that very reply.
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
    scores.status,
    durations.median_hours as duration_median_hours,
    durations.p90_hours as duration_p90_hours
from {{ ref('unit_months') }} as units
inner join {{ ref('stg_statistics__indicator_scores') }} as scores
    on units.unit_id = scores.unit_id and units.period = scores.period
inner join {{ ref('indicators_in_force') }} as indicators
    on scores.indicator_id = indicators.indicator_id
left join {{ ref('indicator_durations') }} as durations
    on
        scores.unit_id = durations.unit_id
        and scores.period = durations.period
        and scores.indicator_id = durations.indicator_id
        and scores.status = 'ok'
        and (indicators.protects = 'none' or durations.people_up_to_k >= {{ var('min_respondents') }})
where scores.population = 'all' and not indicators.is_composite
