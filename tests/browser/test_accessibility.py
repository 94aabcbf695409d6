"""Every page in a real browser: axe finds nothing moderate, serious or critical, nothing is wider than the screen,
and no page is heavier than it may be."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page

from tests.apps.isolation_world import World, make_world
from tests.browser.in_process import HOST, InProcess
from tests.browser.looking import LOOKS, looked_at
from tests.browser.test_pages import PUBLIC, SHOWN, where
from tests.people import People

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MOST_BYTES = 300_000
OF_A_PERSON = ("/accounts/email/", "/accounts/password/change/", "/accounts/logout/", "/organisations/new", "/no-such")
OF_A_CODE = "/errors/yours/budget-exceeded"
_PARTS = ("/live", "/estimate", "/files/", "/image", "/result", ".py", "/pdf", "/json", ".jsonl")  # no pages


@pytest.fixture
def world(chromium_beside_django: Browser, people: People, storage: Any) -> World:
    return make_world(people)


@pytest.fixture
def opened(world: World, chromium_beside_django: Browser) -> Iterator[tuple[Page, InProcess]]:
    """A browser in which Alice is logged in, and what answers it."""
    client = Client()
    client.force_login(world.people.alice)
    context = chromium_beside_django.new_context(reduced_motion="reduce")
    answers = InProcess(context, client)
    yield context.new_page(), answers
    context.close()


def paths(world: World) -> list[str]:
    own = [where(world, pattern) for pattern in SHOWN if not any(part in pattern for part in _PARTS)]
    return [*PUBLIC, OF_A_CODE, *OF_A_PERSON, *own]


def test_every_page_is_accessible_fits_the_screen_and_is_light(world: World, opened: tuple[Page, InProcess]):
    page, answers = opened
    faults: dict[str, list[str]] = {}
    weights: dict[str, int] = {}
    for path in paths(world):
        page.goto(HOST + path)
        weights[path] = answers.bytes_since_last()
        if found := looked_at(page, LOOKS):
            faults[path] = found
    assert faults == {}
    assert {path: weight for path, weight in weights.items() if weight > MOST_BYTES} == {}
    assert min(weights.values()) > 50_000  # style sheets and a font at the least: the counting works


def test_what_is_wrong_is_noticed(chromium_beside_django: Browser):
    page = chromium_beside_django.new_page()
    page.set_content(
        '<html lang="en"><title>Faults</title><style>@media (max-width: 500px) { p { color: #aaa; background: #bbb } }'
        "div { width: 900px; height: 9px }</style><main><h1>Faults</h1><p>Hard to read</p><input><div>Wide</div></main>"
    )
    found = looked_at(page, LOOKS)
    page.close()
    assert [line.split(" (")[0] for line in found[:2]] == [
        "light, 1280 px: critical label",
        "dark, 390 px: serious color-contrast",
    ]
    assert found[2].startswith("dark, 390 px: sticks out of the screen: <div")
