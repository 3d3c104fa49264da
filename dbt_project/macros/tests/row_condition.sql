{#- A condition holds on every row; a row where it is null passes (say `is not null` where that matters). -#}
{% test row_condition(model, condition) %}
    select *
    from {{ model }}
    where not ({{ condition }})
{% endtest %}
