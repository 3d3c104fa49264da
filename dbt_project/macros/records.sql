{#-
    The large facts (cases, answers, requests) are made anew record by record: for the deliveries that came or went, and
    for the people and units of which something else is said now (fact_inputs_changed). A fact says so by its strategy:

        config(materialized='incremental', incremental_strategy='records', unique_key=[...])

    and takes its rows from `latest_records`. Every row knows the delivery that its version came with, so what a record
    is follows from that delivery and the new ones: the latest of all is the latest of the latest so far and what is new.
-#}

{#-
    The latest landed version of each record, as a query; on an increment, of the records that have changed. The greater
    `version` wins. Where two of one version differ, their content decides, not the file or the place in it.

    model    staging model with every landed version
    key      columns that make a record
    columns  further columns to keep
    person   subject of fact_inputs_changed -> column with whom the row is about
-#}
{% macro latest_records(model, key, columns, person) -%}
    {%- set increment = is_incremental() and not everything_changed() -%}
    {%- set kept = key + columns -%}
    select
        {{ kept | join(', ') }},
        delivery_id
    from (
        select
            {{ kept | join(', ') }},
            delivery_id,
            row_number() over (
                partition by {{ key | join(', ') }}
                order by version desc, {{ columns | join(' desc, ') }} desc, delivery_id desc
            ) as version_rank
        from {{ ref(model) }} as versions
        {%- if increment %}
        where
            {{ in_deliveries_concerned(model, key, person) }}
            and exists (
                select 1
                from ({{ records_changed(model, key, person) }}) as changed
                where {% for column in key %}versions.{{ column }} = changed.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
            )
        {%- endif %}
    ) as ranked
    where version_rank = 1
{%- endmacro %}

{#- Keys of the records to make anew: told of by a new delivery, left without theirs, or of a person or unit changed. -#}
{% macro records_changed(model, key, person) -%}
    {%- set changes = input_changes() -%}
    select {{ key | join(', ') }} from {{ ref(model) }}
    where {{ _in_list('delivery_id', changes['come']) }}
    {%- set known = [] -%}
    {%- if changes['gone'] -%}
        {%- do known.append(_in_list('delivery_id', changes['gone'])) -%}
    {%- endif -%}
    {%- for subject, column in person.items() if subject in changes['subjects'] -%}
        {%- do known.append(
            column ~ " in (select id from " ~ ref('fact_inputs_changed') ~ " where subject = '" ~ subject ~ "')"
        ) -%}
    {%- endfor -%}
    {%- if 'unit' in changes['subjects'] -%}
        {#- A row without a unit may find one. -#}
        {%- do known.append('unit_issue is not null') -%}
        {%- do known.append("unit_id in (select id from " ~ ref('fact_inputs_changed') ~ " where subject = 'unit')") -%}
    {%- endif -%}
    {%- if known %}
    union distinct
    select {{ key | join(', ') }} from {{ this }}
    where {{ known | join(' or ') }}
    {%- endif -%}
{%- endmacro %}

{#- Where the latest version of a changed record is: in the new deliveries, or those it has come with so far. -#}
{% macro in_deliveries_concerned(model, key, person) -%}
    {%- set changes = input_changes() -%}
    {%- if changes['gone'] -%}
        {#- What a delivery taken back had displaced may be in any other. -#}
        {{ return('true') }}
    {%- endif -%}
    {%- set so_far -%}
        select distinct facts.delivery_id from {{ this }} as facts
        inner join ({{ records_changed(model, key, person) }}) as changed
            on {% for column in key %}facts.{{ column }} = changed.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
    {%- endset -%}
    {{ return(_in_list('delivery_id', (changes['come'] + first_column(so_far)) | unique | list)) }}
{%- endmacro %}

{#- What has changed: deliveries that have come or gone (both, where one is another now), and of which subjects. -#}
{% macro input_changes() -%}
    {%- set changed = ref('fact_inputs_changed') -%}
    {%- set deliveries = 'select id from ' ~ changed ~ " where subject = 'delivery' and " -%}
    {{ return({
        'come': first_column(deliveries ~ 'is_there'),
        'gone': first_column(deliveries ~ 'was_there'),
        'subjects': first_column('select distinct subject from ' ~ changed),
    }) }}
{%- endmacro %}

{% macro everything_changed() -%}
    {{ return('everything' in input_changes()['subjects']) }}
{%- endmacro %}

{% macro _in_list(column, values) -%}
    {%- if not values -%}{{ return('false') }}{%- endif -%}
    {{ return(column ~ " in ('" ~ (values | join("', '")) ~ "')") }}
{%- endmacro %}

{% macro get_incremental_records_sql(arguments) -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    {%- set target, made = arguments['target_relation'], arguments['temp_relation'] -%}
    delete from {{ target }}
    {%- if not everything_changed() %}
    where
        {{ _in_list('delivery_id', input_changes()['gone']) }}
        or exists (
            select 1
            from {{ made }} as made
            where {% for column in arguments['unique_key'] %}{{ target }}.{{ column }} = made.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
        )
    {%- endif %};
    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ made }}
{%- endmacro %}
