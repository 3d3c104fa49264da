-- Improvement actions, the latest landed version of each.
-- Grain and key: source_system, action_id.
-- Two systems may number their records alike, so the system is part of the key.
{{ latest_version(
    'action',
    key=['_system', 'action_id'],
    columns=[
        'action_id',
        'unit_id',
        'lower(trim(marker)) as marker',
        'started_on',
        'ended_on',
        'kind',
        'owner_role',
        '_system as source_system'
    ]
) }}
