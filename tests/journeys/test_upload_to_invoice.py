"""The whole road through HTTP and real processes: upload → train → export → serve → meter → bill, to the micro-unit."""

import hashlib
import math

import numpy as np
import onnxruntime
import pytest

from tests.road import EXAMPLES, Road, penguin_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CREDIT_MICROS = 5_000_000
PRICE_PREDICTION, PRICE_BATCH_ROW, PRICE_SECOND = 100, 20, 500  # the shipped price book, micro-dollars


@pytest.fixture(scope="module")
def road(stack):
    return Road(stack, stack.bootstrap("Journey", "journey@example.com", credit_micros=CREDIT_MICROS))


@pytest.fixture(scope="module")
def version(road):
    return road.upload(EXAMPLES / "penguins" / "train.csv")


@pytest.fixture(scope="module")
def run(road, version):
    started = road.start_run(version, families=["linear", "gradient_boosting"])
    assert started["state"] in ("queued", "running")
    return road.finished(started)


@pytest.fixture(scope="module")
def endpoint(road, run):
    return road.deploy("penguins", run["model_version"])


def test_the_upload_became_a_checked_version_with_types_and_a_target(version):
    types = {column["name"]: column["type"] for column in version["columns"]}
    assert version["rows"] == 275
    assert types["bill_length_mm"] == "number"
    assert types["island"] == "category"
    assert version["sha256"]


def test_the_run_beat_its_baseline_and_was_charged_by_the_second(run):
    assert run["state"] == "succeeded", run["error"]
    assert run["metrics"]["accuracy"] >= 0.95
    assert run["metrics"]["accuracy"] > run["baseline"]["accuracy"] + 0.2
    assert run["cost_micros"] == math.ceil(run["compute_seconds"]) * PRICE_SECOND
    assert run["cost_micros"] <= run["max_cost_micros"]
    assert len([c for c in run["candidates"] if c["state"] == "done"]) >= 2


def test_the_same_file_gives_the_same_answer_here_and_on_the_server(road, run, endpoint):
    path = f"/model-versions/{run['model_version']}/files"
    package = road.http.get(f"{path}/model.onnx").content
    manifest = road.get(f"{path}/manifest.json")
    assert hashlib.sha256(package).hexdigest() == manifest["model_sha256"]
    rows, truth = penguin_rows()
    session = onnxruntime.InferenceSession(package, providers=["CPUExecutionProvider"])
    here = session.run([manifest["meaning"]["label_tensor"]], _feeds(manifest, rows))[0].ravel().tolist()
    answer = road.ask(endpoint["name"], rows)
    there = [prediction["label"] for prediction in answer.json()["predictions"]]
    assert there == here
    assert np.mean([a == b for a, b in zip(there, truth, strict=True)]) >= 0.95
    assert answer.json()["usage"]["amount_micros"] == len(rows) * PRICE_PREDICTION


def test_a_batch_answers_every_row_and_charges_what_it_answered(road, endpoint):
    done, result = road.batch(endpoint["name"], (EXAMPLES / "penguins" / "test.csv").read_bytes(), name="test.csv")
    assert (done["rows_done"], done["rows_failed"]) == (69, 0)
    assert done["cost_micros"] == 69 * PRICE_BATCH_ROW
    _, truth = penguin_rows()
    assert len(result) == len(truth)


def test_a_retry_with_the_same_idempotency_key_is_charged_once(road, endpoint):
    rows, _ = penguin_rows()
    before = road.metered().get("predictions", 0)
    ids = {road.ask(endpoint["name"], rows[:2], **{"Idempotency-Key": "once"}).json()["usage"]["id"] for _ in range(3)}
    assert len(ids) == 1
    road.until(road.metered, lambda m: m.get("predictions", 0) >= before + 2, 20, "the usage")
    road.ask(endpoint["name"], rows[:1])  # shipped after the retries, so seeing it means they were seen too
    road.until(road.metered, lambda m: m.get("predictions", 0) >= before + 3, 20, "the usage")
    assert road.metered()["predictions"] == before + 3


