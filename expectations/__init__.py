"""The two doors of the pipeline, guarded by Great Expectations: what comes in, and what goes out.

`landing` and `published` hold the rules, one suite a table; `rules` how a rule is written; `gate` runs them on a DuckDB
file and says what was found; `duckdb_datasource` lets Great Expectations read DuckDB. Rules that hold between two
models belong to dbt's tests instead; single bad rows belong to the conformer's quarantine. Nothing here imports Great
Expectations when it is imported itself, since that takes seconds.
"""
