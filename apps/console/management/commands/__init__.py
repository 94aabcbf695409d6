"""Verbs of manage.py for operators: prepare, bootstrap, up, demo."""
