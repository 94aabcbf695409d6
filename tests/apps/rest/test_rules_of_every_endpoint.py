"""What every REST endpoint obeys, shown on probe views: who may, how errors look, what a body may contain."""

import json
import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import ApiKey
from apps.accounts.services.flip_switch import flip_switch
from apps.accounts.services.revoke_api_key import revoke_api_key
from contracts.keys import mint_key
from tests.people import key_for

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apps.rest.probe")]
ECHO = "/api/v1/echo"


def test_a_key_opens_its_organisation_and_no_other(as_key, people):
    assert as_key().get(ECHO).json()["organisation"] == people.organisation.pk


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer x", "Basic YTpi", f"Bearer {mint_key()[1]}", f"Bearer {mint_key()[1][:-1]}é", "Token my_live_x"],
    ids=["empty", "nonsense", "basic", "never issued", "mistyped", "other scheme"],
)
def test_whoever_is_unknown_gets_401_with_a_challenge(client, db, header):
    answer = client.get(ECHO, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["code"] == "yours:not-authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_no_credentials_is_401_too(client, db):
    assert client.get(ECHO).status_code == 401


def test_a_revoked_and_an_expired_key_say_so_but_only_to_their_holder(client, people):
    key, secret = key_for(people.organisation, people.alice)
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(ECHO, headers={"Authorization": f"Bearer {secret}"}).json()["code"] == "yours:key-expired"
    revoke_api_key(key, by=people.alice)
    assert client.get(ECHO, headers={"Authorization": f"Bearer {secret}"}).json()["code"] == "yours:key-revoked"
    ApiKey.objects.filter(pk=key.pk).update(digest="0" * 64)
    assert client.get(ECHO, headers={"Authorization": f"Bearer {secret}"}).json()["code"] == "yours:not-authenticated"


def test_a_key_without_the_scope_is_told_which_one(as_key):
    answer = as_key("read").post(ECHO, {}, format="json")
    assert answer.status_code == 403
    assert "`write`" in answer.json()["detail"]


def test_last_use_is_written_once_a_minute(as_key, people, django_assert_num_queries):
    client = as_key()
    client.get(ECHO)
    used = ApiKey.objects.of(people.organisation).get().last_used_at
    assert used is not None
    with django_assert_num_queries(1):
        client.get(ECHO)
    assert ApiKey.objects.of(people.organisation).get().last_used_at == used


def test_roles_decide_for_members(as_user, people):
    assert as_user(people.viola).get(ECHO).status_code == 200
    assert as_user(people.viola).post(ECHO, {}, format="json").status_code == 403
    assert as_user(people.bob).post(ECHO, {}, format="json").status_code == 200
    assert as_user(people.bob).delete(ECHO).status_code == 403
    assert as_user(people.alice).delete(ECHO).status_code == 204


def test_a_member_picks_the_organisation_and_a_stranger_cannot(as_user, people):
    for name in (people.organisation.slug, people.organisation.pk):
        assert as_user(people.bob).get(ECHO, headers={"X-Organisation": name}).status_code == 200
        assert as_user(people.charlie).get(ECHO, headers={"X-Organisation": name}).status_code == 404
    assert as_user(people.charlie).get(ECHO).json()["organisation"] == people.elsewhere.pk


def test_a_session_changes_nothing_without_the_csrf_token(as_user, people):
    answer = as_user(people.alice, csrf=True).post(ECHO, {}, format="json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


def test_a_key_needs_no_csrf_token(as_key):
    assert as_key(enforce_csrf_checks=True).post(ECHO, {}, format="json").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a": ' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"a": "\xff"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b"[1]",
        b'"text"',
        b"\xef\xbb\xbf{}",
    ],
    ids=lambda body: body[:20].decode("latin1"),
)
def test_a_body_that_two_parsers_could_read_differently_is_refused(as_key, body):
    answer = as_key().generic("POST", ECHO, body, content_type="application/json")
    if body == b"":  # no body at all is an empty object: `POST …/cancel` needs none
        assert answer.json() == {"got": {}}
        return
    assert answer.status_code == 400
    assert answer.json()["code"] == "yours:malformed"


