"""Models share a memory cap; processes share a port and are started again; settings are refused by name."""

import dataclasses
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.workers.serve import models
from tests.workers.serve.serving import serving, wait_for
from tests.workers.serve.small_control import TOKEN, SmallControl
from workers.serve.control import Control
from workers.serve.packages import Packages
from workers.serve.sessions import Sessions
from workers.serve.settings import SettingsError, read_settings


def test_an_unused_model_makes_room_and_a_busy_one_does_not(control: SmallControl, tmp_path: Path):
    packages = [models.classifier(bias=float(number)) for number in range(3)]
    shas = [control.deployment(package).model_sha256 for package in packages]
    sessions = Sessions(Packages(tmp_path, Control(control.url, TOKEN)), cap_bytes=len(packages[0].model) * 2 * 2)
    first, second = sessions.load(shas[0]), sessions.load(shas[1])
    with pytest.raises(MemoryError, match="SERVE_MODEL_MEMORY_BYTES"):
        sessions.load(shas[2])
    first.used_s = time.monotonic() - 100
    assert sessions.load(shas[2])
    assert sessions.get(shas[0]) is None
    assert sessions.get(shas[1]) is second
    sessions.retain({shas[2]})
    assert [model.sha256 for model in sessions.loaded()] == [shas[2]]


def test_an_evicted_model_comes_back_when_it_is_asked_for(control: SmallControl, tmp_path: Path):
    packages = [models.classifier(bias=float(number)) for number in range(2)]
    organisation = control.organisation()
    key = control.key(organisation)
    for number, package in enumerate(packages):
        control.endpoint(organisation, f"e{number}", package)
    control.publish()
    room = str(int(len(packages[0].model) * 2 * 1.5))
    with serving(control, tmp_path / "data", SERVE_MODEL_MEMORY_BYTES=room) as server:
        wait_for(lambda: any(server.predict(key, f"e{n}", {"age": 1}).status_code == 200 for n in range(2)))
        codes = {server.predict(key, f"e{n}", {"age": 1}).json().get("code") for n in range(2)}
        assert codes <= {None, "ours:starting", "ours:model-unavailable"}
        assert len(codes) == 2


def test_a_dead_process_is_started_again_and_its_journal_shipped(control: SmallControl, tmp_path: Path):
    organisation = control.organisation()
    key = control.key(organisation)
    control.endpoint(organisation, "churn", models.classifier())
    control.publish()
    with serving(control, tmp_path / "data", SERVE_PROCESSES="2") as server:
        server.wait_ready()
        children = (
            wait_for(lambda: len(psutil.Process(server.process.pid).children()) == 2)
            and psutil.Process(server.process.pid).children()
        )
        told = [server.predict(key, "churn", {"age": 1}) for _ in range(3)]
        assert [answer.status_code for answer in told] == [200] * 3
        for child in children:
            child.send_signal(signal.SIGKILL)
        wait_for(
            lambda: {one.pid for one in psutil.Process(server.process.pid).children()}.isdisjoint(
                {child.pid for child in children}
            )
        )
        wait_for(lambda: {answer.headers["Usage-Id"] for answer in told} <= set(control.usage))
        wait_for(lambda: server.predict(key, "churn", {"age": 1}).status_code == 200)


def test_a_port_in_use_is_a_clear_message(control: SmallControl, tmp_path: Path):
    control.publish()
    with serving(control, tmp_path / "data") as server:
        wait_for(lambda: server.http.get("/v2/health/live").status_code == 200)
        with serving(control, tmp_path / "other", SERVE_PORT=str(server.port)) as second:
            assert second.process.wait(timeout=20) == 1
            assert "address already in use" in second.log()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTROL_URL", ""),
        ("NODE_TOKEN", ""),
        ("SERVE_PORT", "http"),
        ("SERVE_PORT", "70000"),
        ("SERVE_JOURNAL_SYNC", "x"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(name: str, value: str):
    good = {"CONTROL_URL": "http://127.0.0.1:8000/", "NODE_TOKEN": TOKEN}
    assert read_settings(good).control_url == "http://127.0.0.1:8000"
    assert dataclasses.replace(read_settings(good), port=1).port == 1
    with pytest.raises(SettingsError, match=name):
        read_settings(good | {name: value})
