"""Writes the package of a model version: model.onnx, manifest.json, parity.json, evaluation.json, vectors.json."""

import dataclasses
import datetime
import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

import onnx

from contracts.jobs import TrainJob
from contracts.manifests import EvaluationReport, ModelManifest, OutputMeaning, ParityCertificate, TensorSpec
from contracts.wire import to_wire

FILES = ("model.onnx", "manifest.json", "parity.json", "evaluation.json", "vectors.json")
LISTED_VERSIONS = ("torch", "lightgbm", "onnx", "onnxruntime", "numpy", "pyarrow", "Pillow")


def serialise(model: onnx.ModelProto) -> bytes:
    """One self-contained file. Raises ValueError when a tensor lies outside or an operator is not standard."""
    for tensor in model.graph.initializer:
        if tensor.external_data or tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ValueError(f"the tensor {tensor.name} lies outside the file")
    domains = {node.domain for node in model.graph.node} - {"", "ai.onnx.ml"}
    if domains:
        raise ValueError(f"operators of {sorted(domains)} are not standard")
    return model.SerializeToString(deterministic=True)


def manifest(
    job: TrainJob,
    model: onnx.ModelProto,
    *,
    sha256: str,
    size_bytes: int,
    outputs: tuple[list[TensorSpec], OutputMeaning],
    inputs: list[TensorSpec],
    evaluation: EvaluationReport,
    family: str,
    latency_ms: float,
    extra: dict[str, Any],
) -> ModelManifest:
    opset = next(one.version for one in model.opset_import if one.domain == "")
    return ModelManifest(
        task=job.task,
        target=job.target,
        model_sha256=sha256,
        model_bytes=size_bytes,
        opset=opset,
        inputs=inputs,
        outputs=outputs[0],
        meaning=outputs[1],
        family=family,
        metrics=evaluation.metrics,
        baseline=evaluation.baseline,
        latency_ms=latency_ms,
        run_id=job.run_id,
        dataset_sha256=job.dataset_sha256,
        seed=job.seed,
        versions=versions(),
        created_at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **extra,
    )


def of_variant(described: ModelManifest, variant: dict[str, Any]) -> ModelManifest:
    """The manifest of the rounded file: the same schema, its own hash, size and speed."""
    return dataclasses.replace(
        described,
        precision=variant["precision"],
        model_sha256=variant["sha256"],
        model_bytes=variant["size_bytes"],
        latency_ms=variant["latency_ms"],
        p95_ms=variant["p95_ms"],
        joules_per_1000=variant["joules_per_1000"],
        joules_source=variant["energy_source"],
        variants=[],
    )


def label_outputs(classes: list[str]) -> tuple[list[TensorSpec], OutputMeaning]:
    """What a classifier (`classes` named) or a regressor (none) gives."""
    if not classes:
        return [TensorSpec("value", "FP32", [-1])], OutputMeaning("regression", value_tensor="value")
    tensors = [TensorSpec("label", "BYTES", [-1]), TensorSpec("probabilities", "FP32", [-1, len(classes)])]
    meaning = OutputMeaning(
        "classification", label_tensor="label", probabilities_tensor="probabilities", classes=classes
    )
    return tensors, meaning


def versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LISTED_VERSIONS:
        found[name.lower()] = importlib.metadata.version(name)
    return found


def write(
    folder: Path,
    raw: bytes,
    described: ModelManifest,
    certificate: ParityCertificate,
    evaluation: EvaluationReport,
    vectors: dict[str, Any],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(raw)
    papers: list[tuple[str, Any]] = [("manifest", described), ("parity", certificate), ("evaluation", evaluation)]
    papers += [(f"manifest.{one['precision']}", of_variant(described, one)) for one in described.variants]
    for name, message in papers:
        text = json.dumps(to_wire(message), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / "vectors.json").write_text(json.dumps(vectors, ensure_ascii=False), encoding="utf-8")
