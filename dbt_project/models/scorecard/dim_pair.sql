/*
    Grain: one row per pair in force. Key: pair_id.
*/
select
    pairs.pair_id,
    pairs.mirror,
    pairs.client_indicator_id,
    pairs.collaborator_indicator_id,
    pair_weights.weight,
    mirror_weights.weight as mirror_weight,
    labels.label_en,
    labels.label_fr,
    pairs.sort_order
from {{ ref('mirror_pairs') }} as pairs
left join {{ ref('weights') }} as pair_weights
    on pairs.pair_id = pair_weights.id and pair_weights.scope = 'pair'
left join {{ ref('weights') }} as mirror_weights
    on pairs.mirror = mirror_weights.id and mirror_weights.scope = 'mirror'
left join {{ ref('labels') }} as labels
    on pairs.pair_id = labels.id and labels.object = 'pair'
