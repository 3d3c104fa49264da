-- Survey answers, the latest landed version of each.
-- Grain and key: source_system, side, response_id, question.
-- Two systems may number their records alike, and so may the two surveys of one system: both are part of the key.
{{ latest_version(
    'survey_answer',
    key=['_system', 'side', 'response_id', 'question'],
    columns=[
        'response_id',
        'question',
        'respondent_id',
        'side',
        'role',
        'perspective',
        'unit_id',
        'population',
        'answered_at',
        'lower(trim(moment)) as moment',
        'lower(trim(dimension)) as dimension',
        'value',
        'scale_min',
        'scale_max',
        '_system as source_system'
    ]
) }}
