/*
    Grain: one row per resolved case that can be given to a unit. Key: source_system, case_id.
    A case whose unit has closed before its resolution counts for the client's unit on that day.
*/
{{ resolutions('fct_case', 'case_id', 'client_id', 'dim_client', ['valid_from', 'valid_to']) }}
