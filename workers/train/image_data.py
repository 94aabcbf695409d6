"""Images in class folders: which of the ZIP can be read, their classes, and their pixels one at a time."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from workers.export import image_onnx
from workers.train import seeds
from workers.train.checkpoint import Saved
from workers.train.context import RunContext
from workers.train.failures import UserFailure
from workers.train.readers import IMAGE_INVALID_MOST_SHARE, ImageFolder, images_of, list_images

LOAD_SHARE = 0.3  # of the budget, for the first look at all images
FIRST_OF_CLASS = 10  # images of each class that are looked at in any case
TINY_SIDE = 64  # up to here a network from scratch is tried, and comes first


@dataclass(frozen=True)
class Data:
    folder: ImageFolder
    rows: np.ndarray  # positions in the folder (unreadable images are left out)
    truth: np.ndarray
    classes: list[str]
    longest: int  # pixels of the longest side found
    shapes: list[tuple[int, int]]

    @property
    def groups(self) -> np.ndarray:
        return self.truth

    @property
    def is_tiny(self) -> bool:
        return self.longest <= TINY_SIDE

    def images(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Original pixels uint8 [H, W, 3], one at a time."""
        for _, pixels in images_of(self.folder, self.rows[rows]):
            assert pixels is not None  # unreadable ones were left out by load
            yield pixels

    def resized(self, rows: np.ndarray, side: int) -> Iterator[torch.Tensor]:
        """Float [1, 3, side, side], 0..255, by the same filter as the graph."""
        for pixels in self.images(rows):
            yield image_onnx.resize_like_graph(pixels[None], side)


def load(run: RunContext, path: Path) -> Data:
    """Raises UserFailure where nothing can be learnt."""
    try:
        folder = list_images(path)
    except zipfile.BadZipFile as error:
        raise UserFailure("yours:file-unreadable", f"The ZIP cannot be read: {error}") from error
    rows, shapes, bad = _looked_at(run, folder)
    if bad > IMAGE_INVALID_MOST_SHARE * (bad + len(rows)):
        raise UserFailure("yours:image-invalid", f"{bad} of {bad + len(rows)} images cannot be read.")
    if bad:
        run.progress.log(f"{bad} images cannot be read and are left out.")
    labels = np.array(folder.labels)[rows]
    classes, truth, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise UserFailure("yours:one-class", "The ZIP holds images of one class only.")
    if counts.min() < 3:
        raise UserFailure(
            "yours:class-too-small",
            f"The class {classes[counts.argmin()]!r} has {counts.min()} images; at least 3 are needed.",
        )
    longest = max(max(shape) for shape in shapes)
    return Data(folder, np.array(rows), truth.astype(np.int64), [str(one) for one in classes], longest, shapes)


def _looked_at(run: RunContext, folder: ImageFolder) -> tuple[list[int], list[tuple[int, int]], int]:
    """(readable images in order, their shapes, how many cannot be read), as many as a share of the budget allows.

    Drawn evenly, a few of each class first; a resumed run looks at the same ones.
    """
    order = _drawn(run, np.array(folder.labels))
    known = run.checkpoints.finished("images")
    most = len(order) if known is None else int(known.facts["count"])
    found: dict[int, tuple[int, int]] = {}
    count = 0
    for row, pixels in images_of(folder, order[:most]):
        run.progress.alive()
        count += 1
        if pixels is not None:
            found[row] = pixels.shape[:2]
        is_late = run.budget.spent_s() > LOAD_SHARE * run.budget.total_s
        if is_late and known is None and count >= FIRST_OF_CLASS * len(set(folder.labels)):
            break
    if count < len(order):
        run.progress.log(f"The budget lets {count:,} of {len(order):,} images be looked at; they are drawn evenly.")
    run.checkpoints.keep("images", Saved({"count": count}))
    rows = sorted(found)
    return rows, [found[row] for row in rows], count - len(found)


def _drawn(run: RunContext, labels: np.ndarray) -> np.ndarray:
    order = seeds.generator(run.job.seed, "images").permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    sorted_labels = labels[by_class]
    rank = np.empty(len(labels), dtype=np.int64)
    rank[by_class] = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels)
    return order[np.argsort(rank[order] >= FIRST_OF_CLASS, kind="stable")]
