"""A page of the manual, ready to be shown: its HTML, its table of contents, its neighbours."""

from dataclasses import dataclass
from functools import cache, partial

from apps.web.docs.addresses import Addresses, target_of
from apps.web.docs.catalogue import files, section_of, sections
from apps.web.docs.markdown import Heading, Rendered, render

_LEVELS_OF_CONTENTS = (2, 3)


@dataclass(frozen=True)
class Link:
    title: str
    url: str
    is_current: bool = False


@dataclass(frozen=True)
class Page:
    slug: str
    title: str
    section: str
    html: str
    contents: tuple[Heading, ...]
    previous: Link | None
    next: Link | None


def page(slug: str, addresses: Addresses) -> Page:
    """The page as it looks with these addresses; KeyError where there is none."""
    rendered = render(_text(slug), partial(target_of, here=slug, addresses=addresses))
    contents = tuple(one for one in rendered.headings if one.level in _LEVELS_OF_CONTENTS)
    before, after = _neighbours(slug, addresses)
    return Page(slug, title_of(slug), section_of(slug), rendered.html, contents, before, after)


def places(here: str, addresses: Addresses) -> list[tuple[str, list[Link]]]:
    """The navigation, seen from one page; pages behind an index mark the index."""
    listed = sections()
    known = {slug for slugs in listed.values() for slug in slugs}
    current = here if here in known else here.rpartition("/")[0]
    return [
        (title, [Link(title_of(slug), addresses.page(slug, here), slug == current) for slug in slugs])
        for title, slugs in listed.items()
    ]


@cache
def outline(slug: str) -> Rendered:
    """Headings and words of a page, whatever the addresses."""
    return render(_text(slug), lambda link: link)


def title_of(slug: str) -> str:
    """The first heading of a page, up to its colon: `Tables: classification and regression` is `Tables`."""
    headings = outline(slug).headings
    whole = headings[0].text if headings else slug
    return whole if whole.startswith(("yours:", "ours:")) else whole.partition(": ")[0]


def _neighbours(slug: str, addresses: Addresses) -> tuple[Link | None, Link | None]:
    order = [one for slugs in sections().values() for one in slugs]
    if slug not in order:
        return None, None
    index = order.index(slug)
    before, after = order[index - 1 : index], order[index + 1 : index + 2]
    return _link(before, slug, addresses), _link(after, slug, addresses)


def _link(slugs: list[str], here: str, addresses: Addresses) -> Link | None:
    return Link(title_of(slugs[0]), addresses.page(slugs[0], here)) if slugs else None


@cache
def _text(slug: str) -> str:
    return files()[slug].read_text(encoding="utf-8")
