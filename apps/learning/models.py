"""What an installation learns from its own traffic: kept requests, replays, drift, retraining."""

from functools import partial

from django.db import models
from django.db.models import Q

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from apps.datasets.models import DatasetVersion
from apps.endpoints.models import Batch, Endpoint
from apps.learning.drift_rules import LIMIT_DEFAULT
from apps.registry.models import ModelVersion
from apps.training.models import Run
from contracts.ids import new_id


class LoggedRequest(models.Model):
    """One request that an endpoint answered or refused, as its owner asked to keep."""

    id = models.CharField(primary_key=True, max_length=40, editable=False)  # made by the server that answered
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="+")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, null=True, related_name="+")
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    code = models.CharField(max_length=60, blank=True)  # of contracts.failures, when it was refused
    request_id = models.CharField(max_length=100, blank=True)
    usage_id = models.CharField(max_length=60, blank=True)
    key = models.CharField(max_length=40, blank=True)
    latency_ms = models.FloatField(default=0)
    units = models.PositiveIntegerField(default=0)
    protocol = models.CharField(max_length=10, default="predict")
    content_type = models.CharField(max_length=100, blank=True)
    body = models.BinaryField(default=bytes)
    answer = models.JSONField(null=True)
    is_cut = models.BooleanField(default=False)
    size_bytes = models.PositiveIntegerField(default=0)  # of question and answer; what the log's bound counts
    labels = models.JSONField(default=dict)  # number of the row, as text -> the right answer
    labelled_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    labelled_at = models.DateTimeField(null=True)
    taken_into = models.ForeignKey(DatasetVersion, on_delete=models.SET_NULL, null=True, related_name="+")

    objects = TenantQuerySet["LoggedRequest"].as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="requests_of_endpoint"),
            models.Index(fields=["at"], name="requests_by_age"),
        ]

    def __str__(self) -> str:
        return self.id


class Replay(models.Model):
    """Kept requests asked again of another version, as a batch; what it says is compared with what was said."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "rpl"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="+")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    batch = models.OneToOneField(Batch, on_delete=models.CASCADE, related_name="+")
    rows = models.JSONField(default=list)  # [[request, row]] in the batch's order
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["Replay"].as_manager()

    def __str__(self) -> str:
        return self.id


class Drift(models.Model):
    """How far the traffic of an endpoint is from what its version learned from; the last measurement."""

    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, primary_key=True, related_name="drift")
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    limit = models.FloatField(default=LIMIT_DEFAULT)  # population stability index above chance
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, null=True, related_name="+")
    measured_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)  # the oldest request that was looked at
    rows = models.PositiveIntegerField(default=0)
    columns = models.JSONField(default=list)  # drift.Finding as dictionaries, worst first
    worst = models.FloatField(null=True)  # None: too little to say
    drifting_since = models.DateTimeField(null=True)

    objects = TenantQuerySet["Drift"].as_manager()

    class Meta:
        verbose_name_plural = "drift"

    def __str__(self) -> str:
        return self.endpoint_id


class RetrainingPolicy(models.Model):
    """When the model behind an endpoint is trained again by itself, and what happens with the result."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "rtp"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    endpoint = models.OneToOneField(Endpoint, on_delete=models.CASCADE, related_name="retraining_policy")
    every_days = models.PositiveIntegerField(null=True)
    new_rows = models.PositiveIntegerField(null=True)  # labelled or uploaded since the last time
    on_drift = models.BooleanField(default=False)
    budget_seconds = models.PositiveIntegerField(null=True)  # None: as the serving version's run
    max_cost_micros = models.BigIntegerField(null=True)
    warm = models.BooleanField(default=True)  # only the families that the serving version is made of compete
    ask_first = models.BooleanField(default=True)
    next_due_at = models.DateTimeField(null=True)
    rows_seen = models.BigIntegerField(default=0)  # of the dataset, when it was last looked at
    edition = models.PositiveIntegerField(default=1)
    changed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["RetrainingPolicy"].as_manager()

    class Meta:
        verbose_name_plural = "retraining policies"
        indexes = [models.Index(fields=["next_due_at"], name="retraining_due")]

    def __str__(self) -> str:
        return self.endpoint_id


class Retraining(models.Model):
    """One time that a policy came due: from the data over the run and the comparison to the verdict."""

    OPEN = ("preparing", "training", "comparing")
    STATES = [(s, s) for s in (*OPEN, "waiting", "promoted", "kept", "dismissed", "failed")]

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "rtn"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(RetrainingPolicy, on_delete=models.CASCADE, related_name="retrainings")
    due_key = models.CharField(max_length=120)  # what made it due; the same thing makes nothing due twice
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=STATES, default="preparing")
    detail = models.CharField(max_length=500, blank=True)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    serving_version = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    run = models.OneToOneField(Run, on_delete=models.SET_NULL, null=True, related_name="+")
    new_version = models.ForeignKey(ModelVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    batch = models.OneToOneField(Batch, on_delete=models.SET_NULL, null=True, related_name="+")
    comparison = models.JSONField(default=dict)
    decided_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["Retraining"].as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["policy", "due_key"], name="due_once"),
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(state__in=["preparing", "training", "comparing"]),
                name="one_retraining_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy_id} {self.state}"
