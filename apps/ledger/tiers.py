"""Tiers of a price: graduated (each unit costs what its own tier says) and volume (all cost what the last one says)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

GRADUATED, VOLUME = "graduated", "volume"
MODES = (GRADUATED, VOLUME)


@dataclass(frozen=True)
class Tier:
    """Units up to and including `up_to` (None: all that follow), in micros each; 0 micros are included units."""

    up_to: int | None
    unit_price_micros: int


def read_tiers(raw: Sequence[Mapping[str, Any]]) -> list[Tier]:
    return [Tier(item["up_to"], item["unit_price_micros"]) for item in raw]


def tiers_objection(tiers: Sequence[Tier]) -> str:
    """Return why these are no tiers; empty when they are. Later tiers never cost more: usage only lowers the price."""
    if not tiers or tiers[-1].up_to is not None:
        return "the last tier must be open (up_to null)"
    ends = [tier.up_to for tier in tiers[:-1]]
    if any(end is None or end <= 0 for end in ends) or any(b <= a for a, b in pairwise(ends)):  # type: ignore[operator]
        return "each tier must end after the one before it"
    prices = [tier.unit_price_micros for tier in tiers]
    if min(prices) < 0:
        return "a price cannot be negative"
    included, paid = (prices[:1], prices[1:]) if prices[0] == 0 else ([], prices)
    if any(later > earlier for earlier, later in pairwise(paid)):
        return "a later tier may not cost more than an earlier one, except after included units"
    return "" if paid or included else "there is no tier"


def tiered_amount(units: int, tiers: Sequence[Tier], mode: str) -> int:
    """Return the micros that `units` cost together."""
    if units < 0:
        raise ValueError(f"{units} units")
    if mode == VOLUME:
        return units * next(tier.unit_price_micros for tier in tiers if tier.up_to is None or units <= tier.up_to)
    total, before = 0, 0
    for tier in tiers:
        end = units if tier.up_to is None else min(units, tier.up_to)
        total += max(0, end - before) * tier.unit_price_micros
        before = max(before, end)
    return total


def discount_micros(units: int, *, listed_micros: int, tiers: Sequence[Tier], mode: str) -> int:
    """Return what tiers take off the list price of `units`; never negative, so a customer never pays above the list."""
    return max(0, listed_micros - tiered_amount(units, tiers, mode))
