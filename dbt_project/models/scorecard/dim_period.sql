/*
    Grain: one row per month of the scorecard. Key: period.
*/
{%- set months_en = [
    'January', 'February', 'March', 'April', 'May', 'June',
    'July', 'August', 'September', 'October', 'November', 'December'
] %}
{%- set months_fr = [
    'janvier', 'février', 'mars', 'avril', 'mai', 'juin',
    'juillet', 'août', 'septembre', 'octobre', 'novembre', 'décembre'
] %}
with months as (
    select
        period,
        period_end,
        cast(extract(year from period) as bigint) as calendar_year,
        cast(extract(month from period) as bigint) as calendar_month,
        is_complete
    from {{ ref('dim_month') }}
),

latest as (
    select max(period) as period
    from months
)

select
    months.period,
    months.period_end,
    months.calendar_year as year,
    months.calendar_month as month,
    case months.calendar_month
        {%- for name in months_en %}
        when {{ loop.index }} then '{{ name }}'
        {%- endfor %}
    end || ' ' || cast(months.calendar_year as string) as label_en,
    case months.calendar_month
        {%- for name in months_fr %}
        when {{ loop.index }} then '{{ name }}'
        {%- endfor %}
    end || ' ' || cast(months.calendar_year as string) as label_fr,
    months.is_complete,
    months.period = latest.period as is_latest
from months
cross join latest
