"""Checks a stored invoice: its usage file by itself, and the file against the invoice and its lines."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.files.storage import default_storage

from apps.billing.models import Invoice
from apps.billing.services.write_usage_file import public_key
from apps.billing.verifier import Disagreement, verify


def verify_invoice(invoice: Invoice) -> list[str]:
    """Return what disagrees; an empty list for a right invoice."""
    digest = hashlib.sha256()
    try:
        with default_storage.open(invoice.usage_key) as file:
            totals = verify(_hashed(file, digest), public_key())
    except FileNotFoundError:
        return ["the usage file is missing"]
    except Disagreement as error:
        return [str(error)]
    found = []
    if digest.hexdigest() != invoice.usage_sha256:
        found.append("the usage file is another one than the invoice names")
    for name in ("total_micros", "carried_micros", "total_minor", "remainder_micros"):
        if totals[name] != getattr(invoice, name):
            found.append(f"{name} is {getattr(invoice, name)} on the invoice and {totals[name]} in the file")
    signed = [(line["meter"], line["price"], line["units"], line["amount_micros"]) for line in totals["lines"]]
    stored = list(invoice.lines.order_by("position").values_list("meter", "price", "units", "amount_micros"))
    if signed != stored:
        found.append("the lines of the invoice are not those of the file")
    return found


def _hashed(file: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    for line in file:
        digest.update(line)
        yield line
