"""A newcomer's road through the browser, on the whole platform: from sign-up to the charge on the bill."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

RUN_MS, SOON_MS = 180_000, 45_000


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(SOON_MS)
    yield page
    context.close()


def sign_up(page: Page, stack: RunningStack, email: str) -> None:
    page.goto(f"{stack.web_url}/accounts/signup/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Organisation").fill("Polar Lab")
    page.locator("[name=password1]").fill("correct horse battery")
    page.locator("[name=password2]").fill("correct horse battery")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_text("0 of 5 done")).to_be_visible()


def test_a_newcomer_gets_from_sign_up_to_the_charge(page: Page, stack: RunningStack):
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_up(page, stack, "newcomer@example.com")

    page.get_by_role("link", name="Datasets", exact=True).click()
    page.get_by_role("button", name="Penguins").click()
    page.get_by_role("link", name="Train a model").click(timeout=SOON_MS)

    expect(page.locator("#estimate")).to_contain_text("Likely cost")
    page.get_by_label("Time budget in seconds").fill("20")
    page.get_by_role("button", name="Start the run").click()
    page.get_by_role("link", name="See the model").click(timeout=RUN_MS)

    expect(page.get_by_text("held-out rows are answered right")).to_be_visible()
    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_role("button", name="Deploy").click()
    expect(page.locator("#endpoint-state")).to_have_text("Ready")

    page.get_by_role("link", name="Playground", exact=True).click()
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("[data-answer]")).to_have_text("Adelie")  # an Adelie's measures are in the form

    page.get_by_role("link", name="Usage and billing").click()
    expect(page.get_by_role("row", name="Training, seconds")).to_be_visible()
    line = page.get_by_role("row", name="Predictions: penguins")
    for _ in range(20):  # the server ships its journal within seconds
        if line.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    expect(line).to_contain_text("$0.0001")
    assert complaints == []