def test_an_ordinary_body_arrives_as_it_was_sent(as_key):
    body = {"text": "Grüße 👍", "nested": [{"x": [1, -2.5, True, None]}]}
    assert as_key().post(ECHO, body, format="json").json() == {"got": body}


def test_errors_have_one_shape(as_key, client):
    cases = [
        (as_key().get("/api/v1/nowhere"), 404, "yours:not-found"),
        (client.get("/api/v1/nowhere"), 404, "yours:not-found"),
        (client.get("/internal/v1/nowhere"), 404, "yours:not-found"),
        (as_key().put(ECHO), 405, "yours:method-not-allowed"),
        (as_key().generic("POST", ECHO, "a=1", content_type="text/plain"), 415, "yours:unsupported-media"),
        (as_key().get(ECHO, headers={"Accept": "text/html"}), 406, "yours:unsupported-media"),
    ]
    for answer, status, code in cases:
        assert answer.status_code == status, answer.content
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        document = answer.json()
        assert document["code"] == code
        assert document["status"] == status
        assert document["request_id"] == answer.headers["X-Request-Id"]
        assert set(document) >= {"type", "title", "detail", "errors"}
    assert "GET" in as_key().put(ECHO).headers["Allow"]


@pytest.mark.parametrize("address", ["/api/v1/broken", "/api/v1/plain-broken"])
def test_a_bug_of_ours_is_logged_once_with_its_request_id_and_tells_nothing(as_key, address, caplog):
    with caplog.at_level(logging.WARNING):
        answer = as_key().get(address, headers={"X-Request-Id": "trace-12345"})
    assert answer.status_code == 500
    assert answer.json()["code"] == "ours:internal"
    assert answer.json()["request_id"] == "trace-12345"
    assert "bug" not in answer.content.decode()
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_strange_request_id_is_replaced(as_key):
    answer = as_key().get(ECHO, headers={"X-Request-Id": "a b\r\nc"})
    assert answer.headers["X-Request-Id"].startswith("req_")


def test_read_only_stops_changes_and_lets_everybody_look(as_key, as_user, people):
    flip_switch("read-only", is_on=True, reason="Moving house.", by=people.alice)
    answer = as_key().post(ECHO, {}, format="json")
    assert answer.status_code == 503
    assert answer.json()["code"] == "ours:switched-off"
    assert answer.json()["detail"] == "Moving house."
    assert int(answer.headers["Retry-After"]) > 0
    assert as_key().get(ECHO).status_code == 200
    assert as_user(people.alice).post("/o/acme/page").status_code == 503
    flip_switch("read-only", is_on=False, by=people.alice)
    assert as_key().post(ECHO, {}, format="json").status_code == 200


def test_a_list_is_walked_without_gaps_or_repeats_while_it_grows(as_key, people):
    from apps.accounts.services.record_audit import record_audit

    client = as_key()
    for n in range(25):
        record_audit(people.organisation, actor="test", action=f"a{n}")
    seen: list[str] = []
    cursor = ""
    while True:
        answer = client.get("/api/v1/listing", {"limit": 10, **({"cursor": cursor} if cursor else {})}).json()
        seen += answer["data"]
        record_audit(people.organisation, actor="test", action="newcomer")
        if not answer["has_more"]:
            break
        cursor = answer["next_cursor"]
    assert [action for action in seen if action.startswith("a")] == [f"a{n}" for n in reversed(range(25))]


@pytest.mark.parametrize(
    ("field", "value"), [("limit", "0"), ("limit", "101"), ("limit", "x"), ("cursor", "!"), ("cursor", "AAAA")]
)
def test_a_wrong_page_wish_names_the_field(as_key, field, value):
    answer = as_key().get("/api/v1/listing", {field: value})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == field


def test_parsing_is_used_for_every_json_body(settings):
    assert settings.REST_FRAMEWORK["DEFAULT_PARSER_CLASSES"] == ["apps.rest.parsing.StrictJSONParser"]
    assert json.loads("NaN") != json.loads("NaN"), "what the standard parser would let through"
