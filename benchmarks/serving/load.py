"""Loads one address with one request over N keep-alive connections: with `wrk` where it is installed, else in Python.

The Python generator (`python -m benchmarks.serving.load HOST PORT CONNECTIONS SECONDS`, requests on its input) is
slower than the quickest servers; figures above some 10,000 requests/s then say more about it than about them.
"""

import itertools
import json
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.asks import Ask

WRK = shutil.which("wrk")
GENERATOR = "wrk" if WRK else "the Python generator of this repository"
_LUA = """
local ready, turn = {}, 0

function init(arguments)
  local places = assert(loadfile("FOLDER/places.lua"))()
  local file = io.open("FOLDER/requests", "rb")
  for _, length in ipairs(places) do
    ready[#ready + 1] = file:read(length)
  end
  file:close()
end

function request()
  turn = turn % #ready + 1
  return ready[turn]
end

function done(summary, latency, requests)
  local broken = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format(
    '\\nTOLD {"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "failed": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + broken))
end
"""


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


def load(port: int, ask: Ask | list[Ask], connections: int, seconds: float) -> Told:
    """One request again and again, or several in turn."""
    requests = [one.raw() for one in (ask if isinstance(ask, list) else [ask])]
    return (
        _with_wrk(port, requests, connections, seconds) if WRK else _with_python(port, requests, connections, seconds)
    )


def _with_wrk(port: int, requests: list[bytes], connections: int, seconds: float) -> Told:
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder:
        Path(folder, "requests").write_bytes(b"".join(requests))
        lengths = ",".join(str(len(one)) for one in requests)
        Path(folder, "places.lua").write_text(f"return {{{lengths}}}")
        script = Path(folder, "ask.lua")
        script.write_text(_LUA.replace("FOLDER", folder))
        command = [str(WRK), "-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "10s"]
        command += ["-s", str(script), f"http://127.0.0.1:{port}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Told(**json.loads(done.stdout.partition("TOLD ")[2]))


def _with_python(port: int, requests: list[bytes], connections: int, seconds: float) -> Told:
    command = [sys.executable, "-m", "benchmarks.serving.load", "127.0.0.1", str(port), str(connections), str(seconds)]
    lengths = json.dumps([len(one) for one in requests]).encode()
    done = subprocess.run(command, input=lengths + b"\n" + b"".join(requests), capture_output=True, check=True)
    return Told(**json.loads(done.stdout))


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
    print(json.dumps(vars(generate((host, int(port)), int(connections), float(seconds), _read_requests()))))
