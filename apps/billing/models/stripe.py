"""What Stripe knows of us and has told us."""

from django.db import models

from apps.accounts.models import Organisation
from apps.billing.models.invoices import CreditNote, Invoice


class StripeCustomer(models.Model):
    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="stripe_customer"
    )
    stripe_id = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    told = models.JSONField(default=dict)  # name, address and tax number as Stripe has them from us

    def __str__(self) -> str:
        return self.stripe_id


class StripeObject(models.Model):
    """A product, price or meter that stands at Stripe for a row of ours; found there again if this row is lost."""

    key = models.CharField(primary_key=True, max_length=120)  # "meter:predictions", "price:plan:plv_…"
    stripe_id = models.CharField(max_length=120)
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "Stripe product, price or meter"
        verbose_name_plural = "Stripe products, prices and meters"

    def __str__(self) -> str:
        return self.key


class StripeSubscription(models.Model):
    """The copy of an organisation's plan at Stripe. It never collects; `told` is what Stripe has heard from us."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="stripe_subscription"
    )
    stripe_id = models.CharField(max_length=80, blank=True)  # empty: there is none
    told = models.JSONField(default=dict)
    told_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.stripe_id or f"none for {self.organisation_id}"


class StripeDocument(models.Model):
    """The copy of an invoice or a credit note at Stripe: new -> told; `empty` ones are less than a minor unit."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    invoice = models.OneToOneField(
        Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="stripe_document"
    )
    note = models.OneToOneField(
        CreditNote, on_delete=models.PROTECT, null=True, blank=True, related_name="stripe_document"
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    stripe_id = models.CharField(max_length=80, blank=True)
    state = models.CharField(max_length=10, default="new")
    told_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(invoice=None) ^ models.Q(note=None), name="invoice_or_note_at_stripe"
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gte=0), name="document_not_negative"),
        ]

    def __str__(self) -> str:
        return self.stripe_id or str(self.invoice or self.note)


class StripePush(models.Model):
    """A delta of usage of one closed hour, sent to Stripe as one meter event: new -> sent -> confirmed | frozen.

    A frozen one is compared with Stripe's sums and becomes confirmed, or lost (a fresh delta follows), or untold (too
    old to be told again). A confirmed one can be cancelled within a day. `found`: what Stripe counted unknown to us.
    """

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


class StripeSettlement(models.Model):
    """One comparison of frozen pushes with Stripe's sum of their hour, and what followed from it."""

    id = models.BigAutoField(primary_key=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    meter = models.CharField(max_length=40)
    hour = models.DateTimeField()
    at = models.DateTimeField()
    counted_micros = models.BigIntegerField()  # by Stripe
    confirmed_micros = models.BigIntegerField()  # of ours, known to have arrived
    frozen_micros = models.BigIntegerField()
    outcome = models.CharField(max_length=20)  # confirmed | sent again | corrected | too old

    class Meta:
        verbose_name = "comparison with Stripe's sums"
        verbose_name_plural = "comparisons with Stripe's sums"

    def __str__(self) -> str:
        return f"{self.meter} {self.hour:%Y-%m-%d %H}h: {self.outcome}"


class WebhookEvent(models.Model):
    """A webhook of Stripe's that was rightly signed, kept so that operators can see it and let it run again."""

    id = models.CharField(primary_key=True, max_length=80)  # evt_…
    kind = models.CharField(max_length=80)
    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)
    attempts = models.PositiveIntegerField(default=0)
    applied_at = models.DateTimeField(null=True, blank=True)  # it had an effect, or needs none
    had_effect = models.BooleanField(default=False)
    last_error = models.TextField(blank=True)

    class Meta:
        verbose_name = "Stripe webhook"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
