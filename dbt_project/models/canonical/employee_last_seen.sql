-- Employees who are missing from the latest snapshot of their HR system, with the day they were last in one.
-- Grain and key: employee_id. Who is in the latest snapshot, or comes from deltas, has no row.
{{ last_seen('stg_hr__employees', 'employee_id') }}
