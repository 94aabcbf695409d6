"""The supervisor against a real HTTP control: real child processes, real kills."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from tests.workers.train.jobs import job, job_folder, table_bytes
from tests.workers.train.small_control import SmallControl
from workers.control import NodeControl
from workers.train import pulse
from workers.train.run import run
from workers.train.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def control(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallControl]:
    monkeypatch.setenv("TRAIN_DATA", str(tmp_path / "work"))
    monkeypatch.setenv("TRAIN_THREADS", "1")
    control = SmallControl()
    yield control
    for working in Working.all:
        working.stopping.set()
        working.join()
    Working.all.clear()
    control.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats every half second, where the claim is about what follows one and not about how soon."""
    monkeypatch.setattr(pulse, "HEARTBEAT_S", 0.5)
    monkeypatch.setattr(pulse, "SOONEST_S", 0.2)


class Working:
    """A supervisor at work in a thread of its own; asked to leave when its test ends."""

    all: ClassVar[list["Working"]] = []

    def __init__(self, control: SmallControl) -> None:
        Working.all.append(self)
        self.stopping = threading.Event()
        self._supervisor = Supervisor(NodeControl(control.url, "myn_test"), self.stopping)
        self._thread = threading.Thread(target=self._supervisor.work_one)
        self._thread.start()

    def join(self, timeout_s: float = 90) -> None:
        self._thread.join(timeout_s)
        assert not self._thread.is_alive()


def wait_for(what: Callable[[], object], timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "workers.train.child" in " ".join(one.cmdline())]


def fitting(control: SmallControl) -> bool:
    return any(message["stage"].startswith("fit ") for message in control.heartbeats.get("run_1", []))


LONG = {"families": ["mlp"], "budget_seconds": 300.0, "options": {"checkpoint_every_s": 0.2}}


def test_a_run_goes_from_claim_to_finish(control: SmallControl, tmp_path: Path) -> None:
    control.add_run(job(), table_bytes())
    Working(control).join()
    report = control.finished["run_1"]
    assert (report["outcome"], report["failure_code"]) == ("succeeded", "")
    assert {file["name"] for file in report["files"]} == {
        "model.onnx",
        "manifest.json",
        "parity.json",
        "evaluation.json",
        "vectors.json",
    }
    assert set(control.files["run_1"]) >= {"model.onnx", "manifest.json", "parity.json", "evaluation.json"}
    assert report["compute_seconds"] > 0
    assert report["energy_wh"] > 0
    assert [one["state"] for one in report["candidates"] if one["family"] == "linear"] == ["done"]
    sequences = [message["sequence"] for message in control.heartbeats["run_1"]]
    assert sequences == sorted(set(sequences))
    assert control.checkpoints["run_1"][0] >= 2  # one after each finished family
    assert list((tmp_path / "work").iterdir()) == []  # nothing is left behind


def test_a_mistake_of_the_user_ends_the_run_with_its_code(control: SmallControl) -> None:
    control.add_run(job(target="nothing"), table_bytes())
    Working(control).join()
    report = control.finished["run_1"]
    assert (report["outcome"], report["failure_code"]) == ("failed", "yours:target-unknown")


def test_killed_in_the_middle_it_resumes_to_bitwise_the_same_metric(control: SmallControl, tmp_path: Path) -> None:
    data = table_bytes(120)
    undisturbed = job_folder(tmp_path / "undisturbed", data, families=["mlp"])
    run(undisturbed, threads=1)
    control.add_run(job(**LONG), data)
    working = Working(control)
    wait_for(lambda: "run_1" in control.checkpoints)  # within the network's fit
    children()[0].kill()
    working.join()
    report = control.finished["run_1"]
    assert report["outcome"] == "succeeded"
    assert report["metrics"] == json.loads((undisturbed / "result.json").read_text())["metrics"]
    assert any("Resumed from checkpoint" in line for message in control.heartbeats["run_1"] for line in message["log"])


