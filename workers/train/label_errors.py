"""Rows whose label is probably wrong, found by confident learning on answers of fits that never saw the rows.

A row is a candidate when another class is at least as likely for it as that class usually is for its own rows, while
its own class is less likely than usual (Northcutt, Jiang, Chuang: Confident Learning, JAIR 2021, section 3).
"""

from typing import Any

import numpy as np

SHOWN_MOST = 50
OWN_ROWS_LEAST = 3


def suspects(given: np.ndarray, answer: np.ndarray) -> list[tuple[int, int, float]]:
    """(position, likelier class, how much likelier) with the most improbable labels first."""
    count = answer.shape[1]
    own = answer[np.arange(len(given)), given]
    usual = np.array([own[given == one].mean() if (given == one).any() else 1.0 for one in range(count)])
    sizes = np.bincount(given, minlength=count)
    is_sure = (answer >= usual) & (sizes >= OWN_ROWS_LEAST)
    best = np.where(is_sure, answer, -1.0).argmax(axis=1)
    likely = answer[np.arange(len(given)), best]
    found = np.flatnonzero(is_sure.any(axis=1) & (best != given) & (own < usual[given]) & (likely > own))
    order = found[np.argsort(own[found] - likely[found], kind="stable")]
    return [(int(one), int(best[one]), float(likely[one] - own[one])) for one in order[:SHOWN_MOST]]


def shown(
    fitted: Any, rows: np.ndarray, given: np.ndarray, answer: np.ndarray, classes: list[str]
) -> list[dict[str, Any]]:
    """The candidates as the report keeps them; `rows`: positions that `fitted.example` knows."""
    return [
        {
            **fitted.example(int(rows[place])),
            "given": classes[given[place]],
            "likely": classes[best],
            "given_share": round(float(answer[place, given[place]]), 6),
            "likely_share": round(float(answer[place, best]), 6),
        }
        for place, best, _ in suspects(given, answer)
    ]
