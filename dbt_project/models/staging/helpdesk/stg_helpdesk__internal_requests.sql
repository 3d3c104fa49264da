-- Requests, irritants and suggestions raised by employees, the latest landed version of each.
-- Grain and key: source_system, request_id.
-- Two systems may number their records alike, so the system is part of the key.
{{ latest_version(
    'internal_request',
    key=['_system', 'request_id'],
    columns=[
        'request_id',
        'employee_id',
        'unit_id',
        'opened_at',
        'first_reply_at',
        'resolved_at',
        'reopen_count',
        'kind',
        'theme',
        'put_into_use',
        '_system as source_system'
    ]
) }}
