/*
    Grain: one row per resolved internal request that can be given to a unit. Key: source_system, request_id.
    A request whose unit has closed before its resolution counts for the employee's unit on that day.
*/
{{ resolutions(
    'fct_internal_request',
    'request_id',
    'employee_id',
    'dim_employee_spell',
    ['spell_start', 'spell_end'],
    kept={'population': "coalesce(units.population, 'all')"}
) }}
