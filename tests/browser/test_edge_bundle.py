"""index.html of an edge bundle in a real browser that may speak to nobody but the bundle's own folder."""

import http.server
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, sync_playwright

from apps.registry.edge_bundle import web_runtime
from apps.registry.models import ModelVersion
from apps.registry.services.build_edge_bundle import build_edge_bundle
from tests.apps.registry.conftest import credit  # noqa: F401  # a fixture
from tests.apps.registry.test_edge_bundle import get, version  # noqa: F401  # a fixture
from tests.browser.chromium import chromium_path, launch_chromium
from tests.people import People

OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(chromium_path() is None, reason="no Chromium is installed: apt-get install chromium"),
    pytest.mark.skipif(web_runtime() is None, reason="no ONNX Runtime for browsers: `make edge-runtime` installs it"),
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Requests are watched from the browser's side."""


@pytest.fixture
def folder(credit: People, version: ModelVersion, tmp_path: Path) -> Path:  # noqa: F811
    answer = get(credit, f"model-versions/{version.id}/files/edge.zip?runtime=wasm")
    zipfile.ZipFile(BytesIO(b"".join(answer.streaming_content))).extractall(tmp_path)
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


def verdict_at(address: str) -> tuple[str, str, list[str]]:
    """Verdict, details, and what was asked of anybody else; such requests get no answer.

    In a thread of its own: Playwright's loop would forbid the database to every later test of this thread.
    """
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(_looked_at, address).result()


def _looked_at(address: str) -> tuple[str, str, list[str]]:
    elsewhere: list[str] = []

    def guard(route: Route) -> None:
        if route.request.url.startswith(address):
            route.continue_()
        else:
            elsewhere.append(route.request.url)
            route.abort()

    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, OFFLINE)
        page = browser.new_page()
        page.route("**/*", guard)
        page.goto(address)
        page.wait_for_function("document.getElementById('verdict').textContent !== 'Checking…'", timeout=60_000)
        found = page.inner_text("#verdict"), page.inner_text("#details")
        browser.close()
    return *found, elsewhere


def test_the_page_proves_the_model_without_any_network_and_notices_another_model(address: str, folder: Path) -> None:
    verdict, details, elsewhere = verdict_at(address)
    assert (verdict, elsewhere) == ("PASS", []), details
    assert '"rows": 128' in details
    assert '"label_flips": 0' in details
    model = bytearray((folder / "model.onnx").read_bytes())
    model[len(model) // 2] ^= 1
    (folder / "model.onnx").write_bytes(model)
    verdict, details, elsewhere = verdict_at(address)
    assert (verdict, elsewhere) == ("FAIL", [])
    assert "not the file" in details


def test_without_the_runtime_the_page_says_what_to_put_beside_it(address: str, folder: Path) -> None:
    (folder / "ort.wasm.bundle.min.mjs").unlink()
    verdict, details, _ = verdict_at(address)
    assert verdict == "FAIL"
    assert "onnxruntime-web" in details


def test_the_runtime_is_only_in_bundles_that_ask_for_it(version: ModelVersion) -> None:  # noqa: F811
    plain, whole = build_edge_bundle(version), build_edge_bundle(version, with_runtime=True)
    assert whole["size_bytes"] - plain["size_bytes"] > 3_000_000
