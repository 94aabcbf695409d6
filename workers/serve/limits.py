"""Rate limits: equal requests of a tick form a group, all groups are one Lua call, Redis away means a local share."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from contracts.channels import rate_key
from contracts.serving import RatePolicy
from workers.serve.redis_link import RedisLink

log = logging.getLogger(__name__)

SCRIPT = (Path(__file__).parent / "gcra.lua").read_text()
SCRIPT_SHA1 = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # how Redis names scripts
LOAD_SCRIPT = ("SCRIPT", "LOAD", SCRIPT)
GIVE_BACK = (Path(__file__).parent / "give_back.lua").read_text()
DEMANDS_PER_CALL = 256  # Lua's unpack takes a few thousand keys; callers split longer lists


@dataclass(frozen=True)
class Bucket:
    """One rate policy of one owner, ready to be sent."""

    key: str
    name: str
    quota: int
    window_s: int
    burst: int
    emission_us: float

    @classmethod
    def of(cls, policy: RatePolicy, organisation: str, scope: str, owner: str, name: str = "") -> Bucket:
        return cls(
            key=rate_key(organisation, scope, owner, policy.name),
            name=name or policy.name,
            quota=policy.quota,
            window_s=policy.window_s,
            burst=policy.burst or policy.quota,
            emission_us=policy.window_s * 1_000_000 / policy.quota,
        )


class Verdict:
    """How many of a group's requests pass, and the numbers for the headers, per bucket."""

    __slots__ = ("full_us", "left", "passing", "retry_us", "wait_us")

    def __init__(self, passing: int, retry_us: int, numbers: Sequence[int]) -> None:
        self.passing = passing
        self.retry_us = retry_us
        self.left = numbers[0::3]
        self.full_us = numbers[1::3]
        self.wait_us = numbers[2::3]


Demand = tuple[tuple[Bucket, ...], int, int]  # buckets, cost of one request in units, number of requests
Answer = Callable[[list[Verdict]], None]


class Limits:
    def __init__(self, link: RedisLink | None) -> None:
        self.link = link
        self.nodes = 1  # how many servers share the limits while Redis is away
        self.local_checks = 0
        self._local: dict[str, float] = {}

    def check(self, demands: list[Demand], answer: Answer) -> None:
        """Decide all demands at once; `answer` is called with one Verdict per demand, maybe before this returns."""
        if self.link is None or not self.link.up:
            answer(self.check_locally(demands))
            return
        command = _command(demands)

        def replied(reply: Any) -> None:
            if isinstance(reply, list):
                answer(_read(reply, demands))
                return
            if reply is not None:
                log.error("The rate script failed: %s", reply)
                self._reload(str(reply))
            answer(self.check_locally(demands))

        if not self.link.ask(command, replied):
            answer(self.check_locally(demands))

    def give_back(self, buckets: tuple[Bucket, ...], units: int) -> None:
        """Permissions that were taken and not used, because something else refused the request."""
        if self.link is not None and self.link.up:
            keys = [bucket.key for bucket in buckets]
            emissions = [units * bucket.emission_us for bucket in buckets]
            self.link.ask(("EVAL", GIVE_BACK, len(keys), *keys, *emissions), lambda reply: None)
            return
        for bucket in buckets:
            if bucket.key in self._local:
                self._local[bucket.key] -= units * bucket.emission_us * self.nodes

    def _reload(self, error: str) -> None:
        if self.link is not None and error.startswith("NOSCRIPT"):
            self.link.ask(LOAD_SCRIPT, lambda reply: None)

    def check_locally(self, demands: list[Demand]) -> list[Verdict]:
        """The same arithmetic in this process, with 1/nodes of each limit."""
        self.local_checks += 1
        if len(self._local) > 100_000:
            self._local.clear()  # forgetting lets a burst through; growing without bound would stop everyone
        now_us = time.monotonic() * 1_000_000
        return [self._decide(demand, now_us) for demand in demands]

    def _decide(self, demand: Demand, now_us: float) -> Verdict:
        buckets, cost, count = demand
        state = self._local
        shares = []
        passing = count
        for bucket in buckets:
            emission = bucket.emission_us * self.nodes
            room = emission * max(bucket.burst // self.nodes, cost)
            tat = max(state.get(bucket.key, 0.0), now_us)
            passing = max(0, min(passing, int((now_us + room - tat) / (cost * emission) + 1e-6)))
            shares.append((bucket.key, emission, room, tat))
        retry, numbers = 0, []
        for key, emission, room, tat in shares:
            tat += passing * cost * emission
            if passing:
                state[key] = tat
            wait = max(0, int(tat + cost * emission - room - now_us) + 1)
            retry = max(retry, wait)
            numbers += [max(0, int((now_us + room - tat) / emission + 1e-6)), int(tat - now_us), wait]
        return Verdict(passing, retry, numbers)


def _command(demands: list[Demand]) -> tuple[Any, ...]:
    places: dict[str, int] = {}
    limits: list[Any] = []
    groups: list[Any] = []
    for buckets, cost, count in demands:
        groups += [cost, count, len(buckets)]
        for bucket in buckets:
            place = places.get(bucket.key)
            if place is None:
                place = places[bucket.key] = len(places) + 1
                limits += [bucket.emission_us, bucket.burst]
            groups.append(place)
    return ("EVALSHA", SCRIPT_SHA1, len(places), *places, *limits, *groups)


def _read(reply: list[int], demands: list[Demand]) -> list[Verdict]:
    verdicts, at = [], 0
    for buckets, _cost, _count in demands:
        end = at + 2 + 3 * len(buckets)
        verdicts.append(Verdict(reply[at], reply[at + 1], reply[at + 2 : end]))
        at = end
    return verdicts
