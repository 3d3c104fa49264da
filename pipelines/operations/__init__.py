"""What ops watch: the state of a company's pipeline, what is wrong with it, and who is told.

Belongs here: `status.py` gathers the state, `problems.py` says what is wrong in it (pure), `runs.py` and
`ruptures.py` read what it is gathered from, `alerts.py` decides what is told to whom, `messages.py` words it and
`channels.py` sends it. Nothing here opens the warehouse or takes its lock, so it can be asked while a run writes.

An alert leaves the company's machines, so what is written here carries names of contracts, units, steps and classes
of errors, and counts: never a value, a file's name, or the text of an error, which may quote one.
"""
