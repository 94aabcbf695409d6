"""Runs, their candidates, attempts, log and files. The row is the truth; a Celery message is only a wake-up."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from apps.compute.models import Node, Pool
from apps.datasets.models import DatasetVersion
from contracts.ids import new_id
from contracts.jobs import RUN_STATES, TASKS


class Run(models.Model):
    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "run"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(max_length=120)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="runs")
    task = models.CharField(max_length=30, choices=[(t, t) for t in TASKS])
    target = models.CharField(max_length=200, blank=True)
    families = models.JSONField(default=list, blank=True)
    seed = models.IntegerField(default=0)
    options = models.JSONField(default=dict, blank=True)
    budget_seconds = models.PositiveIntegerField()
    max_cost_micros = models.BigIntegerField()  # the hold; never charged beyond it
    price = models.CharField(max_length=40)  # prc_…
    unit_price_micros = models.BigIntegerField()  # per compute second, frozen at start
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="runs")
    state = models.CharField(max_length=12, choices=[(s, s) for s in RUN_STATES], default="queued")
    # claim
    fence = models.PositiveIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    node = models.ForeignKey(Node, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    lease_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField()
    priority = models.IntegerField(default=0)
    checkpoint_step = models.PositiveIntegerField(default=0)
    checkpoint_key = models.CharField(max_length=200, blank=True)
    checkpoint_sha256 = models.CharField(max_length=64, blank=True)
    heartbeat_sequence = models.PositiveIntegerField(default=0)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    # what is shown
    progress = models.FloatField(default=0)
    stage = models.CharField(max_length=80, blank=True)
    eta_seconds = models.FloatField(null=True, blank=True)
    compute_seconds = models.FloatField(default=0)  # of all charged attempts
    energy_wh = models.FloatField(default=0)
    energy_source = models.CharField(max_length=20, blank=True)
    cost_micros = models.BigIntegerField(default=0)
    curve = models.JSONField(default=list, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    baseline = models.JSONField(default=dict, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_detail = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Run"].as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(state__in=RUN_STATES), name="run_state_known")]
        indexes = [
            models.Index(fields=["pool", "-priority", "queued_at"], condition=Q(state="queued"), name="runs_waiting"),
            models.Index(
                fields=["lease_until"],
                condition=Q(state__in=["running", "validating", "exporting"]),
                name="runs_under_way",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Attempt(models.Model):
    """One claim of a run by one node: what it used, how it ended, whether it was charged."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    fence = models.PositiveIntegerField()
    node = models.ForeignKey(Node, on_delete=models.SET_NULL, null=True, related_name="+")
    token_digest = models.CharField(max_length=64, unique=True)  # of the run token; see authentication.py
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    compute_seconds = models.FloatField(default=0)
    energy_wh = models.FloatField(default=0)
    outcome = models.CharField(max_length=20, blank=True)  # succeeded | failed | cancelled | lost
    failure_code = models.CharField(max_length=60, blank=True)
    charged_micros = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "fence"], name="one_attempt_per_fence")]

    def __str__(self) -> str:
        return f"{self.run_id} #{self.fence}"


class Candidate(models.Model):
    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="candidates")
    family = models.CharField(max_length=40)
    position = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, default="waiting")
    metrics = models.JSONField(default=dict, blank=True)
    fit_seconds = models.FloatField(null=True, blank=True)
    latency_ms = models.FloatField(null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    is_best = models.BooleanField(default=False)
    note = models.CharField(max_length=300, blank=True)
    p95_ms = models.FloatField(null=True, blank=True)
    joules_per_1000 = models.FloatField(null=True, blank=True)
    energy_source = models.CharField(max_length=20, blank=True)
    variant_of = models.CharField(max_length=40, blank=True)
    loss = models.JSONField(default=dict, blank=True)  # of a variant, against the full model on the same rows

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "family"], name="family_once_per_run")]

    def __str__(self) -> str:
        return self.family


class RunLogLine(models.Model):
    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="log_lines")
    at = models.DateTimeField(auto_now_add=True)
    text = models.CharField(max_length=1000)

    def __str__(self) -> str:
        return self.text


class RunFile(models.Model):
    """A file that a claim put under runs/<id>/<fence>/; readable by name only with the fence that is now valid."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="files")
    fence = models.PositiveIntegerField()
    name = models.CharField(max_length=80)
    storage_key = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size_bytes = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "fence", "name"], name="file_once_per_fence")]

    def __str__(self) -> str:
        return self.storage_key
