"""The promotion gate judges by evidence alone."""

from dataclasses import replace

import pytest

from apps.registry import rules
from contracts.manifests import (
    ColumnSpec,
    EvaluationReport,
    ModelManifest,
    OutputMeaning,
    ParityCertificate,
    TensorSpec,
)

MANIFEST = ModelManifest(
    task="tabular_classification", target="y", model_sha256="a" * 64, model_bytes=1, opset=17,
    inputs=[TensorSpec("x", "FP32", [-1, 1])], outputs=[TensorSpec("label", "BYTES", [-1])],
    meaning=OutputMeaning("classification", classes=["a", "b"]),
    columns=[ColumnSpec("x", "number", tensor="x"), ColumnSpec("id", "id")], latency_ms=2.0,
)  # fmt: skip
PARITY = ParityCertificate(
    rows=40, batch_sizes=[1, 8], max_abs_difference=1e-6, tolerance=1e-4, label_flips=0, passed=True, reference="torch",
    runtime="onnxruntime",
)  # fmt: skip
EVALUATION = EvaluationReport(
    metrics={"accuracy": 0.9}, baseline={"accuracy": 0.6}, primary_metric="accuracy", higher_is_better=True, rows=40
)


def test_good_evidence_passes_every_check() -> None:
    checks = rules.promotion_checks(MANIFEST, PARITY, EVALUATION, previous=MANIFEST, slo_ms=50)
    assert [check.name for check in checks] == ["quality", "parity", "schema", "latency"]
    assert rules.may_promote(checks)
    assert all(check.passed and check.message for check in checks)


@pytest.mark.parametrize(
    ("value", "floor", "higher_is_better", "passed"),
    [
        (0.61, 0.6, True, True),
        (0.6, 0.6, True, False),
        (0.5, 0.6, True, False),
        (3.0, 4.0, False, True),
        (4.0, 4.0, False, False),
    ],
)
def test_a_model_must_beat_its_baseline(value: float, floor: float, higher_is_better: bool, passed: bool) -> None:
    evaluation = replace(
        EVALUATION, metrics={"m": value}, baseline={"m": floor}, primary_metric="m", higher_is_better=higher_is_better
    )
    check = rules.quality_check(evaluation)
    assert check.passed == passed
    assert check.is_blocking


def test_a_missing_metric_blocks() -> None:
    assert not rules.quality_check(replace(EVALUATION, metrics={})).passed
    assert not rules.quality_check(replace(EVALUATION, baseline={})).passed


def test_one_label_flip_blocks() -> None:
    checks = rules.promotion_checks(MANIFEST, replace(PARITY, label_flips=1), EVALUATION)
    assert not rules.may_promote(checks)


@pytest.mark.parametrize(
    "changed",
    [
        {"meaning": OutputMeaning("regression")},
        {"meaning": OutputMeaning("classification", classes=["a"])},
        {"columns": [ColumnSpec("x", "category", tensor="x")]},
        {"columns": [ColumnSpec("x", "number", tensor="x", required=True)]},
        {"columns": [ColumnSpec("x", "number", tensor="x"), ColumnSpec("z", "number", tensor="z", required=True)]},
        {"codec": "image/rgb-uint8-v1"},
    ],
)
def test_what_a_caller_would_notice_blocks(changed: dict[str, object]) -> None:
    check = rules.schema_check(replace(MANIFEST, **changed), MANIFEST)  # type: ignore[arg-type]
    assert not check.passed
    assert "Not compatible" in check.message


@pytest.mark.parametrize(
    "changed",
    [
        {"meaning": OutputMeaning("classification", classes=["b", "a", "c"])},
        {"columns": []},
        {"columns": [ColumnSpec("x", "number", tensor="x"), ColumnSpec("z", "number", tensor="z")]},
        {"columns": [ColumnSpec("x", "number", tensor="x"), ColumnSpec("id", "text")]},
    ],
)
def test_what_no_caller_would_notice_does_not_block(changed: dict[str, object]) -> None:
    assert rules.schema_check(replace(MANIFEST, **changed), MANIFEST).passed  # type: ignore[arg-type]


def test_a_slow_model_is_told_but_not_blocked() -> None:
    checks = rules.promotion_checks(MANIFEST, PARITY, EVALUATION, slo_ms=1.0)
    assert rules.may_promote(checks)
    assert [check.passed for check in checks] == [True, True, True, False]


def test_papers_of_another_model_are_refused() -> None:
    for manifest, parity in (
        (replace(MANIFEST, model_sha256="b" * 64), PARITY),
        (replace(MANIFEST, target="z"), PARITY),
        (replace(MANIFEST, inputs=[]), PARITY),
        (MANIFEST, replace(PARITY, model_sha256="b" * 64)),
        (MANIFEST, replace(PARITY, passed=False)),
        (MANIFEST, replace(PARITY, max_abs_difference=1.0)),
        (MANIFEST, replace(PARITY, rows=0)),
    ):
        with pytest.raises(rules.EvidenceRefused):
            rules.check_evidence(manifest, parity, model_sha256="a" * 64, task=MANIFEST.task, target="y")


def test_a_download_tells_what_it_is() -> None:
    assert rules.download_name("Größe & Preis: 2026/07", 3, "model.onnx") == "gr-e-preis-2026-07-v3-model.onnx"
    assert rules.download_name("模型", 1, "model.onnx") == "model-v1-model.onnx"
