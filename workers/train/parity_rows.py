"""How many test rows the finished graph is compared on: all that the rest of the budget can pay for."""

import time
from typing import Any

import numpy as np
import onnxruntime

from workers.export import parity
from workers.train.budget import Budget

FEW, SOME = 8, 32  # rows of the two readings that tell what one more row costs
SHARE = 0.4  # of what is left of the budget
READINGS = 3  # each row goes through the graph at several batch sizes, and once more for the test vectors
LEAST_ROWS = 32


def affordable(budget: Budget, fitted: Any, session: onnxruntime.InferenceSession, rows: np.ndarray) -> np.ndarray:
    """The first of these rows, at most MOST_ROWS."""
    rows = rows[: parity.MOST_ROWS]
    if len(rows) <= 2 * SOME:
        return rows
    few_s, some_s = (_reading_s(fitted, session, rows[:count]) for count in (FEW, SOME))
    row_s = READINGS * max((some_s - few_s) / (SOME - FEW), 0.25 * some_s / SOME)
    return rows[: max(LEAST_ROWS, int(SHARE * budget.left_s() / max(row_s, 1e-9)))]


def _reading_s(fitted: Any, session: onnxruntime.InferenceSession, rows: np.ndarray) -> float:
    began_s = time.monotonic()
    for feed, _ in fitted.parity_groups(rows):
        session.run(None, feed)
    return time.monotonic() - began_s
