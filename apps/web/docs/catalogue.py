"""Which files of `docs/` are pages, under which heading they stand, and in what order."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

FOLDER: Path = settings.ROOT / "docs"
PICTURES = frozenset({".svg", ".png"})
_INDEX = "README.md"
_BEHIND_THEIR_INDEX = ("decisions/", "errors/")  # many small pages: their index lists them


@dataclass(frozen=True)
class Section:
    """A heading of the manual. What lies in `folder` and is not named in `first` follows by name."""

    title: str
    first: tuple[str, ...]
    folder: str = ""


SECTIONS = (
    Section("Start", ("", "datasets", "billing")),
    Section("Tasks", ("tasks/tables", "tasks/images", "tasks/texts"), "tasks/"),
    Section("Concepts", ("concepts/training-and-inference",), "concepts/"),
    Section("API", ("api", "api/authentication", "api/predict", "api/python-client"), "api/"),
    Section("Error codes", ("errors",)),
    Section("Operating", ("operations/install", "operations/configuration"), "operations/"),
    Section("Architecture", ("architecture", "words", "benchmarks", "decisions", "internal-api", "design")),
)


@cache
def files() -> dict[str, Path]:
    """Slug -> Markdown file; `docs/api/README.md` is `api`, `docs/README.md` the empty slug."""
    return {slug_of(path): path for path in sorted(FOLDER.rglob("*.md"))}


@cache
def pictures() -> dict[str, Path]:
    """Path below `docs/` -> picture."""
    found = (path for path in sorted(FOLDER.rglob("*")) if path.suffix in PICTURES)
    return {path.relative_to(FOLDER).as_posix(): path for path in found}


@cache
def sections() -> dict[str, tuple[str, ...]]:
    """Title -> slugs of the pages that the navigation shows. A file of no section is under the last one."""
    known = files()
    listed: dict[str, tuple[str, ...]] = {}
    for section in SECTIONS:
        more = [slug for slug in known if section.folder and slug.startswith(section.folder)]
        listed[section.title] = tuple(dict.fromkeys(slug for slug in (*section.first, *more) if slug in known))
    named = {slug for slugs in listed.values() for slug in slugs}
    left = tuple(slug for slug in known if slug not in named and not slug.startswith(_BEHIND_THEIR_INDEX))
    listed[SECTIONS[-1].title] += left
    return listed


def section_of(slug: str) -> str:
    """The heading over a page."""
    for title, slugs in sections().items():
        if slug in slugs:
            return title
    return "Error codes" if slug.startswith("errors/") else SECTIONS[-1].title


def slug_of(path: Path) -> str:
    """`docs/tasks/tables.md` -> `tasks/tables`."""
    below = path.relative_to(FOLDER)
    whole = below.parent if below.name == _INDEX else below.with_suffix("")
    return "" if whole == Path() else whole.as_posix()
