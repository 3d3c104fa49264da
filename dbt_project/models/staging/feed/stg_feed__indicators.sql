-- Indicators that arrive already aggregated, the latest landed version of each.
-- Grain and key: unit_id, period, population, indicator_id.
{{ latest_version(
    'indicator_feed',
    key=['unit_id', 'period', 'population', 'indicator_id'],
    columns=[
        'unit_id',
        'period',
        'population',
        'lower(trim(indicator_id)) as indicator_id',
        'n',
        'value',
        'sd',
        '_system as source_system'
    ]
) }}
