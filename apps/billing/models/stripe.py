"""What Stripe knows of us and has told us."""

from django.db import models

from apps.accounts.models import Organisation


class StripeCustomer(models.Model):
    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="stripe_customer"
    )
    stripe_id = models.CharField(max_length=80, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.stripe_id


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
