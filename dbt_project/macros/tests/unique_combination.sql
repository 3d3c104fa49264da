{#-
    The columns together are a key: no two rows share them. Nulls count as equal to one another.
    `among` looks at what the run has made anew, where the rest is large: 'records' (rows of the deliveries that have
    come, of a fact) or 'months' (of the months touched).
-#}
{% test unique_combination(model, columns, among=none) %}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    {% if among == 'records' -%}
    where delivery_id in (select id from {{ ref('fact_inputs_changed') }} where subject = 'delivery' and is_there)
    {% elif among == 'months' -%}
    where period in (select period from {{ ref('months_touched') }})
    {% elif among is not none -%}
    {{ exceptions.raise_compiler_error("unique_combination: among is 'records' or 'months', not " ~ among) }}
    {% endif -%}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
