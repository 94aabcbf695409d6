"""KServe's inference clients against both doors. They need an environment of their own beside ours."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.workers.serve.conftest import Shop, World

SCRIPT = Path(__file__).with_name("ask_with_kserve.py")
# `make bench-serving-install` puts KServe there.
BESIDE = "~/.cache/modelyard-bench/environments/kserve/bin/python"


def test_kserves_clients_are_served_over_http_and_grpc(shop: Shop, world: World):
    python = Path(os.environ.get("KSERVE_PYTHON") or BESIDE).expanduser()
    if not python.exists():
        pytest.skip(f"KServe is not installed at {python}; KSERVE_PYTHON names a Python that has it")
    target = f"127.0.0.1:{world.grpc_port}"
    command = [str(python), str(SCRIPT), shop.server.url, target, shop.key, "double"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "live": True,
        "ready": True,
        "model_ready": True,
        "rest": [2.0, 8.0],
        "rest_binary": [4.0, 6.0],
        "grpc_ready": True,
        "grpc": [2.0, 8.0],
    }
