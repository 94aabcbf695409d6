"""Pages of this stage: one file per subject."""
