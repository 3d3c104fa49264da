-- depends_on: {{ ref('fct_case') }}
-- depends_on: {{ ref('fct_internal_request') }}
-- depends_on: {{ ref('fct_survey_answer') }}
-- fact_inputs as they were when the large facts were last made to the end. Emptied while they are being made.
-- Grain: one row per delivery, client, employee and unit. Key: subject, id.
select
    subject,
    id,
    content
from {{ ref('fact_inputs') }}
