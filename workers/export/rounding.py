"""What it costs to round a model's numbers: both files on the same rows, quality of each, and how much they differ."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime

LOSS_MOST = 0.01  # share of labels that change; mean difference of probabilities, or of values by their spread
BATCH = 64

Feed = dict[str, np.ndarray]
Judged = tuple[Feed, np.ndarray]  # rows, and the truth about them: class indices or values
Score = Callable[[np.ndarray, np.ndarray], dict[str, float]]


@dataclass(frozen=True)
class Loss:
    """`before` and `after` are metrics of the two files on the same rows, so their difference is not chance of rows."""

    rows: int
    changed_labels: float  # share; 0 for values
    mean_difference: float
    before: dict[str, float]
    after: dict[str, float]

    @property
    def passed(self) -> bool:
        return self.rows > 0 and max(self.changed_labels, self.mean_difference) <= LOSS_MOST

    def change(self) -> dict[str, float]:
        """Metric: after minus before."""
        return {name: float(f"{self.after[name] - self.before[name]:.4g}") for name in self.after}

    def facts(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "changed_labels": round(self.changed_labels, 6),
            "mean_difference": float(f"{self.mean_difference:.4g}"),
            "change": self.change(),
        }


def measure(
    small: onnxruntime.InferenceSession, full: onnxruntime.InferenceSession, judged: list[Judged], score: Score
) -> Loss:
    """The output is `probabilities` [N, C] or `value` [N]; in batches of 64."""
    is_label = "probabilities" in {one.name for one in full.get_outputs()}
    output = "probabilities" if is_label else "value"
    mine, theirs = (np.concatenate([_answers(one, output, feed) for feed, _ in judged]) for one in (small, full))
    truth = np.concatenate([true for _, true in judged])
    if not np.isfinite(mine).all():
        return Loss(len(truth), 1.0, 1.0, {}, {})
    spread = 1.0 if is_label else float(theirs.std()) or 1.0
    changed = float((mine.argmax(axis=1) != theirs.argmax(axis=1)).mean()) if is_label else 0.0
    difference = float(np.abs(mine - theirs).mean()) / spread
    if is_label:
        difference *= mine.shape[1] / 2  # what moved from one class to another, counted once
    return Loss(len(truth), changed, difference, score(truth, theirs), score(truth, mine))


def _answers(session: onnxruntime.InferenceSession, output: str, feed: Feed) -> np.ndarray:
    rows = len(next(iter(feed.values())))
    parts = [
        session.run([output], {name: values[at : at + BATCH] for name, values in feed.items()})[0]
        for at in range(0, rows, BATCH)
    ]
    whole = np.concatenate(parts)
    return whole if output == "probabilities" else whole.reshape(-1)
