-- Versions of clients, the latest landed version of each.
-- Grain and key: client_id, valid_from.
{{ latest_version(
    'client',
    key=['client_id', 'valid_from'],
    columns=[
        'client_id',
        'unit_id',
        'segment',
        'client_since',
        'client_until',
        'valid_from',
        'valid_to',
        '_system as source_system',
        '_delivery_id as delivery_id'
    ]
) }}
