{{ config(materialized='incremental', incremental_strategy='months', on_schema_change='fail') }}
-- depends_on: {{ ref('months_touched') }}
-- depends_on: {{ ref('dim_month') }}
/*
    Grain: one row per unit, month, population, indicator and person behind the figure (null where the indicator
    protects nobody, or the person is not known). Key: all five.
    Every observation model in one shape. Each indicator has exactly one measure and each measure is made in exactly
    one of these models, so they are joined end to end and need no second aggregation.
*/
{% set observations = [
    'obs_survey',
    'obs_beliefs',
    'obs_composites',
    'obs_participation',
    'obs_cases',
    'obs_clients',
    'obs_callbacks',
    'obs_attention',
    'obs_employees',
    'obs_working_time',
    'obs_requests',
    'obs_availability',
] -%}
{% for observation in observations %}
select
    unit_id,
    period,
    population,
    indicator_id,
    person_key,
    n,
    s1,
    s2
from {{ ref(observation) }}
where {{ touched('period') }}
{{ "union all" if not loop.last }}
{%- endfor %}
