"""Change what an endpoint serves, its limits, its pace, or pause it."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import ApiKey, User
from apps.accounts.services.record_audit import record_audit
from apps.endpoints import rules
from apps.endpoints.guard import parse_guard
from apps.endpoints.models import Deployment, Endpoint
from apps.endpoints.queries import deployable_or_problem
from apps.endpoints.services.pass_gate import pass_gate
from contracts.problems import Problem


def change_endpoint(
    endpoint: Endpoint,
    *,
    deployments: Sequence[dict[str, Any]] | None = None,
    policies: Sequence[dict[str, Any]] | None = None,
    paused: bool | None = None,
    slo_ms: float | None = None,
    sticky: str | None = None,
    guard: dict[str, Any] | None = None,
    request_log: dict[str, Any] | None = None,
    force: bool = False,
    expected_edition: int | None = None,
    by: User | ApiKey | None = None,
) -> Endpoint:
    """Apply the changes in one transaction and return the endpoint as it is then.

    `deployments`: [{"model_version": id or id@precision, "weight": percent, "shadow": bool}]; the whole new set. A
    version whose evidence does not pass the gate is refused unless `force`.
    Raises yours:stale, yours:invalid, yours:state, yours:not-found.
    """
    with transaction.atomic():
        locked = Endpoint.objects.select_for_update().filter(id=endpoint.id, deleted_at=None).first()
        if locked is None:
            raise Problem("yours:not-found", "This endpoint was deleted meanwhile.")
        if expected_edition is not None and locked.edition != expected_edition:
            raise Problem("yours:stale")
        locked.edition += 1
        if deployments is not None:
            replace_deployments(locked, deployments, force=force)
        settings = {
            "limits": policies,
            "paused": paused,
            "slo_ms": slo_ms,
            "sticky": sticky,
            "guard": guard,
            "request_log": request_log,
        }
        wanted: dict[str, Any] = {name: value for name, value in settings.items() if value is not None}
        for name, value in wanted.items():
            _SETTERS[name](locked, value)
        locked.save()
        if deployments is not None:
            wanted["deployments"] = deployments
        record_audit(
            locked.organisation,
            actor=by or "system",
            action="endpoint.change",
            subject=locked.id,
            details=wanted,
        )
    return locked


def _set_limits(endpoint: Endpoint, policies: Sequence[dict[str, Any]]) -> None:
    endpoint.policies, errors = rules.parse_policies(list(policies))
    if errors:
        raise Problem("yours:invalid", errors=errors)


def _set_paused(endpoint: Endpoint, paused: bool) -> None:
    endpoint.paused_at = timezone.now() if paused else None


def _set_slo(endpoint: Endpoint, slo_ms: float) -> None:
    if not 1 <= slo_ms <= 600_000:
        error = {"location": "slo_ms", "message": f"is {slo_ms}", "fix": "send 1 to 600000"}
        raise Problem("yours:invalid", errors=[error])
    endpoint.slo_ms = slo_ms


def _set_sticky(endpoint: Endpoint, name: str) -> None:
    endpoint.sticky = name.strip().lower()
    objection = rules.sticky_objection(endpoint.sticky) if endpoint.sticky else ""
    if objection:
        error = {"location": "sticky", "message": f"{name!r} cannot be used", "fix": objection}
        raise Problem("yours:invalid", errors=[error])


def _set_request_log(endpoint: Endpoint, setting: dict[str, Any]) -> None:
    errors = rules.log_objections(setting)
    if errors:
        raise Problem("yours:invalid", errors=errors)
    endpoint.log_share = float(setting.get("share", endpoint.log_share))
    endpoint.log_days = int(setting.get("days", endpoint.log_days))
    endpoint.log_megabytes = int(setting.get("megabytes", endpoint.log_megabytes))


def _set_guard(endpoint: Endpoint, guard: dict[str, Any]) -> None:
    endpoint.guard, errors = parse_guard(guard)
    if errors:
        raise Problem("yours:invalid", errors=errors)


_SETTERS: dict[str, Callable[[Endpoint, Any], None]] = {
    "limits": _set_limits,
    "paused": _set_paused,
    "slo_ms": _set_slo,
    "sticky": _set_sticky,
    "guard": _set_guard,
    "request_log": _set_request_log,
}


def replace_deployments(endpoint: Endpoint, wanted: Sequence[dict[str, Any]], *, force: bool) -> None:
    """Retire the present set and bring the wanted one in, inside the caller's transaction, under its edition."""
    organisation = endpoint.organisation
    rows = []
    for item in wanted:
        version, precision = deployable_or_problem(organisation, str(item.get("model_version", "")))
        weight, shadow = item.get("weight", 100), bool(item.get("shadow", False))
        if isinstance(weight, bool) or not isinstance(weight, int):
            error = {"location": "deployments.weight", "message": f"is {weight!r}", "fix": "send a whole percentage"}
            raise Problem("yours:invalid", errors=[error])
        if shadow and not 1 <= weight <= 100:
            fix = "copy 1 to 100 % of the requests to a shadow"
            error = {"location": "deployments.weight", "message": f"is {weight}", "fix": fix}
            raise Problem("yours:invalid", errors=[error])
        rows.append(
            Deployment(
                endpoint=endpoint,
                model_version=version,
                precision=precision,
                weight=weight,
                shadow=shadow,
                edition=endpoint.edition,
            )
        )
    objection = rules.weight_objection([row.weight for row in rows if not row.shadow])
    if objection:
        raise Problem("yours:invalid", errors=[{"location": "deployments", "message": objection, "fix": "sum to 100"}])
    present = list(endpoint.deployments.filter(retired_at=None).select_related("model_version"))
    if not force:
        _gate(rows, present, endpoint.slo_ms)
    endpoint.deployments.filter(retired_at=None).update(retired_at=timezone.now())
    Deployment.objects.bulk_create(rows)


def _gate(rows: list[Deployment], present: list[Deployment], slo_ms: float) -> None:
    """Only versions that are new on this endpoint are judged: moving weight between present ones needs no gate."""
    serving = next((old.model_version for old in present if not old.shadow), None)
    known = {old.model_version_id for old in present}
    for row in rows:
        if row.model_version_id not in known and not row.shadow:
            pass_gate(row.model_version, instead_of=serving, slo_ms=slo_ms)
