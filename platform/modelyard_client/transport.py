"""Sends calls over one pool of connections: key, retries, errors as exceptions, pages, downloads."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from modelyard_client.calls import Call, post_headers
from modelyard_client.errors import ModelyardError, error_of_answer, error_of_silence
from modelyard_client.retries import Retries
from modelyard_client.settings import Settings
from modelyard_client.shaping import A, shaped

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""


def session_options(settings: Settings, timeout_s: float) -> dict[str, Any]:
    """Keyword arguments for `httpx.Client` and `httpx.AsyncClient`."""
    headers = {"Authorization": f"Bearer {settings.api_key}", "User-Agent": "modelyard-client", "Accept": "*/*"}
    return {"headers": headers, "timeout": timeout_s, "follow_redirects": True}


class Transport:
    """The blocking way to the platform. Paths are those under /api/v1."""

    def __init__(self, settings: Settings, *, retries: Retries | None = None, timeout_s: float = 30.0) -> None:
        self.settings = settings
        self.retries = retries or Retries()
        self.http = httpx.Client(**session_options(settings, timeout_s))

    def address(self, path: str) -> str:
        return f"{self.settings.url}/api/v1{path}"

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON of a GET."""
        return self.send(Call("GET", self.address(path), params=params)).json()

    def post(self, path: str, body: Any = None, *, idempotency_key: str | None = None, **more: Any) -> Any:
        """Return the JSON of a POST; `more` are further fields of Call."""
        call = Call("POST", self.address(path), json=body, headers=post_headers(idempotency_key), **more)
        return self.send(call).json()

    def patch(self, path: str, body: Any) -> Any:
        return self.send(Call("PATCH", self.address(path), json=body)).json()

    def delete(self, path: str) -> None:
        self.send(Call("DELETE", self.address(path)))

    def pages(self, path: str, shape: type[A], **params: Any) -> Iterator[A]:
        """Yield all of a list, newest first, fetching a page when it is needed."""
        asked = {"limit": 100} | params
        while True:
            page = self.get(path, **asked)
            yield from (shaped(shape, one) for one in page["data"])
            if not page["has_more"]:
                return
            asked["cursor"] = page["next_cursor"]

    def send(self, call: Call) -> httpx.Response:
        """Return a 2xx answer, or raise a ModelyardError once retries are of no use."""
        repeats, waited_s = 0, 0.0
        while True:
            outcome = self._try(call)
            if isinstance(outcome, httpx.Response) and outcome.is_success:
                return outcome
            pause_s = self.retries.pause_s(call.method, outcome, repeats, waited_s)
            if pause_s is None:
                raise failure_of(outcome, call.url)
            time.sleep(pause_s)
            repeats, waited_s = repeats + 1, waited_s + pause_s

    def download(self, path: str, target: Path, *, sha256: str = "", progress: Progress | None = None) -> Path:
        """Write a file beside `target`, check its SHA-256 against the one told, then put it in its place."""
        partial = target.with_name(f"{target.name}.part{os.getpid()}")
        try:
            seen, told = self._fetch(path, partial, progress)
            if (sha256 or told) not in ("", seen):
                raise ModelyardError("client:damaged", f"{path} arrived damaged.", fix="Download it again.")
            return partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        self.http.close()

    def _fetch(self, path: str, partial: Path, progress: Progress | None) -> tuple[str, str]:
        digest, done = hashlib.sha256(), 0
        try:
            with self.http.stream("GET", self.address(path)) as response, partial.open("wb") as file:
                raise_for(response)
                whole = int(response.headers.get("Content-Length", 0))
                for piece in response.iter_bytes():
                    digest.update(piece)
                    done += file.write(piece)
                    if progress is not None:
                        progress(done, max(whole, done))
                return digest.hexdigest(), response.headers.get("X-Content-Sha256", "")
        except httpx.TransportError as error:
            raise error_of_silence(error, self.address(path)) from error

    def _try(self, call: Call) -> httpx.Response | httpx.TransportError:
        try:
            return self.http.request(**call.arguments())
        except httpx.TransportError as error:
            return error


def failure_of(outcome: httpx.Response | httpx.TransportError, url: str) -> ModelyardError:
    return error_of_answer(outcome) if isinstance(outcome, httpx.Response) else error_of_silence(outcome, url)


def raise_for(response: httpx.Response) -> None:
    """Raise the problem of a streamed answer that is not 2xx."""
    if not response.is_success:
        response.read()
        raise error_of_answer(response)
