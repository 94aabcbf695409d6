"""The platform's answers as dataclasses. Times are UTC; money is whole micro-units of `currency`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelyard_client.shaping import Answer

RUN_FINAL_STATES = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, kw_only=True)
class Organisation(Answer):
    id: str
    name: str
    slug: str
    currency: str


@dataclass(frozen=True, kw_only=True)
class Issue(Answer):
    code: str
    severity: str
    message: str
    location: str = ""
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class DatasetVersion(Answer):
    """`columns`, `classes` and `splits` stand only in the answer about one version, not in lists."""

    id: str
    dataset: str
    number: int
    state: str
    file_name: str
    rows: int
    bytes: int
    sha256: str | None
    inferred_task: str
    inferred_target: str
    issues: list[Issue]
    created_at: datetime
    columns: list[dict[str, Any]] = field(default_factory=list)
    classes: list[dict[str, Any]] = field(default_factory=list)
    splits: dict[str, Any] = field(default_factory=dict)
    already_uploaded: bool = False


@dataclass(frozen=True, kw_only=True)
class Dataset(Answer):
    id: str
    name: str
    task: str
    description: str
    version_count: int
    newest_version: DatasetVersion | None
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Failure(Answer):
    code: str
    title: str
    detail: str
    fix: str


@dataclass(frozen=True, kw_only=True)
class Candidate(Answer):
    family: str
    state: str
    metrics: dict[str, float]
    fit_seconds: float | None
    latency_ms: float | None
    is_best: bool
    note: str
    p95_ms: float | None = None
    size_bytes: int | None = None
    joules_per_1000: float | None = None
    energy_source: str = ""
    variant_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Run(Answer):
    """`progress` is 0 to 1; `queue` is {position, reason} while it waits; `model_version` is there after success."""

    id: str
    name: str
    dataset_version: str
    task: str
    target: str
    state: str
    progress: float
    stage: str
    eta_seconds: float | None
    queue: dict[str, Any] | None
    budget_seconds: int
    max_cost_micros: int
    cost_micros: int
    currency: str
    candidates: list[Candidate]
    metrics: dict[str, float]
    baseline: dict[str, float]
    energy_wh: float
    error: Failure | None
    model_version: str | None
    created_at: datetime

    @property
    def is_over(self) -> bool:
        return self.state in RUN_FINAL_STATES


@dataclass(frozen=True, kw_only=True)
class Estimate(Answer):
    task: str
    target: str
    seconds: int
    cost_micros: int
    max_cost_micros: int
    currency: str
    is_affordable: bool


@dataclass(frozen=True, kw_only=True)
class LogLine(Answer):
    id: int
    at: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class Model(Answer):
    id: str
    name: str
    task: str
    target: str
    dataset: str
    versions: int
    latest_version: dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class ModelVersion(Answer):
    """`files` maps a name to {sha256, size_bytes, url}."""

    id: str
    number: int
    name: str
    family: str
    model: str
    task: str
    target: str
    run: str
    dataset_version: str
    metrics: dict[str, float]
    baseline: dict[str, float]
    model_bytes: int
    model_sha256: str
    manifest: dict[str, Any]
    files: dict[str, dict[str, Any]]
    promotion: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Deployment(Answer):
    id: str
    model_version: str
    weight: int
    shadow: bool
    precision: str = "fp32"


@dataclass(frozen=True, kw_only=True)
class Endpoint(Answer):
    """`url` is where the data plane answers for it."""

    id: str
    name: str
    state: str
    state_detail: str
    latency_class: str
    slo_ms: float
    url: str
    limits: list[dict[str, Any]]
    deployments: list[Deployment]


@dataclass(frozen=True, kw_only=True)
class AnsweredUsage(Answer):
    id: str
    units: int
    amount_micros: int


@dataclass(frozen=True, kw_only=True)
class Predictions(Answer):
    """`predictions` has one object per row, text or image, in the order asked."""

    predictions: list[dict[str, Any]]
    model_version: str
    usage: AnsweredUsage
    latency_ms: float

    @property
    def labels(self) -> list[Any]:
        """The label of each prediction; None where the task has none."""
        return [one.get("label") for one in self.predictions]


@dataclass(frozen=True, kw_only=True)
class Explanation(Answer):
    """Why one answer is what it is: `columns` of a row, `words` of a text or the `heat` of an image.

    `answer` is the `quantity` (probability of `label`, or value) that was explained, `baseline` what it started from;
    attributions of columns and words add up to the difference, but for `unexplained`, which is rounding.
    """

    prediction: dict[str, Any]
    method: str
    quantity: str
    answer: float
    baseline: float
    rows: int
    label: str | None = None
    is_exact: bool = False
    unexplained: float = 0.0
    columns: list[dict[str, Any]] = field(default_factory=list)
    words: list[dict[str, Any]] = field(default_factory=list)
    heat: list[list[float]] = field(default_factory=list)

    @property
    def shares(self) -> dict[str, float]:
        """The attribution of each column, the largest first."""
        return {one["column"]: one["attribution"] for one in self.columns}


@dataclass(frozen=True, kw_only=True)
class Explanations(Answer):
    """One per row, in the order asked. `usage` counts every row that the model ran for them."""

    explanations: list[Explanation]
    model_version: str
    usage: AnsweredUsage
    latency_ms: float


@dataclass(frozen=True, kw_only=True)
class Batch(Answer):
    id: str
    state: str
    endpoint: str | None
    model_version: str
    progress: float
    rows: int
    rows_done: int
    rows_failed: int
    cost_micros: int
    error: Failure | None


@dataclass(frozen=True, kw_only=True)
class Key(Answer):
    """`secret` is the whole key, told once when it is made."""

    id: str
    name: str
    mode: str
    state: str
    scopes: list[str]
    endpoints: list[str] | None
    limits: list[dict[str, Any]]
    last_four: str
    last_used_at: datetime | None
    created_at: datetime
    budget_micros: int | None = None
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Budget(Answer):
    id: str
    name: str
    scope: str
    scope_id: str
    period: str
    is_hard: bool
    limit_micros: int
    used_micros: int


@dataclass(frozen=True, kw_only=True)
class Invoice(Answer):
    """`total_minor` is in cents; `lines` stand only in the answer about one invoice."""

    state: str
    currency: str
    total_micros: int
    id: str = ""
    number: str = ""
    total_minor: int = 0
    lines: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Credits(Answer):
    currency: str
    available_micros: int
    held_micros: int
    spent_micros: int


@dataclass(frozen=True, kw_only=True)
class Usage(Answer):
    """`data` has a row per meter and group: {meter, units, amount_micros, events, …}."""

    currency: str
    events: int
    amount_micros: int
    group_by: list[str]
    data: list[dict[str, Any]]
