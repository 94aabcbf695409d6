"""Pages of datasets, their versions and uploads."""
