"""The road of one run, inside the child process: load → split → fit → evaluate → export → parity → package.

A recipe is a module with `load(run, path) -> data`, `split(run, data) -> Parts`, `fit(run, data, parts) -> fitted` and
`evaluate(run, data, fitted, parts) -> EvaluationReport`. What it fitted knows `family`, `reference_name`, `tolerance`,
`to_onnx()`, `outputs() -> (list[TensorSpec], OutputMeaning)`, `describe()` (the manifest's view of the inputs),
`parity_groups(rows)` (inputs, and what the training framework says to them) and `importance(rows, time, seed)`; where
its numbers may be rounded also `judged(rows)` (inputs, and the truth about them).

It works on a folder and nothing else: `job.json` and the dataset lie in it, progress, checkpoints and the package
are written into it. No network, no token; so it also runs by hand on a folder of your own.
"""

import dataclasses
import hashlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import onnx
import onnxruntime
import torch

from contracts.jobs import TrainJob
from contracts.manifests import ParityCertificate
from contracts.wire import from_wire, to_wire
from workers.export import latency, package, parity, variants, vectors
from workers.train import metrics, parity_rows, seeds
from workers.train.budget import Budget
from workers.train.checkpoint import EVERY_S, Checkpoints, newest
from workers.train.context import RunContext
from workers.train.failures import OurFailure, UserFailure
from workers.train.progress import Progress
from workers.train.recipes import answers, embedding, forecasting, images, recommendation, tabular, texts
from workers.train.splits import Parts

RECIPES: dict[str, ModuleType] = {
    "tabular_classification": tabular,
    "tabular_regression": tabular,
    "image_classification": images,
    "forecasting": forecasting,
    "recommendation": recommendation,
    "text_classification": texts,
    "text_embedding": embedding,
    "question_answering": answers,
}
IMPORTANCE_MOST_S = 5.0
IMPORTANCE_MOST_ROWS = 1_000


