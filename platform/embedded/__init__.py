"""Runs PostgreSQL, Valkey and every Modelyard process on one machine, supervised; knows no Django."""
