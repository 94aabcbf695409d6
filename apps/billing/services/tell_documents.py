"""Copies closed invoices and credit notes to Stripe: as paid elsewhere, so that Stripe collects and owes nothing.

A partial credit note is a negative line of our open month, at Stripe it is a document of its own. So that nothing is
taken off twice, the copy of that later month is without the line; of an invoice that is written again the copy is what
earlier notes have left. Then invoices less credit notes at Stripe are our invoices, and `reconcile` compares them.
"""

import logging
from datetime import datetime
from typing import Any

import stripe
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from apps.billing.models import CreditNote, Invoice, StripeDocument
from apps.billing.rules import note_minor
from apps.billing.services.ensure_customer import ensure_customer
from apps.billing.stripe_client import stripe_client
from contracts.usage import METER_GOODWILL

log = logging.getLogger(__name__)
BATCH = 200


def tell_documents(*, now: datetime | None = None) -> int:
    """Return how many copies were completed. One that Stripe does not take waits for the next turn."""
    moment = now or timezone.now()
    write_documents()
    told = 0
    waiting = StripeDocument.objects.filter(state="new").select_related("organisation", "invoice", "note")
    for document in waiting.order_by("pk")[:BATCH]:
        try:
            done = _tell_invoice(document) if document.invoice else _tell_note(document)
        except stripe.StripeError as error:
            log.warning("document %s is not at Stripe yet: %s", document.pk, error)
            StripeDocument.objects.filter(pk=document.pk).update(last_error=str(error)[:300])
            continue
        if done:
            StripeDocument.objects.filter(pk=document.pk).update(state="told", told_at=moment, last_error="")
            told += 1
    return told


@transaction.atomic
def write_documents() -> int:
    """Write a row for each invoice and note of Stripe's customers that has none, in the order they were made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('stripe-documents', 0))")
    missing = {"stripe_document": None, "organisation__stripe_customer__isnull": False}
    made: list[tuple[datetime, Invoice | CreditNote]] = [
        (one.closed_at, one) for one in Invoice.objects.filter(**missing).select_related("organisation")
    ]
    made += [(one.created_at, one) for one in CreditNote.objects.filter(**missing).select_related("invoice")]
    for _, one in sorted(made, key=lambda pair: pair[0]):
        amount = _invoice_amount(one) if isinstance(one, Invoice) else _note_amount(one)
        StripeDocument.objects.create(
            organisation_id=one.organisation_id,
            invoice=one if isinstance(one, Invoice) else None,
            note=one if isinstance(one, CreditNote) else None,
            amount_minor=amount,
            currency=one.currency,
            state="new" if amount else "empty",
        )
    return len(made)


def _invoice_amount(invoice: Invoice) -> int:
    credited = invoice.lines.filter(meter=METER_GOODWILL, price__startswith="cdn_").values("price")
    apart = _sum(StripeDocument.objects.filter(note__in=credited))
    same_month = Invoice.objects.of(invoice.organisation).filter(period_start=invoice.period_start)
    before = same_month.filter(edition__lt=invoice.edition)
    noted = _sum(StripeDocument.objects.filter(note__invoice__in=before, note__is_void=False))
    return max(0, max(0, invoice.total_minor) + apart - noted)


def _note_amount(note: CreditNote) -> int:
    copy = StripeDocument.objects.filter(invoice=note.invoice).first()
    left = (copy.amount_minor if copy else 0) - _sum(StripeDocument.objects.filter(note__invoice=note.invoice))
    if note.is_void:
        return max(0, left)
    earlier = CreditNote.objects.of(note.organisation).filter(
        invoice__period_start=note.invoice.period_start, is_void=False, created_at__lt=note.created_at
    )
    before = earlier.aggregate(total=Sum("amount_micros"))["total"] or 0
    return note_minor(before_micros=before, micros=note.amount_micros, left_minor=left, currency=note.currency)


def _sum(rows: Any) -> int:
    return int(rows.aggregate(total=Sum("amount_minor"))["total"] or 0)


def _tell_invoice(document: StripeDocument) -> bool:
    """Step by step from what Stripe has: draft, its one line, finalized, paid elsewhere."""
    invoice, client = document.invoice, stripe_client().v1.invoices
    copy: Any = _standing_invoice(document) or _start_invoice(document)
    if copy.status == "draft" and not copy.lines.data:
        line: Any = {
            "customer": copy.customer,
            "invoice": copy.id,
            "amount": document.amount_minor,
            "currency": document.currency.lower(),
            "description": f"Usage and plan, {invoice.period_start:%B %Y}",  # type: ignore[union-attr]
        }
        options: Any = {"idempotency_key": f"line-{document.pk}-{copy.id}"}
        stripe_client().v1.invoice_items.create(params=line, options=options)
    if copy.status == "draft":
        copy = client.finalize_invoice(copy.id, params={"auto_advance": False})
    if copy.status == "open":
        copy = client.pay(copy.id, params={"paid_out_of_band": True})
    if (copy.status, copy.total) != ("paid", document.amount_minor):
        log.error("copy %s is %s over %s, not paid over %s", copy.id, copy.status, copy.total, document.amount_minor)
        return False
    return True


def _start_invoice(document: StripeDocument) -> Any:
    params: Any = {
        "customer": ensure_customer(document.organisation).stripe_id,
        "number": document.invoice.number,  # type: ignore[union-attr]
        "currency": document.currency.lower(),
        "collection_method": "send_invoice",
        "days_until_due": 30,
        "auto_advance": False,
        "pending_invoice_items_behavior": "exclude",
        "description": "Paid from credit; the invoice with its usage file is on our pages.",
        "metadata": {"invoice": document.invoice_id},
    }
    options: Any = {"idempotency_key": f"invoice-{document.invoice_id}"}
    copy = stripe_client().v1.invoices.create(params=params, options=options)
    StripeDocument.objects.filter(pk=document.pk).update(stripe_id=copy.id)
    return copy


def _standing_invoice(document: StripeDocument) -> Any:
    """The copy whose answer may have been lost, found by our id in its metadata."""
    client = stripe_client().v1.invoices
    if document.stripe_id:
        return client.retrieve(document.stripe_id)
    customer = ensure_customer(document.organisation).stripe_id
    rows: Any = client.list(params={"customer": customer, "limit": 100}).auto_paging_iter()
    found = next((one for one in rows if one.to_dict()["metadata"].get("invoice") == document.invoice_id), None)
    if found is not None:
        StripeDocument.objects.filter(pk=document.pk).update(stripe_id=found.id)
    return found


def _tell_note(document: StripeDocument) -> bool:
    note = document.note
    over = StripeDocument.objects.filter(invoice=note.invoice, state="told").first()  # type: ignore[union-attr]
    if note is None or over is None:
        return False
    client = stripe_client().v1.credit_notes
    rows: Any = client.list(params={"invoice": over.stripe_id, "limit": 100}).auto_paging_iter()
    made: Any = next((one for one in rows if one.to_dict()["metadata"].get("credit_note") == note.pk), None)
    if made is None:
        made = client.create(
            params={
                "invoice": over.stripe_id,
                "amount": document.amount_minor,
                "out_of_band_amount": document.amount_minor,
                "memo": f"{note.number}: {note.reason}",
                "metadata": {"credit_note": note.pk},
            },
            options={"idempotency_key": f"credit-{note.pk}"},
        )
    StripeDocument.objects.filter(pk=document.pk).update(stripe_id=made.id)
    return True
