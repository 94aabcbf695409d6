"""A newcomer whose browser runs no script: sign up, upload, train, deploy, ask; plain forms and links all the way."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_journey import SOON_MS, sign_up
from tests.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A phone in the dark, without JavaScript."""
    viewport = {"width": 390, "height": 844}
    context = chromium.new_context(viewport=viewport, java_script_enabled=False, color_scheme="dark")  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(SOON_MS)
    yield page
    context.close()


def reload_until(page: Page, there: Locator, within_s: int) -> Locator:
    """What a person does where no script polls."""
    for _ in range(within_s):
        if there.count():
            break
        page.wait_for_timeout(1000)
        page.reload()
    return there


def test_the_road_to_a_prediction_needs_no_script(page: Page, stack: RunningStack):
    sign_up(page, stack, "noscript@example.com")
    page.get_by_role("button", name="Open the navigation").click()
    page.get_by_role("link", name="Datasets", exact=True).click()
    page.get_by_role("link", name="Upload data").click()
    page.get_by_label("File").set_input_files("examples/penguins/train.csv")
    page.get_by_label("Name").fill("By hand")
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("By hand")
    reload_until(page, page.get_by_role("link", name="Train a model"), 60).click()

    expect(page.locator("#estimate")).to_contain_text("Likely cost")
    page.get_by_label("Time budget in seconds").fill("10")
    page.get_by_text("More settings").click()
    page.get_by_label(re.compile("^Linear")).check()
    page.get_by_role("button", name="Start the run").click()
    expect(page.get_by_text("The run is queued")).to_be_visible()
    reload_until(page, page.get_by_role("link", name="See the model"), 120).click()

    page.get_by_role("link", name="Deploy", exact=True).click()
    page.get_by_label("Name").fill("by-hand")
    page.get_by_role("button", name="Deploy").click()
    reload_until(page, page.locator("#endpoint-state", has_text="Ready"), 45)
    page.get_by_role("link", name="Playground", exact=True).click()
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("[data-answer]")).to_have_text("Adelie")
    expect(page).to_have_title("by-hand · Polar Lab · Modelyard")  # a whole page, not a fragment


def test_a_refused_form_keeps_what_was_typed(page: Page, stack: RunningStack):
    page.goto(f"{stack.web_url}/accounts/signup/")
    page.get_by_label("Email").fill("short@example.com")
    page.get_by_label("Organisation").fill("Short Ltd")
    for name in ("password1", "password2"):
        page.locator(f"[name={name}]").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.locator(".errors").first).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("short@example.com")
    expect(page.get_by_label("Organisation")).to_have_value("Short Ltd")
