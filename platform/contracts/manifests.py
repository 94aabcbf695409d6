"""What travels with every exported model: its schema, its meaning, its evidence."""

from dataclasses import dataclass, field
from typing import Any

IMAGE_CODEC = "image/rgb-uint8-v1"  # bytes of PNG, JPEG, WebP -> EXIF-upright RGB uint8 [H, W, 3]; the one named codec


@dataclass(frozen=True)
class ColumnSpec:
    """One raw input column of a table, as people and the data plane see it."""

    name: str
    type: str  # "number" | "category" | "boolean" | "datetime" | "text" | "id" | "items" (names) | "numbers" (a list)
    required: bool = False  # a missing value is imputed in the graph unless required
    tensor: str = ""  # name of the ONNX input that takes it; empty: ignored by the model
    example: Any = None
    minimum: float | None = None  # seen in training; outside is a drift hint, not an error
    maximum: float | None = None
    categories: list[str] = field(default_factory=list)  # up to 50 most frequent, for forms
    missing_share: float = 0.0
    default: Any = None  # used when the column is left out
    aliases: list[str] = field(default_factory=list)  # other names under which a row may bring it
    typical: list[Any] = field(default_factory=list)  # a few values that spread like the column's; nobody's row


@dataclass(frozen=True)
class TensorSpec:
    name: str
    datatype: str  # Open Inference Protocol: FP32, INT64, UINT8, BYTES, …
    shape: list[int]  # -1 for a free dimension, batch first


@dataclass(frozen=True)
class OutputMeaning:
    """How to read the output tensors, and what a prediction looks like in `/v1/predict`.

    kind            tensors                                         prediction
    classification  label [N] BYTES, probabilities [N, C] FP32      {"label", "probabilities": {class: p}}
    regression      value [N] FP32                                  {"value"}
    ranking         items [N, K] BYTES, scores [N, K] FP32          {"items": [{"item", "score"}]}, best first; an
                                                                    empty item ends the list; "rating" as well where
                                                                    ratings [N, K] FP32 is given
    forecast        values, lower, upper [N, H] FP32                {"forecast": [{"step", "value", "lower", "upper"}]}
    embedding       vector [N, D] FP32                              {"vector": [...]}
    """

    kind: str
    label_tensor: str = ""
    probabilities_tensor: str = ""
    value_tensor: str = ""
    classes: list[str] = field(default_factory=list)
    items_tensor: str = ""
    scores_tensor: str = ""
    ratings_tensor: str = ""
    lower_tensor: str = ""
    upper_tensor: str = ""
    vector_tensor: str = ""
    threshold: float = 0.5  # two classes: the label is the second class from this probability on


@dataclass(frozen=True)
class ModelManifest:
    task: str
    target: str
    model_sha256: str
    model_bytes: int
    opset: int
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]
    meaning: OutputMeaning
    columns: list[ColumnSpec] = field(default_factory=list)  # tables only
    image_size: int = 0  # images: side the graph resizes to
    codec: str = ""  # images: IMAGE_CODEC; tables: empty, everything is in the graph
    family: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    baseline: dict[str, float] = field(default_factory=dict)
    latency_ms: float | None = None  # one row, one thread, on the training machine
    compute_seconds: float | None = None
    energy_wh: float | None = None
    energy_source: str = ""
    run_id: str = ""
    dataset_sha256: str = ""
    seed: int = 0
    created_at: str = ""  # ISO 8601 UTC
    versions: dict[str, str] = field(default_factory=dict)  # python, torch, onnx, onnxruntime, lightgbm, …
    schema_version: int = 1
    p95_ms: float | None = None  # as latency_ms
    joules_per_1000: float | None = None  # predictions
    joules_source: str = ""  # "nvml" | "rapl" | "estimate"
    precision: str = "fp32"  # of the file that this manifest describes
    deploys: str = "fp32"  # the precision that is deployed where nobody names one
    variants: list[dict[str, Any]] = field(
        default_factory=list
    )  # offered beside the full file: {"precision","sha256","size_bytes","latency_ms","p95_ms","joules_per_1000",
    # "energy_source","rows","changed_labels","mean_difference","change"}


