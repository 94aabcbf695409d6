"""Endpoints, their deployments and history, what nodes report of them, offline batches."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from apps.compute.models import Node
from apps.datasets.models import DatasetVersion
from apps.registry.models import ModelVersion
from contracts.ids import new_id

DEFAULT_SLO_MS = 100.0  # objective for the p95 of a realtime endpoint


class ConfigRevision(models.Model):
    """One row: the revision that serve nodes compare with. Bumped in the transaction of every change that matters."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    revision = models.BigIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.revision)


class Endpoint(models.Model):
    """A name that answers. The name is unique among the organisation's living endpoints."""

    STATES = [(s, s) for s in ("starting", "ready", "failed")]

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "ep"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="endpoints")
    name = models.SlugField(max_length=60)
    latency_class = models.CharField(
        max_length=10, choices=[("realtime", "realtime"), ("batch", "batch")], default="realtime"
    )
    slo_ms = models.FloatField(default=DEFAULT_SLO_MS)
    policies = models.JSONField(default=list, blank=True)  # list of serving.RatePolicy dicts
    sticky = models.CharField(max_length=60, blank=True)  # header whose value decides between deployments; lower case
    guard = models.JSONField(default=dict, blank=True)  # limits of the automatic rollback (guard.py); empty: off
    log_share = models.FloatField(default=0)  # of the requests that are kept, 0 to 1; 0: the request log is off
    log_days = models.PositiveIntegerField(default=14)
    log_megabytes = models.PositiveIntegerField(default=100)  # beyond it the oldest requests go
    state = models.CharField(max_length=10, choices=STATES, default="starting")
    state_detail = models.CharField(max_length=300, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)  # set: answers 409 until resumed
    edition = models.PositiveIntegerField(default=1)  # grows with each change: ETag, and the rollback history
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Endpoint"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "name"], condition=Q(deleted_at=None), name="endpoint_name_once"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def shown_state(self) -> str:
        """The state as people see it: deletion and pause outrank what the nodes report."""
        if self.deleted_at:
            return "deleted"
        return "paused" if self.paused_at else self.state


class Deployment(models.Model):
    """A model version on an endpoint with a share of its traffic. Retired rows are the rollback history."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dep"), editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deployments")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="deployments")
    weight = models.PositiveIntegerField(default=100)
    shadow = models.BooleanField(default=False)
    precision = models.CharField(max_length=4, default="fp32")
    edition = models.PositiveIntegerField()  # the endpoint's edition that brought it; one edition is one set
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    @property
    def reference(self) -> str:
        """Version and precision as one word, as services take it: `ver_…`, or `ver_…@int8`."""
        usual = self.precision == self.model_version.deploys
        return self.model_version_id if usual else f"{self.model_version_id}@{self.precision}"

    def __str__(self) -> str:
        return f"{self.endpoint} {self.weight} % {self.model_version}"


class ServingReport(models.Model):
    """What a serve node last said about an endpoint."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="reports")
    boot = models.CharField(max_length=60)
    revision = models.BigIntegerField()
    state = models.CharField(max_length=10)  # starting | ready | failed
    error = models.CharField(max_length=500, blank=True)
    model_sha256 = models.CharField(max_length=64, blank=True)
    providers = models.JSONField(default=list)
    reported_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "endpoint"], name="one_report_each")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.state}"


class Traffic(models.Model):
    """What one deployment answered in one minute or one hour, added up over all servers."""

    MINUTE_S, HOUR_S = 60, 3600

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="traffic")
    deployment = models.CharField(max_length=40, blank=True)  # empty: requests that reached none
    step_s = models.PositiveIntegerField(choices=[(MINUTE_S, "minute"), (HOUR_S, "hour")])
    at = models.DateTimeField()  # its start
    statuses = models.JSONField(default=dict)  # "2", "4", "5" and "429" -> requests
    errors = models.JSONField(default=dict)  # failure code -> requests
    latency_us = models.JSONField(default=dict)  # bucket of contracts.histograms -> answers
    queue_us = models.JSONField(default=dict)
    batch_rows = models.JSONField(default=dict)
    units = models.BigIntegerField(default=0)
    shadow_compared = models.BigIntegerField(default=0)
    shadow_disagreed = models.BigIntegerField(default=0)
    shadow_failed = models.BigIntegerField(default=0)
    shadow_dropped = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "traffic"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "step_s", "at", "deployment"], name="traffic_added_up_once")
        ]
        indexes = [models.Index(fields=["step_s", "at"], name="traffic_by_age")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.at:%Y-%m-%d %H:%M}"


class TrafficCursor(models.Model):
    """The last message of counts that was added for one start of one server process."""

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="+")
    boot = models.CharField(max_length=60)
    sequence = models.BigIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "boot"], name="one_cursor_each")]

    def __str__(self) -> str:
        return f"{self.boot} {self.sequence}"


class GuardRollback(models.Model):
    """A version that broke a rule of its endpoint and was taken out of the traffic."""

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="guard_rollbacks")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    rule = models.CharField(max_length=20)  # error_rate | p95_ms | disagreement
    value = models.FloatField()
    limit = models.FloatField()
    requests = models.BigIntegerField()  # or comparisons: how many the value stands on
    edition = models.PositiveIntegerField()  # the endpoint's edition that it brought; that one is not judged again
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "edition"], name="one_guard_rollback_per_edition")]

    def __str__(self) -> str:
        return f"{self.endpoint_id} {self.rule}"


class Batch(models.Model):
    """An offline prediction job over a file. Claimed with lease and fence like a run."""

    STATES = [(s, s) for s in ("queued", "running", "succeeded", "failed", "cancelled")]

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "bat"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="batches")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, null=True, blank=True, related_name="batches")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="+")
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    input_key = models.CharField(max_length=200)
    input_sha256 = models.CharField(max_length=64)
    input_bytes = models.BigIntegerField(default=0)
    input_format = models.CharField(max_length=10)
    input_name = models.CharField(max_length=255, blank=True)
    rows = models.BigIntegerField(default=0)
    rows_done = models.BigIntegerField(default=0)
    rows_failed = models.BigIntegerField(default=0)
    errors = models.JSONField(default=list)
    price = models.CharField(max_length=40)
    unit_price_micros = models.BigIntegerField()
    cost_micros = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=STATES, default="queued")
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    node = models.ForeignKey(Node, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    batch_token_digest = models.CharField(max_length=64, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField()
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    result_key = models.CharField(max_length=200, blank=True)
    result_sha256 = models.CharField(max_length=64, blank=True)
    result_bytes = models.BigIntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Batch"].as_manager()

    class Meta:
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.id
