"""Amounts as people read them."""


def money(micros: int) -> str:
    """Micro-units of the currency as people read them."""
    return f"{micros / 1_000_000:.6f}".rstrip("0").ljust(4, "0") + " USD"
