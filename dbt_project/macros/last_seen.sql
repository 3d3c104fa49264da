{#-
    Who has landed and is missing from the latest snapshot of every source that told of them, with the day of
    the last snapshot that still did. The snapshots of one day are one (its parts, its corrections). A day of which
    a file is cut off proves nobody's absence, and a source of deltas never does.

    model  staging model of the entity; the latest version of a record came with the last delivery that held it
    id     column of the person
-#}
{% macro last_seen(model, id) -%}
    select
        {{ id }},
        cast(last_version as date) as last_seen_on
    from (
        select
            latest.{{ id }},
            max(deliveries.version) as last_version,
            max(snapshots.latest_day) as latest_day,
            sum(case when snapshots.latest_day is null then 1 else 0 end) as rows_of_no_snapshot
        from {{ ref(model) }} as latest
        inner join {{ ref('stg_ledger__deliveries') }} as deliveries
            on latest.delivery_id = deliveries.delivery_id
        left join (
            select
                contract,
                max(snapshot_day) as latest_day
            from (
                select
                    contract,
                    cast(version as date) as snapshot_day
                from {{ ref('stg_ledger__deliveries') }}
                where delivery = 'snapshot'
                group by contract, cast(version as date)
                having sum(case when is_whole then 0 else 1 end) = 0
            ) as whole_days
            group by contract
        ) as snapshots
            on deliveries.contract = snapshots.contract and deliveries.delivery = 'snapshot'
        group by latest.{{ id }}
    ) as seen
    where rows_of_no_snapshot = 0 and cast(last_version as date) < latest_day
{%- endmacro %}
