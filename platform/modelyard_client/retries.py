"""When a request is sent again, and after how long. Repeats are safe: every POST carries an Idempotency-Key."""

import random
from dataclasses import dataclass

import httpx

from modelyard_client.errors import retry_after_s

_IN_FLIGHT = "yours:idempotency-in-flight"
_SAFE = ("GET", "HEAD", "POST", "PUT", "DELETE")


@dataclass(frozen=True)
class Retries:
    """At most `most` repeats and `longest_wait_s` seconds of waiting in all, for one call."""

    most: int = 4
    longest_wait_s: float = 60.0
    first_pause_s: float = 0.25

    def pause_s(
        self, method: str, outcome: httpx.Response | httpx.TransportError, repeats: int, waited_s: float
    ) -> float | None:
        """Seconds to wait before the next try; None when there is no next try.

        The server's Retry-After is kept exactly; without one, pauses double from `first_pause_s`, with chance.
        """
        if repeats >= self.most or not _may_pass_later(method, outcome):
            return None
        told = retry_after_s(outcome) if isinstance(outcome, httpx.Response) else None
        pause = told if told is not None else self.first_pause_s * 2**repeats * random.uniform(0.5, 1.0)
        return pause if waited_s + pause <= self.longest_wait_s else None


def _may_pass_later(method: str, outcome: httpx.Response | httpx.TransportError) -> bool:
    if isinstance(outcome, httpx.TransportError):
        never_arrived = isinstance(outcome, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        return never_arrived or (method in _SAFE and not isinstance(outcome, httpx.UnsupportedProtocol))
    if outcome.status_code in (429, 503):
        return True
    return outcome.status_code == 409 and _IN_FLIGHT in outcome.text
