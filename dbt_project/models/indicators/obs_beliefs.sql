/*
    Grain: one row per unit, month, population ('all'), belief and respondent. Key: all five.
    What collaborators and managers believe that clients feel (perspective 'estimate'), beside what clients say
    themselves, on one scale: belief.<role>.<dimension>, the plain mean of answers on 0–100, since an estimate is of the
    typical client and not of the share of promoters. Only dimensions that somebody estimates are here.

    As in obs_survey, an answer of a client on satisfaction that carries a moment of truth belongs to that moment and
    is no answer on satisfaction as a whole.
*/
with beliefs as (
    select
        indicator_id,
        side,
        topic as dimension
    from {{ ref('indicators_in_force') }}
    where measure = 'belief'
),

estimated as (
    select distinct dimension
    from {{ ref('fct_survey_answer') }}
    where perspective = 'estimate' and side = 'collaborator' and unit_id is not null
),

said as (
    select
        answers.unit_id,
        {{ month_start('answers.answered_on') }} as period,
        'belief.' || case when answers.side = 'client' then 'client' else answers.role end || '.' || answers.dimension
            as indicator_id,
        coalesce(answers.respondent_id, answers.response_id) as person_key,
        answers.score
    from {{ ref('fct_survey_answer') }} as answers
    inner join estimated
        on answers.dimension = estimated.dimension
    where
        answers.unit_id is not null
        and (
            (answers.side = 'collaborator' and answers.perspective = 'estimate')
            or (
                answers.side = 'client'
                and answers.perspective = 'own'
                and (answers.moment is null or answers.dimension <> 'satisfaction')
            )
        )
)

select
    said.unit_id,
    said.period,
    'all' as population,
    said.indicator_id,
    said.person_key,
    cast(count(*) as double) as n,
    {{ sum_exactly('said.score') }} as s1,
    {{ sum_exactly('said.score * said.score') }} as s2
from said
inner join beliefs
    on said.indicator_id = beliefs.indicator_id
group by said.unit_id, said.period, said.indicator_id, said.person_key
