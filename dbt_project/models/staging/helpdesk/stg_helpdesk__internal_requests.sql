-- What employees raise, every landed version of each: fct_internal_request takes the latest.
-- Grain: one row per row that has landed. Key: none here, a row may land twice; the fact holds the key.
select
    request_id,
    employee_id,
    unit_id,
    opened_at,
    first_reply_at,
    resolved_at,
    reopen_count,
    kind,
    theme,
    put_into_use,
    _system as source_system,
    _version as version,
    _delivery_id as delivery_id
from {{ source('landing', 'internal_request') }}
