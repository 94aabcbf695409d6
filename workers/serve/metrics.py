"""Counters of this process in Prometheus text; plain integers, because they sit on the hot path."""

from bisect import bisect_left
from collections import Counter
from typing import Any

BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Metrics:
    def __init__(self) -> None:
        self.units = 0
        self._answers: Counter[int] = Counter()
        self._refusals: Counter[str] = Counter()
        self._buckets = [0] * (len(BUCKETS_S) + 1)
        self._seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        self._answers[status] += 1
        self._seconds += seconds
        self._buckets[bisect_left(BUCKETS_S, seconds)] += 1

    def count_good(self, answers: int, units: int, seconds: float) -> None:
        """Answers with predictions that took the same time."""
        self.units += units
        self._answers[200] += answers
        self._seconds += answers * seconds
        self._buckets[bisect_left(BUCKETS_S, seconds)] += answers

    def count_refusal(self, code: str) -> None:
        self._refusals[code] += 1

    def text(self, gauges: dict[str, Any], slot: int) -> bytes:
        """Render everything; `gauges` are values looked up now. `process` tells processes apart that share a port."""
        label = f'process="{slot}"'
        lines = ["# TYPE serve_answers_total counter"]
        lines += [
            f'serve_answers_total{{{label},status="{status}"}} {n}' for status, n in sorted(self._answers.items())
        ]
        lines += ["# TYPE serve_refusals_total counter"]
        lines += [f'serve_refusals_total{{{label},code="{code}"}} {n}' for code, n in sorted(self._refusals.items())]
        lines += ["# TYPE serve_units_total counter", f"serve_units_total{{{label}}} {self.units}"]
        lines += ["# TYPE serve_request_seconds histogram"]
        total = 0
        for bound, count in zip((*BUCKETS_S, "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'serve_request_seconds_bucket{{{label},le="{bound}"}} {total}')
        lines.append(f"serve_request_seconds_sum{{{label}}} {self._seconds:.6f}")
        lines.append(f"serve_request_seconds_count{{{label}}} {total}")
        for name, value in gauges.items():
            lines += [f"# TYPE serve_{name} gauge", f"serve_{name}{{{label}}} {value}"]
        return ("\n".join(lines) + "\n").encode()
