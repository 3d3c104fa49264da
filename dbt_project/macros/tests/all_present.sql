{#- No column of those named is null; a failing row says in `lacking` which are. One test a table, not one a column. -#}
{% test all_present(model, columns) %}
    select
        concat_ws(', '{% for column in columns %}, case when {{ column }} is null then '{{ column }}' end{% endfor %}) as lacking,
        {{ columns | join(', ') }}
    from {{ model }}
    where {% for column in columns %}{{ column }} is null{% if not loop.last %} or {% endif %}{% endfor %}
{% endtest %}
