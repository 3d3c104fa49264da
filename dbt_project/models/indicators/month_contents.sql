/*
    Grain: one row per month and source of figures. Key: period, source.
    What the figures of each month are made from, in one number a source: a hash of the rows that the obs_* models read
    for that month. A month whose numbers are those of the last build needs no recomputing (months_touched). So a late
    file, a correction, a client who moved or a cohort that matured touches just the months whose figures it can change,
    and no rule says so twice. What decides all months together (which measures the record gives at all, the
    definitions, the version of the code) stands in each.

    A source whose rows bear on several months is spread over them here: a contact counts for proactive_months.
*/
with parameters as (
    select
        *,
        -- The longest wait for a figure to mature, in days: until then a month changes as time goes by.
        greatest(
            ceil(client_first_reply_hours / 24),
            ceil(client_resolution_hours / 24),
            ceil(collaborator_first_reply_hours / 24),
            ceil(collaborator_resolution_hours / 24),
            callback_days,
            suggestion_days
        ) as longest_wait
    from {{ ref('parameters_in_force') }}
),

as_of as (
    select as_of from {{ ref('dim_as_of') }}
),

-- Which measures the record gives at all: where it tells of none, they are left out of every month.
recorded as (
    select {{ rows_hash(['told.measure', 'told.is_given']) }} as content
    from (
        select
            'case_first_reply' as measure,
            count(first_reply_hours) > 0 as is_given
        from {{ ref('fct_case') }}
        union all
        select
            'case_resolution' as measure,
            count(resolution_hours) > 0 as is_given
        from {{ ref('fct_case') }}
        union all
        select
            'case_reopen_rate' as measure,
            count(case when reopen_count > 0 then 1 end) > 0 as is_given
        from {{ ref('fct_case') }}
        union all
        select
            'complaint_rate' as measure,
            count(case when kind = 'complaint' and unit_id is not null then 1 end) > 0 as is_given
        from {{ ref('fct_case') }}
        union all
        select
            'client_loss' as measure,
            count(case when clients.client_until <= as_of.as_of then 1 end) > 0 as is_given
        from {{ ref('client_relationships') }} as clients
        cross join as_of
        union all
        select
            'detractor_callback' as measure,
            count(*) > 0 as is_given
        from {{ ref('fct_proactive_contact') }}
        where kind = 'callback'
        union all
        select
            'voluntary_turnover' as measure,
            count(case when employments.left_on <= as_of.as_of then 1 end) > 0 as is_given
        from {{ ref('employments') }} as employments
        cross join as_of
        union all
        select
            'absenteeism' as measure,
            count(*) > 0 as is_given
        from {{ ref('fct_absence') }} as absences
        inner join {{ ref('dim_month') }} as months
            on absences.started_on <= months.period_end and absences.ended_on >= months.period
        cross join as_of
        where
            absences.kind <> 'paid_leave'
            and absences.unit_id is not null
            and absences.ended_on >= absences.started_on
            and absences.started_on <= as_of.as_of
        union all
        select
            'training_hours' as measure,
            count(*) > 0 as is_given
        from {{ ref('fct_hr_event') }}
        where kind = 'training' and hours is not null and unit_id is not null
        union all
        select
            'request_first_reply' as measure,
            count(first_reply_hours) > 0 as is_given
        from {{ ref('fct_internal_request') }}
        where unit_id is not null
        union all
        select
            'request_reopen_rate' as measure,
            count(case when reopen_count > 0 then 1 end) > 0 as is_given
        from {{ ref('fct_internal_request') }}
        where unit_id is not null
        union all
        select
            kind || ' resolution' as measure,
            count(resolution_hours) > 0 as is_given
        from {{ ref('fct_internal_request') }}
        where unit_id is not null
        group by kind
        union all
        select
            kind || ' reply' as measure,
            count(first_reply_hours) > 0 as is_given
        from {{ ref('fct_internal_request') }}
        where unit_id is not null
        group by kind
        union all
        select
            kind || ' put into use' as measure,
            count(put_into_use) > 0 as is_given
        from {{ ref('fct_internal_request') }}
        where unit_id is not null
        group by kind
    ) as told
),

-- From when on proactive attention can be told, which questions have answers at all (what makes a composite), which are
-- estimated, and which themes occur (each has its row everywhere).
scope as (
    select {{ rows_hash(['told.side', 'told.subject', 'told.since']) }} as content
    from (
        select
            'client' as side,
            'proactive' as subject,
            min({{ month_start('contacted_on') }}) as since
        from {{ ref('fct_proactive_contact') }}
        where kind = 'proactive'
        union all
        select
            'collaborator' as side,
            'proactive' as subject,
            min({{ month_start('event_on') }}) as since
        from {{ ref('fct_hr_event') }}
        where kind in ('interview', 'training', 'mobility')
        union all
        select distinct
            side,
            dimension || ' ' || coalesce(moment, '') as subject,
            cast(null as date) as since
        from {{ ref('fct_survey_answer') }}
        where perspective = 'own' and unit_id is not null
        union all
        select distinct
            'estimate' as side,
            dimension as subject,
            cast(null as date) as since
        from {{ ref('fct_survey_answer') }}
        where perspective = 'estimate' and side = 'collaborator' and unit_id is not null
        union all
        select distinct
            'client' as side,
            'theme ' || coalesce(theme, '') as subject,
            cast(null as date) as since
        from {{ ref('fct_case') }}
        where kind = 'complaint' and unit_id is not null
        union all
        select distinct
            'collaborator' as side,
            'theme ' || coalesce(theme, '') as subject,
            cast(null as date) as since
        from {{ ref('fct_internal_request') }}
        where kind = 'irritant' and unit_id is not null
    ) as told
),

