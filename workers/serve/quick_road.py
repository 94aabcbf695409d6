"""The same road as app.py's for the request that nearly all are: JSON rows for a table model, with a head seen before.

    parse → authenticate → admit → decode → batch → run → encode → journal → answer

One step handles all requests of a turn of the loop, so a step's cost is paid once and not per request. Only the good
way is here. Whatever is not plain (a bad row, a limit nearly reached, no credit at hand, a busy model, a rollout under
way) goes to the general road, which knows all the answers; what the request had taken is given back before.
"""

from __future__ import annotations

import logging
import time
from time import monotonic
from typing import TYPE_CHECKING, Any

from workers.serve.batching import INLINE_MS
from workers.serve.known_heads import PREDICT, KnownHead, QuickCall
from workers.serve.next_step import NextStep
from workers.serve.problems import Refused
from workers.serve.quick_texts import Texts
from workers.serve.rate_headers import passed_header
from workers.serve.weigh import read_rows

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from workers.serve.app import Road
    from workers.serve.directory import Live, Route
    from workers.serve.journal import Journal
    from workers.serve.leases import Lease, Leases
    from workers.serve.limits import Limits
    from workers.serve.protocol import Connection
    from workers.serve.server import Server
    from workers.serve.sessions import Model

log = logging.getLogger(__name__)

MOST_AT_ONCE = 64  # requests of one head in a turn, so that nobody waits long behind a crowd with one key


class Part:
    """The requests of one head in this turn, admitted together. `amount` is the price of all of them in micros."""

    __slots__ = ("amount", "calls", "leases", "live", "rate_headers", "route", "rows", "since_s", "started_s", "units")

    def __init__(
        self, route: Route, live: Live, calls: list[QuickCall], rows: list[dict[str, Any]], since_s: float
    ) -> None:
        self.since_s = since_s
        self.started_s = 0.0
        self.route = route
        self.live = live
        self.calls = calls
        self.rows = rows
        self.units = len(rows)
        self.amount = len(rows) * route.unit_price
        self.leases: tuple[Lease, ...] = ()
        self.rate_headers = b""


