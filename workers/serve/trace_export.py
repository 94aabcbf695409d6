"""Builds OpenTelemetry spans from finished traces and sends them over OTLP/HTTP, in a thread of its own.

Imported only where OTEL_EXPORTER_OTLP_ENDPOINT is set. Everything else (headers, timeout, resource) is read from the
standard OTEL_* variables by the SDK.
"""

from __future__ import annotations

import random
import threading

from opentelemetry import trace as api
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from workers.serve.trace import Finished, Tracer

LOOK_S = 0.2
FLUSH_MS = 3000


class _GivenIds(IdGenerator):
    """The request's span has the id that its answer named; the SDK asks for ids in the order of the spans."""

    def __init__(self) -> None:
        self.trace_id = 0
        self.span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        given, self.span_id = self.span_id, 0
        return given or random.getrandbits(64) or 1


class Exporter:
    def __init__(self, tracer: Tracer, boot: str, version: str) -> None:
        self._tracer = tracer
        self._ids = _GivenIds()
        about = {"service.name": "modelyard-serve", "service.version": version, "service.instance.id": boot}
        resource = Resource(about).merge(OTELResourceDetector().detect())  # what an operator says goes before ours
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=1000))
        self._spans = self._provider.get_tracer("modelyard.serve", version)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work_on, name="traces", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send what is left. Blocks for a few seconds at the most."""
        self._stopping.set()
        self._thread.join(timeout=2.0)
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()

    def _work_on(self) -> None:
        while not self._stopping.wait(LOOK_S):
            self._build_all()
        self._build_all()

    def _build_all(self) -> None:
        finished = self._tracer.finished
        while finished:
            self._build(finished.popleft())

    def _build(self, done: Finished) -> None:
        self._ids.trace_id, self._ids.span_id = done.trace_id, done.span_id
        context = api.set_span_in_context(api.INVALID_SPAN)
        if done.parent_id:
            flags = api.TraceFlags(api.TraceFlags.SAMPLED)
            parent = api.SpanContext(done.trace_id, done.parent_id, is_remote=True, trace_flags=flags)
            context = api.set_span_in_context(api.NonRecordingSpan(parent))
        whole = self._spans.start_span(
            done.request.name,
            context,
            kind=api.SpanKind.SERVER,
            attributes=done.attributes,
            start_time=done.request.start_ns,
        )
        inside = api.set_span_in_context(whole)
        for step in done.steps:
            self._spans.start_span(step.name, inside, start_time=step.start_ns).end(step.end_ns)
        if done.attributes["http.response.status_code"] >= 500:
            whole.set_status(api.StatusCode.ERROR)
        whole.end(done.request.end_ns)
