"""Lease traffic with control, off the event loop: asking for more, and closing what is done with."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from contracts.usage import LeaseClose, LeaseGrant, LeaseRequest
from workers.serve.clock import Clock
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.journal import Journal
from workers.serve.leases import Lease, Leases, Wallet, budget_exhausted
from workers.serve.ship import Shipper

log = logging.getLogger(__name__)


class Refill:
    def __init__(
        self, boot: str, control: Control, clock: Clock, journal: Journal, executor: Executor, loop: Any
    ) -> None:
        self.leases = Leases(self._ask)
        self.resume: Callable[[list[Any]], None] = lambda calls: None  # set to the gate's once that exists
        self.closing = False
        self._boot = boot
        self._control = control
        self._clock = clock
        self._journal = journal
        self._executor = executor
        self._loop = loop

    def _ask(self, wallet: Wallet, want: int, least: int) -> None:
        self._executor.submit(self._ask_in_thread, wallet, want, least)

    def _ask_in_thread(self, wallet: Wallet, want: int, least: int) -> None:
        request = LeaseRequest(boot=self._boot, wallet=wallet.id, want_micros=want, least_micros=least)
        asked_s, asked_monotonic_s = time.time(), time.monotonic()
        outcome: Any
        try:
            grant = self._control.lease(request)
            self._clock.compare(grant.server_time_us, asked_s, time.time())
            self._journal.note_lease(grant.id)
            outcome = grant
        except ControlRefused as error:
            outcome = error
        except Exception as error:  # a thread that dies silently would park requests for ever
            if not isinstance(error, ControlAway):
                log.exception("asking for a lease failed")
            outcome = None
        self._loop.call_soon_threadsafe(self._told, wallet, least, outcome, asked_monotonic_s)

    def _told(self, wallet: Wallet, least: int, outcome: Any, asked_s: float) -> None:
        if isinstance(outcome, LeaseGrant) and outcome.granted_micros > 0:
            calls = self.leases.granted(wallet, outcome, least, asked_s)
        elif isinstance(outcome, ControlRefused) and outcome.status == 402:
            calls = self.leases.empty(wallet, least, budget_exhausted(wallet.id, outcome.problem))
        else:
            log.warning("no lease on %s: %s", wallet.id, outcome or "control is away")
            calls = self.leases.away(wallet)
        if calls:
            self.resume(calls)

    def close_shipped(self, shipper: Shipper) -> None:
        """Once a second: give back the rest of leases whose records are all with control."""
        self.leases.retire_ended()
        ready = []
        for lease in self.leases.retired:
            if lease.open_calls == 0 and lease.shipped_at is None:
                lease.shipped_at = self._journal.durable  # its last record lies before this
            if lease.shipped_at is not None and lease.open_calls == 0 and shipper.shipped >= lease.shipped_at:
                ready.append(lease)
        if ready and not self.closing:
            self.closing = True
            self.leases.retired = [lease for lease in self.leases.retired if lease not in ready]
            self._executor.submit(self._close_in_thread, ready)

    def _close_in_thread(self, leases: list[Lease]) -> None:
        try:
            self._control.close_leases(LeaseClose(boot=self._boot, leases=[lease.id for lease in leases]))
        except (ControlAway, ControlRefused) as error:
            log.warning("leases are not closed yet: %s", error)
            self._loop.call_soon_threadsafe(self.leases.retired.extend, leases)
        self._loop.call_soon_threadsafe(setattr, self, "closing", False)
