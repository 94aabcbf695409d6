"""One model version: is it good, the evidence, the file to take away, the way to an endpoint."""

from pathlib import PurePosixPath
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from rest_framework.request import Request

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.registry import edge_bundle, rules
from apps.registry.evidence_page import certainty_of, curves_shown, label_slices
from apps.registry.forecast_page import forecast_shown
from apps.registry.matrix import matrix_of
from apps.registry.models import ModelVersion
from apps.registry.queries import evaluation_of, file_of, manifest_of, parity_of, promotion_of, versions_of
from apps.registry.services.build_edge_bundle import build_edge_bundle
from apps.registry.threshold_page import picker_of
from apps.registry.variants_page import offers_of
from apps.registry.verdict import verdict_of
from apps.rest.file_responses import stored_file
from apps.training.board import board_of
from apps.training.queries import price_per_1000
from contracts.manifests import EvaluationReport
from contracts.problems import Problem

_CLASSES_SHOWN = 20
_SLICE_METRICS = ("ndcg@10", "hr@10", "recall@20")
_EXAMPLES_SHOWN = 12
_SUSPECTS_SHOWN = 12
_VALUES_SHOWN = 6
_FILES = {
    "model.onnx": ("model", "The model itself: one self-contained ONNX file"),
    "manifest.json": ("manifest", "What goes in, what comes out, where it is from"),
    "evaluation.json": ("evaluation", "Every number on this page"),
    "parity.json": ("parity", "Proof that the file answers like the trained model"),
    "vectors.json": ("vectors", "Test inputs with the expected answers"),
}


def find_version(request: OrganisationRequest, version_id: str) -> ModelVersion:
    versions = versions_of(request.organisation).select_related(
        "model__dataset", "dataset_version__dataset", "run__pool"
    )
    return get_object_or_404(versions, pk=version_id)


@needs("read")
def version_page(request: OrganisationRequest, organisation: str, version_id: str) -> HttpResponse:
    version = find_version(request, version_id)
    manifest = manifest_of(version)
    context: dict[str, Any] = {
        "version": version,
        "manifest": manifest,
        "parity": parity_of(version) if version.parity else None,
        "has_edge_bundle": "vectors.json" in version.files,
        "edge_runtime": "&runtime=wasm" if edge_bundle.web_runtime() else "",
        "offers": offers_of(version, manifest),
        "shown_change": ("log_loss", "accuracy", "rmse"),
        "board": board_of(version.run),
        "price_per_1000": price_per_1000(request.organisation.currency),
        "files": [
            {"name": name, "words": words, **version.files[name]}
            for name, (_, words) in _FILES.items()
            if name in version.files
        ],
        "deployments": version.deployments.filter(retired_at=None, endpoint__deleted_at=None).select_related(
            "endpoint"
        ),
    }
    try:
        context |= _evidence(request, version, evaluation_of(version))
    except Problem:
        context["report"] = None
    return render(request, "registry/version.html", context)


def _evidence(request: OrganisationRequest, version: ModelVersion, report: EvaluationReport) -> dict[str, Any]:
    names = list(dict.fromkeys([*_ordered(report)]))
    drops = [max(0.0, row.get("drop", 0.0)) for row in report.importance]
    most = max(drops, default=0.0) or 1.0
    return {
        "report": report,
        "verdict": verdict_of(report),
        "certainty": certainty_of(report),
        "curves": curves_shown(report),
        "cuts": label_slices(report),
        "picker": picker_of(report, request.GET),
        "suspects": [row | _values_shown(row, report) for row in report.label_errors[:_SUSPECTS_SHOWN]],
        "leaks": _leaks(version, report),
        "checks": promotion_of(version) if version.parity else [],
        "metric_rows": [
            {
                "name": name,
                "value": report.metrics[name],
                "floor": report.baseline.get(name),
                "interval": report.intervals.get(name, []),
            }
            for name in names
        ],
        "matrix": matrix_of(report.classes, report.confusion) if 2 <= len(report.classes) <= _CLASSES_SHOWN else None,
        "importance": [
            {"column": row.get("column", ""), "drop": row.get("drop", 0.0), "share": drop / most}
            for row, drop in sorted(zip(report.importance, drops, strict=True), key=lambda pair: -pair[1])
        ][:20],
        "examples": _examples(request, report),
        "forecast": forecast_shown(report, request.GET.get("series", "")),
        "slices": [
            row | {"cells": [row.get("metrics", {}).get(name) for name in _SLICE_METRICS]} for row in report.slices
        ]
        if report.slices and all(name in row.get("metrics", {}) for row in report.slices for name in _SLICE_METRICS)
        else [],
        "slice_metrics": _SLICE_METRICS,
        "interval": report.intervals.get(report.primary_metric, []),
        "is_ranking": manifest_of(version).meaning.kind == "ranking",
        "only": {"true": request.GET.get("true", ""), "predicted": request.GET.get("predicted", "")},
    }


