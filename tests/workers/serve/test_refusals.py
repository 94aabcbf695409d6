"""Every refusal has its status, its stable code, and words that help."""

import json
import time
from typing import Any

import pytest

from contracts.serving import RatePolicy
from tests.workers.serve import models
from tests.workers.serve.conftest import Shop
from tests.workers.serve.test_predict import picture


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    for name in ("type", "title", "status", "detail", "code", "request_id", "errors"):
        assert name in body
    assert body["request_id"] == answer.headers["X-Request-Id"]
    return body


def test_without_a_good_key_nothing_opens(shop: Shop):
    for key in ("x", "my_live_short", shop.key[:-1] + "0", shop.key.replace("my_live", "my_test")):
        answer = shop.server.predict(key, "churn", {"age": 1})
        refused(answer, 401, "yours:not-authenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    in_address = shop.server.http.post(f"/v1/predict/churn?key={shop.key}", json={"rows": [{"age": 1}]})
    refused(in_address, 401, "yours:not-authenticated")


def test_expired_and_revoked_keys_are_told_so(shop: Shop):
    old = shop.control.key(shop.organisation, expires_at=time.time() - 1)
    gone = shop.control.key(shop.organisation)
    shop.server.publish()
    refused(shop.server.predict(old, "churn", {"age": 1}), 401, "yours:key-expired")
    assert shop.server.predict(gone, "churn", {"age": 1}).status_code == 200
    del shop.control.keys[gone.split("_")[2]]
    shop.server.publish()
    refused(shop.server.predict(gone, "churn", {"age": 1}), 401, "yours:key-revoked")


def test_scopes_lists_and_foreign_endpoints(shop: Shop):
    reader = shop.control.key(shop.organisation, scopes=["read"])
    narrow = shop.control.key(shop.organisation, endpoints=[shop.double.id])
    stranger = shop.control.key(shop.control.organisation())
    shop.server.publish()
    refused(shop.server.predict(reader, "churn", {"age": 1}), 403, "yours:not-allowed")
    refused(shop.server.predict(narrow, "churn", {"age": 1}), 403, "yours:not-allowed")
    assert shop.server.predict(narrow, "double", {"x": 1}).status_code == 200
    refused(shop.server.predict(stranger, "churn", {"age": 1}), 404, "yours:endpoint-unknown")
    refused(shop.server.predict(shop.key, "nothing", {"age": 1}), 404, "yours:endpoint-unknown")
    refused(shop.server.http.get("/nowhere"), 404, "yours:not-found")
    get = shop.server.http.get("/v1/predict/churn", headers={"Authorization": f"Bearer {shop.key}"})
    refused(get, 405, "yours:method-not-allowed")


def test_suspended_and_paused(shop: Shop):
    late = shop.control.organisation(suspended="The invoice of May is open")
    key = shop.control.key(late)
    shop.control.endpoint(late, "churn", models.classifier())
    shop.control.endpoint(shop.organisation, "asleep", models.classifier(), paused=True)
    shop.server.publish()
    refused(shop.server.predict(key, "churn", {"age": 1}), 402, "yours:suspended")
    refused(shop.server.predict(shop.key, "asleep", {"age": 1}), 409, "yours:endpoint-paused")


@pytest.mark.parametrize(
    ("body", "status", "code", "location"),
    [
        (b"{", 400, "yours:malformed", ""),
        (b"", 400, "yours:malformed", ""),
        (b'{"rows": [{"age": NaN}]}', 400, "yours:malformed", ""),
        (b'{"rows": [{"age": Infinity}]}', 400, "yours:malformed", ""),
        (b'{"rows": [{"age": 1, "age": 2}]}', 400, "yours:malformed", ""),
        (b'{"rows": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "yours:malformed", ""),
        (b"[]", 422, "yours:invalid", "body"),
        (b'{"row": []}', 422, "yours:invalid", "body"),
        (b'{"rows": []}', 422, "yours:invalid", "rows"),
        (b'{"rows": {"age": 1}}', 422, "yours:invalid", "rows"),
        (b'{"rows": [{"age": 1}], "extra": 1}', 422, "yours:invalid", "extra"),
        (b'{"rows": [3]}', 422, "yours:invalid", "rows"),
        (b'{"rows": [[]]}', 422, "yours:row-invalid", "rows[0]"),
        (b'{"rows": [{"age": 1}, {"age": "1,5"}]}', 422, "yours:row-invalid", "rows[1].age"),
        (b'{"rows": [{"age": "1.5"}]}', 422, "yours:row-invalid", "rows[0].age"),
        (b'{"rows": [{"age": true}]}', 422, "yours:row-invalid", "rows[0].age"),
        (b'{"rows": [{"age": [1]}]}', 422, "yours:row-invalid", "rows[0].age"),
        (b'{"rows": [{"age": 1e39}]}', 422, "yours:row-invalid", "rows[0].age"),
        (b'{"rows": [{"income": 1}]}', 422, "yours:row-invalid", "rows[0].age"),
        (b'{"rows": [{"age": null}]}', 422, "yours:row-invalid", "rows[0].age"),
        (b'{"rows": [{"age": 1, "colour": {}}]}', 422, "yours:row-invalid", "rows[0].colour"),
        (b'{"rows": [{"age": 1, "incom": 2}]}', 422, "yours:row-invalid", "rows[0].incom"),
    ],
)
def test_bad_bodies_are_told_where_and_what(shop: Shop, body: bytes, status: int, code: str, location: str):
    answer = refused(shop.server.post(shop.key, "churn", body, "application/json"), status, code)
    if location:
        assert [error["location"] for error in answer["errors"]] == [location]
        assert answer["errors"][0]["message"]
        assert answer["errors"][0]["fix"]


def test_colons_inside_texts_are_not_repeated_names(shop: Shop):
    body = json.dumps({"rows": [{"age": 1, "colour": 'a":b" : "c'}]}).encode()
    assert shop.server.post(shop.key, "churn", body, "application/json").status_code == 200


def test_content_types_that_do_not_fit(shop: Shop):
    refused(shop.server.post(shop.key, "churn", b"age\n1", "text/csv"), 415, "yours:unsupported-media")
    for media in ("application/octet-stream", "application/json", "image/gif"):
        refused(shop.server.post(shop.key, "photo", picture("red"), media), 415, "yours:unsupported-media")
    squeezed = shop.server.post(shop.key, "churn", b"{}", "application/json", Content_Encoding="gzip")
    refused(squeezed, 415, "yours:unsupported-media")


def test_broken_and_oversized_images(shop: Shop):
    good = picture("red", kind="JPEG", size=(300, 300))
    for body in (b"", b"no image", good[: len(good) // 2], picture("red", kind="GIF"), b"<svg></svg>"):
        refused(shop.server.post(shop.key, "photo", body, "image/jpeg"), 400, "yours:malformed")
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("1", (9000, 9000)).save(file, "PNG")
    refused(shop.server.post(shop.key, "photo", file.getvalue(), "image/png"), 422, "yours:image-pixels")


def test_too_much_is_refused_before_it_costs_anything(shop: Shop):
    rows = [{"age": 1}] * 10_001
    refused(shop.server.predict(shop.key, "churn", *rows), 413, "yours:too-large")
    start = b"POST /v1/predict/churn HTTP/1.1\r\nHost: x\r\n"
    assert shop.server.raw(start + b"Content-Length: 1000000000\r\n\r\nx").startswith(b"HTTP/1.1 413 ")
    unknown = shop.server.raw(start + b"Authorization: Bearer x\r\nContent-Length: 2000000\r\n\r\nx")
    assert unknown.startswith(b"HTTP/1.1 401 ")
    many = b"".join(b"X-%d: %b\r\n" % (number, b"y" * 1000) for number in range(40))
    assert shop.server.raw(start + many + b"\r\n").startswith(b"HTTP/1.1 431 ")
    assert shop.server.raw(b"POST /" + b"a" * 3000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 414 ")
    assert shop.server.raw(b"hello\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    key = shop.control.key(shop.organisation, policies=[RatePolicy("small", 10, 1, 5)])
    shop.server.publish()
    refused(shop.server.predict(key, "churn", *[{"age": 1}] * 6), 413, "yours:too-large")


def test_rate_is_429_with_a_retry_after_that_is_true(shop: Shop):
    key = shop.control.key(shop.organisation, policies=[RatePolicy("burst", 5, 5, 3), RatePolicy("hour", 9000, 3600)])
    shop.server.publish()
    answers = [shop.server.predict(key, "churn", {"age": 1}) for _ in range(5)]
    assert [answer.status_code for answer in answers][:3] == [200, 200, 200]
    last = answers[-1]
    refused(last, 429, "yours:rate-limited")
    assert '"burst";r=0;t=1' in last.headers["RateLimit"]
    assert last.headers["RateLimit-Policy"] == '"burst";q=5;w=5,"hour";q=9000;w=3600'
    time.sleep(int(last.headers["Retry-After"]))
    assert shop.server.predict(key, "churn", {"age": 1}).status_code == 200


def test_money_is_402_with_the_wallet_and_what_is_left(shop: Shop):
    poor = shop.control.organisation(balance=250)
    key = shop.control.key(poor)
    shop.control.endpoint(poor, "churn", models.classifier())
    shop.server.publish()
    assert [shop.server.predict(key, "churn", {"age": 1}).status_code for _ in range(2)] == [200, 200]
    body = refused(shop.server.predict(key, "churn", {"age": 1}), 402, "yours:budget-exhausted")
    assert body["wallet"] == poor.wallet
    assert body["available_micros"] == 50


def test_a_failed_inference_costs_nothing(shop: Shop):
    from tests.workers.serve.serving import wait_for

    org = shop.control.organisation(balance=1000)
    key = shop.control.key(org)
    shop.control.endpoint(org, "double", models.regressor(), price=100)
    shop.server.publish()
    for _ in range(20):
        refused(shop.server.predict(key, "double", {"x": 77}), 500, "ours:internal")
    assert shop.server.predict(key, "double", {"x": 1}).status_code == 200
    wait_for(lambda: any(record["organisation"] == org.id for record in shop.control.usage.values()))
    assert sum(record["organisation"] == org.id for record in shop.control.usage.values()) == 1
