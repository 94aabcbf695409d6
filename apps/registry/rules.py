"""Pure decisions about model versions: is the evidence whole, is a version fit to be promoted over another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.jobs import StoredFile
from contracts.manifests import ColumnSpec, EvaluationReport, ModelManifest, ParityCertificate

PACKAGE_FILES = ("model.onnx", "manifest.json", "parity.json", "evaluation.json")
PRECISIONS = {  # the files of each: model, test vectors, manifest
    "fp32": ("model.onnx", "vectors.json", "manifest.json"),
    "int8": ("model.int8.onnx", "vectors.int8.json", "manifest.int8.json"),
    "fp16": ("model.fp16.onnx", "vectors.fp16.json", "manifest.fp16.json"),
}
MORE_FILES = ("vectors.json", *PRECISIONS["int8"], *PRECISIONS["fp16"])  # a version is one without them too
CONTENT_TYPES = {".json": "application/json", ".onnx": "application/octet-stream", ".zip": "application/zip"}


@dataclass(frozen=True)
class EvidenceRefused(Exception):
    """Why a finished training becomes no version."""

    code: str
    detail: str


def check_files(named: Sequence[StoredFile], stored: Mapping[str, StoredFile]) -> None:
    """Every file of the package was put, and is the one that the report names. Raises EvidenceRefused."""
    by_name = {file.name: file for file in named}
    for name in PACKAGE_FILES:
        if name not in by_name:
            raise EvidenceRefused("ours:export-failed", f"The report names no {name}.")
        if name not in stored:
            raise EvidenceRefused("ours:export-failed", f"{name} was never put under this fence.")
        if by_name[name].sha256 != stored[name].sha256:
            raise EvidenceRefused("ours:export-failed", f"{name} is not the file that the report names.")
    for name in MORE_FILES:
        if name in by_name and (name not in stored or by_name[name].sha256 != stored[name].sha256):
            raise EvidenceRefused("ours:export-failed", f"{name} is missing or not the file that the report names.")


def check_variants(
    variants: Sequence[Mapping[str, Any]], sha256: Mapping[str, str], manifests: Mapping[str, ModelManifest]
) -> None:
    """Every rounded file that a manifest offers lies there whole and is the one it tells of. Raises EvidenceRefused."""
    for variant in variants:
        names = PRECISIONS.get(str(variant.get("precision")), ())
        if not names or any(name not in sha256 for name in names):
            raise EvidenceRefused("ours:export-failed", f"A variant {variant.get('precision')!r} is not whole.")
        described = manifests[names[2]].model_sha256
        if {variant.get("sha256"), described} != {sha256[names[0]]}:
            raise EvidenceRefused("ours:export-failed", f"{names[0]} is not the file that its manifest describes.")


def check_evidence(
    manifest: ModelManifest, parity: ParityCertificate, *, model_sha256: str, task: str, target: str
) -> None:
    """The papers belong to this model and say that it answers like the trained one. Raises EvidenceRefused."""
    if manifest.model_sha256 != model_sha256:
        raise EvidenceRefused("ours:export-failed", "The manifest describes another model file.")
    if (manifest.task, manifest.target) != (task, target):
        raise EvidenceRefused("ours:export-failed", "The manifest describes another task or target.")
    if not manifest.inputs or not manifest.outputs:
        raise EvidenceRefused("ours:export-failed", "The manifest names no inputs or no outputs.")
    if parity.model_sha256 not in ("", model_sha256):
        raise EvidenceRefused("ours:parity-failed", "The parity certificate belongs to another model file.")
    if not parity.passed or parity.label_flips or parity.max_abs_difference > parity.tolerance or parity.rows < 1:
        raise EvidenceRefused(
            "ours:parity-failed",
            f"{parity.label_flips} label flips, difference {parity.max_abs_difference:g} in {parity.rows} rows.",
        )


@dataclass(frozen=True)
class Check:
    """One line of the promotion gate, as the page and the API show it."""

    name: str
    passed: bool
    message: str
    is_blocking: bool = True


def promotion_checks(
    manifest: ModelManifest,
    parity: ParityCertificate,
    evaluation: EvaluationReport,
    *,
    previous: ModelManifest | None = None,
    slo_ms: float | None = None,
) -> list[Check]:
    """Judge a version by its evidence alone; the names are stable."""
    return [
        quality_check(evaluation),
        parity_check(parity),
        schema_check(manifest, previous),
        latency_check(manifest.latency_ms, slo_ms),
    ]


def may_promote(checks: Sequence[Check]) -> bool:
    """Say whether nothing blocking failed."""
    return all(check.passed for check in checks if check.is_blocking)


def quality_check(evaluation: EvaluationReport) -> Check:
    """Better on the held-out test rows than the majority class or the mean; otherwise it learnt nothing."""
    metric = evaluation.primary_metric
    value, floor = evaluation.metrics.get(metric), evaluation.baseline.get(metric)
    if value is None or floor is None:
        return Check("quality", False, f"The held-out {metric or 'metric'} or its baseline is missing.")
    passed = value > floor if evaluation.higher_is_better else value < floor
    word = "better than" if passed else "not better than"
    return Check("quality", passed, f"Held-out {metric} {value:.4g} is {word} the baseline's {floor:.4g}.")


def parity_check(parity: ParityCertificate) -> Check:
    passed = parity.passed and parity.label_flips == 0
    message = (
        f"Largest difference {parity.max_abs_difference:.3g} in {parity.rows} rows, {parity.label_flips} label flips."
    )
    return Check("parity", passed, message)


def schema_check(manifest: ModelManifest, previous: ModelManifest | None) -> Check:
    """Callers of the previous version must get an answer of the same shape for the rows they send today."""
    if previous is None:
        return Check("schema", True, "There is no previous version to be compatible with.")
    breaks = schema_breaks(manifest, previous)
    if breaks:
        return Check("schema", False, f"Not compatible with the previous version: {'; '.join(breaks[:5])}.")
    return Check("schema", True, "Takes and answers what the previous version did.")


def schema_breaks(manifest: ModelManifest, previous: ModelManifest) -> list[str]:
    """Name every way in which a caller of `previous` could notice the change."""
    breaks = []
    if manifest.meaning.kind != previous.meaning.kind:
        breaks.append(f"answers {manifest.meaning.kind} instead of {previous.meaning.kind}")
    gone = [label for label in previous.meaning.classes if label not in manifest.meaning.classes]
    if gone:
        breaks.append(f"no longer answers the class {gone[0]!r}")
    if manifest.codec != previous.codec:
        breaks.append(f"takes {manifest.codec or 'columns'} instead of {previous.codec or 'columns'}")
    before = {column.name: column for column in previous.columns}
    for column in manifest.columns:
        breaks += _column_breaks(column, before.get(column.name))
    return breaks


def _column_breaks(column: ColumnSpec, before: ColumnSpec | None) -> list[str]:
    if not column.tensor:
        return []  # the model ignores it
    if before is None:
        return [f"needs the new column {column.name!r}"] if column.required else []
    if before.tensor and column.type != before.type:
        return [f"column {column.name!r} is {column.type} instead of {before.type}"]
    if column.required and not before.required:
        return [f"column {column.name!r} must be filled in now"]
    return []


def latency_check(latency_ms: float | None, slo_ms: float | None) -> Check:
    """A hint, not a bar: it was measured on the training machine, the server's own p95 decides."""
    if latency_ms is None or slo_ms is None:
        return Check("latency", True, "No objective to compare with.", is_blocking=False)
    word = "within" if latency_ms <= slo_ms else "above"
    return Check("latency", latency_ms <= slo_ms, f"One row took {latency_ms:.3g} ms, {word} {slo_ms:.3g} ms.", False)


def default_model_name(dataset: str, target: str) -> str:
    """Name of a new line of versions."""
    return (f"{dataset}: {target}" if target else dataset)[:120]


def download_name(model: str, number: int, file: str) -> str:
    """`churn-v3-model.onnx`: tells in a downloads folder what it is."""
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in model.lower())
    plain = "-".join(part for part in plain.split("-") if part)[:60] or "model"
    return f"{plain}-v{number}-{file}"


def shown_check(check: Check) -> dict[str, Any]:
    """Wire form of a check."""
    return {"name": check.name, "passed": check.passed, "message": check.message, "is_blocking": check.is_blocking}
