-- Absences, the latest landed version of each.
-- Grain and key: employee_id, started_on, kind.
{{ latest_version(
    'absence',
    key=['employee_id', 'started_on', 'kind'],
    columns=[
        'employee_id',
        'started_on',
        'ended_on',
        'kind',
        'hours',
        '_system as source_system'
    ]
) }}
