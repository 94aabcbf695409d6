"""Datasets and their immutable versions."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation, User
from apps.accounts.tenancy import TenantQuerySet
from contracts.ids import new_id
from contracts.jobs import TASKS


class Dataset(models.Model):
    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "ds"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="datasets")
    name = models.CharField(max_length=120)
    task = models.CharField(
        max_length=30, choices=[(t, t.replace("_", " ")) for t in TASKS], blank=True
    )  # empty: inferred
    description = models.TextField(blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet["Dataset"].as_manager()

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """received -> checking -> ready | refused. Nothing reads the file before `ready`; nothing changes it after."""

    STATES = [(s, s) for s in ("received", "checking", "ready", "refused")]

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "dsv"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="dataset_versions")
    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()  # 1, 2, 3 … within the dataset
    state = models.CharField(max_length=10, choices=STATES, default="received")
    file_name = models.CharField(max_length=255)  # as the user called it; shown, never used as a path
    upload_key = models.CharField(max_length=200)  # storage name of the raw upload: uploads/<uuid>
    upload_bytes = models.BigIntegerField(default=0)
    upload_sha256 = models.CharField(max_length=64)
    options = models.JSONField(default=dict, blank=True)
    # set by the checks
    format = models.CharField(max_length=10, blank=True)  # canonical: parquet | zip
    canonical_key = models.CharField(max_length=200, blank=True)  # storage name of the canonical file
    canonical_sha256 = models.CharField(max_length=64, blank=True)
    canonical_bytes = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)  # or images
    columns = models.JSONField(
        default=list
    )  # tables: [{name,type,missing,missing_share,unique,minimum,maximum,mean,categories,histogram,evidence}]
    classes = models.JSONField(default=list)  # images: [{label,count}]
    inferred_task = models.CharField(max_length=30, blank=True)
    inferred_target = models.CharField(max_length=200, blank=True)
    profile = models.JSONField(default=dict)  # duplicates, leakage suspects, image sizes, …
    preview = models.JSONField(
        default=dict
    )  # tables: {"columns","rows"}; images: {"thumbnails":[{label,file,data_uri}]}
    splits = models.JSONField(default=dict)  # {"kind","seed","test_share","valid_share"}
    issues = models.JSONField(default=list)  # [{code,severity: error|warning|info,location,message,fix}]
    extends = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")  # rows added after its
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    check_lease_until = models.DateTimeField(null=True, blank=True)  # a check not finished by then is started again
    check_attempts = models.PositiveIntegerField(default=0)

    is_repeat = False  # no column: receive_upload sets it when the same bytes were already there

    objects = TenantQuerySet["DatasetVersion"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["dataset", "number"], name="version_number_once")]
        indexes = [models.Index(fields=["dataset", "canonical_sha256"], name="same_content")]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"
