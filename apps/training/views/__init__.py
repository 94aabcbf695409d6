"""Pages of runs: list, new, live."""
