"""Where a link of a Markdown file leads: to a page of the manual, a picture, a page of the product, or elsewhere."""

import posixpath
from pathlib import Path
from typing import Protocol

from django.urls import reverse

from apps.web.docs.catalogue import FOLDER, files, pictures, slug_of


class Addresses(Protocol):
    """How one form of the manual addresses things, seen from the page `here`."""

    def page(self, slug: str, here: str) -> str: ...
    def picture(self, name: str, here: str) -> str: ...
    def product(self, path: str) -> str: ...


class InTheProduct:
    """Pages served under /docs/."""

    def page(self, slug: str, here: str) -> str:
        return reverse("docs-page", args=[slug]) if slug else reverse("docs")

    def picture(self, name: str, here: str) -> str:
        return reverse("docs-page", args=[name])

    def product(self, path: str) -> str:
        return path


class InAFolder:
    """Static files that lead to each other by relative paths, so they work under any address and from a disk."""

    def __init__(self, product_url: str) -> None:
        self._product_url = product_url.rstrip("/")

    def page(self, slug: str, here: str) -> str:
        return self.picture(file_name(slug), here)

    def picture(self, name: str, here: str) -> str:
        return posixpath.relpath(name, posixpath.dirname(file_name(here)) or ".")

    def product(self, path: str) -> str:
        return self._product_url + path


def file_name(slug: str) -> str:
    """`tasks/tables` -> `tasks/tables.html`."""
    return f"{slug or 'index'}.html"


def target_of(link: str, here: str, addresses: Addresses) -> str | None:
    """The address for a link as written in page `here`; None where it leads to a file that is not in the manual."""
    if link.startswith(("https://", "http://", "mailto:", "#")):
        return link
    if link.startswith("/"):
        return addresses.product(link)
    path, _, anchor = link.partition("#")
    where = _normal(files()[here].parent / path)
    if where.is_dir():
        where /= "README.md"
    if not where.is_relative_to(FOLDER):
        return None
    if (name := where.relative_to(FOLDER).as_posix()) in pictures():
        return addresses.picture(name, here)
    slug = slug_of(where)
    if files().get(slug) != where:
        return None
    return addresses.page(slug, here) + (f"#{anchor}" if anchor else "")


def _normal(path: Path) -> Path:
    return Path(posixpath.normpath(path.as_posix()))
