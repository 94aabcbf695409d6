"""Finding sections of the manual by words: titles first, then headings, then what is written under them."""

from dataclasses import dataclass

from apps.web.docs.catalogue import files, section_of
from apps.web.docs.markdown import Heading
from apps.web.docs.pages import outline, title_of

MOST = 30
_AROUND = 80  # characters shown on each side of a word


@dataclass(frozen=True)
class Found:
    slug: str
    section: str
    title: str
    heading: Heading
    excerpt: str
    score: int


def search(query: str) -> list[Found]:
    """Sections that hold every word of the query, best first, at most MOST."""
    words = query.casefold().split()
    if not words:
        return []
    found = [
        Found(slug, section_of(slug), title_of(slug), heading, _excerpt(heading.words, words[0]), score)
        for slug in files()
        for heading in outline(slug).headings
        if (score := _score(words, title_of(slug).casefold(), heading))
    ]
    return sorted(found, key=lambda one: -one.score)[:MOST]


def _score(words: list[str], title: str, heading: Heading) -> int:
    """0 where a word is missing; a page's first section answers for its title."""
    head, text = heading.text.casefold(), heading.words.casefold()
    in_title = [word in title and heading.level == 1 for word in words]
    in_head = [word in head for word in words]
    in_text = [word in text for word in words]
    if not all(any(places) for places in zip(in_title, in_head, in_text, strict=True)):
        return 0
    return 8 * sum(in_title) + 4 * sum(in_head) + sum(in_text)


def _excerpt(text: str, word: str) -> str:
    at = text.casefold().find(word)
    start = max(0, at - _AROUND)
    cut = text[start : max(at, 0) + _AROUND + len(word)]
    return ("… " if start else "") + cut + (" …" if start + len(cut) < len(text) else "")
