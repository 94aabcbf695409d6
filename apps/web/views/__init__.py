"""Pages that join stages or stand outside them."""
