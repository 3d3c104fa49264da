{#-
    The only place where DuckDB and Spark SQL differ: one macro per need, one line per engine.
    Everything else in the models must be common to both. With the variable `dialect` set to spark the
    Spark text is rendered whatever the engine, on a machine that has no Spark (tests do that).

    Dates are DATE, `ts` is a TIMESTAMP without zone in UTC. Null in, null out, everywhere.
-#}

{#- The calendar day of a UTC timestamp in the company's time zone (variable `timezone`). -#}
{% macro local_date(ts) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__local_date(ts)) }}{%- endif -%}
    {{ return(adapter.dispatch('local_date', 'symmetry')(ts)) }}
{%- endmacro %}
{% macro duckdb__local_date(ts) -%}
    cast(timezone('{{ var("timezone") }}', timezone('UTC', {{ ts }})) as date)
{%- endmacro %}
{% macro spark__local_date(ts) -%}
    cast(from_utc_timestamp({{ ts }}, '{{ var("timezone") }}') as date)
{%- endmacro %}


{#- The first day of the month of a date. -#}
{% macro month_start(d) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__month_start(d)) }}{%- endif -%}
    {{ return(adapter.dispatch('month_start', 'symmetry')(d)) }}
{%- endmacro %}
{% macro duckdb__month_start(d) -%}cast(date_trunc('month', {{ d }}) as date){%- endmacro %}
{% macro spark__month_start(d) -%}trunc({{ d }}, 'MM'){%- endmacro %}


{#- The last day of the month of a date. -#}
{% macro month_end(d) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__month_end(d)) }}{%- endif -%}
    {{ return(adapter.dispatch('month_end', 'symmetry')(d)) }}
{%- endmacro %}
{% macro duckdb__month_end(d) -%}last_day({{ d }}){%- endmacro %}
{% macro spark__month_end(d) -%}last_day({{ d }}){%- endmacro %}

{#- The same under the engines' own name. -#}
{% macro last_day(d) -%}{{ return(month_end(d)) }}{%- endmacro %}


{#- A date n months later (n may be a column or negative); the day is cut to the month's last. -#}
{% macro add_months(d, n) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__add_months(d, n)) }}{%- endif -%}
    {{ return(adapter.dispatch('add_months', 'symmetry')(d, n)) }}
{%- endmacro %}
{% macro duckdb__add_months(d, n) -%}cast({{ d }} + to_months(cast({{ n }} as integer)) as date){%- endmacro %}
{% macro spark__add_months(d, n) -%}add_months({{ d }}, cast({{ n }} as int)){%- endmacro %}


{#- A date n days later (n may be a column or negative). -#}
{% macro add_days(d, n) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__add_days(d, n)) }}{%- endif -%}
    {{ return(adapter.dispatch('add_days', 'symmetry')(d, n)) }}
{%- endmacro %}
{% macro duckdb__add_days(d, n) -%}({{ d }} + cast({{ n }} as integer)){%- endmacro %}
{% macro spark__add_days(d, n) -%}date_add({{ d }}, cast({{ n }} as int)){%- endmacro %}


{#- Whole days from date a to date b (b - a); the days of an inclusive span are this plus 1. -#}
{% macro days_between(a, b) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__days_between(a, b)) }}{%- endif -%}
    {{ return(adapter.dispatch('days_between', 'symmetry')(a, b)) }}
{%- endmacro %}
{% macro duckdb__days_between(a, b) -%}date_diff('day', {{ a }}, {{ b }}){%- endmacro %}
{% macro spark__days_between(a, b) -%}cast(datediff({{ b }}, {{ a }}) as bigint){%- endmacro %}


{#- Calendar months from the month of date a to the month of date b. -#}
{% macro months_between(a, b) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__months_between(a, b)) }}{%- endif -%}
    {{ return(adapter.dispatch('months_between', 'symmetry')(a, b)) }}
{%- endmacro %}
{% macro duckdb__months_between(a, b) -%}date_diff('month', {{ a }}, {{ b }}){%- endmacro %}
{% macro spark__months_between(a, b) -%}
    cast(months_between(trunc({{ b }}, 'MM'), trunc({{ a }}, 'MM')) as bigint)
{%- endmacro %}


{#- Hours from timestamp a to timestamp b, with decimals. -#}
{% macro hours_between(a, b) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__hours_between(a, b)) }}{%- endif -%}
    {{ return(adapter.dispatch('hours_between', 'symmetry')(a, b)) }}
{%- endmacro %}
{% macro duckdb__hours_between(a, b) -%}(date_diff('microsecond', {{ a }}, {{ b }}) / 3600000000.0e0){%- endmacro %}
{% macro spark__hours_between(a, b) -%}
    ((unix_micros({{ b }}) - unix_micros({{ a }})) / 3600000000.0e0)
{%- endmacro %}


{#- The exact quantile p (0 to 1, a number) of the values of a group, interpolated between the two nearest values. -#}
{% macro quantile(x, p) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__quantile(x, p)) }}{%- endif -%}
    {{ return(adapter.dispatch('quantile', 'symmetry')(x, p)) }}
{%- endmacro %}
{% macro duckdb__quantile(x, p) -%}quantile_cont({{ x }}, {{ p }}){%- endmacro %}
{% macro spark__quantile(x, p) -%}percentile({{ x }}, {{ p }}){%- endmacro %}


{#- A number that stands for the rows of a group, whatever their order: the sum of a 64-bit hash of each. -#}
{% macro rows_hash(columns) -%}
    {%- if var('dialect') == 'spark' -%}{{ return(spark__rows_hash(columns)) }}{%- endif -%}
    {{ return(adapter.dispatch('rows_hash', 'symmetry')(columns)) }}
{%- endmacro %}
{% macro duckdb__rows_hash(columns) -%}cast(sum(hash({{ columns | join(', ') }})) as decimal(38, 0)){%- endmacro %}
{% macro spark__rows_hash(columns) -%}sum(cast(xxhash64({{ columns | join(', ') }}) as decimal(38, 0))){%- endmacro %}
