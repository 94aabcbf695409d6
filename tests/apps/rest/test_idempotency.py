"""`Idempotency-Key`: the same request has its effect once, whatever happens in between."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import AuditEntry
from apps.rest import idempotency
from apps.rest.models import IdempotencyRecord

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.apps.rest.probe")]
ONCE = "/api/v1/once"


def effects() -> int:
    return AuditEntry.objects.filter(action="once").count()


def send(client, body=None, key="k-1", address=ONCE):
    return client.post(address, body or {}, format="json", headers={"Idempotency-Key": key})


def test_a_repeated_request_gets_the_first_answer_and_no_second_effect(as_key):
    client = as_key()
    first, second, quoted = send(client), send(client), send(client, key='"k-1"')
    assert first.status_code == second.status_code == quoted.status_code == 201
    assert first.json() == second.json() == quoted.json()
    assert second.headers["Location"] == "/x"
    assert second.headers["Idempotency-Replayed"] == "true"
    assert effects() == 1
    assert send(client, key="k-2").json() != first.json()
    assert effects() == 2


def test_without_the_header_each_request_counts(as_key):
    client = as_key()
    client.post(ONCE, {}, format="json")
    client.post(ONCE, {}, format="json")
    assert effects() == 2


def test_the_same_key_for_another_body_is_refused(as_key):
    client = as_key()
    send(client)
    answer = send(client, {"other": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "yours:idempotency-reuse")


def test_a_refused_request_may_be_corrected_under_the_same_key(as_key):
    client = as_key()
    assert send(client, {"refuse": True}).status_code == 409
    assert send(client).status_code == 201


def test_a_crash_takes_the_effect_back_and_the_retry_makes_it_once(as_key):
    client = as_key()
    assert send(client, {"crash": True}).status_code == 500
    assert effects() == 0
    assert send(client, {"crash": False}).status_code == 201
    assert effects() == 1


def test_another_organisation_may_use_the_same_word(as_key, people):
    from rest_framework.test import APIClient

    from tests.people import key_for

    _, secret = key_for(people.elsewhere, people.charlie)
    send(as_key())
    assert send(APIClient(headers={"Authorization": f"Bearer {secret}"})).status_code == 201
    assert effects() == 2


def test_an_answer_with_a_secret_is_not_readable_in_the_table(as_key):
    send(as_key())
    assert "s3cret-word" not in IdempotencyRecord.objects.get().body


def test_a_key_may_be_used_again_after_a_day(as_key):
    client = as_key()
    send(client)
    IdempotencyRecord.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    send(client, {"other": 1})
    assert effects() == 2


def test_a_useless_key_is_refused(as_key):
    assert send(as_key(), key="x" * 256).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_eight_at_once_have_one_effect(as_key):
    client = as_key()
    secret = client.defaults.get("HTTP_AUTHORIZATION") or client._credentials
    answers: list[int] = []
    together = threading.Barrier(8)

    def work() -> None:
        from rest_framework.test import APIClient

        mine = APIClient(raise_request_exception=False)
        mine.defaults["HTTP_AUTHORIZATION"] = secret
        together.wait()
        answers.append(send(mine).status_code)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert effects() == 1
    assert set(answers) <= {201, 409}
    assert 201 in answers


def test_a_file_counts_by_its_content(rf):
    from django.core.files.uploadedfile import SimpleUploadedFile
    from rest_framework.parsers import MultiPartParser
    from rest_framework.request import Request

    def fingerprint(content: bytes) -> str:
        posted = rf.post(ONCE, {"file": SimpleUploadedFile("a.csv", content), "x": "1"})
        return idempotency._fingerprint(Request(posted, parsers=[MultiPartParser()]))

    assert fingerprint(b"a") == fingerprint(b"a")
    assert fingerprint(b"a") != fingerprint(b"b")
