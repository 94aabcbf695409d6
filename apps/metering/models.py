"""Leases of credit to serve nodes, usage events, and the journal cursors that make replay a no-op."""

from datetime import date
from functools import partial

from django.db import models
from django.db.models import F, Q

from apps.accounts.models import Organisation
from apps.accounts.tenancy import TenantQuerySet
from apps.compute.models import Node
from apps.ledger.models import Wallet
from contracts.ids import new_id


class Lease(models.Model):
    """A block of a wallet's money that one start (boot) of one node may spend without asking."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "les"), editable=False)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="leases")
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="leases")
    boot = models.CharField(max_length=60)
    granted_micros = models.BigIntegerField()
    spent_micros = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, default="open")  # open | closed
    opened_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(spent_micros__lte=F("granted_micros")), name="lease_never_overspent")
        ]
        indexes = [models.Index(fields=["node", "boot"], condition=Q(state="open"), name="open_leases_by_node")]

    def __str__(self) -> str:
        return self.id


class UsageEvent(models.Model):
    """One billed thing: an answered request, a batch, an attempt of a run. Append-only; corrections are new events."""

    id = models.CharField(primary_key=True, max_length=60)  # the journal record's id, or uuid5 of its cause
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="usage_events")
    meter = models.CharField(max_length=40)
    endpoint = models.CharField(max_length=40, blank=True)  # ep_…
    key = models.CharField(max_length=40, blank=True)  # key_…
    model_version = models.CharField(max_length=40, blank=True)  # ver_…
    run = models.CharField(max_length=40, blank=True)  # run_… or bat_…
    units = models.BigIntegerField()
    price = models.CharField(max_length=40)  # prc_…
    amount_micros = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    period = models.DateField()  # first day of the month it is billed in (UTC)
    late = models.BooleanField(default=False)  # arrived after its own month was closed
    ledger_ref = models.CharField(max_length=200)  # LedgerTransaction.ref that posted it
    node = models.CharField(max_length=40, blank=True)

    objects = TenantQuerySet["UsageEvent"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "occurred_at"], name="usage_by_org_time"),
            models.Index(fields=["organisation", "period"], name="usage_by_org_period"),
        ]

    def __str__(self) -> str:
        return self.id


class PeriodWatermark(models.Model):
    """Months before `open_from` are closed for this organisation: what arrives later is billed in an open month."""

    organisation = models.OneToOneField(Organisation, on_delete=models.CASCADE, primary_key=True, related_name="+")
    open_from = models.DateField(default=date(1970, 1, 1))

    def __str__(self) -> str:
        return f"{self.organisation_id} from {self.open_from}"


class RefusedUsage(models.Model):
    """A journal record that cannot be billed as it stands (wrong amount, unknown price …), kept for the operators."""

    digest = models.CharField(primary_key=True, max_length=64)  # of the record: a replayed one is the same row
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="+")
    segment = models.CharField(max_length=80)
    record = models.JSONField()
    reason = models.CharField(max_length=300)
    refused_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "refused usage"

    def __str__(self) -> str:
        return self.reason


class JournalCursor(models.Model):
    """How far a segment of a node's journal has been posted to the ledger."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    segment = models.CharField(max_length=80)
    offset = models.BigIntegerField(default=0)
    posts = models.BigIntegerField(default=0)  # how many posts were absorbed; makes each ledger ref its own
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "segment"], name="one_cursor_per_segment")]

    def __str__(self) -> str:
        return f"{self.segment} {self.offset}"
