{#-
    The latest landed version of each record of an entity: what every staging view is.
    A record may land several times (corrections, overlapping deliveries); the greater `_version` wins. Where
    two of one version differ, their content decides, not the file or the place in it: however the rows
    were split over files, and in whatever order these came, the answer is the same.

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
                order by _version desc
                {%- for column in columns if column not in key -%}
                    , {{ column.rsplit(' as ', 1)[0] }} desc
                {%- endfor %}
            ) as version_rank
        from {{ source('landing', entity) }}
    ) as versions
    where version_rank = 1
{%- endmacro %}
