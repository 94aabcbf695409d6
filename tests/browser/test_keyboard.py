"""A person who uses no pointer: every step by Tab, Enter, Space and arrows, with the focus in sight all the time."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Locator, Page, expect

from tests.browser.furnish import Furnished
from tests.stack import RunningStack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

MOST_TABS = 90
# What marks the focus: an outline or a ring, on the thing itself or on the tile around it.
_SHOWS_FOCUS = """async () => {
  await Promise.all(document.getAnimations().map((one) => one.finished));
  const marked = (one) => {
    const style = getComputedStyle(one);
    return (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow.includes("3px");
  };
  const here = document.activeElement;
  const box = here.getBoundingClientRect();
  const around = here.closest(".option, .drop");
  const inSight = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  return { marked: marked(here) || Boolean(around && marked(around)), inSight, what: here.outerHTML.slice(0, 160) };
}"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(45_000)
    yield page
    context.close()


def is_focused(thing: Locator) -> bool:
    return thing.count() > 0 and bool(thing.first.evaluate("(one) => one === document.activeElement"))


def tab_to(page: Page, thing: Locator) -> None:
    """Press Tab until `thing` has the focus; each stop on the way must show itself."""
    thing.first.wait_for()
    for _ in range(MOST_TABS):
        if is_focused(thing):
            return
        page.keyboard.press("Tab")
        seen = page.evaluate(_SHOWS_FOCUS)
        assert seen["marked"], f"the focus does not show on {seen['what']}"
        assert seen["inSight"], f"the focus is out of sight on {seen['what']}"
    raise AssertionError(f"{MOST_TABS} tabs do not reach {thing}")


def press(page: Page, thing: Locator, key: str = "Enter") -> None:
    tab_to(page, thing)
    page.keyboard.press(key)


def log_in(page: Page, furnished: Furnished) -> None:
    page.goto(f"{furnished.road.stack.web_url}/accounts/login/")
    tab_to(page, page.get_by_label("Email"))
    page.keyboard.type(furnished.road.account.email)
    tab_to(page, page.get_by_label("Password", exact=True))
    page.keyboard.type(furnished.road.account.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/o/**")


def test_a_newcomer_signs_up_takes_a_sample_and_starts_a_run(page: Page, stack: RunningStack):
    page.goto(stack.web_url)
    press(page, page.get_by_role("link", name="Sign up"))
    words = "correct horse battery"
    answers = {
        "Email": "keys@example.com",
        "Organisation": "Keyboard Club",
        "Password": words,
        "Password (again)": words,
    }
    for label, answer in answers.items():
        tab_to(page, page.get_by_label(label, exact=True))
        page.keyboard.type(answer)
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 of 5 done")).to_be_visible()
    press(page, page.get_by_role("button", name="Penguins"))
    press(page, page.get_by_role("link", name="Train a model"))

    tab_to(page, page.locator("#id_budget_seconds"))
    page.keyboard.press("Control+A")
    page.keyboard.type("600")
    press(page, page.get_by_role("button", name="Start the run"))
    questions: list[str] = []
    page.on("dialog", lambda dialog: _accept(dialog, questions))
    cancel = page.get_by_role("button", name="Cancel")
    cancel.wait_for()
    press(page, cancel)
    expect(page.get_by_text("Cancelled").or_(page.get_by_text("Stopping")).first).to_be_visible()
    assert questions == ["Cancel this run? What it has used so far is charged."]


def _accept(dialog: Dialog, questions: list[str]) -> None:
    questions.append(dialog.message)
    dialog.accept()


def test_the_first_tab_skips_the_navigation(page: Page, furnished: Furnished):
    log_in(page, furnished)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    assert is_focused(skip)
    assert page.evaluate(_SHOWS_FOCUS)["inSight"]
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.querySelector('main').contains(document.activeElement)")


def test_menus_open_and_close_and_give_the_focus_back(page: Page, furnished: Furnished):
    log_in(page, furnished)
    menu = page.locator("summary", has_text=furnished.road.account.email)
    press(page, menu, "Space")
    dark = page.get_by_role("button", name="Dark")
    press(page, dark)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.keyboard.press("Escape")
    expect(dark).to_be_hidden()
    assert is_focused(menu)

    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(page.url)
    opener = page.get_by_role("button", name="Open the navigation")
    press(page, opener)
    expect(page.get_by_role("link", name="Datasets", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Datasets", exact=True)).to_be_hidden()
    assert is_focused(opener)


def test_a_model_is_deployed_and_asked(page: Page, furnished: Furnished):
    log_in(page, furnished)
    page.goto(furnished.road.stack.web_url + furnished.screens["penguins: model"])
    press(page, page.get_by_role("link", name="Deploy", exact=True))
    tab_to(page, page.get_by_label("Name"))
    page.keyboard.press("Control+A")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    expect(page.locator("#endpoint-state")).to_have_text("Ready")
    press(page, page.get_by_role("link", name="Playground", exact=True))
    press(page, page.get_by_role("button", name="Predict"))
    expect(page.locator("[data-answer]")).to_have_text("Adelie")
