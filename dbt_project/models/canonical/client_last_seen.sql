-- Clients who are missing from the latest snapshot of their CRM, with the day they were last in one.
-- Grain and key: client_id. Who is in the latest snapshot, or comes from deltas, has no row.
{{ last_seen('stg_crm__clients', 'client_id') }}
