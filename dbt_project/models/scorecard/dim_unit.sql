/*
    Grain: one row per unit that exists in any month of the scorecard. Key: unit_id.
    Each unit as it last was: the version in force in its last month.
*/
with last_months as (
    select
        unit_id,
        max(period) as period
    from {{ ref('unit_months') }}
    group by unit_id
),

latest as (
    select units.*
    from {{ ref('unit_months') }} as units
    inner join last_months
        on units.unit_id = last_months.unit_id and units.period = last_months.period
)

select
    latest.unit_id,
    latest.unit_name,
    latest.unit_level,
    latest.parent_unit_id,
    parents.unit_name as parent_unit_name,
    latest.depth,
    latest.valid_from,
    latest.valid_to
from latest
left join latest as parents
    on latest.parent_unit_id = parents.unit_id
