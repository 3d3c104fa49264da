-- People who vanished: gone from their source's latest snapshot without a date of leaving. They are counted up to
-- the day they were last seen, and not as departures: whoever owns the source must say what became of them.
-- Grain: one row per entity and person. Key: entity, person_key.
select distinct
    'employee' as entity,
    employee_id as person_key,
    vanished_on as last_seen_on
from {{ ref('dim_employee_spell') }}
where vanished_on is not null
union all
select distinct
    'client' as entity,
    client_id as person_key,
    vanished_on as last_seen_on
from {{ ref('dim_client') }}
where vanished_on is not null
