{#- Values are found in a column of another model; nulls pass. Like relationships, for many-to-many keys. -#}
{% test known_values(model, column_name, to, field) %}
    select missing.{{ column_name }}
    from (select distinct {{ column_name }} from {{ model }} where {{ column_name }} is not null) as missing
    left join (select distinct {{ field }} as known from {{ to }}) as known_values
        on missing.{{ column_name }} = known_values.known
    where known_values.known is null
{% endtest %}
