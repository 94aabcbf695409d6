"""Tells control what was counted: a numbered message every few seconds, repeated until it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from contracts.analytics import AnalyticsPost
from contracts.wire import to_wire
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.histograms import Histograms

log = logging.getLogger(__name__)

MAX_WAITING = 720  # messages while control is away; then counting goes on and the next message holds more


class CountsTeller:
    def __init__(
        self,
        boot: str,
        control: Control,
        histograms: Histograms,
        executor: Executor,
        every_s: float,
        status: Callable[[], dict[str, Any]],
    ) -> None:
        """`status()` is the body of a status report without counts."""
        self._boot = boot
        self._control = control
        self._histograms = histograms
        self._executor = executor
        self._every_s = every_s
        self._status = status
        self._sequence = 0
        self._waiting: deque[AnalyticsPost] = deque()

    async def keep_telling(self) -> None:
        """Wakes at multiples of the interval, so that what is taken belongs to one minute."""
        while True:
            await asyncio.sleep(self._every_s - time.time() % self._every_s)
            await self.tell()

    async def tell(self) -> None:
        self._take()
        loop = asyncio.get_running_loop()
        while self._waiting:
            body = self._status() | {"analytics": to_wire(self._waiting[0])}
            if not await loop.run_in_executor(self._executor, self._post, body):
                return
            self._waiting.popleft()

    def _take(self) -> None:
        if len(self._waiting) >= MAX_WAITING:
            return
        minute = int((time.time() - self._every_s / 2) // 60)
        counts = self._histograms.take(minute)
        if counts:
            self._sequence += 1
            self._waiting.append(AnalyticsPost(self._boot, self._sequence, counts))

    def _post(self, body: dict[str, Any]) -> bool:
        """False: control is away, say it again."""
        try:
            self._control.status(body)
        except ControlAway as error:
            log.warning("control did not take the counts: %s", error)
            return False
        except ControlRefused as error:
            log.error("control refused the counts, they are lost: %s", error)
        return True
