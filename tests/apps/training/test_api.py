"""REST of training: who may see and do what, the promised fields, the event stream."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient, Client

from apps.accounts.models import Organisation, User
from apps.compute.models import Node
from apps.datasets.models import DatasetVersion
from apps.registry.models import ModelVersion
from apps.training.models import Run
from apps.training.services.cancel_run import cancel_run
from tests.apps.training.trainer import Trainer, queued_run, ready_version
from tests.people import PASSWORD, People, give_credit, key_for, make_people

pytestmark = pytest.mark.django_db
PROMISED = {
    "id", "state", "progress", "eta_seconds", "queue", "candidates", "metrics", "cost_micros", "energy_wh", "error",
    "model_version",
}  # fmt: skip


class Caller:
    """Somebody with an API key."""

    def __init__(self, organisation: Organisation, user: User, *scopes: str) -> None:
        _, secret = key_for(organisation, user, scopes or ("read", "write"))
        self.headers = {"Authorization": f"Bearer {secret}"}
        self.client = Client()

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.client.get(f"/api/v1/{path}", headers=self.headers | headers)

    def post(self, path: str, body: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        sent = json.dumps(body or {})
        return self.client.post(
            f"/api/v1/{path}", sent, content_type="application/json", headers=self.headers | headers
        )


@pytest.fixture
def owner(credit: People) -> Caller:
    return Caller(credit.organisation, credit.alice)


@pytest.fixture
def version(credit: People) -> DatasetVersion:
    return ready_version(credit.organisation)


def wish(version: DatasetVersion, **more: Any) -> dict[str, Any]:
    return {"dataset_version": version.id, "target": "species", "budget_seconds": 60, **more}


def test_a_run_is_started_and_shown_with_every_promised_field(owner: Caller, version: DatasetVersion) -> None:
    answer = owner.post("runs", wish(version, name="first", seed=3))
    assert answer.status_code == 202
    run = answer.json()
    assert run.keys() >= PROMISED
    assert answer["Location"] == f"/api/v1/runs/{run['id']}"
    assert (run["state"], run["name"], run["task"]) == ("queued", "first", "tabular_classification")
    assert run["queue"]["position"] == 1
    assert owner.get(f"runs/{run['id']}").json() == run
    listed = owner.get("runs").json()
    assert (listed["data"], listed["has_more"]) == ([run], False)


def test_the_same_idempotency_key_starts_one_run(owner: Caller, version: DatasetVersion) -> None:
    key = {"Idempotency-Key": "one-run"}
    first, again = owner.post("runs", wish(version), **key), owner.post("runs", wish(version), **key)
    assert first.json()["id"] == again.json()["id"]
    assert Run.objects.count() == 1
    assert owner.post("runs", wish(version, seed=9), **key).json()["code"] == "yours:idempotency-reuse"


def test_a_stranger_sees_and_does_nothing_and_a_viewer_only_looks(
    credit: People, owner: Caller, version: DatasetVersion
) -> None:
    run_id = owner.post("runs", wish(version)).json()["id"]
    stranger = Caller(credit.elsewhere, credit.charlie)
    for what in ("", "/logs", "/events"):
        assert stranger.get(f"runs/{run_id}{what}").status_code == 404
    assert stranger.post(f"runs/{run_id}/cancel").status_code == 404
    assert stranger.post("runs", wish(version)).status_code == 404
    assert stranger.post("runs/estimate", wish(version)).status_code == 404
    assert stranger.get("runs").json()["data"] == []
    viola = Client()
    assert viola.login(email=credit.viola.email, password=PASSWORD)
    assert viola.get(f"/api/v1/runs/{run_id}").status_code == 200
    assert viola.post(f"/api/v1/runs/{run_id}/cancel").status_code == 403
    assert Caller(credit.organisation, credit.alice, "read").post(f"runs/{run_id}/cancel").status_code == 403
    assert Client().get(f"/api/v1/runs/{run_id}").status_code == 401
    assert Run.objects.get().state == "queued"


def test_a_member_cancels_a_run_in_the_browser_session(credit: People, owner: Caller, version: DatasetVersion) -> None:
    run_id = owner.post("runs", wish(version)).json()["id"]
    bob = Client()
    assert bob.login(email=credit.bob.email, password=PASSWORD)
    answer = bob.post(f"/api/v1/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")


@pytest.mark.parametrize(
    ("changes", "code", "location"),
    [
        ({"target": "nowhere"}, "yours:target-unknown", "target"),
        ({"budget_seconds": "soon"}, "yours:invalid", "budget_seconds"),
        ({"budget": 4}, "yours:invalid", "budget"),
        ({"budget_seconds": 3}, "yours:budget-too-small", "budget_seconds"),
        ({"pool": "mars"}, "yours:invalid", "pool"),
        ({"families": ["oracle"]}, "yours:invalid", "families"),
    ],
)
def test_a_wrong_wish_is_answered_with_the_place(
    owner: Caller, version: DatasetVersion, changes: dict[str, Any], code: str, location: str
) -> None:
    answer = owner.post("runs", wish(version) | changes)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["errors"][0]["location"] == location
    assert not Run.objects.exists()


def test_no_credit_is_402(people: People, storage: Path) -> None:
    caller = Caller(people.organisation, people.alice)
    answer = caller.post("runs", wish(ready_version(people.organisation)))
    assert (answer.status_code, answer.json()["code"]) == (402, "yours:no-credit")


def test_an_estimate_moves_no_money_and_tells_price_and_pool(owner: Caller, version: DatasetVersion) -> None:
    answer = owner.post("runs/estimate", wish(version))
    estimate = answer.json()
    assert answer.status_code == 200
    assert estimate["max_cost_micros"] == 36_000
    assert 0 < estimate["cost_micros"] <= estimate["seconds"] * 500
    assert estimate["is_affordable"] is True
    assert estimate["pool"]["name"] == "cpu"
    assert not Run.objects.exists()


def test_pools_tell_price_free_slots_and_queue(owner: Caller, version: DatasetVersion, credit: People) -> None:
    owner.post("runs", wish(version))
    pools = {pool["name"]: pool for pool in owner.get("pools").json()["data"]}
    assert set(pools) == {"cpu", "gpu"}
    assert (pools["cpu"]["free_slots"], pools["cpu"]["queue_length"]) == (0, 1)
    assert (pools["cpu"]["price_micros_per_second"], pools["gpu"]["price_micros_per_second"]) == (500, 2000)
    trainer = Trainer.joined()
    hello = {"kind": "train", "boot": "b", "version": "1", "capabilities": {}}
    trainer.post("/internal/v1/nodes/hello", hello, trainer.token)
    assert owner.get("pools").json()["data"][0]["free_slots"] == 1
    trainer.claim()
    assert owner.get("pools").json()["data"][0]["free_slots"] == 0
    assert Node.objects.get().capabilities == {}


def test_logs_are_read_on_from_the_last_line_seen(owner: Caller, version: DatasetVersion) -> None:
    run_id = owner.post("runs", wish(version)).json()["id"]
    trainer = Trainer.joined()
    trainer.claim()
    trainer.beat(1, log=["one", "two", "three"])
    first = owner.get(f"runs/{run_id}/logs?limit=2").json()
    assert [line["text"] for line in first["data"]] == ["one", "two"]
    assert first["has_more"] is True
    rest = owner.get(f"runs/{run_id}/logs?after={first['next_cursor']}").json()
    assert [line["text"] for line in rest["data"]] == ["three"]
    assert owner.get(f"runs/{run_id}/logs?after=x").status_code == 422


def test_a_failed_run_says_whose_turn_it_is(owner: Caller, version: DatasetVersion) -> None:
    run_id = owner.post("runs", wish(version)).json()["id"]
    trainer = Trainer.joined()
    trainer.claim()
    trainer.finish("failed", failure_code="yours:out-of-memory", failure_detail="8 GB were not enough")
    error = owner.get(f"runs/{run_id}").json()["error"]
    assert error["code"] == "yours:out-of-memory"
    assert error["detail"] == "8 GB were not enough"
    assert error["title"]
    assert error["fix"]


def test_a_succeeded_run_names_its_version(owner: Caller, version: DatasetVersion) -> None:
    run_id = owner.post("runs", wish(version)).json()["id"]
    trainer = Trainer.joined()
    trainer.claim()
    trainer.finish(files=trainer.put_package(), candidates=[{"family": "linear", "state": "done", "is_best": True}])
    run = owner.get(f"runs/{run_id}").json()
    assert run["model_version"] == ModelVersion.objects.get().id
    assert run["candidates"][0]["family"] == "linear"
    assert run["progress"] == 1.0


def test_a_list_costs_the_same_number_of_queries_however_long(
    owner: Caller, version: DatasetVersion, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        owner.post("runs", wish(version))
    with django_assert_max_num_queries(16):
        assert len(owner.get("runs").json()["data"]) == 6


# --- events -----------------------------------------------------------------------------------------------------------
async def read_events(client: AsyncClient, path: str, headers: dict[str, str]) -> list[tuple[str, str, dict[str, Any]]]:
    """All events of a stream until it ends: (event, id, data)."""
    answer = await client.get(path, headers=headers)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/event-stream"
    text = b"".join([piece async for piece in answer.streaming_content]).decode()  # type: ignore[attr-defined]
    events = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            events.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return events


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("storage", "redis_server", "pools")
def test_the_event_stream_follows_a_run_to_its_end_for_keys_and_sessions() -> None:
    people = make_people()
    give_credit(people.organisation)
    caller = Caller(people.organisation, people.alice)
    run = queued_run(people.organisation)
    path = f"/api/v1/runs/{run.id}/events"
    stream = caller.headers | {"Accept": "text/event-stream"}

    async def follow() -> list[tuple[str, str, dict[str, Any]]]:
        reading = asyncio.create_task(read_events(AsyncClient(), path, stream))
        await asyncio.sleep(0.6)
        await asyncio.to_thread(in_thread, cancel_run, run, by=people.alice)
        return await asyncio.wait_for(reading, 10)

    events = asyncio.run(follow())
    assert [(name, data["state"]) for name, _, data in events] == [
        ("run", "queued"), ("run", "cancelled"), ("end", "cancelled"),
    ]  # fmt: skip
    assert events[0][2] | {"queue": None} != events[1][2]
    assert caller.get(f"runs/{run.id}/events", **{"Last-Event-ID": events[-1][1]}).status_code == 204

    bob = AsyncClient()
    asyncio.run(bob.alogin(email=people.bob.email, password=PASSWORD))
    seen = asyncio.run(read_events(bob, path, {"Last-Event-ID": events[0][1], "Accept": "text/event-stream"}))
    assert [name for name, _, _ in seen] == ["run", "end"]


def in_thread(work: Any, *args: Any, **named: Any) -> None:
    """Run and give the thread's connection back."""
    try:
        work(*args, **named)
    finally:
        connection.close()


def test_a_stranger_gets_a_problem_instead_of_a_stream(credit: People, owner: Caller, version: DatasetVersion) -> None:
    run_id = owner.post("runs", wish(version)).json()["id"]
    answer = Caller(credit.elsewhere, credit.charlie).get(f"runs/{run_id}/events", Accept="text/event-stream")
    assert (answer.status_code, answer.json()["code"]) == (404, "yours:not-found")
