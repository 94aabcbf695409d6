"""Invoices and everything that Stripe has to know or has told us."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation
from apps.accounts.tenancy import TenantQuerySet
from contracts.ids import new_id


class StripeCustomer(models.Model):
    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="stripe_customer"
    )
    stripe_id = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.stripe_id


class TopUp(models.Model):
    """Credit bought through Stripe Checkout: pending -> paid | expired. The ledger ref is the guard against doubles."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "top"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="top_ups")
    amount_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    checkout_session = models.CharField(max_length=120, unique=True, null=True)
    checkout_url = models.URLField(max_length=2000, blank=True)
    state = models.CharField(max_length=10, default="pending")
    created_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["TopUp"].as_manager()

    def __str__(self) -> str:
        return self.id


class Invoice(models.Model):
    """A closed month. A draft is computed, never stored; a stored invoice never changes."""

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

    objects = TenantQuerySet["Invoice"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "period_start"], name="one_invoice_per_period")]

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


class StripePush(models.Model):
    """A delta of usage of one closed hour, sent to Stripe as one meter event: new -> sent -> confirmed | frozen."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    meter = models.CharField(max_length=40)
    hour = models.DateTimeField()
    sequence = models.PositiveIntegerField()
    units = models.BigIntegerField()
    amount_micros = models.BigIntegerField()
    identifier = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=10, default="new")
    first_tried_at = models.DateTimeField(null=True, blank=True)
    counted_to = models.DateTimeField()  # usage recorded up to here is in this delta or an earlier one
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "stripe pushes"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "meter", "hour", "sequence"], name="one_delta_each")
        ]

    def __str__(self) -> str:
        return self.identifier
