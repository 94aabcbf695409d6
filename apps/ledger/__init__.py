"""Money: price book, double entry, wallets, holds. The floor the road stands on."""
