"""Pages of the test database in a real browser: each request of the browser is answered by Django's test client."""

import gzip
from mimetypes import guess_type
from pathlib import Path

from django.test import Client
from playwright.sync_api import BrowserContext, Route

ROOT = Path(__file__).resolve().parents[2]
HOST = "http://testserver"
_PACKED = ("text/", "application/javascript", "image/svg")  # what the platform sends gzipped


class InProcess:
    """Counts the bytes of what it answers, as they would travel: texts gzipped, fonts and pictures as they are."""

    def __init__(self, context: BrowserContext, client: Client) -> None:
        self._client = client
        self._bytes: dict[str, int] = {}
        context.route(f"{HOST}/**", self._answer)

    def bytes_since_last(self) -> int:
        """Sum of every different answer since this was asked last; nothing is cached between two pages."""
        total = sum(self._bytes.values())
        self._bytes = {}
        return total

    def _answer(self, route: Route) -> None:
        """GET only; redirects are followed here."""
        path = route.request.url.removeprefix(HOST)
        if path.startswith("/static/"):
            file = ROOT / path.lstrip("/").split("?")[0]
            body, kind = file.read_bytes(), guess_type(file.name)[0] or ""
            self._bytes[path] = _travelling(body, kind)
            route.fulfill(status=200, body=body, content_type=kind)
            return
        seen = self._client.get(path, follow=True, headers={"Accept": "text/html,*/*"})
        body = b"".join(seen) if seen.streaming else seen.content
        self._bytes[path] = _travelling(body, seen.headers.get("Content-Type", ""))
        route.fulfill(status=seen.status_code, headers=dict(seen.headers), body=body)


def _travelling(body: bytes, kind: str) -> int:
    return len(gzip.compress(body) if kind.startswith(_PACKED) else body)
