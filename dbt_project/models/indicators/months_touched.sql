{{ config(post_hook="{{ forget_built('month_contents_built') }}") }}
-- depends_on: {{ ref('month_contents') }}
/*
    Grain and key: one row per month that this run recomputes.
    The months whose content is not what it was at the last build that ran to its end, those that exist no more, and
    those that were asked for (variable `months`). Nothing of a build that was cut short is trusted: its own numbers are
    put down only when everything below is done (month_contents_built), and taken away here, so that the next run
    begins with all months.
*/
{%- set built = built_relation(this, 'month_contents_built') %}
with
{%- if built is not none %}
built as (
    select
        period,
        source,
        content,
        build
    from {{ built }}
),

changed as (
    select coalesce(contents.period, built.period) as period
    from {{ ref('month_contents') }} as contents
    full outer join built
        on
            contents.period = built.period
            and contents.source = built.source
            and contents.content = built.content
            and contents.build = built.build
    where contents.period is null or built.period is null
)
{%- else %}
changed as (
    select period
    from {{ ref('month_contents') }}
)
{%- endif %}

select period
from changed
union distinct
select period
from {{ ref('dim_month') }}
where {{ in_months('period', var('months', [])) }}
