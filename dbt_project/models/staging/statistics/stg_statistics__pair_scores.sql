-- Grain: one row per unit, month and pair in force. Key: these three.
-- What the statistics stage (pipelines/statistics) computed, as it is.
select
    unit_id,
    period,
    pair_id,
    mirror,
    client_status,
    collaborator_status,
    client_score,
    client_score_lower,
    client_score_upper,
    collaborator_score,
    collaborator_score_lower,
    collaborator_score_upper,
    gap,
    gap_lower,
    gap_upper,
    gap_se,
    status
from {{ source('statistics', 'pair_scores') }}
