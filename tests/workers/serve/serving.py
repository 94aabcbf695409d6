"""Starts the real server process against a SmallControl, and talks to it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import redis

from contracts.channels import CONFIG_CHANGED
from tests.workers.serve.small_control import TOKEN, SmallControl

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], Any], within_s: float = 15.0, what: str = "") -> Any:
    """Poll until the condition holds; fail by name."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        with contextlib.suppress(httpx.TransportError):
            if value := condition():
                return value
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s: {what or condition}")


class Serving:
    """One `python -m workers.serve`."""

    def __init__(self, control: SmallControl, folder: Path, redis_url: str = "", **environment: str) -> None:
        self.control = control
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=20, trust_env=False)
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SERVE_")},
            "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
            "CONTROL_URL": control.url,
            "NODE_TOKEN": TOKEN,
            "REDIS_URL": redis_url,
            "SERVE_PORT": str(self.port),
            "SERVE_DATA": str(folder),
            "SERVE_DRAIN_MS": "200",
            **environment,
        }
        self.start()

    def start(self) -> None:
        self._log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        command = [sys.executable, "-m", "workers.serve"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=self._environment, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def log(self) -> str:
        return (self.folder.parent / f"{self.folder.name}.log").read_text()

    def wait_ready(self) -> None:
        """Every published endpoint answers."""

        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.log()[-3000:]}")
            if self.http.get("/v2/health/ready").status_code != 200:
                return False
            return all(
                self.control.state(endpoint.id) == f"{self.control.revision}:ready"
                for endpoint in self.control.endpoints.values()
            )

        wait_for(ready, 20, f"the server to be ready: {self.log()[-2000:]}")

    def publish(self) -> None:
        """Publish what the control holds and wait until this server follows."""
        self.hint(self.control.publish())
        self.wait_ready()

    def hint(self, revision: int) -> None:
        """Ring the bell in Redis, as control does after publishing."""
        if self._environment["REDIS_URL"]:
            with redis.Redis.from_url(self._environment["REDIS_URL"]) as bell:
                bell.publish(CONFIG_CHANGED, revision)

    def predict(self, key: str, endpoint: str, *rows: dict[str, Any], **headers: str) -> httpx.Response:
        body = json.dumps({"rows": rows}).encode()
        return self.post(key, endpoint, body, "application/json", **headers)

    def post(self, key: str, endpoint: str, body: bytes, content_type: str, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {key}", "Content-Type": content_type}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/v1/predict/{endpoint}", content=body, headers=sent)

    def raw(self, data: bytes) -> bytes:
        """Send bytes and read until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(data)
            got = b""
            while part := client.recv(65536):
                got += part
        return got

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM and wait for the end of the drain."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=20)
        self.http.close()
        self._log.close()
        return code


@contextlib.contextmanager
def serving(control: SmallControl, folder: Path, redis_url: str = "", **environment: str) -> Iterator[Serving]:
    server = Serving(control, folder, redis_url, **environment)
    try:
        yield server
    finally:
        server.stop()
