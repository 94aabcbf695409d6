"""`/api/v1/` organisation, members, invitations, keys and audit, as a caller sees them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import ApiKey, AuditEntry, Invitation, Membership
from apps.ledger.models import Budget
from apps.outbox.models import OutboxMessage

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apps.rest.public_api")]


def bearer(secret: str) -> APIClient:
    return APIClient(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)


def test_the_organisation_is_renamed_only_by_who_saw_its_present_state(as_key):
    client = as_key()
    first = client.get("/api/v1/organisation")
    assert first.json()["name"] == "Acme"
    changed = client.patch(
        "/api/v1/organisation", {"name": "Acme Two"}, format="json", headers={"If-Match": first.headers["ETag"]}
    )
    assert (changed.status_code, changed.json()["name"]) == (200, "Acme Two")
    late = client.patch(
        "/api/v1/organisation", {"name": "Lost"}, format="json", headers={"If-Match": first.headers["ETag"]}
    )
    assert (late.status_code, late.json()["code"]) == (412, "yours:stale")
    assert client.get("/api/v1/organisation").headers["ETag"] == changed.headers["ETag"]


def test_members_are_listed_changed_and_removed(as_key, people):
    client = as_key()
    listed = client.get("/api/v1/members").json()
    assert {member["id"]: member["role"] for member in listed["data"]} == {
        people.alice.pk: "owner",
        people.bob.pk: "member",
        people.viola.pk: "viewer",
    }
    address = f"/api/v1/members/{people.bob.pk}"
    assert client.patch(address, {"role": "admin"}, format="json").json()["role"] == "admin"
    assert client.patch(address, {"role": "owner"}, format="json").status_code == 403, "a key makes no owners"
    assert client.patch(address, {"role": "king"}, format="json").json()["errors"][0]["location"] == "role"
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    assert client.delete(f"/api/v1/members/{people.alice.pk}").status_code == 403
    assert client.get(f"/api/v1/members/{people.charlie.pk}").status_code == 404


def test_an_invitation_is_made_once_seen_and_taken_back(as_key):
    client = as_key()
    wish = {"email": "dora@example.com", "role": "member"}
    made = client.post("/api/v1/invitations", wish, format="json", headers={"Idempotency-Key": "i1"})
    again = client.post("/api/v1/invitations", wish, format="json", headers={"Idempotency-Key": "i1"})
    assert (made.status_code, again.json()) == (201, made.json())
    assert OutboxMessage.objects.filter(topic="mail").count() == 1
    address = made.headers["Location"]
    assert client.get(address).json()["state"] == "open"
    assert client.delete(address).status_code == 204
    assert client.get(address).json()["state"] == "revoked"
    assert client.get("/api/v1/invitations").json()["data"][0]["id"] == made.json()["id"]
    assert client.post("/api/v1/invitations", {"email": "no"}, format="json").status_code == 422
    assert Invitation.objects.count() == 1


def test_a_key_is_shown_once_works_and_ends(as_key, people):
    client = as_key()
    made = client.post("/api/v1/keys", {"name": "ci", "scopes": ["read"]}, format="json")
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert bearer(secret).get("/api/v1/organisation").status_code == 200
    seen = client.get(made.headers["Location"])
    assert "secret" not in seen.json()
    assert secret not in client.get("/api/v1/keys").content.decode()
    assert client.delete(made.headers["Location"]).status_code == 204
    assert bearer(secret).get("/api/v1/organisation").json()["code"] == "yours:key-revoked"
    assert client.get(made.headers["Location"]).json()["state"] == "revoked"


def test_a_repeated_wish_for_a_key_makes_one_and_repeats_its_secret(as_key):
    client = as_key()
    wish = {"name": "ci", "scopes": ["read"]}
    first, second = (
        client.post("/api/v1/keys", wish, format="json", headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert first.json() == second.json()
    assert ApiKey.objects.filter(name="ci").count() == 1


def test_a_key_carries_its_limits_expiry_and_budget(as_key, people):
    until = (timezone.now() + timedelta(days=1)).isoformat()
    limits = [{"name": "burst", "quota": 10, "window_s": 60, "burst": 5}]
    wish = {
        "name": "limited",
        "scopes": ["predict"],
        "limits": limits,
        "budget_micros": 1_000_000,
        "expires_at": until,
    }
    client = as_key()
    made = client.post("/api/v1/keys", wish, format="json").json()
    assert made["limits"] == limits
    assert made["budget_micros"] == 1_000_000
    budget = Budget.objects.of(people.organisation).get(scope="key", scope_id=made["id"])
    assert (budget.limit_micros, budget.is_hard) == (1_000_000, True)
    client.delete(f"/api/v1/keys/{made['id']}")
    budget.refresh_from_db()
    assert budget.deleted_at is not None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scopes": ["root"]}, "scopes"),
        ({"scopes": []}, "scopes"),
        ({"endpoints": ["ep_nobodys"]}, "endpoints[0]"),
        ({"limits": [{"name": "x", "quota": 0, "window_s": 1}]}, "limits[0].quota"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"budget_micros": -1}, "budget_micros"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_useless_wish_for_a_key_names_the_field_and_makes_nothing(as_key, change, field):
    client = as_key()
    before = ApiKey.objects.count()
    answer = client.post("/api/v1/keys", {"name": "x", "scopes": ["read"], **change}, format="json")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"].startswith(field)
    assert ApiKey.objects.count() == before


def test_a_key_makes_no_key_that_may_more_than_itself(as_key):
    answer = as_key("admin", "read").post("/api/v1/keys", {"name": "x", "scopes": ["billing"]}, format="json")
    assert answer.status_code == 403


def test_members_make_no_keys_and_see_no_audit_log(as_user, people):
    member = as_user(people.bob)
    assert member.post("/api/v1/keys", {"name": "x", "scopes": ["read"]}, format="json").status_code == 403
    assert member.get("/api/v1/audit").status_code == 403
    assert as_user(people.alice).get("/api/v1/audit").status_code == 200


def test_the_audit_log_names_the_key_that_acted_and_where_it_came_from(as_key, people):
    client = as_key()
    client.delete(f"/api/v1/members/{people.bob.pk}")
    line = client.get("/api/v1/audit").json()["data"][0]
    assert line["action"] == "member.remove"
    assert line["subject"] == people.bob.pk
    assert line["actor"].startswith("key_")
    assert line["address"] == "127.0.0.1"
    assert not Membership.objects.filter(user=people.bob).exists()
    assert AuditEntry.objects.of(people.elsewhere).count() == 0
