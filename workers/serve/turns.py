"""Who was refused gets a turn: of many refused together, each is told to come back when the next one may not."""

from __future__ import annotations

import random
from math import ceil
from time import monotonic

from workers.serve.limits import Bucket, Verdict

MOST_BUCKETS = 10_000
JITTER = 0.1  # up to this much later, so that clients of several servers do not return all at once


class Turns:
    """Plays the slowest bucket forward as if everyone who was refused came back when told. Only refusals come here."""

    def __init__(self) -> None:
        self._full_at_s: dict[str, float] = {}  # by bucket: when it is full again after all promised turns

    def wait_s(self, buckets: tuple[Bucket, ...], verdict: Verdict, units: int, nodes: int) -> int:
        """Return Retry-After: at least what the limit needs now, and at most its window where that suffices.

        The bound keeps a client that ignores its turns from sending the others of its organisation away for long.
        """
        now_s = monotonic()
        bucket, wait_us = max(zip(buckets, verdict.wait_us, strict=True), key=lambda one: one[1])
        emission_s = bucket.emission_us / 1e6 * nodes
        step_s = units * emission_s
        room_s = max(emission_s * (bucket.burst // nodes), step_s)
        fits_s = now_s + wait_us / 1e6
        full_at_s = max(fits_s + room_s - step_s, self._full_at_s.get(bucket.key, 0.0))
        need_s = max(wait_us / 1e6, full_at_s + step_s - room_s - now_s) * (1 + JITTER * random.random())
        told_s = max(1, ceil(min(need_s, max(wait_us / 1e6, bucket.window_s))))
        if len(self._full_at_s) >= MOST_BUCKETS:
            self._full_at_s.clear()
        taken_s = max(full_at_s, now_s + told_s) + step_s
        self._full_at_s[bucket.key] = min(taken_s, now_s + bucket.window_s + room_s + step_s)
        return told_s
