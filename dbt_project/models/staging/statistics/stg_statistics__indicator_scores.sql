-- Grain: one row per unit, month, population and indicator (composites too). Key: these four.
-- What the statistics stage (pipelines/statistics) computed, as it is.
select
    unit_id,
    period,
    population,
    indicator_id,
    window_months,
    n,
    people,
    value,
    value_lower,
    value_upper,
    value_se,
    score,
    score_lower,
    score_upper,
    score_se,
    variance_source,
    status
from {{ source('statistics', 'indicator_scores') }}
