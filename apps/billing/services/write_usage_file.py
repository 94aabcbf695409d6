"""Writes an invoice's usage file: JSON lines, hash-chained, with signed totals (apps/billing/verifier.py reads it)."""

import base64
import hashlib
from collections.abc import Iterator
from typing import IO, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from apps.billing.queries import Statement
from apps.billing.rules import micros_per_minor
from apps.billing.verifier import FORMAT, canonical, chained
from apps.metering.models import UsageEvent


def write_usage_file(statement: Statement, number: str, out: IO[bytes]) -> str:
    """Write the file to `out`; return its SHA-256. Streams: a month of a busy organisation has millions of events."""
    digest = hashlib.sha256()
    for document in _documents(statement, number):
        line = (canonical(document) + "\n").encode()
        digest.update(line)
        out.write(line)
    return digest.hexdigest()


def public_key() -> str:
    """Return the key that customers check usage files with, in base64."""
    raw = _private_key().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode()


def _documents(statement: Statement, number: str) -> Iterator[dict[str, Any]]:
    header = {
        "type": "header",
        "format": FORMAT,
        "invoice": number,
        "organisation": statement.organisation.pk,
        "period_start": statement.period_start.isoformat(),
        "period_end": statement.period_end.isoformat(),
        "currency": statement.currency,
    }
    yield header
    head = chained("", header)
    prices = {(line.meter, line.price): line.unit_price_micros for line in statement.lines}
    events = UsageEvent.objects.of(statement.organisation).filter(period=statement.period_start)
    count = 0
    for event in events.order_by("occurred_at", "pk").iterator(chunk_size=5_000):
        record = _record(event, prices[event.meter, event.price])
        head = chained(head, record)
        count += 1
        yield {**record, "hash": head}
    totals = {
        "type": "totals",
        "invoice": number,
        "events": count,
        "head": head,
        "lines": [_line(line) for line in statement.lines],
        "total_micros": statement.total_micros,
        "carried_micros": statement.carried_micros,
        "total_minor": statement.total_minor,
        "remainder_micros": statement.remainder_micros,
        "micros_per_minor": micros_per_minor(statement.currency),
        "public_key": public_key(),
    }
    signature = _private_key().sign(canonical(totals).encode())
    yield {**totals, "signature": base64.b64encode(signature).decode()}


def _record(event: UsageEvent, unit_price_micros: int) -> dict[str, Any]:
    return {
        "type": "usage",
        "id": event.pk,
        "meter": event.meter,
        "endpoint": event.endpoint,
        "key": event.key,
        "model_version": event.model_version,
        "run": event.run,
        "units": event.units,
        "price": event.price,
        "unit_price_micros": unit_price_micros,
        "amount_micros": event.amount_micros,
        "occurred_at": event.occurred_at.isoformat(),
        "late": event.late,
    }


def _line(line: Any) -> dict[str, Any]:
    names = ("meter", "endpoint", "run", "price", "unit_price_micros", "units", "amount_micros")
    return {name: getattr(line, name) for name in names}


def _private_key() -> Ed25519PrivateKey:
    """The setting may be any secret text; its SHA-256 is the 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(settings.USAGE_SIGNING_KEY.encode()).digest())
