/*
    Grain: one row per unit, month of the answer, population ('all'), indicator and client. Key: all five.
    Detractors (0–6 of 10 on recommendation) called back within the days allowed, counted from their answer. Only
    answers whose days have passed count, and only those by a client we know, since no other could be called. Where
    the record holds no callback at all, the measure is left out rather than shown as 0 %.
*/
with measures as (
    select indicator_id
    from {{ ref('indicators_in_force') }}
    where measure = 'detractor_callback'
),

callbacks as (
    select
        client_id,
        contacted_at,
        contacted_on
    from {{ ref('fct_proactive_contact') }}
    where kind = 'callback'
),

recorded as (
    select count(*) as callbacks
    from callbacks
),

detractors as (
    select
        answers.response_id,
        answers.respondent_id as client_id,
        answers.unit_id,
        answers.answered_at,
        answers.answered_on,
        parameters.callback_days
    from {{ ref('fct_survey_answer') }} as answers
    cross join {{ ref('parameters_in_force') }} as parameters
    cross join {{ ref('dim_as_of') }} as as_of
    cross join recorded
    where
        answers.side = 'client'
        and answers.perspective = 'own'
        and answers.dimension = 'recommendation'
        and answers.score <= 60
        and answers.respondent_id is not null
        and answers.unit_id is not null
        and {{ days_between('answers.answered_on', 'as_of.as_of') }} >= parameters.callback_days
        and recorded.callbacks > 0
),

called as (
    select
        detractors.response_id,
        detractors.client_id,
        detractors.unit_id,
        {{ month_start('detractors.answered_on') }} as period,
        max(case when callbacks.client_id is not null then 1 else 0 end) as called_back
    from detractors
    left join callbacks
        on
            detractors.client_id = callbacks.client_id
            and callbacks.contacted_at >= detractors.answered_at
            and {{ days_between('detractors.answered_on', 'callbacks.contacted_on') }} <= detractors.callback_days
    group by
        detractors.response_id,
        detractors.client_id,
        detractors.unit_id,
        {{ month_start('detractors.answered_on') }}
)

select
    called.unit_id,
    called.period,
    'all' as population,
    measures.indicator_id,
    called.client_id as person_key,
    cast(count(*) as double) as n,
    cast(sum(called.called_back) as double) as s1,
    cast(sum(called.called_back) as double) as s2
from called
cross join measures
group by called.unit_id, called.period, measures.indicator_id, called.client_id
