{#-
    The sum of a number, the same whatever the order in which threads add up: floating-point sums are not, and equal
    inputs are to give equal bytes. Sixteen decimals are kept: a value of a tenth or more stays the double that
    it was. A value of 1e12 or more would not fit; where there is one the sum is the engine's own. Null in a row is
    passed over; null when no row has a value.
-#}
{% macro sum_exactly(x) -%}
case
            when max(abs({{ x }})) >= 1e12 then sum(cast({{ x }} as double))
            else cast(sum(cast(case when abs({{ x }}) < 1e12 then {{ x }} end as decimal(38, 16))) as double)
        end
{%- endmacro %}
