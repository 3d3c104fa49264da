{#-
    The latest landed version of each record of an entity: what every staging view is.
    A record may land several times (corrections, overlapping deliveries); the delivery with the
    greater `_version` wins, then the greater delivery id, then the later record of a file, so that
    the same landing always gives the same answer.

    entity   landing table
    key      columns that make a record; nulls are equal to one another
    columns  columns to keep, in order
-#}
{% macro latest_version(entity, key, columns) -%}
    select
        {{ columns | join(',\n        ') }}
    from (
        select
            *,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by _version desc, _delivery_id desc, _record desc
            ) as version_rank
        from {{ source('landing', entity) }}
    ) as versions
    where version_rank = 1
{%- endmacro %}
