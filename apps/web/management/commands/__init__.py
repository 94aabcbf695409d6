"""Management commands of billing: reconcile, close_period, verify_invoice, stripe_double."""
