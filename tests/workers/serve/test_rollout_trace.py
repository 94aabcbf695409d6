"""With a collector's address every traced request becomes a span with its steps; without one nothing is loaded."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.workers.serve import models
from tests.workers.serve.serving import ROOT, serving, wait_for
from tests.workers.serve.small_control import SmallControl

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
STEPS = ["authenticate", "admit", "queue", "run", "journal"]


class Collector:
    """Takes OTLP over HTTP as a real collector does, and keeps the decoded spans."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.resources: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        message = ExportTraceServiceRequest()
        message.ParseFromString(body)
        for resource in message.resource_spans:
            self.resources.append({one.key: one.value.string_value for one in resource.resource.attributes})
            for scope in resource.scope_spans:
                self.spans += scope.spans

    def of(self, trace_id: str) -> list[Any]:
        return [span for span in self.spans if span.trace_id.hex() == trace_id]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                raise AssertionError("compression was not asked for")
            collector.take(self.path, body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_a_traced_request_is_a_span_with_its_steps_under_the_callers_span(
    control: SmallControl, collector: Collector, tmp_path: Path
):
    organisation = control.organisation()
    key = control.key(organisation)
    endpoint = control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER_ARG": "0"}
    with serving(control, tmp_path / "data", OTEL_SERVICE_NAME="yard", **tracing) as server:
        server.wait_ready()
        untraced = [server.predict(key, "churn", {"age": 1}) for _ in range(4)]
        assert not any("traceparent" in answer.headers for answer in untraced)
        told_no = server.predict(key, "churn", {"age": 1}, traceparent=f"00-{TRACE}-{PARENT}-00")
        assert "traceparent" not in told_no.headers
        answer = server.predict(key, "churn", {"age": 1}, traceparent=f"00-{TRACE}-{PARENT}-01")
        assert answer.status_code == 200
        refused = server.predict("my_live_wrong", "churn", {"age": 1}, traceparent=f"00-{'1' * 32}-{PARENT}-01")
        assert refused.status_code == 401
        wait_for(lambda: len(collector.of(TRACE)) == 6 and len(collector.of("1" * 32)) == 1)
        assert len(collector.spans) == 7, "what was not asked for is not traced"
    whole = next(
        span for span in collector.spans if span.parent_span_id.hex() == PARENT and span.trace_id.hex() == TRACE
    )
    assert answer.headers["traceparent"] == f"00-{TRACE}-{whole.span_id.hex()}-01"
    steps = sorted((s for s in collector.of(TRACE) if s is not whole), key=lambda s: s.start_time_unix_nano)
    assert [step.name for step in steps] == STEPS
    assert {step.parent_span_id for step in steps} == {whole.span_id}
    assert steps[0].start_time_unix_nano == whole.start_time_unix_nano
    assert all(a.end_time_unix_nano == b.start_time_unix_nano for a, b in pairwise(steps))
    assert steps[-1].end_time_unix_nano <= whole.end_time_unix_nano
    about = {one.key: one.value.string_value or one.value.int_value for one in whole.attributes}
    assert about["modelyard.endpoint"] == endpoint.id
    assert about["http.response.status_code"] == 200
    assert collector.resources[0]["service.name"] == "yard"


def test_the_share_decides_where_callers_do_not(control: SmallControl, collector: Collector, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_TRACES_SAMPLER_ARG": "1"}
    with serving(control, tmp_path / "data", **tracing) as server:
        server.wait_ready()
        answers = [server.predict(key, "churn", {"age": 1}) for _ in range(6)]
        named = {answer.headers["traceparent"].split("-")[1] for answer in answers}
        assert len(named) == 6
    assert named <= {span.trace_id.hex() for span in collector.spans}, "what is left is sent at the end"


def test_without_an_address_nothing_of_opentelemetry_is_loaded():
    code = "import sys, workers.serve.__main__; print([n for n in sys.modules if n.startswith('opentelemetry')])"
    environment = {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert told.stdout.strip() == "[]"