def _ordered(report: EvaluationReport) -> list[str]:
    wanted = [
        "accuracy",
        "macro_f1",
        "auc",
        "log_loss",
        "ece",
        "mase",
        "interval_coverage",
        "smape",
        "wql",
        "ndcg@10",
        "hr@10",
        "recall@20",
        "mrr",
        "mae",
        "rmse",
        "r2",
    ]
    return [name for name in wanted if name in report.metrics] + [name for name in report.metrics if name not in wanted]


def _examples(request: OrganisationRequest, report: EvaluationReport) -> list[dict[str, Any]]:
    """The rows behind a clicked cell of the confusion matrix, else the worst and some others."""
    rows = report.examples
    if "true" in request.GET and "predicted" in request.GET:
        pair = (request.GET["true"], request.GET["predicted"])
        rows = [row for row in rows if (str(row.get("true")), str(row.get("predicted"))) == pair]
    return [row | _off(row) | _values_shown(row, report) for row in rows[:_EXAMPLES_SHOWN]]


def _values_shown(row: dict[str, Any], report: EvaluationReport) -> dict[str, Any]:
    """The columns that matter most to the model first; what is missing is left out."""
    places = {str(one.get("column")): place for place, one in enumerate(report.importance)}
    there = [(name, _shown(value)) for name, value in (row.get("values") or {}).items() if value not in (None, "")]
    there.sort(key=lambda pair: places.get(pair[0], len(places)))
    return {"values_shown": there[:_VALUES_SHOWN], "values_more": there[_VALUES_SHOWN:]}


def _leaks(version: ModelVersion, report: EvaluationReport) -> list[dict[str, Any]]:
    """Columns that the check of the data suspects to know the target, and that this model does look at."""
    used = {row.get("column") for row in report.importance}
    suspects = version.dataset_version.profile.get("leakage_suspects", [])
    return [one for one in suspects if one.get("column") in used]


def _shown(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _off(row: dict[str, Any]) -> dict[str, Any]:
    """For numbers: how far the answer is from the truth."""
    true, predicted = row.get("true"), row.get("predicted")
    if isinstance(true, int | float) and isinstance(predicted, int | float) and "confidence" not in row:
        return {"off": predicted - true}
    return {}


@needs("read")
def download(request: OrganisationRequest, organisation: str, version_id: str, name: str) -> HttpResponseBase:
    version = find_version(request, version_id)
    if name == edge_bundle.NAME:
        has_runtime = request.GET.get("runtime", "") == "wasm"
        found, stored = name, build_edge_bundle(version, request.GET.get("precision", "fp32"), with_runtime=has_runtime)
    else:
        found, stored = file_of(version, name)
    return stored_file(
        Request(request),
        stored["storage_key"],
        sha256=stored["sha256"],
        size_bytes=stored["size_bytes"],
        content_type=rules.CONTENT_TYPES[PurePosixPath(found).suffix],
        download_as=rules.download_name(version.model.name, version.number, found),
    )
