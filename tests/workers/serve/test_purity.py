"""The serving process carries no training, no web framework, no database."""

import subprocess
import sys

from tests.workers.serve.serving import ROOT

HEAVY = ("django.conf", "django.db", "celery", "torch", "pyarrow", "pandas", "sklearn", "lightgbm", "psycopg", "onnx",
         "rest_framework", "stripe", "redis", "boto3")  # fmt: skip


def test_the_data_plane_imports_onnx_runtime_and_little_else():
    code = f"import sys, workers.serve.__main__; print([name for name in {HEAVY!r} if name in sys.modules])"
    environment = {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}", "PATH": "/usr/bin:/bin"}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert told.stdout.strip() == "[]"
