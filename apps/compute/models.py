"""Pools (hardware of one kind), guaranteed quotas in them, and the nodes (machines) that work for them."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation
from contracts.ids import new_id


class Pool(models.Model):
    """Hardware of one kind. `name` is also the queue suffix and the price dimension: `cpu`, `gpu`."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "pool"), editable=False)
    name = models.SlugField(max_length=30, unique=True)
    title = models.CharField(max_length=80)  # "2 CPU cores, 8 GB"
    has_gpu = models.BooleanField(default=False)
    slots = models.PositiveIntegerField(default=1)  # runs at once, at most, however many nodes have joined
    max_run_seconds = models.PositiveIntegerField(default=6 * 3600)
    is_open = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class Quota(models.Model):
    """Slots of a pool guaranteed to an organisation; idle ones may be borrowed by others."""

    id = models.BigAutoField(primary_key=True)
    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="quotas")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    guaranteed_slots = models.PositiveIntegerField(default=0)
    max_slots = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "organisation"], name="one_quota_each")]

    def __str__(self) -> str:
        return f"{self.organisation}: {self.guaranteed_slots} of {self.pool}"


class Node(models.Model):
    """A worker machine or process that speaks the internal API with one expiring token."""

    KINDS = [("train", "train"), ("batch", "batch"), ("serve", "serve")]

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "nod"), editable=False)
    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10, choices=KINDS)
    pool = models.ForeignKey(Pool, on_delete=models.SET_NULL, null=True, blank=True, related_name="nodes")
    token_digest = models.CharField(max_length=64, unique=True)
    token_expires_at = models.DateTimeField()
    disabled_at = models.DateTimeField(null=True, blank=True)
    boot = models.CharField(max_length=60, blank=True)
    version = models.CharField(max_length=40, blank=True)
    address = models.CharField(max_length=200, blank=True)  # serve nodes: where the data plane listens
    capabilities = models.JSONField(default=dict, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name
