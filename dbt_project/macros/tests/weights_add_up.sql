{#- The weights of the mirrors in force add up to 1, and those of the pairs within each mirror. For the seed `weights`. -#}
{% test weights_add_up(model) %}
    select
        coalesce(pairs.mirror, 'the mirrors') as what,
        sum(weights.weight) as total
    from {{ model }} as weights
    left join {{ ref('mirror_pairs') }} as pairs
        on weights.id = pairs.pair_id and weights.scope = 'pair'
    group by coalesce(pairs.mirror, 'the mirrors')
    having abs(sum(weights.weight) - 1) > 0.000001
{% endtest %}
