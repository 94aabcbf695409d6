"""REST of the registry: models, versions, their evidence and their files."""

from pathlib import PurePosixPath
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Organisation
from apps.registry import edge_bundle, rules
from apps.registry.models import Model, ModelVersion
from apps.registry.queries import file_of, models_of, promotion_of, versions_of
from apps.registry.schemas import MODEL, MODEL_PAGE, VERSION, VERSION_PAGE
from apps.registry.services.build_edge_bundle import build_edge_bundle
from apps.rest.file_responses import stored_file
from apps.rest.paging import page
from apps.training.representation import shown_time
from contracts.problems import Problem


class Models(APIView):
    @extend_schema(operation_id="list_models", responses={200: MODEL_PAGE})
    def get(self, request: Request) -> Response:
        return page(request, models_of(_organisation(request)), shown_model)


class OneModel(APIView):
    @extend_schema(operation_id="get_model", responses={200: MODEL})
    def get(self, request: Request, model_id: str) -> Response:
        model = models_of(_organisation(request)).filter(id=model_id).first()
        if model is None:
            raise Problem("yours:not-found", f"There is no model {model_id} here.")
        return Response(shown_model(model))


class Versions(APIView):
    @extend_schema(
        operation_id="list_model_versions", parameters=[OpenApiParameter("model", str)], responses={200: VERSION_PAGE}
    )
    def get(self, request: Request) -> Response:
        versions = versions_of(_organisation(request))
        if model := request.query_params.get("model"):
            versions = versions.filter(model_id=model)
        return page(request, versions, shown_version)


class OneVersion(APIView):
    @extend_schema(operation_id="get_model_version", responses={200: VERSION})
    def get(self, request: Request, version_id: str) -> Response:
        version = _version(request, version_id)
        has_papers = bool(version.parity) and "evaluation.json" in version.files
        promotion = [rules.shown_check(check) for check in promotion_of(version)] if has_papers else []
        return Response({**shown_version(version), "promotion": promotion})


class AnyAccept(BaseContentNegotiation):
    """A download has one form; whatever a client accepts, it gets that."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class VersionFile(APIView):
    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="download_model_version_file",
        description="A file of the version, or `edge.zip`: the model with test vectors and offline checks.",
        parameters=[
            OpenApiParameter("precision", str, description="of edge.zip: fp32 or, where kept, int8, fp16"),
            OpenApiParameter("runtime", str, description="of edge.zip: wasm puts ONNX Runtime for browsers inside"),
        ],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, version_id: str, name: str) -> HttpResponseBase:
        return _download(request, version_id, name)


class VersionPaper(APIView):
    """Short addresses: …/manifest.json, …/evaluation, …/model.onnx."""

    content_negotiation_class = AnyAccept
    paper = ""

    @extend_schema(exclude=True)
    def get(self, request: Request, version_id: str) -> HttpResponseBase:
        return _download(request, version_id, self.paper)


def _download(request: Request, version_id: str, name: str) -> HttpResponseBase:
    version = _version(request, version_id)
    if name == edge_bundle.NAME:
        wished = request.query_params
        has_runtime = wished.get("runtime", "") == "wasm"
        found, stored = name, build_edge_bundle(version, wished.get("precision", "fp32"), with_runtime=has_runtime)
    else:
        found, stored = file_of(version, name)
    suffix = PurePosixPath(found).suffix
    return stored_file(
        request,
        stored["storage_key"],
        sha256=stored["sha256"],
        size_bytes=stored["size_bytes"],
        content_type=rules.CONTENT_TYPES.get(suffix, "application/octet-stream"),
        download_as=rules.download_name(version.model.name, version.number, found),
    )


def shown_model(model: Model) -> dict[str, Any]:
    """A model line with the newest of its versions."""
    versions = list(model.versions.all())
    return {
        "id": model.id,
        "object": "model",
        "name": model.name,
        "task": model.task,
        "target": model.target,
        "dataset": model.dataset_id,
        "versions": len(versions),
        "latest_version": _shown_short(versions[0]) if versions else None,
        "created_at": shown_time(model.created_at),
        "updated_at": shown_time(model.updated_at),
    }


def shown_version(version: ModelVersion) -> dict[str, Any]:
    """A version with its evidence, without the evaluation (an address of its own)."""
    base = f"/api/v1/model-versions/{version.id}/files"
    return {
        **_shown_short(version),
        "object": "model_version",
        "model": version.model_id,
        "name": f"{version.model.name} v{version.number}",
        "task": version.model.task,
        "target": version.model.target,
        "run": version.run_id,
        "dataset_version": version.dataset_version_id,
        "model_sha256": version.model_sha256,
        "model_bytes": version.model_bytes,
        "baseline": version.baseline,
        "parity": version.parity,
        "manifest": version.manifest,
        "energy_wh": version.run.energy_wh,
        "cost_micros": version.run.cost_micros,
        "files": {
            name: {"sha256": stored["sha256"], "size_bytes": stored["size_bytes"], "url": f"{base}/{name}"}
            for name, stored in version.files.items()
        },
    }


def _shown_short(version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.id,
        "number": version.number,
        "family": version.family,
        "metrics": version.metrics,
        "created_at": shown_time(version.created_at),
    }


def _organisation(request: Request) -> Organisation:
    organisation: Organisation = request._request.organisation  # type: ignore[attr-defined]
    return organisation


def _version(request: Request, version_id: str) -> ModelVersion:
    version = versions_of(_organisation(request)).filter(id=version_id).first()
    if version is None:
        raise Problem("yours:not-found", f"There is no model version {version_id} here.")
    return version
