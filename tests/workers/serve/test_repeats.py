"""Idempotency-Key: the same key and body get the same stored answer, across processes and restarts; charged once."""

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import tritonclient.grpc as triton_grpc

from tests.workers.serve import models
from tests.workers.serve.conftest import Shop, World
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import SmallControl
from tests.workers.serve.test_oip_grpc import inputs
from workers.serve.answers import AnswerStore, Claim
from workers.serve.detached import Answer
from workers.serve.problems import Refused

ANSWER = Answer(200, b"Usage-Id: u1\r\n", b'{"a":1}\n{"b":2}', b"application/json")


def claimed(store: AnswerStore, place: str, fingerprint: str = "f") -> Claim:
    found = store.claim(place, fingerprint)
    assert isinstance(found, Claim)
    return found


def refusal(store: AnswerStore, place: str, fingerprint: str = "f") -> str:
    with pytest.raises(Refused) as caught:
        store.claim(place, fingerprint)
    return caught.value.code


def test_a_place_is_claimed_once_and_answers_afterwards(tmp_path: Path):
    store, other = AnswerStore(tmp_path), AnswerStore(tmp_path)
    claim = claimed(store, "a")
    assert refusal(other, "a") == "yours:idempotency-in-flight"
    assert refusal(other, "a", "another") == "yours:idempotency-reuse"
    assert other.look("a") is None
    claim.keep(ANSWER)
    assert other.claim("a", "f") == other.look("a") == ANSWER
    assert refusal(other, "a", "another") == "yours:idempotency-reuse"


def test_what_was_dropped_or_cut_off_is_answered_anew(tmp_path: Path):
    store = AnswerStore(tmp_path)
    claimed(store, "a").drop()
    claimed(store, "a", "another").keep(ANSWER)
    (path,) = tmp_path.glob("??/*")
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(Refused):
        store.look("a")
    claimed(store, "a", "a third").drop()
    assert list(tmp_path.glob("??/*")) == []


def test_old_answers_go_and_the_oldest_go_first_when_there_are_too_many(tmp_path: Path):
    store = AnswerStore(tmp_path, most_bytes=600)
    for number in range(6):
        claimed(store, str(number)).keep(ANSWER)
        for path in tmp_path.glob("??/*"):
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    held = claimed(store, "held")
    assert store.sweep() > 0
    assert isinstance(store.claim("5", "f"), Answer)
    claimed(store, "0").drop()
    held.keep(ANSWER)
    assert AnswerStore(tmp_path, keep_s=0).sweep() > 0
    assert list(tmp_path.glob("??/*")) == []


def test_a_repeat_gets_the_stored_answer_word_for_word(shop: Shop):
    before = shop.control.wallets[shop.organisation.wallet]
    first = shop.server.predict(shop.key, "churn", {"age": 5}, Idempotency_Key="order-2")
    again = shop.server.predict(shop.key, "churn", {"age": 5}, Idempotency_Key='"order-2"', X_Request_Id="second-1")
    assert (again.status_code, again.content) == (200, first.content)
    for name in ("Usage-Id", "Model-Version", "Content-Type"):
        assert again.headers[name] == first.headers[name]
    assert "Idempotency-Replayed" not in first.headers
    assert (again.headers["Idempotency-Replayed"], again.headers["X-Request-Id"]) == ("true", "second-1")
    other = shop.server.predict(shop.key, "churn", {"age": 6}, Idempotency_Key="order-2")
    assert (other.status_code, other.json()["code"]) == (422, "yours:idempotency-reuse")
    assert shop.server.predict(shop.key, "double", {"x": 6}, Idempotency_Key="order-2").status_code == 200
    assert shop.control.wallets[shop.organisation.wallet] <= before


