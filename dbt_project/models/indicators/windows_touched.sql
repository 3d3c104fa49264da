/*
    Grain and key: one row per month whose trailing windows this run recomputes.
    The months touched, and those after them as far as the longest window reaches.
*/
with longest as (
    select max(window_months) as window_months
    from {{ ref('indicators_in_force') }}
)

select distinct months.period
from {{ ref('months_touched') }} as touched
cross join longest
inner join {{ ref('dim_month') }} as months
    on
        touched.period <= months.period
        and {{ months_between('touched.period', 'months.period') }} < longest.window_months
