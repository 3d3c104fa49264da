"""Symmetry scorecard: the Dagster code location and the packages that hold its logic.

What belongs where: `extracts` reads what other systems export; `statistics` and `confidentiality` are pure
functions on Polars frames; `publication` writes, audits and publishes; `simulation` makes the example company;
`defs` only wires all of these into Dagster. `definitions` is the table of contents.
"""
