"""Models and their immutable versions; one version is one ONNX package with its evidence."""

from functools import partial

from django.db import models

from apps.accounts.models import Organisation
from apps.accounts.tenancy import TenantQuerySet
from apps.datasets.models import Dataset, DatasetVersion
from apps.registry.rules import PRECISIONS
from apps.training.models import Run
from contracts.ids import new_id


class Model(models.Model):
    """A line of versions that answer the same question: one per dataset, task and target."""

    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "mdl"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="models")
    name = models.CharField(max_length=120)
    task = models.CharField(max_length=30)
    target = models.CharField(max_length=200, blank=True)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="models")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = TenantQuerySet["Model"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organisation", "dataset", "task", "target"], name="one_line")]

    def __str__(self) -> str:
        return self.name


class ModelVersion(models.Model):
    id = models.CharField(primary_key=True, max_length=40, default=partial(new_id, "ver"), editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.CASCADE, related_name="model_versions")
    model = models.ForeignKey(Model, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="model_version")
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="+")
    family = models.CharField(max_length=40)
    model_sha256 = models.CharField(max_length=64)
    model_bytes = models.BigIntegerField()
    files = models.JSONField(
        default=dict
    )  # name -> {"storage_key","sha256","size_bytes"}: model.onnx, manifest.json, …
    manifest = models.JSONField(default=dict)
    parity = models.JSONField(default=dict)
    metrics = models.JSONField(default=dict)
    baseline = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet["ModelVersion"].as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "number"], name="model_version_number_once")]
        indexes = [models.Index(fields=["model_sha256"], name="package_by_hash")]

    @property
    def precisions(self) -> list[str]:
        """Which there are, the full model first."""
        rounded = [name for name, (model, _, manifest) in PRECISIONS.items() if {model, manifest} <= self.files.keys()]
        return ["fp32", *(name for name in rounded if name != "fp32")]

    @property
    def deploys(self) -> str:
        """The precision that is deployed where nobody names one."""
        wished = str(self.manifest.get("deploys") or "fp32")
        return wished if wished in self.precisions else "fp32"

    def sha256_in(self, precision: str) -> str:
        """Of the model file in this precision; KeyError where there is none."""
        return str(self.files[PRECISIONS[precision][0]]["sha256"]) if precision != "fp32" else self.model_sha256

    def __str__(self) -> str:
        return f"{self.model} v{self.number}"
