"""Dagster definitions only, one module per stage of the flow. Logic lives in the packages beside this one."""
