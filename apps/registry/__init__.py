"""3 Export: models, versions, evidence, downloads."""
