"""Carries one claimed batch from the claim to its end: fetch, predict in chunks, report progress, put the result."""

import dataclasses
import itertools
import json
import logging
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from contracts.jobs import HEARTBEAT_S, BatchJob, BatchReport
from contracts.manifests import ModelManifest
from contracts.wire import from_wire
from workers.batch.inputs import CHUNK_IMAGES, CHUNK_RANKINGS, CHUNK_ROWS, Piece, UnreadableInput, read_pieces
from workers.batch.predict import Answer, Predictor
from workers.batch.results import ResultFile
from workers.control import BatchControl, ControlRefused, ControlUnreachable, NodeControl, StaleFence

log = logging.getLogger(__name__)

ERRORS_MOST = 100  # listed on the batch's page; all of them are in the result file
RESULT_NAME = "result.csv"


class Supervisor:
    def __init__(self, node: NodeControl, stopping: threading.Event) -> None:
        self._node = node
        self._stopping = stopping

    def work_one(self) -> bool:
        """Claim one batch and carry it to its end; False when there was nothing to do."""
        job = self._node.claim_batch()
        if job is None:
            return False
        log.info("claimed %s fence %s: %s rows", job.batch_id, job.fence, job.rows)
        control = BatchControl(self._node.base_url, job)
        base = os.environ.get("BATCH_DATA") or tempfile.gettempdir()
        Path(base).mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f"batch_{job.batch_id}-{job.fence}-", dir=base))
        try:
            Work(job, control, folder, self._stopping).carry_out()
        except StaleFence as stale:
            log.warning("%s is no longer ours: %s", job.batch_id, stale)
        except (ControlUnreachable, ControlRefused):
            log.exception("%s is left to its lease", job.batch_id)
        finally:
            control.close()
            shutil.rmtree(folder, ignore_errors=True)
        return True


class Work:
    """One claim of one batch. Its lease is renewed by a thread while chunks are predicted and files move."""

    def __init__(self, job: BatchJob, control: BatchControl, folder: Path, stopping: threading.Event) -> None:
        self._job, self._control, self._folder, self._stopping = job, control, folder, stopping
        self._done = self._failed = 0
        self._errors: list[dict[str, Any]] = []
        self._is_cancelled = self._is_stale = False
        self._ended = threading.Event()

    def carry_out(self) -> None:
        """1. fetch 2. predict chunk by chunk 3. put the result 4. finish; leave silently when shutting down."""
        keeper = threading.Thread(target=self._keep_lease, name="batch-lease", daemon=True)
        keeper.start()
        try:
            report = self._predict_all()
        finally:
            self._ended.set()
            keeper.join(timeout=30)
        if report is not None:
            self._control.finish(report)
            log.info("%s finished %s", self._job.batch_id, report.outcome)

    def _keep_lease(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            try:
                answer = self._control.progress(self._report())
                self._is_cancelled = self._is_cancelled or bool(answer.get("cancel"))
            except StaleFence:
                self._is_stale = True
                return
            except (ControlUnreachable, ControlRefused) as trouble:
                log.warning("%s: progress not told: %s", self._job.batch_id, trouble)

    def _predict_all(self) -> BatchReport | None:
        """The final report; None when the work is left to its lease."""
        self._control.download("input", self._folder / "input")
        predictor, manifest = self._load_model()
        if predictor is None or manifest is None:
            return self._report(outcome="failed", code="ours:model-unavailable", detail="The model arrived damaged.")
        result = ResultFile(self._folder / RESULT_NAME, manifest)
        size = CHUNK_IMAGES if manifest.codec else CHUNK_RANKINGS if manifest.meaning.kind == "ranking" else CHUNK_ROWS
        pieces = read_pieces(self._folder / "input", self._job.input_format)
        try:
            while chunk := list(itertools.islice(pieces, size)):
                if self._stopping.is_set():
                    return None
                if self._is_stale:
                    raise StaleFence("progress refused")
                if self._is_cancelled:
                    return self._report(outcome="failed", detail="Cancelled.")
                self._take(predictor.predict(chunk), result)
        except UnreadableInput as error:
            return self._report(outcome="failed", code="yours:file-unreadable", detail=str(error))
        finally:
            result.close()
        stored = self._control.put_file(self._folder / RESULT_NAME, RESULT_NAME)
        return dataclasses.replace(self._report(outcome="succeeded"), result=stored)

    def _load_model(self) -> tuple[Predictor | None, ModelManifest | None]:
        self._control.download("manifest.json", self._folder / "manifest.json")
        sha256 = self._control.download("model.onnx", self._folder / "model.onnx")
        if sha256 != self._job.model_sha256:
            return None, None
        manifest = from_wire(ModelManifest, json.loads((self._folder / "manifest.json").read_text()))
        raw = (self._folder / "model.onnx").read_bytes()
        return Predictor(raw, manifest, len(os.sched_getaffinity(0))), manifest

    def _take(self, answers: list[Answer], result: ResultFile) -> None:
        for answer in answers:
            result.write(answer)
            self._done += 1
            if answer.problem:
                self._failed += 1
                if len(self._errors) < ERRORS_MOST:
                    self._errors.append(_told(answer.piece, answer))

    def _report(self, outcome: str = "", code: str = "", detail: str = "") -> BatchReport:
        return BatchReport(
            fence=self._job.fence,
            rows_done=self._done,
            rows_failed=self._failed,
            outcome=outcome,
            failure_code=code,
            failure_detail=detail,
            errors=list(self._errors),
        )


def _told(piece: Piece, answer: Answer) -> dict[str, Any]:
    return {"row": piece.number, "location": answer.location or piece.name, "message": answer.problem}
