{#-
    dbt's own macro of this name, less one line: it does not write the "run" text of a seed.
    dbt writes that text under target/run/ joined with the seed's path, and the definitions are given by an absolute
    path, which the join takes as it is: the text would overwrite the company's CSV file. Only seeds use this macro.
    A test holds it (tests/unit/indicators/test_definitions_are_left_alone.py).
-#}
{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
    {#- Rendered, since it is what the caller hands over; not written. -#}
    {%- set unwritten = caller() -%}
    {%- if name is not none -%}
        {{ store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) }}
    {%- endif -%}
{%- endmacro %}
