"""Pages of models and their versions."""
