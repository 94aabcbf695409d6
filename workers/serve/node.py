"""What this node tells control about itself: hello every 10 s, and how its endpoints are doing."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from concurrent.futures import Executor
from typing import Any

from workers.serve.clock import Clock
from workers.serve.config import Follower
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.providers import candidate_providers

log = logging.getLogger(__name__)

HELLO_S = 10.0
VERSION = "0.1.0"


class Node:
    def __init__(self, boot: str, control: Control, clock: Clock, executor: Executor, address: str) -> None:
        self.follower: Follower | None = None
        self._boot = boot
        self._control = control
        self._clock = clock
        self._executor = executor
        self._address = address

    async def keep_saying_hello(self) -> None:
        while True:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._hello)
            await self.report()
            await asyncio.sleep(HELLO_S)

    async def report(self) -> None:
        """Tell control the state of every endpoint."""
        follower = self.follower
        if follower is None or follower.directory is None:
            return
        body = {"boot": self._boot, "revision": follower.directory.revision, "endpoints": follower.states()}
        await asyncio.get_running_loop().run_in_executor(self._executor, self._post_status, body)

    def _hello(self) -> None:
        asked_s = time.time()
        body = {
            "kind": "serve",
            "boot": self._boot,
            "version": VERSION,
            "capabilities": capabilities(),
            "address": self._address,
        }
        try:
            told = self._control.hello(body)
            self._clock.compare(told.server_time_us, asked_s, time.time())
        except (ControlAway, ControlRefused) as error:
            log.warning("control did not hear hello: %s", error)

    def _post_status(self, body: dict[str, Any]) -> None:
        try:
            self._control.status(body)
        except (ControlAway, ControlRefused) as error:
            log.warning("control did not take the status: %s", error)


def capabilities() -> dict[str, Any]:
    return {
        "cores": os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpus": [],
        "providers": candidate_providers(),
    }
