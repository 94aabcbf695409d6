"""`make screenshots`: every screen with real data, on a desktop, in the dark and on a phone, as one contact sheet."""

import argparse
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from apps.datasets.samples import SAMPLES
from tests.browser.chromium import launch_chromium
from tests.browser.contact_sheet import write_sheet
from tests.browser.furnish import Furnished, furnish
from tests.road import EXAMPLES, Road
from tests.stack import RunningStack, running_stack

ROOT = Path(__file__).resolve().parents[2]
VIEWS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 800}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "device_scale_factor": 2},
}
PUBLIC = {
    "landing": "/",
    "log in": "/accounts/login/",
    "sign up": "/accounts/signup/",
    "password reset": "/accounts/password/reset/",
    "error codes": "/errors/",
    "error code": "/errors/yours/budget-exceeded",
    "api reference": "/api/docs",
    "not found": "/no-such-page",
}
OF_A_PERSON = {
    "e-mail addresses": "/accounts/email/",
    "change password": "/accounts/password/change/",
    "new organisation": "/organisations/new",
}
OF_AN_OPERATOR = {
    "console": "/console/",
    "console revenue": "/console/money/",
    "console corrections": "/console/money/corrections",
    "console runs": "/console/training/run/",
}
OPERATOR, PASSWORD = "operator@example.com", "correct horse battery"
EMPTY = ("", "datasets/", "runs/", "runs/new", "models/", "endpoints/", "batches/", "keys/", "usage/", "webhooks/")


def main() -> int:
    """Start the platform, furnish it, take the pictures, stop."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("--samples", nargs="*", default=list(SAMPLES), choices=list(SAMPLES))
    parser.add_argument("--seconds", type=int, default=20, help="training budget of each sample")
    parser.add_argument("--views", nargs="*", default=list(VIEWS), choices=list(VIEWS))
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "screenshots")
    chosen = parser.parse_args()
    with running_stack() as stack, tempfile.TemporaryDirectory() as scratch:
        road = Road(stack, stack.bootstrap("Polar Institute", "polar@example.com", credit_micros=50_000_000))
        done = furnish(road, Path(scratch), samples=tuple(chosen.samples), run_s=chosen.seconds)
        sheet = photograph(stack, done, chosen.out, chosen.views)
    print(f"{sheet}")
    return 0


def photograph(stack: RunningStack, done: Furnished, out: Path, views: list[str]) -> Path:
    """Every screen in each of `views`; returns the contact sheet."""
    for own in (*VIEWS, "small"):  # never the folder itself: it may hold somebody's other things
        shutil.rmtree(out / own, ignore_errors=True)
    empty = stack.bootstrap("Newcomers", "newcomer@example.com")
    operator = stack.manage(
        "bootstrap", "--org", "Operators", "--email", OPERATOR, "--password", PASSWORD, "--operator"
    )
    assert OPERATOR in operator
    blank = {f"empty: {path.strip('/') or 'overview'}": f"/o/{empty.slug}/{path}" for path in EMPTY}
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        for view in views:
            settings, folder = VIEWS[view], out / view
            folder.mkdir(parents=True)
            shoot(browser, settings, stack.web_url, PUBLIC, folder)
            account = done.road.account
            shoot(browser, settings, stack.web_url, OF_A_PERSON | done.screens, folder, account.email, account.password)
            shoot(browser, settings, stack.web_url, blank, folder, empty.email, empty.password)
            shoot(browser, settings, stack.web_url, OF_AN_OPERATOR, folder, OPERATOR, PASSWORD)
        browser.close()
    names = [file_name(name) for name in (*PUBLIC, *OF_A_PERSON, *done.screens, *blank, *OF_AN_OPERATOR)]
    return write_sheet(out, names, views)


def shoot(
    browser: Browser,
    settings: dict[str, Any],
    base: str,
    screens: dict[str, str],
    folder: Path,
    email: str = "",
    password: str = "",
) -> None:
    """One picture per screen, signed in when an address is given."""
    context = browser.new_context(**settings)
    page = context.new_page()
    if email:
        log_in(page, base, email, password)
    for name, path in screens.items():
        page.goto(base + path)
        if name.endswith("playground"):
            _ask(page)
        page.screenshot(path=folder / f"{file_name(name)}.png", full_page=True)
    context.close()


def log_in(page: Page, base: str, email: str, password: str) -> None:
    page.goto(f"{base}/accounts/login/")
    page.locator("[name=login]").fill(email)
    page.locator("[name=password]").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/o/**")


def file_name(screen: str) -> str:
    return screen.replace(": ", "-").replace(" ", "-").replace("/", "-")


def _ask(page: Page) -> None:
    file = page.locator("input[type=file]")
    if file.count():
        file.set_input_files(_a_digit())  # type: ignore[arg-type]
    page.get_by_role("button", name="Predict").click()
    page.locator("[data-answer]").first.wait_for(timeout=20_000)


def _a_digit() -> dict[str, Any]:
    """One image of the shipped digits."""
    with zipfile.ZipFile(EXAMPLES / "digits" / "test.zip") as archive:
        name = next(name for name in archive.namelist() if name.endswith(".png"))
        return {"name": "digit.png", "mimeType": "image/png", "buffer": archive.read(name)}


if __name__ == "__main__":
    sys.exit(main())
