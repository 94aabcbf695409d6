"""The admin console: operators' pages, switches and commands."""
