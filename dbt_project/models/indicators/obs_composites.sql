/*
    Grain: one row per unit, month, population, composite and respondent. Key: all five.
    The mean of one respondent over the pairs that both questionnaires share (method §4): one respondent's answers
    move together, so the error of an index must come from respondents and not from answers.

    Each answer is put on the 0–100 score scale by its goalposts, not clipped (a clipped mean would not be the mean
    of the scores), then averaged with the weights of the pairs over those answered. Respondents who answered fewer
    than half of the shared pairs are left out.
*/
with faces as (
    select
        pair_id,
        mirror,
        'client' as side,
        client_indicator_id as indicator_id
    from {{ ref('mirror_pairs') }}
    where mirror in ('perception', 'journey')
    union all
    select
        pair_id,
        mirror,
        'collaborator' as side,
        collaborator_indicator_id as indicator_id
    from {{ ref('mirror_pairs') }}
    where mirror in ('perception', 'journey')
),

answered_indicators as (
    select distinct indicator_id from {{ ref('obs_survey') }}
),

shared_pairs as (
    select
        faces.pair_id,
        faces.mirror
    from faces
    inner join answered_indicators
        on faces.indicator_id = answered_indicators.indicator_id
    group by faces.pair_id, faces.mirror
    having count(distinct faces.side) = 2
),

shared_counts as (
    select
        mirror,
        count(*) as pair_count
    from shared_pairs
    group by mirror
),

shared_faces as (
    select
        faces.indicator_id,
        faces.mirror,
        'composite.' || faces.mirror || '.' || faces.side as composite_id,
        weights.weight,
        shared_counts.pair_count,
        indicators.multiplier,
        indicators.floor_value,
        indicators.goal_value
    from faces
    inner join shared_pairs
        on faces.pair_id = shared_pairs.pair_id
    inner join shared_counts
        on faces.mirror = shared_counts.mirror
    inner join {{ ref('weights') }} as weights
        on faces.pair_id = weights.id and weights.scope = 'pair'
    inner join {{ ref('indicators_in_force') }} as indicators
        on faces.indicator_id = indicators.indicator_id
    where weights.weight > 0 and indicators.goal_value is not null
),

respondents as (
    select
        answers.unit_id,
        answers.period,
        answers.population,
        shared_faces.composite_id as indicator_id,
        answers.person_key,
        count(*) as answered_pairs,
        max(shared_faces.pair_count) as pair_count,
        {{ sum_exactly('
            shared_faces.weight
            * 100 * (shared_faces.multiplier * answers.s1 / answers.n - shared_faces.floor_value)
            / (shared_faces.goal_value - shared_faces.floor_value)
        ') }} / {{ sum_exactly('shared_faces.weight') }} as respondent_mean
    from {{ ref('obs_survey') }} as answers
    inner join shared_faces
        on answers.indicator_id = shared_faces.indicator_id
    group by answers.unit_id, answers.period, answers.population, shared_faces.composite_id, answers.person_key
)

select
    unit_id,
    period,
    population,
    indicator_id,
    person_key,
    cast(1 as double) as n,
    respondent_mean as s1,
    respondent_mean * respondent_mean as s2
from respondents
where 2 * answered_pairs >= pair_count
