"""Judges recommenders by the held-out event of each user: at which place does the true item stand?"""

from collections.abc import Callable

import numpy as np

from workers.export.ranking_parts import RankingMember
from workers.train import ranking_metrics
from workers.train.interactions import Log
from workers.train.ranking_scores import Histories, hide_seen, in_chunks, member_scores

MOST_CELLS = 6_000_000  # users × items scored for one answer
LEAST_USERS, MOST_USERS = 300, 2_500


def histories_of(log: Log, rows: np.ndarray) -> Histories:
    """What each user of the log met in these events, in order."""
    starts, items = log.histories(rows)
    return Histories(starts, items, log.strength[rows] if len(log.strength) else log.strength)


class Judge:
    """`known`: events that are history; `asked`: the held-out ones, one per user."""

    def __init__(self, log: Log, known: np.ndarray, asked: np.ndarray, most_users: int = 0) -> None:
        self.items = len(log.items)
        most = most_users or min(MOST_USERS, max(LEAST_USERS, MOST_CELLS // self.items))
        if len(asked) > most:
            asked = asked[np.linspace(0, len(asked) - 1, most).astype(np.int64)]
        self.asked = asked
        self.people, self.truth = log.user[asked], log.item[asked]
        self.histories = histories_of(log, known).take(self.people)

    def visible(self, scores: np.ndarray, rows: np.ndarray) -> np.ndarray:
        hide_seen(scores, self.histories.take(rows))
        return scores

    def places(self, scores_for: Callable[[Histories], np.ndarray]) -> np.ndarray:
        """Place of each true item, from a function of histories to scores [N, I]."""
        found = []
        for rows in in_chunks(len(self.people), self.items):
            scores = self.visible(scores_for(self.histories.take(rows)), rows)
            found.append(ranking_metrics.places(scores, self.truth[rows]))
        return np.concatenate(found)

    def ndcg(self, member: RankingMember) -> float:
        return float(ranking_metrics.gains(self.places(lambda h: member_scores(member, h, self.items))).mean())

    def matrix(self, member: RankingMember) -> np.ndarray:
        """All scores at once, float32 [N, I]: what a blend is chosen on."""
        parts = [
            member_scores(member, self.histories.take(rows), self.items).astype(np.float32)
            for rows in in_chunks(len(self.people), self.items)
        ]
        return self.visible(np.concatenate(parts), np.arange(len(self.people)))
