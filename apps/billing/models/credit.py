"""Credit that is bought, promised by a code, topped up by itself, or given by an operator."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from contracts.ids import new_id


class TopUp(models.Model):
    """Credit bought through Stripe Checkout: pending -> paid | expired | failed.

    The ledger ref is the guard against doubles.
    """

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "top"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="top_ups")
    amount_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    checkout_session = models.CharField(max_length=120, unique=True, null=True)
    checkout_url = models.URLField(max_length=2000, blank=True)
    state = models.CharField(max_length=10, default="pending")
    created_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    payment_intent = models.CharField(max_length=120, blank=True)
    is_automatic = models.BooleanField(default=False)
    refunded_micros = models.BigIntegerField(default=0)
    disputed_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=200, blank=True)

    objects = TenantQuerySet["TopUp"].as_manager()

    def __str__(self) -> str:
        return self.id


class AutoTopUp(models.Model):
    """Buys credit by itself when little is left, with the saved payment method, up to a cap per calendar month."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, primary_key=True, related_name="auto_top_up"
    )
    is_on = models.BooleanField(default=False)
    threshold_micros = models.BigIntegerField(default=0)
    amount_micros = models.BigIntegerField(default=0)
    monthly_cap_micros = models.BigIntegerField(default=0)
    payment_method = models.CharField(max_length=120, blank=True)  # Stripe's id; the card itself never reaches us
    setup_session = models.CharField(max_length=120, blank=True)
    failures = models.PositiveIntegerField(default=0)  # in a row; after three it switches itself off
    last_error = models.CharField(max_length=300, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.organisation_id} below {self.threshold_micros}"


class PromoCode(models.Model):
    """A word that is worth credit: once per organisation, a limited number of times, until a date."""

    code = models.CharField(primary_key=True, max_length=40)  # upper case
    currency = models.CharField(max_length=3, default="USD")
    amount_micros = models.BigIntegerField()
    credit_days = models.PositiveIntegerField(default=90)  # how long the credit lasts
    most_redemptions = models.PositiveIntegerField(default=1)
    redemptions = models.PositiveIntegerField(default=0)
    valid_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(redemptions__lte=models.F("most_redemptions")), name="code_not_overused"
            ),
            models.CheckConstraint(condition=models.Q(amount_micros__gt=0), name="code_is_worth_something"),
        ]

    def __str__(self) -> str:
        return self.code


class PromoRedemption(models.Model):
    id = models.BigAutoField(primary_key=True)
    code = models.ForeignKey(PromoCode, on_delete=models.PROTECT, related_name="redeemed")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    redeemed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["code", "organisation"], name="code_once_per_organisation")]

    def __str__(self) -> str:
        return f"{self.code_id} by {self.organisation_id}"


class CreditRequest(models.Model):
    """Credit that an operator wants to give; another operator has to agree: asked -> granted | refused."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "adj"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    amount_micros = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    expires_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=10, default="asked")
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(amount_micros__gt=0), name="asked_credit_is_positive"),
            models.CheckConstraint(
                condition=~models.Q(decided_by=models.F("asked_by"), state="granted"), name="two_people_grant"
            ),
        ]

    def __str__(self) -> str:
        return self.id