attentive as (
    select
        'client' as side,
        {{ month_start('contacted_on') }} as event_period,
        {{ rows_hash(['client_id', 'contacted_on']) }} as content
    from {{ ref('fct_proactive_contact') }}
    where kind = 'proactive'
    group by {{ month_start('contacted_on') }}
    union all
    select
        'collaborator' as side,
        {{ month_start('event_on') }} as event_period,
        {{ rows_hash(['employee_id', 'event_on']) }} as content
    from {{ ref('fct_hr_event') }}
    where kind in ('interview', 'training', 'mobility')
    group by {{ month_start('event_on') }}
),

contents as (
    select
        'everything' as source,
        months.period,
        {{ rows_hash(['recorded.content', 'scope.content']) }} as content
    from {{ ref('dim_month') }} as months
    cross join recorded
    cross join scope
    group by months.period
    union all
    select
        'month' as source,
        months.period,
        {{ rows_hash([
            'months.days',
            'months.is_complete',
            'least(as_of.as_of, ' ~ add_days('months.period_end', 'parameters.longest_wait') ~ ')'
        ]) }} as content
    from {{ ref('dim_month') }} as months
    cross join as_of
    cross join parameters
    group by months.period
    union all
    select
        'hierarchy' as source,
        period,
        {{ rows_hash(['unit_id', 'ancestor_id', 'distance']) }} as content
    from {{ ref('bridge_unit_ancestor') }}
    group by period
    union all
    select
        'cases opened' as source,
        {{ month_start('opened_on') }} as period,
        {{ rows_hash([
            'unit_id', 'client_id', 'kind', 'theme', 'opened_on', 'first_reply_hours', 'resolution_hours',
            'reopen_count'
        ]) }} as content
    from {{ ref('fct_case') }}
    where unit_id is not null
    group by {{ month_start('opened_on') }}
    union all
    select
        'cases resolved' as source,
        period,
        {{ rows_hash(['unit_id', 'client_id', 'is_reopened']) }} as content
    from {{ ref('case_resolutions') }}
    group by period
    union all
    select
        'answers' as source,
        {{ month_start('answered_on') }} as period,
        {{ rows_hash([
            'side', 'response_id', 'respondent_id', 'unit_id', 'population', 'dimension', 'moment', 'score',
            'answered_at'
        ]) }} as content
    from {{ ref('fct_survey_answer') }}
    where perspective = 'own' and unit_id is not null
    group by {{ month_start('answered_on') }}
    union all
    select
        'estimates' as source,
        {{ month_start('answered_on') }} as period,
        {{ rows_hash(['role', 'response_id', 'respondent_id', 'unit_id', 'dimension', 'score']) }} as content
    from {{ ref('fct_survey_answer') }}
    where perspective = 'estimate' and side = 'collaborator' and unit_id is not null
    group by {{ month_start('answered_on') }}
    union all
    select
        'client-months' as source,
        period,
        {{ rows_hash(['client_id', 'unit_id', 'client_months', 'is_active_at_end']) }} as content
    from {{ ref('exposure_clients') }}
    group by period
    union all
    select
        'clients lost' as source,
        {{ month_start('clients.client_until') }} as period,
        {{ rows_hash(['clients.client_id', 'clients.last_unit_id', 'clients.client_since']) }} as content
    from {{ ref('client_relationships') }} as clients
    cross join as_of
    where clients.client_until <= as_of.as_of
    group by {{ month_start('clients.client_until') }}
    union all
    select
        'clients welcomed' as source,
        {{ month_start('clients.welcome_ends_on') }} as period,
        {{ rows_hash([
            'clients.client_id', 'clients.first_unit_id', 'clients.last_unit_id', 'clients.client_since',
            'clients.client_until < clients.welcome_ends_on'
        ]) }} as content
    from {{ ref('client_relationships') }} as clients
    cross join as_of
    where clients.welcome_ends_on <= as_of.as_of
    group by {{ month_start('clients.welcome_ends_on') }}
    union all
    select
        'attention to ' || attentive.side || 's' as source,
        months.period,
        cast(sum(attentive.content) as decimal(38, 0)) as content
    from attentive
    cross join parameters
    inner join {{ ref('dim_month') }} as months
        on
            attentive.event_period <= months.period
            and {{ months_between('attentive.event_period', 'months.period') }} < parameters.proactive_months
    group by attentive.side, months.period
    union all
    -- A call is for an answer of the days before it, which may lie in the month before.
    select
        'callbacks' as source,
        months.period,
        {{ rows_hash(['contacts.client_id', 'contacts.contacted_at']) }} as content
    from {{ ref('fct_proactive_contact') }} as contacts
    cross join parameters
    inner join {{ ref('dim_month') }} as months
        on
            {{ add_days('contacts.contacted_on', '-parameters.callback_days') }} <= months.period_end
            and contacts.contacted_on >= months.period
    where contacts.kind = 'callback'
    group by months.period
    union all
    select
        'employee-months' as source,
        period,
        {{ rows_hash([
            'employee_id', 'unit_id', 'population', 'person_months', 'fte_months', 'is_present_at_opening',
            'is_present_at_end'
        ]) }} as content
    from {{ ref('exposure_employees') }}
    group by period
    union all
    select
        'employees left' as source,
        {{ month_start('employments.left_on') }} as period,
        {{ rows_hash([
            'employments.employee_id', 'employments.hired_on', 'employments.last_unit_id',
            'employments.last_population', 'employments.leave_reason'
        ]) }} as content
    from {{ ref('employments') }} as employments
    cross join as_of
    where employments.left_on <= as_of.as_of
    group by {{ month_start('employments.left_on') }}
    union all
    select
        'employees hired' as source,
        {{ month_start('employments.hired_on') }} as period,
        {{ rows_hash([
            'employments.employee_id', 'employments.first_unit_id', 'employments.first_population'
        ]) }} as content
    from {{ ref('employments') }} as employments
    cross join as_of
    where employments.hired_on <= as_of.as_of
    group by {{ month_start('employments.hired_on') }}
    union all
    select
        'employees welcomed' as source,
        {{ month_start(add_days('employments.hired_on', 'parameters.welcome_days')) }} as period,
        {{ rows_hash([
            'employments.employee_id', 'employments.hired_on', 'employments.first_unit_id',
            'employments.first_population', 'employments.last_unit_id', 'employments.last_population',
            'employments.left_on < ' ~ add_days('employments.hired_on', 'parameters.welcome_days')
        ]) }} as content
    from {{ ref('employments') }} as employments
    cross join as_of
    cross join parameters
    where {{ add_days('employments.hired_on', 'parameters.welcome_days') }} <= as_of.as_of
    group by {{ month_start(add_days('employments.hired_on', 'parameters.welcome_days')) }}
    union all
    select
        'absences' as source,
        months.period,
        {{ rows_hash([
            'absences.employee_id', 'absences.unit_id', 'absences.population', 'absences.started_on',
            'absences.ended_on', 'absences.hours'
        ]) }} as content
    from {{ ref('fct_absence') }} as absences
    inner join {{ ref('dim_month') }} as months
        on absences.started_on <= months.period_end and absences.ended_on >= months.period
    where absences.kind <> 'paid_leave' and absences.unit_id is not null
    group by months.period
    union all
    select
        'training' as source,
        {{ month_start('event_on') }} as period,
        {{ rows_hash(['employee_id', 'unit_id', 'population', 'hours']) }} as content
    from {{ ref('fct_hr_event') }}
    where kind = 'training' and hours is not null and unit_id is not null
    group by {{ month_start('event_on') }}
    union all
    select
        'requests opened' as source,
        {{ month_start('opened_on') }} as period,
        {{ rows_hash([
            'unit_id', 'population', 'employee_id', 'kind', 'theme', 'opened_on', 'first_reply_hours', 'resolution_hours',
            'reopen_count', 'put_into_use'
        ]) }} as content
    from {{ ref('fct_internal_request') }}
    where unit_id is not null
    group by {{ month_start('opened_on') }}
    union all
    select
        'requests resolved' as source,
        period,
        {{ rows_hash(['unit_id', 'population', 'employee_id', 'is_reopened']) }} as content
    from {{ ref('request_resolutions') }}
    group by period
    union all
    select
        'availability' as source,
        {{ month_start('day') }} as period,
        {{ rows_hash(['unit_id', 'audience', 'minutes_expected', 'minutes_available', 'response_time_ms']) }}
            as content
    from {{ ref('fct_availability') }}
    where unit_id is not null
    group by {{ month_start('day') }}
    union all
    select
        'feed' as source,
        period,
        {{ rows_hash(['unit_id', 'population', 'indicator_id', 'n', 'value', 'sd']) }} as content
    from {{ ref('fct_indicator_feed') }}
    where unit_id is not null
    group by period
)

select
    contents.period,
    contents.source,
    cast(contents.content as string) as content,
    '{{ var("build", "") }}' as build
from contents
inner join {{ ref('dim_month') }} as months
    on contents.period = months.period
