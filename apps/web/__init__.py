"""Pages that join stages: home, first-run checklist, error-code pages."""
