{#-
    What a run recomputes: the months whose content has changed (months_touched), and of the windowed figures those
    whose window holds such a month. An incremental model says which of the two it follows by its strategy:

        config(materialized='incremental', incremental_strategy='months')    one row or more a month
        config(materialized='incremental', incremental_strategy='windows')   one row or more a window

    and where it reads, `where {{ touched('people.period') }}`: true on a full refresh, else the months themselves,
    spelt out, so that the engine can push the condition down to the scan. Months that exist no more lose their rows.
-#}

{#- The condition that a month is to be recomputed. -#}
{% macro touched(period) -%}
    {{ return(in_months(period, months_touched_list()) if is_incremental() else 'true') }}
{%- endmacro %}

{#- The condition that a window ends in a month to be recomputed: a window that holds a touched month. -#}
{% macro touched_window(period) -%}
    {{ return(in_months(period, windows_touched_list()) if is_incremental() else 'true') }}
{%- endmacro %}

{#- The condition that a month lies in a window to be recomputed. -#}
{% macro within_touched_window(period) -%}
    {{ return(in_months(period, window_months_list()) if is_incremental() else 'true') }}
{%- endmacro %}

{% macro in_months(period, months) -%}
    {%- if not months -%}{{ return('false') }}{%- endif -%}
    {{ return(period ~ " in (date '" ~ (months | join("', date '")) ~ "')") }}
{%- endmacro %}

{% macro months_touched_list() -%}
    {{ return(first_column('select period from ' ~ ref('months_touched') ~ ' order by period')) }}
{%- endmacro %}

{% macro windows_touched_list() -%}
    {{ return(first_column('select period from ' ~ ref('windows_touched') ~ ' order by period')) }}
{%- endmacro %}

{% macro window_months_list() -%}
    {%- set longest = '(select max(window_months) from ' ~ ref('indicators_in_force') ~ ')' -%}
    {{ return(first_column(
        'select distinct months.period from ' ~ ref('dim_month') ~ ' as months inner join ' ~ ref('windows_touched')
        ~ ' as windows on months.period <= windows.period and ' ~ months_between('months.period', 'windows.period')
        ~ ' < ' ~ longest ~ ' order by months.period'
    )) }}
{%- endmacro %}

{#- The first column of a query, as text. -#}
{% macro first_column(query) -%}
    {%- if not execute -%}{{ return([]) }}{%- endif -%}
    {{ return(run_query(query).columns[0].values() | map('string') | list) }}
{%- endmacro %}

{% macro get_incremental_months_sql(arguments) -%}
    {{ return(_replace_months(arguments, 'months_touched')) }}
{%- endmacro %}

{% macro get_incremental_windows_sql(arguments) -%}
    {{ return(_replace_months(arguments, 'windows_touched')) }}
{%- endmacro %}

{% macro _replace_months(arguments, recomputed) -%}
    {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arguments['target_relation'] }}
    where
        period in (select period from {{ ref(recomputed) }})
        or period not in (select period from {{ ref('dim_month') }});
    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{%- endmacro %}

{#- Empty the record of the last build that ran to its end: the one under way puts its own there when it does. -#}
{% macro forget_built(name) -%}
    {%- set built = built_relation(this, name) -%}
    {%- if built is not none -%}delete from {{ built }}{%- endif -%}
{%- endmacro %}

{#- Such a record beside a model, none where there is none yet: it is made after what asks for it. -#}
{% macro built_relation(model, name) -%}
    {{ return(load_relation(model.incorporate(path={'identifier': name})) if execute else none) }}
{%- endmacro %}
