{#-
    From every unit, in every month, the parents lead to a unit that has none. It fails where a parent is
    missing or not alive in the month, where parents go round in a circle, and where the hierarchy is deeper
    than `max_depth`. Remedy: mend the unit extract (parent, validity), or raise `max_depth`.
-#}
{% test hierarchy_reaches_the_top(model) %}
    select
        unit_id,
        min(period) as first_period,
        max(period) as last_period
    from (
        select
            period,
            unit_id,
            max(case when is_top then 1 else 0 end) as reaches_top
        from {{ model }}
        group by period, unit_id
    ) as chains
    where reaches_top = 0
    group by unit_id
{% endtest %}
