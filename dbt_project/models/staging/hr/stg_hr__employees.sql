-- Spells of employment, the latest landed version of each.
-- Grain and key: employee_id, spell_start.
{{ latest_version(
    'employee',
    key=['employee_id', 'spell_start'],
    columns=[
        'employee_id',
        'spell_start',
        'spell_end',
        'unit_id',
        'manager_id',
        'population',
        'contract_type',
        'fte',
        'hired_on',
        'left_on',
        'leave_reason',
        '_system as source_system',
        '_delivery_id as delivery_id'
    ]
) }}
