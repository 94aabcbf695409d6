"""One serving process, put together: journal, leases, limits, models, server; started, drained, ended."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

from contracts.channels import CONFIG_CHANGED
from contracts.usage import LeaseClose
from workers.serve.ahead import LOAD_SCRIPT as LOAD_RESERVE_SCRIPT
from workers.serve.answers import AnswerStore
from workers.serve.app import Road
from workers.serve.clock import Clock
from workers.serve.config import Follower
from workers.serve.control import Control, ControlAway, ControlRefused
from workers.serve.desk import Desk
from workers.serve.directory import Directory
from workers.serve.journal import Journal, new_boot
from workers.serve.limits import LOAD_SCRIPT, Limits
from workers.serve.listening import listen
from workers.serve.metrics import Metrics
from workers.serve.node import VERSION, Node
from workers.serve.packages import Packages
from workers.serve.protocol import KEPT_HEADERS, Connection
from workers.serve.quick_road import QuickRoad
from workers.serve.redis_link import RedisLink, read_address
from workers.serve.refill import Refill
from workers.serve.request_log import RequestLog
from workers.serve.server import Server
from workers.serve.sessions import Sessions
from workers.serve.settings import Settings
from workers.serve.ship import Shipper
from workers.serve.slots import SlotLock, replay_forever
from workers.serve.tell_counts import CountsTeller
from workers.serve.trace import Tracer

log = logging.getLogger(__name__)

SHIP_AT_END_S = 10.0
SWEEP_ANSWERS_S = 300.0


class Process:
    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop, lock: SlotLock) -> None:
        self.settings = settings
        self.loop = loop
        self.lock = lock
        self.boot = new_boot()
        self.clock = Clock()
        self.control = Control(settings.control_url, settings.node_token)
        self.work = ThreadPoolExecutor(settings.threads, thread_name_prefix="work")
        self.errands = ThreadPoolExecutor(8, thread_name_prefix="errand")  # blocking calls to control
        alone = settings.processes == 1
        self.journal = Journal(
            lock.folder / self.boot, loop.call_soon_threadsafe, sync=settings.journal_sync, alone=alone
        )
        self.shipper = Shipper(self.control, self.journal)
        self.refill = Refill(self.boot, self.control, self.clock, self.journal, self.errands, loop)
        self.links = self._links()
        self.limits = Limits(self.links[0] if self.links else None)
        self.metrics = Metrics()
        self.road = Road(
            settings, loop, self.journal, self.limits, self.refill.leases, self.work, self.metrics, self.clock
        )
        self.refill.resume = self.road.gate.resume
        address = f"http://{settings.host}:{settings.port}"
        self.node = Node(self.boot, self.control, self.clock, self.errands, address)
        self.sessions = Sessions(Packages(settings.data / "packages", self.control), settings.model_memory_bytes)
        self.follower = Follower(
            self.control,
            self.sessions,
            self.road.registry,
            self.errands,
            settings.data / "config.json",
            self._publish,
            self._report,
        )
        self.node.follower = self.follower
        self.road.lobby.wake = self.follower.hint.set
        self.counts = CountsTeller(
            self.boot, self.control, self.road.registry.histograms, self.errands, settings.counts_s, self._status
        )
        self.kept = self.road.kept = RequestLog(self.control, self.errands)
        self.desk = Desk(self.road, AnswerStore(settings.data / "answers"), loop)
        self.server = Server(settings, self.road, self.desk, self.boot, self._gauges)
        self.server.quick_road = QuickRoad(self.server, self.road, self.journal, self.limits, self.refill.leases, loop)
        self.traces = self._trace()
        self.server.ready = lambda: self.road.directory is not None and self.journal.healthy
        self.tasks: list[asyncio.Task[Any]] = []
        self._kept = len(KEPT_HEADERS)
        self.failed = False

    def _links(self) -> list[RedisLink]:
        """One connection asks for limits, the other listens for the hint that the configuration changed."""
        if not self.settings.redis_url:
            return []
        address = read_address(self.settings.redis_url)
        asking = RedisLink(address, (LOAD_SCRIPT, LOAD_RESERVE_SCRIPT))
        listening = RedisLink(address, (("SUBSCRIBE", CONFIG_CHANGED),))
        listening.pushed = lambda message: self.follower.hint.set()
        return [asking, listening]

    def _publish(self, directory: Directory) -> None:
        self.road.directory = directory
        if len(KEPT_HEADERS) != self._kept:  # an endpoint became sticky: heads that were read without its header go
            self._kept = len(KEPT_HEADERS)
            self.server.known_heads.forget()
        self.limits.nodes = max(1, directory.config.live_nodes) * self.settings.processes

    async def _report(self) -> None:
        if self.settings.slot == 0:  # one voice per node
            await self.node.report()

    def _status(self) -> dict[str, Any]:
        """One voice per node tells how its endpoints are; every process tells what it counted."""
        revision = self.road.directory.revision if self.road.directory else 0
        states = self.follower.states() if self.settings.slot == 0 else []
        return {"boot": self.boot, "revision": revision, "endpoints": states}

    def _trace(self) -> Any:
        """The exporter, or None: without an address nothing of OpenTelemetry is imported."""
        if not self.settings.is_traced:
            return None
        tracer = self.road.tracer = Tracer(self.settings.trace_share)
        self.server.known_heads.get = tracer.sifting(self.server.known_heads.get)
        return import_module("workers.serve.trace_export").Exporter(tracer, self.boot, VERSION)

    def _is_loaded(self) -> bool:
        states = self.road.registry.endpoints.values()
        return self.road.directory is not None and all(one.state != "starting" for one in states)

    def _gauges(self) -> dict[str, Any]:
        return {
            "in_flight": self.road.in_flight,
            "connections": len(self.server.connections),
            "redis_up": int(bool(self.links) and self.links[0].up),
            "control_up": int(self.follower.reachable),
            "local_limit_checks": self.limits.local_checks,
            "lease_held_micros": self.refill.leases.held_micros(),
            "journal_healthy": int(self.journal.healthy),
            "ship_failures": self.shipper.failures,
            "request_log_dropped": self.kept.dropped,
            "models": len(self.sessions.loaded()),
            "config_revision": self.road.directory.revision if self.road.directory else 0,
            "clock_skew_seconds": round(self.clock.skew_s, 3),
        }

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, stop.set)
        jobs = [self.counts.keep_telling(), self.follower.follow(), self.server.sweep_forever(), self._tidy_forever()]
        jobs.append(self.kept.keep_shipping())
        jobs += [link.keep_connected() for link in self.links]
        jobs.append(replay_forever(self.lock, self.boot, self.control, self.settings, self.errands))
        if self.settings.slot == 0:
            jobs += [self.node.keep_saying_hello(), self._sweep_answers_forever()]
        self.tasks = [asyncio.ensure_future(job) for job in jobs]
        for task in self.tasks:
            task.add_done_callback(lambda task: self._watch(task, stop))
        listener = await listen(self.settings, lambda: Connection(self.server), self._is_loaded, stop)
        door = await self._open_second_door()
        gc.collect()
        gc.freeze()  # what is loaded now lives as long as the process: do not walk it again and again
        log.info("serving on %s:%d (boot %s)", self.settings.host, self.settings.port, self.boot)
        await stop.wait()
        log.info("draining")
        closing = [door.close(self.settings.deadline_s)] if door is not None else []
        await asyncio.gather(self.server.drain(listener), *closing)
        await self._end()

    async def _open_second_door(self) -> Any:
        if not self.settings.grpc_port:
            return None
        door = import_module("workers.serve.grpc_door").Door(self.server)
        await door.open()
        return door

    def _watch(self, task: asyncio.Task[Any], stop: asyncio.Event) -> None:
        """A background job that dies would leave a server that looks well and is not: end, and be started again."""
        if not task.cancelled() and task.exception() is not None:
            log.critical("a background job failed", exc_info=task.exception())
            self.failed = True
            stop.set()

    async def _sweep_answers_forever(self) -> None:
        while True:
            self.desk.sweep()
            await asyncio.sleep(SWEEP_ANSWERS_S)

    async def _tidy_forever(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            self.refill.close_shipped(self.shipper)

    async def _end(self) -> None:
        """Ship, close leases, stop. What control does not take now is replayed by the next start."""
        for task in self.tasks:
            task.cancel()
        for link in self.links:
            link.close()
        self.desk.close()
        started_s = time.monotonic()
        await self.counts.tell()
        await self.kept.ship()
        shipped = await self.loop.run_in_executor(self.errands, self.shipper.finish, SHIP_AT_END_S)
        if shipped:
            await self.loop.run_in_executor(self.errands, self._close_leases)
        self.journal.close()
        if not shipped:
            log.warning("the journal is not shipped; the next start will do it")
        self.control.close()
        if self.traces is not None:
            await self.loop.run_in_executor(self.errands, self.traces.stop)
        self.work.shutdown(wait=False, cancel_futures=True)
        self.road.explainer.close()
        log.info("ended; the journal took %.1f s", time.monotonic() - started_s)

    def _close_leases(self) -> None:
        leases = self.refill.leases
        leases.retire_all()
        held = [lease.id for lease in leases.retired]
        try:
            if held:
                self.control.close_leases(LeaseClose(boot=self.boot, leases=held))
            (self.journal.folder / "leases").unlink(missing_ok=True)
        except (ControlAway, ControlRefused) as error:
            log.warning("leases are not closed; the next start will do it: %s", error)
