"""The road of images: judge the ZIP's structure, decode every image, describe them. The ZIP stays as it is."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from apps.datasets.checking import limits
from apps.datasets.checking.findings import Notes, Refusal, Report, places
from apps.datasets.checking.image_decoding import Picture, Unreadable, look_at
from apps.datasets.checking.image_layout import lay_out
from apps.datasets.checking.zip_content import read_entry
from apps.datasets.checking.zip_structure import Entry, read_entries

_THUMBNAILS = 24


@dataclass
class _Seen:
    """What was gathered over all images."""

    sizes: list[tuple[int, int]] = field(default_factory=list)
    modes: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    contents: dict[bytes, list[tuple[str, str]]] = field(default_factory=dict)  # sha256 -> [(name, class)]
    prints: dict[bytes, list[tuple[str, str]]] = field(default_factory=dict)
    turned: int = 0
    animated: int = 0
    located: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    thumbnails: list[dict[str, str]] = field(default_factory=list)


def check_images(path: Path, options: dict[str, Any], notes: Notes) -> Report:
    """1. structure 2. layout 3. every image 4. profile."""
    if options.get("target") or options.get("types"):
        raise Refusal("yours:target-unknown", "A ZIP of images has no columns; the class folder is the label.")
    entries = read_entries(path)
    layout = lay_out(entries, notes)
    seen = _Seen(unreadable=[(name, "This format is not read.") for name in layout.foreign])
    with path.open("rb") as file:
        _read_other_entries(file, entries, {entry.name for entry, _label in layout.images})
        _look_at_all(file, layout.images, seen)
    _note(seen, notes)
    classes = [{"label": label, "count": count} for label, count in sorted(seen.labels.items())]
    return Report(
        format="zip",
        canonical=path.name,
        rows=sum(seen.labels.values()),
        classes=classes[: limits.CLASSES_SHOWN],
        inferred_task="image_classification",
        inferred_target="label",
        profile=_profile(seen, classes),
        preview={"thumbnails": sorted(seen.thumbnails, key=lambda shown: (shown["label"], shown["file"]))},
        splits={"kind": "stratified", "seed": _seed(seen), "test_share": 0.2, "valid_share": 0.2},
    )


def _read_other_entries(file: BinaryIO, entries: list[Entry], images: set[str]) -> None:
    """Entries that are no images travel along, so they may not lie about themselves either."""
    for entry in entries:
        if entry.name not in images and not entry.is_folder:
            read_entry(file, entry)


def _look_at_all(file: BinaryIO, images: list[tuple[Entry, str]], seen: _Seen) -> None:
    shown = _chosen(images)
    most_unreadable = limits.IMAGE_INVALID_SHARE * (len(images) + len(seen.unreadable))
    for entry, label in images:
        content = read_entry(file, entry)
        try:
            picture = look_at(content, entry.name, with_thumbnail=entry.name in shown)
        except Unreadable as error:
            seen.unreadable.append((entry.name, str(error)))
            continue
        _record(picture, entry.name, label, content, seen)
    if len(seen.unreadable) > most_unreadable:
        raise Refusal("yours:image-invalid", more=seen.unreadable[: limits.PLACES_SHOWN])
    if len(seen.labels) < 2:
        raise Refusal("yours:one-class", "Only one class has readable images.")


def _chosen(images: list[tuple[Entry, str]]) -> set[str]:
    """Names for thumbnails: classes take turns, so that each one is seen."""
    by_class: dict[str, list[str]] = {}
    for entry, label in images:
        by_class.setdefault(label, []).append(entry.name)
    chosen: list[str] = []
    turn = 0
    while len(chosen) < min(_THUMBNAILS, len(images)):
        chosen.extend(names[turn] for names in by_class.values() if turn < len(names))
        turn += 1
    return set(chosen[:_THUMBNAILS])


def _record(picture: Picture, name: str, label: str, content: bytes, seen: _Seen) -> None:
    seen.sizes.append((picture.width, picture.height))
    seen.modes[picture.mode] += 1
    seen.formats[picture.format] += 1
    seen.labels[label] += 1
    seen.turned += picture.is_turned
    seen.animated += picture.frames > 1
    if picture.has_location:
        seen.located.append(name)
    seen.contents.setdefault(hashlib.sha256(content).digest(), []).append((name, label))
    seen.prints.setdefault(picture.print, []).append((name, label))
    if picture.thumbnail:
        seen.thumbnails.append({"label": label, "file": name, "data_uri": picture.thumbnail})


def _note(seen: _Seen, notes: Notes) -> None:
    for name, reason in seen.unreadable:
        notes.warn("data:image-unreadable", reason, name)
    converted = {mode: count for mode, count in seen.modes.items() if mode not in ("RGB", "L")}
    if converted or seen.turned or seen.animated:
        kinds = [f"{count} × {mode}" for mode, count in converted.items()]
        kinds += [f"{seen.turned} turned by EXIF"] if seen.turned else []
        kinds += [f"{seen.animated} animated (first frame)"] if seen.animated else []
        notes.tell("data:image-converted", f"Converted when read: {', '.join(kinds)}.")
    if seen.located:
        notes.warn("data:image-location", f"{len(seen.located)} images carry a place (GPS): {places(seen.located)}.")
    copies = _groups(seen.contents)
    if copies:
        extra = sum(len(group) - 1 for group in copies)
        notes.tell(
            "data:duplicate-images", f"{extra} images are exact copies: {places([group[1][0] for group in copies])}."
        )
    clashes = [group for group in copies if len({label for _name, label in group}) > 1]
    if clashes:
        notes.warn(
            "data:label-conflict", f"{len(clashes)} pictures are in two classes: {places([g[0][0] for g in clashes])}."
        )
    if len(set(seen.sizes)) > 1:
        notes.tell("data:mixed-sizes", f"The images have {len(set(seen.sizes)):,} different sizes.")


def _groups(found: dict[bytes, list[tuple[str, str]]]) -> list[list[tuple[str, str]]]:
    return [group for group in found.values() if len(group) > 1]


def _profile(seen: _Seen, classes: list[dict[str, Any]]) -> dict[str, Any]:
    widths, heights = np.array(seen.sizes).T
    copies, alike = _groups(seen.contents), _groups(seen.prints)
    return {
        "kind": "images",
        "images": len(seen.sizes),
        "unreadable": len(seen.unreadable),
        "width": {"minimum": int(widths.min()), "median": float(np.median(widths)), "maximum": int(widths.max())},
        "height": {"minimum": int(heights.min()), "median": float(np.median(heights)), "maximum": int(heights.max())},
        "modes": dict(seen.modes.most_common()),
        "formats": dict(seen.formats.most_common()),
        "exact_duplicates": sum(len(group) - 1 for group in copies),
        "near_duplicates": sum(len(group) - 1 for group in alike),
        "near_duplicate_groups": [[name for name, _label in group[:5]] for group in alike[:20]],
        "turned_by_exif": seen.turned,
        "with_location": len(seen.located),
        "class_balance": classes[: limits.CLASSES_SHOWN],
    }


def _seed(seen: _Seen) -> int:
    """From the contents, so the same images are always split the same way."""
    return int(hashlib.sha256(b"".join(sorted(seen.contents))).hexdigest()[:7], 16)
