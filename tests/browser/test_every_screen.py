"""The long form of test_accessibility.py for `make test-all`: a running platform, real models, all four looks."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.furnish import Furnished
from tests.browser.looking import LOOKS, OTHER_LOOKS, looked_at
from tests.browser.screenshots import OF_A_PERSON, PUBLIC, log_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.environ.get("BROWSER") != "every", reason="long: BROWSER=every, as in make test-all"),
]

MOST_BYTES = 300_000


@pytest.fixture
def page(chromium: Browser, furnished: Furnished) -> Iterator[Page]:
    context = chromium.new_context(reduced_motion="reduce")
    page = context.new_page()
    account = furnished.road.account
    log_in(page, furnished.road.stack.web_url, account.email, account.password)
    yield page
    context.close()


def test_axe_finds_nothing_on_any_screen_with_real_data(page: Page, furnished: Furnished):
    faults = {}
    for name, path in (PUBLIC | OF_A_PERSON | furnished.screens).items():
        page.goto(furnished.road.stack.web_url + path)
        if found := looked_at(page, (*LOOKS, *OTHER_LOOKS)):
            faults[name] = found
    assert faults == {}


def test_no_screen_is_heavier_than_it_may_be_over_the_wire(page: Page, furnished: Furnished):
    """The bytes that the browser counts, headers included, with its cache switched off."""
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    received: list[float] = []
    wire.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    weights = {}
    for name, path in (PUBLIC | OF_A_PERSON | furnished.screens).items():
        received.clear()
        page.goto(furnished.road.stack.web_url + path)
        weights[name] = sum(received)
    assert {name: weight for name, weight in weights.items() if weight > MOST_BYTES} == {}
    assert min(weights.values()) > 50_000  # style sheets and a font at the least: the counting works