def test_killed_twice_it_is_called_out_of_memory(control: SmallControl) -> None:
    control.add_run(job(**LONG), table_bytes())
    working = Working(control)
    for _ in range(2):
        wait_for(children)
        children()[0].kill()
        time.sleep(0.6)
    working.join()
    assert control.finished["run_1"]["failure_code"] == "yours:out-of-memory"


def test_cancel_ends_the_child_within_ten_seconds(control: SmallControl) -> None:
    control.add_run(job(**LONG), table_bytes(4_000))
    working = Working(control)
    wait_for(lambda: fitting(control))
    control.answers["run_1"] = {"cancel": True}
    before = time.monotonic()
    working.join(timeout_s=20)
    assert time.monotonic() - before < 10
    assert children() == []
    assert control.finished["run_1"]["outcome"] == "cancelled"


@pytest.mark.usefixtures("hasty")
def test_a_stale_fence_ends_the_child_and_nothing_more_is_written(control: SmallControl) -> None:
    control.add_run(job(**LONG), table_bytes(4_000))
    working = Working(control)
    wait_for(lambda: fitting(control))
    control.jobs["run_1"] = {**control.jobs["run_1"], "fence": 2}
    files = set(control.files.get("run_1", {}))
    working.join(timeout_s=20)
    assert children() == []
    assert "run_1" not in control.finished
    assert set(control.files.get("run_1", {})) == files


@pytest.mark.usefixtures("hasty")
def test_asked_to_keep_the_best_it_exports_early(control: SmallControl) -> None:
    control.add_run(job(**{**LONG, "families": ["linear", "mlp"]}), table_bytes(4_000))
    working = Working(control)
    wait_for(lambda: any(message["stage"] == "fit mlp" for message in control.heartbeats.get("run_1", [])))
    control.answers["run_1"] = {"stop_and_keep_best": True}
    before = time.monotonic()
    working.join(timeout_s=60)
    assert time.monotonic() - before < 30
    assert control.finished["run_1"]["outcome"] == "succeeded"


@pytest.mark.usefixtures("hasty")
def test_a_worker_that_leaves_lets_another_go_on_from_its_checkpoint(control: SmallControl) -> None:
    control.add_run(job(**{**LONG, "families": ["linear", "mlp"]}), table_bytes(1_000))
    working = Working(control)
    wait_for(lambda: control.checkpoints.get("run_1", (0, ""))[0] >= 2)
    working.stopping.set()
    working.join(timeout_s=10)
    assert children() == []
    assert "run_1" not in control.finished
    control.jobs["run_1"]["budget_seconds"] = 8.0
    control.claim_again("run_1")
    Working(control).join()
    assert control.finished["run_1"]["fence"] == 2
    assert control.finished["run_1"]["outcome"] == "succeeded"


def test_a_stumbling_control_is_asked_again(control: SmallControl) -> None:
    control.add_run(job(families=["linear"]), table_bytes())
    working = Working(control)
    wait_for(lambda: control.heartbeats.get("run_1"))
    control.faults.extend([503, 500, 502])
    working.join()
    assert control.finished["run_1"]["outcome"] == "succeeded"


def test_the_child_knows_no_token_and_dies_with_a_killed_supervisor(control: SmallControl) -> None:
    control.add_run(job(**LONG), table_bytes(4_000))
    code = (
        "import sys,threading; from workers.control import NodeControl; "
        "from workers.train.supervisor import Supervisor; "
        "Supervisor(NodeControl(sys.argv[1], 'myn_test'), threading.Event()).work_one()"
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "NODE_TOKEN": "myn_test"}
    supervisor = subprocess.Popen([sys.executable, "-c", code, control.url], env=environment)
    try:
        wait_for(lambda: psutil.Process(supervisor.pid).children())
        (child,) = psutil.Process(supervisor.pid).children()
        wait_for(lambda: fitting(control))
        assert "NODE_TOKEN" not in child.environ()
        assert "myr_" not in (Path(child.cmdline()[-1]) / "job.json").read_text()
    finally:
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout_s=5)
