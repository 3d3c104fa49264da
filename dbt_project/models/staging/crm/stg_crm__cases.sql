-- Client cases, the latest landed version of each.
-- Grain and key: source_system, case_id.
-- Two systems may number their records alike, so the system is part of the key.
{{ latest_version(
    'case',
    key=['_system', 'case_id'],
    columns=[
        'case_id',
        'client_id',
        'unit_id',
        'opened_at',
        'first_reply_at',
        'resolved_at',
        'reopen_count',
        'kind',
        'theme',
        'channel',
        'lower(trim(moment)) as moment',
        '_system as source_system'
    ]
) }}
