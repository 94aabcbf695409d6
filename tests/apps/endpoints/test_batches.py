"""Batches: held when started, claimed once, charged for answered rows only, released when they come to nothing."""

import hashlib
import threading

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from apps.compute.models import Pool
from apps.compute.services.register_node import register_node
from apps.endpoints.models import Batch
from apps.endpoints.services.claim_batch import claim_batch
from apps.endpoints.services.reap_lost_batches import reap_lost_batches
from apps.endpoints.services.start_batch import start_batch
from apps.ledger.models import Price
from apps.ledger.services.fill_price_book import fill_price_book
from apps.ledger.services.open_wallet import credit_wallet
from apps.metering.models import UsageEvent
from contracts.problems import Problem
from tests.people import CREDIT_MICROS, give_credit, key_for, make_people
from tests.things import a_model_version

pytestmark = pytest.mark.django_db

CSV = b"mass\n1\n2\n3\n"
PRICE = 20


@pytest.fixture
def people(storage):
    made = make_people()
    give_credit(made.organisation)
    return made


@pytest.fixture
def batch(people):
    file = SimpleUploadedFile("in.csv", CSV)
    version = a_model_version(people.organisation)
    return start_batch(people.organisation, model_version=version, file=file, file_name="in.csv")


@pytest.fixture
def node():
    return register_node("batch-1", kind="batch", lifetime_s=600)


def wallet(people) -> tuple[int, int]:
    found = credit_wallet(people.organisation)
    return found.available_micros, found.held_micros


def worker(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def put(client, job, name, content, fence=None):
    return client.put(
        f"/internal/v1/batches/{job.batch_id}/files/{name}?fence={fence or job.fence}",
        content,
        content_type="application/octet-stream",
        headers={"X-Content-Sha256": hashlib.sha256(content).hexdigest()},
    )


def finish(client, job, **values):
    body = {"fence": job.fence, "rows_done": 3, "rows_failed": 1, "outcome": "succeeded"} | values
    return client.post(f"/internal/v1/batches/{job.batch_id}/finish", body, format="json")


def test_a_batch_holds_the_price_of_every_row_and_charges_the_answered_ones(people, batch, node):
    assert batch.rows == 3
    assert wallet(people) == (CREDIT_MICROS - 3 * PRICE, 3 * PRICE)
    job = claim_batch(node[0])
    client = worker(job.batch_token)
    read = client.get(f"/internal/v1/batches/{batch.id}/input")
    assert b"".join(read.streaming_content) == CSV
    stored = put(client, job, "result.csv", b"label\na\n").json()
    done = finish(client, job, result=stored)
    assert done.json() == {"state": "succeeded", "cost_micros": 2 * PRICE}
    assert wallet(people) == (CREDIT_MICROS - 2 * PRICE, 0)
    assert [event.units for event in UsageEvent.objects.of(people.organisation)] == [2]
    reader = APIClient()
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for(people.organisation, people.bob)[1]}")
    result = reader.get(f"/api/v1/batches/{batch.id}/result")
    assert b"".join(result.streaming_content) == b"label\na\n"


def test_finishing_twice_charges_once(people, batch, node):
    job = claim_batch(node[0])
    client = worker(job.batch_token)
    stored = put(client, job, "result.csv", b"x").json()
    answers = [finish(client, job, result=stored).json() for _ in range(3)]
    assert answers == [{"state": "succeeded", "cost_micros": 2 * PRICE}] * 3
    assert UsageEvent.objects.count() == 1


def test_a_failed_batch_costs_nothing(people, batch, node):
    job = claim_batch(node[0])
    finish(worker(job.batch_token), job, outcome="failed", failure_code="yours:row-invalid")
    batch.refresh_from_db()
    assert (batch.state, batch.error_code) == ("failed", "yours:row-invalid")
    assert wallet(people) == (CREDIT_MICROS, 0)