def run(folder: Path, threads: int) -> None:
    """Train the job of `folder`; leaves out/ and result.json. Raises UserFailure or OurFailure."""
    job = from_wire(TrainJob, json.loads((folder / "job.json").read_text()))
    progress = Progress(folder / "progress.jsonl")
    seeds.fix(job.seed, threads)
    wishes = {name: value for name, value in job.options.items() if name != "checkpoint_every_s"}
    settled = [job.dataset_sha256, job.task, job.target, job.seed, sorted(job.families), job.splits, wishes]
    identity = json.dumps(settled, sort_keys=True)  # a checkpoint of anything else is not taken up
    context = RunContext(
        job=job,
        budget=Budget(job.budget_seconds, folder / "stop"),
        progress=progress,
        threads=threads,
        checkpoints=Checkpoints(
            folder, identity, progress, newest(folder), job.options.get("checkpoint_every_s", EVERY_S)
        ),
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    recipe = RECIPES.get(job.task)
    if recipe is None:
        raise UserFailure("yours:target-type", f"The task {job.task} cannot be trained yet.")
    _travel(context, recipe, folder)
    progress.close()


def _travel(context: RunContext, recipe: ModuleType, folder: Path) -> None:
    job, progress = context.job, context.progress
    progress.stage("load", 0.02, eta_seconds=context.budget.left_s())
    data = recipe.load(context, folder / "dataset")
    progress.stage("split", 0.06, eta_seconds=context.budget.left_s())
    parts = recipe.split(context, data)
    progress.log(
        f"{len(parts.train):,} training, {len(parts.valid):,} validation, {len(parts.test):,} test rows; "
        f"device {context.device}, {context.threads} threads."
    )
    fitted = recipe.fit(context, data, parts)

    progress.stage("evaluate", 0.88, state="validating", eta_seconds=context.budget.left_s())
    report = recipe.evaluate(context, data, fitted, parts)

    progress.stage("export", 0.92, state="exporting", eta_seconds=context.budget.left_s())
    model, raw, session = _exported(fitted)
    sha256 = hashlib.sha256(raw).hexdigest()
    progress.stage("parity", 0.95)
    groups = fitted.parity_groups(parity_rows.affordable(context.budget, fitted, session, parts.test))
    certificate = _certified(fitted, session, groups, sha256)
    reading = latency.read(session if context.device == "cpu" else latency.serving_session(raw), groups[0][0])
    if known := progress.candidates.get(fitted.family):
        progress.candidate(fitted.family, size_bytes=len(raw), **reading.facts())
    exported = variants.Exported(model, session, reading, fitted.family, known.metrics if known else {})
    rounded, warnings = _rounded(context, fitted, parts, exported, folder / "out")
    report = dataclasses.replace(report, warnings=[*report.warnings, *warnings])

    progress.stage("importance", 0.97)
    time = context.budget.slice(0.5, of_s=min(2 * IMPORTANCE_MOST_S, max(0.0, context.budget.left_s())))
    importance = fitted.importance(parts.test[:IMPORTANCE_MOST_ROWS], time, job.seed)
    report = dataclasses.replace(report, importance=importance)
    described = package.manifest(
        job,
        model,
        sha256=sha256,
        size_bytes=len(raw),
        outputs=fitted.outputs(),
        evaluation=report,
        family=fitted.family,
        latency_ms=reading.latency_ms,
        inputs=(extra := fitted.describe()).pop("inputs"),
        extra=extra | _costs(job, reading, rounded),
    )
    progress.stage("package", 0.99)
    tests = vectors.of(
        session,
        [feed for feed, _ in groups],
        model_sha256=sha256,
        tolerance=certificate.tolerance,
        latency_ms=reading.latency_ms,
    )
    package.write(folder / "out", raw, described, certificate, report, tests)
    result = {
        "metrics": report.metrics,
        "baseline": report.baseline,
        "candidates": [to_wire(one) for one in progress.candidates.values()],
    }
    (folder / "result.json").write_text(json.dumps(result))


def _costs(job: TrainJob, reading: latency.Reading, rounded: list[dict[str, Any]]) -> dict[str, Any]:
    """The manifest's view of what a prediction costs, in full and rounded numbers."""
    return {
        "p95_ms": reading.p95_ms,
        "joules_per_1000": reading.joules_per_1000,
        "joules_source": reading.energy_source,
        "deploys": next((one["precision"] for one in rounded if one["precision"] == _wish(job)), "fp32"),
        "variants": rounded,
    }


def _exported(fitted: Any) -> tuple[onnx.ModelProto, bytes, onnxruntime.InferenceSession]:
    try:
        model = fitted.to_onnx()
        raw = package.serialise(model)
        return model, raw, parity.open_session(raw)
    except Exception as error:
        raise OurFailure("ours:export-failed", f"{type(error).__name__}: {error}"[:500]) from error


def _certified(
    fitted: Any, session: onnxruntime.InferenceSession, groups: list[tuple[parity.Feed, Any]], sha256: str
) -> ParityCertificate:
    certificate = parity.certify(
        session, groups, reference_name=fitted.reference_name, model_sha256=sha256, tolerance=fitted.tolerance
    )
    if not certificate.passed:
        worst, limit = certificate.max_abs_difference, certificate.tolerance
        facts = f"max difference {worst:.3g} (limit {limit:.3g}), {certificate.label_flips} labels differ"
        raise OurFailure("ours:parity-failed", facts)
    return certificate


def _wish(job: TrainJob) -> str:
    return str(job.options.get("precision", "auto"))


def _rounded(
    context: RunContext, fitted: Any, parts: Parts, exported: variants.Exported, out: Path
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The variants that are offered, and a warning where a wished one is not. Recipes without `judged` have none."""
    wish, judged = _wish(context.job), getattr(fitted, "judged", None)
    if judged is None:
        return [], []
    names = variants.names_to_try(wish, context.device)
    is_label = fitted.outputs()[1].kind == "classification"
    trials = [
        variants.try_precision(
            name,
            exported,
            lambda count: judged(parts.test[:count]),
            metrics.classification if is_label else metrics.regression,
            out,
            left_s=context.budget.left_s() / (1.5 if wish == name else 3),
            show=context.progress.candidate,
        )
        for name in names
    ]
    warnings = [
        {
            "code": "precision",
            "rows": 0,
            "message": f"{one.precision} was asked for, fp32 is kept: {one.note}.",
        }
        for one in trials
        if one.precision == wish and one.facts is None
    ]
    for warning in warnings:
        context.progress.log(str(warning["message"]))
    return [one.facts for one in trials if one.facts is not None], warnings
