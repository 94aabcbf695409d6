"""Looks again and again until something has happened, less often the longer it takes."""

import time
from collections.abc import Callable
from typing import TypeVar

from modelyard_client.errors import WaitedTooLong

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 2.0


def wait_until(
    look: Callable[[], T],
    done: Callable[[T], bool],
    *,
    timeout_s: float,
    what: str,
    progress: Callable[[T], None] | None = None,
) -> T:
    """Return the first sight that is `done`; raise WaitedTooLong after `timeout_s`. `progress` is told every sight."""
    deadline, pause_s = time.monotonic() + timeout_s, _FIRST_PAUSE_S
    while True:
        seen = look()
        if progress is not None:
            progress(seen)
        if done(seen):
            return seen
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise too_long(what, timeout_s)
        time.sleep(min(pause_s, left_s))
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)


def too_long(what: str, timeout_s: float) -> WaitedTooLong:
    return WaitedTooLong(
        "client:waited-too-long", f"Waited {timeout_s:.0f} s for {what}.", fix="Wait longer; it goes on."
    )
