{#- Every row finds a place in the hierarchy of its month, so that nothing is lost when units are rolled up. -#}
{% test rolls_up(model) %}
    select
        model.unit_id,
        model.period,
        count(*) as row_count
    from {{ model }} as model
    left join {{ ref('bridge_unit_ancestor') }} as bridge
        on model.unit_id = bridge.unit_id and model.period = bridge.period and bridge.distance = 0
    where bridge.unit_id is null
    group by model.unit_id, model.period
{% endtest %}
