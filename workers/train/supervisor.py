"""Carries one claimed run from the claim to its end: child process, heartbeats, checkpoints, package, finish.

How a run can end here:
    succeeded   the package is uploaded and control has accepted it
    failed      with a code: the child's own, out of memory, crashed
    cancelled   control asked for it
    left        the fence is stale or this worker is shutting down: nothing more is written, the lease runs out
"""

import contextlib
import dataclasses
import json
import logging
import os
import shutil
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from contracts.jobs import RunReport, StoredFile, TrainJob
from contracts.wire import to_wire
from workers.control import ControlRefused, ControlUnreachable, NodeControl, RunControl, StaleFence
from workers.train.child import EXIT_FAILED, EXIT_OUT_OF_MEMORY
from workers.train.energy import EnergyMeter
from workers.train.pulse import Pulse
from workers.train.trainee import Trainee, clear_orphans

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25
STALL_S = 120.0  # a child that says nothing for so long is stuck
LOSSES_MOST = 2  # deaths of the child before the run is given up
OVERTIME_SHARE, OVERTIME_S = 1.2, 30.0  # beyond the budget: the child missed its own end
PACKAGE = ("model.onnx", "manifest.json", "parity.json", "evaluation.json", "vectors.json")
VARIANTS = tuple(  # only where rounding the numbers costs little
    f"{part}.{precision}.{kind}"
    for precision in ("int8", "fp16")
    for part, kind in (("model", "onnx"), ("manifest", "json"), ("vectors", "json"))
)


class Supervisor:
    def __init__(self, node: NodeControl, stopping: threading.Event) -> None:
        self._node = node
        self._stopping = stopping
        self._base = Path(os.environ.get("TRAIN_DATA") or Path(tempfile.gettempdir()) / "modelyard-train")
        self._base.mkdir(parents=True, exist_ok=True)
        clear_orphans(self._base)

    def work_one(self) -> bool:
        """Claim one run and carry it to its end; False when there was nothing to do."""
        job = self._node.claim_run()
        if job is None:
            return False
        log.info("claimed %s fence %s attempt %s", job.run_id, job.fence, job.attempt)
        folder = Path(tempfile.mkdtemp(prefix=f"run_{job.run_id}-{job.fence}-", dir=self._base))
        (folder / "owner").write_text(str(os.getpid()))
        control = RunControl(self._node.base_url, job)
        try:
            with Pulse(control, job.fence) as pulse:
                Attempt(job, control, pulse, folder, self._stopping).carry_out()
        except StaleFence as stale:
            log.warning("%s is no longer ours: %s", job.run_id, stale)
        except (ControlUnreachable, ControlRefused):
            log.exception("%s is left to its lease", job.run_id)
        finally:
            control.close()
            shutil.rmtree(folder, ignore_errors=True)
        return True


