"""How many requests of a key may be under way at once, counted over all processes and nodes in Redis.

Only keys with such a limit come here: one round trip to sit down, one message to get up. A process that dies leaves
its seats until the deadlines of their requests. Redis away: this process allows its share by itself.
"""

from __future__ import annotations

import itertools
import logging
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from contracts.channels import seats_key
from contracts.serving import PublishedKey

if TYPE_CHECKING:
    from workers.serve.call import Call
    from workers.serve.limits import Limits

log = logging.getLogger(__name__)

SCRIPT = (Path(__file__).parent / "seats.lua").read_text()
AFTER_DEADLINE_S = 5.0  # an answer may still be written then

Answer = Callable[["list[Call]", "list[tuple[Call, int]]"], None]  # who sits; who does not, and the limit


@dataclass(frozen=True)
class Seats:
    """The limit of one key."""

    key: str
    most: int

    @classmethod
    def of(cls, organisation: str, key: PublishedKey) -> Seats:
        return cls(seats_key(organisation, key.id), key.max_concurrency)


class SeatKeeper:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()  # by this process
        self._names = (f"{os.urandom(6).hex()}-{number:x}" for number in itertools.count())

    def take(self, calls: list[Call], answer: Answer) -> None:
        """Give each call a seat in all sets of its route or in none; `answer` comes once, for all of them."""
        passing: list[Call] = []
        late: list[tuple[Call, int]] = []
        open_questions = len(calls)

        def settled(call: Call, full: Seats | None) -> None:
            nonlocal open_questions
            open_questions -= 1
            if full is None:
                self._taken.update(one.key for one in _seats(call))
                passing.append(call)
            else:
                call.seat = ""
                late.append((call, full.most))
            if not open_questions:
                answer(passing, late)

        for call in calls:
            self._ask(call, settled)

    def leave(self, call: Call) -> None:
        link = self._limits.link
        for one in _seats(call):
            self._taken[one.key] -= 1
            if self._taken[one.key] <= 0:
                del self._taken[one.key]
            if link is not None:
                link.ask(("ZREM", one.key, call.seat), lambda reply: None)
        call.seat = ""

    def _ask(self, call: Call, settled: Callable[[Call, Seats | None], None]) -> None:
        seats = _seats(call)
        call.seat = next(self._names)
        span_us = round((max(0.0, call.deadline_s - monotonic()) + AFTER_DEADLINE_S) * 1e6)

        def replied(reply: Any) -> None:
            if isinstance(reply, int):
                settled(call, seats[reply - 1] if reply else None)
                return
            if reply is not None:
                log.error("the seats script failed: %s", reply)
            settled(call, self._full_here(seats))

        keys = [one.key for one in seats]
        command = ("EVAL", SCRIPT, len(keys), *keys, call.seat, span_us, *[one.most for one in seats])
        link = self._limits.link
        if link is None or not link.ask(command, replied):
            settled(call, self._full_here(seats))

    def _full_here(self, seats: tuple[Seats, ...]) -> Seats | None:
        """Without Redis: this process's share of each limit, at least one."""
        nodes = self._limits.nodes
        return next((one for one in seats if self._taken[one.key] >= max(1, one.most // nodes)), None)


def _seats(call: Call) -> tuple[Seats, ...]:
    return call.route.seats if call.route is not None else ()
