"""Requests share a run without sharing their troubles; organisations take turns."""

import json
import threading

from tests.workers.serve.conftest import Shop
from workers.serve.fair_queue import FairQueue


def burst(shop: Shop, rows: list[dict[str, object]]) -> list[tuple[int, dict[str, object]]]:
    """One pipelined connection, so that all requests arrive in one turn of the event loop."""
    requests = b""
    for place, row in enumerate(rows):
        body = json.dumps({"rows": [row]}).encode()
        requests += (
            b"POST /v1/predict/double HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%b"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
            % (b"Connection: close\r\n" if place == len(rows) - 1 else b"", shop.key.encode(), len(body), body)
        )
    answers = []
    rest = shop.server.raw(requests)
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answers.append((int(head.split()[1]), json.loads(rest[:length])))
        rest = rest[length:]
    return answers


def test_a_row_of_the_wrong_type_fails_alone(shop: Shop):
    rows: list[dict[str, object]] = [{"x": number % 10} for number in range(32)]
    rows[13] = {"x": "three"}
    answers = burst(shop, rows)
    assert [status for status, _ in answers] == [200] * 13 + [422] + [200] * 18
    values = [body["predictions"][0]["value"] for status, body in answers if status == 200]
    assert values == [2.0 * (number % 10) for number in range(32) if number != 13]


def test_a_row_that_breaks_the_graph_fails_alone(shop: Shop):
    rows: list[dict[str, object]] = [{"x": number % 10} for number in range(32)]
    rows[5], rows[20] = {"x": 99}, {"x": -50}
    statuses = [status for status, _ in burst(shop, rows)]
    assert statuses == [500 if place in (5, 20) else 200 for place in range(32)]


def test_images_of_different_sizes_run_side_by_side(shop: Shop):
    from tests.workers.serve.test_predict import picture

    answers: list[str] = []

    def ask(side: int) -> None:
        answer = shop.server.post(shop.key, "photo", picture("red", (side, 20)), "image/png")
        answers.append(answer.json()["predictions"][0]["label"])

    threads = [threading.Thread(target=ask, args=(20 + number % 3,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["yes"] * 12


def test_a_flood_of_one_organisation_does_not_delay_another():
    queue = FairQueue()
    for number in range(100):
        queue.add("loud", ("loud", number), 1)
    queue.add("quiet", ("quiet", 0), 1)
    first = queue.take(16, 8)
    assert ("quiet", 0) in first
    assert [item for item in first if item[0] == "loud"] == [("loud", number) for number in range(15)]
    assert len(queue) == queue.rows == 101 - 16


def test_a_large_request_waits_for_its_turn_but_is_not_starved():
    queue = FairQueue()
    queue.add("large", "large", 50)
    for number in range(200):
        queue.add("small", number, 1)
    taken: list[object] = []
    while queue:
        taken += queue.take(16, 8)
    assert 0 < taken.index("large") < 100
    assert len(taken) == 201
