"""Reads of models and versions: papers as dataclasses, the evaluation, the gate's judgement."""

import json
from typing import Any

from django.core.files.storage import default_storage
from django.db.models import Prefetch, QuerySet

from apps.accounts.models import Organisation
from apps.registry import rules
from apps.registry.models import Model, ModelVersion
from contracts.manifests import EvaluationReport, ModelManifest, ParityCertificate
from contracts.problems import Problem
from contracts.wire import from_wire


def models_of(organisation: Organisation) -> QuerySet[Model]:
    """Model lines with their versions at hand, newest version first."""
    newest_first = ModelVersion.objects.order_by("-number")
    return Model.objects.of(organisation).prefetch_related(Prefetch("versions", queryset=newest_first))


def versions_of(organisation: Organisation) -> QuerySet[ModelVersion]:
    """Model versions with what is shown of them."""
    return ModelVersion.objects.of(organisation).select_related("model", "run")


def manifest_of(version: ModelVersion) -> ModelManifest:
    """The manifest as a dataclass."""
    return from_wire(ModelManifest, version.manifest)


def parity_of(version: ModelVersion) -> ParityCertificate:
    """The parity certificate as a dataclass."""
    return from_wire(ParityCertificate, version.parity)


def evaluation_of(version: ModelVersion) -> EvaluationReport:
    """The evaluation report, read from storage. Problem yours:not-found when the version has none."""
    stored = version.files.get("evaluation.json")
    if not stored:
        raise Problem("yours:not-found", "This version has no evaluation.")
    with default_storage.open(stored["storage_key"]) as file:
        return from_wire(EvaluationReport, json.loads(file.read()))


def version_before(version: ModelVersion) -> ModelVersion | None:
    """The version of the same line that came before this one."""
    return version.model.versions.filter(number__lt=version.number).order_by("-number").first()


def promotion_of(
    version: ModelVersion, *, instead_of: ModelVersion | None = None, slo_ms: float | None = None
) -> list[rules.Check]:
    """Judge a version by its evidence; `instead_of` is what callers use today, else the version before."""
    previous = instead_of or version_before(version)
    return rules.promotion_checks(
        manifest_of(version),
        parity_of(version),
        evaluation_of(version),
        previous=manifest_of(previous) if previous else None,
        slo_ms=slo_ms,
    )


def file_of(version: ModelVersion, name: str) -> tuple[str, dict[str, Any]]:
    """File name and its record; `evaluation`, `manifest` and `parity` are short for the JSON papers."""
    for candidate in (name, f"{name}.json"):
        if candidate in version.files:
            return candidate, version.files[candidate]
    raise Problem("yours:not-found", f"This version has no file {name!r}; it has {', '.join(sorted(version.files))}.")
