-- How long services and tools were up, and how fast.
-- Grain: one row per unit, service, audience and day. Key: those four (wanted_unit_id for the unit as delivered).
select
    availability.unit_id as wanted_unit_id,
    {{ attributed_unit('availability.unit_id', 'availability.day') }} as unit_id,
    {{ unit_issue('availability.unit_id', 'availability.day') }} as unit_issue,
    availability.service,
    availability.audience,
    availability.day,
    availability.minutes_expected,
    availability.minutes_available,
    availability.response_time_ms
from {{ ref('stg_operations__availability') }} as availability
left join {{ ref('dim_unit_life') }} as unit_life on availability.unit_id = unit_life.unit_id
