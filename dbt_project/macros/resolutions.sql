{#-
    Resolved cases or requests by the unit and month that they count for. The month is that of the last resolution. It
    counts for the unit of the record, or, where that unit has closed meanwhile, for the person's unit on that day.

    fact    fct_case or fct_internal_request
    id      column that makes a record, with source_system
    person  column with whom it is about
    units   model that says whose unit a person is in, and when
    valid   its columns for the first and last day, both included
    kept    further columns: name -> how it is told of the person where the unit has closed
-#}
{% macro resolutions(fact, id, person, units, valid, kept={}) -%}
with resolved as (
    select
        facts.source_system,
        facts.{{ id }},
        facts.unit_id,
        facts.resolved_on,
        {{ month_start('facts.resolved_on') }} as period,
        {%- for column in kept %}
        facts.{{ column }},
        {%- endfor %}
        facts.{{ person }},
        cast(case when facts.reopen_count > 0 then 1 else 0 end as bigint) as is_reopened
    from {{ ref(fact) }} as facts
    cross join {{ ref('dim_as_of') }} as as_of
    where facts.resolved_on <= as_of.as_of and facts.unit_id is not null
),

alive as (
    select
        unit_id,
        period
    from {{ ref('bridge_unit_ancestor') }}
    where distance = 0
),

orphaned as (
    select resolved.*
    from resolved
    left join alive
        on resolved.unit_id = alive.unit_id and resolved.period = alive.period
    where alive.unit_id is null
)

select
    resolved.source_system,
    resolved.{{ id }},
    resolved.unit_id,
    resolved.period,
    {%- for column in kept %}
    resolved.{{ column }},
    {%- endfor %}
    resolved.{{ person }},
    resolved.is_reopened
from resolved
inner join alive
    on resolved.unit_id = alive.unit_id and resolved.period = alive.period
union all
select
    orphaned.source_system,
    orphaned.{{ id }},
    units.unit_id,
    orphaned.period,
    {%- for column, told in kept.items() %}
    {{ told }} as {{ column }},
    {%- endfor %}
    orphaned.{{ person }},
    orphaned.is_reopened
from orphaned
inner join {{ ref(units) }} as units
    on
        orphaned.{{ person }} = units.{{ person }}
        and orphaned.resolved_on >= units.{{ valid[0] }}
        and orphaned.resolved_on <= units.{{ valid[1] }}
where units.unit_id is not null
{%- endmacro %}
