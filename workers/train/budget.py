"""How long a run may still work, and whether somebody asked it to stop and keep the best model so far."""

import time
from pathlib import Path

# The end of a run (evaluate, export, parity, package) needs time too: 12 % of the budget, at least 2.5 s, at most 45 s.
RESERVE_SHARE = 0.12
RESERVE_LEAST_S = 2.5
RESERVE_MOST_S = 45.0
END_MOST_SHARE = 0.4  # of the budget, whatever was measured: on a crawling machine something must still be fitted


WALL_MOST_CPU = 4.0  # a measured speed believes the clock up to this many times the work: a pause is no speed


class Stopwatch:
    """Seconds that some work takes: by the clock, but not much more than the processor spent on it.

    So a busy moment does not change what a run decides, and small data is learned the same way every time.
    """

    def __init__(self) -> None:
        self._wall, self._cpu = time.monotonic(), time.process_time()

    def seconds(self) -> float:
        return min(time.monotonic() - self._wall, WALL_MOST_CPU * (time.process_time() - self._cpu))


class Budget:
    """Counts from when the data begins to load: starting the process and its libraries is on us."""

    def __init__(self, seconds: float, stop_file: Path | None = None) -> None:
        self.total_s = seconds
        self.stop_file = stop_file
        self._start = time.monotonic()
        self._stop_seen_at = 0.0
        self._is_stopped = False
        self._end_s = 0.0

    def needs_at_end(self, seconds: float) -> None:
        """The end of the run was measured to need this long: kept back when it is more than the usual reserve."""
        self._end_s = max(self._end_s, seconds)

    def end_s(self) -> float:
        """What was measured for the end of the run, at most END_MOST_SHARE of the budget."""
        return min(self._end_s, END_MOST_SHARE * self.total_s)

    def spent_s(self) -> float:
        return time.monotonic() - self._start

    def left_s(self) -> float:
        return self.total_s - self.spent_s()

    def fitting_left_s(self) -> float:
        """Seconds left for fitting: what the end of the run needs is taken off."""
        reserve_s = min(max(RESERVE_LEAST_S, RESERVE_SHARE * self.total_s), RESERVE_MOST_S)
        return self.left_s() - max(reserve_s, self.end_s())

    def is_stopped(self) -> bool:
        """True once the supervisor asked to stop and keep the best (looked up at most five times a second)."""
        now = time.monotonic()
        if not self._is_stopped and self.stop_file is not None and now - self._stop_seen_at > 0.2:
            self._stop_seen_at = now
            self._is_stopped = self.stop_file.exists()
        return self._is_stopped

    def slice(self, share: float, of_s: float | None = None) -> "Slice":
        """A part of the fitting time: `share` of what is left, or of `of_s` seconds."""
        left_s = max(0.0, self.fitting_left_s())
        return Slice(self, min(left_s, share * (left_s if of_s is None else of_s)))


class Slice:
    """The seconds one fit may use."""

    def __init__(self, budget: Budget, seconds: float) -> None:
        self._budget = budget
        self._start = time.monotonic()
        self.seconds = seconds

    def used_s(self) -> float:
        return time.monotonic() - self._start

    def is_over(self) -> bool:
        return self.used_s() >= self.seconds or self._budget.is_stopped() or self._budget.fitting_left_s() <= 0
