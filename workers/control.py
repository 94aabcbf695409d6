"""The workers' only line to the outside: the internal REST API of control (docs/internal-api.md).

Exception
├── StaleFence          401, 404 or 409: the work is no longer ours; stop and write nothing
├── ControlRefused      another 4xx: we sent something wrong, repeating it cannot help
└── ControlUnreachable  no answer or 5xx, also after the retries
"""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from contracts.jobs import BatchJob, BatchReport, HeartbeatAnswer, RunHeartbeat, RunReport, StoredFile, TrainJob
from contracts.wire import from_wire, to_wire

RETRY_WAITS_S = (0.2, 0.5, 1.0, 2.0, 4.0)  # about 8 s together: well inside a lease of 30 s
TIMEOUT = httpx.Timeout(10.0, read=30.0, write=30.0)
BLOCK_BYTES = 1 << 20


class StaleFence(Exception):
    pass


class ControlRefused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text[:300]}")
        self.status = status


class ControlUnreachable(Exception):
    pass


class _Line:
    """One token, one connection pool, one way to retry."""

    def __init__(self, base_url: str, token: str) -> None:
        # Redirects lead to presigned storage addresses; httpx drops the token when the host changes.
        self._http = httpx.Client(
            base_url=base_url.rstrip("/") + "/internal/v1",
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT,
            follow_redirects=True,
        )
        self.base_url = base_url

    def close(self) -> None:
        self._http.close()

    def _send(self, method: str, path: str, *, retries: int = len(RETRY_WAITS_S), **arguments: Any) -> httpx.Response:
        """Send an idempotent call, again after connection errors and 5xx. `retries=0` for calls that are not."""
        for wait_s in (*RETRY_WAITS_S[:retries], None):
            try:
                answer = self._http.request(method, path, **arguments)
                if answer.status_code < 500:
                    return _checked(answer)
                trouble = f"{answer.status_code} {answer.text[:200]}"
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            if wait_s is not None:
                time.sleep(wait_s)
        raise ControlUnreachable(f"{method} {path}: {trouble}")

    def _download(self, path: str, target: Path) -> tuple[str, httpx.Headers]:
        """Stream a file to disk; return its SHA-256 and the headers."""
        for wait_s in (*RETRY_WAITS_S, None):
            try:
                with self._http.stream("GET", path) as answer:
                    if answer.status_code < 500:
                        _checked(answer)
                        digest = hashlib.sha256()
                        with target.open("wb") as file:
                            for block in answer.iter_bytes(BLOCK_BYTES):
                                digest.update(block)
                                file.write(block)
                        return digest.hexdigest(), answer.headers
                    trouble = str(answer.status_code)
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            if wait_s is not None:
                time.sleep(wait_s)
        raise ControlUnreachable(f"GET {path}: {trouble}")

    def _upload(self, path: str, source: Path, fence: int) -> StoredFile:
        sha256 = sha256_of(source)
        headers = {
            "X-Content-Sha256": sha256,
            "Content-Length": str(source.stat().st_size),
            "Content-Type": "application/octet-stream",
        }
        for wait_s in (*RETRY_WAITS_S, None):  # not _send: the body is a stream and must be opened anew each time
            try:
                answer = self._http.put(path, params={"fence": fence}, content=_blocks(source), headers=headers)
                if answer.status_code < 500:
                    return from_wire(StoredFile, _checked(answer).json())
                trouble = f"{answer.status_code} {answer.text[:200]}"
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
            if wait_s is not None:
                time.sleep(wait_s)
        raise ControlUnreachable(f"PUT {path}: {trouble}")


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code in (401, 409):
        raise StaleFence(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
    if answer.status_code >= 400:
        answer.read()
        raise ControlRefused(answer.status_code, answer.text)
    return answer


def _blocks(source: Path) -> Iterator[bytes]:
    with source.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class NodeControl(_Line):
    """What a node may do with its own token: say hello, claim work."""

    def hello(self, message: dict[str, Any]) -> dict[str, Any]:
        return dict(self._send("POST", "/nodes/hello", retries=0, json=message).json())

    def claim_run(self) -> TrainJob | None:
        # Never repeated: a claim whose answer got lost is given to another worker when its lease ends.
        answer = self._send("POST", "/runs/claim", retries=0, json={})
        return None if answer.status_code == 204 else from_wire(TrainJob, answer.json())

    def claim_batch(self) -> BatchJob | None:
        answer = self._send("POST", "/batches/claim", retries=0, json={})
        return None if answer.status_code == 204 else from_wire(BatchJob, answer.json())


class RunControl(_Line):
    """What a claimed run may do with the run's token."""

    def __init__(self, base_url: str, job: TrainJob) -> None:
        super().__init__(base_url, job.run_token)
        self._job = job
        self._path = f"/runs/{job.run_id}"

    def heartbeat(self, message: RunHeartbeat) -> HeartbeatAnswer:
        return from_wire(
            HeartbeatAnswer, self._send("POST", f"{self._path}/heartbeat", retries=1, json=to_wire(message)).json()
        )

    def download_dataset(self, target: Path) -> str:
        return self._download(f"{self._path}/dataset", target)[0]

    def download_checkpoint(self, target: Path) -> int | None:
        """Step of the newest checkpoint, now in `target`; None when there is none."""
        try:
            _, headers = self._download(f"{self._path}/checkpoint", target)
        except ControlRefused as refusal:
            if refusal.status == 404:
                return None
            raise
        return int(headers.get("X-Checkpoint-Step", "0"))

    def put_file(self, source: Path, name: str) -> StoredFile:
        return self._upload(f"{self._path}/files/{name}", source, self._job.fence)

    def register_checkpoint(self, step: int, stored: StoredFile) -> None:
        body = {"fence": self._job.fence, "step": step, "name": stored.name, "sha256": stored.sha256}
        self._send("POST", f"{self._path}/checkpoint", json=body)

    def finish(self, report: RunReport) -> dict[str, Any]:
        return dict(self._send("POST", f"{self._path}/finish", json=to_wire(report)).json())


class BatchControl(_Line):
    """What a claimed batch may do with the batch's token."""

    def __init__(self, base_url: str, job: BatchJob) -> None:
        super().__init__(base_url, job.batch_token)
        self._job = job
        self._path = f"/batches/{job.batch_id}"

    def download(self, name: str, target: Path) -> str:
        """`name`: input, model.onnx or manifest.json."""
        return self._download(f"{self._path}/{name}", target)[0]

    def put_file(self, source: Path, name: str) -> StoredFile:
        return self._upload(f"{self._path}/files/{name}", source, self._job.fence)

    def progress(self, report: BatchReport) -> dict[str, Any]:
        return dict(self._send("POST", f"{self._path}/progress", retries=1, json=to_wire(report)).json())

    def finish(self, report: BatchReport) -> dict[str, Any]:
        return dict(self._send("POST", f"{self._path}/finish", json=to_wire(report)).json())
