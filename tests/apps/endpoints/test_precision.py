"""A version in a rounded precision: deployed by its own hash, rolled back, never mistaken for the full model."""

import json
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.endpoints.models import Endpoint
from apps.endpoints.queries import package_file
from apps.endpoints.services.publish_config import build_config, current_revision
from apps.endpoints.services.rollback_endpoint import rollback_endpoint
from apps.registry.models import ModelVersion
from tests.apps.endpoints.test_endpoints import client_of, make, people  # noqa: F401  # a fixture
from tests.things import a_model_version

pytestmark = pytest.mark.django_db
SMALL = "5" * 64


def with_int8(version: ModelVersion) -> ModelVersion:
    for name, content in (("model.int8.onnx", b"small"), ("manifest.int8.json", b"{}"), ("vectors.int8.json", b"{}")):
        key = default_storage.save(f"test/{version.id}/{name}", ContentFile(content))
        sha256 = SMALL if name == "model.int8.onnx" else "6" * 64
        version.files[name] = {"storage_key": key, "sha256": sha256, "size_bytes": len(content)}
    version.save()
    return version


@pytest.fixture
def version(people: Any, storage: Any) -> ModelVersion:  # noqa: F811
    return with_int8(a_model_version(people.organisation))


def published(endpoint_id: str) -> list[tuple[str, int]]:
    (found,) = [one for one in build_config(current_revision()).endpoints if one.id == endpoint_id]
    return sorted((one.model_sha256, one.weight) for one in found.deployments)


def test_the_rounded_file_is_what_the_servers_are_told_to_fetch(people: Any, version: ModelVersion) -> None:  # noqa: F811
    client = client_of(people.organisation, people.bob)
    made = make(client, version, precision="int8").json()
    assert made["deployments"][0]["precision"] == "int8"
    assert published(made["id"]) == [(SMALL, 100)]
    stored = package_file(SMALL, "manifest.json")
    assert stored is not None
    assert stored["size_bytes"] == 2
    assert package_file(SMALL, "evaluation.json") is None


def test_both_precisions_share_the_traffic_and_a_rollback_brings_back_the_earlier_one(
    people: Any,  # noqa: F811
    version: ModelVersion,
) -> None:
    client = client_of(people.organisation, people.bob)
    made = make(client, version).json()
    assert made["deployments"][0]["precision"] == "fp32"
    half = [{"model_version": version.id, "weight": 50, "precision": one} for one in ("fp32", "int8")]
    changed = client.patch(f"/api/v1/endpoints/{made['id']}", {"deployments": half}, format="json")
    assert changed.status_code == 200, changed.json()
    assert published(made["id"]) == sorted([(SMALL, 50), (version.model_sha256, 50)])
    back = [
        {name: row[name] for name in ("model_version", "weight", "shadow", "precision")}
        for row in json.loads(changed.content)["deployments"]
    ]
    assert client.patch(f"/api/v1/endpoints/{made['id']}", {"deployments": back}, format="json").status_code == 200
    rollback_endpoint(Endpoint.objects.get(id=made["id"]))
    assert published(made["id"]) == [(version.model_sha256, 100)]


def test_a_precision_that_the_version_has_not_is_refused(people: Any, version: ModelVersion) -> None:  # noqa: F811
    client = client_of(people.organisation, people.bob)
    refused = make(client, version, precision="fp16")
    assert (refused.status_code, refused.json()["code"]) == (422, "yours:invalid")
    assert "fp32, int8" in refused.json()["detail"]
    assert make(client, version, precision="int4").status_code == 422


def test_a_version_made_for_int8_is_deployed_so_where_nobody_says(people: Any, version: ModelVersion) -> None:  # noqa: F811
    version.manifest = {**version.manifest, "deploys": "int8"}
    version.save()
    client = client_of(people.organisation, people.bob)
    made = make(client, version).json()
    assert published(made["id"]) == [(SMALL, 100)]
