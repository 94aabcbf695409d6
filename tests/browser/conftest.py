"""A real Chromium for the journeys through the browser, and an organisation with something in it."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.chromium import chromium_path, launch_chromium
from tests.browser.furnish import Furnished, furnish
from tests.road import Road

if TYPE_CHECKING:
    from tests.stack import RunningStack


@contextlib.contextmanager
def running_chromium() -> Iterator[Browser]:
    if chromium_path() is None:
        pytest.skip("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without one the browser journeys are skipped."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def chromium_beside_django(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """For tests that use the database in this process: Playwright's loop runs in the same thread, which Django takes
    for asynchronous code. The browser ends with the module, so that no other test meets that loop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        if asyncio._get_running_loop() is not None:  # the session's browser is there already
            yield request.getfixturevalue("chromium")
            return
        with running_chromium() as browser:
            yield browser


@pytest.fixture(scope="session")
def furnished(stack: "RunningStack", tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """The penguins' whole road on the shared stack, trained for a few seconds."""
    road = Road(stack, stack.bootstrap("Polar Institute", "polar@example.com"))
    return furnish(road, tmp_path_factory.mktemp("furnished"), samples=("penguins",), run_s=10)
