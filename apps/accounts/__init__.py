"""0 Who: people, organisations, roles, invitations, API keys, audit log."""
