"""Webhooks, the events that happened, and their deliveries with every try."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from contracts.ids import new_id


class Webhook(models.Model):
    """An address of the customer's that wants to hear of events. Its secret is derived, never stored."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "whk"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=120, blank=True)
    kinds = models.JSONField(default=list)  # words of rules.KINDS; empty: all
    secret_version = models.PositiveIntegerField(default=1)
    old_secret_until = models.DateTimeField(null=True, blank=True)  # the version before signs as well until then
    failing_since = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Webhook"].as_manager()

    def __str__(self) -> str:
        return self.url

    @property
    def state(self) -> str:
        if self.disabled_at is not None:
            return "disabled"
        return "failing" if self.failing_since is not None else "active"


class Event(models.Model):
    """Something that happened and may be told. `dedupe_key` makes the same thing happen once."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "evt"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=40)
    data = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=200)
    at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Event"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "dedupe_key"], name="event_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Delivery(models.Model):
    """One event for one webhook: waiting -> delivered | failed; asked for again: waiting."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dlv"), editable=False)
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="deliveries")
    state = models.CharField(max_length=10, default="waiting")
    attempts = models.PositiveIntegerField(default=0)  # since it was last asked for
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["webhook", "event"], name="delivery_once")]
        indexes = [
            models.Index(fields=["next_at"], name="deliveries_waiting", condition=models.Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} to {self.webhook_id}"


class Attempt(models.Model):
    """One try to deliver: what came back."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    status = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    took_ms = models.PositiveIntegerField(default=0)
    answer = models.CharField(max_length=500, blank=True)  # the beginning of the body

    def __str__(self) -> str:
        return f"{self.status or self.error}"