@dataclass(frozen=True)
class RuntimeAgreement:
    """The exported file in another runtime, on the stored test vectors, against ONNX Runtime in Python."""

    runtime: str  # "onnxruntime-node 1.30.0 (Node v20.20.2)"
    passed: bool
    rows: int = 0
    max_abs_difference: float = 0.0
    tolerance: float = 0.0
    label_flips: int = 0  # target 0
    draws: int = 0  # labels that differ between two answers closer than the tolerance
    bit_equal_rows: int = 0
    reason: str = ""  # why nothing was compared
    checked_at: str = ""  # ISO 8601 UTC


@dataclass(frozen=True)
class ParityCertificate:
    """Test rows through the training framework and through ONNX Runtime, at several batch sizes."""

    rows: int
    batch_sizes: list[int]
    max_abs_difference: float
    tolerance: float
    label_flips: int  # target 0
    passed: bool
    reference: str  # "torch 2.13.0" | "lightgbm 4.7.0" | …
    runtime: str  # "onnxruntime 1.32.0 CPUExecutionProvider"
    model_sha256: str = ""
    other_runtimes: list[RuntimeAgreement] = field(default_factory=list)  # added by later checks


@dataclass(frozen=True)
class EvaluationReport:
    """evaluation.json: everything the model version page shows about quality on the held-out test rows."""

    metrics: dict[str, float]
    baseline: dict[str, float]
    primary_metric: str
    higher_is_better: bool
    rows: int
    classes: list[str] = field(default_factory=list)
    confusion: list[list[int]] = field(default_factory=list)  # [true][predicted]
    per_class: list[dict[str, Any]] = field(default_factory=list)  # {"label","precision","recall","f1","support"}
    method: str = ""  # in words: who answered the test rows, where that is not the shipped model itself
    threshold: float = 0.5  # as in OutputMeaning; `confusion`, accuracy and F1 follow it
    calibration: list[dict[str, float]] = field(default_factory=list)  # {"confidence","accuracy","count"}
    residuals: dict[str, Any] = field(
        default_factory=dict
    )  # regression: {"bins","counts","quantiles","points": [[answer, truth]]}
    importance: list[dict[str, Any]] = field(default_factory=list)  # {"column","drop"} permutation, primary metric
    examples: list[dict[str, Any]] = field(
        default_factory=list
    )  # up to 600, some of each cell of `confusion`: {"row","true","predicted","confidence","values"|"file"}
    slices: list[dict[str, Any]] = field(
        default_factory=list
    )  # {"name","rows","metrics": {…}}; of labels and values also "interval" of "metric", "is_worse" (beyond chance)
    intervals: dict[str, list[float]] = field(default_factory=dict)  # metric: [low, high], 95 %
    gain: dict[str, float] = field(
        default_factory=dict
    )  # primary metric against the baseline: {"value","low","high","certainty": share of resamples that were better}
    curves: list[dict[str, Any]] = field(
        default_factory=list
    )  # {"label","rows","auc","average_precision","roc": [[false, true positive rate]],"pr": [[recall, precision]]}
    thresholds: list[dict[str, float]] = field(
        default_factory=list
    )  # two classes, the second is "positive": {"threshold","tp","fp","fn","tn"}
    label_errors: list[dict[str, Any]] = field(
        default_factory=list
    )  # likely wrong first: {"row","given","likely","given_share","likely_share","values"|"file"}
    label_errors_checked: int = 0  # rows answered by fits that had not seen them
    unseen: dict[str, list[Any]] = field(
        default_factory=dict
    )  # {"rows": numbers in the dataset, "truth", "answers": probabilities by class or a value}: up to 1,000 rows, the
    # newest of the dataset first, answered by fits that never saw them; another version can be asked the same rows
    warnings: list[dict[str, Any]] = field(
        default_factory=list
    )  # {"code","rows","message"}: duplicates, conflicts, precision
    forecast: dict[str, Any] = field(default_factory=dict)  # {"horizon","season","per_step","per_series","examples",…}
