-- Clients as they were over time, with the unit that serves each.
-- Grain: one row per client and version. Key: client_id, valid_from. Validity inclusive, never null, never overlapping.
with clients as (
    select
        client_id,
        unit_id as wanted_unit_id,
        segment,
        client_since,
        client_until,
        coalesce(valid_from, date '1900-01-01') as valid_from,
        coalesce(valid_to, date '9999-12-31') as valid_to
    from {{ ref('stg_crm__clients') }}
    where coalesce(valid_to, date '9999-12-31') >= coalesce(valid_from, date '1900-01-01')
),

followed as (
    select
        *,
        lead(valid_from) over (partition by client_id order by valid_from) as next_from
    from clients
)

select
    followed.client_id,
    unit_life.unit_id,
    case when unit_life.unit_id is null then 'unknown_unit' end as unit_issue,
    followed.segment,
    followed.client_since,
    followed.client_until,
    followed.valid_from,
    least(followed.valid_to, coalesce({{ add_days('followed.next_from', -1) }}, date '9999-12-31')) as valid_to
from followed
left join {{ ref('dim_unit_life') }} as unit_life on followed.wanted_unit_id = unit_life.unit_id
