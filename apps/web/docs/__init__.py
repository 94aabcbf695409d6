"""The manual: `docs/` of the repository as pages of the product and as a folder of static HTML."""
