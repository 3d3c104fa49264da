"""From an unknown file to a contract: looking at a file without landing it, drafting a contract, the editors' schema.

Belongs here: what `symmetry sources` computes. A run never needs any of it; how a contract is read and a file landed
is the package above.
"""
