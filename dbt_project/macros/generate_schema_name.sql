{#- A layer is a schema of that very name (canonical, not main_canonical): readers see the layers as they are. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
