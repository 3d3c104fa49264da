-- Versions of organisational units, the latest landed version of each.
-- Grain and key: unit_id, valid_from.
{{ latest_version(
    'unit',
    key=['unit_id', 'valid_from'],
    columns=[
        'unit_id',
        'unit_name',
        'parent_unit_id',
        'unit_level',
        'valid_from',
        'valid_to',
        '_system as source_system'
    ]
) }}
