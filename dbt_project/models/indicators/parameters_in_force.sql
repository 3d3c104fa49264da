/*
    Grain: one row. Key: none.
    The named numbers of parameters.csv, side by side, for a cross join.
*/
select
    max(case when name = 'client_first_reply_hours' then value end) as client_first_reply_hours,
    max(case when name = 'collaborator_first_reply_hours' then value end) as collaborator_first_reply_hours,
    max(case when name = 'client_resolution_hours' then value end) as client_resolution_hours,
    max(case when name = 'collaborator_resolution_hours' then value end) as collaborator_resolution_hours,
    max(case when name = 'callback_days' then value end) as callback_days,
    max(case when name = 'suggestion_days' then value end) as suggestion_days,
    max(case when name = 'welcome_days' then value end) as welcome_days,
    max(case when name = 'proactive_months' then value end) as proactive_months,
    max(case when name = 'monthly_hours' then value end) as monthly_hours
from {{ ref('parameters') }}
