"""Which entries of a ZIP are the images, and which class each belongs to: the folder right above the file."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Notes, Refusal, places
from apps.datasets.checking.zip_structure import Entry

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_OTHER_IMAGES = (".gif", ".bmp", ".tif", ".tiff", ".ico", ".psd", ".svg", ".heic", ".heif", ".avif", ".eps", ".jp2")
_ARCHIVES = (".zip", ".gz", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst")
_JUNK = ("thumbs.db", "desktop.ini")


@dataclass
class Layout:
    images: list[tuple[Entry, str]] = field(default_factory=list)  # entry, class
    foreign: list[str] = field(default_factory=list)  # pictures in formats that are not read


def lay_out(entries: list[Entry], notes: Notes) -> Layout:
    """Return the images in the order of their names. Raises Refusal when they are not in class folders."""
    layout, at_root, others = Layout(), [], []
    depths: Counter[int] = Counter()
    for entry in sorted(entries, key=lambda entry: entry.name):
        place = PurePosixPath(entry.name)
        if entry.is_folder or _is_junk(place):
            continue
        suffix = place.suffix.lower()
        if suffix in _OTHER_IMAGES:
            layout.foreign.append(entry.name)
        elif suffix not in IMAGE_SUFFIXES:
            others.append(entry.name)
        elif len(place.parts) < 2:
            at_root.append(entry.name)
        else:
            depths[len(place.parts)] += 1
            layout.images.append((entry, place.parts[-2]))
    _judge(layout, at_root, others, depths)
    if others:
        nested = [name for name in others if name.lower().endswith(_ARCHIVES)]
        kind = f", {len(nested)} of them archives inside the archive" if nested else ""
        notes.tell("data:ignored-files", f"{len(others)} files are no images{kind}: {places(others)}.")
    return layout


def _is_junk(place: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in place.parts) or place.name.lower() in _JUNK


def _judge(layout: Layout, at_root: list[str], others: list[str], depths: Counter[int]) -> None:
    if not layout.images:
        if any(name.lower().endswith("[content_types].xml") for name in others):
            raise Refusal("yours:file-format", "The file is an Office document; save the sheet as CSV.")
        if any(name.lower().endswith((".csv", ".tsv", ".parquet", ".jsonl")) for name in others):
            raise Refusal(
                "yours:zip-layout", "The ZIP holds a table; upload the table itself, plain or as .gz.", others[0]
            )
        if layout.foreign:
            raise Refusal(
                "yours:image-invalid",
                "No PNG, JPEG or WebP among the images.",
                more=_each(layout.foreign, "This format is not read."),
            )
        if not at_root:
            raise Refusal("yours:zip-layout", "The ZIP holds no images.")
    if at_root:
        raise Refusal("yours:zip-layout", more=_each(at_root, "The image is in no class folder."))
    if len(depths) > 1:
        usual = depths.most_common(1)[0][0]
        odd = [entry.name for entry, _label in layout.images if len(PurePosixPath(entry.name).parts) != usual]
        raise Refusal("yours:zip-layout", more=_each(odd, "The image is deeper or less deep than the others."))
    _judge_classes(Counter(label for _entry, label in layout.images))


def _judge_classes(counts: Counter[str]) -> None:
    for label in counts:
        if len(label) > limits.CLASS_NAME_CHARS:
            raise Refusal("yours:zip-bad-path", f"A class name has {len(label):,} characters.", label[:60] + "…")
    if len(counts) < 2:
        raise Refusal("yours:one-class", f"All images are in one folder, {next(iter(counts))!r}.")
    small = [label for label, count in sorted(counts.items()) if count < limits.IMAGES_PER_CLASS_LEAST]
    if small:
        faults = [(label, f"The class has {counts[label]} images.") for label in small[: limits.PLACES_SHOWN]]
        raise Refusal("yours:class-too-small", more=faults)
    total = sum(counts.values())
    if total < limits.TABLE_ROWS_LEAST:
        raise Refusal("yours:too-few-rows", f"The ZIP holds {total} images.")


def _each(names: list[str], message: str) -> list[tuple[str, str]]:
    return [(name, message) for name in names[: limits.PLACES_SHOWN]]
