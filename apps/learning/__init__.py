"""8 Learn: the request log of endpoints with replay and labels, drift, retraining by itself."""
