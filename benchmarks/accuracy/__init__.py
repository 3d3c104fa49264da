"""Proof that the figures can be trusted: companies with planted truth, and what the statistics say of them.

`simulate.py` makes companies: people answer and act; it shares no code with the estimators. Every other module holds
the claims of one part of the method, as `claims(companies, say)`. `python -m benchmarks.accuracy` prints them all.
"""
