{#- The validity periods of one thing do not overlap: an as-of join finds at most one row. Dates inclusive. -#}
{% test no_overlap(model, key, valid_from, valid_to) %}
    select *
    from (
        select
            {{ key }},
            {{ valid_from }},
            {{ valid_to }},
            lead({{ valid_from }}) over (partition by {{ key }} order by {{ valid_from }}) as next_from
        from {{ model }}
    ) as spans
    where {{ valid_to }} >= next_from or {{ valid_to }} < {{ valid_from }}
{% endtest %}
