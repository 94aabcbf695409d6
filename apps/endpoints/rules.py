"""Decisions about endpoints that need only values: names, weights, limits, who may replace whom."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contracts.serving import RatePolicy

NAME_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")
# Headers that HTTP, the server or tracing need for themselves.
UNSTICKY = {
    "accept-encoding",
    "authorization",
    "connection",
    "expect",
    "host",
    "idempotency-key",
    "inference-header-content-length",
    "traceparent",
    "transfer-encoding",
    "upgrade",
    "x-deadline-ms",
}
MAX_POLICIES = 8
MAX_WINDOW_S = 31 * 86_400
LOG_DAYS_MOST = 90
LOG_MEGABYTES_MOST = 2_000

# Each new endpoint starts with this limit; it is shown and can be changed on its page.
DEFAULT_ENDPOINT_POLICY = RatePolicy(name="endpoint", quota=6_000, window_s=60)


def name_objection(name: str) -> str:
    """Say why a name cannot be an endpoint's, or return an empty string."""
    if NAME_PATTERN.fullmatch(name):
        return ""
    return "use 1 to 60 lower-case letters, digits and inner hyphens"


def sticky_objection(name: str) -> str:
    """Say why a header cannot decide between deployments, or return an empty string."""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?", name):
        return "use the name of a header, such as X-Sticky-Key"
    if name in UNSTICKY or name.startswith(("x-request-id", "content-")):
        return "use a header of your own, such as X-Sticky-Key"
    return ""


def weight_objection(weights: list[int]) -> str:
    """Live (non-shadow) weights are whole percentages that sum to 100."""
    if not weights:
        return "at least one deployment must take traffic"
    if any(weight < 0 or weight > 100 for weight in weights):
        return "each weight is a whole number from 0 to 100"
    if sum(weights) != 100:
        return f"the weights sum to {sum(weights)}, not to 100"
    return ""


def parse_policies(raw: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Return (clean policies as dicts, errors as {location, message, fix})."""
    errors: list[dict[str, str]] = []
    clean: list[dict[str, Any]] = []
    if len(raw) > MAX_POLICIES:
        errors.append(_error("limits", f"there are {len(raw)} limits", f"keep at most {MAX_POLICIES}"))
    for index, item in enumerate(raw[:MAX_POLICIES]):
        where = f"limits[{index}]"
        if not isinstance(item, dict):
            errors.append(_error(where, "is not an object", "send {name, quota, window_s, burst?}"))
            continue
        policy = _parse_policy(item, where, errors)
        if policy is not None:
            clean.append(asdict(policy))
    names = [policy["name"] for policy in clean]
    if len(set(names)) != len(names):
        errors.append(_error("limits", "two limits have the same name", "name each limit differently"))
    return clean, errors


def log_objections(setting: Mapping[str, Any]) -> list[dict[str, str]]:
    """What is wrong with the settings of a request log: `share`, `days`, `megabytes`."""
    wrong = []
    limits: dict[str, tuple[float, float]] = {
        "share": (0, 1),
        "days": (1, LOG_DAYS_MOST),
        "megabytes": (1, LOG_MEGABYTES_MOST),
    }
    for name, value in setting.items():
        if name not in limits:
            wrong.append(_error(f"request_log.{name}", "is not known", f"use {', '.join(limits)}"))
            continue
        least, most = limits[name]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most or (name != "share" and value != int(value)):
            wrong.append(_error(f"request_log.{name}", f"is {value!r}", f"send a number from {least:g} to {most:g}"))
    return wrong


def _parse_policy(item: dict[str, Any], where: str, errors: list[dict[str, str]]) -> RatePolicy | None:
    before = len(errors)
    name = str(item.get("name") or "limit")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", name):
        errors.append(_error(f"{where}.name", "has characters a header cannot carry", "use letters, digits, - and _"))
    numbers: dict[str, Any] = {}
    for field, least, most in (("quota", 1, 10**9), ("window_s", 1, MAX_WINDOW_S), ("burst", 0, 10**9)):
        value = item.get(field, 0 if field == "burst" else None)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            errors.append(_error(f"{where}.{field}", f"is {value!r}", f"send a whole number from {least} to {most}"))
        numbers[field] = value
    if len(errors) > before:
        return None
    return RatePolicy(name=name, **numbers)


def _error(location: str, message: str, fix: str) -> dict[str, str]:
    return {"location": location, "message": message, "fix": fix}
