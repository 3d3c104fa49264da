-- Contacts taken up by the company, and call-backs, the latest landed version of each.
-- Grain and key: source_system, contact_id.
-- Two systems may number their records alike, so the system is part of the key.
{{ latest_version(
    'proactive_contact',
    key=['_system', 'contact_id'],
    columns=[
        'contact_id',
        'client_id',
        'unit_id',
        'contacted_at',
        'kind',
        'channel',
        '_system as source_system'
    ]
) }}
