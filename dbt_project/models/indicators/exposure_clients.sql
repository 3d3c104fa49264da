/*
    Grain: one row per client, unit and month in which the client was active there. Key: client_id, unit_id, period.
    Exposure counts days (method §2): active 10 days of a 30-day month is 1/3 client-month. Days after dim_as_of are
    not known yet and do not count, so an unfinished month is a part of a month and has no snapshot at its end.
*/
with versions as (
    select
        clients.client_id,
        clients.unit_id,
        greatest(clients.valid_from, clients.client_since) as first_day,
        least(
            clients.valid_to,
            coalesce(clients.client_until, cast('9999-12-31' as date)),
            as_of.as_of
        ) as last_day
    from {{ ref('dim_client') }} as clients
    cross join {{ ref('dim_as_of') }} as as_of
    where clients.unit_id is not null
)

select
    versions.client_id,
    versions.unit_id,
    months.period,
    sum(
        {{ days_between('greatest(versions.first_day, months.period)', 'least(versions.last_day, months.period_end)') }}
        + 1
    ) / cast(max(months.days) as double) as client_months,
    max(case when versions.last_day >= months.period_end then 1 else 0 end) = 1 as is_active_at_end
from versions
inner join {{ ref('dim_month') }} as months
    on versions.first_day <= months.period_end and versions.last_day >= months.period
-- A version that begins after what is known, or after the client left, ends before it begins.
where versions.first_day <= versions.last_day
group by versions.client_id, versions.unit_id, months.period
