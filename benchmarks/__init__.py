"""Scale and accuracy, measured: each module prints what an issue claims beside what was found, by one command."""
