"""An invented French service company, written as the files its systems would export.

Belongs here: the company (units, people, clients), what they do month by month, what is planted in them,
the shape of each system's export, the dirt in the files and the truth file that lists it all.
Does not belong here: anything the pipeline reads besides the extracts. The truth file is for tests and
benchmarks only.

Start at `company.simulate`. Every random draw comes from a named stream of one seed (`randomness.stream`),
so the same seed gives the same bytes whatever else is added beside it.
"""
