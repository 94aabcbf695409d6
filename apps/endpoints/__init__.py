"""4 Serve: endpoints, deployments, limits, publishing to the data plane, batches."""
