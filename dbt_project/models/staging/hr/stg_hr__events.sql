-- Interviews, training and mobility steps, the latest landed version of each.
-- Grain and key: employee_id, event_on, kind.
{{ latest_version(
    'hr_event',
    key=['employee_id', 'event_on', 'kind'],
    columns=[
        'employee_id',
        'event_on',
        'kind',
        'hours',
        '_system as source_system'
    ]
) }}
