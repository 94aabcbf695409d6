"""6 Bill: budgets, credit, invoices, Stripe."""
