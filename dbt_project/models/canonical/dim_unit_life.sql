-- The first and last day of each unit, whatever its versions in between.
-- Grain: one row per unit. Key: unit_id. Dates inclusive, never null.
select
    unit_id,
    min(valid_from) as first_day,
    max(valid_to) as last_day
from {{ ref('dim_unit_version') }}
group by unit_id
