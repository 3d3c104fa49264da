-- Survey answers, every landed version of each: fct_survey_answer takes the latest.
-- Grain: one row per row that has landed. Key: none here, a row may land twice; the fact holds the key.
select
    response_id,
    question,
    respondent_id,
    side,
    role,
    perspective,
    unit_id,
    population,
    answered_at,
    lower(trim(moment)) as moment,
    lower(trim(dimension)) as dimension,
    value,
    scale_min,
    scale_max,
    _system as source_system,
    _version as version,
    _delivery_id as delivery_id
from {{ source('landing', 'survey_answer') }}
