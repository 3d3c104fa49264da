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
),

-- Who vanished from the CRM without a date of leaving is followed up to the last day seen there.
seen as (
    select
        followed.*,
        case
            when followed.client_until is null and followed.valid_to = date '9999-12-31' and followed.next_from is null
                then last_seen.last_seen_on
        end as vanished_on
    from followed
    left join {{ ref('client_last_seen') }} as last_seen on followed.client_id = last_seen.client_id
)

select
    seen.client_id,
    unit_life.unit_id,
    case when unit_life.unit_id is null then 'unknown_unit' end as unit_issue,
    seen.segment,
    seen.client_since,
    seen.client_until,
    seen.valid_from,
    least(
        seen.valid_to,
        coalesce({{ add_days('seen.next_from', -1) }}, date '9999-12-31'),
        coalesce(seen.vanished_on, date '9999-12-31')
    ) as valid_to,
    seen.vanished_on
from seen
left join {{ ref('dim_unit_life') }} as unit_life on seen.wanted_unit_id = unit_life.unit_id
where seen.vanished_on is null or seen.vanished_on >= seen.valid_from
