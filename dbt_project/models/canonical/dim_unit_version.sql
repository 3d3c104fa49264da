-- Organisational units as they were over time.
-- Grain: one row per unit and version. Key: unit_id, valid_from. Dates inclusive, never null, never overlapping.
with units as (
    select
        unit_id,
        unit_name,
        -- Some systems write the top unit as its own parent.
        nullif(parent_unit_id, unit_id) as parent_unit_id,
        unit_level,
        coalesce(valid_from, date '1900-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('stg_hr__units') }}
    where coalesce(valid_to, date '9999-12-31') >= coalesce(valid_from, date '1900-01-01')
),

followed as (
    select
        *,
        lead(valid_from) over (partition by unit_id order by valid_from) as next_from
    from units
)

-- A version left open, or open too long, ends the day before the next one begins.
select
    unit_id,
    unit_name,
    parent_unit_id,
    unit_level,
    valid_from,
    least(valid_to, coalesce({{ add_days('next_from', -1) }}, date '9999-12-31')) as valid_to
from followed
