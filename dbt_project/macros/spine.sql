{#-
    A numbers table as a query: whole numbers from 0 to 10^digits - 1, in a column `number`.
    A cross join of digits, because generators (range, generate_series, sequence) differ by engine.
    Use: from ({{ numbers(3) }}) as numbers
-#}
{% macro numbers(digits=3) -%}
    select
        {% for place in range(digits) -%}
            digit_{{ place }}.digit * {{ 10 ** place }}{{ " + " if not loop.last }}
        {%- endfor %} as number
    from
        {% for place in range(digits) -%}
            (
                select 0 as digit
                {% for digit in range(1, 10) -%} union all select {{ digit }} {% endfor %}
            ) as digit_{{ place }}{{ " cross join " if not loop.last }}
        {%- endfor %}
{%- endmacro %}
