"""The model an image recipe leaves: a network on resized pixels, its temperature, and how it becomes a graph."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch

from contracts.manifests import IMAGE_CODEC, OutputMeaning, TensorSpec
from workers.export import image_onnx, package
from workers.train.budget import Slice
from workers.train.image_data import Data

BATCH = 64
PARITY_MOST_IMAGES = 200
PARITY_TOLERANCE = 1e-3  # a hundred convolutions add up in another order


@dataclass
class Member:
    """One fitted family."""

    family: str
    network: torch.nn.Module
    side: int
    mean: float
    spread: float
    setting: int = 0  # rounds of a network, the place of a head's penalty
    seen: np.ndarray | None = None  # features [images, D] of a head, NaN where they were not made
    head: tuple[np.ndarray, np.ndarray] | None = None  # on those features: weight [D, C], bias [C]

    def logits(self, pixels: torch.Tensor) -> np.ndarray:
        """[N, 3, side, side] 0..255 → [N, C] float64."""
        with torch.no_grad():
            return self.network.eval()((pixels - self.mean) / self.spread).double().numpy()

    def logits_of(self, data: Data, rows: np.ndarray, alive: Callable[[], None] = lambda: None) -> np.ndarray:
        """[N, C] float64 of images by their position."""
        if self.seen is not None and self.head is not None and not np.isnan(self.seen[rows, 0]).any():
            return (self.seen[rows] @ self.head[0] + self.head[1]).astype(np.float64)
        found, batch = [], []
        for pixels in data.resized(rows, self.side):
            batch.append(pixels)
            if len(batch) == BATCH:
                found.append(self.logits(torch.cat(batch)))
                batch.clear()
                alive()
        if batch:
            found.append(self.logits(torch.cat(batch)))
        return np.concatenate(found)


def probabilities(raw: np.ndarray, temperature: float) -> np.ndarray:
    spread = np.exp((raw - raw.max(axis=1, keepdims=True)) / temperature)
    return spread / spread.sum(axis=1, keepdims=True)


@dataclass
class Fitted:
    """`measured` never saw the test images and is asked about them; `member` is what the file holds."""

    data: Data
    measured: Member
    member: Member
    family: str
    temperature: float
    alive: Callable[[], None] = lambda: None

    reference_name = f"torch {torch.__version__}"
    tolerance = PARITY_TOLERANCE

    @property
    def method(self) -> str:
        if self.member is self.measured:
            return ""
        return (
            "The test images were answered by a fit that never saw them. The model in the file has then learned "
            "from them, too: usually a little better."
        )

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities [N, C] by torch, from the original pixels, of the fit without the test images."""
        return probabilities(self.measured.logits_of(self.data, rows, self.alive), self.temperature)

    def to_onnx(self) -> onnx.ModelProto:
        m = self.member
        return image_onnx.to_onnx(m.network, m.side, m.mean, m.spread, self.data.classes, self.temperature)

    def parity_groups(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """Images of one size go together: a batch is one tensor. Two made-up sizes test the resizing itself."""
        groups: dict[tuple[int, int], list[np.ndarray]] = {}
        for pixels in self.data.images(rows[:PARITY_MOST_IMAGES]):
            groups.setdefault(pixels.shape[:2], []).append(pixels)
        first = next(iter(groups.values()))[0]
        groups.setdefault((97, 131), []).append(np.resize(first, (97, 131, 3)))
        groups.setdefault((5, 300), []).append(np.resize(first, (5, 300, 3)))
        pairs = []
        for images in groups.values():
            stack = np.stack(images)
            reference = [
                self.member.logits(image_onnx.resize_like_graph(stack[i : i + 32], self.member.side))
                for i in range(0, len(stack), 32)
            ]
            pairs.append(({image_onnx.INPUT: stack}, probabilities(np.concatenate(reference), self.temperature)))
        return pairs

    def judged(self, rows: np.ndarray) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
        """One image each, since sizes differ."""
        pairs = zip(self.data.images(rows), self.data.truth[rows], strict=True)
        return [({image_onnx.INPUT: pixels[None]}, np.array([true])) for pixels, true in pairs]

    def importance(self, rows: np.ndarray, time: Slice, seed: int) -> list[dict[str, Any]]:
        return []  # shuffling single pixels says nothing

    def example(self, row: int) -> dict[str, Any]:
        place = int(self.data.rows[row])
        return {"row": place, "file": self.data.folder.names[place]}

    def outputs(self) -> tuple[list[TensorSpec], OutputMeaning]:
        return package.label_outputs(self.data.classes)

    def describe(self) -> dict[str, Any]:
        inputs = [TensorSpec(image_onnx.INPUT, "UINT8", [-1, -1, -1, 3])]
        return {"inputs": inputs, "image_size": self.member.side, "codec": IMAGE_CODEC}
