"""What is left of the rate limits, for answers that take nothing from them: refusals, repeats, facts about models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from workers.serve.limits import Bucket, Limits, Verdict
from workers.serve.rate_headers import passed_header

_NOTHING = 0  # requests of the group that is asked about


class Limited(Protocol):
    """A key's way to an endpoint, or a key alone."""

    buckets: tuple[Bucket, ...]
    policy_header: bytes


class Peek:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._asked: dict[Limited, list[Callable[[bytes], None]]] = {}

    def ask(self, limited: Limited, then: Callable[[bytes], None]) -> None:
        """Give `then` the header lines, maybe before this returns. Those who ask meanwhile share one look."""
        if not limited.buckets:
            then(b"")
            return
        waiting = self._asked.get(limited)
        if waiting is not None:
            waiting.append(then)
            return
        self._asked[limited] = [then]

        def decided(verdicts: list[Verdict]) -> None:
            headers = limited.policy_header + passed_header(limited.buckets, verdicts[0])
            for one in self._asked.pop(limited):
                one(headers)

        self._limits.check([(limited.buckets, 1, _NOTHING)], decided)
