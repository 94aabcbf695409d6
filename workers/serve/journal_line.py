"""One answered call as a line of the journal: a UsageRecord, written by hand because it is on the hot path."""

from __future__ import annotations

import os
import random
import time
from functools import lru_cache
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson

from workers.serve.call import Call
from workers.serve.directory import Route
from workers.serve.journal import frame

_random = random.Random(os.urandom(16))


def usage_id() -> str:
    """A UUID version 7: sorts by time, 74 random bits."""
    bits = _random.getrandbits(74)
    stamp = time.time_ns() // 1_000_000
    tail = (2 << 62) | (bits & ((1 << 62) - 1))
    return f"{stamp >> 16:08x}-{stamp & 0xFFFF:04x}-7{bits >> 62:03x}-{tail >> 48:04x}-{tail & 0xFFFFFFFFFFFF:012x}"


def usage_id_of_key(endpoint: str, idempotency_key: bytes, body_digest: bytes) -> str:
    """The same for a repeated request, so that control charges it once. The body is part of it: the key does not
    make other questions free."""
    name = idempotency_key.decode("latin-1") + ":" + body_digest.hex()
    return str(uuid5(_namespace(endpoint), name))


@lru_cache(maxsize=10_000)
def _namespace(endpoint: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"modelyard:{endpoint}")


def journal_line(call: Call, route: Route, at_us: int) -> bytes:
    """Frame the call's UsageRecord."""
    part = route.record_parts.get(call.model_version)
    if part is None:
        part = route.record_parts[call.model_version] = constant_part(route, call.model_version)
    leases = b",".join([lease.journal_part for lease in call.leases])
    return frame(
        b'{"id":"%b",%b,"units":%d,"amount_micros":%d,"at_us":%d,"leases":{%b}}'
        % (call.usage_id.encode(), part, call.units, call.amount_micros, at_us, leases)
    )


def constant_part(route: Route, model_version: str) -> bytes:
    """What all records of a key at an endpoint's deployment have in common."""
    price = route.endpoint.price
    return orjson.dumps(
        {
            "organisation": route.endpoint.organisation,
            "endpoint": route.endpoint.id,
            "key": route.key.id,
            "model_version": model_version,
            "meter": price.meter,
            "price_id": price.id,
            "currency": price.currency,
        }
    )[1:-1]
