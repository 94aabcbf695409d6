"""One HTML page with a small picture of every screen, in rows by screen and columns by view."""

from html import escape
from pathlib import Path
from urllib.parse import quote

from PIL import Image

THUMB_PX = {"desktop": 420, "dark": 420, "phone": 150}  # width of the small pictures
_MOST_TALL = 3  # a small picture is cut where it is so many times as high as wide

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Modelyard, every screen</title>
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2rem; background: #e9ebef; color: #12161d; }}
section {{ margin-bottom: 2.5rem; }} h2 {{ font-size: 1rem; margin: 0 0 .5rem; }}
.row {{ display: flex; gap: 1rem; align-items: flex-start; overflow-x: auto; }}
img {{ display: block; border: 1px solid #c9ced8; border-radius: 6px; background: #fff; }}
</style><h1>Every screen</h1><p>{count} screens in {views}. A small picture leads to the whole one.</p>{sections}</html>
"""


def thumbnail(picture: Path) -> Path:
    """Write the small twin beside the whole picture and return it."""
    view = picture.parent.name
    small = picture.parent.parent / "small" / view / picture.name
    small.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(picture) as whole:
        width = THUMB_PX[view]
        cut = whole.crop((0, 0, whole.width, min(whole.height, whole.width * _MOST_TALL))).convert("RGB")
        cut.resize((width, round(cut.height * width / cut.width)), Image.Resampling.LANCZOS).save(small, optimize=True)
    return small


def write_sheet(folder: Path, names: list[str], views: list[str]) -> Path:
    """`folder/VIEW/NAME.png` must be there for each name and view; returns the sheet."""
    sections = []
    for name in names:
        cells = []
        for view in views:
            picture = folder / view / f"{name}.png"
            small = thumbnail(picture).relative_to(folder)
            words = escape(f"{name}, {view}", quote=True)
            image = f'<img src="{quote(str(small))}" alt="{words}">'
            cells.append(f'<a href="{quote(str(picture.relative_to(folder)))}">{image}</a>')
        sections.append(f"<section><h2>{escape(name)}</h2><div class=row>{''.join(cells)}</div></section>")
    sheet = folder / "index.html"
    sheet.write_text(_PAGE.format(count=len(names), views=", ".join(views), sections="".join(sections)))
    return sheet
