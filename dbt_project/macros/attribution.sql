{#-
    Attribution of a dated row to a unit. Use with a left join of dim_unit_life:

        left join {{ ref('dim_unit_life') }} as unit_life on resolved.wanted_unit_id = unit_life.unit_id

    A unit is taken for a row when it is alive on some day of the row's calendar month, which is the
    rule by which bridge_unit_ancestor has a row for it: what is attributed can always be rolled up.
-#}

{#- The unit, or null where the row cannot be attributed. -#}
{% macro attributed_unit(wanted, day) -%}
    case
        when
            unit_life.first_day <= {{ month_end(day) }}
            and unit_life.last_day >= {{ month_start(day) }}
            then {{ wanted }}
    end
{%- endmacro %}

{#- Why the row cannot be attributed; null where it can. -#}
{% macro unit_issue(wanted, day) -%}
    case
        when {{ wanted }} is null then 'no_unit'
        when unit_life.unit_id is null then 'unknown_unit'
        when
            unit_life.first_day > {{ month_end(day) }}
            or unit_life.last_day < {{ month_start(day) }}
            then 'unit_not_alive'
    end
{%- endmacro %}