def test_a_stale_worker_can_write_nothing(people, batch, node):
    old = claim_batch(node[0])
    Batch.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
    assert reap_lost_batches() == 1
    Batch.objects.update(not_before=timezone.now())
    new = claim_batch(node[0])
    stale = worker(old.batch_token)
    assert put(stale, old, "result.csv", b"old").status_code == 401  # its token ended with its claim
    fresh = worker(new.batch_token)
    assert put(fresh, new, "result.csv", b"old", fence=old.fence).status_code == 409
    report = {"fence": old.fence, "rows_done": 1, "rows_failed": 0}
    assert fresh.post(f"/internal/v1/batches/{batch.id}/progress", report, format="json").status_code == 409
    assert finish(fresh, old).status_code == 409
    batch.refresh_from_db()
    assert (batch.state, batch.rows_done) == ("running", 0)


def test_three_lost_workers_fail_the_batch_and_release_its_hold(people, batch, node):
    for _ in range(3):
        Batch.objects.update(not_before=timezone.now())
        assert claim_batch(node[0])
        Batch.objects.update(lease_until=timezone.now() - timezone.timedelta(seconds=1))
        reap_lost_batches()
    batch.refresh_from_db()
    assert (batch.state, batch.error_code) == ("failed", "ours:worker-lost")
    assert wallet(people) == (CREDIT_MICROS, 0)


def test_a_damaged_file_is_refused(people, batch, node):
    job = claim_batch(node[0])
    answer = worker(job.batch_token).put(
        f"/internal/v1/batches/{batch.id}/files/result.csv?fence={job.fence}",
        b"damaged",
        content_type="application/octet-stream",
        headers={"X-Content-Sha256": "0" * 64},
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "yours:checksum-mismatch")


def test_cancelling_a_waiting_batch_releases_the_hold_at_once(people, batch):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for(people.organisation, people.bob)[1]}")
    assert client.post(f"/api/v1/batches/{batch.id}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/v1/batches/{batch.id}/cancel").json()["state"] == "cancelled"
    assert wallet(people) == (CREDIT_MICROS, 0)


def test_a_stranger_cannot_see_cancel_or_read_a_batch(people, batch):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_for(people.elsewhere, people.charlie)[1]}")
    for answer in (
        client.get(f"/api/v1/batches/{batch.id}"),
        client.get(f"/api/v1/batches/{batch.id}/result"),
        client.post(f"/api/v1/batches/{batch.id}/cancel"),
    ):
        assert answer.status_code == 404
    batch.refresh_from_db()
    assert batch.state == "queued"


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("in.exe", b"x", "yours:file-format"),
        ("in.csv", b"mass\n", "yours:file-empty"),
        ("in.zip", b"no zip", "yours:file-unreadable"),
    ],
)
def test_input_that_cannot_be_predicted_is_refused_and_nothing_is_held(people, name, content, code):
    version = a_model_version(people.organisation)
    file = SimpleUploadedFile(name, content)
    with pytest.raises(Problem) as caught:
        start_batch(people.organisation, model_version=version, file=file, file_name=name)
    assert caught.value.code == code
    assert wallet(people) == (CREDIT_MICROS, 0)
    assert not Batch.objects.exists()


def test_without_credit_nothing_starts(people):
    version = a_model_version(people.elsewhere)
    file = SimpleUploadedFile("in.csv", CSV)
    with pytest.raises(Problem) as caught:
        start_batch(people.elsewhere, model_version=version, file=file, file_name="in.csv")
    assert caught.value.code == "yours:no-credit"
    assert not Batch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sixteen_claimers_get_each_batch_once(storage):
    fill_price_book(Price)  # an earlier test with real transactions may have emptied the tables
    Pool.objects.get_or_create(name="cpu", defaults={"title": "cpu"})
    made = make_people()
    give_credit(made.organisation)
    version = a_model_version(made.organisation)
    for _ in range(5):
        start_batch(made.organisation, model_version=version, file=SimpleUploadedFile("a.csv", CSV), file_name="a.csv")
    node, _ = register_node("batch-1", kind="batch", lifetime_s=600)
    claimed: list[str] = []

    def claim() -> None:
        try:
            while job := claim_batch(node):
                claimed.append(job.batch_id)
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(Batch.objects.values_list("id", flat=True))
