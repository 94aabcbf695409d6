"""Commands for operators of the fleet."""
