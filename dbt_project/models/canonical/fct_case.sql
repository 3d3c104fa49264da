{{ config(
    materialized='incremental',
    incremental_strategy='records',
    unique_key=['source_system', 'case_id'],
    on_schema_change='fail'
) }}
-- depends_on: {{ ref('fact_inputs_changed') }}
-- Client cases: complaints, requests, questions, incidents.
-- Grain: one row per case. Key: source_system, case_id.
-- Unit: as the case says, else the client's on the day of opening.
with cases as (
    select
        *,
        {{ local_date('opened_at') }} as opened_on
    from (
        {{ latest_records(
            'stg_crm__cases',
            key=['source_system', 'case_id'],
            columns=[
                'client_id',
                'unit_id',
                'opened_at',
                'first_reply_at',
                'resolved_at',
                'reopen_count',
                'kind',
                'theme',
                'channel',
                'moment'
            ],
            person={'client': 'client_id'}
        ) }}
    ) as latest
),

resolved as (
    select
        cases.*,
        coalesce(cases.unit_id, clients.unit_id) as wanted_unit_id
    from cases
    left join {{ ref('dim_client') }} as clients
        on
            cases.client_id = clients.client_id
            and clients.valid_from <= cases.opened_on
            and clients.valid_to >= cases.opened_on
)

select
    resolved.source_system,
    resolved.case_id,
    resolved.client_id,
    {{ attributed_unit('resolved.wanted_unit_id', 'resolved.opened_on') }} as unit_id,
    {{ unit_issue('resolved.wanted_unit_id', 'resolved.opened_on') }} as unit_issue,
    resolved.opened_at,
    resolved.opened_on,
    resolved.first_reply_at,
    resolved.resolved_at,
    {{ local_date('resolved.resolved_at') }} as resolved_on,
    coalesce(resolved.reopen_count, 0) as reopen_count,
    resolved.kind,
    resolved.theme,
    resolved.channel,
    resolved.moment,
    {{ hours_between('resolved.opened_at', 'resolved.first_reply_at') }} as first_reply_hours,
    {{ hours_between('resolved.opened_at', 'resolved.resolved_at') }} as resolution_hours,
    resolved.delivery_id
from resolved
left join {{ ref('dim_unit_life') }} as unit_life on resolved.wanted_unit_id = unit_life.unit_id
