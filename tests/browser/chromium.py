"""Debian's Chromium, with the flags that keep it quiet and its pictures the same."""

import shutil

from playwright.sync_api import Browser, Playwright

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
)


def chromium_path() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def launch_chromium(playwright: Playwright, *more: str) -> Browser:
    return playwright.chromium.launch(executable_path=chromium_path(), args=[*FLAGS, *more])
