{{ config(
    materialized='incremental',
    incremental_strategy='records',
    unique_key=['source_system', 'request_id'],
    on_schema_change='fail'
) }}
-- depends_on: {{ ref('fact_inputs_changed') }}
-- What employees raise: irritants, suggestions, HR and IT requests.
-- Grain: one row per request. Key: source_system, request_id.
-- Unit: as the request says, else the employee's on the day.
with requests as (
    select
        *,
        {{ local_date('opened_at') }} as opened_on
    from (
        {{ latest_records(
            'stg_helpdesk__internal_requests',
            key=['source_system', 'request_id'],
            columns=[
                'employee_id',
                'unit_id',
                'opened_at',
                'first_reply_at',
                'resolved_at',
                'reopen_count',
                'kind',
                'theme',
                'put_into_use'
            ],
            person={'employee': 'employee_id'}
        ) }}
    ) as latest
),

resolved as (
    select
        requests.*,
        coalesce(requests.unit_id, spells.unit_id) as wanted_unit_id,
        coalesce(spells.population, 'all') as population
    from requests
    left join {{ ref('dim_employee_spell') }} as spells
        on
            requests.employee_id = spells.employee_id
            and spells.spell_start <= requests.opened_on
            and spells.spell_end >= requests.opened_on
)

select
    resolved.source_system,
    resolved.request_id,
    resolved.employee_id,
    {{ attributed_unit('resolved.wanted_unit_id', 'resolved.opened_on') }} as unit_id,
    {{ unit_issue('resolved.wanted_unit_id', 'resolved.opened_on') }} as unit_issue,
    resolved.population,
    resolved.opened_at,
    resolved.opened_on,
    resolved.first_reply_at,
    resolved.resolved_at,
    {{ local_date('resolved.resolved_at') }} as resolved_on,
    coalesce(resolved.reopen_count, 0) as reopen_count,
    resolved.kind,
    resolved.theme,
    resolved.put_into_use,
    {{ hours_between('resolved.opened_at', 'resolved.first_reply_at') }} as first_reply_hours,
    {{ hours_between('resolved.opened_at', 'resolved.resolved_at') }} as resolution_hours,
    resolved.delivery_id
from resolved
left join {{ ref('dim_unit_life') }} as unit_life on resolved.wanted_unit_id = unit_life.unit_id
