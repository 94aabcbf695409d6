"""The families of a table and what each can do: fit one fold, answer, and become a part of the graph.

Several fits of a family answer as one: trees and linear models by the mean of their raw sums, networks by the mean of
their answers; that mean is what the graph computes, in one tree ensemble or one product for all fits.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from workers.export.parts import Dense, Tabm, Trees, joined
from workers.train import boosting, extra_trees, linear, metrics, tabm, xgboosting
from workers.train.budget import Slice
from workers.train.checkpoint import Saved
from workers.train.context import RunContext


@dataclass(frozen=True)
class Rows:
    """One set of rows as every family wants it; y is the class index or the standardised value."""

    dense: np.ndarray
    trees: np.ndarray
    y: np.ndarray
    steps: tuple[int, int] = (0, 0)  # from, to: the dense columns that are piecewise-linear steps


@dataclass(frozen=True)
class Wish:
    """One fit: `setting` (rounds, penalty, rows of a leaf) is 0 where the held rows choose it."""

    run: RunContext
    key: str
    rows: Rows
    held: Rows | None
    classes: int
    time: Slice
    index: int  # of the family on the chart
    setting: float = 0.0
    rate: float = 0.0  # learning rate; 0: the family's own
    style: boosting.Style | None = None  # of boosting, where settings were searched


@dataclass(frozen=True)
class Family:
    fit: Callable[[Wish], Saved]
    answer: Callable[[list[Saved], np.ndarray, int], np.ndarray]  # probabilities [N, C] or values [N, 1]
    part: Callable[[list[Saved], int], Dense | Tabm | Trees]
    is_dense: bool = False  # takes the dense features


# --- linear -----------------------------------------------------------------------------------------------------------
def _fit_linear(wish: Wish) -> Saved:
    """Every penalty (or only `setting`), the best on held rows kept."""
    rows, held, classes = wish.rows, wish.held, wish.classes
    penalties = (wish.setting,) if wish.setting else (linear.SOFTMAX_PENALTIES if classes else linear.RIDGE_PENALTIES)
    ridge = [] if classes else linear.fit_ridge(rows.dense, rows.y, penalties)
    best, best_loss, start, worse = Saved(), float("inf"), None, 0
    for step, penalty in enumerate(penalties):
        start = linear.fit_softmax(rows.dense, rows.y, classes, penalty, wish.time, start) if classes else ridge[step]
        saved = Saved({"setting": penalty}, {"w": start[0], "b": start[1]})
        loss = loss_of(_answer_linear([saved], held.dense, classes), held.y, classes) if held else 0.0
        worse = 0 if loss < best_loss else worse + 1
        if loss < best_loss:
            best, best_loss = saved, loss
        if held:
            wish.run.progress.point(wish.index, step, valid_loss=loss)
        if wish.time.is_over() or (classes and worse >= 2):
            break
    return best


def _fit_plain(wish: Wish) -> Saved:
    """A linear model without the steps: straight lines generalise better from few rows."""
    start, stop = wish.rows.steps
    kept = np.r_[0:start, stop : wish.rows.dense.shape[1]]

    def without(rows: Rows) -> Rows:
        return Rows(rows.dense[:, kept], rows.trees, rows.y)

    held = without(wish.held) if wish.held else None
    saved = _fit_linear(dataclasses.replace(wish, rows=without(wish.rows), held=held))
    weight = np.zeros((wish.rows.dense.shape[1], saved.arrays["w"].shape[1]), np.float32)
    weight[kept] = saved.arrays["w"]
    return Saved(saved.facts, {"w": weight, "b": saved.arrays["b"]})


def _mean_layer(fits: list[Saved]) -> linear.Layer:
    weight, bias = (np.stack([fit.arrays[name] for fit in fits]).astype(np.float64) for name in "wb")
    return np.asarray(weight.mean(axis=0), np.float32), np.asarray(bias.mean(axis=0), np.float32)


def _answer_linear(fits: list[Saved], x: np.ndarray, classes: int) -> np.ndarray:
    weight, bias = _mean_layer(fits)
    raw = (x @ weight + bias).astype(np.float64)
    return _softmax(raw) if classes else raw


def _part_linear(fits: list[Saved], classes: int) -> Dense:
    weight, bias = _mean_layer(fits)
    return Dense([(weight[None], bias[None, None])])


# --- trees ------------------------------------------------------------------------------------------------------------
def _boosting(usual: boosting.Style) -> Callable[[Wish], Saved]:
    def fit(wish: Wish) -> Saved:
        held = (wish.held.trees, wish.held.y) if wish.held else None
        style = wish.style or usual
        grown = boosting.fit_boosting(
            wish.run,
            wish.key,
            (wish.rows.trees, wish.rows.y),
            held,
            wish.classes,
            wish.time,
            int(wish.setting) or most_rounds(wish.classes, style.leaves, boosting.MOST_ROUNDS),
            wish.index,
            dataclasses.replace(style, rate=wish.rate or style.rate),
        )
        return grown.as_saved()

    return fit


XGBOOST_LEAVES = 40  # of its usual tree
LEAVES_MOST = 80_000  # of one fit: what a forest over all fits may weigh in the file


def rounds_of(family: str, classes: int) -> int:
    """The most rounds of a boosting family."""
    if family == "xgboost":
        return most_rounds(classes, XGBOOST_LEAVES, xgboosting.MOST_ROUNDS)
    style = boosting.DEEP if family == "gradient_boosting" else boosting.SMALL
    return most_rounds(classes, style.leaves, boosting.MOST_ROUNDS)


def most_rounds(classes: int, leaves: int, rounds: int) -> int:
    return max(20, min(rounds, LEAVES_MOST // leaves // (classes if classes > 2 else 1)))


def _fit_xgboost(wish: Wish) -> Saved:
    held = (wish.held.trees, wish.held.y) if wish.held else None
    rounds = int(wish.setting) or (0 if wish.held else 100)
    return xgboosting.fit_xgboost(
        wish.run,
        wish.key,
        (wish.rows.trees, wish.rows.y),
        held,
        wish.classes,
        wish.time,
        rounds or rounds_of("xgboost", wish.classes),
        wish.rate or 0.06,
    )


def _fit_extra_trees(wish: Wish) -> Saved:
    rows = wish.rows
    return extra_trees.fit_extra_trees(wish.run, wish.key, (rows.trees, rows.y), wish.classes, wish.time)


def _raw_boosting(fit: Saved, x: np.ndarray, classes: int) -> np.ndarray:
    return boosting.Boosted.from_saved(fit).raw(x)


def _raw_extra(fit: Saved, x: np.ndarray, classes: int) -> np.ndarray:
    return extra_trees.raw_scores(fit, x)


def _answer_trees(
    raw_of: Callable[[Saved, np.ndarray, int], np.ndarray], is_share: bool
) -> Callable[[list[Saved], np.ndarray, int], np.ndarray]:
    def answer(fits: list[Saved], x: np.ndarray, classes: int) -> np.ndarray:
        raw = np.mean([raw_of(fit, x, classes) for fit in fits], axis=0)
        if classes == 2:
            yes = raw if is_share else 1 / (1 + np.exp(-raw))
            return np.concatenate([1 - yes, yes], axis=1)
        return raw if is_share or not classes else _softmax(raw)

    return answer


def _part_boosting(fits: list[Saved], classes: int) -> Trees:
    grown = [boosting.Boosted.from_saved(fit) for fit in fits]
    base = np.stack([one.base for one in grown]).mean(axis=0)
    return Trees(base, joined([one.forest() for one in grown]), 1 / len(grown))


def _part_xgboost(fits: list[Saved], classes: int) -> Trees:
    base = np.stack([fit.arrays["base"].astype(np.float32) for fit in fits]).astype(np.float64).mean(axis=0)
    return Trees(base, joined([xgboosting.forest(fit) for fit in fits]), 1 / len(fits))


def _part_extra(fits: list[Saved], classes: int) -> Trees:
    base = np.zeros(fits[0].arrays["leaf"].shape[1])
    forest = joined([extra_trees.forest(fit) for fit in fits])
    return Trees(base, forest, 1 / len(fits), is_share=classes > 0)


# --- networks ---------------------------------------------------------------------------------------------------------
def _fit_tabm(wish: Wish) -> Saved:
    held = (wish.held.dense, wish.held.y) if wish.held else None
    return tabm.fit_tabm(
        wish.run,
        wish.key,
        (wish.rows.dense, wish.rows.y),
        held,
        wish.classes,
        wish.time,
        int(wish.setting),
        wish.index,
    )


def _answer_tabm(fits: list[Saved], x: np.ndarray, classes: int) -> np.ndarray:
    return np.asarray(np.mean([tabm.predict(tabm.weights_of(fit), x, bool(classes)) for fit in fits], axis=0))


def _part_tabm(fits: list[Saved], classes: int) -> Tabm:
    stacked = [np.stack(layer) for layer in zip(*(tabm.weights_of(fit) for fit in fits), strict=True)]
    inner = [(w[:, None], b[:, None, None]) for w, b in zip(stacked[1:-2:2], stacked[2:-2:2], strict=True)]
    return Tabm(stacked[0], inner, (stacked[-2], stacked[-1]))


# --- all --------------------------------------------------------------------------------------------------------------
def _softmax(raw: np.ndarray) -> np.ndarray:
    spread = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(spread / spread.sum(axis=1, keepdims=True))


def loss_of(answer: np.ndarray, y: np.ndarray, classes: int) -> float:
    return metrics.log_loss(y, answer) if classes else float(np.sqrt(((answer[:, 0] - y) ** 2).mean()))


FAMILIES: dict[str, Family] = {  # in the order in which they are tried: something is in hand early
    "linear": Family(_fit_linear, _answer_linear, _part_linear, is_dense=True),
    "gradient_boosting": Family(_boosting(boosting.DEEP), _answer_trees(_raw_boosting, False), _part_boosting),
    "boosting_small": Family(_boosting(boosting.SMALL), _answer_trees(_raw_boosting, False), _part_boosting),
    "extra_trees": Family(_fit_extra_trees, _answer_trees(_raw_extra, True), _part_extra),
    "xgboost": Family(_fit_xgboost, _answer_trees(xgboosting.raw_scores, False), _part_xgboost),
    "mlp": Family(_fit_tabm, _answer_tabm, _part_tabm, is_dense=True),
}
# Variants of a family: fitted in its turn and shown under its name.
PLAIN = Family(_fit_plain, _answer_linear, _part_linear, is_dense=True)
VARIANTS: dict[str, Family] = {
    "linear_plain": PLAIN,
    "baseline": PLAIN,
    "tuned_boosting": FAMILIES["gradient_boosting"],
}
