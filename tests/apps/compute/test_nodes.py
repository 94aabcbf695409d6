"""Nodes join with one expiring token; pools count only machines that are alive."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.compute import rules
from apps.compute.models import Node, Pool
from apps.compute.queries import pools_with_live_nodes
from apps.compute.services.register_node import register_node
from contracts.keys import digest_token
from contracts.problems import Problem


def say_hello(token: str, **changes: object) -> HttpResponse:
    hello = {"kind": "serve", "boot": "b1", "version": "0.1", "capabilities": {"cores": 2}, "address": "http://n:8100"}
    return Client().post(
        "/internal/v1/nodes/hello",
        json.dumps(hello | changes),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.mark.django_db
def test_a_node_is_known_by_the_digest_of_its_token_alone() -> None:
    node, token = register_node("n1", kind="serve", lifetime_s=60)
    assert token.startswith("myn_")
    assert node.token_digest == digest_token(token)
    answer = say_hello(token)
    assert (answer.status_code, answer.json()["node"], answer.json()["pool"]) == (200, node.id, None)
    node.refresh_from_db()
    assert (node.boot, node.address, node.capabilities) == ("b1", "http://n:8100", {"cores": 2})


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "myn_wrong", "my_live_x"])
def test_an_unknown_token_is_401(token: str) -> None:
    register_node("n1", kind="serve", lifetime_s=60)
    answer = say_hello(token)
    assert (answer.status_code, answer.json()["code"]) == (401, "yours:not-authenticated")


@pytest.mark.django_db
def test_an_expired_a_disabled_and_a_rotated_token_are_401() -> None:
    node, token = register_node("n1", kind="serve", lifetime_s=60)
    Node.objects.update(token_expires_at=timezone.now() - timedelta(seconds=1))
    assert say_hello(token).status_code == 401
    again, fresh = register_node("n1", kind="serve", lifetime_s=60)
    assert again.id == node.id
    assert say_hello(token).status_code == 401
    assert say_hello(fresh).status_code == 200
    Node.objects.update(disabled_at=timezone.now())
    assert say_hello(fresh).status_code == 401


@pytest.mark.django_db
def test_a_node_that_calls_itself_something_else_is_refused() -> None:
    _, token = register_node("n1", kind="serve", lifetime_s=60)
    assert say_hello(token, kind="train").status_code == 422
    assert say_hello(token, capabilities=[1]).status_code == 422
    assert Node.objects.get().last_seen_at is None


@pytest.mark.django_db
def test_a_serve_node_claims_no_run() -> None:
    _, token = register_node("n1", kind="serve", lifetime_s=60)
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post("/internal/v1/runs/claim", "{}", content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "yours:not-allowed")


@pytest.mark.django_db
def test_what_makes_no_node_is_refused() -> None:
    for wrong in (
        {"kind": "toaster", "lifetime_s": 60},
        {"kind": "train", "lifetime_s": 60},
        {"kind": "serve", "lifetime_s": 0},
    ):
        with pytest.raises(Problem):
            register_node("n1", **wrong)  # type: ignore[arg-type]
    assert not Node.objects.exists()


@pytest.mark.django_db
def test_only_machines_that_spoke_lately_count() -> None:
    pool = Pool.objects.get(name="cpu")
    for number, (age_s, disabled) in enumerate([(1, False), (5, False), (60, False), (1, True)]):
        node, _ = register_node(f"n{number}", kind="train", pool=pool, lifetime_s=60)
        now = timezone.now()
        seen = now - timedelta(seconds=age_s)
        Node.objects.filter(id=node.id).update(last_seen_at=seen, disabled_at=now if disabled else None)
    assert {pool.name: pool.live_nodes for pool in pools_with_live_nodes()} == {"cpu": 2, "gpu": 0}
    Pool.objects.filter(name="gpu").update(is_open=False)
    assert [pool.name for pool in pools_with_live_nodes()] == ["cpu"]


@pytest.mark.django_db
def test_the_command_prints_a_token_that_works() -> None:
    out = StringIO()
    call_command("register_node", "n9", "--kind", "train", "--pool", "gpu", stdout=out)
    printed = json.loads(out.getvalue())
    answer = say_hello(printed["token"], kind="train")
    assert answer.json() == {**answer.json(), "node": printed["node"], "pool": "gpu"}
    with pytest.raises(CommandError, match="no pool"):
        call_command("register_node", "n9", "--kind", "train", "--pool", "mars")


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 100))
def test_free_slots_are_never_negative_and_never_more_than_machines(slots: int, live: int, active: int) -> None:
    free = rules.free_slots(slots=slots, live_nodes=live, active_runs=active)
    assert 0 <= free <= min(slots, live)
