"""Prefixed, time-sortable, opaque identifiers: `ds_01k…`. The prefix tells what a thing is in a ticket or a log."""

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base 32: no i, l, o, u to misread

PREFIXES = {
    "org": "organisation",
    "usr": "user",
    "inv": "invoice",
    "ivt": "invitation",
    "key": "API key",
    "ds": "dataset",
    "dsv": "dataset version",
    "up": "upload",
    "run": "run",
    "mdl": "model",
    "ver": "model version",
    "ep": "endpoint",
    "dep": "deployment",
    "bat": "batch",
    "wal": "wallet",
    "les": "lease",
    "bud": "budget",
    "prc": "price",
    "nod": "node",
    "pool": "pool",
    "use": "usage event",
    "top": "top-up",
    "aud": "audit entry",
    "cand": "candidate",
    "hold": "hold",
    "lot": "credit lot",
    "trf": "price tiers",
    "plv": "plan version",
    "cdn": "credit note",
    "whk": "webhook",
    "evt": "event",
    "dlv": "delivery",
    "adj": "manual credit",
    "req": "kept request",
    "rpl": "replay",
    "rtp": "retraining policy",
    "rtn": "retraining",
}


def new_id(prefix: str) -> str:
    """Return `<prefix>_<26 base-32 characters>`: 48 bits of milliseconds, then 82 random bits, so ids sort by age."""
    number = (int(time.time() * 1000) << 82) | secrets.randbits(82)
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"
