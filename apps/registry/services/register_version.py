"""Make a model version of what a run has put under its valid fence; the evidence is checked first."""

import json
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Max

from apps.accounts.services.record_audit import record_audit
from apps.registry import rules
from apps.registry.models import Model, ModelVersion
from apps.registry.rules import EvidenceRefused
from apps.training.models import Run, RunFile
from contracts.jobs import RunReport, StoredFile
from contracts.manifests import ModelManifest, ParityCertificate
from contracts.wire import WireError, from_wire

_PAPER_BYTES_MAX = 32 * 1024**2


@dataclass(frozen=True)
class Package:
    """The files of a version, found and checked."""

    files: dict[str, dict[str, Any]]  # as ModelVersion.files
    manifest: dict[str, Any]
    parity: dict[str, Any]
    family: str


def package_of(run: Run, report: RunReport) -> Package:
    """Read and check what the run has put under its fence. Raises EvidenceRefused."""
    names = (*rules.PACKAGE_FILES, *rules.MORE_FILES)
    rows = {row.name: row for row in RunFile.objects.filter(run=run, fence=run.fence, name__in=names)}
    stored = {name: StoredFile(name, row.sha256, row.size_bytes) for name, row in rows.items()}
    rules.check_files(report.files, stored)
    manifest, parity = _paper(rows["manifest.json"]), _paper(rows["parity.json"])
    _paper(rows["evaluation.json"])
    try:
        parsed = from_wire(ModelManifest, manifest), from_wire(ParityCertificate, parity)
    except (WireError, TypeError) as error:
        raise EvidenceRefused("ours:export-failed", f"The papers do not fit their schema: {error}") from error
    described = {name: _manifest(row) for name, row in rows.items() if name.startswith("manifest.")}
    rules.check_variants(parsed[0].variants, {name: row.sha256 for name, row in rows.items()}, described)
    rules.check_evidence(*parsed, model_sha256=rows["model.onnx"].sha256, task=run.task, target=run.target)
    files = {
        name: {"storage_key": row.storage_key, "sha256": row.sha256, "size_bytes": row.size_bytes}
        for name, row in rows.items()
    }
    return Package(files, manifest, parity, parsed[0].family)


@transaction.atomic
def register_version(run: Run, package: Package) -> ModelVersion:
    """Add the next version to the line of the run's dataset, task and target."""
    dataset = run.dataset_version.dataset
    line, _ = Model.objects.get_or_create(
        organisation_id=run.organisation_id,
        dataset=dataset,
        task=run.task,
        target=run.target,
        defaults={"name": rules.default_model_name(dataset.name, run.target)},
    )
    line = Model.objects.select_for_update().get(id=line.id)  # numbers follow one another without a gap
    last = line.versions.aggregate(last=Max("number"))["last"] or 0
    version = ModelVersion.objects.create(
        organisation_id=run.organisation_id,
        model=line,
        number=last + 1,
        run=run,
        dataset_version=run.dataset_version,
        family=package.family[:40],
        model_sha256=package.files["model.onnx"]["sha256"],
        model_bytes=package.files["model.onnx"]["size_bytes"],
        files=package.files,
        manifest=package.manifest,
        parity=package.parity,
        metrics=run.metrics,
        baseline=run.baseline,
    )
    line.save(update_fields=["updated_at"])
    record_audit(
        run.organisation,
        actor="system",
        action="model_version.register",
        subject=version.id,
        details={"model": line.id, "number": version.number, "run": run.id},
    )
    return version


def _manifest(row: RunFile) -> ModelManifest:
    try:
        return from_wire(ModelManifest, _paper(row))
    except (WireError, TypeError) as error:
        raise EvidenceRefused("ours:export-failed", f"{row.name} does not fit its schema: {error}") from error


def _paper(row: RunFile) -> dict[str, Any]:
    """One JSON file of the package, without the numbers that PostgreSQL cannot hold."""
    if row.size_bytes > _PAPER_BYTES_MAX:
        raise EvidenceRefused("ours:export-failed", f"{row.name} is larger than {_PAPER_BYTES_MAX} bytes.")
    with default_storage.open(row.storage_key) as file:
        text = file.read()
    try:
        paper = json.loads(text, parse_constant=lambda _: None)
    except ValueError as error:
        raise EvidenceRefused("ours:export-failed", f"{row.name} is not JSON: {error}") from error
    if not isinstance(paper, dict) or "\\u0000" in str(text[:_PAPER_BYTES_MAX]):
        raise EvidenceRefused("ours:export-failed", f"{row.name} is not an object that can be kept.")
    return paper
