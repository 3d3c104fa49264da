-- The day up to which the data is known, and the first day it is about.
-- Grain: one row (none while nothing has landed). Key: as_of.
--
-- The variable `as_of` decides where it is set. Else it is the last day on which something happened:
-- only facts that are written down when they happen count (absences, training and the ends of contracts
-- are often known ahead). Staff and client records date the data only where there is nothing else.
with happened as (
    select
        opened_on as first_day,
        opened_on as last_day
    from {{ ref('fct_case') }}
    union all
    select
        resolved_on as first_day,
        resolved_on as last_day
    from {{ ref('fct_case') }}
    where resolved_on is not null
    union all
    select
        contacted_on as first_day,
        contacted_on as last_day
    from {{ ref('fct_proactive_contact') }}
    union all
    select
        opened_on as first_day,
        opened_on as last_day
    from {{ ref('fct_internal_request') }}
    union all
    select
        day as first_day,
        day as last_day
    from {{ ref('fct_availability') }}
    union all
    select
        answered_on as first_day,
        answered_on as last_day
    from {{ ref('fct_survey_answer') }}
    union all
    -- A figure for a month is about the whole month.
    select
        period as first_day,
        {{ month_end('period') }} as last_day
    from {{ ref('fct_indicator_feed') }}
),

recorded as (
    select started_on as day from {{ ref('fct_absence') }}
    union all
    select event_on as day from {{ ref('fct_hr_event') }}
    union all
    select spell_start as day from {{ ref('dim_employee_spell') }}
    union all
    select client_since as day from {{ ref('dim_client') }}
),

from_happened as (
    select
        min(first_day) as first_day,
        max(last_day) as last_day
    from happened
),

from_recorded as (
    select
        min(day) as first_day,
        max(day) as last_day
    from recorded
),

known as (
    select
        coalesce(from_happened.first_day, from_recorded.first_day) as first_day,
        coalesce(
            cast({{ "'" ~ var('as_of') ~ "'" if var('as_of') else 'null' }} as date),
            from_happened.last_day,
            from_recorded.last_day
        ) as as_of
    from from_happened
    cross join from_recorded
)

select
    as_of,
    least(first_day, as_of) as first_day
from known
where first_day is not null and as_of is not null
