/*
    Grain: one row per relationship, that is per client and day of its beginning. Key: client_id, client_since.
    Entries belong to the unit that served the client first, losses to the one that served it last.
*/
with ranked as (
    select
        client_id,
        unit_id,
        client_since,
        client_until,
        row_number() over (partition by client_id, client_since order by valid_from asc) as from_first,
        row_number() over (partition by client_id, client_since order by valid_from desc) as from_last
    from {{ ref('dim_client') }}
    where unit_id is not null and client_since <= valid_to
),

relationships as (
    select
        client_id,
        client_since,
        max(case when from_first = 1 then unit_id end) as first_unit_id,
        max(case when from_last = 1 then unit_id end) as last_unit_id,
        max(case when from_last = 1 then client_until end) as client_until
    from ranked
    group by client_id, client_since
)

select
    relationships.client_id,
    relationships.client_since,
    relationships.first_unit_id,
    relationships.last_unit_id,
    relationships.client_until,
    {{ add_days('relationships.client_since', 'parameters.welcome_days') }} as welcome_ends_on
from relationships
cross join {{ ref('parameters_in_force') }} as parameters
