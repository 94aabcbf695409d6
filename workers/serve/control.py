"""The internal API of control as this node calls it: one method per call, blocking, used from worker threads."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from contracts.usage import LeaseClose, LeaseGrant, LeaseRequest, UsageAnswer
from contracts.wire import WireError, from_wire, to_wire

TIMEOUT_S = 2.0
USAGE_TIMEOUT_S = 30.0
PACKAGE_TIMEOUT_S = 60.0


class ControlAway(Exception):
    """Control did not answer, or answered with an error of its own: try again later."""


class ControlRefused(Exception):
    """Control answered no. `problem` is its problem details."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{status} {problem.get('code', '')} {problem.get('detail', '')}")
        self.status = status
        self.problem = problem


@dataclass(frozen=True)
class ServerTime:
    """When control looked at its clock, and what its clock said."""

    server_time_us: int


class Control:
    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=f"{url}/internal/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(TIMEOUT_S, pool=TIMEOUT_S),
            limits=httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=4.0),
            trust_env=False,
        )

    def close(self) -> None:
        self._client.close()

    def hello(self, body: dict[str, Any]) -> ServerTime:
        answer = self._json(self._send("POST", "/nodes/hello", body))
        return ServerTime(int(answer.get("server_time_us", 0)))

    def config(self, after: int) -> bytes | None:
        """Return the newer configuration as it came, or None."""
        response = self._send("GET", f"/config?after={after}")
        return None if response.status_code == 204 else response.content

    def lease(self, request: LeaseRequest) -> LeaseGrant:
        return self._read(LeaseGrant, self._send("POST", "/leases", to_wire(request)))

    def close_leases(self, message: LeaseClose) -> None:
        self._send("POST", "/leases/close", to_wire(message))

    def usage(self, body: bytes) -> UsageAnswer:
        # A transaction over thousands of records may take its time; giving up early would only repeat it.
        return self._read(UsageAnswer, self._send("POST", "/usage", body, USAGE_TIMEOUT_S))

    def status(self, body: dict[str, Any]) -> None:
        self._send("POST", "/serving/status", body)

    def requests(self, body: bytes) -> None:
        self._send("POST", "/requests", body, USAGE_TIMEOUT_S)

    def package(self, sha256: str, name: str, target: Path) -> None:
        """Stream one file of a package to `target`."""
        try:
            with self._client.stream("GET", f"/packages/{sha256}/{name}", timeout=PACKAGE_TIMEOUT_S) as response:
                if response.status_code != 200:
                    response.read()
                    self._refuse(response)
                with target.open("wb") as file:
                    for chunk in response.iter_bytes():
                        file.write(chunk)
        except httpx.HTTPError as error:
            raise ControlAway(f"{type(error).__name__}: {error}") from error

    def _send(self, method: str, path: str, body: Any = None, timeout_s: float = TIMEOUT_S) -> httpx.Response:
        content = body if isinstance(body, bytes) or body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} if content is not None else {}
        try:
            response = self._client.request(method, path, content=content, headers=headers, timeout=timeout_s)
        except httpx.HTTPError as error:
            raise ControlAway(f"{type(error).__name__}: {error}") from error
        if response.status_code >= 300:
            self._refuse(response)
        return response

    def _refuse(self, response: httpx.Response) -> None:
        if response.status_code >= 500:
            raise ControlAway(f"control answered {response.status_code}")
        try:
            problem = response.json()
        except ValueError:
            problem = {}
        raise ControlRefused(response.status_code, problem if isinstance(problem, dict) else {})

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            answer = orjson.loads(response.content)
        except orjson.JSONDecodeError as error:
            raise ControlAway(f"control sent no JSON: {error}") from error
        return answer if isinstance(answer, dict) else {}

    def _read(self, kind: type[Any], response: httpx.Response) -> Any:
        try:
            return from_wire(kind, self._json(response))
        except WireError as error:
            raise ControlAway(f"control sent something else: {error}") from error
