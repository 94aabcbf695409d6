"""What is wrong with an open page in each look: light and dark, desktop and phone."""

from typing import Any

from playwright.sync_api import Page

from tests.browser.accessibility import findings, overflow

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS: tuple[tuple[Any, Any], ...] = (("light", DESKTOP), ("dark", PHONE))
OTHER_LOOKS: tuple[tuple[Any, Any], ...] = (("dark", DESKTOP), ("light", PHONE))


def looked_at(page: Page, looks: tuple[tuple[Any, Any], ...]) -> list[str]:
    """One line for each finding of axe and each thing that sticks out. The page is not loaded again; what no look can
    change is asked in the first one alone."""
    found = []
    for place, (scheme, viewport) in enumerate(looks):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(viewport)
        found += [
            f"{scheme}, {viewport['width']} px: {line}"
            for line in findings(page, only_by_look=place > 0) + overflow(page)
        ]
    return found
