-- Which units a unit belonged to in each month: itself (distance 0), its parent (1), and so on to the top.
-- Grain: one row per month, unit and unit above it. Key: period, unit_id, ancestor_id.
--
-- The hierarchy of a month is the one valid on its last day, or, for a unit that ended in the month, on the
-- unit's last day: so a month's figures always go, whole, to one place. Unrolled to `max_depth` levels,
-- since recursion differs between engines.
with alive as (
    select
        dim_month.period,
        dim_month.period_end,
        unit_life.unit_id
    from {{ ref('dim_month') }} as dim_month
    inner join {{ ref('dim_unit_life') }} as unit_life
        on
            unit_life.first_day <= dim_month.period_end
            and unit_life.last_day >= dim_month.period
),

ranked as (
    select
        alive.period,
        alive.unit_id,
        versions.parent_unit_id,
        row_number() over (
            partition by alive.period, alive.unit_id
            order by versions.valid_from desc
        ) as version_rank
    from alive
    inner join {{ ref('dim_unit_version') }} as versions
        on
            alive.unit_id = versions.unit_id
            and versions.valid_from <= alive.period_end
),

parents as (
    select
        period,
        unit_id,
        parent_unit_id
    from ranked
    where version_rank = 1
),

level_0 as (
    select
        period,
        unit_id,
        unit_id as ancestor_id,
        parent_unit_id as next_id
    from parents
),
{% for level in range(1, var('max_depth') + 1) %}
level_{{ level }} as (
    select
        below.period,
        below.unit_id,
        parents.unit_id as ancestor_id,
        parents.parent_unit_id as next_id
    from level_{{ level - 1 }} as below
    inner join parents on below.period = parents.period and below.next_id = parents.unit_id
),
{% endfor %}
levels as (
    {% for level in range(0, var('max_depth') + 1) -%}
    {% if not loop.first %}union all{% endif %}
    select
        period,
        unit_id,
        ancestor_id,
        cast({{ level }} as bigint) as distance,
        next_id is null as is_top
    from level_{{ level }}
    {% endfor %}
)

select
    period,
    unit_id,
    ancestor_id,
    distance,
    is_top
from levels
