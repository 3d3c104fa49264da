"""Who may be shown: the rule of k respondents, as pure functions on Polars frames.

What belongs here: deciding that a row is hidden, and emptying it.
What does not: any estimate (`pipelines.statistics`), any writing (`pipelines.publication`).
"""
