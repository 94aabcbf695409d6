"""Every page answers its owner, keeps to the strict content policy, and names only icons that are in the sprite."""

import gzip
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contracts.failures import FAILURES
from tests.apps.isolation_rows import PAGES, QUERIES
from tests.apps.isolation_world import World, make_world
from tests.apps.test_isolation import address
from tests.people import People

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/errors/", "/api/docs", "/style")
PUBLIC += ("/docs/", "/docs/tasks/tables", "/docs/search?q=budget")
SHOWN = sorted(pattern for pattern, row in PAGES.items() if "GET" in row)


class PolicyReader(HTMLParser):
    """Collects what `default-src 'self'` would block, labels without fields, images without words."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "style" or (tag == "script" and "src" not in found):
            self.faults.append(f"inline <{tag}>")
        self.faults += [f"{name} on <{tag}>" for name in found if name == "style" or name.startswith("on")]
        for name in ("src", "href"):
            if tag in ("script", "link", "img") and re.match(r"https?:|//", found.get(name) or ""):
                self.faults.append(f"<{tag}> from {found[name]}")
        if tag == "form" and not found.get("method"):
            self.faults.append(f"a form to {found.get('action') or 'its own page'} that says no method")
        if tag == "img" and "alt" not in found:
            self.faults.append("an image without words")
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "label" and found.get("for"):
            self.targets.append(str(found["for"]))


def faults_in(html: str) -> list[str]:
    reader = PolicyReader()
    reader.feed(html)
    twice = {name for name in reader.ids if reader.ids.count(name) > 1}
    return [
        *reader.faults,
        *(f"the id {name} is there twice" for name in sorted(twice)),
        *(f"a label for {name}, which is not there" for name in reader.targets if name not in reader.ids),
        *(f"an unfilled {mark}" for mark in ("{%", "{{") if mark in html),
    ]


@pytest.fixture
def world(people: People, storage: Any) -> World:
    return make_world(people)


@pytest.fixture
def alice(world: World) -> Client:
    client = Client()
    client.force_login(world.people.alice)
    return client


def where(world: World, pattern: str) -> str:
    query = QUERIES.get(pattern, "").format(**world.ids)
    return address(f"/o/{world.people.organisation.slug}/", pattern, world.ids) + query


@pytest.mark.parametrize("pattern", SHOWN)
def test_a_page_is_whole_for_its_owner_and_lets_a_viewer_change_nothing(pattern: str, world: World, alice: Client):
    whole = _shown(alice.get(where(world, pattern), follow=True))
    assert faults_in(whole) == []
    if PAGES[pattern]["GET"] == "read":
        viola = Client()
        viola.force_login(world.people.viola)
        posts = _forms(_shown(viola.get(where(world, pattern), follow=True)))
        own = [action for action in posts if not re.search(r"/members/\d+/remove$", action)]  # everybody may leave
        shown_without_a_button = re.compile(r"/(limits|pace|guard)$")
        assert [action for action in own if not shown_without_a_button.search(action)] == []


def _shown(answer: Any) -> str:
    """The page; nothing where the answer is no page."""
    assert answer.status_code in (200, 204)  # 204 with HX-Refresh: there is nothing live left to show
    is_page = answer.headers["Content-Type"].startswith("text/html")
    return answer.content.decode() if is_page else ""


def _forms(page: str) -> list[str]:
    return re.findall(r'<form[^>]*method="post"[^>]*action="(/o/[^"]+)"', page)


@pytest.mark.django_db
@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_keeps_the_policy(path: str):
    answer = Client().get(path)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert faults_in(answer.content.decode()) == []


@pytest.mark.django_db
def test_every_code_has_a_page_with_its_fix():
    client = Client()
    for failure in FAILURES.values():
        whose, name = failure.code.split(":")
        answer = client.get(reverse("failure", args=[whose, name]))
        assert answer.status_code == 200, failure.code
        assert failure.code in answer.content.decode()
    assert client.get("/errors/yours/made-up").status_code == 404


def test_a_refused_change_comes_back_as_a_message_with_its_code(world: World, alice: Client):
    """The endpoint has never had another set, so there is nothing to roll back to."""
    base = f"/o/{world.people.organisation.slug}/endpoints/{world.ids['endpoint']}/"
    answer = alice.post(f"{base}rollback", headers={"Referer": f"http://testserver{base}"}, follow=True)
    shown = answer.content.decode()
    assert "Nothing was deployed before" in shown
    assert "/errors/yours/state" in shown


def test_the_theme_is_remembered_and_never_leads_elsewhere(client: Client, db: None):
    answer = client.post("/theme", {"theme": "dark", "next": "//evil.example/"})
    assert answer.headers["Location"] == "/"
    assert 'data-theme="dark"' in client.get("/").content.decode()
    client.post("/theme", {"theme": "", "next": "/"})
    assert "data-theme" not in client.get("/").content.decode()


def test_pages_travel_gzipped_and_nothing_else_does(people: People, client: Client):
    client.force_login(people.alice)
    page = client.get("/errors/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["Content-Encoding"] == "gzip"
    assert b"Error codes" in gzip.decompress(page.content)
    assert "Content-Encoding" not in client.get("/errors/").headers
    assert "Content-Encoding" not in client.get("/api/v1/schema", headers={"Accept-Encoding": "gzip"}).headers


def test_every_icon_that_a_template_names_is_in_the_sprite():
    sprite = set(re.findall(r'<symbol id="([^"]+)"', (ROOT / "static/vendor/icons.svg").read_text()))
    templates = [path.read_text() for path in (ROOT / "templates").rglob("*.html")]
    named = {name for text in templates for name in re.findall(r'{% icon "([^"]+)"', text)}
    named |= set(re.findall(r'"([a-z0-9-]+)", "[a-z-]+:?[a-z-]*", \(', (ROOT / "apps/web/context.py").read_text()))
    assert named - sprite == set()


def test_the_console_alone_has_a_looser_policy(people: People, client: Client):
    people.alice.is_staff = people.alice.is_superuser = True
    people.alice.save()
    client.force_login(people.alice)
    answer = client.get("/console/")
    assert answer.status_code == 200
    assert "'unsafe-inline'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in client.get("/").headers["Content-Security-Policy"]
