"""REST of datasets: create, list, change, delete; upload versions and look at them."""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.datasets import schemas
from apps.datasets.models import Dataset
from apps.datasets.queries import dataset_of, datasets_of, version_of, versions_of
from apps.datasets.representation import shown_dataset, shown_version, shown_version_in_list
from apps.datasets.services.change_dataset import change_dataset
from apps.datasets.services.create_dataset import create_dataset
from apps.datasets.services.delete_dataset import delete_dataset
from apps.datasets.services.receive_upload import receive_upload
from apps.rest.authentication import OrganisationRequest
from apps.rest.etags import etag_of, require_match
from apps.rest.idempotency import idempotent
from apps.rest.paging import page
from apps.rest.parsing import StrictJSONParser, StrictSerializer, parse_object, parsed
from apps.rest.permissions import actor_of
from contracts.jobs import TASKS
from contracts.problems import Problem

_FORM_FIELDS = ("file", "options", "sha256")
_INCLUDE = OpenApiParameter("include", enum=["preview"], description="Also send the preview.")


class NewDataset(StrictSerializer):
    name = serializers.CharField(max_length=120)
    task = serializers.ChoiceField(TASKS, required=False, allow_blank=True, default="")
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")


class DatasetChange(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False)
    task = serializers.ChoiceField(TASKS, required=False, allow_blank=True)
    description = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class Datasets(APIView):
    @extend_schema(operation_id="list_datasets", responses={200: schemas.DATASET_PAGE})
    def get(self, request: OrganisationRequest) -> Response:
        return page(request, datasets_of(request.organisation), shown_dataset)

    @extend_schema(operation_id="create_dataset", request=NewDataset, responses={201: schemas.DATASET})
    @idempotent
    def post(self, request: OrganisationRequest) -> Response:
        created = create_dataset(request.organisation, **parsed(NewDataset, request), created_by=actor_of(request))
        return _answer(request, created.pk, status=201)


class OneDataset(APIView):
    @extend_schema(operation_id="get_dataset", responses={200: schemas.DATASET})
    def get(self, request: OrganisationRequest, dataset_id: str) -> Response:
        return _answer(request, dataset_id)

    @extend_schema(operation_id="change_dataset", request=DatasetChange, responses={200: schemas.DATASET})
    def patch(self, request: OrganisationRequest, dataset_id: str) -> Response:
        dataset = dataset_of(request.organisation, dataset_id)
        change_dataset(
            dataset,
            by=actor_of(request),
            **parsed(DatasetChange, request),
            when=lambda locked: require_match(request, _etag(locked)),
        )
        return _answer(request, dataset_id)

    @extend_schema(operation_id="delete_dataset", responses={204: None})
    def delete(self, request: OrganisationRequest, dataset_id: str) -> Response:
        delete_dataset(dataset_of(request.organisation, dataset_id), by=actor_of(request))
        return Response(status=204)


class Versions(APIView):
    parser_classes = [MultiPartParser, StrictJSONParser]

    @extend_schema(operation_id="list_dataset_versions", responses={200: schemas.VERSION_PAGE})
    def get(self, request: OrganisationRequest, dataset_id: str) -> Response:
        return page(request, versions_of(dataset_of(request.organisation, dataset_id)), shown_version_in_list)

    @extend_schema(
        operation_id="upload_dataset_version",
        description="The file is checked in the background: ask for the version until it is ready or refused. "
        "Bytes that are already there, read with the same options, make no new version: 200 instead of 202.",
        request={"multipart/form-data": schemas.UPLOAD},
        responses={202: schemas.VERSION, 200: schemas.VERSION},
    )
    @idempotent
    def post(self, request: OrganisationRequest, dataset_id: str) -> Response:
        dataset = dataset_of(request.organisation, dataset_id)
        file = _file(request)
        form: Any = request.data
        options = form.get("options", "")
        version = receive_upload(
            dataset,
            file=file,
            file_name=file.name or "",
            uploaded_by=actor_of(request),
            options=parse_object(options.encode()) if options else None,
            expected_sha256=form.get("sha256", ""),
        )
        place = f"/api/v1/datasets/{dataset.pk}/versions/{version.pk}"
        return Response(shown_version(version), status=200 if version.is_repeat else 202, headers={"Location": place})


class OneVersion(APIView):
    @extend_schema(operation_id="get_dataset_version", parameters=[_INCLUDE], responses={200: schemas.VERSION})
    def get(self, request: OrganisationRequest, dataset_id: str, version_id: str) -> Response:
        version = version_of(request.organisation, dataset_id, version_id)
        wanted = request.query_params.get("include", "").split(",")
        shown = shown_version(version, with_preview="preview" in wanted)
        return Response(shown, headers={"ETag": etag_of(shown)})


class VersionPreview(APIView):
    @extend_schema(operation_id="preview_dataset_version", responses={200: schemas.PREVIEW})
    def get(self, request: OrganisationRequest, dataset_id: str, version_id: str) -> Response:
        version = version_of(request.organisation, dataset_id, version_id)
        if version.state != "ready":
            raise Problem("yours:dataset-not-ready", f"The version is {version.state}.")
        return Response({"id": version.pk, "preview": version.preview})


def _answer(request: OrganisationRequest, dataset_id: str, status: int = 200) -> Response:
    dataset = dataset_of(request.organisation, dataset_id)
    headers = {"ETag": _etag(dataset), "Location": f"/api/v1/datasets/{dataset.pk}"}
    return Response(shown_dataset(dataset), status=status, headers=headers)


def _etag(dataset: Dataset) -> str:
    """Of what PATCH can change: a new version is no reason to refuse a rename."""
    return etag_of({"id": dataset.pk, "name": dataset.name, "task": dataset.task, "description": dataset.description})


def _file(request: OrganisationRequest) -> UploadedFile:
    files: list[Any] = request.FILES.getlist("file") if hasattr(request.FILES, "getlist") else []
    form: Any = request.data
    unknown = sorted(set(form) - set(_FORM_FIELDS))
    if len(files) != 1 or unknown or not all(isinstance(form.get(name, ""), str) for name in _FORM_FIELDS[1:]):
        fault = {
            "location": unknown[0] if unknown else "file",
            "message": "unknown field" if unknown else "exactly one file is needed",
        }
        raise Problem(
            "yours:invalid",
            errors=[{**fault, "fix": "Send multipart/form-data with `file` and, if you like, `options` and `sha256`."}],
        )
    return files[0]
