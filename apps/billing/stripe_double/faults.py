"""Failures on demand: the answer is lost after the effect, too many requests, an error of Stripe's."""

import random
import threading

COMMIT_THEN_DROP = "commit-then-drop"
TOO_MANY = "429"
BROKEN = "500"
KINDS = (COMMIT_THEN_DROP, TOO_MANY, BROKEN)


class Faults:
    """A seed makes a run of failures repeatable; a header asks for one by name."""

    def __init__(self, *, seed: int = 0, rate: float = 0.0, most: int | None = None) -> None:
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self.rate, self.most, self.count = rate, most, 0

    def next(self, asked: str | None) -> str | None:
        """Return the fault for this request, or None."""
        if asked:
            return asked if asked in KINDS else None
        with self._lock:
            if (self.most is not None and self.count >= self.most) or self._dice.random() >= self.rate:
                return None
            self.count += 1
            return self._dice.choice(KINDS)
