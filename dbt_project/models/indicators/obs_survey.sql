{{ config(materialized='incremental', incremental_strategy='months', on_schema_change='fail') }}
-- depends_on: {{ ref('months_touched') }}
-- depends_on: {{ ref('dim_month') }}
/*
    Grain: one row per unit, month, population, indicator and respondent. Key: all five.
    What people answered about themselves (perspective 'own'), one scan for all survey measures. A table and not a
    view, because indicator_people and obs_composites both read it and the answers are many.

    An answer on satisfaction that carries a moment of truth belongs to that moment in the journey mirror and not to
    the overall satisfaction of the perception mirror: the mirrors are taken as independent (method §4), so no answer
    may stand in both. A source whose one question serves both lists its column twice in the contract.
*/
with survey_indicators as (
    select
        indicator_id,
        side,
        measure,
        success_from,
        case when measure = 'moment_top_box' then 'satisfaction' else topic end as dimension,
        case when measure = 'moment_top_box' then topic end as moment
    from {{ ref('indicators_in_force') }}
    where measure in ('survey_mean', 'survey_top_box', 'survey_nps', 'moment_top_box')
),

scored as (
    select
        answers.unit_id,
        {{ month_start('answers.answered_on') }} as period,
        case when answers.side = 'client' then 'all' else coalesce(answers.population, 'all') end as population,
        survey_indicators.indicator_id,
        coalesce(answers.respondent_id, answers.response_id) as person_key,
        case
            when survey_indicators.measure = 'survey_mean' then answers.score
            when survey_indicators.measure = 'survey_nps' and answers.score >= 90 then 1
            when survey_indicators.measure = 'survey_nps' and answers.score <= 60 then -1
            when survey_indicators.measure = 'survey_nps' then 0
            when answers.score >= survey_indicators.success_from then 1
            else 0
        end as answer_value
    from {{ ref('fct_survey_answer') }} as answers
    inner join survey_indicators
        on
            answers.side = survey_indicators.side
            and answers.dimension = survey_indicators.dimension
            and (
                answers.moment = survey_indicators.moment
                or (
                    survey_indicators.moment is null
                    and (answers.moment is null or survey_indicators.dimension <> 'satisfaction')
                )
            )
    where
        answers.perspective = 'own'
        and answers.unit_id is not null
        and {{ touched(month_start('answers.answered_on')) }}
)

select
    unit_id,
    period,
    population,
    indicator_id,
    person_key,
    cast(count(*) as double) as n,
    {{ sum_exactly('answer_value') }} as s1,
    {{ sum_exactly('answer_value * answer_value') }} as s2
from scored
group by unit_id, period, population, indicator_id, person_key
