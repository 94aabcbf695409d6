"""A trainer for tests: speaks the internal API over HTTP as a real one does, and brings a small true package."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Organisation
from apps.compute.models import Node, Pool
from apps.compute.services.register_node import register_node
from apps.datasets.models import DatasetVersion
from apps.training.models import Attempt, Run
from apps.training.services.start_run import start_run
from contracts.jobs import RunReport, StoredFile, TrainJob
from contracts.wire import from_wire, to_wire
from tests.things import MANIFEST, a_dataset_version

COLUMNS = [
    {"name": "mass", "type": "number", "unique": 90, "missing": 0},
    {"name": "species", "type": "category", "unique": 3, "missing": 0, "categories": ["a", "b", "c"]},
]


def ready_version(organisation: Organisation, **values: Any) -> DatasetVersion:
    return a_dataset_version(organisation, **{"columns": COLUMNS, "rows": 200} | values)


def queued_run(organisation: Organisation, **values: Any) -> Run:
    version = values.pop("dataset_version", None) or ready_version(organisation)
    return start_run(organisation, dataset_version=version, **{"budget_seconds": 60} | values)


def node_of(pool: str = "cpu", name: str = "trainer") -> tuple[Node, str]:
    return register_node(name, kind="train", pool=Pool.objects.get(name=pool), lifetime_s=3600)


@dataclass
class Trainer:
    """One node with its token; after `claim` it holds a job."""

    token: str
    client: Client = field(default_factory=Client)
    job: TrainJob | None = None

    @classmethod
    def joined(cls, pool: str = "cpu", name: str = "trainer") -> "Trainer":
        return cls(node_of(pool, name)[1])

    def claim(self) -> TrainJob | None:
        answer = self.post("/internal/v1/runs/claim", {}, self.token)
        assert answer.status_code in (200, 204), answer.content
        self.job = from_wire(TrainJob, answer.json()) if answer.status_code == 200 else None
        return self.job

    def post(self, path: str, body: dict[str, Any], token: str) -> HttpResponse:
        headers = {"Authorization": f"Bearer {token}"}
        return self.client.post(path, json.dumps(body), content_type="application/json", headers=headers)

    def call(self, what: str, body: dict[str, Any]) -> HttpResponse:
        assert self.job is not None
        return self.post(f"/internal/v1/runs/{self.job.run_id}/{what}", body, self.job.run_token)

    def get(self, what: str) -> HttpResponse:
        assert self.job is not None
        headers = {"Authorization": f"Bearer {self.job.run_token}"}
        return self.client.get(f"/internal/v1/runs/{self.job.run_id}/{what}", headers=headers)

    def beat(self, sequence: int, **values: Any) -> HttpResponse:
        assert self.job is not None
        defaults = {"fence": self.job.fence, "state": "running", "progress": 0.1, "sequence": sequence}
        return self.call("heartbeat", defaults | values)

    def put(self, name: str, content: bytes, *, fence: int | None = None, sha256: str = "") -> HttpResponse:
        assert self.job is not None
        return self.client.put(
            f"/internal/v1/runs/{self.job.run_id}/files/{name}?fence={self.job.fence if fence is None else fence}",
            content,
            content_type="application/octet-stream",
            headers={
                "Authorization": f"Bearer {self.job.run_token}",
                "X-Content-Sha256": sha256 or hashlib.sha256(content).hexdigest(),
            },
        )

    def put_package(self, *, parity: dict[str, Any] | None = None, **manifest: Any) -> list[StoredFile]:
        """Put the four files of a version."""
        files = package(parity=parity, **manifest)
        stored = []
        for name, content in files.items():
            answer = self.put(name, content)
            assert answer.status_code == 200, answer.content
            stored.append(from_wire(StoredFile, answer.json()))
        return stored

    def finish(self, outcome: str = "succeeded", **values: Any) -> HttpResponse:
        assert self.job is not None
        report = RunReport(fence=self.job.fence, outcome=outcome, compute_seconds=values.pop("compute_seconds", 12.3))
        return self.call("finish", to_wire(report) | {name: plain(value) for name, value in values.items()})

    def worked_for(self, seconds: float) -> None:
        """Let the attempt have begun earlier, so that its compute seconds can have passed."""
        assert self.job is not None
        began = timezone.now() - timedelta(seconds=seconds)
        Attempt.objects.filter(run_id=self.job.run_id, fence=self.job.fence).update(started_at=began)


def plain(value: Any) -> Any:
    return (
        [asdict(file) for file in value]
        if isinstance(value, list) and value and isinstance(value[0], StoredFile)
        else value
    )


def package(*, parity: dict[str, Any] | None = None, **manifest: Any) -> dict[str, bytes]:
    """Contents of a version's files; the manifest belongs to the model."""
    model = b"the bytes of a model"
    sha256 = hashlib.sha256(model).hexdigest()
    papers = {
        "manifest.json": {
            **MANIFEST, "model_sha256": sha256, "model_bytes": len(model), "opset": 17, "family": "linear", **manifest
        },
        "parity.json": {
            "rows": 40, "batch_sizes": [1, 8], "max_abs_difference": 1e-7, "tolerance": 1e-4, "label_flips": 0,
            "passed": True, "reference": "numpy", "runtime": "onnxruntime", "model_sha256": sha256, **(parity or {}),
        },
        "evaluation.json": {
            "metrics": {"accuracy": 0.9}, "baseline": {"accuracy": 0.4}, "primary_metric": "accuracy",
            "higher_is_better": True, "rows": 40,
        },
    }  # fmt: skip
    return {"model.onnx": model} | {name: json.dumps(paper).encode() for name, paper in papers.items()}


def lose(run: Run) -> None:
    """Let the lease of a run have ended."""
    Run.objects.filter(id=run.id).update(lease_until=timezone.now() - timedelta(seconds=1))
