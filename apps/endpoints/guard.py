"""The automatic rollback's rules: pure decisions on counts of the last minutes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.analytics import NOT_THE_MODELS_FAULT

Error = dict[str, str]

DEFAULT_WINDOW_S = 300
DEFAULT_LEAST = 100
# name -> (least, most) that makes sense
LIMITS: dict[str, tuple[float, float]] = {
    "error_rate": (0.0001, 1.0),
    "p95_ms": (0.1, 600_000.0),
    "disagreement": (0.0001, 1.0),
}
WHOLE = {"window_s": (60, 21_600), "least": (10, 1_000_000)}


@dataclass(frozen=True)
class Finding:
    rule: str
    value: float
    limit: float
    requests: int  # or comparisons


@dataclass(frozen=True)
class Evidence:
    """What a version did in the window."""

    ok: int = 0
    faults: int = 0
    p95_ms: float | None = None
    compared: int = 0
    disagreed: int = 0


def parse_guard(raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Error]]:
    """Return (clean rules, errors). No rule at all switches the guard off."""
    errors: list[Error] = []
    clean: dict[str, Any] = {}
    for name in raw:
        if name not in LIMITS and name not in WHOLE:
            errors.append(_error(name, "is not known", f"use {', '.join([*LIMITS, *WHOLE])}"))
    for name, (least, most) in LIMITS.items():
        value = raw.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            errors.append(_error(name, f"is {value!r}", f"send a number from {least:g} to {most:g}"))
        else:
            clean[name] = float(value)
    if not clean:
        return {}, errors
    for name, (low, high) in WHOLE.items():
        value = raw.get(name)
        if value is None:
            value = DEFAULT_WINDOW_S if name == "window_s" else DEFAULT_LEAST
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            errors.append(_error(name, f"is {value!r}", f"send a whole number from {low} to {high}"))
        clean[name] = value
    return clean, errors


def faults_of(errors: Mapping[str, int]) -> int:
    """Requests that failed by fault of the model: not the caller's mistakes, not the server's troubles."""
    return sum(count for code, count in errors.items() if code.startswith("ours:") and code not in NOT_THE_MODELS_FAULT)


def broken_rule(guard: Mapping[str, Any], evidence: Evidence) -> Finding | None:
    """The first rule that the evidence breaks, once there is enough of it."""
    least = int(guard.get("least", DEFAULT_LEAST))
    answered = evidence.ok + evidence.faults
    if answered >= least:
        rate = evidence.faults / answered
        if "error_rate" in guard and rate > guard["error_rate"]:
            return Finding("error_rate", rate, guard["error_rate"], answered)
        if "p95_ms" in guard and evidence.p95_ms is not None and evidence.p95_ms > guard["p95_ms"]:
            return Finding("p95_ms", evidence.p95_ms, guard["p95_ms"], answered)
    if evidence.compared >= least and "disagreement" in guard:
        rate = evidence.disagreed / evidence.compared
        if rate > guard["disagreement"]:
            return Finding("disagreement", rate, guard["disagreement"], evidence.compared)
    return None


def newcomers(present: Mapping[str, int], before: Mapping[str, int]) -> set[str]:
    """Versions that got more traffic than they had: the ones a rollout is about. Without a before, none."""
    if not before:
        return set()
    return {version for version, weight in present.items() if weight > before.get(version, 0)}


def _error(name: str, message: str, fix: str) -> Error:
    return {"location": f"guard.{name}", "message": message, "fix": fix}
