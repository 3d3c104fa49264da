{{ config(post_hook="{{ forget_built('fact_inputs_built') }}") }}
-- What is new, other or gone since the large facts were last made to the end: the records it bears on are made anew.
-- Grain: one row per delivery, client, employee and unit that has changed. Key: subject, id.
{%- set built = built_relation(this, 'fact_inputs_built') %}
{%- if built is not none %}
select
    coalesce(inputs.subject, built.subject) as subject,
    coalesce(inputs.id, built.id) as id,
    inputs.id is not null as is_there,
    built.id is not null as was_there
from {{ ref('fact_inputs') }} as inputs
full outer join {{ built }} as built
    on inputs.subject = built.subject and inputs.id = built.id
where inputs.content is null or built.content is null or inputs.content <> built.content
{%- else %}
select
    subject,
    id,
    true as is_there,
    false as was_there
from {{ ref('fact_inputs') }}
{%- endif %}
