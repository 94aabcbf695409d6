"""A load generator in Python for machines without `wrk`: N keep-alive connections, one request each at a time.

    python -m benchmarks.serving.generate HOST PORT CONNECTIONS SECONDS    the lengths of the requests as JSON on the
                                                                           first line of the input, then the requests

It is slower than the quickest servers: figures above some 10,000 requests/s say more about it than about them.
It imports nothing heavy, because it is started for every load.
"""

import itertools
import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Told:
    """What one load saw. `failed` counts answers that are no 2xx and connections that broke."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int

    @property
    def good_rate(self) -> float:
        return max(self.requests - self.failed, 0) / self.seconds


class _Client:
    """One keep-alive connection, one request at a time."""

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes]) -> None:
        self._address, self._requests = address, requests
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(self._address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self) -> None:
        self.got = b""
        self.started_s = time.perf_counter()
        self.socket.sendall(next(self._requests))

    def receive(self) -> bool:
        """True when the answer is whole. Raises ConnectionError when the server hung up."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError
        self.got += part
        head, found, body = self.got.partition(b"\r\n\r\n")
        if not found:
            return False
        if b"chunked" in head.lower():
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= _length(head)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def generate(address: tuple[str, int], connections: int, seconds: float, requests: list[bytes]) -> Told:
    poller = select.epoll()
    clients: dict[int, _Client] = {}
    latencies: list[float] = []
    failed = 0
    turn = itertools.cycle(requests)

    def begin(client: _Client) -> None:
        clients[client.socket.fileno()] = client
        poller.register(client.socket.fileno(), select.EPOLLIN)
        client.send()

    began_s = time.perf_counter()
    for _ in range(connections):
        begin(_Client(address, turn))
    while time.perf_counter() < began_s + seconds:
        for number, _ in poller.poll(0.1):
            client = clients[number]
            try:
                if not client.receive():
                    continue
                latencies.append(time.perf_counter() - client.started_s)
                failed += not client.got.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2"))
                client.send()
            except ConnectionError:
                failed += 1
                poller.unregister(number)
                del clients[number]
                client.socket.close()
                client.connect()
                begin(client)
    elapsed_s = time.perf_counter() - began_s
    latencies.sort()
    half, most = (latencies[len(latencies) * share // 100] * 1000 if latencies else 0.0 for share in (50, 99))
    return Told(len(latencies), elapsed_s, half, most, failed)


def _read_requests() -> list[bytes]:
    lengths = json.loads(sys.stdin.buffer.readline())
    return [sys.stdin.buffer.read(length) for length in lengths]


if __name__ == "__main__":
    host, port, connections, seconds = sys.argv[1:5]
    print(json.dumps(asdict(generate((host, int(port)), int(connections), float(seconds), _read_requests()))))
