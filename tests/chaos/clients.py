"""Clients that remember when they asked and what they were told: the oracle that the books are compared with."""

import asyncio
import contextlib
import http.client
import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

BROKEN = 0  # the status of an answer that never came


@dataclass(frozen=True)
class Told:
    sent_s: float  # monotonic
    answered_s: float
    status: int
    usage_id: str
    version: str
    key: str = ""  # Idempotency-Key

    @property
    def took_ms(self) -> float:
        return (self.answered_s - self.sent_s) * 1000


class TimedCrowd:
    """`size` threads that ask one endpoint on keep-alive connections, `per_s` times a second each (0: at once)."""

    def __init__(self, port: int, key: str, endpoint: str, size: int, row: dict[str, Any], per_s: float = 0.0) -> None:
        self.told: list[Told] = []
        self._address = ("127.0.0.1", port)
        self._path = f"/v1/predict/{endpoint}"
        self._body = json.dumps({"rows": [row]})
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._pause_s = 1 / per_s if per_s else 0.0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, daemon=True) for _ in range(size)]

    def __enter__(self) -> "TimedCrowd":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def good(self) -> list[Told]:
        return [one for one in self.told if one.status == 200]

    def statuses(self) -> Counter[int]:
        return Counter(one.status for one in self.told)

    def between(self, begin_s: float, end_s: float) -> list[Told]:
        """Those sent in this span."""
        return [one for one in self.told if begin_s <= one.sent_s < end_s]

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=15)
        while not self._stop.is_set():
            one = self.ask_once(connection, self._headers)
            self.told.append(one)
            if one.status == BROKEN:
                self._stop.wait(0.02)
            elif self._pause_s:
                self._stop.wait(self._pause_s)
        connection.close()

    def ask_once(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> Told:
        sent_s, key = time.monotonic(), headers.get("Idempotency-Key", "")
        try:
            connection.request("POST", self._path, self._body, headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            return Told(sent_s, time.monotonic(), BROKEN, "", "", key)
        told = answer.headers
        usage, version = told.get("Usage-Id", ""), told.get("Model-Version", "")
        return Told(sent_s, time.monotonic(), answer.status, usage, version, key)


class RetryingCrowd(TimedCrowd):
    """Each request has an Idempotency-Key and is sent again until it is answered with 200."""

    def __init__(self, *arguments: Any, seed: int, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._random = random.Random(seed)
        self._lock = threading.Lock()

    def _ask_on(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=15)
        while not self._stop.is_set():
            with self._lock:
                key = f"{self._random.getrandbits(96):x}"
            self._until_answered(connection, self._headers | {"Idempotency-Key": key})
        connection.close()

    def _until_answered(self, connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
        end_s = time.monotonic() + 30
        while time.monotonic() < end_s:
            one = self.ask_once(connection, headers)
            self.told.append(one)
            if one.status == 200:
                return
            time.sleep(0.02)


def percentile_ms(told: list[Told], share: float) -> float:
    times = sorted(one.took_ms for one in told)
    return times[min(int(len(times) * share), len(times) - 1)] if times else 0.0


def offer(port: int, key: str, endpoint: str, row: dict[str, Any], per_s: float, for_s: float) -> list[Told]:
    """An open loop: requests leave on time whether or not the earlier ones are answered."""
    return asyncio.run(_offer(port, _request(key, endpoint, row), per_s, for_s))


def _request(key: str, endpoint: str, row: dict[str, Any]) -> bytes:
    body = json.dumps({"rows": [row]}).encode()
    head = (
        f"POST /v1/predict/{endpoint} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nX-Deadline-Ms: 1000\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _offer(port: int, request: bytes, per_s: float, for_s: float) -> list[Told]:
    told: list[Told] = []
    idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    under_way: set[asyncio.Task[None]] = set()

    async def ask() -> None:
        sent_s = time.monotonic()
        status = BROKEN
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length[15:]))
            status = int(head[9:12])
            idle.append((reader, writer))
        told.append(Told(sent_s, time.monotonic(), status, "", ""))

    began_s, sent = time.monotonic(), 0
    while (passed_s := time.monotonic() - began_s) < for_s:
        due = int(passed_s * per_s) - sent
        for _ in range(due):
            task = asyncio.create_task(ask())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        sent += due
        await asyncio.sleep(0.002)
    await asyncio.gather(*under_way)
    for _, writer in idle:
        writer.close()
    return told
