"""What a server keeps of requests: only where it is asked to, whole, and never so that an answer waits."""

import asyncio
import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from contracts.keys import digest_key
from contracts.request_log import MOST_BODY_BYTES
from tests.workers.serve import explained_models, models
from tests.workers.serve.serving import wait_for
from tests.workers.serve.small_control import PEPPER
from workers.serve import request_log
from workers.serve.control import ControlAway
from workers.serve.request_log import RequestLog, Taken, as_wire


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(file, "PNG")
    return file.getvalue()


PNG = _png()


def test_an_endpoint_that_asks_has_its_requests_kept_and_another_has_not(world):
    control, server = world.control, world.server
    organisation = control.organisation()
    key = control.key(organisation)
    asks = control.endpoint(organisation, "kept", models.classifier(), log_share=1.0)
    control.endpoint(organisation, "private", models.classifier())
    photo = control.endpoint(organisation, "photo", models.image_classifier(), log_share=1.0)
    control.endpoint(organisation, "explained", explained_models.weighted({"a": 2.0, "b": -1.5}), log_share=1.0)
    server.publish()
    row = {"age": 30, "income": 2000, "colour": "red"}
    for _ in range(4):  # from the third on the head is known: both roads
        good = server.predict(key, "kept", row)
    server.predict(key, "private", row)
    bearer = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    why = server.http.post("/v1/explain/explained", content=b'{"rows":[{"a":1,"b":2}]}', headers=bearer)
    bad = server.post(key, "kept", b"{", "application/json")
    server.post(key, "photo", PNG, "image/png")

    def mine():
        return [one for one in control.requests if one["key"] == _key_id(control, key)]

    kept = wait_for(lambda: len(mine()) == 6 and mine(), what="the request log")
    assert good.status_code == 200
    assert why.status_code == 200
    assert sorted(one["endpoint"] for one in kept) == sorted([asks.id] * 5 + [photo.id])
    by_id = {one["request_id"]: one for one in kept}
    asked = by_id[good.headers["x-request-id"]]
    assert json.loads(base64.b64decode(asked["body"])) == {"rows": [row]}
    assert json.loads(asked["answer"]) == good.json()
    assert asked["model_version"] == good.json()["model_version"]
    assert asked["usage_id"] == good.json()["usage"]["id"]
    assert by_id[bad.headers["x-request-id"]]["status"] == bad.status_code
    image = next(one for one in kept if one["endpoint"] == photo.id)
    assert base64.b64decode(image["body"]) == PNG


def _key_id(control, key):
    return next(one.id for one in control.keys.values() if one.digest == digest_key(PEPPER, key))


class _Route:
    log_share = 1.0

    class endpoint:
        id = "ep_1"

    class key:
        id = "key_1"


OUT = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r\r\n\r\n{}"


class _Away:
    def __init__(self, times):
        self.times, self.posts = times, []

    def requests(self, body):
        self.posts.append(json.loads(body))
        if len(self.posts) <= self.times:
            raise ControlAway("away")


def test_what_does_not_fit_is_dropped_and_counted(monkeypatch):
    monkeypatch.setattr(request_log, "MOST_WAITING", 3)
    log = RequestLog(_Away(0), None)
    for _ in range(5):
        log.offer_quick(_Route, None, b"{}", OUT, 0.001, 1)
    assert log.dropped == 2


def test_while_control_is_away_the_same_requests_are_said_again():
    control = _Away(1)
    log = RequestLog(control, None)
    log.offer_quick(_Route, None, b"{}", OUT, 0.001, 1)
    with ThreadPoolExecutor(1) as thread:  # where browser tests ran before, this one has a loop already
        for _ in range(2):
            thread.submit(asyncio.run, log.ship()).result()
    assert len(control.posts) == 2
    assert control.posts[0] == control.posts[1]


def test_a_long_question_is_kept_without_its_body():
    taken = Taken(_Route, None, b"x" * (MOST_BODY_BYTES + 1), OUT, 0.001, 1)
    wire = as_wire(taken)
    assert wire["is_cut"]
    assert wire["body"] == ""
    assert wire["request_id"] == "r"
