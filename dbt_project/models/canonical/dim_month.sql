-- Calendar months from the first with facts to the month of as_of (at most the last 1,000).
-- Grain: one row per month. Key: period, the month's first day.
with months as (
    select
        dim_as_of.as_of,
        {{ add_months(month_start('dim_as_of.as_of'), '-numbers.number') }} as period
    from {{ ref('dim_as_of') }} as dim_as_of
    cross join ({{ numbers(3) }}) as numbers
    where numbers.number <= {{ months_between('dim_as_of.first_day', 'dim_as_of.as_of') }}
),

ended as (
    select
        as_of,
        period,
        {{ month_end('period') }} as period_end
    from months
)

select
    period,
    period_end,
    {{ days_between('period', 'period_end') }} + 1 as days,
    period_end <= as_of as is_complete
from ended