class QuickRoad:
    def __init__(
        self, server: Server, road: Road, journal: Journal, limits: Limits, leases: Leases, loop: AbstractEventLoop
    ) -> None:
        self._server = server
        self._road = road
        self._journal = journal
        self._limits = limits
        self._leases = leases
        self._request_prefix = server.request_prefix + b"q"
        self._requests = 0
        self._heads: list[KnownHead] = []
        self._next = NextStep(loop, self._tick)

    # parse: the connection found a known head and a whole body

    def accept(self, connection: Connection, head: KnownHead, body: bytes) -> QuickCall:
        call = QuickCall(connection, head, body)
        if not head.waiting:
            head.since_s = monotonic()
            self._heads.append(head)
        head.waiting.append(call)
        self._next.came()
        return call

    def _tick(self) -> None:
        heads, self._heads = self._heads, []
        parts: dict[Model, list[Part]] = {}
        for head in heads:
            calls, head.waiting = head.waiting[:MOST_AT_ONCE], head.waiting[MOST_AT_ONCE:]
            if head.waiting:
                self._heads.append(head)
                self._next.came(len(head.waiting))
            try:
                part = self._admit(head, calls)
            except Exception:
                log.exception("requests failed before admission")
                part = None
            if part is None:
                self._take_general_road(calls)
            else:
                parts.setdefault(part.live.model, []).append(part)
        for model, together in parts.items():
            entries = self._run(model, together)
            lines = entries and self._compose(together, entries)
            if lines:
                self._next.syncing(len(lines))
                self._journal.append(lines, self._journalled, together)

    # authenticate

    def _resolve(self, head: KnownHead) -> None:
        """Look the head up in the present directory. A refusal is the general road's to tell."""
        directory = self._road.directory
        head.directory, head.route = directory, None
        if directory is None:
            return
        try:
            entry = directory.authenticate(head.headers.get(b"authorization", b""))
            route = directory.route(entry, head.path[len(PREDICT) :].decode("latin-1"))
        except Refused:
            head.directory = None  # a key that is refused now may be known in a moment
            return
        head.route, head.expires_at = route, entry.expires_at

    def _live(self, head: KnownHead, route: Route) -> Live | None:
        """The deployment that answers this turn's requests, when its model is free to run at once."""
        state = route.state
        if not state.live or state.shadows:
            return None
        live = state.choose(head.headers, head.path)
        batcher = live.model.batcher
        if live.model.table is None or (batcher is not None and (batcher.queue or batcher.busy)):
            return None
        return live

    # admit

    def _admit(self, head: KnownHead, calls: list[QuickCall]) -> Part | None:
        """Rows, load, rate and money of one head's requests; None where one of them needs the general road."""
        road = self._road
        if head.directory is not road.directory or head.directory is None:
            self._resolve(head)
        route = head.route
        if route is None or route.seats or not road.is_well() or (head.expires_at and head.expires_at <= time.time()):
            return None
        live = self._live(head, route)
        rows = self._read(calls)
        if live is None or rows is None or live.model.cost.predicted_ms(len(rows)) > INLINE_MS:
            return None
        part = Part(route, live, calls, rows, head.since_s)
        if route.organisation.in_flight + len(calls) > route.max_concurrency or not self._take(part):
            return None
        route.organisation.in_flight += len(calls)
        road.in_flight += len(calls)
        return part

    def _read(self, calls: list[QuickCall]) -> list[dict[str, Any]] | None:
        rows: list[dict[str, Any]] = []
        most = self._server.settings.max_rows
        try:
            for call in calls:
                if call.connection.closed:
                    return None
                mine = read_rows(call.body, most)
                call.units = len(mine)
                rows += mine
        except Refused:
            return None
        return rows

    def _take(self, part: Part) -> bool:
        """Permissions and money for the whole part, or nothing at all."""
        route, limits = part.route, self._limits
        if route.buckets:
            if max(call.units for call in part.calls) > route.smallest_burst:
                return False
            verdict = route.ahead.take(part.units, limits.link, limits.nodes)
            if verdict is None:
                return False
            part.rate_headers = route.policy_header + passed_header(route.buckets, verdict)
        if part.amount or route.counts_units:
            leases = self._leases.spend_at_once(route.wallets, part.amount, part.units)
            if leases is None:
                route.ahead.give_back(part.units)
                return False
            part.leases = leases
        return True

    def _take_general_road(self, calls: list[QuickCall]) -> None:
        for call in calls:
            if not call.connection.closed:
                self._server.accept(call.as_call())

    def _give_back(self, part: Part) -> None:
        if part.leases:
            self._leases.give_back(part.leases, part.amount, part.units)
        part.route.ahead.give_back(part.units)
        self._leave(part)

    def _leave(self, part: Part) -> None:
        part.route.organisation.in_flight -= len(part.calls)
        self._road.in_flight -= len(part.calls)

    # decode, run, encode

    def _run(self, model: Model, parts: list[Part]) -> list[bytes] | None:
        """One prediction per row of all parts; None when something failed and the general road has them."""
        rows = parts[0].rows if len(parts) == 1 else [row for part in parts for row in part.rows]
        started_s = model.used_s = monotonic()
        for part in parts:
            part.started_s = started_s
        try:
            assert model.table is not None
            entries = model.writer.write(model.run(model.table.decode(rows)))
            if all(type(entry) is bytes for entry in entries):
                parts[0].live.tally.ran(len(rows))
                return entries  # type: ignore[return-value]
        except Refused:
            pass  # a bad row: the general road finds whose it is
        except Exception:
            log.exception("model %s failed on a batch", model.sha256[:12])
        for part in parts:
            self._give_back(part)
            self._take_general_road(part.calls)
        return None

    # journal

    def _compose(self, parts: list[Part], entries: list[bytes]) -> list[bytes] | None:
        """The usage record of every request; its answer is made too, and leaves when all records are on the disk."""
        try:
            return self._lines(parts, entries)
        except Exception:  # nothing is written yet: nobody pays for an answer that could not be made
            log.exception("answers could not be encoded")
        for part in parts:
            self._give_back(part)
            for call in part.calls:
                if not call.connection.closed:
                    self._server.refuse(call.as_call(), Refused("ours:internal"))
        return None

    def _lines(self, parts: list[Part], entries: list[bytes]) -> list[bytes]:
        lines: list[bytes] = []
        at = 0
        at_us = time.time_ns() // 1000
        now_s = monotonic()
        number = self._requests
        for part in parts:
            write = Texts(part, at_us, b"%.3f" % ((now_s - part.since_s) * 1000), self._request_prefix).write
            for place, call in enumerate(part.calls):
                units = call.units
                entry = entries[at] if units == 1 else b",".join(entries[at : at + units])
                at += units
                number += 1
                line, call.out = write(place, units, entry, number)
                lines.append(line)
        self._requests = number
        return lines

    # answer

    def _journalled(self, ok: bool, parts: list[Part]) -> None:
        self._answer(ok, parts)
        self._next.synced(sum([len(part.calls) for part in parts]))

    def _answer(self, ok: bool, parts: list[Part]) -> None:
        if not ok:
            for part in parts:
                self._give_back(part)
                for call in part.calls:
                    if not call.connection.closed:
                        self._server.refuse(call.as_call(), Refused("ours:metering-unavailable", retry_after_s=1))
            return
        now_s = monotonic()
        for part in parts:
            took_s = now_s - part.since_s
            self._leave(part)
            if part.leases:
                self._leases.keep(part.leases)
            self._road.metrics.count_good(len(part.calls), part.units, took_s)
            part.live.tally.good_together(len(part.calls), part.units, took_s, part.started_s - part.since_s)
            for call in part.calls:
                call.connection.send_ready()
            if part.route.log_share:
                self._keep(part, took_s)

    def _keep(self, part: Part, took_s: float) -> None:
        """For the request log, after the answers have left."""
        kept = self._road.kept
        for call in part.calls if kept is not None else ():
            if kept is not None and call.out is not None:
                kept.offer_quick(part.route, part.live, call.body, call.out, took_s, call.units)
