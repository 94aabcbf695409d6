"""The manual under /docs/, for everybody: its pages, its pictures, its search."""

import mimetypes
from functools import cache
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from apps.web.docs.addresses import InTheProduct
from apps.web.docs.catalogue import files, pictures
from apps.web.docs.pages import page, places
from apps.web.docs.search import search

_HERE = InTheProduct()


def docs(request: HttpRequest, slug: str = "") -> HttpResponse:
    """A page or a picture; nothing but what lies in the repository's `docs/` has an address."""
    if slug in pictures():
        kind = mimetypes.guess_type(slug)[0]
        return HttpResponse(pictures()[slug].read_bytes(), content_type=kind)
    if slug not in files():
        raise Http404("no such page")
    return render(request, "docs/page.html", _context(slug))


def docs_search(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:200]
    found = [(one, _HERE.page(one.slug, "") + f"#{one.heading.id}") for one in search(query)]
    context = {"query": query, "found": found, "places": places("search", _HERE)}
    return render(request, "docs/search.html", context)


@cache
def _context(slug: str) -> dict[str, Any]:
    """The files of a release do not change, so each page is made once per process."""
    return {"page": page(slug, _HERE), "places": places(slug, _HERE)}
