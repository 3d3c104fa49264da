-- Deliveries in force: each file that has landed and counts.
-- Grain and key: delivery_id.
select
    delivery_id,
    contract,
    delivery,
    version,
    is_whole
from {{ source('landing', 'delivery') }}
