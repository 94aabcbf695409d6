"""What control hands to a training or batch worker, and what comes back.

Unknown fields are ignored and missing new fields have defaults (see `wire.py`), so either half may be deployed first.
"""

from dataclasses import dataclass, field
from typing import Any

# Celery task names and queues. A message is only a wake-up: it says "look", the row in PostgreSQL says what.
WAKE_TRAINER_TASK = "workers.train.wake"
WAKE_BATCH_TASK = "workers.batch.wake"


def train_queue(pool: str) -> str:
    """Queue of a pool: `train.cpu`, `train.gpu`."""
    return f"train.{pool}"


BATCH_QUEUE = "batch"

TASKS = (
    "tabular_classification",
    "tabular_regression",
    "image_classification",
    "text_classification",
    "text_embedding",
    "question_answering",
    "recommendation",
    "forecasting",
)
TASKS_TRAINABLE = (
    "tabular_classification",
    "tabular_regression",
    "image_classification",
    "forecasting",
    "recommendation",
    "text_classification",
    "text_embedding",
    "question_answering",
)  # tasks that have a recipe
# boosting_small: trees of few leaves; mlp: an ensemble of networks with shared weights
_TABULAR = ("linear", "gradient_boosting", "boosting_small", "extra_trees", "xgboost", "mlp")
# Model families that each recipe knows, in the order in which they are tried. A run names some, or none for all.
FAMILIES: dict[str, tuple[str, ...]] = {
    "tabular_classification": _TABULAR,
    "tabular_regression": _TABULAR,
    "image_classification": ("pixels", "cnn", "transfer", "transfer_large"),  # cnn: tiny images only; large: photos
    "forecasting": ("seasonal_naive", "exponential_smoothing", "theta", "gradient_boosting", "window_network"),
    # minilm: where its package is installed; tuned: given a GPU or a long budget
    "text_classification": ("tfidf_words", "tfidf_characters", "minilm", "minilm_tuned"),
    "text_embedding": ("lsa", "minilm"),
    "question_answering": ("lsa", "minilm"),
    "recommendation": ("popularity", "item_knn", "next_item", "ease", "two_tower"),  # next_item: logs with times only
}

# Option `metric` of a classification: the probabilities stay, the label of two classes is named where this is best.
LABEL_THRESHOLD_METRICS = ("accuracy", "balanced_accuracy", "f1", "macro_f1")
METRIC_OPTIONS = ("log_loss", *LABEL_THRESHOLD_METRICS)
# Option `precision`: the numbers of the file that is deployed. auto: full, rounded variants offered beside it.
PRECISION_OPTIONS = ("auto", "fp32", "int8", "fp16")
ROUNDABLE_TASKS = ("tabular_classification", "tabular_regression", "image_classification", "text_classification")

RUN_STATES = ("draft", "queued", "running", "validating", "exporting", "succeeded", "failed", "cancelled")
RUN_ACTIVE_STATES = ("running", "validating", "exporting")
RUN_FINAL_STATES = ("succeeded", "failed", "cancelled")

LEASE_S = 30  # a claim not renewed for this long is given to another worker
HEARTBEAT_S = 5
MAX_ATTEMPTS = 3  # losses of a machine before a run is given up as ours


