"""Who gets how much of the time: a quick model first, trees next, and a share kept back for the network at the end.

What a family leaves over goes to the families after it. The learning rate of boosting follows from a measurement: when
the rounds that usually suffice do not fit into the time, fewer and larger steps are taken.
"""

from workers.train.budget import Slice
from workers.train.context import RunContext

WEIGHTS = {"linear": 0.12, "gradient_boosting": 0.36, "boosting_small": 0.18, "extra_trees": 0.1, "xgboost": 0.24}
NETWORK_SHARE = 0.4  # of the fitting time
NETWORK_WORTH_S = 20.0  # with less time for fitting the share shrinks, down to nothing at a quarter of it
ROUNDS_USUAL = 300  # that a learning rate of 0.05 needs
RATES = (0.05, 0.1, 0.2)  # few, so that small data always gets the same one and repeats bitwise
USUAL_RATES = {"gradient_boosting": 0.05, "boosting_small": 0.06, "xgboost": 0.06}
EPOCHS_USUAL = 25


class Plan:
    def __init__(self, run: RunContext, families: list[str]) -> None:
        self._run = run
        self._left = list(families)
        total_s = max(0.0, run.budget.fitting_left_s())
        self._network_s = 0.0
        if "mlp" in families:
            share = NETWORK_SHARE * min(1.0, max(0.0, total_s / NETWORK_WORTH_S - 0.25))
            self._network_s = total_s if families == ["mlp"] else share * total_s

    def slice_of(self, family: str) -> Slice:
        """The time of the family whose turn it is: its share of what is left for trees, or all the rest."""
        if family == "mlp":
            return self._run.budget.slice(1.0)
        waiting = [one for one in self._left if one != "mlp"]
        share = WEIGHTS[family] / sum(WEIGHTS[one] for one in waiting)
        self._left = [one for one in self._left if one != family]
        left_s = max(0.0, self._run.budget.fitting_left_s() - self._network_s)
        return self._run.budget.slice(share, of_s=left_s)


def rate_for(rounds: float, usual: float) -> float:
    """The smallest learning rate whose usual number of rounds is at most `rounds`; `usual` where there are enough."""
    for rate in RATES:
        if ROUNDS_USUAL * RATES[0] / rate <= rounds:
            return max(rate, usual)
    return RATES[-1]


def folds_that_fit(seconds_per_fit: float, seconds: float, folds: int) -> int:
    """How many choosing folds a slow family can afford besides the one of the test rows; at least one."""
    return max(1, min(folds, int(seconds / max(seconds_per_fit, 1e-6)) - 1))
