"""How the fitted families answer together: weights, temperature and threshold, all chosen on out-of-fold answers."""

import numpy as np

from workers.train import metrics
from workers.train.families import loss_of

ROUNDS = 40  # greedy steps
LEAST_WEIGHT = 0.03  # a member with less is not worth its time in each prediction
LEAST_GAIN = 0.0005  # a member that improves the blend by less than 0.05 % is left out
LEAST_LABEL_GAIN = 0.002  # of a label metric before the threshold leaves one half: less is chance
TEMPERATURES = np.geomspace(0.4, 2.5, 93)
BELIEF_SPREAD = 0.3  # of the logarithm of a temperature, before any row has been seen


def greedy_weights(answers: list[np.ndarray], y: np.ndarray, classes: int) -> np.ndarray:
    """Caruana: add the member that helps most, again and again; the best prefix of that walk. Sums to 1."""
    counts, total = np.zeros(len(answers)), np.zeros_like(answers[0])
    best, best_loss = counts, float("inf")
    for step in range(ROUNDS):
        losses = [loss_of((total + answer) / (step + 1), y, classes) for answer in answers]
        chosen = int(np.argmin(losses))
        counts[chosen] += 1
        total = total + answers[chosen]
        if losses[chosen] < best_loss * (1 - 1e-6):
            best, best_loss = counts.copy(), losses[chosen]
    return _thinned(best / best.sum(), answers, y, classes)


def _thinned(weights: np.ndarray, answers: list[np.ndarray], y: np.ndarray, classes: int) -> np.ndarray:
    """Leave out members that hardly matter: each costs time in every prediction."""

    def loss(w: np.ndarray) -> float:
        return loss_of(np.tensordot(w, np.stack(answers), axes=1), y, classes)

    for place in np.argsort(weights):
        if weights[place] == 0 or (weights > 0).sum() == 1:
            continue
        without = np.where(np.arange(len(weights)) == place, 0.0, weights)
        without /= without.sum()
        if weights[place] < LEAST_WEIGHT or loss(without) < loss(weights) * (1 + LEAST_GAIN):
            weights = without
    return weights


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    if temperature == 1.0:
        return probabilities
    cooled = np.log(np.maximum(probabilities, 1e-7)) / temperature
    spread = np.exp(cooled - cooled.max(axis=1, keepdims=True))
    return np.asarray(spread / spread.sum(axis=1, keepdims=True))


def best_temperature(probabilities: np.ndarray, y: np.ndarray) -> float:
    """That of the least log loss, with a belief that it is near one: few rows move it little, many go their way."""
    belief = np.log(TEMPERATURES) ** 2 / (2 * BELIEF_SPREAD**2 * len(y))
    losses = np.array([metrics.log_loss(y, temper(probabilities, float(one))) for one in TEMPERATURES])
    return float(TEMPERATURES[int(np.argmin(losses + belief))])


def best_threshold(yes: np.ndarray, y: np.ndarray, metric: str) -> float:
    """The probability from which the second class is named, best for `metric`; 0.5 where it makes no difference."""
    candidates = np.unique(np.concatenate([[0.5], np.quantile(yes, np.linspace(0.005, 0.995, 199))]))
    scores = [metrics.of_labels(y, (yes >= one).astype(np.int64), metric) for one in candidates]
    best = max(scores)
    close = [float(c) for c, score in zip(candidates, scores, strict=True) if score >= best - 1e-9]
    middle = float(np.median(close))
    usual = metrics.of_labels(y, (yes >= 0.5).astype(np.int64), metric)
    return 0.5 if usual >= best - LEAST_LABEL_GAIN else float(np.float32(min(close, key=lambda one: abs(one - middle))))