def test_a_row_that_does_not_fit_is_refused_with_its_place_and_not_charged(road, endpoint):
    answer = road.ask(endpoint["name"], [{"bill_length_mm": "long"}])
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "yours:row-invalid"
    assert "bill_length_mm" in problem["errors"][0]["location"]
    assert "Usage-Id" not in answer.headers


def test_money_rate_and_strangers_are_told_apart(road, stack, endpoint):
    rows, _ = penguin_rows()
    stranger = stack.bootstrap("Strangers", "stranger@example.com")
    theirs = road.until(  # a new key reaches the data plane within seconds
        lambda: road.ask(endpoint["name"], rows[:1], key=stranger.api_key).status_code,
        lambda status: status != 401,
        10,
        "the stranger's key to be known",
    )
    assert theirs == 404
    assert road.ask(endpoint["name"], rows[:1], key="my_live_nonsense").status_code == 401

    limited = road.post("/keys", {"name": "limited", "scopes": ["predict"],
                                  "limits": [{"name": "tight", "quota": 3, "window_s": 3600}]})  # fmt: skip
    asked = lambda: road.ask(endpoint["name"], rows[:1], key=limited["secret"])  # noqa: E731
    road.until(lambda: asked().status_code, lambda status: status == 429, 20, "the limit to bite")
    refused = asked()
    assert refused.json()["code"] == "yours:rate-limited"
    assert int(refused.headers["Retry-After"]) > 0
    assert "RateLimit" in refused.headers

    poor = road.post("/keys", {"name": "poor", "scopes": ["predict"]})
    road.post(
        "/budgets", {"name": "five", "scope": "key", "scope_id": poor["id"], "limit_micros": 5 * PRICE_PREDICTION}
    )
    spent = []

    def ask_poor() -> int:
        answer = road.ask(endpoint["name"], rows[:1], key=poor["secret"])
        spent.append(answer.status_code)
        return answer.status_code

    road.until(ask_poor, lambda status: status == 402, 30, "the budget to be used up")
    assert spent.count(200) == 5  # the last unit can be spent, the one after it cannot


def test_the_bill_is_the_sum_of_what_happened_and_everything_reconciles(road, stack, run, endpoint):
    stack.restart("serve")  # drains: ships its journal and hands its leases back
    usage = road.until(
        lambda: road.get("/usage")["data"],
        lambda rows: {row["meter"] for row in rows} >= {"predictions", "batch_rows", "training_compute_seconds"},
        20,
        "all three meters",
    )
    total = sum(row["amount_micros"] for row in usage)
    by_meter = {row["meter"]: row for row in usage}
    assert by_meter["training_compute_seconds"]["amount_micros"] == run["cost_micros"]
    assert by_meter["batch_rows"]["amount_micros"] == 69 * PRICE_BATCH_ROW
    assert by_meter["predictions"]["amount_micros"] == by_meter["predictions"]["units"] * PRICE_PREDICTION
    draft = road.get("/invoices/draft")
    assert draft["total_micros"] == total
    assert sum(line["amount_micros"] for line in draft["lines"]) == total
    road.until(lambda: road.balance()["held_micros"], lambda held: held == 0, 20, "the leases to return")
    assert road.balance()["available_micros"] == CREDIT_MICROS - total
    assert road.balance()["spent_micros"] == total
    assert "0 differences" in stack.manage("reconcile")


def _feeds(manifest, rows):
    feeds = {}
    for column in manifest["columns"]:
        if not column["tensor"]:
            continue
        kind = next(tensor["datatype"] for tensor in manifest["inputs"] if tensor["name"] == column["tensor"])
        missing, dtype = ("", object) if kind == "BYTES" else (np.nan, np.float32)
        feeds[column["tensor"]] = np.array([[row.get(column["name"], missing)] for row in rows], dtype=dtype)
    return feeds
