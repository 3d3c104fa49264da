{{ config(
    materialized='incremental',
    incremental_strategy='records',
    unique_key=['source_system', 'side', 'response_id', 'question'],
    on_schema_change='fail'
) }}
-- depends_on: {{ ref('fact_inputs_changed') }}
-- Answers to surveys, of clients, collaborators and managers.
-- Grain: one row per answer. Key: source_system, side, response_id, question.
-- Unit: as the answer says, else the respondent's on the day.
-- Population: likewise; 'all' for clients and where it is not known.
with answers as (
    select
        *,
        {{ local_date('answered_at') }} as answered_on
    from (
        {{ latest_records(
            'stg_survey__answers',
            key=['source_system', 'side', 'response_id', 'question'],
            columns=[
                'respondent_id',
                'role',
                'perspective',
                'unit_id',
                'population',
                'answered_at',
                'moment',
                'dimension',
                'value',
                'scale_min',
                'scale_max'
            ],
            person={'client': 'respondent_id', 'employee': 'respondent_id'}
        ) }}
    ) as latest
),

resolved as (
    select
        answers.source_system,
        answers.response_id,
        answers.question,
        answers.respondent_id,
        answers.side,
        answers.role,
        answers.perspective,
        answers.answered_at,
        answers.answered_on,
        answers.moment,
        answers.dimension,
        answers.value,
        answers.scale_min,
        answers.scale_max,
        answers.delivery_id,
        coalesce(answers.unit_id, clients.unit_id, spells.unit_id) as wanted_unit_id,
        case
            when answers.side = 'collaborator' then coalesce(answers.population, spells.population, 'all')
            else 'all'
        end as population
    from answers
    left join {{ ref('dim_client') }} as clients
        on
            answers.side = 'client'
            and answers.respondent_id = clients.client_id
            and clients.valid_from <= answers.answered_on
            and clients.valid_to >= answers.answered_on
    left join {{ ref('dim_employee_spell') }} as spells
        on
            answers.side = 'collaborator'
            and answers.respondent_id = spells.employee_id
            and spells.spell_start <= answers.answered_on
            and spells.spell_end >= answers.answered_on
)

select
    resolved.source_system,
    resolved.response_id,
    resolved.question,
    resolved.respondent_id,
    resolved.side,
    resolved.role,
    resolved.perspective,
    {{ attributed_unit('resolved.wanted_unit_id', 'resolved.answered_on') }} as unit_id,
    {{ unit_issue('resolved.wanted_unit_id', 'resolved.answered_on') }} as unit_issue,
    resolved.population,
    resolved.answered_at,
    resolved.answered_on,
    resolved.moment,
    resolved.dimension,
    resolved.value,
    resolved.scale_min,
    resolved.scale_max,
    100 * (resolved.value - resolved.scale_min) / nullif(resolved.scale_max - resolved.scale_min, 0) as score,
    resolved.delivery_id
from resolved
left join {{ ref('dim_unit_life') }} as unit_life on resolved.wanted_unit_id = unit_life.unit_id
