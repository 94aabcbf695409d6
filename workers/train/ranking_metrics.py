"""How good a ranking is: the place of the held-out item among all that the user had not met."""

import numpy as np

CUTS = (10, 20)
BOOTSTRAPS = 300
PRIMARY = "ndcg@10"


def places(scores: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Place of each true item from 0; equal scores stand in the order of the items, as in the graph. [N, I], [N]."""
    own = scores[np.arange(len(truth)), truth][:, None]
    before = np.arange(scores.shape[1])[None] < truth[:, None]
    return (scores > own).sum(axis=1) + ((scores == own) & before).sum(axis=1)


def gains(place: np.ndarray, cut: int = 10) -> np.ndarray:
    """NDCG of one relevant item each."""
    return np.where(place < cut, 1.0 / np.log2(place + 2.0), 0.0)


def summary(place: np.ndarray) -> dict[str, float]:
    return {
        "ndcg@10": float(gains(place).mean()),
        "hr@10": float((place < 10).mean()),
        "recall@20": float((place < 20).mean()),
        "mrr": float((1.0 / (place + 1.0)).mean()),
    }


def interval(place: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    """95 % of NDCG@10 by drawing users again and again."""
    gain = gains(place)
    means = [gain[random.integers(0, len(gain), len(gain))].mean() for _ in range(BOOTSTRAPS)]
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def best(scores: np.ndarray, most: int) -> np.ndarray:
    """[N, most] items, best first; equal scores in the order of the items."""
    most = min(most, scores.shape[1])
    return np.argsort(-scores, axis=1, kind="stable")[:, :most]
