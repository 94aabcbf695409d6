"""What the client does when an answer is no, late, broken or missing, against a real HTTP server."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from embedded.ports import free_port
from modelyard_client import (
    AsyncClient,
    Client,
    ModelyardError,
    NotReachable,
    PaymentNeeded,
    RateLimited,
    Retries,
    ServerFailed,
    WaitedTooLong,
)
from tests.client.conftest import CUT, Answer, Script

BUDGET = {"id": "bud_1", "name": "a", "scope": "organisation", "scope_id": "", "period": "month", "is_hard": True,
          "limit_micros": 5, "used_micros": 0}  # fmt: skip
ANSWER = {"predictions": [{"label": "a"}], "model_version": "ver_1", "latency_ms": 0.5,
          "usage": {"id": "u", "units": 1, "amount_micros": 100}}  # fmt: skip


def said(content: object, status: int = 200, **headers: str) -> Answer:
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(content).encode()


def problem(status: int, code: str, **more: object) -> Answer:
    retry = {"Retry_After": str(more.pop("retry_after"))} if "retry_after" in more else {}
    body = {"code": code, "detail": "no", "title": "No", "status": status, "request_id": "req_1", "errors": []}
    return said(body | more, status, **retry)


@pytest.fixture
def client(script: Script):
    with Client("my_live_x", script.url, script.url, retries=Retries(first_pause_s=0.01)) as made:
        yield made


def test_a_busy_platform_is_asked_again_with_the_same_idempotency_key(client, script):
    script.answer_with(problem(503, "ours:busy", retry_after=0), problem(429, "yours:rate-limited"), said(BUDGET, 201))
    assert client.budgets.create("a", 5).limit_micros == 5
    keys = [seen.headers["idempotency-key"] for seen in script.seen]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    script.answer_with(said(BUDGET, 201))
    client.budgets.create("a", 5)
    assert script.seen[-1].headers["idempotency-key"] != keys[0]


def test_a_post_that_was_cut_off_is_sent_again_but_a_patch_is_not(client, script):
    script.answer_with(CUT, said(BUDGET, 201))
    client.budgets.create("a", 5)
    assert len({seen.headers["idempotency-key"] for seen in script.seen}) == 1
    script.seen.clear()
    script.answer_with(CUT)
    with pytest.raises(NotReachable):
        client.budgets.change("bud_1", limit_micros=6)
    assert len(script.seen) == 1


def test_retries_end(client, script):
    script.answer_with(problem(503, "ours:busy", retry_after=0))
    with pytest.raises(ServerFailed) as caught:
        client.organisation()
    assert len(script.seen) == 5
    assert caught.value.request_id == "req_1"


def test_a_wait_longer_than_allowed_is_told_instead_of_slept(client, script):
    script.answer_with(problem(429, "yours:rate-limited", retry_after=3600))
    with pytest.raises(RateLimited) as caught:
        client.predict("iris", [{"a": 1}])
    assert caught.value.retry_after_s == 3600
    assert len(script.seen) == 1


def test_the_time_the_server_tells_is_kept_and_without_one_pauses_grow():
    retries = Retries(most=10, longest_wait_s=20, first_pause_s=1)
    told, untold = httpx.Response(503, headers={"Retry-After": "7"}), httpx.Response(503)
    assert retries.pause_s("GET", told, 0, 0) == 7
    assert retries.pause_s("GET", told, 0, 14) is None
    pauses = [retries.pause_s("GET", untold, repeats, 0) for repeats in range(4)]
    assert all(pause is not None and 2**n / 2 <= pause <= 2**n for n, pause in enumerate(pauses))
    assert retries.pause_s("GET", httpx.Response(500), 0, 0) is None


def test_a_problem_becomes_an_error_with_code_place_and_fix(client, script):
    errors = [{"location": "rows[0].age", "message": "is text", "fix": "Send a number."}]
    script.answer_with(problem(422, "yours:row-invalid", errors=errors))
    with pytest.raises(ModelyardError) as caught:
        client.predict("iris", [{"age": "old"}])
    error = caught.value
    assert (error.code, error.status, error.fix, error.errors) == ("yours:row-invalid", 422, "Send a number.", errors)
    assert "rows[0].age" in str(error)
    script.answer_with(problem(402, "yours:no-credit"))
    with pytest.raises(PaymentNeeded):
        client.predict("iris", [{"age": 1}])


def test_answers_of_something_else_are_errors_too(client, script):
    script.answer_with((502, {"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>"))
    with pytest.raises(ServerFailed, match="http:502"):
        client.organisation()
    script.answer_with(said({"hello": "world"}))
    with pytest.raises(ModelyardError, match="client:unexpected-answer"):
        client.organisation()


def test_nobody_there_is_told_with_the_address():
    url = f"http://127.0.0.1:{free_port()}"
    retries = Retries(most=1, first_pause_s=0.01)
    with Client("k", url, retries=retries) as client, pytest.raises(NotReachable, match=url):
        client.organisation()


def test_lists_follow_the_cursor_and_stop(client, script):
    page = {"data": [BUDGET], "has_more": True, "next_cursor": "abc"}
    script.answer_with(said(page), said({"data": [BUDGET | {"id": "bud_2"}], "has_more": False, "next_cursor": None}))
    assert [one.id for one in client.budgets.list()] == ["bud_1", "bud_2"]
    assert "cursor=abc" in script.seen[1].path
    assert len(script.seen) == 2


def test_a_repeated_upload_sends_the_whole_file_again(client, script):
    content, told = b"a,b\n" + b"1,2\n" * 50_000, []
    accepted = {"id": "bat_1", "state": "queued", "endpoint": None, "model_version": "v", "progress": 0, "rows": 0,
                "rows_done": 0, "rows_failed": 0, "cost_micros": 0, "error": None}  # fmt: skip
    script.answer_with(problem(503, "ours:busy", retry_after=0), said(accepted, 202))
    client.batches.start(
        endpoint="e", file=content, file_name="a.csv", progress=lambda done, whole: told.append((done, whole))
    )
    assert all(content in seen.body for seen in script.seen)
    assert told[-1] == (len(content), len(content))


def test_a_damaged_download_leaves_no_file(client, script, tmp_path):
    script.answer_with((200, {"Content-Type": "application/pdf", "X-Content-Sha256": "0" * 64}, b"half"))
    with pytest.raises(ModelyardError, match="client:damaged"):
        client.invoices.download_pdf("inv_1", tmp_path / "bill.pdf")
    assert list(tmp_path.iterdir()) == []


def test_a_broken_event_stream_is_taken_up_where_it_stopped(client, script, run_json):
    def block(state: str, number: int) -> bytes:
        return f"event: run\nid: {number}\ndata: {json.dumps(run_json | {'state': state})}\n\n".encode()

    stream = {"Content-Type": "text/event-stream", "Content-Length": "100000"}
    script.answer_with(
        (200, stream, b"retry: 2000\n\n: still here\n\n" + block("running", 1)),
        said(run_json),
        problem(503, "ours:busy"),
        said(run_json),
        (200, {"Content-Type": "text/event-stream"}, block("succeeded", 2) + b"event: end\nid: 2\ndata: {}\n\n"),
    )
    assert [run.state for run in client.runs.events("run_1", reconnect_s=0)] == ["running", "succeeded"]
    assert [seen.headers.get("last-event-id") for seen in script.seen] == [None, None, "1", None, "1"]


def test_waiting_ends_when_its_time_is_over(client, script):
    endpoint = {"id": "ep_1", "name": "e", "state": "starting", "state_detail": "", "latency_class": "realtime",
                "slo_ms": 1, "url": script.url, "limits": [], "deployments": []}  # fmt: skip
    script.answer_with(said(endpoint))
    with pytest.raises(WaitedTooLong):
        client.endpoints.wait("e", timeout_s=0.05)


def test_the_asynchronous_client_repeats_and_raises_alike(script):
    async def ask() -> list[str]:
        async with AsyncClient("k", script.url, script.url, retries=Retries(first_pause_s=0.01)) as client:
            answer = await client.predict("iris", [{"a": 1}])
            script.answer_with(problem(402, "yours:no-credit"))
            with pytest.raises(PaymentNeeded):
                await client.predict_text("iris", "hello")
            return answer.labels

    script.answer_with(CUT, problem(503, "ours:busy", retry_after=0), said(ANSWER))
    with ThreadPoolExecutor(1) as thread:  # where no other test's event loop runs
        assert thread.submit(asyncio.run, ask()).result() == ["a"]
    keys = [seen.headers["idempotency-key"] for seen in script.seen]
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]


@pytest.fixture
def run_json() -> dict[str, object]:
    return {"id": "run_1", "name": "", "dataset_version": "dsv_1", "task": "", "target": "", "state": "running",
            "progress": 0, "stage": "", "eta_seconds": None, "queue": None, "budget_seconds": 1, "max_cost_micros": 1,
            "cost_micros": 0, "currency": "EUR", "candidates": [], "metrics": {}, "baseline": {}, "energy_wh": 0,
            "error": None, "model_version": None, "created_at": "2026-01-01T00:00:00Z"}  # fmt: skip


def test_texts_and_images_go_in_the_bodies_that_the_data_plane_takes(client, script, tmp_path):
    png, jpeg = b"\x89PNG\r\n\x1a\n one", b"\xff\xd8 two"
    picture = tmp_path / "seven.png"
    picture.write_bytes(png)
    script.answer_with(said(ANSWER))
    client.predict.text("e", "schön")
    client.predict.images("e", [picture])
    client.predict.images("e", [picture, jpeg])
    client.predict.texts("e", ["a", "b"], column="review")
    kinds = [seen.headers["content-type"].split(";")[0] for seen in script.seen]
    assert kinds == ["text/plain", "image/png", "multipart/form-data", "application/json"]
    text, one, both, rows = (seen.body for seen in script.seen)
    assert (text.decode(), one) == ("schön", png)
    assert both.index(png) < both.index(jpeg)
    assert json.loads(rows) == {"rows": [{"review": "a"}, {"review": "b"}]}
