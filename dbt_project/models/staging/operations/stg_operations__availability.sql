-- Availability of services and tools by day, the latest landed version of each.
-- Grain and key: unit_id, service, audience, day.
{{ latest_version(
    'availability',
    key=['unit_id', 'service', 'audience', 'day'],
    columns=[
        'unit_id',
        'service',
        'audience',
        'day',
        'minutes_expected',
        'minutes_available',
        'response_time_ms',
        '_system as source_system'
    ]
) }}
