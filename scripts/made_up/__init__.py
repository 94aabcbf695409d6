"""Sample data sets that are made up by seeded rules, so that every task can be tried; `make samples` writes them."""
