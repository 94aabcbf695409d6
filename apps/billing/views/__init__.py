"""Pages of money: the bill, credit, budgets, invoices."""
