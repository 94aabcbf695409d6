"""Closes a month of an organisation: stores its invoice and lines, and the signed file of every usage event in it.

The watermark is locked first: usage that is being absorbed is waited for, and usage that comes later finds the month
closed and is billed in the next one, marked late. Closing again returns the stored invoice.
"""

import logging
import tempfile
from datetime import date, datetime, timedelta

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.billing.models import Invoice, InvoiceLine
from apps.billing.queries import Statement, statement_for
from apps.billing.rules import invoice_number
from apps.billing.services.change_profile import profile_snapshot
from apps.billing.services.true_up import charge_commitment, true_up_discounts
from apps.billing.services.write_usage_file import write_usage_file
from apps.metering.models import PeriodWatermark
from apps.metering.queries import months_with_usage
from apps.metering.rules import month_after, month_of, month_start
from apps.webhooks.services.emit import emit
from contracts.ids import new_id
from contracts.problems import Problem

log = logging.getLogger(__name__)
_SPOOL_BYTES = 8 * 1024**2


def close_period(organisation: Organisation, period: date, *, now: datetime | None = None) -> Invoice | None:
    """Close the month that starts on `period`, and open months before it. None: there was nothing to bill in it."""
    end = month_start(month_after(period)) + timedelta(seconds=settings.PERIOD_GRACE_S)
    if (now or timezone.now()) < end:
        raise Problem("yours:state", f"The month {period:%Y-%m} can be closed from {end.isoformat()}.")
    with transaction.atomic():
        PeriodWatermark.objects.bulk_create([PeriodWatermark(organisation=organisation)], ignore_conflicts=True)
        watermark = PeriodWatermark.objects.select_for_update().get(pk=organisation.pk)
        if watermark.open_from > period:
            return _invoice_of(organisation, period)
        for month in {*months_with_usage(organisation, before=month_after(period)), period}:
            true_up_discounts(organisation, month)
        charge_commitment(organisation, period)
        for month in months_with_usage(organisation, before=month_after(period)):
            store_invoice(statement_for(organisation, month))
        PeriodWatermark.objects.filter(pk=organisation.pk).update(open_from=month_after(period))
    return _invoice_of(organisation, period)


def _invoice_of(organisation: Organisation, period: date) -> Invoice | None:
    return Invoice.objects.of(organisation).filter(period_start=period, voided_at=None).first()


def close_due_periods(*, now: datetime | None = None) -> int:
    """Close what is due for every organisation; return how many invoices were made."""
    moment = now or timezone.now()
    last = month_of(month_start(month_of(moment - timedelta(seconds=settings.PERIOD_GRACE_S))) - timedelta(days=1))
    closed = PeriodWatermark.objects.filter(open_from__gt=last).values("pk")
    before = Invoice.objects.count()
    for organisation in Organisation.objects.exclude(pk__in=closed).order_by("pk").iterator():
        try:
            close_period(organisation, last, now=moment)
        except Exception:  # one organisation's trouble must not keep the others' invoices back
            log.exception("could not close %s of %s", last, organisation.pk)
    return Invoice.objects.count() - before


def store_invoice(statement: Statement, *, edition: int = 1) -> Invoice:
    """Write the invoice, its lines and its signed usage file. Runs in the caller's transaction."""
    invoice_id, number = new_id("inv"), _next_number(statement.period_start)
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        sha256 = write_usage_file(statement, number, spool)
        spool.seek(0)
        name = f"invoices/{statement.organisation.pk}/{statement.period_start:%Y-%m}/{invoice_id}.jsonl"
        stored = default_storage.save(name, File(spool, name=name))
    invoice = Invoice.objects.create(
        id=invoice_id,
        organisation=statement.organisation,
        number=number,
        period_start=statement.period_start,
        period_end=statement.period_end,
        currency=statement.currency,
        total_micros=statement.total_micros,
        total_minor=statement.total_minor,
        carried_micros=statement.carried_micros,
        remainder_micros=statement.remainder_micros,
        usage_key=stored,
        usage_sha256=sha256,
        usage_events=statement.usage_events,
        customer=profile_snapshot(statement.organisation),
        edition=edition,
    )
    InvoiceLine.objects.bulk_create(
        InvoiceLine(
            invoice=invoice,
            position=line.position,
            meter=line.meter,
            description=line.description,
            endpoint=line.endpoint,
            run=line.run,
            price=line.price,
            unit_price_micros=line.unit_price_micros,
            units=line.units,
            amount_micros=line.amount_micros,
        )
        for line in statement.lines
    )
    emit(
        statement.organisation,
        "invoice.closed",
        {
            "invoice": invoice.pk,
            "number": number,
            "period_start": statement.period_start.isoformat(),
            "currency": statement.currency,
            "total_micros": statement.total_micros,
            "total_minor": statement.total_minor,
        },
        dedupe_key=f"invoice:{invoice.pk}",
    )
    return invoice


def _next_number(period: date) -> str:
    """Numbers have no gaps: the lock is held until the invoice is committed or gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('invoice-number', 0))")
    return invoice_number(
        f"{period:%Y-%m}", Invoice.objects.filter(period_start=period).values_list("number", flat=True)
    )
