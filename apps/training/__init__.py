"""2 Train: runs, candidates, progress, cancel, budget."""
