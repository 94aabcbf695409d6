"""A customer's HTTP client: speaks REST to control and predictions to the data plane, and explains what goes wrong."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


class DemoFailed(RuntimeError):
    """A step did not work; the message says which and what the server answered."""


class Client:
    """One API key against one installation."""

    def __init__(self, web_url: str, serve_url: str, api_key: str) -> None:
        headers = {"Authorization": f"Bearer {api_key}"}
        self._web = httpx.Client(base_url=f"{web_url}/api/v1", headers=headers, timeout=60)
        self._serve = httpx.Client(base_url=serve_url, headers=headers, timeout=30)

    def is_welcome(self) -> bool:
        """Whether the key still works."""
        return self._web.get("/datasets", params={"limit": 1}).status_code == 200

    def get(self, path: str, **params: Any) -> Any:
        return _answer(self._web.get(path, params=params))

    def has(self, path: str) -> bool:
        """Whether there is something at this address."""
        return self._web.get(path).status_code == 200

    def everything(self, path: str, **params: Any) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        items: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = self.get(path, limit=100, **({"cursor": cursor} if cursor else {}), **params)
            items += page["data"]
            cursor = page.get("next_cursor")
            if not page.get("has_more") or not cursor:
                return items

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return _answer(self._web.post(path, json=body))

    def upload(self, path: str, file: Path) -> Any:
        with file.open("rb") as stream:
            return _answer(self._web.post(path, files={"file": (file.name, stream)}))

    def predict(self, endpoint: str, rows: list[dict[str, Any]]) -> Any:
        return _answer(self._serve.post(f"/v1/predict/{endpoint}", json={"rows": rows}))

    def predict_patiently(self, endpoint: str, rows: list[dict[str, Any]], within_s: float = 30) -> Any:
        """Predict; an endpoint that was just published may need a moment to reach the data plane."""
        deadline = time.monotonic() + within_s
        while True:
            answer = self._serve.post(f"/v1/predict/{endpoint}", json={"rows": rows})
            if answer.status_code not in (401, 402, 404, 503) or time.monotonic() > deadline:
                return _answer(answer)
            time.sleep(0.5)


def wait_for(look: Callable[[], T], done: Callable[[T], bool], *, within_s: float, what: str) -> T:
    """Look twice a second until `done`; raise DemoFailed after `within_s`."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if done(seen):
            return seen
        if time.monotonic() > deadline:
            raise DemoFailed(f"{what}: not within {within_s:.0f} s; last seen: {seen}")
        time.sleep(0.5)


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    request = response.request
    raise DemoFailed(f"{request.method} {request.url} answered {response.status_code}: {response.text[:800]}")
