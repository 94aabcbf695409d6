"""Every component looks as it did when somebody last looked at it; `make snapshots` renews the pictures.

The pictures are those of the style page, whose contents never change: light on a desktop, dark on a phone.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Page

from tests.browser.in_process import HOST, InProcess

pytestmark = [pytest.mark.browser, pytest.mark.django_db]

FOLDER = Path(__file__).parent / "snapshots"
PIECES = ("words", "buttons", "states", "form", "table", "tiles", "charts", "code")
LOOKS: dict[str, dict[str, Any]] = {
    "light-desktop": {"viewport": {"width": 1000, "height": 800}, "color_scheme": "light"},
    "dark-phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
}
COLOURS = 128  # of a stored picture; keeps the folder small
MOST_DIFFERENT = 0.01  # share of the pixels
LEVELS = 40  # a channel may move so much before a pixel counts: fonts are smoothed a little differently elsewhere


@pytest.fixture(params=LOOKS)
def opened(request: pytest.FixtureRequest, chromium_beside_django: Browser) -> Iterator[tuple[str, Page]]:
    context = chromium_beside_django.new_context(**LOOKS[request.param], reduced_motion="reduce")
    InProcess(context, Client())
    page = context.new_page()
    page.goto(f"{HOST}/style")
    page.evaluate("() => document.fonts.ready")
    yield request.param, page
    context.close()


def small(picture: bytes) -> Image.Image:
    whole = Image.open(io.BytesIO(picture)).convert("RGB")
    return whole.quantize(COLOURS, dither=Image.Dither.NONE)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Share of the pixels that differ visibly; 1 where the sizes differ by more than a line's rounding."""
    if abs(one.width - other.width) > 2 or abs(one.height - other.height) > 4:
        return 1.0
    size = min(one.width, other.width), min(one.height, other.height)
    pair = [picture.convert("RGB").crop((0, 0, *size)) for picture in (one, other)]
    moved = ImageChops.difference(*pair).convert("L").point(lambda level: 255 * (level > LEVELS))
    return moved.histogram()[255] / (size[0] * size[1])


def test_the_components_look_as_before(opened: tuple[str, Page]):
    look, page = opened
    differing = {}
    for piece in PIECES:
        taken = small(page.locator(f"[data-piece={piece}]").screenshot())
        stored = FOLDER / f"{piece}-{look}.png"
        if os.environ.get("SNAPSHOTS") == "renew":
            FOLDER.mkdir(exist_ok=True)
            taken.save(stored, optimize=True)
        with Image.open(stored) as before:
            if (share := difference(before, taken)) > MOST_DIFFERENT:
                differing[stored.name] = f"{share:.1%} of the pixels differ"
    assert differing == {}, "look at /style; if it is meant so: make snapshots"


def test_a_changed_colour_or_size_is_noticed():
    plain = Image.new("RGB", (100, 50), "#1f5ad6")
    assert difference(plain, plain) == 0
    assert difference(plain, Image.new("RGB", (100, 50), "#bd2130")) == 1
    assert difference(plain, Image.new("RGB", (100, 60), "#1f5ad6")) == 1
