"""What an outside file is, and how it becomes canonical landing rows.

Belongs here: the contract of a source file (`contract.py`, `contracts/*.yml`), one reader per physical
format (`readers/`), the one-pass conformer, pseudonyms, the ledger of deliveries, the landing itself.
Does not belong here: anything that knows about indicators, months of a scorecard or dbt models.
"""