class Attempt:
    """One claim of one run on this machine."""

    def __init__(
        self, job: TrainJob, control: RunControl, pulse: Pulse, folder: Path, stopping: threading.Event
    ) -> None:
        self._job, self._control, self._pulse, self._folder, self._stopping = job, control, pulse, folder, stopping
        self._seconds = 0.0  # of children that ended
        self._wh = 0.0
        self._energy_source = ""
        self._uploaded_step = 0
        self._waiting_checkpoint: dict[str, Any] | None = None

    def carry_out(self) -> None:
        """1. fetch 2. run the child, again after a loss 3. report how it ended."""
        self._fetch()
        losses = 0
        while True:
            ending = self._run_child()
            if ending in ("killed", "stalled", "crashed"):
                losses += 1
                self._pulse.absorb(
                    {
                        "kind": "log",
                        "line": f"The training process was lost ({ending}); loss {losses} of {LOSSES_MOST}.",
                    }
                )
                if losses < LOSSES_MOST:
                    continue
            break
        log.info("%s ended: %s", self._job.run_id, ending)
        if ending == "left":
            return
        self._pulse.flush()
        self._finish(self._report(ending))

    def _fetch(self) -> None:
        self._pulse.update(stage="download")
        sha256 = self._control.download_dataset(self._folder / "dataset")
        if sha256 != self._job.dataset_sha256:
            self._pulse.absorb({"kind": "log", "line": "The dataset arrived damaged; fetching it again."})
            if self._control.download_dataset(self._folder / "dataset") != self._job.dataset_sha256:
                raise ControlUnreachable("the dataset arrived damaged twice")
        if self._job.checkpoint_step:
            target = self._folder / "fetched.safetensors"
            step = self._control.download_checkpoint(target)
            if step is not None:
                self._uploaded_step = step
                target.rename(self._folder / f"checkpoint-{step:06d}.safetensors")

    def _run_child(self) -> str:
        """Start a child and stay with it; returns how it ended."""
        spent_before_s = self._seconds
        job = dataclasses.replace(
            self._job, run_token="", budget_seconds=max(1.0, self._job.budget_seconds - spent_before_s)
        )
        (self._folder / "job.json").write_text(json.dumps(to_wire(job)))
        child = Trainee(self._folder)
        meter = EnergyMeter(child.pid)
        wh_before = self._wh
        self._energy_source = meter.source
        try:
            while True:
                meter.sample()
                self._seconds, self._wh = spent_before_s + child.seconds(), wh_before + meter.wh
                self._pulse.update(
                    compute_seconds=round(self._seconds, 3), energy_wh=self._wh, energy_source=meter.source
                )
                status = child.exit_status()
                self._take(child.news())
                self._upload_checkpoint()
                ending = self._ending(child, status)
                if ending:
                    return ending
                self._stopping.wait(LOOK_EVERY_S) if not self._stopping.is_set() else time.sleep(LOOK_EVERY_S)
        finally:
            child.kill()

    def _take(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["kind"] == "checkpoint":
                self._waiting_checkpoint = line
            else:
                self._pulse.absorb(line)

    def _ending(self, child: Trainee, status: int | None) -> str:
        """Why it is over; empty while the child should go on."""
        if self._pulse.is_stale:
            raise StaleFence("heartbeat refused")
        if self._pulse.cancel:
            return "cancelled"
        if self._stopping.is_set():
            return "left"
        if self._pulse.stop_and_keep_best:
            (self._folder / "stop").touch()
        if status is None:
            if time.monotonic() - child.heard_at > STALL_S:
                return "stalled"
            overtime_s = max(self._job.budget_seconds * OVERTIME_SHARE, self._job.budget_seconds + OVERTIME_S)
            return "overtime" if self._seconds > overtime_s else ""
        if status == 0:
            return "succeeded"
        if status == EXIT_FAILED:
            return "failed"
        if status in (-signal.SIGKILL, EXIT_OUT_OF_MEMORY):
            return "killed"
        log.error("%s: training child exited %s\n%s", self._job.run_id, status, child.last_words())
        return "crashed"

    def _upload_checkpoint(self) -> None:
        """Bring the newest checkpoint to control; one that the child has already replaced is skipped."""
        line, self._waiting_checkpoint = self._waiting_checkpoint, None
        if line is None or line["step"] <= self._uploaded_step:
            return
        try:
            stored = self._control.put_file(self._folder / line["name"], line["name"])
            self._control.register_checkpoint(line["step"], stored)
            self._uploaded_step = line["step"]
        except (ControlUnreachable, FileNotFoundError) as trouble:
            log.warning("checkpoint %s not uploaded: %s", line["step"], trouble)  # the next one brings everything

    def _report(self, ending: str) -> RunReport:
        report = RunReport(
            fence=self._job.fence,
            outcome="failed",
            compute_seconds=round(self._seconds, 3),
            energy_wh=self._wh,
            energy_source=self._energy_source,
            candidates=self._pulse.candidates,
        )
        if ending == "succeeded":
            result = json.loads((self._folder / "result.json").read_text())
            return dataclasses.replace(
                report,
                outcome="succeeded",
                metrics=result["metrics"],
                baseline=result["baseline"],
                files=self._upload_package(),
            )
        if ending == "cancelled":
            return dataclasses.replace(report, outcome="cancelled")
        if ending == "failed":
            failure = json.loads((self._folder / "failure.json").read_text())
            return dataclasses.replace(report, failure_code=failure["code"], failure_detail=failure["detail"])
        code, detail = {
            "killed": ("yours:out-of-memory", "The training process was ended twice for using too much memory."),
            "stalled": ("ours:training-crashed", f"Training made no progress for {STALL_S:.0f} s, twice."),
            "overtime": ("ours:training-crashed", "Training did not stop at the end of its budget."),
        }.get(ending, ("ours:training-crashed", "The training process ended unexpectedly, twice."))
        return dataclasses.replace(report, failure_code=code, failure_detail=detail)

    def _upload_package(self) -> list[StoredFile]:
        """The manifest gets what only the supervisor knows (seconds, energy), then the files go up."""
        out = self._folder / "out"
        for paper in out.glob("manifest*.json"):
            manifest = json.loads(paper.read_text())
            manifest |= {
                "compute_seconds": round(self._seconds, 3),
                "energy_wh": self._wh,
                "energy_source": self._energy_source,
            }
            paper.write_text(json.dumps(manifest, indent=1, ensure_ascii=False))
        self._pulse.update(stage="upload")
        return [self._control.put_file(out / name, name) for name in (*PACKAGE, *VARIANTS) if self._is_there(out, name)]

    @staticmethod
    def _is_there(out: Path, name: str) -> bool:
        return name in PACKAGE or (out / name).exists()

    def _finish(self, report: RunReport) -> None:
        """Report until control has heard it; a stale fence after a lost answer means that it has."""
        for _ in range(20):
            with contextlib.suppress(ControlUnreachable):
                answer = self._control.finish(report)
                log.info("%s finished %s: %s", self._job.run_id, report.outcome, answer)
                return
            if self._pulse.is_stale or self._stopping.is_set():
                return
