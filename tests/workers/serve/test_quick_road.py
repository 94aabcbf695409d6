"""Requests whose head was seen before take the quick road: same answers, same money, and nobody hurts a neighbour."""

import json
import re
import socket
import time

import pytest

from tests.workers.serve.conftest import Shop
from tests.workers.serve.serving import wait_for

GOOD = {"age": 2, "income": 1.5, "colour": "red"}


def request(shop: Shop, *rows: object, key: str = "", body: bytes | None = None) -> bytes:
    body = json.dumps({"rows": rows}).encode() if body is None else body
    return b"%b%b" % (head(shop, len(body), key), body)


def head(shop: Shop, length: int, key: str = "") -> bytes:
    lines = f"POST /v1/predict/churn HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key or shop.key}\r\n"
    return f"{lines}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()


class Wire:
    """One connection, spoken to in bytes."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def ask(self, *pieces: bytes) -> tuple[int, dict[str, str], dict]:
        for piece in pieces:
            self.socket.sendall(piece)
            time.sleep(0.01 if len(pieces) > 1 else 0)
        return self.read()

    def read(self) -> tuple[int, dict[str, str], dict]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while line := self._file.readline().strip().decode():
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, json.loads(self._file.read(int(headers["content-length"])))


def is_quick(headers: dict[str, str]) -> bool:
    return re.fullmatch(r"req_[0-9a-f]+q[0-9a-f]+", headers["x-request-id"]) is not None


@pytest.fixture
def wire(shop: Shop) -> Wire:
    """A connection whose head for one good row is known."""
    wire = Wire(shop.server.port)
    for _ in range(2):
        assert wire.ask(request(shop, GOOD))[0] == 200
    return wire


def test_the_quick_answer_and_its_record_are_those_of_the_general_road(shop: Shop, wire: Wire):
    _, general, first = Wire(shop.server.port).ask(request(shop, GOOD).replace(b"Host: x", b"X-Request-Id: one"))
    status, quick, second = wire.ask(request(shop, GOOD))
    assert status == 200
    assert is_quick(quick)
    assert not is_quick(general)
    assert quick.keys() == general.keys()
    assert second["predictions"] == first["predictions"]
    assert second.keys() == first.keys()
    records = [wait_for(lambda a=a: shop.control.usage.get(a["usage"]["id"])) for a in (first, second)]
    for record in records:
        for own in ("id", "at_us"):
            record.pop(own)
    assert records[0] == records[1]


def test_a_body_sent_after_its_head_is_found_again(shop: Shop, wire: Wire):
    body = json.dumps({"rows": [GOOD]}).encode()
    status, headers, _ = wire.ask(head(shop, len(body)), body)
    assert status == 200
    assert is_quick(headers)
    status, headers, _ = wire.ask(head(shop, len(body)), body[:5], body[5:])
    assert status == 200
    assert not is_quick(headers)


def test_a_bad_row_is_told_to_its_sender_and_to_nobody_else(shop: Shop, wire: Wire):
    bad = {"age": "x", "income": 1.5, "colour": "r"}
    assert len(json.dumps(bad)) == len(json.dumps(GOOD))
    other = Wire(shop.server.port)
    before = len(shop.control.usage)
    wire.socket.sendall(request(shop, bad))
    other.socket.sendall(request(shop, GOOD))
    status, _, body = wire.read()
    assert (status, body["code"], body["errors"][0]["location"]) == (422, "yours:row-invalid", "rows[0].age")
    assert other.read()[0] == 200
    wait_for(lambda: len(shop.control.usage) > before)


def test_answers_leave_in_the_order_of_the_questions(shop: Shop, wire: Wire):
    questions = [{**GOOD, "age": sign * 9, "income": 1.5} for sign in (1, -1, 1, 1, -1)]
    for question in questions:
        wire.socket.sendall(request(shop, {**question, "colour": "off"}))
    labels = [wire.read()[2]["predictions"][0]["label"] for _ in questions]
    assert labels == ["yes", "no", "yes", "yes", "no"]


def test_a_revoked_key_is_refused_though_its_head_is_known(shop: Shop, wire: Wire):
    key = shop.control.key(shop.organisation)
    shop.server.publish()
    mine = Wire(shop.server.port)
    quick = [is_quick(mine.ask(request(shop, GOOD, key=key))[1]) for _ in range(3)]
    assert quick == [False, False, True]
    kid = next(kid for kid in shop.control.keys if kid in key)
    del shop.control.keys[kid]
    shop.server.publish()
    status, _, body = mine.ask(request(shop, GOOD, key=key))
    assert (status, body["code"]) == (401, "yours:key-revoked")


def test_a_client_that_never_sends_the_body_is_ended_not_kept(shop: Shop, wire: Wire):
    body = json.dumps({"rows": [GOOD]}).encode()
    wire.socket.sendall(head(shop, len(body)))
    time.sleep(0.05)
    wire.socket.shutdown(socket.SHUT_WR)
    assert wire.socket.recv(10) == b""
