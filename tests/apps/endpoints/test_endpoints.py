"""Endpoints through the REST API: who may, what is refused, what rolls back, what is published."""

import base64

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from apps.accounts.services.revoke_api_key import revoke_api_key
from apps.compute.services.register_node import register_node
from apps.endpoints.models import Endpoint
from apps.endpoints.services.create_endpoint import create_endpoint
from apps.endpoints.services.publish_config import build_config, current_revision
from apps.endpoints.services.record_serving_status import record_serving_status
from contracts.keys import digest_key
from tests.people import give_credit, key_for, make_people
from tests.things import MANIFEST, a_model_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    made = make_people()
    give_credit(made.organisation)
    give_credit(made.elsewhere)
    return made


def client_of(organisation, user, scopes=("read", "write", "predict")) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for(organisation, user, scopes)[1]}")
    return client


def make(client, version, name="penguins", **more):
    return client.post("/api/v1/endpoints", {"name": name, "model_version": version.id, **more}, format="json")


def test_an_endpoint_is_made_and_found_by_id_and_by_name(people):
    client = client_of(people.organisation, people.bob)
    made = make(client, a_model_version(people.organisation))
    assert made.status_code == 201, made.json()
    assert made.json()["state"] == "starting"
    assert made.json()["url"].endswith("/v1/predict/penguins")
    assert (
        client.get(f"/api/v1/endpoints/{made.json()['id']}").json() == client.get("/api/v1/endpoints/penguins").json()
    )


def test_a_name_is_taken_once_per_organisation_and_free_again_after_deletion(people):
    version = a_model_version(people.organisation)
    client = client_of(people.organisation, people.bob)
    assert make(client, version).status_code == 201
    again = make(client, version)
    assert (again.status_code, again.json()["code"]) == (409, "yours:conflict")
    elsewhere = client_of(people.elsewhere, people.charlie)
    assert make(elsewhere, a_model_version(people.elsewhere)).status_code == 201
    assert client.delete("/api/v1/endpoints/penguins").status_code == 204
    assert make(client, version).status_code == 201


def test_a_stranger_can_neither_see_nor_change_nor_use_what_is_not_theirs(people):
    version = a_model_version(people.organisation)
    endpoint = create_endpoint(people.organisation, name="penguins", model_version=version)
    stranger = client_of(people.elsewhere, people.charlie)
    for answer in (
        stranger.get(f"/api/v1/endpoints/{endpoint.id}"),
        stranger.patch(f"/api/v1/endpoints/{endpoint.id}", {"paused": True}, format="json"),
        stranger.delete(f"/api/v1/endpoints/{endpoint.id}"),
        stranger.post(f"/api/v1/endpoints/{endpoint.id}/rollback"),
        make(stranger, version, name="theirs"),
    ):
        assert answer.status_code == 404
    endpoint.refresh_from_db()
    assert (endpoint.deleted_at, endpoint.paused_at, endpoint.edition) == (None, None, 1)
    assert not Endpoint.objects.of(people.elsewhere).exists()


def test_weights_must_sum_to_a_hundred_and_versions_must_exist(people):
    version = a_model_version(people.organisation)
    client = client_of(people.organisation, people.bob)
    make(client, version)
    bad = client.patch(
        "/api/v1/endpoints/penguins", {"deployments": [{"model_version": version.id, "weight": 60}]}, format="json"
    )
    assert (bad.status_code, bad.json()["errors"][0]["location"]) == (422, "deployments")
    unknown = client.patch("/api/v1/endpoints/penguins", {"deployments": [{"model_version": "ver_x"}]}, format="json")
    assert unknown.status_code == 404
    assert client.get("/api/v1/endpoints/penguins").json()["deployments"][0]["weight"] == 100


def test_a_version_that_breaks_callers_is_refused_unless_forced(people):
    first = a_model_version(people.organisation)
    stricter = MANIFEST | {
        "columns": [*MANIFEST["columns"], {"name": "new", "type": "number", "tensor": "new", "required": True}]
    }
    second = a_model_version(people.organisation, model=first.model, manifest=stricter)
    client = client_of(people.organisation, people.bob)
    make(client, first)
    change = {"deployments": [{"model_version": second.id}]}
    refused = client.patch("/api/v1/endpoints/penguins", change, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "yours:state")
    assert client.patch("/api/v1/endpoints/penguins", change | {"force": True}, format="json").status_code == 200


def test_a_version_no_better_than_guessing_gets_no_name_unless_forced(people):
    poor = {"metrics": {"accuracy": 0.5}, "baseline": {"accuracy": 0.5}, "primary_metric": "accuracy"}
    version = a_model_version(people.organisation, evaluation=poor | {"higher_is_better": True, "rows": 50})
    client = client_of(people.organisation, people.bob)
    refused = make(client, version)
    assert (refused.status_code, refused.json()["errors"][0]["location"]) == (409, "promotion.quality")
    assert not Endpoint.objects.exists()
    assert make(client, version, force=True).status_code == 201


