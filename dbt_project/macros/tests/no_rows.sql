{#- The model is empty: for models that list what went wrong. -#}
{% test no_rows(model) %}
    select *
    from {{ model }}
{% endtest %}
