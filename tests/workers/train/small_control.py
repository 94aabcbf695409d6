"""A small real control over HTTP, standard library only: the internal API of docs/internal-api.md for runs and batches.

It keeps everything in memory, guards every write by token and fence, and counts what a test wants to know.
"""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


class SmallControl:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.queue: list[str] = []
        self.jobs: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, dict[str, bytes]] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.checkpoints: dict[str, tuple[int, str]] = {}
        self.heartbeats: dict[str, list[dict[str, Any]]] = {}
        self.progress: dict[str, list[dict[str, Any]]] = {}
        self.finished: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any]] = {}  # what a heartbeat or progress is answered
        self.hellos: list[dict[str, Any]] = []
        self.refused = 0
        self.faults: list[int] = []  # statuses to answer to the next calls
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add_run(self, job: dict[str, Any], dataset: bytes) -> None:
        sha256 = hashlib.sha256(dataset).hexdigest()
        job = {
            "fence": 1,
            "attempt": 1,
            "run_token": f"myr_{job['run_id']}",
            "dataset_sha256": sha256,
            "dataset_bytes": len(dataset),
            **job,
        }
        self.jobs[job["run_id"]] = job
        self.inputs[job["run_id"]] = {"dataset": dataset}
        self.queue.append(job["run_id"])

    def add_batch(self, job: dict[str, Any], inputs: dict[str, bytes]) -> None:
        job = {"fence": 1, "batch_token": f"myb_{job['batch_id']}", **job}
        self.jobs[job["batch_id"]] = job
        self.inputs[job["batch_id"]] = inputs
        self.queue.append(job["batch_id"])

    def claim_again(self, run_id: str) -> None:
        """What the reaper does: a higher fence, back into the queue, from the newest checkpoint."""
        step = self.checkpoints.get(run_id, (0, ""))[0]
        job = self.jobs[run_id]
        self.jobs[run_id] = {**job, "fence": job["fence"] + 1, "attempt": job["attempt"] + 1, "checkpoint_step": step}
        self.queue.append(run_id)

    def _claim(self, kind: str) -> dict[str, Any] | None:
        with self.lock:
            for one in self.queue:
                if ("batch_id" in self.jobs[one]) == (kind == "batches"):
                    self.queue.remove(one)
                    return self.jobs[one]
        return None

    def answer(
        self, method: str, path: str, query: dict[str, str], token: str, body: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        if self.faults:
            return self.faults.pop(0), {}, {}
        parts = path.removeprefix("/internal/v1/").split("/")
        if parts == ["nodes", "hello"]:
            self.hellos.append(json.loads(body))
            return 200, {"node": "nod_1", "pool": "cpu", "server_time_us": 0}, {}
        if parts[1] == "claim":
            job = self._claim(parts[0]) if token == "myn_test" else None
            return (200, job, {}) if job else (204, None, {})
        job = self.jobs[parts[1]]
        if token != job.get("run_token", job.get("batch_token")):
            return 401, {"code": "yours:not-authenticated"}, {}
        if method == "GET":
            return self._read(parts[1], parts[2])
        fence = query.get("fence") or json.loads(body)["fence"]
        if int(fence) != job["fence"] or parts[1] in self.finished:
            self.refused += 1
            return 409, {"code": "yours:stale"}, {}
        if method == "PUT":
            self.files.setdefault(parts[1], {})[parts[3]] = body
            return 200, {"name": parts[3], "sha256": hashlib.sha256(body).hexdigest(), "size_bytes": len(body)}, {}
        return self._write(parts[1], parts[2], json.loads(body))

    def _read(self, one: str, name: str) -> tuple[int, Any, dict[str, str]]:
        if name == "checkpoint":
            if one not in self.checkpoints:
                return 404, {}, {}
            step, file = self.checkpoints[one]
            return 200, self.files[one][file], {"X-Checkpoint-Step": str(step)}
        return 200, self.inputs[one][name], {}

    def _write(self, one: str, verb: str, message: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        if verb == "heartbeat":
            self.heartbeats.setdefault(one, []).append(message)
            return 200, self.answers.get(one, {}), {}
        if verb == "progress":
            self.progress.setdefault(one, []).append(message)
            return 200, self.answers.get(one, {"cancel": False, "lease_seconds": 30}), {}
        if verb == "checkpoint":
            assert hashlib.sha256(self.files[one][message["name"]]).hexdigest() == message["sha256"]
            self.checkpoints[one] = (message["step"], message["name"])
            return 204, None, {}
        self.finished[one] = message
        return 200, {"state": message["outcome"], "model_version": "ver_1", "cancel": False, "lease_seconds": 30}, {}


def _handler(control: SmallControl) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            where = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(where.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
            status, content, headers = control.answer(self.command, where.path, query, token, body)
            raw = content if isinstance(content, bytes) else b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = _serve

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
