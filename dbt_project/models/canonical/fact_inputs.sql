-- What the rows of the large facts are made from, each in one number: the deliveries, and what says whose a row is.
-- Grain: one row per delivery, client, employee and unit. Key: subject, id.
select
    'delivery' as subject,
    delivery_id as id,
    cast(version as string) as content
from {{ ref('stg_ledger__deliveries') }}
union all
select
    'client' as subject,
    client_id as id,
    cast({{ rows_hash(['unit_id', 'valid_from', 'valid_to']) }} as string) as content
from {{ ref('dim_client') }}
group by client_id
union all
select
    'employee' as subject,
    employee_id as id,
    cast({{ rows_hash(['unit_id', 'population', 'spell_start', 'spell_end']) }} as string) as content
from {{ ref('dim_employee_spell') }}
group by employee_id
union all
select
    'unit' as subject,
    unit_id as id,
    cast({{ rows_hash(['first_day', 'last_day']) }} as string) as content
from {{ ref('dim_unit_life') }}
group by unit_id
union all
-- What every row hangs on: another one makes all anew, and so does a build of which no record is left.
select
    'everything' as subject,
    '' as id,
    '{{ var("build", "") }} {{ var("timezone") }}' as content
