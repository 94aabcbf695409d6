"""The manual as a folder of static HTML, for any web server or none."""

import shutil
from pathlib import Path

from django.conf import settings
from django.template.loader import render_to_string

from apps.web.docs.addresses import InAFolder, file_name
from apps.web.docs.catalogue import files, pictures
from apps.web.docs.pages import page, places

SHEETS = ("tokens", "base", "shell", "components", "forms", "data", "pages", "docs")
_ASSETS = "_assets"
_SCRIPTS = ("theme", "page")


def write_site(folder: Path, product_url: str) -> int:
    """Write every page into `folder`, which is emptied before; return how many. `product_url` is where /api/docs is."""
    shutil.rmtree(folder, ignore_errors=True)
    addresses = InAFolder(product_url)
    for slug in files():
        context = {
            "page": page(slug, addresses),
            "places": places(slug, addresses),
            "assets": addresses.picture(_ASSETS, slug),
            "home": addresses.page("", slug),
            "sheets": SHEETS,
        }
        _write(folder / file_name(slug), render_to_string("docs/static.html", context).encode())
    for name, path in pictures().items():
        _write(folder / name, path.read_bytes())
    for asset in _assets():
        _write(folder / _ASSETS / asset, (settings.ROOT / "static" / asset).read_bytes())
    return len(files())


def _assets() -> list[str]:
    fonts = [f"vendor/{path.name}" for path in sorted((settings.ROOT / "static/vendor").glob("*.woff2"))]
    return [*(f"css/{one}.css" for one in SHEETS), *(f"js/{one}.js" for one in _SCRIPTS), "img/mark.svg", *fonts]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
