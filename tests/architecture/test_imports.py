"""Who may import whom (pyproject.toml), and what the data plane really loads."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATHS = {"PYTHONPATH": f"{ROOT / 'platform'}{os.pathsep}{ROOT}"}
# `django` itself is no sign: kombu and others look for it by name. These are.
FORBIDDEN_IN_THE_DATA_PLANE = {
    "django.conf",
    "django.db",
    "celery",
    "kombu",
    "torch",
    "sklearn",
    "lightgbm",
    "pandas",
    "pyarrow",
    "psycopg",
    "stripe",
    "modelyard",
    "apps",
    "workers.train",
    "workers.export",
    "workers.batch",
}
# What a name in docker/serve-requirements.txt is called when imported.
IMPORTED_AS = {
    "opentelemetry-sdk": "opentelemetry",
    "grpcio": "grpc",
    "protobuf": "google",
    "Pillow": "PIL",
    "prometheus-client": "prometheus_client",
}


def loaded_by_the_data_plane() -> set[str]:
    script = "import workers.serve.app, workers.serve.__main__, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **PATHS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_import_contracts_are_kept(verdict: "subprocess.CompletedProcess[str]") -> None:
    assert verdict.returncode == 0, verdict.stdout[-6000:]


def test_the_data_plane_loads_neither_django_nor_torch_nor_celery_nor_a_database() -> None:
    assert loaded_by_the_data_plane() & FORBIDDEN_IN_THE_DATA_PLANE == set()


def test_the_data_planes_image_installs_all_that_it_imports() -> None:
    lines = (ROOT / "docker" / "serve-requirements.txt").read_text().splitlines()
    installed = {IMPORTED_AS.get(line, line) for line in lines if line and not line.startswith("#")}
    imported = {name.split(".")[0] for name in _imports_in(ROOT / "workers" / "serve")}
    ours = {"workers", "contracts"}
    assert imported - set(sys.stdlib_module_names) - ours <= installed


def _imports_in(folder: Path) -> set[str]:
    import ast

    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return names
