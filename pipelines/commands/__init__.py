"""The groups of commands of `symmetry`, one module each, and what all commands share (`terminal.py`).

Belongs here: options, and what is printed. What a command does lives in the package that owns it, so that the UI and
the tests reach it without a terminal. `pipelines/cli.py` puts the groups together.
"""
