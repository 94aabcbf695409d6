"""The `modelyard` command: one module per verb, each with `add` (its arguments) and `run` (what it does)."""
