-- What could not be given to a unit, by record and with the reason: nothing drops out of the figures unseen.
-- Grain: one row per entity, record and reason. Key: entity, record_key, reason.
with issues as (
    select
        'client' as entity,
        client_id as record_key,
        unit_issue as reason
    from {{ ref('dim_client') }}
    union all
    select
        'employee' as entity,
        employee_id as record_key,
        unit_issue as reason
    from {{ ref('dim_employee_spell') }}
    union all
    select
        'case' as entity,
        case_id as record_key,
        unit_issue as reason
    from {{ ref('fct_case') }}
    union all
    select
        'proactive_contact' as entity,
        contact_id as record_key,
        unit_issue as reason
    from {{ ref('fct_proactive_contact') }}
    union all
    select
        'absence' as entity,
        employee_id as record_key,
        unit_issue as reason
    from {{ ref('fct_absence') }}
    union all
    select
        'hr_event' as entity,
        employee_id as record_key,
        unit_issue as reason
    from {{ ref('fct_hr_event') }}
    union all
    select
        'internal_request' as entity,
        request_id as record_key,
        unit_issue as reason
    from {{ ref('fct_internal_request') }}
    union all
    select
        'availability' as entity,
        wanted_unit_id as record_key,
        unit_issue as reason
    from {{ ref('fct_availability') }}
    union all
    select
        'survey_answer' as entity,
        response_id as record_key,
        unit_issue as reason
    from {{ ref('fct_survey_answer') }}
    union all
    select
        'indicator_feed' as entity,
        wanted_unit_id as record_key,
        unit_issue as reason
    from {{ ref('fct_indicator_feed') }}
    union all
    select
        'action' as entity,
        action_id as record_key,
        unit_issue as reason
    from {{ ref('dim_action') }}
    union all
    -- Versions and spells that end before they begin are left out of the dimensions.
    select
        'unit' as entity,
        unit_id as record_key,
        'ends_before_it_begins' as reason
    from {{ ref('stg_hr__units') }}
    where valid_to < coalesce(valid_from, date '1900-01-01')
    union all
    select
        'client' as entity,
        client_id as record_key,
        'ends_before_it_begins' as reason
    from {{ ref('stg_crm__clients') }}
    where valid_to < coalesce(valid_from, date '1900-01-01')
    union all
    select
        'employee' as entity,
        employee_id as record_key,
        'ends_before_it_begins' as reason
    from {{ ref('stg_hr__employees') }}
    where spell_end < spell_start
)

select
    entity,
    record_key,
    reason,
    cast(count(*) as bigint) as row_count
from issues
where reason is not null
group by entity, record_key, reason
