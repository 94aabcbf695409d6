"""Run a version's test vectors through ONNX Runtime for Node and add the outcome to its certificate."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from apps.registry.edge_bundle import EDGE_FOLDER, PAPERS, pieces_of
from apps.registry.models import ModelVersion
from contracts.manifests import RuntimeAgreement
from contracts.problems import Problem

TIME_MOST_S = 300


def node_runtime() -> Path:
    """The folder that holds node_modules/onnxruntime-node."""
    return Path(os.environ.get("NODE_RUNTIME") or Path.home() / ".cache" / "modelyard-node")


def check_in_node(version: ModelVersion) -> RuntimeAgreement:
    """Every stored vector, not only those of the bundle. Problem yours:not-found without node, package or vectors."""
    node, runtime = shutil.which("node"), node_runtime()
    if node is None or not (runtime / "node_modules" / "onnxruntime-node").is_dir():
        raise Problem("yours:not-found", f"Node or {runtime} is missing; `make parity-node` installs it.")
    if "vectors.json" not in version.files:
        raise Problem("yours:not-found", f"{version.id} has no test vectors.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("check.mjs", "run.mjs"):
            shutil.copyfile(EDGE_FOLDER / file, folder / file)
        for file in ("model.onnx", "vectors.json", *PAPERS):
            with (folder / file).open("wb") as target:
                target.writelines(pieces_of(version, file))
        done = subprocess.run(
            [node, "run.mjs", "--json", "--runtime", str(runtime)],
            cwd=folder,
            capture_output=True,
            timeout=TIME_MOST_S,
            check=False,
        )
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise Problem("ours:parity-failed", f"Node ended without an answer: {done.stderr[-300:]!r}") from error
    return _recorded(version, answer)


@transaction.atomic
def _recorded(version: ModelVersion, answer: dict[str, object]) -> RuntimeAgreement:
    """A later check with the same runtime takes the place of the earlier one."""
    fields = {name: answer[name] for name in RuntimeAgreement.__dataclass_fields__ if name in answer}
    found = RuntimeAgreement(**{**fields, "checked_at": timezone.now().isoformat(timespec="seconds")})  # type: ignore[arg-type]
    locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
    others = [one for one in locked.parity.get("other_runtimes", []) if one["runtime"] != found.runtime]
    locked.parity = {**locked.parity, "other_runtimes": [*others, asdict(found)]}
    locked.save(update_fields=["parity"])
    version.parity = locked.parity
    return found
