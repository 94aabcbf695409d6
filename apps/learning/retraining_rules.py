"""Pure decisions about retraining: when it is due, which rows judge it, and whether the newcomer is better."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

DAYS_MOST, NEW_ROWS_LEAST, NEW_ROWS_MOST = 365, 10, 1_000_000
FRESH_LEAST = 30  # rows that neither version learned from; with fewer, rows that the serving one may know join them
CERTAINTY_LEAST = 0.8  # share of resamples of the rows in which the newcomer must be better
RESAMPLES = 1_000
PROBABILITY_LEAST = 1e-4  # a class that a version cannot name costs no more than this


@dataclass(frozen=True)
class Comparison:
    """Both versions on the same rows; a loss is -ln of the right class's probability, or the distance to the value."""

    rows: int
    fresh: int  # of them, rows that were added after the serving version's data
    loss_now: float
    loss_new: float
    certainty: float
    right_now: float | None = None  # share, of labels
    right_new: float | None = None

    @property
    def is_better(self) -> bool:
        return self.loss_new < self.loss_now and self.certainty >= CERTAINTY_LEAST


def next_due(due: datetime, now: datetime, every_days: int) -> datetime:
    """The first due time after now, in step with the old one: times missed meanwhile are not made up for."""
    missed = max(0, (now - due) // timedelta(days=every_days))
    return due + timedelta(days=every_days) * (missed + 1)


def chosen_rows(unseen: Mapping[str, Sequence[Any]], fresh_from: int | None) -> tuple[list[int], int]:
    """Positions in `unseen` that judge, and how many of them are fresh. Fresh ones alone when there are enough.

    `fresh_from`: number of the first row that the serving version cannot know; None when that cannot be told.
    """
    numbers = unseen.get("rows", [])
    fresh = [] if fresh_from is None else [place for place, row in enumerate(numbers) if row >= fresh_from]
    if len(fresh) >= FRESH_LEAST:
        return fresh, len(fresh)
    return list(range(len(numbers))), len(fresh)


def loss_of(truth: Any, answer: Any, classes: Sequence[str]) -> float:
    """Of one row. `answer`: probabilities by class, or a value."""
    if not classes:
        return abs(float(truth) - float(answer))
    shares = dict(zip(classes, answer, strict=False))
    return -math.log(max(PROBABILITY_LEAST, float(shares.get(str(truth), 0.0))))


def compare(now: Sequence[float], new: Sequence[float], fresh: int, **shares: float | None) -> Comparison:
    """`now` and `new`: losses of the same rows. Which rows were drawn is chance, so they are drawn again and again."""
    gain = np.asarray(now) - np.asarray(new)
    draws = np.random.default_rng(0).integers(0, len(gain), (RESAMPLES, len(gain)))
    certainty = float((gain[draws].mean(axis=1) > 0).mean())
    return Comparison(
        rows=len(gain),
        fresh=fresh,
        loss_now=round(float(np.mean(now)), 6),
        loss_new=round(float(np.mean(new)), 6),
        certainty=round(certainty, 4),
        **shares,
    )


def warm_families(candidates: Sequence[tuple[str, str, bool]], known: Sequence[str]) -> list[str]:
    """The families that the last model is made of; empty (all compete) when that cannot be told.

    `candidates`: (family, note, is_best). An ensemble's note names its members:
    `gradient_boosting 60%, linear in log 40%`.
    """
    for family, note, is_best in candidates:
        if not is_best:
            continue
        if family in known:
            return [family]
        longest_first = sorted(known, key=len, reverse=True)
        members = [part.strip() for part in note.split(",")]
        found = {next((one for one in longest_first if member.startswith(one)), "") for member in members}
        return [one for one in known if one in found]
    return []


def policy_objections(wish: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is wrong with the numbers of a policy; None means that this trigger is off."""
    limits = {
        "every_days": (1, DAYS_MOST),
        "new_rows": (NEW_ROWS_LEAST, NEW_ROWS_MOST),
        "budget_seconds": (10, 86_400),
        "max_cost_micros": (1, 10**12),
    }
    wrong = []
    for name, (least, most) in limits.items():
        value = wish.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            fix = f"send a whole number from {least} to {most}, or null"
            wrong.append({"location": name, "message": f"is {value!r}", "fix": fix})
    return wrong