def test_a_refused_request_is_not_remembered(shop: Shop):
    bad = shop.server.predict(shop.key, "churn", {"age": "x"}, Idempotency_Key="order-3")
    assert bad.status_code == 422
    good = shop.server.predict(shop.key, "churn", {"age": 5}, Idempotency_Key="order-3")
    assert (good.status_code, "Idempotency-Replayed" in good.headers) == (200, False)
    long = shop.server.predict(shop.key, "churn", {"age": 5}, Idempotency_Key="k" * 256)
    assert (long.status_code, long.json()["code"]) == (422, "yours:invalid")
    nobody = shop.server.predict("my_live_wrong", "churn", {"age": 5}, Idempotency_Key="order-3")
    assert nobody.status_code == 401


def test_the_open_inference_protocol_repeats_too_on_both_doors(shop: Shop, world: World):
    document = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "data": [3]}]}
    headers = {"Authorization": f"Bearer {shop.key}", "Idempotency-Key": "tensor-1"}
    bodies = [
        shop.server.http.post("/v2/models/double/infer", content=json.dumps(document), headers=headers)
        for _ in range(2)
    ]
    assert bodies[0].content == bodies[1].content
    assert bodies[0].headers["Usage-Id"] == bodies[1].headers["Usage-Id"]
    assert bodies[1].headers["Idempotency-Replayed"] == "true"
    with triton_grpc.InferenceServerClient(f"127.0.0.1:{world.grpc_port}") as client:
        sent = {"authorization": f"Bearer {shop.key}", "idempotency-key": "tensor-2"}
        answers = [client.infer("churn", inputs(), headers=sent).get_response() for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_repeat_while_the_first_one_runs_is_told_to_wait(shop: Shop):
    shop.control.endpoint(shop.organisation, "slowly", models.heavy())
    shop.server.publish()
    rows = [{"x": 1}] * 300
    answers = []

    def ask() -> None:
        answers.append(shop.server.predict(shop.key, "slowly", *rows, Idempotency_Key="slow-1"))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes[0] == 200
    assert 409 in codes
    assert {answer.headers["Usage-Id"] for answer in answers if answer.status_code == 200} != set()
    busy = next(answer for answer in answers if answer.status_code == 409)
    assert (busy.json()["code"], busy.headers["Retry-After"]) == ("yours:idempotency-in-flight", "1")


def test_stored_answers_outlive_a_killed_server_and_are_shared_by_its_processes(control: SmallControl, tmp_path: Path):
    """What was still to come is told lost, and nothing is charged for it."""
    organisation = control.organisation()
    nightly = control.endpoint(organisation, "nightly", models.heavy(60))
    control.endpoints[nightly.id] = replace(nightly, latency_class="batch")
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    with serving(control, tmp_path / "data", SERVE_PROCESSES="2") as server:
        server.wait_ready()
        first = server.predict(key, "churn", {"age": 5}, Idempotency_Key="order-9")
        seen = set()
        for _ in range(12):  # a connection each, so that both processes are asked
            headers = {"Connection": "close"}
            again = server.predict(key, "churn", {"age": 5}, Idempotency_Key="order-9", **headers)
            seen.add(again.headers["X-Request-Id"][:12])
            assert (again.content, again.headers["Usage-Id"]) == (first.content, first.headers["Usage-Id"])
        promise = server.predict(key, "nightly", *[{"x": 3}] * 9000, Prefer="respond-async")
        assert promise.status_code == 202
        os.killpg(server.process.pid, signal.SIGKILL)  # the supervisor and both processes, without a goodbye
        server.process.wait()
        server.start()
        wait_for(lambda: server.http.get("/v2/health/ready").status_code == 200)
        late = wait_for(lambda: server.predict(key, "churn", {"age": 5}, Idempotency_Key="order-9"))
        assert (late.content, late.headers["Idempotency-Replayed"]) == (first.content, "true")
        wait_for(lambda: first.headers["Usage-Id"] in control.usage)
        lost = server.http.get(promise.headers["Location"], headers={"Authorization": f"Bearer {key}"})
        assert (lost.status_code, lost.json()["code"]) == (500, "ours:internal")
        assert len(control.usage) == 1
