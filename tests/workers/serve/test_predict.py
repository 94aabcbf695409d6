"""A key, a row, a prediction, a usage record: the happy road for tables and images."""

import io
import json

import httpx
import pytest
from PIL import Image

from tests.workers.serve.conftest import Shop
from tests.workers.serve.serving import wait_for


def picture(colour: str, size: tuple[int, int] = (40, 30), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def test_rows_become_labels_probabilities_and_a_usage_record(shop: Shop):
    answer = shop.server.predict(shop.key, "churn", {"age": 2, "income": 1.5}, {"age": -3, "colour": "blue"})
    assert answer.status_code == 200
    body = answer.json()
    assert [one["label"] for one in body["predictions"]] == ["yes", "no"]
    assert body["predictions"][0]["probabilities"]["yes"] == pytest.approx(0.9707, abs=1e-4)
    assert body["usage"] == {"id": answer.headers["Usage-Id"], "units": 2, "amount_micros": 200}
    assert body["model_version"] == answer.headers["Model-Version"] == shop.churn.deployments[0].model_version
    assert body["latency_ms"] > 0
    record = wait_for(lambda: shop.control.usage.get(body["usage"]["id"]))
    assert record["units"] == 2
    assert record["amount_micros"] == 200
    assert record["organisation"] == shop.organisation.id
    assert record["endpoint"] == shop.churn.id
    assert record["model_version"] == body["model_version"]
    assert list(record["leases"]) == [shop.organisation.wallet]


def test_a_regression_answers_values(shop: Shop):
    answer = shop.server.predict(shop.key, "double", {"x": 3}, {"x": 4.0})
    assert [one["value"] for one in answer.json()["predictions"]] == [6.0, 8.0]
    assert answer.json()["usage"]["amount_micros"] == 14


def test_missing_unknown_and_differently_spelt_values(shop: Shop):
    rows = [
        {"age": 1, "income": None, "colour": None},
        {"age": -1, "colour": "never seen", "note": "is ignored", "target": "no"},
        {"age": -1, "colour": True},
        {"age": -1, "colour": 7},
        {"age": -1, "colour": "red", "income": 0},
    ]
    answer = shop.server.predict(shop.key, "churn", *rows)
    assert [one["label"] for one in answer.json()["predictions"]] == ["yes", "no", "no", "no", "yes"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_body_is_decoded_and_classified(shop: Shop, kind: str):
    media = f"image/{kind.lower()}"
    for colour, label in (("red", "yes"), ("blue", "no")):
        answer = shop.server.post(shop.key, "photo", picture(colour, kind=kind), media)
        assert answer.status_code == 200, answer.text
        assert answer.json()["predictions"][0]["label"] == label
        assert answer.json()["usage"]["units"] == 1


def test_a_rotated_photo_is_turned_upright_before_the_model_sees_it(shop: Shop):
    from workers.serve.images import decode_image

    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    assert decode_image(file.getvalue()).shape == (1, 40, 20, 3)


def test_the_same_idempotency_key_is_charged_once(shop: Shop):
    row = {"age": 5}
    first = shop.server.predict(shop.key, "churn", row, Idempotency_Key="order-1")
    second = shop.server.predict(shop.key, "churn", row, Idempotency_Key='"order-1"')
    assert first.headers["Usage-Id"] == second.headers["Usage-Id"]
    wait_for(lambda: first.headers["Usage-Id"] in shop.control.usage)
    other = shop.server.predict(shop.key, "churn", {"age": 6}, Idempotency_Key="order-1")
    assert other.status_code == 422
    assert other.json()["code"] == "yours:idempotency-reuse"


def test_rate_headers_count_down_and_the_request_id_comes_back(shop: Shop):
    from contracts.serving import RatePolicy

    key = shop.control.key(shop.organisation, policies=[RatePolicy("minute", 60, 60, 10)])
    shop.server.publish()
    first = shop.server.predict(key, "churn", {"age": 1}, X_Request_Id="mine-1")
    second = shop.server.predict(key, "churn", {"age": 1})
    assert first.headers["X-Request-Id"] == "mine-1"
    assert first.headers["RateLimit-Policy"] == '"minute";q=60;w=60'
    assert first.headers["RateLimit"].startswith('"minute";r=9;t=')
    assert second.headers["RateLimit"].startswith('"minute";r=8;t=')


def test_pipelined_requests_are_answered_in_order(shop: Shop):
    request = b""
    for value in range(8):
        body = json.dumps({"rows": [{"x": value}]}).encode()
        request += (
            b"POST /v1/predict/double HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (shop.key.encode(), len(body), body)
        )
    got = shop.server.raw(request + b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    values = [float(part.split(b"}")[0]) for part in got.split(b'"value":')[1:]]
    assert values == [2.0 * value for value in range(8)]
    assert got.rindex(b'"live":true') > got.rindex(b'"value":')


def test_health_and_metrics_need_no_key(shop: Shop):
    assert shop.server.http.get("/v2/health/live").json() == {"live": True, "ready": True}
    assert shop.server.http.get("/v2/health/ready").status_code == 200
    shop.server.predict(shop.key, "churn", {"age": 1})
    text = httpx.get(f"{shop.server.url}/metrics").text
    assert 'serve_answers_total{process="0",status="200"}' in text
    assert 'serve_redis_up{process="0"} 1' in text
