"""Whether the figures can be trusted: companies simulated with planted truth, and what the statistics make of them."""
