"""Pages of endpoints, the playground, batches."""
