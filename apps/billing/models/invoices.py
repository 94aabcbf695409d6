"""Invoices, their lines, what corrects them, and whom they are written to."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from contracts.ids import new_id


class Invoice(models.Model):
    """A closed month. A draft is computed, never stored; of a stored invoice only `voided_at` is ever written again."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "inv"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="invoices")
    number = models.CharField(max_length=30, unique=True)  # MY-2026-11-000001
    period_start = models.DateField()  # [start, end) in UTC
    period_end = models.DateField()
    currency = models.CharField(max_length=3)
    total_micros = models.BigIntegerField()  # sum of the lines, exact
    total_minor = models.BigIntegerField()  # rounded once, half to even
    carried_micros = models.BigIntegerField(default=0)  # remainder carried into this invoice
    remainder_micros = models.BigIntegerField(default=0)  # total + carried - minor, carried into the next
    usage_key = models.CharField(max_length=200)  # storage name of the signed usage file
    usage_sha256 = models.CharField(max_length=64)
    usage_events = models.BigIntegerField(default=0)
    closed_at = models.DateTimeField(auto_now_add=True)
    customer = models.JSONField(default=dict)  # the billing profile as it was when the invoice was written
    edition = models.PositiveIntegerField(default=1)  # a re-issued invoice has the next one
    voided_at = models.DateTimeField(null=True, blank=True)  # by a credit note over all of it

    objects = TenantQuerySet["Invoice"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "period_start", "edition"], name="one_edition_per_period"),
            models.UniqueConstraint(
                fields=["organisation", "period_start"],
                condition=models.Q(voided_at=None),
                name="one_invoice_per_period",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class InvoiceLine(models.Model):
    id = models.BigAutoField(primary_key=True)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveIntegerField()
    meter = models.CharField(max_length=40)
    description = models.CharField(max_length=200)
    endpoint = models.CharField(max_length=40, blank=True)
    run = models.CharField(max_length=40, blank=True)
    price = models.CharField(max_length=40)
    unit_price_micros = models.BigIntegerField()
    units = models.BigIntegerField()
    amount_micros = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["invoice", "position"], name="line_once")]

    def __str__(self) -> str:
        return self.description


class CreditNote(models.Model):
    """Takes back an invoice, all of it (void) or an amount of it. Never changed; the money comes back as credit."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "cdn"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="credit_notes")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="credit_notes")
    number = models.CharField(max_length=30, unique=True)  # CN-2026-11-000001
    currency = models.CharField(max_length=3)
    amount_micros = models.BigIntegerField()
    is_void = models.BooleanField(default=False)
    reason = models.CharField(max_length=300)
    replaced_by = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["CreditNote"].as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(amount_micros__gte=0), name="note_not_negative")]

    def __str__(self) -> str:
        return self.number


class BillingProfile(models.Model):
    """Whom invoices are written to: the legal name, the address, the tax number."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="billing_profile"
    )
    legal_name = models.CharField(max_length=160, blank=True)
    email = models.EmailField(blank=True)  # invoices and reminders also go here
    line1 = models.CharField(max_length=160, blank=True)
    line2 = models.CharField(max_length=160, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=80, blank=True)
    country = models.CharField(max_length=2, blank=True)  # ISO 3166
    tax_id_type = models.CharField(max_length=20, blank=True)  # as Stripe names them: eu_vat, gb_vat, us_ein …
    tax_id = models.CharField(max_length=40, blank=True)
    purchase_order = models.CharField(max_length=60, blank=True)

    objects = TenantQuerySet["BillingProfile"].as_manager()

    def __str__(self) -> str:
        return self.legal_name or self.organisation_id
