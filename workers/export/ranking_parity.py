"""Do two rankings say the same: the same items in the same order, but for draws, with the same scores?"""

from dataclasses import dataclass

import numpy as np

ENDLESS = 1e30  # stands for "not a number" in JSON


@dataclass(frozen=True)
class Ranked:
    """What one side answered: items [N, K] (empty where a list has ended), scores [N, K], maybe ratings [N, K]."""

    items: np.ndarray
    scores: np.ndarray
    ratings: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True)
class Difference:
    worst: float  # of scores and ratings
    flips: int  # rows whose items differ, and it is no draw


def compare(answer: Ranked, reference: Ranked, limit: float) -> Difference:
    """Two items whose scores are closer than twice the limit are a draw: the last bit decides which comes first."""
    if answer.items.shape != reference.items.shape or not np.isfinite(answer.scores).all():
        return Difference(ENDLESS, len(reference))
    worst = float(np.abs(answer.scores - reference.scores).max(initial=0.0))
    differs = answer.items != reference.items
    own = _score_in(reference, answer.items)  # the reference's score of the item that the other side put here
    is_draw = np.abs(own - reference.scores) <= 2 * limit
    has_ended = (answer.items == "") != (reference.items == "")
    far = (differs & (~is_draw | has_ended)).any(axis=1)
    if reference.ratings is not None and answer.ratings is not None:
        off = np.where(differs, 0.0, np.abs(answer.ratings - reference.ratings))
        worst = max(worst, float(off.max(initial=0.0)))
    elif reference.ratings is not None:
        worst = ENDLESS
    return Difference(worst, int(far.sum()))


def _score_in(reference: Ranked, items: np.ndarray) -> np.ndarray:
    """[N, K]: an item beyond the end of the reference's list has at most its last score, which is taken."""
    found = np.empty(items.shape)
    for row, (words, scores) in enumerate(zip(reference.items, reference.scores, strict=True)):
        known = dict(zip(words.tolist(), scores.tolist(), strict=True))
        found[row] = [known.get(word, scores[-1]) for word in items[row].tolist()]
    return found
