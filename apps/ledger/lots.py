"""In which order grants of credit are used: what expires first, then promotional before paid, then the oldest."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

PROMO, INCLUDED, PAID, RETURNED = "promo", "included", "paid", "returned"
KINDS = (INCLUDED, PROMO, RETURNED, PAID)  # in the order of use among those that expire together
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Lot:
    """A grant as far as its use is concerned; amounts are micros."""

    id: str
    kind: str
    left_micros: int
    used_micros: int
    expires_at: datetime | None
    granted_at: datetime


def in_order_of_use(lots: Iterable[Lot]) -> list[Lot]:
    return sorted(lots, key=lambda lot: (lot.expires_at or _NEVER, KINDS.index(lot.kind), lot.granted_at, lot.id))


def spend(lots: Iterable[Lot], micros: int) -> dict[str, int]:
    """Return lot id -> micros taken; together at most `micros`, less when the lots do not hold as much."""
    taken, left = {}, micros
    for lot in in_order_of_use(lots):
        part = min(left, lot.left_micros)
        if part > 0:
            taken[lot.id] = part
            left -= part
    return taken


def give_back(lots: Iterable[Lot], micros: int, now: datetime) -> tuple[dict[str, int], int]:
    """Return lot id -> micros returned to lots that still last, last used first; and what fits into none of them."""
    returned, left = {}, micros
    for lot in reversed(in_order_of_use(lots)):
        if lot.expires_at is not None and lot.expires_at <= now:
            continue
        part = min(left, lot.used_micros)
        if part > 0:
            returned[lot.id] = part
            left -= part
    return returned, left
