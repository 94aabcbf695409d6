"""Rate permissions taken ahead: while a limit is far from reached, most requests need not ask Redis.

A block lives for SPAN_S and holds about what is used in that time. The script gives none out of the lower half of a
bucket, so near the limit every request is decided by Redis exactly; see reserve.lua for why the bound still holds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from time import monotonic
from typing import Any

from workers.serve.limits import Bucket, Verdict
from workers.serve.redis_link import RedisLink

log = logging.getLogger(__name__)

SCRIPT = (Path(__file__).parent / "reserve.lua").read_text()
SCRIPT_SHA1 = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()  # how Redis names scripts
LOAD_SCRIPT = ("SCRIPT", "LOAD", SCRIPT)
SPAN_S = 0.05
LEAST_BLOCK = 8  # fewer are not worth a call
SHARE_OF_BURST = 100  # a block is at most this fraction of the smallest burst, divided by the nodes


class Block:
    """Permissions that may be used until `until_s`; `left` and `full_us` are Redis's numbers after they were taken."""

    __slots__ = ("full_us", "held", "left", "size", "until_s")

    def __init__(self, held: int, until_s: float, numbers: Sequence[int]) -> None:
        self.held = self.size = held
        self.until_s = until_s
        self.left = numbers[0::2]
        self.full_us = numbers[1::2]


class Ahead:
    """The blocks of one route: one in use and one that follows."""

    def __init__(self, buckets: tuple[Bucket, ...]) -> None:
        self._keys = [bucket.key for bucket in buckets]
        self._limits = [number for bucket in buckets for number in (bucket.emission_us, bucket.burst)]
        self._smallest_burst = min((bucket.burst for bucket in buckets), default=0)
        self._no_wait = [0] * len(buckets)
        self._blocks: list[Block] = []
        self._asking = False
        self._used = 0  # units since the last look at the clock
        self._since_s = 0.0

    def take(self, units: int, link: RedisLink | None, nodes: int) -> Verdict | None:
        """Take `units` from what is held; None: ask Redis for this one. Orders the next block when it is time."""
        now_s = monotonic()
        self._used += units
        blocks = self._blocks
        while blocks and blocks[0].until_s <= now_s:
            del blocks[0]
        if not self._asking and self._runs_out(now_s, units) and now_s - self._since_s >= SPAN_S / 8:
            self._order(now_s, units, link, nodes)
        while blocks and blocks[0].held < units and len(blocks) > 1:
            del blocks[0]
        if not blocks or blocks[0].held < units:
            return None
        block = blocks[0]
        block.held -= units
        verdict = Verdict(units, 0, ())
        verdict.left = [left + block.held for left in block.left]
        verdict.full_us = block.full_us
        verdict.wait_us = self._no_wait
        return verdict

    def give_back(self, units: int) -> None:
        """They were not used after all. A block that has ended meanwhile takes nothing back: its time is over."""
        if self._blocks:
            self._blocks[0].held += units

    def _runs_out(self, now_s: float, units: int) -> bool:
        blocks = self._blocks
        if len(blocks) != 1:
            return not blocks
        held = blocks[0].held
        return held < 4 * units or held * 4 < blocks[0].size or blocks[0].until_s - now_s < SPAN_S / 4

    def _order(self, now_s: float, units: int, link: RedisLink | None, nodes: int) -> None:
        """Ask for what the next SPAN_S will need, judged by the time since the last order; a few turns of the
        loop like this one in any case."""
        want = 4 * units + int(self._used * SPAN_S / max(now_s - self._since_s, SPAN_S / 8))
        self._used, self._since_s = 0, now_s
        want = min(want, self._smallest_burst // (SHARE_OF_BURST * nodes))
        if want < LEAST_BLOCK or link is None:
            return
        command = (
            "EVALSHA", SCRIPT_SHA1, len(self._keys), *self._keys, round(SPAN_S * 1e6), want, *self._limits
        )  # fmt: skip

        def replied(reply: Any) -> None:
            self._asking = False
            if isinstance(reply, list):
                if reply[0]:
                    self._blocks.append(Block(reply[0], now_s + SPAN_S, reply[1:]))
            elif reply is not None and link is not None:
                if str(reply).startswith("NOSCRIPT"):
                    link.ask(LOAD_SCRIPT, lambda reply: None)
                else:
                    log.error("the reserve script failed: %s", reply)

        self._asking = True
        if not link.ask(command, replied):
            self._asking = False