def test_rollback_brings_back_what_served_before_and_can_be_rolled_back_itself(people):
    first = a_model_version(people.organisation)
    second = a_model_version(people.organisation, model=first.model)
    client = client_of(people.organisation, people.bob)
    make(client, first)
    nothing = client.post("/api/v1/endpoints/penguins/rollback")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "yours:state")
    client.patch("/api/v1/endpoints/penguins", {"deployments": [{"model_version": second.id}]}, format="json")
    back = client.post("/api/v1/endpoints/penguins/rollback").json()
    assert [d["model_version"] for d in back["deployments"]] == [first.id]
    forth = client.post("/api/v1/endpoints/penguins/rollback").json()
    assert [d["model_version"] for d in forth["deployments"]] == [second.id]


def test_a_change_on_a_stale_etag_is_refused_and_changes_nothing(people):
    client = client_of(people.organisation, people.bob)
    etag = make(client, a_model_version(people.organisation))["ETag"]
    assert (
        client.patch("/api/v1/endpoints/penguins", {"slo_ms": 50}, format="json", HTTP_IF_MATCH=etag).status_code == 200
    )
    stale = client.patch("/api/v1/endpoints/penguins", {"slo_ms": 60}, format="json", HTTP_IF_MATCH=etag)
    assert (stale.status_code, stale.json()["code"]) == (412, "yours:stale")
    assert client.get("/api/v1/endpoints/penguins").json()["slo_ms"] == 50


def test_a_read_only_key_cannot_make_an_endpoint(people):
    client = client_of(people.organisation, people.bob, scopes=("read",))
    assert make(client, a_model_version(people.organisation)).status_code == 403
    assert not Endpoint.objects.exists()


def test_every_change_a_node_must_see_bumps_the_revision(people):
    version = a_model_version(people.organisation)
    seen = [current_revision()]

    def bumped() -> bool:
        seen.append(current_revision())
        return seen[-1] > seen[-2]

    endpoint = create_endpoint(people.organisation, name="penguins", model_version=version)
    assert bumped()
    key, _ = key_for(people.organisation, people.alice)
    assert bumped()
    revoke_api_key(key, by=people.alice)
    assert bumped()
    people.organisation.suspended_reason = "unpaid"
    people.organisation.save()
    assert bumped()
    endpoint.policies = []
    endpoint.save(update_fields=["policies"])
    assert bumped()
    endpoint.state = "ready"
    endpoint.save(update_fields=["state"])
    assert not bumped()  # what nodes themselves report is no news to them


def test_the_snapshot_holds_what_a_node_needs_and_no_secret_key(people):
    version = a_model_version(people.organisation)
    endpoint = create_endpoint(people.organisation, name="penguins", model_version=version)
    _, secret = key_for(people.organisation, people.alice)
    config = build_config(current_revision())
    published = next(item for item in config.endpoints if item.id == endpoint.id)
    assert published.deployments[0].model_sha256 == version.model_sha256
    assert published.price.unit_price_micros > 0
    assert base64.b64decode(config.pepper) == settings.KEY_PEPPER.encode()
    assert digest_key(base64.b64decode(config.pepper), secret) in [key.digest for key in config.keys]
    assert secret not in repr(config)


def test_a_revoked_key_and_a_deleted_endpoint_leave_the_snapshot(people):
    endpoint = create_endpoint(people.organisation, name="gone", model_version=a_model_version(people.organisation))
    key, _ = key_for(people.organisation, people.alice)
    revoke_api_key(key, by=people.alice)
    client_of(people.organisation, people.bob).delete(f"/api/v1/endpoints/{endpoint.id}")
    config = build_config(current_revision())
    assert key.id not in [item.id for item in config.keys]
    assert endpoint.id not in [item.id for item in config.endpoints]


def test_one_ready_node_makes_an_endpoint_ready_and_a_later_failure_elsewhere_does_not_undo_it(people):
    endpoint = create_endpoint(people.organisation, name="penguins", model_version=a_model_version(people.organisation))
    one, _ = register_node("serve-1", kind="serve", lifetime_s=600)
    two, _ = register_node("serve-2", kind="serve", lifetime_s=600)
    report = {"id": endpoint.id, "error": "", "providers": ["CPUExecutionProvider"]}
    record_serving_status(one, boot="b", revision=1, endpoints=[report | {"state": "ready"}])
    record_serving_status(two, boot="b", revision=1, endpoints=[report | {"state": "failed", "error": "no memory"}])
    endpoint.refresh_from_db()
    assert endpoint.state == "ready"


def test_nodes_alone_read_the_snapshot_and_unchanged_means_204(people):
    _, token = register_node("serve-1", kind="serve", lifetime_s=600)
    node = APIClient()
    assert node.get("/internal/v1/config").status_code == 401
    node.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    first = node.get("/internal/v1/config", {"after": 0})
    assert first.status_code == 200
    assert node.get("/internal/v1/config", {"after": first.json()["revision"]}).status_code == 204
    user_key = client_of(people.organisation, people.alice)
    assert user_key.get("/internal/v1/config").status_code == 401


def test_a_package_is_read_by_its_hash(people):
    version = a_model_version(people.organisation)
    _, token = register_node("serve-1", kind="serve", lifetime_s=600)
    node = APIClient()
    node.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    answer = node.get(f"/internal/v1/packages/{version.model_sha256}/model.onnx")
    assert b"".join(answer.streaming_content) == f"model of {version.run_id}".encode()
    assert node.get(f"/internal/v1/packages/{version.model_sha256}/evaluation.json").status_code == 404
