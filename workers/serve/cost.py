"""What a run of a model costs: measured at several batch sizes when it is loaded, corrected by every run after."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable

SIZES = (1, 2, 4, 8, 16, 32)  # rows
MOST_MS = 60.0  # a size that takes longer is measured once, and no larger one is tried
REPEATS = 3
NEARLY = 1.03  # a larger batch must be better than this per row to be preferred
SMOOTH = 0.1  # weight of the newest run in the correction
LEAST_FACTOR, MOST_FACTOR = 0.3, 10.0


class Cost:
    """`times_ms[i]` is the time of a run of `sizes[i]` rows, on one thread of a machine with nothing else to do."""

    def __init__(self, sizes: list[int], times_ms: list[float]) -> None:
        self._sizes = sizes
        self._times_ms = times_ms
        self._factor = 1.0
        self.best_rows = self._best_rows()

    @classmethod
    def measure(cls, run: Callable[[int], object]) -> Cost:
        """`run(rows)` runs the model once. The first call of a size is slow and not counted, unless it is very slow."""
        sizes: list[int] = []
        times_ms: list[float] = []
        for rows in SIZES:
            taken = [_timed_ms(run, rows)]
            if taken[0] < MOST_MS:
                taken = [_timed_ms(run, rows) for _ in range(REPEATS)]
            sizes.append(rows)
            times_ms.append(min(taken))
            if times_ms[-1] >= MOST_MS:
                break
        return cls(sizes, times_ms)

    def predicted_ms(self, rows: int) -> float:
        """Between measured sizes on the line between them, beyond the largest in proportion."""
        sizes, times = self._sizes, self._times_ms
        if rows >= sizes[-1]:
            return self._factor * times[-1] * rows / sizes[-1]
        place = bisect_left(sizes, rows)
        if sizes[place] == rows:
            return self._factor * times[place]
        share = (rows - sizes[place - 1]) / (sizes[place] - sizes[place - 1])
        return self._factor * (times[place - 1] + share * (times[place] - times[place - 1]))

    def rows_within(self, most_ms: float) -> int:
        """How many rows run in that time, at least one."""
        row_ms = self._factor * self._times_ms[-1] / self._sizes[-1]
        return max(1, int(most_ms / max(row_ms, 1e-6)))

    def learn(self, rows: int, took_ms: float) -> None:
        """A real run took this long: other texts, other neighbours on the machine than when it was measured."""
        expected_ms = self.predicted_ms(rows) / self._factor
        now = min(MOST_FACTOR, max(LEAST_FACTOR, took_ms / max(expected_ms, 1e-6)))
        self._factor += SMOOTH * (now - self._factor)

    def _best_rows(self) -> int | None:
        """The batch size with the cheapest row; None when more is always better as far as it was measured."""
        best = 0
        for place in range(1, len(self._sizes)):
            if self._row_ms(place) * NEARLY < self._row_ms(best):
                best = place
        return None if best == len(self._sizes) - 1 and best else self._sizes[best]

    def _row_ms(self, place: int) -> float:
        return self._times_ms[place] / self._sizes[place]


def _timed_ms(run: Callable[[int], object], rows: int) -> float:
    started = time.perf_counter()
    run(rows)
    return (time.perf_counter() - started) * 1000
