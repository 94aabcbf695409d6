"""The files of one version in each precision, side by side: size, speed, energy, and what rounding costs."""

from dataclasses import dataclass, field
from typing import Any

from apps.registry.models import ModelVersion
from apps.registry.rules import PRECISIONS
from contracts.manifests import ModelManifest


@dataclass(frozen=True)
class Offer:
    """One precision that can be deployed or taken away; `change` is against fp32 on the same rows."""

    precision: str
    file: str
    size_bytes: int
    p95_ms: float | None
    joules_per_1000: float | None
    energy_source: str
    is_default: bool
    rows: int = 0
    changed_labels: float | None = None
    change: dict[str, float] = field(default_factory=dict)


def offers_of(version: ModelVersion, manifest: ModelManifest) -> list[Offer]:
    """The full model first."""
    full = Offer(
        "fp32",
        "model.onnx",
        version.model_bytes,
        manifest.p95_ms or manifest.latency_ms,
        manifest.joules_per_1000,
        manifest.joules_source,
        manifest.deploys == "fp32",
    )
    return [full, *(_offer(one, manifest) for one in manifest.variants if one["precision"] in version.precisions)]


def _offer(variant: dict[str, Any], manifest: ModelManifest) -> Offer:
    precision = variant["precision"]
    return Offer(
        precision,
        PRECISIONS[precision][0],
        variant["size_bytes"],
        variant["p95_ms"],
        variant["joules_per_1000"],
        variant["energy_source"],
        manifest.deploys == precision,
        variant["rows"],
        variant["changed_labels"],
        variant["change"],
    )
