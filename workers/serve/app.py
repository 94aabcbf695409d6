"""The road of a request, one function per step:

    parse → authenticate → admit → decode → batch → run → encode → journal → answer

Everything that arrives in one turn of the event loop walks together: one Redis call for all rate limits, one
ONNX Runtime call per model, one fdatasync for all journal lines. There is no task and no future per request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from hashlib import sha256
from time import monotonic
from typing import Any

from workers.serve import oip
from workers.serve.admit import Gate
from workers.serve.batching import Batcher, Outcome
from workers.serve.call import EXPLANATION, IMAGE, IMAGES, Call
from workers.serve.clock import Clock
from workers.serve.directory import Directory, Registry, Route
from workers.serve.explain_ask import weigh_explanation
from workers.serve.explainer import Explainer
from workers.serve.images import decode_images
from workers.serve.journal import Journal
from workers.serve.journal_line import journal_line, usage_id, usage_id_of_key
from workers.serve.leases import Leases
from workers.serve.limits import Limits
from workers.serve.lobby import Lobby
from workers.serve.metrics import Metrics
from workers.serve.peek import Limited, Peek
from workers.serve.problems import Refused, problem_bytes
from workers.serve.request_log import RequestLog
from workers.serve.sessions import Model
from workers.serve.settings import Settings
from workers.serve.shadow import Shadows
from workers.serve.trace import Tracer
from workers.serve.weigh import weigh

log = logging.getLogger(__name__)

PREDICT = b"/v1/predict/"
EXPLAIN = b"/v1/explain/"
PROBLEM = b"application/problem+json"


class Road:
    def __init__(
        self,
        settings: Settings,
        loop: Any,
        journal: Journal,
        limits: Limits,
        leases: Leases,
        executor: Executor,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self.directory: Directory | None = None
        self.registry = Registry(leases)
        self.in_flight = 0
        self.metrics = metrics
        self._settings = settings
        self._loop = loop
        self._journal = journal
        self._leases = leases
        self._executor = executor
        self._clock = clock
        self._peek = Peek(limits)
        self.gate = Gate(limits, leases, self._decode, self.refuse)
        self.explainer = Explainer(self._finished, loop)
        self.lobby = Lobby(self, settings.scale_up_s, loop)
        self._inbox: list[Call] = []
        self.tracer: Tracer | None = None
        self.kept: RequestLog | None = None
        self._shadows = Shadows(lambda: self.in_flight > 0, loop.call_soon_threadsafe)

    # parse: protocol.py hands over whole requests

    def accept(self, call: Call) -> None:
        """Collect what arrives in this turn of the loop; `_tick` runs once all of it is read."""
        if not self._inbox:
            self._loop.call_soon(self._tick)
        if self.tracer is not None:
            self.tracer.begin(call)
        self._inbox.append(call)

    def _tick(self) -> None:
        calls, self._inbox = self._inbox, []
        admitted: list[Call] = []
        now_s = monotonic()
        for call in calls:
            call.arrived_s = now_s
            call.counted = True
            self.in_flight += 1
            try:
                if self._enter(call):
                    admitted.append(call)
            except Refused as refusal:
                if refusal.code != "ours:starting" or not self.lobby.admits(call):
                    self.refuse(call, refusal)
            except Exception:
                log.exception("request failed before admission")
                self.refuse(call, Refused("ours:internal"))
        if admitted:
            if self.tracer is not None:
                self.tracer.mark(admitted, "authenticated")
            self.gate.admit(admitted)

    def _enter(self, call: Call) -> bool:
        """Authenticate and weigh. True: it goes on to rate and money; False: it is answered already."""
        path = call.path.partition(b"?")[0]
        if path.startswith(PREDICT):
            if call.method != b"POST":
                raise Refused("yours:method-not-allowed", "Use POST.")
            route = self._authenticate(call, _name(path[len(PREDICT) :]))
            model = self._choose_model(call, route)
            self._check_health(model)  # before the body is read: refusing must be cheap when there is too much to do
            weigh(call, model, self._settings.max_rows)
        elif path == b"/v2" or path.startswith(b"/v2/"):
            asked = oip.read_path(call.method, path)
            if asked.action != "infer":
                return self._tell(call, asked)
            route = self._authenticate(call, asked.name)
            model = self._choose_model(call, route, asked.version)
            self._check_health(model)
            oip.read_request(call, model, self._settings.max_rows)
        elif path.startswith(EXPLAIN):
            route = self._enter_explanation(call, _name(path[len(EXPLAIN) :]))
        else:
            raise Refused("yours:not-found")
        self._name_usage(call, route)
        self.gate.check_load(call, route)
        return True

    def _enter_explanation(self, call: Call, name: str) -> Route:
        if call.method != b"POST":
            raise Refused("yours:method-not-allowed", "Use POST.")
        route = self._authenticate(call, name)
        model = self._choose_model(call, route)
        self._check_health(model)
        self.explainer.check_load()
        weigh_explanation(call, model, self._settings.max_rows, route.smallest_burst)
        return route

    # authenticate

    def _authenticate(self, call: Call, name: str) -> Route:
        directory = self.directory
        if directory is None:
            raise Refused("ours:starting", "This server has no configuration yet.", retry_after_s=1)
        entry = directory.authenticate(call.headers.get(b"authorization", b""))
        route = directory.route(entry, name)
        call.route = route
        call.rate_headers = route.policy_header
        return route

    def _choose_model(self, call: Call, route: Route, version: str = "") -> Model:
        live = route.state.choose(call.headers, call.path)
        if version and version != live.version:
            live = next((one for one in route.state.live if one.version == version), live)
            if live.version != version:
                raise Refused("yours:not-found", f"The endpoint does not serve version {version[:100]}.")
        call.live, call.model, call.model_version = live, live.model, live.version
        return live.model

    def _tell(self, call: Call, asked: oip.Asked) -> bool:
        """Open Inference Protocol questions about a model: free, but only with a key."""
        if not asked.name:
            if self.directory is None:
                raise Refused("ours:starting", retry_after_s=1)
            entry = self.directory.authenticate(call.headers.get(b"authorization", b""))
            everything = oip.describe_all(self.directory, entry)
            self.with_rates(call, entry.limits, lambda: self._finish(call, 200, b"", everything))
            return False
        route = self._authenticate(call, asked.name)
        if asked.action == "ready" and not route.state.live:
            raise Refused("ours:starting", retry_after_s=1)
        model = self._choose_model(call, route, asked.version)
        body = oip.describe(asked, route.endpoint.name, route.state.live, model)
        self.with_rates(call, route, lambda: self._finish(call, 200, b"", body))
        return False

    def with_rates(self, call: Call, limited: Limited, then: Callable[[], None]) -> None:
        """Look up what is left of the limits, for an answer that takes nothing from them."""

        def told(headers: bytes) -> None:
            call.rate_headers = headers
            then()

        self._peek.ask(limited, told)

    # admit: load here, rate and money in admit.py

    def is_well(self) -> bool:
        """Nothing here speaks against taking requests; `_check_health` says what does."""
        return self._journal.healthy and not self._clock.is_wrong and self.in_flight < self._settings.max_in_flight

    def _check_health(self, model: Model) -> None:
        if self.in_flight > self._settings.max_in_flight:
            raise Refused("ours:overloaded", "Too many requests are under way.", retry_after_s=1)
        batcher = self._batcher(model)
        if batcher.queued_ms > self._settings.max_queued_ms:
            raise Refused("ours:overloaded", "Too much work is waiting for this model.", retry_after_s=1)
        if not self._journal.healthy:
            raise Refused("ours:metering-unavailable", retry_after_s=1)
        if self._clock.is_wrong:
            detail = f"The clock of this server is off by {self._clock.skew_s:+.1f} s."
            raise Refused("ours:metering-unavailable", detail, retry_after_s=5)

    def _name_usage(self, call: Call, route: Route) -> None:
        """Deadline and usage id; the same Idempotency-Key and body have the same id, so they are charged once."""
        wish = call.headers.get(b"x-deadline-ms", b"")
        patience_s = int(wish) / 1000 if wish.isdigit() and len(wish) < 8 else self._settings.deadline_s
        call.deadline_s = call.arrived_s + min(patience_s, self._settings.deadline_s)
        key = call.headers.get(b"idempotency-key", b"").strip().strip(b'"')
        if not key:
            call.usage_id = usage_id()
            return
        if len(key) > 255:
            raise Refused("yours:invalid", "The Idempotency-Key is longer than 255 characters.")
        asked = b"" if call.kind != EXPLANATION else call.path  # else a prediction would have paid for it
        digest = sha256(call.take_body() + asked).digest()
        call.usage_id = usage_id_of_key(route.endpoint.id, key, digest)

    # decode: images in threads; rows together with their batch

    def _decode(self, calls: list[Call]) -> None:
        touched: dict[int, Batcher] = {}
        if self.tracer is not None:
            self.tracer.mark(calls, "admitted")
        for call in calls:
            if call.model is None:
                continue
            if call.kind == IMAGE or call.kind == IMAGES:
                self._executor.submit(self._decode_image, call)
                continue
            if call.kind == EXPLANATION:
                self.explainer.add(call)
                continue
            batcher = self._batcher(call.model)
            batcher.add(call)
            touched[id(batcher)] = batcher
        for batcher in touched.values():
            batcher.dispatch()

    def _decode_image(self, call: Call) -> None:
        if call.gone or call.deadline_s < monotonic():
            self._loop.call_soon_threadsafe(self._finished, [call], [Refused("yours:deadline")])
            return
        try:
            pixels, shape = decode_images(call)
        except Refused as refusal:
            self._loop.call_soon_threadsafe(self._finished, [call], [refusal])
            return
        self._loop.call_soon_threadsafe(self._image_ready, call, pixels, shape)

    def _image_ready(self, call: Call, pixels: Any, shape: Any) -> None:
        if call.model is None:
            return
        call.rows = None
        if call.route is None or not call.route.log_share:
            call.body = b""
        call.feed = {call.model.manifest.inputs[0].name: pixels}
        call.shape = shape
        batcher = self._batcher(call.model)
        batcher.add(call)
        batcher.dispatch()

    # batch, run: batching.py

    def _batcher(self, model: Model) -> Batcher:
        if model.batcher is None:
            model.batcher = Batcher(model, self._executor, self._settings.threads, self._finished, self._loop)
        return model.batcher

    # encode, journal

    def _finished(self, calls: list[Call], outcomes: list[Outcome]) -> None:
        lines: list[bytes] = []
        good: list[Call] = []
        copied: list[tuple[Call, list[Any]]] = []
        at_us = time.time_ns() // 1000
        if self.tracer is not None:
            self.tracer.mark(calls, "ran")
        for call, outcome in zip(calls, outcomes, strict=True):
            if isinstance(outcome, Refused):
                self.refuse(call, outcome)
            elif call.gone:
                self.refuse(call, Refused("yours:deadline", "The client went away."))
            elif call.route is not None and self._encode(call, outcome):
                lines.append(journal_line(call, call.route, at_us))
                good.append(call)
                if call.route.state.shadows and call.kind != EXPLANATION:
                    copied.append((call, outcome))
        if good:
            self._journal.append(lines, self._journalled, good)
        for call, outcome in copied:
            self._shadows.offer(call, call.route.state.shadows if call.route else (), outcome)

    def _encode(self, call: Call, outcome: list[Any]) -> bool:
        """Make headers and body ready. False: that failed, and the call is refused."""
        try:
            if call.encoding is not None and call.route is not None:
                call.predictions = oip.write_response(call, call.route.endpoint.name, outcome[0])
            else:
                call.predictions = b"", self._plain_body(call, outcome)
        except Exception:  # one answer that cannot be written must not take the batch with it
            log.exception("an answer could not be encoded")
            self.refuse(call, Refused("ours:internal"))
            return False
        return True

    def _plain_body(self, call: Call, outcome: list[Any]) -> bytes:
        return (
            b'{"%b":[%b],"model_version":"%b","usage":{"id":"%b","units":%d,"amount_micros":%d},"latency_ms":%.3f}'
            % (
                b"explanations" if call.kind == EXPLANATION else b"predictions",
                b",".join(outcome),
                call.model_version.encode(),
                call.usage_id.encode(),
                call.units,
                call.amount_micros,
                (monotonic() - call.arrived_s) * 1000,
            )
        )

    def _journalled(self, ok: bool, calls: list[Call]) -> None:
        for call in calls:
            if not ok:
                self.refuse(call, Refused("ours:metering-unavailable", retry_after_s=1))
                continue
            leases, call.leases = call.leases, ()
            self._leases.keep(leases)
            self._answer(call)

    # answer

    def _answer(self, call: Call) -> None:
        headers, body = call.predictions
        usage = f"Usage-Id: {call.usage_id}\r\n".encode()
        live = call.live
        if live is not None:
            usage += live.headers
            if call.kind == EXPLANATION:
                live.tally.explained(call.units)
            else:
                live.tally.good(monotonic() - call.arrived_s, call.started_s - call.arrived_s, call.units)
        self.metrics.units += call.units
        self._finish(call, 200, headers + usage, body)

    def refuse(self, call: Call, refusal: Refused) -> None:
        """End a call with a problem; what it had taken goes back."""
        if call.leases:
            self._leases.give_back(call.leases, call.amount_micros, call.units)
            call.leases = ()
        headers = b"Cache-Control: no-store\r\n"
        if refusal.retry_after_s:
            headers += b"Retry-After: %d\r\n" % refusal.retry_after_s
        if refusal.status == 401:
            headers += b'WWW-Authenticate: Bearer realm="modelyard"\r\n'
        self.metrics.count_refusal(refusal.code)
        if call.route is not None:
            (call.live or call.route).tally.bad(refusal.status, refusal.code)
        body = problem_bytes(refusal, call.request_id.decode(), protocol_error=call.path.startswith(b"/v2"))
        limited = call.route or refusal.limited_by
        if limited is None or call.rate_headers not in (b"", limited.policy_header):
            self._finish(call, refusal.status, headers, body, PROBLEM)
        else:
            self.with_rates(call, limited, lambda: self._finish(call, refusal.status, headers, body, PROBLEM))

    def _finish(
        self, call: Call, status: int, headers: bytes, body: bytes, content_type: bytes = b"application/json"
    ) -> None:
        if call.counted:
            call.counted = False
            self.in_flight -= 1
            self.metrics.count(status, monotonic() - call.arrived_s)
        if call.admitted and call.route is not None:
            call.admitted = False
            call.route.organisation.in_flight -= 1
        if call.seat:
            self.gate.leave(call)
        if call.encoding is not None and status == 200 and call.encoding.content_type:
            content_type = call.encoding.content_type
        headers += call.rate_headers + b"X-Request-Id: " + call.request_id + b"\r\n"
        if call.trace is not None and self.tracer is not None:
            headers += self.tracer.end(call, status)
        call.answer(status, headers, body, content_type)
        if call.route is not None and call.route.log_share and self.kept is not None:
            self.kept.offer(call.route, call, monotonic() - call.arrived_s)


def _name(path: bytes) -> str:
    """The endpoint's name is one plain path segment."""
    if not path or b"/" in path or b"%" in path:
        raise Refused("yours:endpoint-unknown")
    return path.decode("latin-1")
