"""Which deployment answers: by chance, or by the value of a header so that the same caller meets the same version.

Weighted rendezvous hashing: each deployment draws a number from the value and its version, scaled by its weight, and
the highest wins. When weights change, only as many callers move as the change asks for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol, TypeVar
from urllib.parse import unquote_to_bytes


class Weighted(Protocol):
    @property
    def version(self) -> str: ...
    @property
    def weight(self) -> int: ...


W = TypeVar("W", bound=Weighted)
_SPAN = float(1 << 64)


def stick(value: bytes, live: Sequence[W]) -> W:
    """The deployment that answers callers with this value. At least one has a weight above 0."""
    return max(live, key=lambda one: _draw(value, one))


def sticky_value(name: bytes, headers: dict[bytes, bytes], path: bytes) -> bytes:
    """The value of the header, else of the query parameter of that name; empty: chance decides."""
    value = headers.get(name, b"")
    if value or b"?" not in path:
        return value
    for pair in path.partition(b"?")[2].split(b"&"):
        key, _, text = pair.partition(b"=")
        if key.lower() == name:
            return unquote_to_bytes(text.replace(b"+", b" "))
    return b""


def _draw(value: bytes, one: Weighted) -> float:
    if one.weight <= 0:
        return -1.0
    digest = blake2b(value, digest_size=8, key=one.version.encode()[:64]).digest()
    even = (int.from_bytes(digest, "big") + 0.5) / _SPAN  # in (0, 1)
    return -one.weight / math.log(even)
