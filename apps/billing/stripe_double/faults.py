"""Failures on demand: the answer is lost or late after the effect, the request comes twice, 429, 500."""

import random
import threading
from collections import Counter

COMMIT_THEN_DROP = "commit-then-drop"
TOO_MANY = "429"
BROKEN = "500"
TWICE = "twice"  # a proxy repeats the request; the second answer arrives
LATE = "late"  # after the effect, later than most clients wait
KINDS = (COMMIT_THEN_DROP, TOO_MANY, BROKEN, TWICE, LATE)
QUICK_KINDS = KINDS[:-1]
FAILURES = KINDS[:3]  # after which the caller knows nothing or the worst


class Faults:
    """A seed makes a run of failures repeatable; a header asks for one by name."""

    def __init__(
        self,
        *,
        seed: int = 0,
        rate: float = 0.0,
        most: int | None = None,
        kinds: tuple[str, ...] = FAILURES,
        late_s: float = 12.0,
    ) -> None:
        self._dice = random.Random(seed)
        self._lock = threading.Lock()
        self.rate, self.most, self.count = rate, most, 0
        self.kinds, self.late_s = kinds, late_s
        self.told: Counter[str] = Counter()  # how many of each kind

    def next(self, asked: str | None) -> str | None:
        """Return the fault for this request, or None."""
        if asked:
            return asked if asked in KINDS else None
        with self._lock:
            if (self.most is not None and self.count >= self.most) or self._dice.random() >= self.rate:
                return None
            self.count += 1
            kind = self._dice.choice(self.kinds)
            self.told[kind] += 1
            return kind
