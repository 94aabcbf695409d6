"""The manual: every file has a place and a page, every link and anchor leads somewhere, code parses, search finds."""

import ast
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from django.test import Client
from django.urls import Resolver404, resolve

from apps.web.docs.addresses import InTheProduct, file_name
from apps.web.docs.catalogue import FOLDER, files, sections
from apps.web.docs.markdown import anchor, render
from apps.web.docs.pages import page, title_of
from apps.web.docs.search import search
from apps.web.docs.write_site import write_site

FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
WRITTEN_LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")


class Links(HTMLParser):
    """The ids of a page, and what its links, pictures and style sheets name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.named: list[str] = []
        self.empty = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.ids |= {found["id"] or ""} if "id" in found else set()
        self.named += [value for name in ("href", "src") if (value := found.get(name))]
        self.empty += tag == "img" and "src" not in found


def test_every_file_has_a_place_or_stands_behind_an_index():
    listed = [slug for slugs in sections().values() for slug in slugs]
    assert len(listed) == len(set(listed))
    behind = set(files()) - set(listed)
    for slug in behind:
        index = (FOLDER / slug).parent / "README.md"
        assert f"]({Path(slug).name}.md)" in index.read_text(), f"{slug} is in no list"
    assert {"", "tasks/tables", "concepts/budgets", "operations/install", "errors", "decisions"} <= set(listed)


def test_every_link_of_the_manual_leads_somewhere():
    pages = {slug: Links(page(slug, InTheProduct()).html) for slug in files()}
    by_address = {InTheProduct().page(slug, ""): links for slug, links in pages.items()}
    broken = []
    for slug, links in pages.items():
        broken += [f"{slug}: a picture that is not there"] * links.empty
        for named in links.named:
            if named.startswith(("http://", "https://", "mailto:")):
                continue
            address, fragment = urldefrag(named)
            target = by_address.get(address) if address else links
            is_there = target is not None or _is_an_address(address)
            if not is_there or (fragment and (target is None or fragment not in target.ids)):
                broken.append(f"{slug}: {named}")
    assert broken == []


def test_links_to_other_files_of_the_repository_are_right():
    broken = []
    for slug, path in files().items():
        for link in WRITTEN_LINK.findall(FENCE.sub("", path.read_text())):
            if not link.startswith(("http", "mailto:", "#", "/")) and not (path.parent / urldefrag(link)[0]).exists():
                broken.append(f"{slug}: {link}")
    assert broken == []


def test_code_blocks_parse():
    seen = {"json": 0, "python": 0}
    for slug, path in files().items():
        for language, code in FENCE.findall(path.read_text()):
            assert language in ("json", "python", "sh"), f"{slug}: colours for {language}?"
            seen[language] = seen.get(language, 0) + 1
            if language == "json":
                json.loads(code)
            elif language == "python":
                ast.parse(code, f"{slug}.md")
    assert seen["json"] > 2
    assert seen["python"] > 9


@pytest.mark.django_db
def test_pages_pictures_and_nothing_else_are_served(client: Client):
    shown = client.get("/docs/tasks/tables").content.decode()
    assert 'aria-current="page">Tables</a>' in shown
    assert "<script>" not in shown
    assert client.get("/docs/architecture.svg").headers["Content-Type"] == "image/svg+xml"
    for wrong in ("../manage.py", "tasks", "tasks/tables.md", "tasks/../../pyproject.toml", "no-such"):
        assert client.get(f"/docs/{wrong}").status_code == 404, wrong


def test_markup_in_a_file_is_shown_and_not_obeyed():
    made = render("# A\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))\n\n| a |\n|--:|\n| 1 |\n", str).html
    assert "<script" not in made
    assert "&lt;script&gt;" in made
    assert 'href="javascript' not in made
    assert "style=" not in made
    assert '<td class="right">' in made


def test_equal_headings_get_ids_of_their_own():
    made = render("# Ask\n\n## What now?\n\n## What now?\n", str)
    assert [one.id for one in made.headings] == ["ask", "what-now", "what-now-1"]
    assert anchor("`code` & words") == "code--words"


def test_search_puts_titles_before_headings_before_text():
    found = search("budgets")
    assert (found[0].slug, found[0].heading.level) == ("concepts/budgets", 1)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all("canary" in f"{one.title} {one.heading.text} {one.heading.words}".casefold() for one in search("Canary"))
    assert search("canary zebra-crossing") == []
    assert search("  ") == []


@pytest.mark.django_db
def test_the_search_page_shows_what_was_typed_harmlessly(client: Client):
    assert "/docs/concepts/budgets#" in client.get("/docs/search", {"q": "budgets"}).content.decode()
    shown = client.get("/docs/search", {"q": "<b>zebra-crossing"}).content.decode()
    assert "&lt;b&gt;zebra" in shown
    assert "Nothing holds" in shown


def test_the_static_site_is_whole(tmp_path: Path):
    assert write_site(tmp_path / "site", "https://modelyard.example.com") == len(files())
    made = {path.relative_to(tmp_path / "site").as_posix(): path for path in (tmp_path / "site").rglob("*.html")}
    assert set(made) == {file_name(slug) for slug in files()}
    missing = [f"{name}: {link}" for name, path in made.items() for link in _dead(path)]
    assert missing == []
    assert "https://modelyard.example.com/api/docs" in made["index.html"].read_text()
    assert title_of("errors/yours-stale") in made["errors/yours-stale.html"].read_text()


def _dead(path: Path) -> Iterator[str]:
    for link in Links(path.read_text()).named:
        if not link.startswith(("http", "mailto:", "#")) and not (path.parent / urldefrag(link)[0]).is_file():
            yield link


def _is_an_address(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return not path.startswith("/docs/") or path.endswith(".svg")
