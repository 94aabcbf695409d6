"""A waiting room for requests to endpoints whose model is not loaded yet: a short wait instead of a refusal."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from workers.serve.problems import Refused

if TYPE_CHECKING:
    from workers.serve.app import Road
    from workers.serve.call import Call
    from workers.serve.directory import Route

LOOK_S = 0.03
MOST_WAITING = 1024
LONGEST_S = 60.0  # what a client may ask for with X-Scale-Up-Timeout


class Lobby:
    """`wake` makes the configuration's follower load what is missing now rather than at its next round."""

    def __init__(self, road: Road, wait_s: float, loop: Any) -> None:
        self.wake: Callable[[], None] = lambda: None
        self._road = road
        self._wait_s = wait_s
        self._loop = loop
        self._waiting: list[tuple[Call, Route, float]] = []

    def admits(self, call: Call) -> bool:
        """True: the call waits here and comes back to the road, or is refused when its time is over."""
        route = call.route
        if route is None or call.method != b"POST" or len(self._waiting) >= MOST_WAITING:
            return False
        until_s = call.arrived_s + self._patience_s(call)
        if until_s <= call.arrived_s:
            return False
        if not self._waiting:
            self._loop.call_later(LOOK_S, self._look)
        if not any(waits_for is route for _, waits_for, _ in self._waiting):
            self.wake()
        call.counted = False
        self._road.in_flight -= 1
        self._waiting.append((call, route, until_s))
        return True

    def _patience_s(self, call: Call) -> float:
        try:
            wish_s = float(call.headers.get(b"x-scale-up-timeout", b"nan"))
        except ValueError:
            return self._wait_s
        return min(wish_s, LONGEST_S) if wish_s >= 0 else self._wait_s

    def _look(self) -> None:
        now_s = monotonic()
        waiting, self._waiting = self._waiting, []
        for call, route, until_s in waiting:
            if route.state.live or route.state.state == "failed":
                self._road.accept(call)
            elif call.gone or until_s <= now_s:
                self._road.refuse(call, Refused("ours:starting", retry_after_s=1))
            else:
                self._waiting.append((call, route, until_s))
        if self._waiting:
            self._loop.call_later(LOOK_S, self._look)
