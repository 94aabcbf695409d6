"""1 Upload: checks, profile, immutable versions, preview."""
