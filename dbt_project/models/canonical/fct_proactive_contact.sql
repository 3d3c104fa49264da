-- Contacts that the company took up by itself, and call-backs.
-- Grain: one row per contact. Key: source_system, contact_id.
-- Unit: as the contact says, else the client's on the day.
with contacts as (
    select
        *,
        {{ local_date('contacted_at') }} as contacted_on
    from {{ ref('stg_crm__proactive_contacts') }}
),

resolved as (
    select
        contacts.*,
        coalesce(contacts.unit_id, clients.unit_id) as wanted_unit_id
    from contacts
    left join {{ ref('dim_client') }} as clients
        on
            contacts.client_id = clients.client_id
            and clients.valid_from <= contacts.contacted_on
            and clients.valid_to >= contacts.contacted_on
)

select
    resolved.source_system,
    resolved.contact_id,
    resolved.client_id,
    {{ attributed_unit('resolved.wanted_unit_id', 'resolved.contacted_on') }} as unit_id,
    {{ unit_issue('resolved.wanted_unit_id', 'resolved.contacted_on') }} as unit_issue,
    resolved.contacted_at,
    resolved.contacted_on,
    resolved.kind,
    resolved.channel
from resolved
left join {{ ref('dim_unit_life') }} as unit_life on resolved.wanted_unit_id = unit_life.unit_id
