"""Rows that tests stand on: a dataset version that is ready, a finished run, a model version with a real manifest."""

import hashlib
import json
from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.compute.models import Pool
from apps.datasets.models import Dataset, DatasetVersion
from apps.registry.models import Model, ModelVersion
from apps.training.models import Run

_serial = count(1)

PARITY = {
    "rows": 50,
    "batch_sizes": [1, 7],
    "max_abs_difference": 0.0,
    "tolerance": 1e-4,
    "label_flips": 0,
    "passed": True,
    "reference": "torch",
    "runtime": "onnxruntime",
}
EVALUATION = {
    "metrics": {"accuracy": 0.9},
    "baseline": {"accuracy": 0.5},
    "primary_metric": "accuracy",
    "higher_is_better": True,
    "rows": 50,
}
MANIFEST: dict[str, Any] = {
    "task": "tabular_classification",
    "target": "species",
    "model_sha256": "",
    "model_bytes": 1,
    "opset": 17,
    "columns": [{"name": "mass", "type": "number", "tensor": "mass"}],
    "inputs": [{"name": "mass", "datatype": "FP32", "shape": [-1, 1]}],
    "outputs": [{"name": "label", "datatype": "BYTES", "shape": [-1]}],
    "meaning": {"kind": "classification", "label_tensor": "label", "classes": ["a", "b"]},
}


def a_dataset_version(organisation: Organisation, **values: Any) -> DatasetVersion:
    dataset = Dataset.objects.create(organisation=organisation, name=f"penguins {next(_serial)}")
    defaults = {
        "organisation": organisation,
        "dataset": dataset,
        "number": 1,
        "state": "ready",
        "file_name": "penguins.csv",
        "upload_key": "uploads/none",
        "upload_sha256": "0" * 64,
        "format": "parquet",
        "canonical_key": f"datasets/{dataset.id}/canonical.parquet",
        "canonical_sha256": "1" * 64,
        "rows": 100,
        "columns": [{"name": "mass", "type": "number"}, {"name": "species", "type": "category", "unique": 2}],
        "inferred_task": "tabular_classification",
        "inferred_target": "species",
    }
    return DatasetVersion.objects.create(**defaults | values)


def a_finished_run(organisation: Organisation, **values: Any) -> Run:
    defaults = {
        "organisation": organisation,
        "name": "run",
        "dataset_version": values.get("dataset_version") or a_dataset_version(organisation),
        "task": "tabular_classification",
        "target": "species",
        "budget_seconds": 60,
        "max_cost_micros": 30_000,
        "price": "prc_none",
        "unit_price_micros": 500,
        "pool": Pool.objects.get(name="cpu"),
        "state": "succeeded",
        "fence": 1,
        "not_before": timezone.now(),
        "finished_at": timezone.now(),
    }
    return Run.objects.create(**defaults | values)


def a_model_version(
    organisation: Organisation, model: Model | None = None, evaluation: dict[str, Any] | None = None, **values: Any
) -> ModelVersion:
    """A version that passes the gate, with its files in storage; `manifest`, `evaluation` and the rest can be given."""
    run = a_finished_run(organisation)
    model = model or Model.objects.create(
        organisation=organisation,
        name="penguins",
        task=run.task,
        target=run.target,
        dataset=run.dataset_version.dataset,
    )
    number = model.versions.count() + 1
    content = f"model of {run.id}".encode()
    model_file = _stored(run, "model.onnx", content)
    defaults = {
        "organisation": organisation,
        "model": model,
        "number": number,
        "run": run,
        "dataset_version": run.dataset_version,
        "family": "linear",
        "model_sha256": model_file["sha256"],
        "model_bytes": len(content),
        "files": {
            "model.onnx": model_file,
            "evaluation.json": _stored(run, "evaluation.json", json.dumps(evaluation or EVALUATION).encode()),
        },
        "manifest": MANIFEST,
        "parity": PARITY,
        "metrics": {"accuracy": 0.9},
        "baseline": {"accuracy": 0.5},
    }
    return ModelVersion.objects.create(**defaults | values)


def _stored(run: Run, name: str, content: bytes) -> dict[str, Any]:
    key = default_storage.save(f"runs/{run.id}/1/{name}", ContentFile(content))
    return {"storage_key": key, "sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
