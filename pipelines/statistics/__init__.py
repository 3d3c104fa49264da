"""Pure statistics on Polars frames: from summed statistics (n, s1, s2) to scores and indices.

What belongs here: functions from frames to frames, with no I/O, no clock, no setting read.
What does not: reading the warehouse (`pipelines.defs`), the rule of k (`pipelines.confidentiality`).
"""
