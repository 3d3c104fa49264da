-- Improvement actions on a marker of a unit.
-- Grain: one row per action. Key: source_system, action_id. Dates inclusive; ended_on null while it goes on.
select
    actions.source_system,
    actions.action_id,
    {{ attributed_unit('actions.unit_id', 'actions.started_on') }} as unit_id,
    {{ unit_issue('actions.unit_id', 'actions.started_on') }} as unit_issue,
    actions.marker,
    actions.started_on,
    actions.ended_on,
    actions.kind,
    actions.owner_role
from {{ ref('stg_hr__actions') }} as actions
left join {{ ref('dim_unit_life') }} as unit_life on actions.unit_id = unit_life.unit_id
