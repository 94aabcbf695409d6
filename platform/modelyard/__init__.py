"""The Django project: composition and nothing else."""
