"""Reads of endpoints, their deployments and packages that join or aggregate."""

from typing import Any

from django.db.models import Prefetch, QuerySet

from apps.accounts.models import Organisation
from apps.endpoints.models import Batch, Deployment, Endpoint
from apps.registry.models import ModelVersion
from apps.registry.rules import PRECISIONS
from contracts.problems import Problem

_PLACES = {"model.onnx": 0, "manifest.json": 2}  # of a package's files among those of a precision


def living_endpoints(organisation: Organisation) -> QuerySet[Endpoint]:
    """Endpoints that are not deleted, each with its present deployments in `present`."""
    present = Prefetch("deployments", present_deployments(), to_attr="present")
    return Endpoint.objects.of(organisation).filter(deleted_at=None).prefetch_related(present)


def present_deployments() -> QuerySet[Deployment]:
    return (
        Deployment.objects.filter(retired_at=None).select_related("model_version__model").order_by("shadow", "-weight")
    )


def main_deployment(endpoint: Endpoint) -> Deployment | None:
    """The present deployment that takes most of the traffic."""
    return endpoint.deployments.filter(retired_at=None, shadow=False).order_by("-weight", "id").first()


def endpoint_or_problem(organisation: Organisation, id_or_name: str) -> Endpoint:
    """Find by id, else by name. Raises yours:not-found."""
    field = "id" if id_or_name.startswith("ep_") else "name"
    endpoint = living_endpoints(organisation).filter(**{field: id_or_name}).first()
    if endpoint is None:
        raise Problem("yours:not-found", f"There is no endpoint {id_or_name} in this organisation.")
    return endpoint


def deployable_or_problem(organisation: Organisation, reference: str) -> tuple[ModelVersion, str]:
    """Version and precision of `ver_…` or `ver_…@int8`. Raises yours:not-found, yours:invalid without such a file."""
    version_id, _, wished = reference.partition("@")
    version = version_or_problem(organisation, version_id)
    precision = wished or version.deploys
    if precision not in version.precisions:
        detail = f"Version {version.number} has no {precision} file; it has {', '.join(version.precisions)}."
        error = {"location": "precision", "message": detail, "fix": "Choose one that it has."}
        raise Problem("yours:invalid", detail, errors=[error])
    return version, precision


def version_or_problem(organisation: Organisation, version_id: str) -> ModelVersion:
    """Raises yours:not-found."""
    version = ModelVersion.objects.of(organisation).select_related("model").filter(id=version_id).first()
    if version is None:
        raise Problem("yours:not-found", f"There is no model version {version_id} in this organisation.")
    return version


def batch_or_problem(organisation: Organisation, batch_id: str) -> Batch:
    """Raises yours:not-found."""
    batch = Batch.objects.of(organisation).select_related("model_version", "endpoint").filter(id=batch_id).first()
    if batch is None:
        raise Problem("yours:not-found", f"There is no batch {batch_id} in this organisation.")
    return batch


def package_file(model_sha256: str, name: str) -> dict[str, Any] | None:
    """Return {"storage_key", "sha256", "size_bytes"} of a file of a deployed package, or None."""
    version = ModelVersion.objects.filter(model_sha256=model_sha256).order_by("id").first()
    if version is not None:
        return version.files.get(name)
    if name not in _PLACES:
        return None
    rounded = Deployment.objects.filter(retired_at=None).exclude(precision="fp32").select_related("model_version")
    for row in rounded:
        if row.model_version.sha256_in(row.precision) == model_sha256:
            return row.model_version.files.get(PRECISIONS[row.precision][_PLACES[name]])
    return None
