"""Write, audit, publish: the files that readers open, and what decides whether there is anything new to publish.

Nothing here computes a figure; nothing here knows Dagster.
"""
