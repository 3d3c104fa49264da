/*
    Grain: one row per unit, month and pair in force. Key: unit_id, period, pair_id.
    The two faces of each pair side by side, on the same 0–100 scale.
*/
select
    units.unit_id,
    units.unit_level,
    units.period,
    pairs.pair_id,
    pairs.mirror,
    pairs.client_status,
    pairs.collaborator_status,
    pairs.client_score,
    pairs.client_score_lower,
    pairs.client_score_upper,
    pairs.collaborator_score,
    pairs.collaborator_score_lower,
    pairs.collaborator_score_upper,
    pairs.gap,
    pairs.gap_lower,
    pairs.gap_upper,
    pairs.gap_se,
    pairs.status
from {{ ref('unit_months') }} as units
inner join {{ ref('stg_statistics__pair_scores') }} as pairs
    on units.unit_id = pairs.unit_id and units.period = pairs.period
