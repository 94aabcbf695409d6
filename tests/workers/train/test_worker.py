"""The Celery worker as operators start it: no Django, a real broker, a real control."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from celery import Celery

from contracts.jobs import BATCH_QUEUE, WAKE_TRAINER_TASK, train_queue
from tests.workers.train.jobs import job, table_bytes
from tests.workers.train.small_control import SmallControl

ROOT = Path(__file__).resolve().parents[3]


def test_a_worker_says_hello_claims_by_itself_hears_the_bell_and_leaves_quickly(redis_url: str, tmp_path: Path) -> None:
    control = SmallControl()
    control.add_run(job(target="nothing"), table_bytes())
    token = tmp_path / "token"
    token.write_text("myn_test\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "HOME": str(tmp_path),
        "REDIS_URL": redis_url,
        "CONTROL_URL": control.url,
        "NODE_TOKEN_FILE": str(token),
        "TRAIN_DATA": str(tmp_path / "work"),
        "TRAIN_THREADS": "1",
    }
    queues = f"{train_queue('cpu')},{BATCH_QUEUE}"
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "workers.celery",
        "worker",
        "--queues",
        queues,
        "--loglevel",
        "WARNING",
    ]
    worker = subprocess.Popen(command, env=environment, cwd=tmp_path)
    try:
        _wait_until(lambda: "run_1" in control.finished)
        assert control.finished["run_1"]["failure_code"] == "yours:target-unknown"
        assert {hello["kind"] for hello in control.hellos} == {"train", "batch"}
        control.add_run(job(run_id="run_2", target="nothing"), table_bytes())
        bell = Celery(broker=redis_url)
        bell.send_task(
            WAKE_TRAINER_TASK, kwargs={"run_id": "run_2", "unknown": 1}, queue=train_queue("cpu"), ignore_result=True
        )
        _wait_until(lambda: "run_2" in control.finished)
        before = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=20) == 0
        assert time.monotonic() - before < 15
    finally:
        worker.kill()
        worker.wait()
        control.close()


def _wait_until(what: object, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not what():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_the_worker_loads_neither_django_nor_training_libraries() -> None:
    heavy = ("django.conf", "django.db", "torch", "lightgbm")
    code = f"import sys, workers.celery; print([m for m in {heavy} if m in sys.modules])"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "modelyard.settings",
    }
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
