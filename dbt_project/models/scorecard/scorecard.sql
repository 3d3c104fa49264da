/*
    Grain: one row per unit and month in which the unit exists, at every level of the hierarchy.
    Key: unit_id, period.
    The joined view: client beside collaborator, the gap, and how sure we are of it.
*/
select
    units.unit_id,
    units.unit_name,
    units.unit_level,
    units.parent_unit_id,
    units.period,
    indices.status,
    indices.weight_present,
    indices.pairs_scored,
    indices.client_index,
    indices.client_index_lower,
    indices.client_index_upper,
    indices.client_index_se,
    indices.collaborator_index,
    indices.collaborator_index_lower,
    indices.collaborator_index_upper,
    indices.collaborator_index_se,
    indices.gap,
    indices.gap_lower,
    indices.gap_upper,
    indices.gap_se,
    indices.level,
    indices.symmetry,
    indices.symmetry_index,
    indices.symmetry_index_lower,
    indices.symmetry_index_upper,
    indices.quadrant,
    indices.human_sigma,
    indices.perception_client,
    indices.perception_collaborator,
    indices.journey_client,
    indices.journey_collaborator,
    indices.conduct_client,
    indices.conduct_collaborator
from {{ ref('unit_months') }} as units
inner join {{ ref('stg_statistics__unit_indices') }} as indices
    on units.unit_id = indices.unit_id and units.period = indices.period