@dataclass(frozen=True)
class TrainJob:
    """Answer of `POST /internal/v1/runs/claim`: everything a trainer may know about a run."""

    run_id: str
    fence: int
    attempt: int
    run_token: str  # opens only this run's internal addresses, ends with the run
    task: str
    target: str  # empty for images: the class folder is the label
    dataset_sha256: str
    dataset_bytes: int
    dataset_format: str  # "parquet" (tables, canonical) | "zip" (images)
    columns: list[dict[str, Any]] = field(default_factory=list)  # dicts of manifests.ColumnSpec
    splits: dict[str, Any] = field(default_factory=dict)  # {"kind","seed","test_share","valid_share"}
    families: list[str] = field(default_factory=list)  # empty: all that the recipe has
    budget_seconds: float = 60.0  # compute seconds for this attempt: what earlier charged attempts used is taken off
    max_cost_micros: int | None = None
    price_micros_per_second: int = 0
    seed: int = 0
    lease_seconds: int = LEASE_S
    checkpoint_step: int = 0  # 0: none to resume from
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CandidateReport:
    """One model family tried in a run, as the candidate board shows it."""

    family: str  # "gradient_boosting", "linear", "mlp", "cnn", "transfer", "ensemble"
    state: str  # "waiting" | "fitting" | "done" | "skipped" | "failed"
    metrics: dict[str, float] = field(default_factory=dict)  # on the validation split
    fit_seconds: float | None = None
    latency_ms: float | None = None  # one row through ONNX Runtime
    size_bytes: int | None = None
    is_best: bool = False
    note: str = ""  # why skipped or failed, in words for the user
    p95_ms: float | None = None  # one row, of single calls as a serving node makes them
    joules_per_1000: float | None = None  # predictions, one row each
    energy_source: str = ""  # of joules_per_1000: "nvml" | "rapl" | "estimate"
    variant_of: str = ""  # the family whose numbers were rounded; then `family` is the precision
    loss: dict[str, Any] = field(default_factory=dict)  # of a variant: {"rows","changed_labels","mean_difference",
    # "change": {metric: after - before}} on the same test rows


@dataclass(frozen=True)
class RunHeartbeat:
    """Body of `POST /internal/v1/runs/{id}/heartbeat`, every HEARTBEAT_S and on each change worth showing."""

    fence: int
    state: str  # running | validating | exporting
    progress: float  # 0..1
    stage: str = ""  # "load" | "split" | "fit gradient_boosting" | …
    eta_seconds: float | None = None
    compute_seconds: float = 0.0  # of this attempt
    energy_wh: float = 0.0
    energy_source: str = ""  # "nvml" | "rapl" | "estimate"
    candidates: list[CandidateReport] = field(default_factory=list)
    curve: list[dict[str, float]] = field(
        default_factory=list
    )  # NEW points only: {"step","train_loss","valid_loss",…,"family" index}
    log: list[str] = field(default_factory=list)  # NEW lines only
    sequence: int = 0  # grows by one; a repeated sequence adds its curve and log only once


@dataclass(frozen=True)
class HeartbeatAnswer:
    cancel: bool = False
    stop_and_keep_best: bool = False  # money cap reached: export the best so far
    lease_seconds: int = LEASE_S


@dataclass(frozen=True)
class StoredFile:
    """A file put under runs/<id>/<fence>/ with its hash; the row that names it is guarded by the fence."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class RunReport:
    """Body of `POST /internal/v1/runs/{id}/finish`."""

    fence: int
    outcome: str  # "succeeded" | "failed" | "cancelled"
    compute_seconds: float
    energy_wh: float = 0.0
    energy_source: str = ""
    failure_code: str = ""  # a code of failures.py when failed
    failure_detail: str = ""
    metrics: dict[str, float] = field(default_factory=dict)  # best model on the held-out test
    baseline: dict[str, float] = field(default_factory=dict)  # majority class / mean on the same rows
    candidates: list[CandidateReport] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)  # model.onnx, manifest.json, parity.json, evaluation.json


@dataclass(frozen=True)
class BatchJob:
    """Answer of `POST /internal/v1/batches/claim`."""

    batch_id: str
    fence: int
    batch_token: str
    model_sha256: str
    input_format: str  # "csv" | "parquet" | "jsonl" | "zip"
    rows: int
    unit_price_micros: int
    lease_seconds: int = LEASE_S


@dataclass(frozen=True)
class BatchReport:
    """Body of `POST /internal/v1/batches/{id}/progress` and `/finish`."""

    fence: int
    rows_done: int
    rows_failed: int
    outcome: str = ""  # empty while under way; "succeeded" | "failed"
    failure_code: str = ""
    failure_detail: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)  # first 100: {"row","location","message"}
    result: StoredFile | None = None
